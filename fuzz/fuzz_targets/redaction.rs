//! Any text in every place that is redacted: nothing stops it, and the same text gives the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_logs::{redact::Redactor, understand::MessageNamer};

/// Planted in every input: an identity number that stands alone is found wherever it stands.
const SECRET: &str = "3201987654321098";

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut redactor = Redactor::default();
    let planted = format!("{text} {SECRET} {text}");
    for redacted in [
        redactor.text(&planted).into_owned(),
        redactor.detail(&planted),
        redactor.broken_statement(&planted),
    ] {
        assert!(!redacted.contains(SECRET), "{redacted}");
    }
    redactor.statement(&text);
    let mut namer = MessageNamer::default();
    let (fingerprint, template) = namer.name(bytes);
    let template = template.to_owned();
    assert_eq!(namer.name(bytes), (fingerprint, template.as_str()));
});
