//! From the path of a request to the route of all requests of its kind: what varies becomes a placeholder,
//! as in `/eproc4/lelang/<n>/pengumumanlelang`. What is not plainly a word of a route is replaced: a path
//! may carry names, tokens and file names, and scanners ask for whatever they think of.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

use crate::{parse::http, redact::Redactor};

/// Of a longer path the beginning names the route.
const PATH_BYTES_MAX: usize = 1_024;
/// Deeper paths have one route.
const SEGMENTS_MAX: usize = 8;
/// Stands for what is deeper.
const DEEPER: &str = "/<more>";

/// Longer words are values.
const WORD_BYTES_MAX: usize = 40;
/// Letters without anything between them; the longest names of SPSE's pages have some twenty.
const LETTERS_MAX: usize = 24;
/// Digits in a word, as in `eproc4` and `v2`; with more it is a value.
const WORD_DIGITS_MAX: usize = 2;
/// Capitals after small letters, as in `getListLelang`; with more it is a token.
const HUMPS_MAX: usize = 4;
/// A shorter hexadecimal word may be a word.
const HEX_BYTES_MIN: usize = 8;
/// A shorter value is called an id rather than a token.
const TOKEN_BYTES_MIN: usize = 16;

/// Files that belong to a page and not to a user; they are asked for in thousands and say nothing.
const STATIC: &[&str] = &[
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "bmp",
    "woff", "woff2", "ttf", "otf", "eot", "mp4", "webm",
];

/// Files that somebody made: their names may tell of persons and bids.
const DOCUMENTS: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ods", "odt", "ppt", "pptx", "csv", "zip", "rar", "7z",
    "gz", "tar", "rhs", "apk", "exe", "jar", "p12", "cer", "bak", "sql", "backup", "log",
];

/// Pages: their names belong to the route.
const PAGES: &[&str] = &[
    "html",
    "htm",
    "php",
    "jsp",
    "jsf",
    "do",
    "action",
    "asp",
    "aspx",
    "cgi",
    "xml",
    "json",
    "txt",
    "webmanifest",
    "rss",
];

/// Behind these stands a secret. Lower case.
const BEFORE_SECRET: &[&str] = &[
    "token",
    "password",
    "passwd",
    "sandi",
    "katasandi",
    "reset",
    "resetpassword",
    "aktivasi",
    "aktifasi",
    "activation",
    "verifikasi",
    "verify",
    "konfirmasi",
    "confirm",
    "session",
    "sesi",
    "otp",
    "key",
    "apikey",
    "secret",
    "unsubscribe",
];

/// Behind these stands a person. Lower case.
const BEFORE_PERSON: &[&str] = &[
    "user", "users", "username", "userid", "pengguna", "akun", "nama", "email", "nik", "npwp",
    "nip",
];

/// Words that are no person and no secret wherever they stand. Lower case.
const ACTIONS: &[&str] = &[
    "login", "logout", "masuk", "keluar", "index", "profile", "profil", "view", "lihat", "list",
    "edit", "ubah", "create", "tambah", "daftar", "simpan", "save", "submit", "delete", "hapus",
    "cari", "search", "form", "lupa", "forgot", "kirim", "resend", "data",
];

/// The path of a request's target: without scheme, host, query and fragment.
pub fn path(target: &str) -> &str {
    let end = memchr2(b'?', b'#', target.as_bytes()).unwrap_or(target.len());
    let target = target.get(..end.min(target.floor_char_boundary(PATH_BYTES_MAX)));
    let target = target.unwrap_or_default();
    if target.starts_with('/') {
        return target;
    }
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    }
}

/// Writes the route of a path.
pub fn template(redactor: &mut Redactor, path: &str, out: &mut String) {
    let start = out.len();
    if let Some(kind) = static_kind(path) {
        out.push_str("<static ");
        out.push_str(kind);
        return out.push('>');
    }
    let mut shown = Vec::with_capacity(SEGMENTS_MAX);
    let mut is_deeper = false;
    for raw in path.split('/') {
        let segment = segment(raw, shown.last().map(AsRef::as_ref), redactor);
        match &*segment {
            "" | "." => {}
            ".." => {
                shown.pop();
            }
            _ if shown.len() < SEGMENTS_MAX => shown.push(segment),
            _ => is_deeper = true,
        }
    }
    for segment in &shown {
        out.push('/');
        out.push_str(segment);
    }
    if is_deeper {
        out.push_str(DEEPER);
    }
    if out.len() == start {
        out.push('/');
    }
}

/// The kind of a file that belongs to a page.
fn static_kind(path: &str) -> Option<&'static str> {
    let name = path.get(memrchr(b'/', path.as_bytes())? + 1..)?;
    let name = name.get(..memchr(b';', name.as_bytes()).unwrap_or(name.len()))?;
    known_extension(name, STATIC)
}

fn known_extension(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let extension = name.get(memrchr(b'.', name.as_bytes())? + 1..)?;
    known.iter().copied().find(|known| known.eq_ignore_ascii_case(extension))
}

/// What of a path's segment is shown, `before` standing before it.
fn segment<'a>(raw: &'a str, before: Option<&str>, redactor: &mut Redactor) -> Cow<'a, str> {
    // A session may stand in a path: `view;jsessionid=…`.
    let raw = raw.split(';').next().unwrap_or_default();
    let Some(text) = decoded(raw) else { return Cow::Borrowed("<text>") };
    let is_hidden = before.is_some_and(|before| hides(before, &text));
    match placeholder(&text) {
        _ if matches!(&*text, "" | "." | "..") => text,
        Shown::Placeholder(placeholder) => Cow::Borrowed(placeholder),
        Shown::File(extension) => Cow::Owned(format!("<file>.{extension}")),
        Shown::Word if is_hidden => Cow::Borrowed("<value>"),
        Shown::Word => as_word(text, redactor),
    }
}

/// A word of letters is plain; the redactor has a look at any other.
fn as_word<'a>(text: Cow<'a, str>, redactor: &mut Redactor) -> Cow<'a, str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_plain || redactor.text(&text) == text { text } else { Cow::Borrowed("<value>") }
}

/// Whether a segment is secret by the one before it.
fn hides(before: &str, text: &str) -> bool {
    let is_in = |words: &[&str], text: &str| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    (is_in(BEFORE_SECRET, before) || is_in(BEFORE_PERSON, before)) && !is_in(ACTIONS, text)
}

/// A segment with its `%41` undone, where the outcome is text that cannot be taken for another path.
fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    if memchr(b'%', raw.as_bytes()).is_none() {
        return Some(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                out.push(http::hex(*high)? << 4 | http::hex(*low)?);
                rest = after;
            }
            (byte, _) => out.push(*byte),
        }
    }
    let text = String::from_utf8(out).ok()?;
    let is_safe = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | ';' | '?' | '#' | '%');
    text.chars().all(is_safe).then_some(Cow::Owned(text))
}

/// What a segment shows as.
enum Shown {
    Word,
    Placeholder(&'static str),
    File(&'static str),
}

fn placeholder(text: &str) -> Shown {
    let all = |of: fn(u8) -> bool| text.bytes().all(of);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = text.len() >= HEX_BYTES_MIN && digits > 0 && all(|b| b.is_ascii_hexdigit());
    if digits > 0 && all(|b| b.is_ascii_digit() || b"-._:,".contains(&b)) {
        return Shown::Placeholder("<n>");
    }
    match text {
        _ if is_uuid(text) => Shown::Placeholder("<uuid>"),
        _ if text.contains('@') => Shown::Placeholder("<email>"),
        _ if is_hex => Shown::Placeholder("<hex>"),
        _ if text.contains('.') => file(text),
        _ if is_word(text) => Shown::Word,
        _ if !all(|b| b.is_ascii_alphanumeric() || b"-_=+~".contains(&b)) => {
            Shown::Placeholder("<text>")
        }
        _ if text.len() >= TOKEN_BYTES_MIN => Shown::Placeholder("<token>"),
        _ => Shown::Placeholder("<id>"),
    }
}

/// A name with a point: of a page, of a document, or hidden, as `.env`.
fn file(text: &str) -> Shown {
    if let Some(kind) = known_extension(text, DOCUMENTS) {
        return Shown::File(kind);
    }
    if let Some(page) = known_extension(text, PAGES) {
        let (name, _) = text.rsplit_once('.').unwrap_or((text, ""));
        return if is_word(name) { Shown::Word } else { Shown::File(page) };
    }
    match text.strip_prefix('.') {
        Some(name) if name.bytes().all(|byte| byte == b'.') => Shown::Word,
        Some(name) if is_word(name) => Shown::Word,
        _ => Shown::Placeholder("<file>"),
    }
}

fn is_uuid(text: &str) -> bool {
    let mut groups = text
        .split('-')
        .map(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(group.len()));
    [8, 4, 4, 4, 12].iter().all(|length| groups.next() == Some(Some(*length)))
        && groups.next().is_none()
}

/// Whether a text reads as the name of a page or an action.
fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let letters = bytes.split(|byte| !byte.is_ascii_alphabetic()).map(<[u8]>::len).max();
    let is_hump = |pair: &[u8]| matches!(pair, [b'a'..=b'z', b'A'..=b'Z']);
    bytes.len() <= WORD_BYTES_MAX
        && (1..=LETTERS_MAX).contains(&letters.unwrap_or(0))
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() <= WORD_DIGITS_MAX
        && bytes.windows(2).filter(|pair| is_hump(pair)).count() <= HUMPS_MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(target: &str) -> String {
        let mut out = String::new();
        template(&mut Redactor::default(), path(target), &mut out);
        out
    }

    #[test]
    fn what_varies_becomes_a_placeholder_and_the_words_of_the_route_stay() {
        for (target, expected) in [
            ("/", "/"),
            ("", "/"),
            (
                "/eproc4/lelang/1234567/pengumumanlelang?x=budi",
                "/eproc4/lelang/<n>/pengumumanlelang",
            ),
            ("/eproc4//lelang/./9/../8/peserta/", "/eproc4/lelang/<n>/peserta"),
            ("/../../a", "/a"),
            ("/%2e%2e/%61bc", "/abc"),
            ("/a%2fb/c", "/<text>/c"),
            ("/a%zz/%", "/<text>/<text>"),
            ("/getListLelang/v2", "/getListLelang/v2"),
            ("/berita/2026-11-21", "/berita/<n>"),
            ("/job/0b5d1c9e-1111-4222-8333-abcdefabcdef", "/job/<uuid>"),
            ("/dl/4f3c2b1a99887766", "/dl/<hex>"),
            ("/dl/QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1Njc4", "/dl/<token>"),
            ("/dl/aBcDeFgHiJkLmNoPqRsT", "/dl/<token>"),
            ("/peserta/rekanan117", "/peserta/<id>"),
            ("/kirim/budi@contoh.go.id", "/kirim/<email>"),
            ("/kirim/budi%40contoh.go.id", "/kirim/<email>"),
            ("/dokumen/Penawaran PT Maju.PDF", "/dokumen/<file>.pdf"),
            ("/dokumen/surat.rahasia", "/dokumen/<file>"),
            ("/view;jsessionid=AB12CD34/9", "/view/<n>"),
            ("/public/css/a/main.css?v=3", "<static css>"),
            ("/img/0a1b2c3d4e.JPG", "<static jpg>"),
            ("/index.html", "/index.html"),
            ("/wp-login.php", "/wp-login.php"),
            ("/notulen-rapat-117.html", "/<file>.html"),
            ("/.env", "/.env"),
            ("/.git/config", "/.git/config"),
            ("/reset/rahasia", "/reset/<value>"),
            ("/user/budi", "/user/<value>"),
            ("/user/login", "/user/login"),
            ("/Jl Merdeka", "/<text>"),
            ("/lelang/id=7", "/lelang/<id>"),
            ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/<more>"),
            ("https://spse.contoh.go.id/eproc4?x", "/eproc4"),
            ("https://spse.contoh.go.id", "/"),
            ("*", "/<text>"),
            ("contoh.go.id:443", "/<file>"),
        ] {
            assert_eq!(route(target), expected, "{target}");
        }
    }

    proptest! {
        #[test]
        fn a_route_is_short_and_ascii(target in "[/a-zA-Z0-9%.;=?é -]{0,300}") {
            let once = route(&target);
            prop_assert!(once.len() <= SEGMENTS_MAX * (WORD_BYTES_MAX + 16) + DEEPER.len());
            prop_assert!(once.is_ascii());
        }

        #[test]
        fn values_in_a_path_do_not_leave(value in "[a-z]{2,8}[0-9]{3,12}|[0-9]{4,20}|[A-Za-z0-9]{10}[0-9]{3}[A-Za-z]{20,40}", place in 0..4_usize) {
            let target = match place {
                0 => format!("/eproc4/{value}"),
                1 => format!("/{value}/x?a={value}"),
                2 => format!("/x;{value}={value}/{value}.pdf"),
                _ => format!("/x/{value}.{value}/"),
            };
            prop_assert!(!route(&target).contains(&value), "{}", route(&target));
        }
    }
}
