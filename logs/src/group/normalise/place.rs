//! Hosts, paths and routes by their form alone.

use super::bytes::{AT, COLON, DIGIT, DOT, HEX, JOIN, LETTER, SLASH, all, any, is};

/// Ends of host names, of two labels or more. Of the reserved ones those that local networks use (RFC
/// 2606, 6762, 8375).
#[rustfmt::skip]
const DOMAINS: &[&str] = &[
    "arpa", "biz", "com", "corp", "edu", "gov", "info", "internal", "intranet", "lan", "local", "localdomain", "mil", "net",
    "org",
];

/// Countries as ends of host names of three labels or more, without those that are also words in code.
#[rustfmt::skip]
const COUNTRIES: &[&str] = &[
    "ae", "ar", "au", "bg", "br", "ca", "ch", "cl", "cn", "cz", "de", "dk", "ec", "ee", "es", "eu", "fi", "fr", "gr", "hk",
    "hr", "hu", "ie", "il", "in", "ir", "it", "jp", "kr", "kz", "lt", "lu", "lv", "mx", "my", "nl", "no", "nz", "om", "pe",
    "ph", "pk", "pt", "ro", "ru", "se", "sg", "sk", "th", "tr", "tw", "ua", "uk", "us", "ve", "vn", "za",
];

/// What stands before `.id` in Indonesian host names (PANDI): `id` alone ends many names in code.
const SECOND_LEVEL: &[&str] =
    &["ac", "biz", "co", "desa", "go", "mil", "my", "net", "or", "ponpes", "sch", "web"];

/// Where names in code begin: what begins so is no host, and in small letters the name of a package.
const PACKAGE_ROOTS: &[&str] =
    &["android", "com", "edu", "gov", "io", "java", "javax", "net", "org", "scala", "sun"];

/// Folders at the root of a file system (FHS 3.0, and what servers of data use).
#[rustfmt::skip]
const ROOT_FOLDERS: &[&str] = &[
    "app", "apps", "bin", "boot", "data", "dev", "etc", "export", "home", "lib", "lib64", "media", "mnt", "opt", "private",
    "proc", "root", "run", "sbin", "scratch", "srv", "storage", "sys", "tmp", "user", "users", "usr", "var", "volumes",
];

/// A path of so many folders names a file, no route.
const FOLDERS_MIN: usize = 5;
/// The longest end of a file's name.
const EXTENSION_BYTES_MAX: usize = 10;

/// Length of the IPv4 address at the beginning, with its mask of `/24`.
pub fn ipv4(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for octet in 0..4 {
        let digits = digits(bytes, at);
        if !(1..=3).contains(&digits) {
            return None;
        }
        at += digits;
        if octet < 3 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
    }
    let mask = match bytes.get(at) {
        Some(b'/') => digits(bytes, at + 1),
        _ => 0,
    };
    Some(if (1..=2).contains(&mask) { at + 1 + mask } else { at })
}

fn digits(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// An IPv6 or a hardware address.
pub fn is_long_address(text: &str) -> bool {
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    let (digits, redacted) = match text.strip_suffix("<ipv6>") {
        Some(before) => (before, true),
        None => (text, false),
    };
    let in_form = digits.bytes().all(|byte| byte == b':' || is(byte, HEX));
    in_form && (redacted || (colons >= 3 || (text.starts_with("::") && text.len() > 2)))
}

/// The name of a host in a domain.
pub fn is_host(text: &str) -> bool {
    let Some((rest, last)) = text.rsplit_once('.') else { return false };
    let (first, labels) = (rest.split('.').next().unwrap_or_default(), rest.split('.').count() + 1);
    let second = rest.rsplit('.').next().unwrap_or_default();
    let of_domain = match last.len() {
        2 if last.eq_ignore_ascii_case("id") => holds(SECOND_LEVEL, second) && labels > 2,
        2 => labels > 2 && (holds(COUNTRIES, last) || (first.contains('-') || all(first, DIGIT))),
        _ => holds(DOMAINS, last),
    };
    of_domain && !rest.is_empty() && !rest.starts_with('.') && !holds(PACKAGE_ROOTS, first)
}

/// The name of a package or what a system counts up below one: small letters, or capital ones alone in the
/// last part. A class names an error and is none.
pub fn is_package(text: &str) -> bool {
    let mut labels = text.split('.');
    let begins = labels.next().is_some_and(|first| PACKAGE_ROOTS.contains(&first));
    let is_class = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_uppercase())
            && label.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    begins
        && labels.clone().count() >= 2
        && labels.all(|label| !label.is_empty() && !is_class(label))
}

/// Whether an absolute path names a file rather than a route of the application.
pub fn is_of_file_system(path: &str) -> bool {
    let mut folders = path.split('/').skip(1);
    let first = folders.next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    holds(ROOT_FOLDERS, first) || folders.count() + 1 >= FOLDERS_MIN || has_extension(last)
}

fn has_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| {
        (1..=EXTENSION_BYTES_MAX).contains(&end.len()) && all(end, LETTER | DIGIT)
    })
}

/// Whether `15D68C0` and the like: digits of base 16, one of them of base 10.
pub fn is_hex(text: &str) -> bool {
    all(text, HEX) && any(text, DIGIT)
}

fn holds(table: &[&str], word: &str) -> bool {
    table.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Length of the address at the beginning of a piece, with the name before it (`host/10.0.0.1`, as Java
/// writes it), without the port.
pub fn address_length(piece: &str, flags: u16) -> Option<usize> {
    if let Some(after) = piece.strip_prefix("::ffff:") {
        return Some(piece.len() - after.len() + bounded(after)?);
    }
    if let Some(length) = bounded(piece) {
        return Some(length);
    }
    if flags & SLASH != 0
        && let Some((name, after)) = piece.split_once('/')
        && all(name, LETTER | DIGIT | DOT | JOIN)
        && let Some(length) = bounded(after)
    {
        return Some(name.len() + 1 + length);
    }
    (flags & COLON != 0 && is_long_address(piece)).then_some(piece.len())
}

/// An IPv4 address or a placeholder of one that nothing continues.
fn bounded(text: &str) -> Option<usize> {
    let length = match text.bytes().next()? {
        b'0'..=b'9' => ipv4(text)?,
        b'<' if text.starts_with("<host>") => "<host>".len(),
        _ => return None,
    };
    let after = text.as_bytes().get(length);
    let is_name = after == Some(&b'.')
        && text.as_bytes().get(length + 1).is_some_and(u8::is_ascii_alphabetic);
    if is_name {
        // Named after its address, as in `10.0.0.1.dsl.contoh.net`.
        return Some(host_part(text.get(length..)?).len() + length);
    }
    after
        .is_none_or(|byte| *byte != b'<' && !is(*byte, LETTER | DIGIT | DOT | JOIN | AT | SLASH))
        .then_some(length)
}

fn host_part(piece: &str) -> &str {
    piece.split(':').next().unwrap_or_default()
}

/// Length of the host in a text that is nothing else.
pub fn host_length(text: &str) -> Option<usize> {
    let is_one = is_host(text) || matches!(text, "<host>" | "<ipv6>") || is_long_address(text);
    if is_one { Some(text.len()) } else { bounded(text) }
}

/// `C:\…`, `\\server\…`, or folders in a row.
pub fn is_windows_path(piece: &str) -> bool {
    piece.contains(":\\") || piece.bytes().filter(|byte| *byte == b'\\').count() >= 2
}

/// A path from a folder that is not told: `./a`, `~/a`, `a/b/c.txt`, or a name below a package.
pub fn is_relative_path(piece: &str) -> bool {
    let starts = ["./", "../", "~/"].iter().any(|start| piece.starts_with(start));
    let slashes = piece.bytes().filter(|byte| *byte == b'/').count();
    let last = piece.rsplit('/').next().unwrap_or_default();
    let first = piece.split('/').next().unwrap_or_default();
    starts
        || (slashes >= 2 && has_extension(last))
        || slashes + 1 >= FOLDERS_MIN
        || (slashes == 1 && is_package(first))
}
