//! The performance report: queried, modelled, rendered, scheduled.
