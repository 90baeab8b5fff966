use proptest::prelude::*;

use super::*;

fn text(input: &str) -> String {
    Redactor::default().text(input).into_owned()
}

/// What the rule makes of a text whatever its gate says.
fn ungated(rule: &Rule, pattern: &Regex, input: &str) -> String {
    let replace = |found: &regex::Captures<'_>| {
        let mut out = String::new();
        match (rule.holds)(&found[0]) {
            true => found.expand(rule.replacement, &mut out),
            false => out.push_str(&found[0]),
        }
        out
    };
    pattern.replace_all(input, replace).into_owned()
}

/// A text made of what rules look for and what may stand around it.
fn pieces() -> impl Strategy<Value = String> {
    let samples = RULES.iter().flat_map(|rule| rule.samples).map(|(input, _)| *input);
    let cut = prop::sample::select(samples.collect::<Vec<_>>())
        .prop_flat_map(|sample| (0..=sample.len(), Just(sample)))
        .prop_map(|(at, sample)| sample[sample.floor_char_boundary(at)..].to_owned());
    let any = "[ -~\n\u{17f}\u{212a}“é]{0,12}";
    let number = "[0-9 .:()+a-f/-]{0,24}";
    prop::collection::vec(prop_oneof![cut, any, number], 1..5).prop_map(|parts| parts.concat())
}

#[test]
fn every_rule_does_to_its_samples_what_the_table_says() {
    for (rule, pattern) in RULES.iter().zip(PATTERNS.iter()) {
        assert!(!rule.samples.is_empty(), "{} has no sample", rule.name);
        for (input, expected) in rule.samples {
            let made = apply(rule, pattern, input, &mut 0).unwrap_or_else(|| (*input).to_owned());
            assert_eq!(made, *expected, "{}", rule.name);
        }
    }
}

#[test]
fn rules_by_place_stand_before_those_by_shape() {
    assert!(RULES[..RULES_BY_PLACE].iter().all(|rule| rule.known == Known::ByPlace));
    assert!(RULES[RULES_BY_PLACE..].iter().all(|rule| rule.known == Known::ByShape));
}

#[test]
fn no_word_of_a_gate_reaches_over_lines() {
    assert!(RULES.iter().flat_map(|rule| rule.gate.words).all(|word| !word.contains('\n')));
}

#[test]
fn no_rule_matches_nothing() {
    assert!(PATTERNS.iter().all(|pattern| !pattern.is_match("")));
}

#[test]
fn names_of_rules_are_unique() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.extend([SQL_LITERAL, QUOTED_TEXT]);
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_statement_keeps_its_shape_and_loses_its_values() {
    let mut redactor = Redactor::default();
    assert_eq!(
        redactor.statement(
            "SELECT a1 FROM \"T\" WHERE n = 'Budi' AND h > 1500 /* x */ AND \"Budi S\" = $1"
        ),
        "SELECT a1 FROM \"T\" WHERE n = ? AND h > ?   AND \"?\" = $1"
    );
    assert_eq!(redactor.take(), [(SQL_LITERAL, 3)]);
    assert_eq!(redactor.take(), []);
}

#[test]
fn a_statement_that_lost_its_quotes_loses_its_values_too() {
    let made = Redactor::default()
        .broken_statement("select * from p where e = budi@contoh.id and n = n3201234567890123");
    assert!(!made.contains("budi") && !made.contains("3201"), "{made}");
}

#[test]
fn the_statements_of_a_deadlock_are_read_one_by_one() {
    let detail = "Process 12 waits for ShareLock on transaction 345; blocked by process 13.\n\
                  Process 12: UPDATE p SET isi = 'Bud\n\
                  Process 13: UPDATE p SET isi = 'Siti' WHERE id = 7";
    assert_eq!(
        Redactor::default().detail(detail),
        "Process ? waits for ShareLock on transaction ?; blocked by process ?\n\
         Process ?: UPDATE p SET isi = ?Process ?: UPDATE p SET isi = ? WHERE id = ?"
    );
}

#[test]
fn a_statement_quoted_in_a_context_loses_its_values() {
    let context = "SQL statement \"INSERT INTO p VALUES (7, 'Budi', 'a\"b')\"\nCOPY p, line 3, column nama: \"Siti\"";
    let made = Redactor::default().detail(context);
    assert!(!made.contains("Budi") && !made.contains("Siti") && !made.contains('b'), "{made}");
}

#[test]
fn sql_within_prose_loses_its_values() {
    assert_eq!(
        text("gagal: insert into p values (7, 'Budi')\nlagi 12"),
        "gagal: insert into p values (?, ?)\nlagi 12"
    );
}

#[test]
fn what_names_the_error_survives() {
    for message in [
        "duplicate key value violates unique constraint \"peserta_pkey\"",
        "relation \"public.lelang\" does not exist",
        "java.lang.NullPointerException\n\tat controllers.Lelang.view(Lelang.java:88)",
        "@6f02fa9dd\nInternal Server Error (500) for request GET /lelang/123",
        "could not serialize access due to concurrent update",
    ] {
        assert_eq!(text(message), message);
    }
}

#[test]
fn replacements_are_counted_by_rule() {
    let mut redactor = Redactor::default();
    redactor.text("budi@contoh.id dan siti@contoh.id, 3201234567890123");
    assert_eq!(redactor.take(), [("email", 2), ("nik", 1)]);
}

proptest! {
    #[test]
    fn lines_of_traces_are_remembered_right(parts in prop::collection::vec(pieces(), 0..4)) {
        let mut frames = Frames::default();
        for text in [parts.concat(), parts.join("\n\tat "), parts.join(" \n\tat a.b\n")] {
            for _ in 0..2 {
                prop_assert_eq!(frames.look(&GATES, &text), GATES.look(&text));
            }
        }
    }

    #[test]
    fn a_gate_is_never_closed_in_vain(input in pieces(), upper in any::<bool>()) {
        let input = if upper { input.to_uppercase() } else { input };
        let held = GATES.look(&input);
        for (index, (rule, pattern)) in RULES.iter().zip(PATTERNS.iter()).enumerate() {
            let made = apply(rule, pattern, &input, &mut 0).unwrap_or_else(|| input.clone());
            prop_assert_eq!(&made, &ungated(rule, pattern, &input), "{}", rule.name);
            prop_assert!(GATES.open(index, held) || !pattern.is_match(&input), "{}", rule.name);
        }
        let may_hold = GATES.open(STATEMENT_GATE, held) && by_hand::may_hold_statement(&input);
        prop_assert!(may_hold || !STATEMENT_WORDS.is_match(&input));
    }

    #[test]
    fn gates_change_nothing_of_what_is_redacted(input in pieces()) {
        let ungated = |input: &str, known: Known| {
            let rules = RULES.iter().zip(PATTERNS.iter()).filter(|(rule, _)| rule.known == known);
            rules.fold(input.to_owned(), |text, (rule, pattern)| ungated(rule, pattern, &text))
        };
        let mut redactor = Redactor::default();
        let made = redactor.by_place(&input).into_owned();
        prop_assert_eq!(&made, &ungated(&input, Known::ByPlace));
        prop_assert_eq!(redactor.by_shape(&made), ungated(&made, Known::ByShape));
    }

    #[test]
    fn no_text_stops_the_redactor(input in any::<String>()) {
        let mut redactor = Redactor::default();
        redactor.text(&input);
        redactor.detail(&input);
        redactor.broken_statement(&input);
    }
}
