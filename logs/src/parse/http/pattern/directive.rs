//! Variables of nginx and directives of Apache.

use std::borrow::Cow;

use super::{Field, Piece, SLOTS_MAX, Unit, When};

/// Variables of nginx's `log_format` (ngx_http_core, log, upstream modules). Others are of no interest.
#[rustfmt::skip]
const VARIABLES: &[(&str, Field)] = &[
    ("remote_addr", Field::Client),
    ("http_x_forwarded_for", Field::Forwarded),
    ("proxy_add_x_forwarded_for", Field::Forwarded),
    ("remote_port", Field::Port),
    ("server_port", Field::Port),
    ("request", Field::Request),
    ("request_method", Field::Method),
    ("request_uri", Field::Target),
    ("uri", Field::Target),
    ("document_uri", Field::Target),
    ("args", Field::Query),
    ("is_args", Field::Query),
    ("query_string", Field::Query),
    ("status", Field::Status),
    ("body_bytes_sent", Field::Bytes),
    ("bytes_sent", Field::Bytes),
    ("request_time", Field::Duration(Unit::Seconds)),
    ("time_local", Field::Time(When::Local)),
    ("time_iso8601", Field::Time(When::Iso)),
    ("msec", Field::Time(When::Epoch)),
    ("http_user_agent", Field::Agent),
];

/// Directives of Apache's `LogFormat` without an argument (mod_log_config, mod_logio).
#[rustfmt::skip]
const LETTERS: &[(u8, Field)] = &[
    (b'h', Field::Client),
    (b'a', Field::Client),
    (b'p', Field::Port),
    (b'r', Field::Request),
    (b'm', Field::Method),
    (b'U', Field::Target),
    (b'q', Field::Query),
    (b's', Field::Status),
    (b'b', Field::Bytes),
    (b'B', Field::Bytes),
    (b'O', Field::Bytes),
    (b'D', Field::Duration(Unit::Micros)),
    (b'T', Field::Duration(Unit::Seconds)),
];

/// The pattern within a directive of a configuration, or the text itself.
pub fn value(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("log_format ") {
        let quoted = |mark: char| rest.split(mark).skip(1).step_by(2).collect::<String>();
        let mark = if rest.contains('\'') { '\'' } else { '"' };
        return Cow::Owned(quoted(mark));
    }
    let whole = text.strip_prefix("LogFormat ").or_else(|| text.strip_prefix("CustomLog "));
    let text = match whole.and_then(|rest| rest.split_once('"')) {
        Some((_, rest)) => until_quote(rest),
        None => text,
    };
    if text.contains("\\\"") { Cow::Owned(text.replace("\\\"", "\"")) } else { Cow::Borrowed(text) }
}

fn until_quote(text: &str) -> &str {
    super::closing_quote(text.as_bytes()).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Takes what a sign begins, and gives what follows.
type Take = fn(&str) -> Option<(Piece<'_>, &str)>;

/// The pieces of a pattern; which of the two servers it is for is told by its signs.
pub fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let is_variable = |pair: &[u8]| matches!(pair, [b'$', b'a'..=b'z' | b'A'..=b'Z' | b'{']);
    let nginx = text.as_bytes().windows(2).any(is_variable);
    let (sign, take): (u8, Take) = if nginx { (b'$', variable) } else { (b'%', directive) };
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && pieces.len() <= 2 * SLOTS_MAX {
        let at = memchr::memchr(sign, rest.as_bytes()).unwrap_or(rest.len());
        let (literal, from_sign) = rest.split_at_checked(at)?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.as_bytes()));
        }
        if from_sign.is_empty() {
            return Some(pieces);
        }
        let (piece, after) = take(from_sign)?;
        pieces.extend(opened(piece));
        rest = after;
    }
    rest.is_empty().then_some(pieces)
}

/// `%t` stands in brackets of its own.
fn opened(piece: Piece<'_>) -> impl Iterator<Item = Piece<'_>> {
    let bracket = |is: bool, text: &'static [u8]| is.then_some(Piece::Literal(text));
    let own = matches!(piece, Piece::Field(Field::Time(When::Local), "%t"));
    bracket(own, b"[").into_iter().chain([piece]).chain(bracket(own, b"]"))
}

/// `$name` or `${name}`.
fn variable(text: &str) -> Option<(Piece<'_>, &str)> {
    let name = text.get(1..)?;
    let (name, rest) = match name.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            name.split_at_checked(name.find(|c| !is_name(c)).unwrap_or(name.len()))?
        }
    };
    if name.is_empty() {
        return None;
    }
    let known = VARIABLES.iter().find(|(known, _)| *known == name);
    let list = name.starts_with("upstream_");
    let other = if list { Field::List } else { Field::Other };
    Some((Piece::Field(known.map_or(other, |(_, field)| field.clone()), name), rest))
}

/// `%>s`, `%{Name}i`, `%!200,304{Referer}i`, `%%`.
fn directive(text: &str) -> Option<(Piece<'_>, &str)> {
    let rest = text.get(1..)?;
    if let Some(rest) = rest.strip_prefix('%') {
        return Some((Piece::Literal(b"%"), rest));
    }
    let is_modifier = |c: char| c.is_ascii_digit() || matches!(c, '<' | '>' | '!' | ',');
    let rest = rest.trim_start_matches(is_modifier);
    let (argument, rest) = match rest.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => ("", rest),
    };
    // `%^ti` and its like name trailers with two letters.
    let letters = if rest.starts_with('^') { 3 } else { 1 };
    let (letter, rest) = rest.split_at_checked(letters)?;
    let name = text.get(..text.len() - rest.len())?;
    Some((Piece::Field(named(letter, argument)?, name), rest))
}

fn named(letters: &str, argument: &str) -> Option<Field> {
    let letter = *letters.as_bytes().first()?;
    Some(match (letter, argument) {
        (b't', "") => Field::Time(When::Local),
        (b't', format) => Field::Time(When::of_apache(format)),
        (b'T', "ms") => Field::Duration(Unit::Millis),
        (b'T', "us") => Field::Duration(Unit::Micros),
        // Not Apache's: for layouts of which only the lines are known.
        (b'T', "any") => Field::Duration(Unit::ByShape),
        (b'T', "s") => Field::Duration(Unit::Seconds),
        (b'i', header) if header.eq_ignore_ascii_case("User-Agent") => Field::Agent,
        (b'i', header) if header.eq_ignore_ascii_case("X-Forwarded-For") => Field::Forwarded,
        (b'a', "c") => Field::Client,
        (b'p', _) => Field::Port,
        (b'^', _) => Field::Other,
        (letter, "") if letter.is_ascii_alphabetic() => {
            let known = LETTERS.iter().find(|(known, _)| *known == letter);
            known.map_or(Field::Other, |(_, field)| field.clone())
        }
        (letter, _) if letter.is_ascii_alphabetic() => Field::Other,
        _ => return None,
    })
}
