//! The collector: takes what agents send, keeps it, and makes pages, alerts and reports of it.
//! Modules stand in the order in which data passes them.

pub mod config;

pub mod domain;

pub mod identity;

pub mod ingest;

pub mod store;

pub mod availability;

pub mod alerting;

pub mod reporting;

pub mod labels;

pub mod web;

pub mod commands;

pub mod app;
