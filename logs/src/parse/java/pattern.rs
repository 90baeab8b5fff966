//! A conversion pattern of log4j or logback, compiled into a matcher of headers.

use jiff::tz::TimeZone;
use memchr::{memchr, memchr2};

use super::{
    super::time::Cursor,
    conversion::{Conversion, named},
    date::DateLayout,
    entries::{Header, Stamp},
    level::{LOG4J, Level},
    shape::without_colour,
};

/// A header is looked for in so many bytes from the beginning of a line.
const HEAD_BYTES_MAX: usize = 1_024;

/// Conversions and texts between them that a pattern may have.
const PIECES_MAX: usize = 128;

/// Patterns within patterns (`%highlight{%d{…} …}`) are read so deep.
const DEPTH_MAX: usize = 8;

/// Ways tried to fit a line, where threads and contexts may hold what follows them.
const STEPS_MAX: u32 = 5_000;

/// Rule of entries whose level the pattern does not write.
const NO_LEVEL: &str = "no level";

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(Box<[u8]>),
    /// Colours, if the console has them.
    Colour,
    Field {
        what: What,
        /// Filled up with spaces on either side.
        padded: bool,
    },
}

#[derive(Clone, Debug)]
enum What {
    Date(DateLayout),
    Level(Vec<(Box<[u8]>, Level)>),
    Message,
    Number,
    Name,
    Text,
}

/// A line being fitted.
struct Fitting<'a> {
    line: &'a [u8],
    stamp: Stamp,
    level: Level,
    message: &'a [u8],
    steps: u32,
}

/// What stands between `%` and a conversion's name.
struct Width {
    padded: bool,
    /// Letters that are left of it: the last ones, or the first where a minus says so.
    most: Option<usize>,
    first: bool,
}

impl Pattern {
    /// Compiles a pattern as log4j's or logback's settings write it. `None` where it writes no message, or
    /// is too long to be one.
    pub fn compile(text: &str) -> Option<Pattern> {
        let mut pieces = Vec::new();
        add(&mut pieces, text.trim(), 0);
        pieces.truncate(PIECES_MAX + 1);
        let at = pieces.iter().position(|piece| is(piece, |what| matches!(what, What::Message)))?;
        let needed = |what: &What| matches!(what, What::Date(_) | What::Level(_));
        if !pieces.iter().skip(at).any(|piece| is(piece, needed)) {
            pieces.truncate(at + 1);
        }
        (pieces.len() <= PIECES_MAX).then_some(Pattern { pieces })
    }

    /// The zone of its times, where it names one.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Field { what: What::Date(layout), .. } => layout.zone.as_ref(),
            _ => None,
        })
    }

    /// Time, level and message of a line that begins with this pattern.
    pub fn header<'a>(&self, line: &'a [u8]) -> Option<Header<'a>> {
        let mut fitting =
            Fitting { line, stamp: Stamp::None, level: Err(NO_LEVEL), message: b"", steps: 0 };
        let fits = fitting.fits(&self.pieces, 0);
        let Fitting { stamp, level, message, .. } = fitting;
        fits.then_some(Header { stamp, level: Some(level), message })
    }
}

fn is(piece: &Piece, is: impl Fn(&What) -> bool) -> bool {
    matches!(piece, Piece::Field { what, .. } if is(what))
}

/// Adds what a pattern writes on its first line. Whether it has a second.
fn add(pieces: &mut Vec<Piece>, pattern: &str, depth: usize) -> bool {
    let mut rest = pattern;
    while let Some(at) = rest.find(['%', '$', '\\']) {
        let (literal, from) = rest.split_at(at);
        add_literal(pieces, literal);
        let after = from.get(1..).unwrap_or_default();
        rest = match from.as_bytes().first() {
            Some(b'%') => match add_conversion(pieces, after, depth) {
                Some(rest) => rest,
                None => return true,
            },
            Some(b'$') => add_property(pieces, after, depth),
            _ => add_escape(pieces, after),
        };
        if pieces.len() > PIECES_MAX {
            return true;
        }
    }
    add_literal(pieces, rest);
    false
}

fn add_literal(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Literal(before)) => *before = [before, text.as_bytes()].concat().into(),
        _ => pieces.push(Piece::Literal(text.as_bytes().into())),
    }
}

/// `\t`, `\(`; what follows the backslash stands for itself.
fn add_escape<'a>(pieces: &mut Vec<Piece>, after: &'a str) -> &'a str {
    let mut chars = after.chars();
    match chars.next() {
        Some('t') => add_literal(pieces, "\t"),
        Some(c) => add_literal(pieces, c.encode_utf8(&mut [0; 4])),
        None => {}
    }
    chars.as_str()
}

/// `${NAME}` and `${NAME:-default}`: the default where it is a pattern; else it may hold anything.
fn add_property<'a>(pieces: &mut Vec<Piece>, after: &'a str, depth: usize) -> &'a str {
    let Some((inner, rest)) = group(after, b'{', b'}') else {
        add_literal(pieces, "$");
        return after;
    };
    match inner.split_once(":-") {
        Some((_, default)) if default.contains('%') && depth < DEPTH_MAX => {
            add(pieces, default, depth + 1);
        }
        _ => pieces.push(Piece::Field { what: What::Text, padded: true }),
    }
    rest
}

/// Adds a conversion and gives the text after it; `None` where the line ends.
fn add_conversion<'a>(pieces: &mut Vec<Piece>, text: &'a str, depth: usize) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('%') {
        add_literal(pieces, "%");
        return Some(rest);
    }
    let (width, text) = width(text);
    let (conversion, after) = match text.starts_with('(') {
        true => (Conversion::Inner, text),
        false => named(text),
    };
    let (arguments, rest) = arguments(after);
    let mut field = |what| pieces.push(Piece::Field { what, padded: width.padded });
    match conversion {
        Conversion::Date => field(What::Date(DateLayout::compile(&arguments)?)),
        Conversion::Level => field(What::Level(levels(&width, &arguments))),
        Conversion::Message => field(What::Message),
        Conversion::Number => field(What::Number),
        Conversion::Name => field(What::Name),
        Conversion::Text => field(What::Text),
        Conversion::Inner => {
            let inner = arguments.first().copied().unwrap_or_default();
            pieces.push(Piece::Colour);
            let ends = depth >= DEPTH_MAX || add(pieces, inner, depth + 1);
            pieces.push(Piece::Colour);
            return (!ends).then_some(rest);
        }
        Conversion::Nothing => {}
        Conversion::LineEnd => return None,
    }
    Some(rest)
}

/// Whether a text begins with another; the first byte spares most comparisons.
fn begins(text: &[u8], with: &[u8]) -> bool {
    text.first() == with.first() && text.starts_with(with) || with.is_empty()
}

/// `-20.30`.
fn width(text: &str) -> (Width, &str) {
    let is_part = |c: char| c.is_ascii_digit() || c == '-' || c == '.';
    let rest = text.trim_start_matches(is_part);
    let width = text.get(..text.len() - rest.len()).unwrap_or_default();
    let (least, most) = width.split_once('.').unwrap_or((width, ""));
    let (padded, first) = (!least.is_empty(), most.starts_with('-'));
    (Width { padded, most: most.trim_start_matches('-').parse().ok(), first }, rest)
}

/// What stands in the braces (or, of logback's groups, parentheses) after a name.
fn arguments(text: &str) -> (Vec<&str>, &str) {
    let (mut all, mut rest) = (Vec::new(), text);
    if let Some((inner, after)) = group(rest, b'(', b')') {
        all.push(inner);
        rest = after;
    }
    while let Some((inner, after)) = group(rest, b'{', b'}') {
        all.push(inner);
        rest = after;
    }
    (all, rest)
}

/// The inside of the pair that a text begins with, and what follows it.
fn group(text: &str, open: u8, close: u8) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == open => depth += 1,
            byte if byte == close && depth <= 1 => {
                return (depth == 1).then_some((text.get(1..at)?, text.get(at + 1..)?));
            }
            byte if byte == close => depth -= 1,
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Words of levels: their names, cut or in small letters or renamed (`%level{WARN=Peringatan, length=1}`).
fn levels(width: &Width, arguments: &[&str]) -> Vec<(Box<[u8]>, Level)> {
    let options: Vec<(&str, &str)> = arguments
        .iter()
        .flat_map(|argument| argument.split(','))
        .filter_map(|option| option.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let option = |name: &str| options.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let length = option("length").and_then(|length| length.parse::<usize>().ok());
    let lower = option("lowerCase").is_some_and(|value| value == "true");
    let word = |name: &str| {
        let word = option(name).unwrap_or(name);
        let length = length.or(width.most).unwrap_or(word.len()).clamp(1, word.len().max(1));
        let cut = if width.first || option("length").is_some() {
            word.get(..length)
        } else {
            word.get(word.len().saturating_sub(length)..)
        };
        let word = cut.unwrap_or(word);
        if lower { word.to_lowercase() } else { word.to_owned() }
    };
    LOG4J.iter().map(|(name, level)| (word(name).into_bytes().into(), *level)).collect()
}

impl<'a> Fitting<'a> {
    /// Whether the pieces fit the line from `at` on, to its end.
    fn fits(&mut self, pieces: &[Piece], at: usize) -> bool {
        self.steps += 1;
        if self.steps > STEPS_MAX || at > self.line.len() {
            return false;
        }
        let Some((piece, rest)) = pieces.split_first() else { return true };
        match piece {
            Piece::Literal(text) => begins(self.from(at), text) && self.fits(rest, at + text.len()),
            Piece::Colour => {
                let text = self.from(at);
                self.fits(rest, at + text.len() - without_colour(text).len())
            }
            Piece::Field { what, padded } => {
                let begin = at + if *padded { self.spaces(at) } else { 0 };
                self.field(what, begin, rest, *padded)
            }
        }
    }

    fn field(&mut self, what: &What, at: usize, rest: &[Piece], padded: bool) -> bool {
        let text = self.from(at);
        match what {
            What::Date(layout) => {
                let mut cursor = Cursor::new(text);
                let Some(stamp) = layout.read(&mut cursor) else { return false };
                self.stamp = stamp;
                self.padding(rest, self.line.len() - cursor.rest().len(), padded)
            }
            What::Level(levels) => {
                let known = levels.iter().find(|(word, _)| begins(text, word));
                let Some((word, level)) = known else { return false };
                self.level = *level;
                self.padding(rest, at + word.len(), padded)
            }
            What::Message if rest.is_empty() => {
                self.message = text;
                true
            }
            What::Message => self.text(at, text.len(), rest, padded, true),
            What::Number => {
                let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                self.padding(rest, at + length, padded)
            }
            What::Name => {
                let length = text.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
                self.text(at, length, rest, padded, false)
            }
            What::Text => self.text(at, text.len(), rest, padded, false),
        }
    }

    /// As little text as lets the rest fit.
    fn text(&mut self, at: usize, most: usize, rest: &[Piece], padded: bool, said: bool) -> bool {
        let text = self.from(at);
        let most = most.min(HEAD_BYTES_MAX);
        let mut length = 0;
        while length <= most && self.steps <= STEPS_MAX {
            // Only where the next literal may begin is there something to try.
            if let Some(Piece::Literal(next)) = rest.first() {
                let Some(next) = next.first() else { return false };
                let ahead = text.get(length..).unwrap_or_default();
                let found = if padded { memchr2(*next, b' ', ahead) } else { memchr(*next, ahead) };
                let Some(found) = found else { return false };
                length += found;
                if length > most {
                    return false;
                }
            }
            if self.padding(rest, at + length, padded) {
                if said {
                    self.message = text.get(..length).unwrap_or_default();
                }
                return true;
            }
            length += 1;
        }
        false
    }

    /// Fits the rest after the spaces that fill a field up. A literal may begin with some of them.
    fn padding(&mut self, rest: &[Piece], at: usize, padded: bool) -> bool {
        let spaces = if padded { self.spaces(at) } else { 0 };
        (0..=spaces).rev().any(|spaces| self.fits(rest, at + spaces))
    }

    fn spaces(&self, at: usize) -> usize {
        self.from(at).iter().take_while(|byte| **byte == b' ').count()
    }

    fn from(&self, at: usize) -> &'a [u8] {
        self.line.get(at..).unwrap_or_default()
    }
}
