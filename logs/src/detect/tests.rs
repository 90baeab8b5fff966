use proptest::prelude::*;

use super::*;

const NOW_MS: i64 = 1_795_305_600_000;

const POSTGRES: &str = "2026-11-21 14:03:05.123 WIB [812] epns@epns_prod ERROR:  duplicate key value violates unique constraint \"p\"
2026-11-21 14:03:05.123 WIB [812] epns@epns_prod STATEMENT:  INSERT INTO p
\tVALUES (7)
";
const PLAY: &str = "2026-11-21 14:03:05,123 ERROR ~ gagal\n\n@6f02fa9dd\nInternal Server Error (500) for request GET /\n\tat a.B.c(B.java:1)\n2026-11-21 14:03:06,000 INFO  ~ selesai\n2026-11-21 14:03:06,100 INFO  ~ selesai\n";
const SYSLOG: &str = "Nov 21 14:03:05 app systemd[1]: Started Session 12 of user root.\nNov 21 14:03:05 app CRON[7]: (root) CMD (x)\n";
const JSON: &str =
    "{\"@timestamp\":\"2026-11-21T07:03:05Z\",\"level\":\"INFO\",\"message\":\"x\"}\n";
const JOURNAL: &str = "{\"__REALTIME_TIMESTAMP\":\"1795244585123456\",\"PRIORITY\":\"6\",\"_COMM\":\"a\",\"MESSAGE\":\"x\"}\n";
const PLAIN: &str = "mulai menyalin\nberkas 7 gagal disalin\nselesai\n";

fn look(name: &str, text: &str) -> Detected {
    detect(&Sample { name, begin: text.as_bytes(), end: b"" }, NOW_MS)
}

fn ranked(text: &str) -> Ranked {
    match look("", text) {
        Detected::Text(ranked) => ranked,
        other => panic!("{other:?} of {text}"),
    }
}

#[test]
fn each_format_is_recognised_by_its_lines() {
    for (text, expected) in [
        (POSTGRES, "postgres-stderr"),
        (PLAY, "play"),
        (SYSLOG, "syslog"),
        (JSON, "json"),
        (JOURNAL, "journal"),
    ] {
        let found = ranked(&text.repeat(20));
        let best = found.recognised().unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(best.format.name, expected, "{found:?}");
        assert_eq!(found.mixed, None);
        let few = ranked(text);
        assert_eq!(few.recognised().map(|best| best.format.name), Some(expected), "{few:?}");
        assert!(few.candidates[0].confidence < best.confidence);
    }
}

#[test]
fn any_other_text_is_plain_and_not_recognised() {
    let found = ranked(&PLAIN.repeat(20));
    assert_eq!(found.recognised(), None);
    assert_eq!(found.candidates[0].format.name, "plain");
    assert_eq!(found.candidates[0].why, "any text can be read as this: 60 lines");
}

#[test]
fn the_sentence_gives_the_figures_and_the_prefix() {
    let found = ranked(&POSTGRES.repeat(500));
    let best = &found.candidates[0];
    assert_eq!(
        best.why,
        "500 of 1,500 lines begin an entry, 1,000 belong to one; prefix '%m [%p] %q%u@%d '"
    );
    assert_eq!(best.layout.as_deref(), Some("%m [%p] %q%u@%d "));
}

#[test]
fn two_formats_in_one_file_are_both_told() {
    let found = ranked(&[PLAY.repeat(20), JSON.repeat(30)].concat());
    assert_eq!(found.candidates[0].format.name, "play");
    let (format, lines) = found.mixed.unwrap();
    assert_eq!((format.name, lines), ("json", 30));
}

#[test]
fn what_holds_no_text_is_said() {
    assert_eq!(look("", ""), Detected::Empty);
    assert!(matches!(look("", &"\0\u{1}".repeat(50)), Detected::Binary(_)));
    let utf_16 = Sample { name: "", begin: b"\xff\xfeE\0R\0", end: b"" };
    assert!(matches!(detect(&utf_16, NOW_MS), Detected::Binary(why) if why.contains("UTF-16")));
    let hole = [POSTGRES.repeat(20).as_str(), &"\0".repeat(100)].concat();
    assert!(matches!(look("", &hole), Detected::Text(_)));
}

#[test]
fn the_end_of_a_file_counts_and_its_first_line_does_not() {
    let end = format!("tengah baris\n{}", PLAY.repeat(10));
    let sample = Sample { name: "", begin: PLAY.as_bytes(), end: end.as_bytes() };
    let Detected::Text(found) = detect(&sample, NOW_MS) else { panic!() };
    assert_eq!((found.lines, found.candidates[0].format.name), (7 * 11, "play"));
}

#[test]
fn a_name_breaks_a_tie_only() {
    let text = JSON.repeat(20);
    for name in ["postgresql-Mon.log", "spse4.4.log", "messages", ""] {
        let Detected::Text(found) = look(name, &text) else { panic!() };
        assert_eq!(found.candidates[0].format.name, "json", "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_stop_it(begin in prop::collection::vec(any::<u8>(), 0..300), end in prop::collection::vec(any::<u8>(), 0..300), name in any::<String>()) {
        if let Detected::Text(found) = detect(&Sample { name: &name, begin: &begin, end: &end }, NOW_MS) {
            prop_assert!(found.candidates.iter().all(|one| one.confidence <= 100));
        }
    }
}
