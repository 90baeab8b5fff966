use proptest::prelude::*;

use super::*;

#[test]
fn a_pattern_that_cannot_be_used_says_why() {
    for (text, expected) in [
        ("", "is neither a log_format of nginx ($remote_addr …) nor a LogFormat of Apache (%h …)"),
        (
            "combined",
            "is neither a log_format of nginx ($remote_addr …) nor a LogFormat of Apache (%h …)",
        ),
        (
            "%h %{Referer",
            "is neither a log_format of nginx ($remote_addr …) nor a LogFormat of Apache (%h …)",
        ),
        ("$remote_addr$status \"$request\"", "has nothing between status and the field before it"),
        ("%h%>s \"%r\"", "has nothing between %>s and the field before it"),
        ("$remote_addr \"$request\"", "lacks the status ($status, %>s)"),
        ("%h %>s", "lacks the request ($request, %r) or its path ($uri, %U)"),
    ] {
        let error = Pattern::compile(text).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    assert!(Pattern::compile(&"$status \"$request\" ".repeat(40)).is_err());
    assert!(Pattern::compile(&"x".repeat(PATTERN_BYTES_MAX + 1)).is_err());
}

proptest! {
    #[test]
    fn no_pattern_stops_its_compiler_or_its_reader(text in r#"([$%]?[a-zA-Z{}^>!0-9 "\\:|é]{0,6}){0,12}( "\$request" \$status| "%r" %>s)?"#, line in any::<Vec<u8>>()) {
        if let Ok(pattern) = Pattern::compile(&text) {
            pattern.read(&line, &mut Fields::default());
            pattern.read(text.as_bytes(), &mut Fields::default());
        }
    }
}
