//! Samples the host, PostgreSQL and SPSE's address.
