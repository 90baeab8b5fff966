//! One statement, one text: literals and parameters become `?`, lists of them one `?`, words are folded,
//! comments dropped, white space made regular. So the same statement reads alike from the log (with its
//! literals) and from `pg_stat_statements` (with `$1`).

use crate::sql::{Kind, Token, tokens};

/// The canonical text is cut here: far beyond what people write, and a bound for what machines write.
const CANONICAL_BYTES_MAX: usize = 16 * 1024;

/// Words after which an operand begins: a minus is a sign there, and a bracket opens no call.
const BEFORE_OPERAND: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "check",
    "distinct",
    "else",
    "except",
    "exists",
    "from",
    "having",
    "ilike",
    "in",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "key",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "references",
    "return",
    "returning",
    "row",
    "select",
    "set",
    "some",
    "then",
    "union",
    "unique",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// The canonical text of a statement. Pure; applying it twice changes nothing.
pub fn canonical(sql: &str) -> String {
    let mut writer = Writer::default();
    for token in tokens(sql) {
        if writer.out.len() > CANONICAL_BYTES_MAX {
            break;
        }
        writer.take(token);
    }
    writer.finish()
}

/// What was written last, as far as the next token needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Start,
    /// A word of [`BEFORE_OPERAND`].
    Keyword,
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

#[derive(Default)]
struct Writer {
    out: String,
    last: Last,
    last_word: String,
    brackets: Vec<Bracket>,
    rows: Option<Rows>,
    /// A `-` that is either the sign of a value or an operator: the next token tells.
    sign: bool,
    /// A `;` ends the text or separates statements: the next token tells.
    separator: bool,
}

impl Writer {
    fn take(&mut self, token: Token<'_>) {
        if matches!(token.kind, Kind::Space | Kind::Comment) {
            return;
        }
        if self.separator && token.text != ";" {
            self.separator = false;
            self.write(";", Last::Other);
        }
        let signed = is_value(token) || token.text == "-";
        if std::mem::take(&mut self.sign) && !signed {
            self.operator("-");
        }
        self.write_token(token);
    }

    fn write_token(&mut self, token: Token<'_>) {
        match (token.kind, token.text) {
            (Kind::Text | Kind::Number | Kind::Parameter, _) => self.value(),
            (Kind::Word, word) => self.word(word),
            (Kind::QuotedIdentifier, name) => self.name(name),
            (Kind::Operator, "-") if self.operand_is_due() => self.sign = true,
            (Kind::Operator, "::") | (Kind::Symbol, ".") => self.write(token.text, Last::Joint),
            (Kind::Operator, operator) => self.operator(operator),
            (Kind::Symbol, "(" | "[") => self.open(token.text),
            (Kind::Symbol, ")" | "]") => self.close(token.text),
            (Kind::Symbol, ",") => self.write(",", Last::Comma),
            (Kind::Symbol, ";") => self.separator = self.last != Last::Start,
            (_, other) => {
                self.not_only_values();
                self.write(other, Last::Other);
            }
        }
    }

    fn finish(mut self) -> String {
        if std::mem::take(&mut self.sign) {
            self.operator("-");
        }
        // A list cut off by the log is a list all the same.
        while let Some(bracket) = self.brackets.pop() {
            self.collapse(&bracket);
        }
        let end = self.out.floor_char_boundary(CANONICAL_BYTES_MAX);
        self.out.truncate(end);
        self.out
    }

    /// Whether an operand must come next: then a minus is a sign, as in `pg_stat_statements`, which
    /// replaces `-1` as a whole by `$1`.
    fn operand_is_due(&self) -> bool {
        use Last::{Comma, Keyword, Open, Operator, Start};
        matches!(self.last, Start | Keyword | Operator | Open | Comma)
    }

    /// Adjacent literals are one (`'a'` newline `'b'`).
    fn value(&mut self) {
        if self.last != Last::Value {
            self.write("?", Last::Value);
        }
    }

    fn word(&mut self, word: &str) {
        let word = word.to_ascii_lowercase();
        let is_value = is_constant(&word)
            && !(self.last == Last::Keyword && matches!(self.last_word.as_str(), "is" | "not"));
        if is_value {
            return self.value();
        }
        self.not_only_values();
        let keyword = BEFORE_OPERAND.binary_search(&word.as_str()).is_ok();
        self.write(&word, if keyword { Last::Keyword } else { Last::Word });
        self.last_word = word;
    }

    fn name(&mut self, name: &str) {
        self.not_only_values();
        self.write(name, Last::Word);
    }

    fn operator(&mut self, operator: &str) {
        self.not_only_values();
        self.write(operator, Last::Operator);
    }

    fn open(&mut self, bracket: &str) {
        let after = |word: &str| self.last == Last::Keyword && self.last_word == word;
        let inside = self.brackets.last().is_some_and(|outer| outer.list);
        let row = after("values")
            || (self.last == Last::Comma
                && self.rows.as_ref().is_some_and(|rows| rows.depth == self.brackets.len()));
        let nested = inside && matches!(self.last, Last::Open | Last::Comma);
        let list = row || nested || after("in") || after("array");
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
        Kind::Word => is_constant(&token.text.to_ascii_lowercase()),
        _ => false,
    }
}

fn is_constant(word: &str) -> bool {
    matches!(word, "null" | "true" | "false")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_keywords_are_sorted_for_the_search() {
        assert!(BEFORE_OPERAND.is_sorted());
    }

    #[test]
    fn one_statement_has_one_text_however_it_is_written() {
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
            ("select \"Nama Kolom\" from t", &["SELECT \"Nama Kolom\" FROM t"]),
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
