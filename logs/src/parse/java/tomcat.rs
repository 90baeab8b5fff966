//! java.util.logging, as Tomcat (`catalina.out`, `localhost.log`) and the JDK itself lay it out: on one
//! line (`org.apache.juli.OneLineFormatter`), or on two (`java.util.logging.SimpleFormatter`), whose first
//! bears time and place, the second level and message. Levels and months are in the JVM's language.

use super::{
    super::time::Cursor,
    entries::{Entries, Header, Headers, Stamp},
    level::{JUL, Level, named},
    stamp, trace,
};
use crate::format::Format;

/// See the module.
pub const FORMAT: Format = Format {
    name: "tomcat",
    about: "Tomcat and other users of java.util.logging (catalina.out), on one line or two",
    layout: None,
    check_layout: None,
    of_cluster: false,
    // Every header bears date and time.
    in_pieces: true,
    specificity: 80,
    open: |layout| Box::new(Entries::new(Tomcat, layout.zone.clone())),
};

/// The name of a thread is looked for in so many bytes.
const THREAD_BYTES_MAX: usize = 200;

/// Its headers.
struct Tomcat;

impl Headers for Tomcat {
    // A trace that follows an INFO was logged with it (a request that could not be read, for one).
    const PRINTED_TRACES: bool = false;

    fn header<'a>(&self, line: &'a [u8]) -> Option<Header<'a>> {
        let mut cursor = Cursor::new(line);
        let stamp = match line.first()? {
            b'0'..=b'9' if line.get(1..3)?.contains(&b'-') => stamp::any(&mut cursor)?,
            b'A'..=b'Z' => stamp::any(&mut cursor)?,
            _ => return None,
        };
        let Stamp::Local(_) = stamp else { return None };
        let rest = cursor.rest().strip_prefix(b" ")?;
        let word = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let (word, after) = rest.split_at_checked(word)?;
        match named(JUL, word) {
            // What nobody reads need not be found.
            Some(Err(rule)) => Some(Header { stamp, level: Some(Err(rule)), message: after }),
            Some(level) => Some(Header { stamp, level: Some(level), message: message(after) }),
            None if is_place(rest) => Some(Header { stamp, level: None, message: b"" }),
            None => None,
        }
    }

    fn second<'a>(&self, line: &'a [u8]) -> Option<(Level, &'a [u8])> {
        let word = line.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let (word, after) = line.split_at_checked(word)?;
        let after = after.strip_prefix(b":")?;
        Some((named(JUL, word)?, after.strip_prefix(b" ").unwrap_or(after)))
    }

    fn rest(&self, line: &[u8]) -> bool {
        trace::is_rest(line) || self.second(line).is_some()
    }
}

/// The message after ` [thread] class.method `.
fn message(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    let within = text.get(..THREAD_BYTES_MAX).unwrap_or(text);
    let thread = within.strip_prefix(b"[").and_then(|name| memchr::memmem::find(name, b"] "));
    let text = thread.and_then(|end| text.get(end + 3..)).unwrap_or(text);
    let place = text.iter().take_while(|byte| is_name(byte)).count();
    match text.split_at_checked(place) {
        Some((place, after)) if place.contains(&b'.') && after.starts_with(b" ") => {
            after.get(1..).unwrap_or_default()
        }
        Some((place, b"")) if place.contains(&b'.') => b"",
        _ => text,
    }
}

/// Whether a text is `org.apache.catalina.core.StandardContext start`, or the name of a logger alone.
fn is_place(text: &[u8]) -> bool {
    let mut words = text.split(|byte| *byte == b' ');
    let class = words.next().unwrap_or_default();
    let method = words.next();
    let is_method = |b: &u8| is_name(b) || matches!(b, b'<' | b'>');
    class.contains(&b'.')
        && class.iter().all(is_name)
        && method.is_none_or(|method| !method.is_empty() && method.iter().all(is_method))
        && words.next().is_none()
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'-')
}
