//! Words that say what the next one is, or what the number before them counts. English and Indonesian.

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing of interest here.
    None,
    /// A name of an account follows: `user budi`.
    Account,
    /// The account follows `for`: `password for budi`.
    Credential,
    /// `for`.
    For,
    /// What follows belongs to the sentence; the account's name ends before it.
    Preposition,
    /// After `user` this is no name: `user unknown`.
    NoAccount,
    /// A time that passed follows: `lifetime 00:01`.
    Lasting,
    /// A unit of time.
    TimeUnit,
    /// A unit of memory.
    SizeUnit,
    /// A weekday or month, or its beginning.
    Calendar,
    /// Belongs to the time before it: a zone, or the half of the day.
    Zone,
    /// A method of HTTP: a route follows.
    Method,
    /// What is run follows in parentheses.
    Command,
}

use Meaning::{
    Account, Calendar, Command, Credential, For, Lasting, Method, NoAccount, Preposition, SizeUnit,
    TimeUnit, Zone,
};

/// Lower case, however they stand in the text. By meaning.
#[rustfmt::skip]
const ANY_CASE: &[(Meaning, &[&str])] = &[
    (Account, &["user", "username", "account", "pengguna", "akun"]),
    (Credential, &["password", "publickey", "key", "none", "login", "logins", "failures", "failure", "session", "sandi", "sesi"]),
    (For, &["for", "untuk", "bagi"]),
    (Preposition, &["from", "by", "on", "at", "with", "via", "dari", "oleh", "di", "pada", "melalui", "dengan"]),
    (NoAccount, &[
        "account", "accounts", "agent", "already", "and", "are", "as", "atau", "authentication", "belum", "bukan", "can", "cannot",
        "context", "could", "dan", "data", "defined", "did", "does", "error", "exists", "failed", "gagal", "group", "groups", "had",
        "has", "id", "in", "ini", "input", "interface", "is", "itu", "level", "limit", "list", "login", "logout", "mode", "name", "no",
        "not", "of", "or", "password", "process", "profile", "request", "requested", "role", "session", "space", "sudah", "telah",
        "the", "tidak", "to", "unknown", "was", "who", "will", "yang", "yg",
    ]),
    (Lasting, &["lifetime", "duration", "elapsed", "took", "uptime", "runtime", "durasi", "selama", "lama"]),
    (TimeUnit, &[
        "ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "msec", "msecs", "millis", "milliseconds", "microseconds", "min",
        "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "day", "days", "detik", "milidetik", "menit", "jam", "hari",
    ]),
    (SizeUnit, &["b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "k", "m", "g", "kbytes", "mbytes"]),
];

/// As they stand in the text: in other letters they are other words.
#[rustfmt::skip]
const EXACT: &[(Meaning, &[&str])] = &[
    (Calendar, &[
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
        "Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu", "Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min",
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mei", "Agu", "Ags", "Okt", "Des",
        "January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December",
        "Januari", "Februari", "Maret", "Juni", "Juli", "Agustus", "Oktober", "Desember",
    ]),
    (Zone, &["WIB", "WITA", "WIT", "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "SGT", "AM", "PM"]),
    (Method, &["GET", "POST", "PUT", "HEAD", "PATCH", "DELETE", "OPTIONS"]),
    (Command, &["CMD"]),
];

/// The longest word of the tables.
const LENGTH_MAX: usize = 14;

/// Per length, the first letters of its words as bits: most words of a message end here.
static BEGINNINGS: [u32; LENGTH_MAX + 1] = beginnings();

const fn beginnings() -> [u32; LENGTH_MAX + 1] {
    mark(EXACT, mark(ANY_CASE, [0; LENGTH_MAX + 1]))
}

const fn mark(
    table: &[(Meaning, &[&str])],
    mut bits: [u32; LENGTH_MAX + 1],
) -> [u32; LENGTH_MAX + 1] {
    let mut row = 0;
    while row < table.len() {
        let words = table[row].1;
        let mut word = 0;
        while word < words.len() {
            let bytes = words[word].as_bytes();
            bits[bytes.len()] |= 1 << (bytes[0] & 0x1f);
            word += 1;
        }
        row += 1;
    }
    bits
}

/// What a word says.
pub fn meaning(word: &str) -> Meaning {
    match may_mean(word) {
        true => find(EXACT, |known| known == word)
            .or_else(|| find(ANY_CASE, |known| known.eq_ignore_ascii_case(word)))
            .unwrap_or(Meaning::None),
        false => Meaning::None,
    }
}

/// Whether a word after `user` is no name.
pub fn is_no_account(word: &str) -> bool {
    let rows = || ANY_CASE.iter().filter(|(meaning, _)| matches!(meaning, NoAccount | Preposition));
    may_mean(word)
        && rows().any(|(_, words)| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

fn may_mean(word: &str) -> bool {
    let first = word.bytes().next().unwrap_or(0);
    BEGINNINGS.get(word.len()).is_some_and(|bits| bits >> (first & 0x1f) & 1 != 0)
}

fn find(table: &[(Meaning, &[&str])], same: impl Fn(&str) -> bool) -> Option<Meaning> {
    let row = table.iter().find(|(_, words)| words.iter().any(|known| same(known)));
    row.map(|(meaning, _)| *meaning)
}

/// Whether a word stands for there being no value, or one of two.
pub fn is_constant(word: &str) -> bool {
    const CONSTANTS: &[&str] = &["true", "false", "null", "nil", "none", "yes", "no", "ya", "tidak"];
    (2..=5).contains(&word.len()) && CONSTANTS.iter().any(|known| known.eq_ignore_ascii_case(word))
}
