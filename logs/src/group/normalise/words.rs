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
    Account, Calendar, Command, Credential, For, Lasting, Method, Preposition, SizeUnit, TimeUnit,
    Zone,
};

/// Lower case, however they stand in the text. By meaning.
#[rustfmt::skip]
const ANY_CASE: &[(Meaning, &[&str])] = &[
    (Account, &["user", "username", "account", "pengguna", "akun"]),
    (Credential, &["password", "publickey", "key", "none", "login", "logins", "failures", "failure", "session", "sandi", "sesi"]),
    (For, &["for", "untuk", "bagi"]),
    (Preposition, &["from", "by", "on", "at", "with", "via", "dari", "oleh", "di", "pada", "melalui", "dengan"]),
    (Lasting, &["lifetime", "duration", "elapsed", "took", "uptime", "runtime", "durasi", "selama", "lama"]),
    (TimeUnit, &[
        "ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "msec", "msecs", "millis", "milliseconds", "microseconds", "min",
        "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "day", "days", "detik", "milidetik", "menit", "jam", "hari",
    ]),
    (SizeUnit, &["b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "k", "m", "g", "kbytes", "mbytes"]),
];

/// After `user` these are no names: `user unknown`.
#[rustfmt::skip]
const NO_ACCOUNTS: &[&str] = &[
        "account", "accounts", "agent", "already", "and", "are", "as", "atau", "authentication", "belum", "bukan", "can", "cannot",
        "context", "could", "dan", "data", "defined", "did", "does", "error", "exists", "failed", "gagal", "group", "groups", "had",
        "has", "id", "in", "ini", "input", "interface", "is", "itu", "level", "limit", "list", "login", "logout", "mode", "name", "no",
        "not", "of", "or", "password", "process", "profile", "request", "requested", "role", "session", "space", "sudah", "telah",
        "the", "tidak", "to", "unknown", "was", "who", "will", "yang", "yg",
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

/// A word of the tables.
#[derive(Clone, Copy)]
struct Known {
    text: &'static str,
    meaning: Meaning,
    exact: bool,
    /// The next word that falls on the same place, one more than its index.
    next: u16,
}

const WORDS_COUNT: usize = count(EXACT) + count(ANY_CASE);
/// Places that words fall on; so many that most words of a message fall on none that is taken.
const PLACES: usize = 4_096;

static KNOWN: ([Known; WORDS_COUNT], [u16; PLACES]) = known();

const fn count(table: &[(Meaning, &[&str])]) -> usize {
    let (mut row, mut count) = (0, 0);
    while row < table.len() {
        count += table[row].1.len();
        row += 1;
    }
    count
}

const fn known() -> ([Known; WORDS_COUNT], [u16; PLACES]) {
    let none = Known { text: "", meaning: Meaning::None, exact: false, next: 0 };
    let made = ([none; WORDS_COUNT], [0; PLACES]);
    // A word stands before those entered earlier: the exact ones come last.
    add(EXACT, true, count(ANY_CASE), add(ANY_CASE, false, 0, made))
}

const fn add(
    table: &[(Meaning, &[&'static str])],
    exact: bool,
    mut index: usize,
    mut made: ([Known; WORDS_COUNT], [u16; PLACES]),
) -> ([Known; WORDS_COUNT], [u16; PLACES]) {
    // The first row of the table comes last, and so stands first.
    let mut row = table.len();
    while row > 0 {
        row -= 1;
        let (meaning, words) = table[row];
        let mut word = 0;
        while word < words.len() {
            let place = place(words[word].as_bytes());
            made.0[index] = Known { text: words[word], meaning, exact, next: made.1[place] };
            index += 1;
            made.1[place] = index as u16;
            word += 1;
        }
    }
    made
}

/// The same for a word in either case.
const fn place(word: &[u8]) -> usize {
    let (first, last) = match word {
        [] => return 0,
        [only] => (*only, *only),
        [first, .., last] => (*first, *last),
    };
    let second = if let [_, second, ..] = word { *second } else { 0 };
    (((first & 0x1f) as usize) << 7
        ^ ((last & 0x1f) as usize) << 4
        ^ (second & 0x1f) as usize
        ^ word.len() << 9)
        % PLACES
}

/// What a word says.
pub fn meaning(word: &str) -> Meaning {
    let (known, places) = &KNOWN;
    let mut next = places.get(place(word.as_bytes())).copied().unwrap_or(0);
    while let Some(entry) = usize::from(next).checked_sub(1).and_then(|index| known.get(index)) {
        let is_it =
            if entry.exact { entry.text == word } else { entry.text.eq_ignore_ascii_case(word) };
        if is_it {
            return entry.meaning;
        }
        next = entry.next;
    }
    Meaning::None
}

/// Whether a word after `user` is no name.
pub fn is_no_account(word: &str) -> bool {
    meaning(word) == Preposition || NO_ACCOUNTS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a word stands for there being no value, or one of two.
pub fn is_constant(word: &str) -> bool {
    const CONSTANTS: &[&str] =
        &["true", "false", "null", "nil", "none", "yes", "no", "ya", "tidak"];
    (2..=5).contains(&word.len()) && CONSTANTS.iter().any(|known| known.eq_ignore_ascii_case(word))
}
