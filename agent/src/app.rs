//! Joins the stages: channels, tasks, shutdown.
