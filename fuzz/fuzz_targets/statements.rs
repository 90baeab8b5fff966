//! Any text as a statement: the lexer gives every byte back, and what is made canonical stays within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_logs::{group::Canonical, sql::tokens, understand::name_statement};

/// The contract's limit of a template.
const TEMPLATE_BYTES_MAX: usize = 4_000;

fuzz_target!(|bytes: &[u8]| {
    let sql = String::from_utf8_lossy(bytes);
    assert_eq!(tokens(&sql).map(|token| token.text.len()).sum::<usize>(), sql.len());
    let mut canonical = Canonical::default();
    let once = name_statement(&mut canonical, &sql);
    assert!(once.1.len() <= TEMPLATE_BYTES_MAX);
    assert_eq!(name_statement(&mut canonical, &sql), once);
});
