//! The table of what is secret: pattern, replacement and samples. The table is also the test.
//! Order matters: what needs its surroundings (a key, a scheme) stands before what is known by its shape,
//! and longer numbers before shorter ones.

use super::by_hand::{self, ByHand, long_digits};
use super::gate::{
    ASSIGNMENT, AT, COLONS, DIGIT, DIGITS_8, DIGITS_9, DIGITS_15, DIGITS_16, DIGITS_17, DOTS,
    EQUALS, Gate, HEX_12, HEX_20, QUERY, TOKEN_32,
};

/// What tells that a text is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// What stands before it. A match may hold quotes.
    ByPlace,
    /// Its own form. A match never holds a quote, so that literals of SQL keep their ends.
    ByShape,
}

/// One rule.
pub struct Rule {
    /// Counted and shipped under this name.
    pub name: &'static str,
    /// What tells.
    pub known: Known,
    /// What every text holds in which the pattern matches: the pattern is tried there only.
    pub gate: Gate,
    /// A regular expression.
    pub pattern: &'static str,
    /// What a match becomes; `${1}` is its first group.
    pub replacement: &'static str,
    /// Does what the pattern does; `None` where the pattern itself is quick enough.
    pub by_hand: Option<ByHand>,
    /// A match is replaced only if this holds for it.
    pub holds: fn(&str) -> bool,
    /// Texts and what this rule alone makes of them.
    #[cfg(test)]
    pub samples: &'static [(&'static str, &'static str)],
}

/// A rule whose every match counts.
macro_rules! rule {
    ($name:literal, $known:ident, $gate:expr, $pattern:expr, $replacement:literal, $samples:expr) => {
        rule!($name, $known, $gate, $pattern, $replacement, always, None, $samples)
    };
    ($name:literal, $known:ident, $gate:expr, $pattern:expr, $replacement:literal, by_hand($hand:expr), $samples:expr) => {
        rule!($name, $known, $gate, $pattern, $replacement, always, Some($hand), $samples)
    };
    ($name:literal, $known:ident, $gate:expr, $pattern:expr, $replacement:literal, $holds:expr, $samples:expr) => {
        rule!($name, $known, $gate, $pattern, $replacement, $holds, None, $samples)
    };
    ($name:literal, $known:ident, $gate:expr, $pattern:expr, $replacement:literal, $holds:expr, $hand:expr, $samples:expr) => {
        Rule {
            name: $name,
            known: Known::$known,
            gate: $gate,
            pattern: $pattern,
            replacement: $replacement,
            by_hand: $hand,
            holds: $holds,
            #[cfg(test)]
            samples: $samples,
        }
    };
}

fn always(_: &str) -> bool {
    true
}

/// Random text: letters of both cases and digits. Long names in code have one case or no digit.
pub fn looks_random(text: &str) -> bool {
    let has = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

/// A hexadecimal token rather than a word or a plain number.
fn mixes_digits_and_letters(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// In the name of every field that `secret_field` knows.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "sandi",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "api_-key",
    "csrf",
    "sessionid",
    "session_id",
    "session-id",
    "session_-id",
    "play_session",
    "otp",
    "credential",
];

/// In the name of every field that `person_field` knows.
const PERSON_WORDS: &[&str] = &[
    "user", "nama", "login", "pengguna", "email", "nik", "npwp", "nip", "alamat", "telepon",
    "nohp", "no_hp", "rekening",
];

/// The rules, in the order in which they are applied.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule!("bind_parameters", ByPlace, Gate::words(&["parameters"], EQUALS), r"(?is)\b(parameters: )\$1 = .*", "${1}<value>", &[
        ("parameters: $1 = 'Budi', $2 = NULL", "parameters: <value>"),
        ("extended query with parameters: $1 = '12'", "extended query with parameters: <value>"),
    ]),
    rule!("key_values", ByPlace, Gate::words(&[")=("], EQUALS), r"(?s)\)=\(.*?(\)\s+(?:already|is not|is still|conflicts|sudah|tidak|masih)|\)\.?(?:\n|\z)|\z)", ")=(<value>${1}", &[
        ("Key (nik, nama)=(3201, Budi (Jr)) already exists.", "Key (nik, nama)=(<value>) already exists."),
        ("Key (id)=(12) is not present in table \"a\".", "Key (id)=(<value>) is not present in table \"a\"."),
        ("Key (alamat)=(Jl. A\nNo. 1) already exists.", "Key (alamat)=(<value>) already exists."),
        ("Key (id)=(12", "Key (id)=(<value>"),
    ]),
    rule!("row_values", ByPlace, Gate::words(&["ailing row contains", "nilai baris"], 0), r"(?s)(ailing row contains|nilai baris) \(.*?(?:\)\.?(\n|\z)|\z)", "${1} (<value>)${2}", &[
        ("Failing row contains (1, Budi, null).", "Failing row contains (<value>)"),
        ("Failing row contains (1, Bu", "Failing row contains (<value>)"),
    ]),
    rule!("header", ByPlace, Gate::words(&["cookie", "authorization"], ASSIGNMENT), r"(?im)\b((?:set-)?cookie|(?:proxy-)?authorization)(\s*[:=]\s*)[^\n]+", "${1}${2}<secret>", &[
        ("Cookie: PLAY_SESSION=abc; theme=x", "Cookie: <secret>"),
        ("authorization=Basic YnVkaQ==", "authorization=<secret>"),
    ]),
    rule!("bearer", ByPlace, Gate::words(&["bearer", "basic"], 0), r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}", "${1} <secret>", mixes_or_padded, &[
        ("sent Bearer abc123def456", "sent Bearer <secret>"),
        ("basic authentication failed", "basic authentication failed"),
    ]),
    rule!("role_password", ByPlace, Gate::words(&["password"], 0), r"(?i)((?:alter|create)\s+(?:role|user|group)\b[^\n]*?\bpassword\s+)[^\n]+", "${1}<secret>", &[
        ("ALTER ROLE epns WITH PASSWORD 'rahasia'", "ALTER ROLE epns WITH PASSWORD <secret>"),
        ("create user a password rahasia valid", "create user a password <secret>"),
    ]),
    rule!("url_password", ByPlace, Gate::words(&["://"], 0), r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/:@]*:\S*@", "${1}<secret>@", &[
        ("postgres://epns:r@h/sia@10.0.0.1/epns", "postgres://<secret>@10.0.0.1/epns"),
        ("jdbc:postgresql://localhost/epns_prod", "jdbc:postgresql://localhost/epns_prod"),
    ]),
    rule!("secret_field", ByPlace, Gate::words(SECRET_WORDS, ASSIGNMENT), r#"(?i)(\w*(?:password|passwd|passphrase|pwd|kata_?sandi|sandi|secret|token|api_?-?key|csrf|session_?-?id|play_session|jsessionid|otp|credential)\w*["']?\s*[=:]\s*)("(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s&;,)"'\]}]+)"#, "${1}<secret>", &[
        ("password=rahasia user", "password=<secret> user"),
        ("db.userPassword: rahasia", "db.userPassword: <secret>"),
        (r#"{"password":"ra\"h asia","a":1}"#, r#"{"password":<secret>,"a":1}"#),
        ("authenticityToken=1a2b&x=1", "authenticityToken=<secret>&x=1"),
        ("host=db password='ra ha' dbname=epns", "host=db password=<secret> dbname=epns"),
        ("password authentication failed", "password authentication failed"),
    ]),
    rule!("query_string", ByPlace, Gate::shape(QUERY | EQUALS), r#"([?&][^\s=&?"'<>]{1,64}=)[^\s&"'<>]+"#, "${1}<value>", &[
        ("GET /cari?q=budi&kode=12", "GET /cari?q=<value>&kode=<value>"),
    ]),
    rule!("person_field", ByPlace, Gate::words(PERSON_WORDS, ASSIGNMENT), r#"(?i)\b((?:user(?:_?name|_?id)?|nama\w*|login|pengguna|email|nik|npwp|nip|alamat|telepon|no_?hp|rekening)["']?\s*[=:]\s*)("[^"\n]*"?|'[^'\n]*'?|[^<?$\s,;&)\]}"'][^,;&\n)\]}"']*)"#, "${1}<value>", by_hand(by_hand::person_field), &[
        ("nama: Budi Santoso, kode 12", "nama: <value>, kode 12"),
        ("userId=budi01;x", "userId=<value>;x"),
    ]),
    rule!("person_name", ByPlace, Gate::words(&["user", "login", "pengguna", "akun"], 0), r"(?i)\b(user(?:id|name)?|login|pengguna|akun) ([a-z0-9][\w.-]*)", "${1} <value>", names_an_account, Some(by_hand::person_name), &[
        ("login gagal untuk pengguna rekanan117 dari", "login gagal untuk pengguna <value> dari"),
        ("akun pt.maju-jaya terkunci", "akun <value> terkunci"),
        ("login gagal, pengguna tidak ditemukan", "login gagal, pengguna tidak ditemukan"),
    ]),
    rule!("email", ByShape, Gate::shape(AT), r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "<email>", &[
        ("kepada budi.s+spse@contoh.go.id gagal", "kepada <email> gagal"),
        ("epns@epns_prod", "epns@epns_prod"),
    ]),
    rule!("jwt", ByShape, Gate::words(&["eyj"], 0), r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,2}", "<token>", &[
        ("got eyJhbGciOi.eyJzdWIi.c2ln end", "got <token> end"),
    ]),
    rule!("uuid", ByShape, Gate::shape(HEX_12), r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<token>", by_hand(by_hand::uuid), &[
        ("job 0b5d1c9e-1111-4222-8333-abcdefabcdef", "job <token>"),
    ]),
    rule!("hex_token", ByShape, Gate::shape(HEX_20), r"(?i)\b[0-9a-f]{20,}\b", "<token>", mixes_digits_and_letters, &[
        ("sesi 4f3c2b1a998877665544aabb habis", "sesi <token> habis"),
        ("12345678901234567890", "12345678901234567890"),
    ]),
    rule!("random_token", ByShape, Gate::shape(TOKEN_32), r"[A-Za-z0-9+/_-]{32,}={0,2}", "<token>", looks_random, Some(by_hand::random_token), &[
        ("kunci QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1Njc4 salah", "kunci <token> salah"),
        ("fk_peserta_lelang_dokumen_penawaran_id_fkey1", "fk_peserta_lelang_dokumen_penawaran_id_fkey1"),
    ]),
    rule!("money", ByShape, Gate::words(&["rp", "idr"], DIGIT), r"(?i)\b(?:Rp|IDR)\.?\s?[0-9][0-9.,]*", "<money>", &[
        ("penawaran Rp 1.500.000.000,00 masuk", "penawaran <money> masuk"),
    ]),
    rule!("phone", ByShape, Gate::shape(DIGITS_8), r"(?:\+62|\b62|\b0)[ .-]?8[0-9]{1,2}[ .-]?[0-9]{3,4}[ .-]?[0-9]{3,5}\b|\(0[0-9]{2,3}\) ?[0-9]{5,8}\b", "<phone>", by_hand(by_hand::phone), &[
        ("telepon 081234567890", "telepon <phone>"),
        ("telepon +62 812-3456-7890.", "telepon <phone>."),
        ("kantor (021) 5551234", "kantor <phone>"),
    ]),
    rule!("long_number", ByShape, Gate::shape(DIGITS_17), r"[0-9]{17,}", "<number>", by_hand(long_digits::<17>), &[("nip 198001012005011001", "nip <number>")]),
    rule!("nik", ByShape, Gate::shape(DIGITS_16), r"[0-9]{16}|\b[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}\b|\b[0-9]{2}\.[0-9]{2}\.[0-9]{2}\.[0-9]{6}\.[0-9]{4}\b", "<nik>", by_hand(by_hand::nik), &[
        ("nik 3201234567890123 ganda", "nik <nik> ganda"),
        ("32.01.23.456789.0123", "<nik>"),
    ]),
    rule!("npwp", ByShape, Gate::shape(DIGITS_15), r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}\.?[0-9][-.]?[0-9]{3}\.?[0-9]{3}", "<npwp>", by_hand(by_hand::npwp), &[
        ("npwp 01.234.567.8-901.000", "npwp <npwp>"),
        ("npwp 012345678901000", "npwp <npwp>"),
    ]),
    rule!("number", ByShape, Gate::shape(DIGITS_9), r"[0-9]{9,}", "<number>", by_hand(long_digits::<9>), &[("rekening 1234567890", "rekening <number>")]),
    rule!("ipv4", ByShape, Gate::shape(DOTS), r"\b([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}\b(?:/[0-9]{1,2}\b)?", "${1}.0/24", by_hand(by_hand::ipv4), &[
        ("dari 10.20.30.44(51234)", "dari 10.20.30.0/24(51234)"),
    ]),
    rule!("ipv6", ByShape, Gate::shape(COLONS), r"(?i)\b(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4}){1,4}\b|\b(?:[0-9a-f]{1,4}:){2,6}:(?:[0-9a-f]{1,4})?", "<ipv6>", &[
        ("dari 2001:db8:0:1:2:3:4:5 masuk", "dari <ipv6> masuk"),
        ("dari 2001:db8::1 masuk", "dari <ipv6> masuk"),
        ("14:03:05", "14:03:05"),
    ]),
];

/// What follows `pengguna` is a name made up for an account, not a word of the sentence.
pub fn names_an_account(text: &str) -> bool {
    let name = text.split_whitespace().nth(1).unwrap_or_default().trim_end_matches(['.', '-']);
    name.contains(|c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
}

/// What follows `basic` or `bearer` is a credential, not an English word.
fn mixes_or_padded(text: &str) -> bool {
    let credential = text.split_whitespace().nth(1).unwrap_or_default();
    credential.ends_with('=')
        || credential.contains('.')
        || looks_random(credential)
        || mixes_digits_and_letters(credential)
}
