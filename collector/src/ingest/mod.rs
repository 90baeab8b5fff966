//! The door: streams of agents, limits, and the group commit.
