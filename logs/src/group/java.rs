//! Finds in a redacted block what names a Java error: its exception, its root cause, and where in the
//! application's own code it happened.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

/// Packages that are not the application's own: their frames say how, not where.
const FOREIGN_PACKAGES: &[&str] = &[
    "antlr.",
    "ch.qos.",
    "com.google.",
    "com.mchange.",
    "com.sun.",
    "com.zaxxer.",
    "freemarker.",
    "groovy.",
    "io.netty.",
    "jakarta.",
    "java.",
    "javassist.",
    "javax.",
    "jdk.",
    "net.sf.",
    "okhttp3.",
    "org.apache.",
    "org.codehaus.",
    "org.eclipse.",
    "org.hibernate.",
    "org.jboss.",
    "org.postgresql.",
    "org.slf4j.",
    "org.springframework.",
    "play.",
    "scala.",
    "sun.",
    "Invocation.",
];

/// Frames that take part in the fingerprint: enough to tell two ways to one helper apart, few enough
/// that a change far from the error does not rename it.
const FRAMES_MAX: usize = 5;

/// The message of the root cause takes part up to here.
const MESSAGE_BYTES_MAX: usize = 300;

/// What names a Java error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Class of the outermost exception.
    pub exception: String,
    /// Class of the innermost cause; the same as `exception` where there is no cause.
    pub root: String,
    /// First line of the root cause's message.
    pub message: String,
    /// `class.method` of the application's own frames, innermost first, without line numbers.
    pub frames: Vec<String>,
}

/// An exception of the chain, with its own frames.
struct Link<'a> {
    class: &'a str,
    message: &'a str,
    frames: Vec<String>,
    has_frames: bool,
}

/// The trace in a block, if there is one.
pub fn trace(block: &str) -> Option<Trace> {
    let chain = chain(block);
    let outer = chain.first()?;
    let root = chain.last()?;
    let frames = chain.iter().rev().map(|link| &link.frames).find(|frames| !frames.is_empty());
    let cut = root.message.floor_char_boundary(MESSAGE_BYTES_MAX);
    Some(Trace {
        exception: outer.class.to_owned(),
        root: root.class.to_owned(),
        message: root.message.get(..cut).unwrap_or_default().to_owned(),
        frames: frames.cloned().unwrap_or_default(),
    })
}

fn chain(block: &str) -> Vec<Link<'_>> {
    let mut chain: Vec<Link<'_>> = Vec::new();
    for line in block.lines().map(str::trim) {
        if let Some(frame) = frame(line) {
            if let Some(link) = chain.last_mut() {
                link.has_frames = true;
                if link.frames.len() < FRAMES_MAX && is_own(&frame) {
                    link.frames.push(frame.into_owned());
                }
            }
        } else if let Some(cause) = line.strip_prefix("Caused by: ") {
            chain.extend(exception(cause));
        } else if let Some(link) = exception(line) {
            // A line of prose that looks like an exception is replaced by the one that has the frames.
            match chain.last() {
                None => chain.push(link),
                Some(last) if !last.has_frames && chain.len() == 1 => chain = vec![link],
                Some(_) => {}
            }
        }
    }
    chain
}

/// `java.lang.NullPointerException: message`, the class fully qualified.
fn exception(line: &str) -> Option<Link<'_>> {
    let (class, message) = line.split_once(':').unwrap_or((line, ""));
    let (package, name) = class.rsplit_once('.')?;
    let is_package = package.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && part.chars().all(is_java)
            || part.starts_with(|c: char| c.is_ascii_uppercase()) && part.chars().all(is_java)
    });
    let is_class = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(is_java);
    let is_throwable =
        ["Exception", "Error", "Throwable", "Failure"].iter().any(|e| name.ends_with(e));
    (is_package && is_class && is_throwable).then(|| Link {
        class,
        message: message.trim(),
        frames: Vec::new(),
        has_frames: false,
    })
}

fn is_java(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

/// `class.method` of a line `at module/class.method(File.java:12)`.
fn frame(line: &str) -> Option<Cow<'_, str>> {
    let place = line.strip_prefix("at ")?;
    let place = place.get(..memchr(b'(', place.as_bytes())?)?;
    let module = memrchr(b'/', place.as_bytes()).map_or(0, |slash| slash + 1);
    let place = place.get(module..)?;
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"_$.<> ".contains(&b);
    let valid = memchr(b'.', place.as_bytes()).is_some() && place.bytes().all(is_part);
    valid.then(|| without_generated_numbers(place))
}

/// `lambda$view$3` and `Proxy12` are numbered anew with each build or start.
fn without_generated_numbers(place: &str) -> Cow<'_, str> {
    // Hardly any place has either letter: the search for the word is spared.
    let marked = memchr2(b'$', b'G', place.as_bytes()).is_some();
    if marked && (place.contains('$') || place.contains("Generated")) {
        place.chars().filter(|c| !c.is_ascii_digit()).collect()
    } else {
        Cow::Borrowed(place)
    }
}

fn is_own(frame: &str) -> bool {
    !FOREIGN_PACKAGES.iter().any(|package| frame.starts_with(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "
@6f02fa9dd
Internal Server Error (500) for request GET /lelang/123

Execution exception (In /app/controllers/Lelang.java around line 88)
PersistenceException occured : could not execute statement

play.exceptions.JavaExecutionException: could not execute statement
\tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:233)
\tat Invocation.HTTP Request(Play!)
Caused by: javax.persistence.PersistenceException: could not execute statement
\tat org.hibernate.ejb.AbstractEntityManagerImpl.convert(AbstractEntityManagerImpl.java:1389)
\tat models.Peserta.simpan(Peserta.java:57)
\tat controllers.Lelang.daftar(Lelang.java:88)
\t... 12 more
Caused by: org.postgresql.util.PSQLException: ERROR: duplicate key value violates unique constraint \"peserta_pkey\"
  Detail: Key (id)=(<value>) already exists.
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2440)
\t... 30 more
";

    #[test]
    fn exception_root_cause_and_own_frames_are_found() {
        assert_eq!(
            trace(BLOCK),
            Some(Trace {
                exception: "play.exceptions.JavaExecutionException".to_owned(),
                root: "org.postgresql.util.PSQLException".to_owned(),
                message: "ERROR: duplicate key value violates unique constraint \"peserta_pkey\""
                    .to_owned(),
                frames: vec![
                    "models.Peserta.simpan".to_owned(),
                    "controllers.Lelang.daftar".to_owned()
                ],
            })
        );
    }

    #[test]
    fn prose_is_no_trace() {
        assert_eq!(trace("Gagal mengirim email: server tidak menjawab"), None);
        assert_eq!(trace("see http://a.b/Exception"), None);
    }

    #[test]
    fn an_exception_without_frames_is_still_one() {
        let found = trace("Proses gagal\njava.lang.NullPointerException").unwrap();
        assert_eq!(
            (found.root.as_str(), found.frames.len()),
            ("java.lang.NullPointerException", 0)
        );
    }

    #[test]
    fn numbers_that_change_with_each_build_are_dropped() {
        let block = |n: u8| {
            format!(
                "java.lang.Error: x\n\tat java.base/java.lang.A.b(C.java:1)\n\tat app//ext.X.lambda$y${n}(X.java:{n})"
            )
        };
        assert_eq!(trace(&block(1)), trace(&block(2)));
        assert_eq!(trace(&block(1)).unwrap().frames, ["ext.X.lambda$y$"]);
    }
}
