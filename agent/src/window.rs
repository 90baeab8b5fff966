//! The window being counted: events and samples by their own UTC minute, until the batch closes.
