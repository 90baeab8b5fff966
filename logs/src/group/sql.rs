//! One statement, one text: literals and parameters become `?`, lists of them one `?`, words are folded,
//! comments dropped, white space made regular. So the same statement reads alike from the log (with its
//! literals) and from `pg_stat_statements` (with `$1`).

use std::mem::take;

use crate::{
    redact::{is_name, is_value_like},
    sql::{Kind, Token, tokens},
};

/// The canonical text is cut here: far beyond what people write, and a bound for what machines write.
const CANONICAL_BYTES_MAX: usize = 16 * 1024;

/// Makes the canonical text of a statement, in a buffer that is used again.
#[derive(Debug, Default)]
pub struct Canonical {
    writer: Writer,
}

impl Canonical {
    /// The canonical text of a statement as logged, and how many values were replaced in it. Pure; applying
    /// it twice changes nothing.
    pub fn of(&mut self, sql: &str) -> (&str, u64) {
        self.writer.clear();
        for token in tokens(sql) {
            if self.writer.out.len() > CANONICAL_BYTES_MAX {
                break;
            }
            self.writer.take(token);
        }
        self.writer.finish();
        (&self.writer.out, self.writer.masked)
    }
}

/// What was written last, as far as the next token needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Start,
    /// A word after which an operand begins.
    Keyword(Keyword),
    /// Any other word.
    Word,
    /// `?`.
    Value,
    Operator,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    Comma,
    /// `.` or `::`: nothing may stand between its sides.
    Joint,
    Other,
}

/// A bracket that is open.
#[derive(Debug)]
struct Bracket {
    /// Where it stands in the output.
    at: usize,
    /// May become `(?)` when it holds values only: after IN, VALUES, ARRAY, and inside such a list.
    list: bool,
    only_values: bool,
    /// A row of VALUES: dropped when it repeats the row before.
    row: bool,
}

/// Rows of a VALUES list at one depth.
#[derive(Debug)]
struct Rows {
    depth: usize,
    /// The row written last, as a range of the output.
    last: std::ops::Range<usize>,
}

#[derive(Debug, Default)]
struct Writer {
    out: String,
    last: Last,
    brackets: Vec<Bracket>,
    rows: Option<Rows>,
    /// A `-` that is either the sign of a value or an operator: the next token tells.
    sign: bool,
    /// A `;` ends the text or separates statements: the next token tells.
    separator: bool,
    /// The comma written last follows a value of a list: a further value adds nothing to it.
    after_value: bool,
    masked: u64,
}

impl Writer {
    fn clear(&mut self) {
        let (mut out, mut brackets) = (take(&mut self.out), take(&mut self.brackets));
        out.clear();
        brackets.clear();
        *self = Writer { out, brackets, ..Writer::default() };
    }

    fn take(&mut self, token: Token<'_>) {
        if matches!(token.kind, Kind::Space | Kind::Comment) {
            return;
        }
        if self.separator && token.text != ";" {
            self.separator = false;
            self.write(";", Last::Other);
        }
        if self.sign && !is_value(token) && token.text != "-" {
            self.operator("-");
        }
        self.sign = false;
        self.write_token(token);
    }

    fn write_token(&mut self, token: Token<'_>) {
        match (token.kind, token.text) {
            (Kind::Word, word) => self.word(word),
            (Kind::Text | Kind::Number, _) => {
                self.masked += 1;
                self.value();
            }
            (Kind::Parameter, _) => self.value(),
            (Kind::QuotedIdentifier, name) => self.name(name),
            (Kind::Operator, "-") if self.operand_is_due() => self.sign = true,
            (Kind::Operator, "::") | (Kind::Symbol, ".") => self.write(token.text, Last::Joint),
            (Kind::Operator, operator) => self.operator(operator),
            (Kind::Symbol, "(" | "[") => self.open(token.text),
            (Kind::Symbol, ")" | "]") => self.close(token.text),
            (Kind::Symbol, ",") => self.comma(),
            (Kind::Symbol, ";") => self.separator = self.last != Last::Start,
            (_, other) => {
                self.not_only_values();
                self.write(other, Last::Other);
            }
        }
    }

    fn finish(&mut self) {
        if take(&mut self.sign) {
            self.operator("-");
        }
        // A list cut off by the log is a list all the same.
        while let Some(bracket) = self.brackets.pop() {
            self.collapse(&bracket);
        }
        let end = self.out.floor_char_boundary(CANONICAL_BYTES_MAX);
        self.out.truncate(end);
    }

    /// Whether an operand must come next: then a minus is a sign, as in `pg_stat_statements`, which
    /// replaces `-1` as a whole by `$1`.
    fn operand_is_due(&self) -> bool {
        use Last::{Comma, Keyword, Open, Operator, Start};
        matches!(self.last, Start | Keyword(_) | Operator | Open | Comma)
    }

    /// Adjacent literals are one (`'a'` newline `'b'`), and so are those that follow each other in a list,
    /// so that a list of thousands is no longer than one of two.
    fn value(&mut self) {
        if self.last == Last::Comma && self.after_value {
            self.out.pop();
            self.last = Last::Value;
        } else if self.last != Last::Value {
            self.write("?", Last::Value);
        }
    }

    fn comma(&mut self) {
        self.after_value =
            self.last == Last::Value && self.brackets.last().is_some_and(|bracket| bracket.list);
        self.write(",", Last::Comma);
    }

    /// A name with many digits is a value that lost its quotes.
    fn word(&mut self, word: &str) {
        let after_is = matches!(self.last, Last::Keyword(Keyword::Is | Keyword::Not));
        if is_value_like(word) {
            self.masked += 1;
            return self.value();
        }
        if is_constant(word) && !after_is {
            return self.value();
        }
        self.not_only_values();
        let keyword = keyword(word.as_bytes());
        self.write(word, keyword.map_or(Last::Word, Last::Keyword));
        let written = self.out.len() - word.len();
        if let Some(written) = self.out.get_mut(written..) {
            written.make_ascii_lowercase();
        }
    }

    /// A name that no identifier has is a value in wrong quotes.
    fn name(&mut self, name: &str) {
        self.not_only_values();
        let bare = name.trim_matches('"');
        if is_name(bare) || bare == "?" {
            return self.write(name, Last::Word);
        }
        self.masked += 1;
        self.write("\"?\"", Last::Word);
    }

    fn operator(&mut self, operator: &str) {
        self.not_only_values();
        self.write(operator, Last::Operator);
    }

    fn open(&mut self, bracket: &str) {
        let after = |word: Keyword| self.last == Last::Keyword(word);
        let inside = self.brackets.last().is_some_and(|outer| outer.list);
        let row = after(Keyword::Values)
            || (self.last == Last::Comma
                && self.rows.as_ref().is_some_and(|rows| rows.depth == self.brackets.len()));
        let nested = inside && matches!(self.last, Last::Open | Last::Comma);
        let list = row || nested || after(Keyword::In) || after(Keyword::Array);
        if !list {
            self.not_only_values();
        }
        self.write(bracket, Last::Open);
        let at = self.out.len() - bracket.len();
        self.brackets.push(Bracket { at, list, only_values: true, row });
    }

    fn close(&mut self, bracket: &str) {
        let Some(opened) = self.brackets.pop() else {
            return self.write(bracket, Last::Close);
        };
        let collapsed = self.collapse(&opened);
        self.write(bracket, Last::Close);
        if !collapsed {
            self.not_only_values();
        } else if self.out.ends_with("(?), (?)") {
            self.out.truncate(self.out.len() - ", (?)".len());
        }
        if opened.row {
            self.end_row(&opened);
        }
    }

    /// Makes a list of values one value. True when it was one.
    fn collapse(&mut self, opened: &Bracket) -> bool {
        let values = opened.list && opened.only_values && self.out.len() > opened.at + 1;
        if values {
            self.out.truncate(opened.at + 1);
            self.out.push('?');
            self.last = Last::Value;
        }
        values
    }

    fn end_row(&mut self, opened: &Bracket) {
        let row = opened.at..self.out.len();
        let repeats = self.rows.as_ref().filter(|rows| {
            rows.depth == self.brackets.len()
                && self.out.get(rows.last.clone()) == self.out.get(row.clone())
        });
        match repeats {
            Some(rows) => self.out.truncate(rows.last.end),
            None => self.rows = Some(Rows { depth: self.brackets.len(), last: row }),
        }
    }

    fn not_only_values(&mut self) {
        if let Some(bracket) = self.brackets.last_mut() {
            bracket.only_values = false;
        }
    }

    fn write(&mut self, text: &str, kind: Last) {
        if text != "[" && self.space_before(kind) {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.last = kind;
        let in_rows = matches!(kind, Last::Comma | Last::Open | Last::Close);
        if !in_rows && self.rows.as_ref().is_some_and(|rows| rows.depth >= self.brackets.len()) {
            self.rows = None;
        }
    }

    fn space_before(&self, kind: Last) -> bool {
        let joined = matches!(
            (self.last, kind),
            (Last::Start | Last::Open | Last::Joint, _)
                | (_, Last::Close | Last::Comma | Last::Joint | Last::Other)
                | (Last::Word | Last::Close | Last::Value, Last::Open)
        );
        !joined
    }
}

/// Whether a token stands for a value, whatever stands before it.
fn is_value(token: Token<'_>) -> bool {
    match token.kind {
        Kind::Text | Kind::Number | Kind::Parameter => true,
        Kind::Word => is_constant(token.text) || is_value_like(token.text),
        _ => false,
    }
}

fn is_constant(word: &str) -> bool {
    matches!(word.len(), 4 | 5)
        && ["null", "true", "false"].iter().any(|constant| word.eq_ignore_ascii_case(constant))
}

/// Words after which an operand begins: a minus is a sign there, and a bracket opens no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyword {
    In,
    Values,
    Array,
    Is,
    Not,
    Any,
}

/// Longest of them.
const KEYWORD_BYTES_MAX: usize = 10;

#[rustfmt::skip]
fn keyword(word: &[u8]) -> Option<Keyword> {
    let mut lower = [0; KEYWORD_BYTES_MAX];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"in" => Keyword::In,
        b"values" => Keyword::Values,
        b"array" => Keyword::Array,
        b"is" => Keyword::Is,
        b"not" => Keyword::Not,
        b"all" | b"and" | b"any" | b"as" | b"between" | b"by" | b"case" | b"check" | b"distinct" | b"else"
        | b"except" | b"exists" | b"from" | b"having" | b"ilike" | b"intersect" | b"interval" | b"into"
        | b"join" | b"key" | b"like" | b"limit" | b"offset" | b"on" | b"or" | b"over" | b"references"
        | b"return" | b"returning" | b"row" | b"select" | b"set" | b"some" | b"then" | b"union"
        | b"unique" | b"using" | b"when" | b"where" | b"with" => Keyword::Any,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(sql: &str) -> String {
        Canonical::default().of(sql).0.to_owned()
    }

    #[test]
    fn one_statement_has_one_text_however_it_is_written() {
        let long = format!("select a from t where b in (1{}) order by c", ", 23".repeat(50_000));
        let table: &[(&str, &[&str])] = &[
            (
                "select * from lelang where id = ?",
                &[
                    "SELECT * FROM lelang WHERE id = 123",
                    "select *\n\tfrom lelang /* halaman */ where id=$1;",
                    "SELECT * FROM Lelang WHERE id = '123' -- cari",
                    "select * from lelang where id = -1",
                    "select * from lelang where id = 1e5",
                    "select * from lelang where id = NULL",
                ],
            ),
            (
                "select a from t where b in (?) and c is not null",
                &[
                    "SELECT a FROM t WHERE b IN (1, 2, 3) AND c IS NOT NULL",
                    "SELECT a FROM t WHERE b IN ($1 /*, ... */) AND c IS NOT NULL",
                    "SELECT a FROM t WHERE b IN ('x') AND c IS NOT NULL",
                ],
            ),
            (
                "insert into t(a, b) values (?)",
                &[
                    "INSERT INTO t (a, b) VALUES (1, 'x')",
                    "INSERT INTO t(a,b) VALUES ($1,$2), ($3,$4), ($5,$6)",
                ],
            ),
            (
                "insert into t values (?, now()) returning id",
                &["INSERT INTO t VALUES (1, now()), (2, now()), (3, NOW()) RETURNING id"],
            ),
            (
                "select a from t where (b, c) in (?)",
                &[
                    "SELECT a FROM t WHERE (b,c) IN ((1,2),(3,4))",
                    "SELECT a FROM t WHERE (b, c) IN (($1, $2))",
                ],
            ),
            (
                "select a - ?, f(?, ?), array[?], b::date from s.t limit ?",
                &[
                    "SELECT a - 1, f(1, -2), ARRAY[1,2], b :: date FROM s . t LIMIT 10",
                    "SELECT a - $1, f($2, $3), ARRAY[$4, $5], b::date FROM s.t LIMIT $6",
                ],
            ),
            (
                "select date ?, interval ?; commit",
                &["SELECT DATE '2026-11-21', INTERVAL $$1 day$$; COMMIT;"],
            ),
            ("select \"namaKolom\" from t", &["SELECT \"namaKolom\" FROM t"]),
            ("select \"?\" from t", &["SELECT \"Budi Santoso\" FROM t"]),
            ("select a from t where b in (?) order by c", &[&long]),
        ];
        for (expected, ways) in table {
            for way in *ways {
                assert_eq!(canonical(way), *expected, "{way}");
            }
        }
    }

    #[test]
    fn different_statements_stay_different() {
        assert_ne!(canonical("select a from t"), canonical("select b from t"));
        assert_ne!(canonical("select f(1)"), canonical("select f(1, 2)"));
        assert_ne!(
            canonical("select a from t where b is null"),
            canonical("select a from t where b is not null")
        );
    }

    #[test]
    fn a_statement_cut_within_a_list_or_literal_is_still_collapsed() {
        assert_eq!(
            canonical("select a from t where b in (1, 2, 'x"),
            "select a from t where b in (?"
        );
    }

    #[test]
    fn a_very_long_statement_is_bounded() {
        let sql = format!("select {}", "kolom, ".repeat(100_000));
        assert!(canonical(&sql).len() <= CANONICAL_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(
            sql in "(select|from|where|in|values|array|[a-c]|[0-9]|'x'|[(),.;=+-]|\\[|\\]|::|null|is|not| ){0,40}"
        ) {
            let once = canonical(&sql);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn literals_never_reach_the_canonical_text(secret in "[A-Z]{6}[0-9]{3}") {
            for sql in [
                format!("select '{secret}'"),
                format!("select E'\\'{secret}'"),
                format!("select $a${secret}$a$"),
                format!("select 1 /* {secret} */ -- {secret}"),
                format!("select '{secret}"),
            ] {
                prop_assert!(!canonical(&sql).to_uppercase().contains(&secret));
            }
        }
    }
}
