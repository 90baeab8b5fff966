//! How the lines of an access log are laid out: `log_format` of nginx or `LogFormat` of Apache, made into
//! fields and the texts between them. Whole directives (`log_format main '…' '…';`, `LogFormat "…" name`)
//! are taken as they stand in the server's configuration.

use std::fmt;

use memchr::memchr;

use super::closing_quote;

mod directive;
mod fields;

use fields::Unit;
pub use fields::{Fields, When};

/// A longer pattern is no pattern. nginx and Apache read lines of configuration of 4 and 8 KiB.
const PATTERN_BYTES_MAX: usize = 4_096;
/// Fields of a pattern.
const SLOTS_MAX: usize = 64;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What the line begins with.
    lead: Box<[u8]>,
    slots: Vec<Slot>,
}

/// A field and what stands behind it.
#[derive(Clone, Debug)]
struct Slot {
    field: Field,
    /// Empty behind the last field, which goes to the end of the line.
    after: Box<[u8]>,
    /// Between double quotes: ends at one that is not escaped.
    quoted: bool,
    /// So many times `after` stands within the field itself, as the space of a time.
    within: usize,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Client,
    Forwarded,
    Port,
    /// Method, target, protocol.
    Request,
    Method,
    Target,
    /// Query with its `?`; follows the target without anything between.
    Query,
    Status,
    Bytes,
    Duration(Unit),
    Time(When),
    Agent,
    /// Of no interest. A list may hold what stands behind it: `0.1, 0.2 : 0.3`.
    Other,
    List,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// Neither variables of nginx nor directives of Apache, or too many of them.
    NoPattern,
    /// Nothing stands between two fields, so that nothing tells where the first ends.
    Touching(String),
    /// A line so written tells no status, or neither request nor path.
    Lacks(&'static str),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::NoPattern => f.write_str(
                "is neither a log_format of nginx ($remote_addr …) nor a LogFormat of Apache (%h …)",
            ),
            PatternError::Touching(field) => {
                write!(f, "has nothing between {field} and the field before it")
            }
            PatternError::Lacks(what) => write!(f, "lacks {what}"),
        }
    }
}

impl std::error::Error for PatternError {}

/// A piece of a pattern as written.
enum Piece<'a> {
    Literal(&'a [u8]),
    /// A field and its name.
    Field(Field, &'a str),
}

impl Pattern {
    /// The pattern of a setting.
    pub fn compile(text: &str) -> Result<Pattern, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::NoPattern);
        }
        let text = directive::value(text);
        let pieces = directive::pieces(&text).ok_or(PatternError::NoPattern)?;
        let mut pattern = Pattern { lead: Box::default(), slots: Vec::new() };
        for piece in pieces {
            pattern.add(piece)?;
        }
        pattern.finish();
        pattern.check().map(|()| pattern)
    }

    fn add(&mut self, piece: Piece<'_>) -> Result<(), PatternError> {
        let is_full = self.slots.len() >= SLOTS_MAX;
        match (piece, self.slots.last_mut()) {
            (Piece::Literal(text), None) => self.lead = [&*self.lead, text].concat().into(),
            (Piece::Literal(text), Some(slot)) => slot.after = [&*slot.after, text].concat().into(),
            (Piece::Field(field, name), Some(last)) if last.after.is_empty() => {
                return last.join(field).ok_or_else(|| PatternError::Touching(name.to_owned()));
            }
            (Piece::Field(..), _) if is_full => return Err(PatternError::NoPattern),
            (Piece::Field(field, _), last) => {
                let before = last.map_or(&self.lead, |slot| &slot.after);
                let quoted = before.ends_with(b"\"");
                self.slots.push(Slot { field, after: Box::default(), quoted, within: 0 });
            }
        }
        Ok(())
    }

    /// Where one thing is told twice, the finest is read; of times the first that is whole.
    fn finish(&mut self) {
        let duration = |slot: &Slot| match slot.field {
            Field::Duration(unit) => Some(unit),
            _ => None,
        };
        let is_whole = |slot: &Slot| matches!(&slot.field, Field::Time(when) if when.is_whole());
        let finest = self.slots.iter().filter_map(duration).min();
        let whole = self.slots.iter().position(is_whole);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            slot.quoted &= slot.after.starts_with(b"\"");
            if let Field::Time(when) = &slot.field {
                slot.within = when.holds(&slot.after);
            }
            let is_coarse = duration(slot).is_some_and(|unit| Some(unit) != finest);
            let is_further =
                matches!(slot.field, Field::Time(_)) && whole.is_some_and(|at| at != index);
            if is_coarse || is_further {
                slot.field = Field::Other;
            }
        }
    }

    fn check(&self) -> Result<(), PatternError> {
        let has = |field: &Field| self.slots.iter().any(|slot| slot.field == *field);
        match () {
            () if self.slots.is_empty() => Err(PatternError::NoPattern),
            () if !has(&Field::Status) => Err(PatternError::Lacks("the status ($status, %>s)")),
            () if !has(&Field::Request) && !has(&Field::Target) => {
                Err(PatternError::Lacks("the request ($request, %r) or its path ($uri, %U)"))
            }
            () => Ok(()),
        }
    }

    /// Reads the fields of a line. `None` where it is not laid out so; what is in `fields` then says nothing.
    pub fn read<'a>(&self, line: &'a [u8], fields: &mut Fields<'a>) -> Option<()> {
        *fields = Fields::default();
        let mut rest = without(line, &self.lead)?;
        for slot in &self.slots {
            let (text, after) = slot.take(rest)?;
            fields.set(&slot.field, text)?;
            rest = after;
        }
        rest.is_empty().then_some(())
    }

    /// How its times are written.
    pub fn times(&self) -> impl Iterator<Item = &When> {
        self.slots.iter().filter_map(|slot| match &slot.field {
            Field::Time(when) => Some(when),
            _ => None,
        })
    }
}

impl Slot {
    /// Takes a field in that follows without anything between, where the two are read as one.
    fn join(&mut self, field: Field) -> Option<()> {
        match (&self.field, field) {
            (Field::Target | Field::Query, Field::Query) => Some(()),
            (Field::Other, Field::Target) => {
                self.field = Field::Target;
                Some(())
            }
            (Field::Other, Field::Other) => Some(()),
            _ => None,
        }
    }

    /// The field at the beginning of `rest`, and what is behind it and its end.
    #[inline]
    fn take<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let Some(first) = self.after.first() else { return Some((rest, b"")) };
        let (mut from, mut within) = (0, self.within);
        loop {
            let further = rest.get(from..)?;
            let found = if self.quoted { closing_quote(further) } else { memchr(*first, further) };
            let at = from + found?;
            let (text, tail) = rest.split_at_checked(at)?;
            from = at + 1;
            let Some(after) = without(tail, &self.after) else { continue };
            if within > 0 {
                within -= 1;
            } else if self.field != Field::List || !goes_on(text, after) {
                return Some((text, after));
            }
        }
    }
}

/// What follows a separator. These are of one to three bytes: a comparison made for long ones takes longer
/// than the bytes.
#[inline]
fn without<'a>(text: &'a [u8], separator: &[u8]) -> Option<&'a [u8]> {
    let (begin, rest) = text.split_at_checked(separator.len())?;
    begin.iter().zip(separator).all(|(a, b)| a == b).then_some(rest)
}

/// Whether a list does not end between the two: `0.1, 0.2 : 0.3`.
fn goes_on(text: &[u8], after: &[u8]) -> bool {
    text.ends_with(b",") || text.ends_with(b":") || after.starts_with(b": ")
}

#[cfg(test)]
mod tests;
