//! `pantau-collector`.

fn main() {}
