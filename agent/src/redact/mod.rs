//! Replaces what must not leave the server, before anything is grouped.
