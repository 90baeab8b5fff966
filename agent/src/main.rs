//! `pantau-agent`.

fn main() {}
