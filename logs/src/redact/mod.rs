//! Replaces what must not leave the server, before anything is grouped. What is secret is a table
//! (`rules.rs`); values between quotes and inside SQL need more than a pattern (`quotes.rs`, [`Redactor::statement`]).
//!
//! When in doubt a text is replaced: an exemplar that says too little costs a look at the server, one that
//! says too much cannot be called back (UU 27/2022, BSSN rule 4/2021).

use std::{borrow::Cow, sync::LazyLock};

use regex::{Regex, RegexBuilder};

use crate::sql::{Kind, tokens};

mod by_hand;
mod frames;
mod gate;
mod quotes;
mod rules;
mod words;

use frames::Frames;
use gate::{Gate, Gates, Held};
use rules::{Known, RULES, Rule};

/// Name under which replaced literals of SQL are counted.
const SQL_LITERAL: &str = "sql_literal";
/// Name under which replaced texts between quotes are counted.
const QUOTED_TEXT: &str = "quoted_text";

/// Stands for a double quote; control characters never reach this stage.
const HIDDEN_QUOTE: &str = "\u{1}";

/// Memory that one pattern may use to search faster.
const DFA_BYTES_MAX: usize = 128 * 1024;

/// A word of SQL with this many digits is a value that lost its quotes.
const WORD_DIGITS_MAX: usize = 8;

/// Applies the rules and counts what they replace.
#[derive(Debug, Default)]
pub struct Redactor {
    replaced: Replaced,
    frames: Frames,
}

/// Replacements made.
#[derive(Debug, Default)]
struct Replaced {
    by_rule: Vec<u64>,
    sql_literals: u64,
    quoted_texts: u64,
}

impl Redactor {
    /// Redacts prose: messages, hints, Java traces. SQL quoted in it loses its literals.
    pub fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        // Quotations first: they may reach over lines, rules and statements do not.
        let text = self.quotations(text);
        let mut text = self.gated(text);
        self.apply(Known::ByPlace, &mut text);
        self.apply(Known::ByShape, &mut text);
        self.embedded_sql(text)
    }

    /// Redacts DETAIL and CONTEXT of PostgreSQL: prose around values, and statements of several processes,
    /// each of which PostgreSQL may have cut within a literal. So each process's part is read by itself.
    pub fn detail(&mut self, detail: &str) -> String {
        let text = self.by_shape(detail);
        let mut masked = String::with_capacity(text.len());
        let mut part = String::new();
        for line in text.split_inclusive('\n') {
            if PROCESS_LINE.is_match(line) {
                self.mask_prose(&part, &mut masked);
                part.clear();
            }
            part.push_str(line);
        }
        self.mask_prose(&part, &mut masked);
        let text = self.by_place(&masked);
        self.quotations(&text).into_owned()
    }

    /// Redacts a statement that was executed: every literal becomes `?`, comments vanish, names that look
    /// like values too.
    pub fn statement(&mut self, sql: &str) -> String {
        self.mask_statement(sql, is_name)
    }

    /// Redacts a statement that failed. It may be broken, so that values stand where names belong.
    pub fn broken_statement(&mut self, sql: &str) -> String {
        let text = self.by_shape(sql);
        let masked = self.mask_statement(&text, |_| false);
        self.by_place(&masked).into_owned()
    }

    /// Counts literals of a statement that was made canonical, which replaces them.
    pub(crate) fn add_sql_literals(&mut self, count: u64) {
        self.replaced.sql_literals += count;
    }

    /// Replacements made by each rule since the last call; rules that made none are left out.
    pub fn take(&mut self) -> Vec<(&'static str, u64)> {
        let taken = std::mem::take(&mut self.replaced);
        let of_rules = RULES.iter().map(|rule| rule.name).zip(taken.by_rule);
        of_rules
            .chain([(SQL_LITERAL, taken.sql_literals), (QUOTED_TEXT, taken.quoted_texts)])
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn literal(&mut self, out: &mut String, placeholder: &str) {
        out.push_str(placeholder);
        self.replaced.sql_literals += 1;
    }

    fn mask_statement(&mut self, sql: &str, keep_quoted: impl Fn(&str) -> bool) -> String {
        let mut masked = String::with_capacity(sql.len());
        for token in tokens(sql) {
            match token.kind {
                Kind::Text | Kind::Number => self.literal(&mut masked, "?"),
                Kind::Word if is_value_like(token.text) => self.literal(&mut masked, "?"),
                Kind::QuotedIdentifier if !keep_quoted(token.text.trim_matches('"')) => {
                    self.literal(&mut masked, "\"?\"");
                }
                Kind::Comment => masked.push(' '),
                _ => masked.push_str(token.text),
            }
        }
        masked
    }

    fn quotations<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let (text, replaced) = quotes::mask(text);
        self.replaced.quoted_texts += replaced;
        text
    }

    fn by_place<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut text = self.gated(Cow::Borrowed(text));
        self.apply(Known::ByPlace, &mut text);
        text.text
    }

    fn by_shape<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut text = self.gated(Cow::Borrowed(text));
        self.apply(Known::ByShape, &mut text);
        text.text
    }

    fn gated<'a>(&mut self, text: Cow<'a, str>) -> Gated<'a> {
        Gated { held: self.frames.look(&GATES, &text), text, is_replaced: false }
    }

    fn apply(&mut self, known: Known, text: &mut Gated<'_>) {
        self.replaced.by_rule.resize(RULES.len(), 0);
        let (gates, mut index) = match known {
            Known::ByPlace => (&*GATES, 0),
            Known::ByShape => (&*GATES, RULES_BY_PLACE),
        };
        while let Some(open) = gates.next_open(index, text.held) {
            index = open + 1;
            let Some(rule) = RULES.get(open).filter(|rule| rule.known == known) else { return };
            if text.is_replaced && rule.by_hand.is_none() {
                *text = self.gated(std::mem::take(&mut text.text));
                index = open;
                continue;
            }
            self.apply_rule(open, rule, text);
        }
    }

    fn apply_rule(&mut self, index: usize, rule: &Rule, text: &mut Gated<'_>) {
        let (Some(pattern), Some(count)) =
            (PATTERNS.get(index), self.replaced.by_rule.get_mut(index))
        else {
            return;
        };
        if let Some(replaced) = apply(rule, pattern, &text.text, count) {
            let of_replacement = HELD_BY_REPLACEMENTS.get(index).copied().unwrap_or_default();
            let held = text.held.or(of_replacement);
            *text = Gated { text: Cow::Owned(replaced), held, is_replaced: true };
        }
    }

    /// From the words that begin a statement to the end of their line.
    fn embedded_sql<'a>(&mut self, text: Gated<'a>) -> Cow<'a, str> {
        let may_hold =
            GATES.open(STATEMENT_GATE, text.held) && by_hand::may_hold_statement(&text.text);
        if !may_hold || !STATEMENT_WORDS.is_match(&text.text) {
            return text.text;
        }
        let mut out = String::with_capacity(text.text.len());
        for line in text.text.split_inclusive('\n') {
            let at = STATEMENT_WORDS.find(line).map_or(line.len(), |found| found.start());
            let (prose, sql) = line.split_at(at);
            out.push_str(prose);
            out.push_str(&self.statement(sql));
        }
        Cow::Owned(out)
    }

    /// Literals in prose that may hold SQL. A double quote is no quote here: it may surround a whole
    /// statement; `quotes` looks at it later.
    fn mask_prose(&mut self, text: &str, out: &mut String) {
        let hidden = text.replace('"', HIDDEN_QUOTE);
        for token in tokens(&hidden) {
            match token.kind {
                Kind::Text | Kind::Number => self.literal(out, "?"),
                _ if token.text == HIDDEN_QUOTE => out.push('"'),
                _ => out.push_str(token.text),
            }
        }
    }
}

/// A text and what it holds, for the gates.
struct Gated<'a> {
    text: Cow<'a, str>,
    /// After a replacement what it held before: it holds no more, but for what came with the replacement. It
    /// is looked at again where a pattern would have to search.
    held: Held,
    is_replaced: bool,
}

/// The text with the rule's matches replaced, or `None` where there is none.
fn apply(rule: &Rule, pattern: &Regex, text: &str, count: &mut u64) -> Option<String> {
    let mut out = String::new();
    if let Some(replaced) = rule.by_hand.and_then(|by_hand| by_hand(text, &mut out)) {
        *count += replaced;
        return (replaced > 0).then_some(out);
    }
    let (mut copied, mut from) = (0, 0);
    while let Some(whole) = pattern.find_at(text, from) {
        // No pattern matches an empty text: a test says so.
        from = whole.end();
        if !(rule.holds)(whole.as_str()) {
            continue;
        }
        out.push_str(text.get(copied..whole.start()).unwrap_or_default());
        replace(rule, pattern, text, whole.start(), &mut out);
        copied = whole.end();
        *count += 1;
    }
    (copied > 0).then(|| out + text.get(copied..).unwrap_or_default())
}

/// Writes what the match that begins at `start` becomes.
fn replace(rule: &Rule, pattern: &Regex, text: &str, start: usize, out: &mut String) {
    if !rule.replacement.contains('$') {
        return out.push_str(rule.replacement);
    }
    if let Some(found) = pattern.captures_at(text, start) {
        found.expand(rule.replacement, out);
    }
}

/// An identifier of the usual shape. Others (`"Budi Santoso"`) are values in wrong quotes.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || "_$.".contains(c))
        && !is_value_like(text)
}

pub(crate) fn is_value_like(word: &str) -> bool {
    // Hardly any word is long enough to be looked at.
    word.len() > WORD_DIGITS_MAX
        && word.bytes().filter(u8::is_ascii_digit).count() > WORD_DIGITS_MAX
}

static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| RULES.iter().map(|rule| pattern(rule.pattern)).collect());

static GATES: LazyLock<Gates> = LazyLock::new(|| {
    let statement = Gate::words(by_hand::STATEMENT_WORDS, 0);
    Gates::new(RULES.iter().map(|rule| rule.gate).chain([statement]))
});

/// What each rule brings into a text.
static HELD_BY_REPLACEMENTS: LazyLock<Vec<Held>> =
    LazyLock::new(|| RULES.iter().map(|rule| GATES.look(rule.replacement)).collect());

/// The rules by place stand before those by shape.
const RULES_BY_PLACE: usize = rules_by_place();

const fn rules_by_place() -> usize {
    let mut count = 0;
    while count < RULES.len() && matches!(RULES[count].known, Known::ByPlace) {
        count += 1;
    }
    count
}

/// The gate of [`STATEMENT_WORDS`] stands behind those of the rules.
const STATEMENT_GATE: usize = RULES.len();

static STATEMENT_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:select\s[^\n]*\bfrom|insert\s+into|update\s+[^\s]+\s+set|delete\s+from|values\s*\(|where\s+[^\s]+\s*(?:=|in\b|like\b|[<>]))",
    )
});

static PROCESS_LINE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*Pro[cs]es\w* [0-9]+:"));

/// Compiles a pattern with ASCII words: Unicode ones make the regex slow on text that is not ASCII, and its
/// tables megabytes larger.
#[expect(clippy::expect_used, reason = "constant patterns; a test compiles every one")]
fn pattern(text: &str) -> Regex {
    let ascii = text.replace(r"\b", r"(?-u:\b)").replace(r"\w", "[0-9A-Za-z_]");
    let regex = RegexBuilder::new(&ascii).dfa_size_limit(DFA_BYTES_MAX).build();
    regex.expect("a constant pattern compiles")
}

#[cfg(test)]
mod tests;
