//! Joins the parts: listeners, jobs, shutdown.
