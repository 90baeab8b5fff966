//! Any text as an enrolment token: a token has one text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_proto::token::Token;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Token::parse(text) {
        Ok(token) => assert_eq!(token.encode(), text.trim()),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
