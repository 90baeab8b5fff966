//! Follows log files by identity and hands on their lines with positions.
