//! `log_line_prefix` of PostgreSQL (documentation of version 18, "What to Log"), compiled into a matcher
//! of the head of a line.

use super::{
    label::{Label, label_at},
    record::{Head, is_sqlstate},
};

/// A head is looked for in so many bytes from the beginning of a line; longer names are cut by PostgreSQL
/// itself (63 bytes each).
pub const HEAD_BYTES_MAX: usize = 1_024;

/// Escapes and texts between them that a prefix may have.
const PIECES_MAX: usize = 64;

/// Ways tried to fit a line, where free texts (`%a`, `%u`) may hold what follows them.
const STEPS_MAX: u32 = 10_000;

/// A compiled prefix.
#[derive(Clone, Debug)]
pub struct Prefix {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(Box<[u8]>),
    Field {
        what: What,
        form: Form,
        /// Filled up with spaces on either side.
        padded: bool,
    },
    /// `%q`: background processes write nothing from here on.
    Quit,
}

/// Which part of the head a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Time,
    Process,
    Session,
    Database,
    Application,
    Sqlstate,
    /// Read over.
    Other,
}

/// What a field may write.
#[derive(Clone, Copy, Debug)]
enum Form {
    Time,
    /// As many of these bytes as there are, and at least one where `true`.
    Run(fn(&u8) -> bool, bool),
    /// As few of these bytes as let the rest fit.
    Free(fn(&u8) -> bool),
    Sqlstate,
}

/// Says why a text is no prefix.
pub fn check(text: &str) -> Result<(), String> {
    let is_prefix = Prefix::compile(text).is_some();
    let why = "has more escapes and texts between them than any log_line_prefix";
    is_prefix.then_some(()).ok_or_else(|| why.to_owned())
}

/// A line being fitted.
struct Fitting<'a> {
    line: &'a [u8],
    head: Head<'a>,
    has_process: bool,
    found: Option<(Label, usize)>,
    steps: u32,
}

impl Prefix {
    /// Compiles a prefix as `postgresql.conf` writes it. `None` when it is too long to be one.
    pub fn compile(prefix: &str) -> Option<Prefix> {
        let mut pieces = Vec::new();
        let mut rest = prefix;
        while let Some(at) = rest.find('%') {
            let (literal, escape) = rest.split_at(at);
            add_literal(&mut pieces, literal);
            rest = add_escape(&mut pieces, escape.get(1..).unwrap_or_default());
        }
        add_literal(&mut pieces, rest);
        (pieces.len() <= PIECES_MAX).then_some(Prefix { pieces })
    }

    /// Head, label and message of a line that begins with this prefix.
    pub fn head<'a>(&self, line: &'a [u8]) -> Option<(Head<'a>, Label, &'a [u8])> {
        let within = line.get(..HEAD_BYTES_MAX).unwrap_or(line);
        let mut fitting = Fitting::of(within);
        fitting.fits(&self.pieces, 0);
        let (label, message) = fitting.found?;
        Some((fitting.head, label, line.get(message..)?))
    }
}

fn add_literal(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Literal(before)) => *before = [before, text.as_bytes()].concat().into(),
        _ => pieces.push(Piece::Literal(text.as_bytes().into())),
    }
}

/// Adds what an escape stands for and gives the text after it. An unknown one writes nothing, as in
/// PostgreSQL itself.
fn add_escape<'a>(pieces: &mut Vec<Piece>, escape: &'a str) -> &'a str {
    let code = escape.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
    let padded = escape.len() != code.len();
    let mut chars = code.chars();
    match chars.next() {
        Some('%') => add_literal(pieces, "%"),
        Some('q') => pieces.push(Piece::Quit),
        Some(code) => {
            if let Some((what, form)) = field(code) {
                pieces.push(Piece::Field { what, form, padded });
            }
        }
        None => {}
    }
    chars.as_str()
}

fn field(code: char) -> Option<(What, Form)> {
    let digit: fn(&u8) -> bool = u8::is_ascii_digit;
    let no_space: fn(&u8) -> bool = |byte| !byte.is_ascii_whitespace();
    Some(match code {
        't' | 'm' => (What::Time, Form::Time),
        's' => (What::Other, Form::Time),
        'n' => (What::Time, Form::Run(|b| b.is_ascii_digit() || *b == b'.', true)),
        'p' => (What::Process, Form::Run(digit, true)),
        'c' => (What::Session, Form::Run(|b| b.is_ascii_hexdigit() || *b == b'.', true)),
        'd' => (What::Database, Form::Free(no_space)),
        'a' => (What::Application, Form::Free(|_| true)),
        'e' => (What::Sqlstate, Form::Sqlstate),
        'l' | 'P' | 'x' => (What::Other, Form::Run(digit, false)),
        'Q' => (What::Other, Form::Run(|b| b.is_ascii_digit() || *b == b'-', false)),
        'v' => (What::Other, Form::Run(|b| b.is_ascii_digit() || *b == b'/', false)),
        'u' | 'r' | 'h' | 'L' => (What::Other, Form::Free(no_space)),
        'b' | 'i' => (What::Other, Form::Free(|_| true)),
        _ => return None,
    })
}

impl<'a> Fitting<'a> {
    fn of(line: &'a [u8]) -> Fitting<'a> {
        Fitting { line, head: Head::default(), has_process: false, found: None, steps: 0 }
    }

    /// Whether the pieces fit the line from `at` on, followed by a label.
    fn fits(&mut self, pieces: &[Piece], at: usize) -> bool {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return false;
        }
        let Some((piece, rest)) = pieces.split_first() else { return self.label(at) };
        match piece {
            Piece::Literal(text) => {
                self.from(at).starts_with(text) && self.fits(rest, at + text.len())
            }
            Piece::Quit => self.fits(rest, at) || self.label(at),
            Piece::Field { what, form, padded } => {
                let begin = at + if *padded { self.spaces(at) } else { 0 };
                self.field(*what, *form, begin, |fitting, end| {
                    let spaces = if *padded { fitting.spaces(end) } else { 0 };
                    (0..=spaces).rev().any(|spaces| fitting.fits(rest, end + spaces))
                })
            }
        }
    }

    /// Tries each length that a field may have.
    fn field(
        &mut self,
        what: What,
        form: Form,
        at: usize,
        mut rest_fits: impl FnMut(&mut Fitting<'a>, usize) -> bool,
    ) -> bool {
        let text = self.from(at);
        let run = |is: fn(&u8) -> bool| text.iter().take_while(|byte| is(byte)).count();
        let mut fits = |fitting: &mut Fitting<'a>, length: usize| {
            let fits = rest_fits(fitting, at + length);
            if fits {
                fitting.set(what, text.get(..length).unwrap_or_default());
            }
            fits
        };
        match form {
            Form::Time => {
                let (bare, whole) = (bare_time_length(text), time_length(text));
                bare > 0 && (fits(self, whole) || (bare < whole && fits(self, bare)))
            }
            Form::Run(is, needed) => {
                let length = run(is);
                (length > 0 || !needed) && fits(self, length)
            }
            Form::Free(is) => (0..=run(is)).any(|length| fits(self, length)),
            Form::Sqlstate => {
                let state =
                    text.get(..5).is_some_and(|state| state == b"00000" || is_sqlstate(state));
                state && fits(self, 5)
            }
        }
    }

    fn label(&mut self, at: usize) -> bool {
        self.found = label_at(self.line, at);
        self.found.is_some()
    }

    /// A prefix may write the same thing twice: the first counts, and it is set last. A process id goes
    /// before a session id.
    fn set(&mut self, what: What, text: &'a [u8]) {
        match what {
            What::Time => self.head.time = text,
            What::Process => {
                self.head.session = text;
                self.has_process = true;
            }
            What::Session if self.has_process => {}
            What::Session => self.head.session = text,
            What::Database => self.head.database = text,
            What::Application => self.head.application = text,
            What::Sqlstate => self.head.sqlstate = text,
            What::Other => {}
        }
    }

    fn from(&self, at: usize) -> &'a [u8] {
        self.line.get(at..).unwrap_or_default()
    }

    fn spaces(&self, at: usize) -> usize {
        self.from(at).iter().take_while(|byte| **byte == b' ').count()
    }
}

/// Length of `2026-11-21 14:03:05`, with a fraction or without; 0 where there is none.
fn bare_time_length(text: &[u8]) -> usize {
    const SHAPE: &[u8] = b"dddd-dd-dd dd:dd:dd";
    let Some(time) = text.get(..SHAPE.len()) else { return 0 };
    let fits = time.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        mark => byte == mark,
    });
    if !fits {
        return 0;
    }
    let fraction = text.get(SHAPE.len()..).and_then(|rest| rest.strip_prefix(b"."));
    let digits = fraction.map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
    SHAPE.len() + if digits > 0 { 1 + digits.min(6) } else { 0 }
}

/// As [`bare_time_length`], with the zone behind it: ` WIB`, ` +07`, `+0730`.
pub fn time_length(text: &[u8]) -> usize {
    let bare = bare_time_length(text);
    if bare == 0 {
        return 0;
    }
    let rest = text.get(bare..).unwrap_or_default();
    let run = |from: usize, is: fn(&u8) -> bool| {
        rest.get(from..).unwrap_or_default().iter().take_while(|byte| is(byte)).count()
    };
    let space = usize::from(rest.first() == Some(&b' '));
    let zone = match rest.get(space) {
        Some(b'+' | b'-') => 1 + run(space + 1, |b| b.is_ascii_digit() || *b == b':'),
        Some(_) if space == 1 => run(1, u8::is_ascii_alphabetic),
        _ => 0,
    };
    let longest = if matches!(rest.get(space), Some(b'+' | b'-')) { 7 } else { 8 };
    if (2..=longest).contains(&zone) || zone == 1 { bare + space + zone } else { bare }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::shape, *};

    /// What is read of a line, as one line.
    fn told(read: Option<(Head<'_>, Label, &[u8])>) -> String {
        let Some((head, label, message)) = read else { return "no head".to_owned() };
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let parts = [head.time, head.session, head.database, head.application, head.sqlstate];
        format!("{}|{label:?}|{}", parts.map(text).join("|"), text(message))
    }

    fn read(prefix: &str, line: &str) -> String {
        told(Prefix::compile(prefix).unwrap().head(line.as_bytes()))
    }

    #[test]
    fn every_escape_is_understood() {
        let prefix = "%a|%u|%d|%r|%h|%L|%b|%p|%P|%t|%s|%m|%n|%Q|%i|%e|%c|%l|%v|%x|%q%%";
        let line = "PostgreSQL JDBC Driver|epns|epns_prod|10.1.2.3(5432)|10.1.2.3|10.1.2.4|client backend|812||\
                    2026-11-21 14:03:05 WIB|2026-11-21 14:00:00 WIB|2026-11-21 14:03:05.123 WIB|1795244585.123|-77|SELECT|42P01|\
                    6560a1b2.32c|12|3/77|0|%ERROR:  relation \"x\" does not exist";
        assert_eq!(
            read(prefix, line),
            "2026-11-21 14:03:05 WIB|812|epns_prod|PostgreSQL JDBC Driver|42P01|Error|relation \"x\" does not exist"
        );
    }

    #[test]
    fn padding_is_skipped_and_background_processes_stop_at_q() {
        let prefix = "%m [%-7p] %q%10u@%-12d ";
        let client = "2026-11-21 14:03:05.000 WIB [812    ]       epns@epns_prod    ERROR:  a";
        let background = "2026-11-21 14:03:05.000 WIB [99     ] LOG:  b";
        assert_eq!(read(prefix, client), "2026-11-21 14:03:05.000 WIB|812|epns_prod|||Error|a");
        assert_eq!(read(prefix, background), "2026-11-21 14:03:05.000 WIB|99||||Log|b");
    }

    #[test]
    fn an_application_name_may_hold_what_separates_fields() {
        let line = "2026-11-21 14:03:05 WIB [812]: user=epns,db=epns_prod,app=psql, v 10: x,client=[local] ERROR:  a";
        assert_eq!(
            read("%t [%p]: user=%u,db=%d,app=%a,client=%h ", line),
            "2026-11-21 14:03:05 WIB|812|epns_prod|psql, v 10: x||Error|a"
        );
    }

    #[test]
    fn a_zone_is_told_from_the_label_that_follows() {
        assert_eq!(read("%t ", "2026-11-21 14:03:05 LOG:  a"), "2026-11-21 14:03:05|||||Log|a");
        assert_eq!(
            read("%m", "2026-11-21 14:03:05.1 +07LOG:  a"),
            "2026-11-21 14:03:05.1 +07|||||Log|a"
        );
    }

    /// Prefixes met in the field beside lines that they write.
    const USUAL: &[(&str, &str)] = &[
        ("%m [%p] ", "2026-11-21 14:03:05.000 WIB [812] ERROR:  a"),
        ("%m [%p] %q%u@%d ", "2026-11-21 14:03:05.000 WIB [812] epns@epns_prod ERROR:  a"),
        ("%m [%p] %q%u@%d ", "2026-11-21 14:03:05.000 WIB [812] ERROR:  a"),
        ("< %m >", "< 2026-11-21 14:03:05.000 WIB >ERROR:  a"),
        ("< %m > ", "< 2026-11-21 14:03:05.000 WIB > ERROR:  a"),
        (
            "%t [%p]: [%l-1] user=%u,db=%d ",
            "2026-11-21 14:03:05 WIB [812]: [3-1] user=epns,db=epns_prod ERROR:  a",
        ),
        (
            "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
            "2026-11-21 14:03:05 WIB [812]: user=epns,db=epns_prod,app=a b,client=10.1.1.1 ERROR:  a",
        ),
        (
            "%t [%p]: [%l-1] app=%a,user=%u,db=%d,client=%h ",
            "2026-11-21 14:03:05 WIB [812]: [3-1] app=,user=epns,db=epns_prod,client=10.1.1.1 ERROR:  a",
        ),
        ("%t ", "2026-11-21 14:03:05 WIB ERROR:  a"),
        (
            "%m [%p] %q%u@%d/%a %e: ",
            "2026-11-21 07:03:05.000 UTC [812] epns@epns_prod/PostgreSQL JDBC Driver 42P01: ERROR:  a",
        ),
        (
            "%m [%p] %q%u@%d/%a from %h ",
            "2026-11-21 07:03:05.000 UTC [812] epns@epns_prod/psql from [local] ERROR:  a",
        ),
        (
            "%t:%r:%u@%d:[%p]: ",
            "2026-11-21 14:03:05 WIB:10.1.1.2(5432):epns@epns_prod:[812]: ERROR:  a",
        ),
        ("%m %u@%d %h [%p] ", "2026-11-21 14:03:05.000 WIB epns@epns_prod [local] [812] ERROR:  a"),
        ("%n [%p] ", "1795244585.123 [812] ERROR:  a"),
        ("[%p] ", "[812] ERROR:  a"),
        ("%t [%p] ", "2026-11-21 14:03:05 [812] GALAT:  a"),
        ("", "ERROR:  a"),
    ];

    #[test]
    fn a_prefix_nobody_told_is_read_like_one_that_is_known() {
        for (prefix, line) in USUAL {
            let known = read(prefix, line);
            assert_ne!(known, "no head", "{line}");
            assert_eq!(told(shape::head(line.as_bytes())), known, "{line}");
        }
    }

    #[test]
    fn the_output_of_other_programs_has_no_head() {
        for line in
            ["pg_dump: ERROR:  a", "no head", "2026-11-21 14:03:05 WIB ERROR: a", "xLOG:  a"]
        {
            assert_eq!(told(shape::head(line.as_bytes())), "no head", "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_prefix_compiles_and_no_line_stops_it(prefix in "([ -~]|%-?[0-9]{0,2}[a-zA-Z%]){0,12}", line in any::<Vec<u8>>()) {
            let compiled = Prefix::compile(&prefix);
            prop_assert!(compiled.is_some());
            compiled.unwrap().head(&line);
            shape::head(&line);
        }
    }
}
