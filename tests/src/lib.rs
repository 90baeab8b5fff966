//! Harness of the end-to-end tests: starts real programs, drives them, looks at what they did.
