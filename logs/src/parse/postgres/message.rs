//! LOG messages that are not about a statement: a table of what each means. English words are PostgreSQL's
//! (9.2 to 18), Indonesian ones those of its translation (up to 12). A message that no row knows is of no
//! interest.

use std::borrow::Cow;

use super::{super::Activity, duration::thousandths};
use crate::entry::{ActivityKind, Severity};

/// What a LOG message means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// As serious as this, though it is a LOG.
    Failure(Severity),
    /// The database did something.
    Active(Activity<'a>),
    /// Nothing to count, by the named rule.
    Ignored(&'static str),
}

/// One row: the first that fits decides.
struct Row {
    /// One of them begins the message.
    begins: &'static [&'static str],
    /// One of them is in it; of none, any message fits.
    holds: &'static [&'static str],
    means: Means,
    /// Messages, and what they mean.
    #[cfg(test)]
    samples: &'static [(&'static str, &'static str)],
}

enum Means {
    Failure(Severity),
    Active(ActivityKind, fn(&str) -> Option<u64>, fn(&str) -> Cow<'_, str>),
    Ignored(&'static str),
}

use Means::{Active, Failure, Ignored};
use Severity::{Error, Fatal, Warning};

macro_rules! row {
    ($begins:expr, $holds:expr, $means:expr, $samples:expr) => {
        Row {
            begins: &$begins,
            holds: &$holds,
            means: $means,
            #[cfg(test)]
            samples: &$samples,
        }
    };
}

/// The rows. A wait for a lock is told when it ends: one that is granted or ends in a deadlock says so
/// itself, of one that is cancelled there is only the error. One process that dies is one failure; what the
/// server does about it are warnings.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row!(["process ", "proses "], ["still waiting for", "masih menunggu", "avoided deadlock", "menghindari"], Ignored("waiting for a lock"), [
        ("process 812 still waiting for ShareLock on transaction 4711 after 1000.123 ms", "waiting for a lock"),
        ("proses 812 masih menunggu ShareLock pada transaksi 4711 setelah 1000.123 ms", "waiting for a lock"),
        ("process 812 avoided deadlock for ShareLock on transaction 4711 by rearranging queue order after 1000.123 ms", "waiting for a lock"),
    ]),
    row!(["process ", "proses "], [" acquired ", " mendapatkan ", "detected deadlock while waiting for", "mendeteksi 'deadlock' ketika menunggu", "failed to acquire"], Active(ActivityKind::LockWait, milliseconds, lock), [
        ("process 812 acquired ShareLock on transaction 4711 after 1000.123 ms", "LockWait 1000123 ShareLock on transaction"),
        ("process 812 acquired AccessExclusiveLock on relation 16384 of database 5 after 2500.000 ms", "LockWait 2500000 AccessExclusiveLock on relation"),
        ("process 812 acquired ExclusiveLock on extension of relation 16384 of database 5 after 0.001 ms", "LockWait 1 ExclusiveLock on extension of relation"),
        ("process 812 acquired ExclusiveLock on advisory lock [5,0,3175091234560001,1] after 7.000 ms", "LockWait 7000 ExclusiveLock on advisory lock"),
        ("process 812 acquired ExclusiveLock on tuple (0,7) of relation 16384 of database 5 after 7.000 ms", "LockWait 7000 ExclusiveLock on tuple"),
        ("process 812 detected deadlock while waiting for ShareLock on transaction 4711 after 1000.500 ms", "LockWait 1000500 ShareLock on transaction"),
        ("process 812 failed to acquire ShareLock on transaction 4711 after 3000.000 ms", "LockWait 3000000 ShareLock on transaction"),
        ("proses 812 mendapatkan ShareLock pada transaksi 4711 setelah 1000.123 ms", "LockWait 1000123 ShareLock on transaction"),
        ("proses 812 gagal mendapatkan RowExclusiveLock pada tabel 16384 dari database 5 setelah 1.123 ms", "LockWait 1123 RowExclusiveLock on relation"),
        ("proses 812 mendeteksi 'deadlock' ketika menunggu ShareLock pada transaksi 4711 setelah 1000.500 ms", "LockWait 1000500 ShareLock on transaction"),
    ]),
    // PostgreSQL 18, log_lock_failures: the error follows.
    row!(["process "], ["could not obtain"], Ignored("lock not waited for"), [
        ("process 812 could not obtain ShareLock on transaction 4711", "lock not waited for"),
    ]),
    row!(["temporary file: path", "file sementara: path"], [], Active(ActivityKind::TemporaryFile, last_number, nothing), [
        ("temporary file: path \"base/pgsql_tmp/pgsql_tmp812.0\", size 1482752", "TemporaryFile 1482752 "),
        ("file sementara: path « base/pgsql_tmp/pgsql_tmp812.0 », ukuran 8192", "TemporaryFile 8192 "),
    ]),
    row!(["checkpoint complete", "restartpoint complete"], [], Active(ActivityKind::Checkpoint, total, nothing), [
        ("checkpoint complete: wrote 1849 buffers (5.6%); 0 WAL file(s) added, 1 removed, 3 recycled; write=0.728 s, sync=0.001 s, total=0.736 s; sync files=0", "Checkpoint 736000 "),
        ("restartpoint complete: wrote 2 buffers (0.0%); write=0.1 s, sync=0.0 s, total=12.5 s", "Checkpoint 12500000 "),
    ]),
    row!(["automatic vacuum of table", "automatic aggressive vacuum of table", "automatic vacuum to prevent wraparound of table", "automatic aggressive vacuum to prevent wraparound of table", "otomatis VACUUM dari tabel"], [], Active(ActivityKind::Vacuum, elapsed, table), [
        ("automatic vacuum of table \"epns_prod.public.peserta\": index scans: 1\npages: 0 removed, 193 remain\nsystem usage: CPU: user: 0.03 s, system: 0.00 s, elapsed: 0.06 s", "Vacuum 60000 epns_prod.public.peserta"),
        ("automatic aggressive vacuum to prevent wraparound of table \"epns_prod.public.peserta\": index scans: 0\nsystem usage: CPU: user: 0.03 s, system: 0.00 s, elapsed: 11.2 s", "Vacuum 11200000 epns_prod.public.peserta"),
        ("automatic vacuum of table \"epns_prod.public.peserta\": index scans: 0\nsystem usage: CPU 0.00s/0.01u sec elapsed 0.25 sec", "Vacuum 250000 epns_prod.public.peserta"),
        ("otomatis VACUUM dari tabel « epns_prod.public.peserta »: pemindaiain: 1\npenggunakan sistem : CPU 0.00s/0.01u sec elapsed 0.25 sec", "Vacuum 250000 epns_prod.public.peserta"),
    ]),
    row!(["automatic analyze of table", "otomatis ANALYZE dari table"], [], Active(ActivityKind::Analyze, elapsed, table), [
        ("automatic analyze of table \"epns_prod.public.peserta\" system usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.02 s", "Analyze 20000 epns_prod.public.peserta"),
        ("automatic analyze of table \"epns_prod.public.peserta\"\nI/O timings: read: 0.000 ms, write: 0.000 ms\nsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.02 s", "Analyze 20000 epns_prod.public.peserta"),
        ("otomatis ANALYZE dari table « epns_prod.public.peserta » ; sistem penggunaan: CPU 0.00s/0.00u sec elapsed 0.01 sec", "Analyze 10000 epns_prod.public.peserta"),
    ]),
    row!(["connection authorized", "replication connection authorized", "koneksi terautorisasi", "koneksi replikasi terautorisasi"], [], Active(ActivityKind::Connected, one, nothing), [
        ("connection authorized: user=epns database=epns_prod application_name=psql", "Connected 1 "),
        ("replication connection authorized: user=replika", "Connected 1 "),
        ("koneksi terautorisasi: user=epns, database=epns_prod", "Connected 1 "),
    ]),
    row!(["disconnection: ", "pemutusan koneksi: "], [], Active(ActivityKind::Disconnected, session_time, nothing), [
        ("disconnection: session time: 0:00:01.234 user=epns database=epns_prod host=10.1.2.3 port=5432", "Disconnected 1234000 "),
        ("pemutusan koneksi: sesi waktu: 26:01:01.000 pengguna=epns database=epns_prod host=[local]", "Disconnected 93661000000 "),
    ]),
    row!(["connection received", "connection authenticated", "connection ready", "koneksi yang diter"], [], Ignored("connection received"), [
        ("connection received: host=10.1.2.3 port=5432", "connection received"),
        ("connection authenticated: identity=\"epns\" method=md5 (/etc/postgresql/pg_hba.conf:95)", "connection received"),
        ("koneksi yang diterima: host=10.1.2.3 port=5432", "connection received"),
    ]),
    // Port scans and probes.
    row!(["invalid length of startup packet", "incomplete startup packet", "panjang dari startup paket tidak valid"], [], Ignored("startup packet"), [
        ("invalid length of startup packet", "startup packet"),
        ("incomplete startup packet", "startup packet"),
        ("panjang dari startup paket tidak valid", "startup packet"),
    ]),
    // At every shutdown a worker ends with code 1.
    row!(["background worker ", "worker process", "proses pekerja"], ["exited with exit code", "keluar dengan kode keluar"], Ignored("worker ended"), [
        ("background worker \"logical replication launcher\" (PID 812) exited with exit code 1", "worker ended"),
    ]),
    row!(["archiver process", "proses pengarsipan", "archive command failed", "perintah arsip gagal", "archive command was terminated", "perintah arsip telah dihentikan", "archive command exited"], [], Failure(Warning), [
        ("archive command failed with exit code 1", "Warning"),
        ("archive command was terminated by signal 9: Killed", "Warning"),
        ("archiver process (PID 812) exited with exit code 1", "Warning"),
        ("perintah arsip gagal dengan kode exit 1", "Warning"),
    ]),
    row!([""], [") was terminated by signal", ") was terminated by exception", ") exited with exit code", ") exited with unrecognized status", ") telah dihentikan oleh", ") keluar dengan kode keluar", ") keluar dengan status"], Failure(Fatal), [
        ("server process (PID 812) was terminated by signal 9: Killed", "Fatal"),
        ("startup process (PID 812) exited with exit code 1", "Fatal"),
        ("client backend (PID 812) was terminated by signal 11: Segmentation fault", "Fatal"),
        ("proses server (PID 812) telah dihentikan oleh sinyal 9 : Killed", "Fatal"),
    ]),
    row!(["terminating any other active server processes", "mengakhiri setiap proses server aktif lainnya", "all server processes terminated", "semua proses server dibatalkan", "abnormal database system shutdown", "aborting startup due to"], [], Failure(Warning), [
        ("terminating any other active server processes", "Warning"),
        ("all server processes terminated; reinitializing", "Warning"),
        ("semua proses server dibatalkan, proses inisialisasi  ulang", "Warning"),
    ]),
    row!(["database system was interrupted", "database system shutdown was interrupted", "database system was not properly shut down", "sistem database terganggu", "sistem data base terganggu", "sistem database telah mati terganggu", "sistem database mati tidak baik"], [], Failure(Warning), [
        ("database system was interrupted; last known up at 2026-11-21 14:03:05 WIB", "Warning"),
        ("database system was interrupted while in recovery at 2026-11-21 14:03:05 WIB", "Warning"),
        ("database system was not properly shut down; automatic recovery in progress", "Warning"),
        ("sistem database mati tidak baik; pemulihan otomatis sedang berjalan", "Warning"),
    ]),
    // The transaction is rolled back.
    row!(["unexpected EOF on client connection", "(EOF) tidak disuga"], ["open transaction", "transaksi terbuka"], Failure(Error), [
        ("unexpected EOF on client connection with an open transaction", "Error"),
        ("(EOF) tidak disuga pada sambungan client dengan transaksi terbuka", "Error"),
    ]),
    row!(["unexpected EOF on", "'EOF' tidak terduga pada koneksi", "could not receive data from client", "tidak dapat menerima data dari klien", "could not send data to client", "tidak dapat mengirim data ke klien", "connection to client lost", "koneksi ke klien hilang"], [], Failure(Warning), [
        ("unexpected EOF on client connection", "Warning"),
        ("could not receive data from client: Connection reset by peer", "Warning"),
        ("could not send data to client: Broken pipe", "Warning"),
        ("tidak dapat menerima data dari klien : Connection reset by peer", "Warning"),
    ]),
    row!(["could not accept SSL connection", "tidak dapat menerima koneksi SSL", "could not accept GSSAPI"], [], Failure(Warning), [
        ("could not accept SSL connection: sslv3 alert certificate unknown", "Warning"),
        ("tidak dapat menerima koneksi SSL : EOF terdeteksi", "Warning"),
    ]),
    row!(["checkpoints are occurring too frequently", "'checkpoint' terlalu sering terjadi"], [], Failure(Warning), [
        ("checkpoints are occurring too frequently (9 seconds apart)", "Warning"),
        ("'checkpoint' terlalu sering terjadi (setiap 9 detik)", "Warning"),
    ]),
    row!(["replication terminated by primary server", "replikasi diputus oleh server utama", "terminating walsender process due to replication timeout", "menghentikan proses walsender", "terminating walreceiver", "memberhentikan walreceiver", "could not receive data from WAL stream", "tidak dapat menerima data dari stream WAL", "could not connect to the primary server", "streaming replication", "could not send end-of-streaming"], [], Failure(Warning), [
        ("replication terminated by primary server", "Warning"),
        ("terminating walsender process due to replication timeout", "Warning"),
        ("replikasi diputus oleh server utama", "Warning"),
        ("menghentikan proses walsender karena waktu replikasi sudah habis", "Warning"),
    ]),
    row!(["could not fork", "out of memory", "melebihi memori"], [], Failure(Error), [
        ("could not fork new process for connection: Cannot allocate memory", "Error"),
        ("out of memory", "Error"),
        ("melebihi memori", "Error"),
    ]),
    // Of the archiver, the statistics, the log itself: whatever the server could not do.
    row!(["could not ", "tidak dapat ", "tak dapat "], [], Failure(Warning), [
        ("could not write temporary statistics file \"pg_stat_tmp/global.tmp\": No space left on device", "Warning"),
        ("could not bind IPv4 address \"127.0.0.1\": Address already in use", "Warning"),
        ("tidak dapat menulis arsip file status « pg_xlog/archive_status/x.ready » : No space left on device", "Warning"),
    ]),
];

/// What a LOG message means; `None` when no row knows it.
pub fn read(message: &str) -> Option<Meaning<'_>> {
    let fits = |row: &&Row| {
        row.begins.iter().any(|text| message.starts_with(text))
            && (row.holds.is_empty() || row.holds.iter().any(|text| message.contains(text)))
    };
    match ROWS.iter().find(fits)?.means {
        Failure(severity) => Some(Meaning::Failure(severity)),
        Ignored(rule) => Some(Meaning::Ignored(rule)),
        Active(kind, amount, subject) => {
            let amount = amount(message)?;
            Some(Meaning::Active(Activity { kind, amount, subject: subject(message) }))
        }
    }
}

fn one(_: &str) -> Option<u64> {
    Some(1)
}

fn last_number(message: &str) -> Option<u64> {
    message.rsplit(' ').next()?.parse().ok()
}

/// `… after 1000.123 ms` in microseconds.
fn milliseconds(message: &str) -> Option<u64> {
    thousandths(message.strip_suffix(" ms")?.rsplit(' ').next()?)
}

/// Seconds after the last `mark` in microseconds.
fn seconds_after(message: &str, mark: &str) -> Option<u64> {
    let (_, rest) = message.rsplit_once(mark)?;
    let rest = rest.trim_start_matches([':', ' ']);
    let number = rest.split(' ').next()?;
    thousandths(number)?.checked_mul(1_000)
}

fn total(message: &str) -> Option<u64> {
    seconds_after(message, "total=")
}

fn elapsed(message: &str) -> Option<u64> {
    seconds_after(message, "elapsed")
}

/// `session time: 0:00:01.234` in microseconds.
fn session_time(message: &str) -> Option<u64> {
    let time = message.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let (hours, rest) = time.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let minutes = hours.parse::<u64>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?;
    minutes.checked_mul(60_000)?.checked_add(thousandths(seconds)?)?.checked_mul(1_000)
}

fn nothing(_: &str) -> Cow<'_, str> {
    Cow::Borrowed("")
}

/// What stands in the first quotes.
fn table(message: &str) -> Cow<'_, str> {
    let begin = message.find(['"', '«']).unwrap_or(message.len());
    let rest = message.get(begin..).unwrap_or_default().trim_start_matches(['"', '«']);
    Cow::Borrowed(rest.split(['"', '»']).next().unwrap_or_default().trim())
}

/// Kinds of things that are locked: `DescribeLockTag` of PostgreSQL, and its translation.
#[rustfmt::skip]
const LOCKED: &[(&str, &str)] = &[
    ("relation", "relation"), ("tabel", "relation"),
    ("extension of relation", "extension of relation"), ("ekstensi dari tabel", "extension of relation"),
    ("page", "page"), ("halaman", "page"), ("tuple", "tuple"), ("baris", "tuple"),
    ("transaction", "transaction"), ("transaksi virtual", "virtual transaction"), ("transaksi", "transaction"),
    ("virtual transaction", "virtual transaction"), ("speculative token", "speculative token"),
    ("object", "object"), ("obyek", "object"), ("user lock", "user lock"), ("kunci pengguna", "user lock"),
    ("advisory lock", "advisory lock"), ("kunci informasi", "advisory lock"),
    ("remote transaction", "remote transaction"), ("pg_database.datfrozenxid", "datfrozenxid"),
];

/// Modes of locks (documentation of version 18, "Explicit Locking").
const MODES: &[&str] = &[
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// `ShareLock on transaction`: the mode and the kind of thing, never which.
fn lock(message: &str) -> Cow<'_, str> {
    let words = message.split_once(" on ").or_else(|| message.split_once(" pada "));
    let Some((before, after)) = words else { return Cow::Borrowed("") };
    let mode = before.rsplit(' ').next().unwrap_or_default();
    let Some(mode) = MODES.iter().find(|known| **known == mode) else { return Cow::Borrowed("") };
    match LOCKED.iter().find(|(words, _)| after.starts_with(words)) {
        Some((_, kind)) => Cow::Owned(format!("{mode} on {kind}")),
        None => Cow::Borrowed(mode),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(message: &str) -> String {
        match read(message) {
            None => "unknown".to_owned(),
            Some(Meaning::Failure(severity)) => format!("{severity:?}"),
            Some(Meaning::Ignored(rule)) => rule.to_owned(),
            Some(Meaning::Active(Activity { kind, amount, subject })) => {
                format!("{kind:?} {amount} {subject}")
            }
        }
    }

    #[test]
    fn every_sample_means_what_the_table_says() {
        for (message, expected) in ROWS.iter().flat_map(|row| row.samples) {
            assert_eq!(told(message), *expected, "{message}");
        }
    }

    #[test]
    fn what_a_running_server_says_is_of_no_interest() {
        for message in [
            "checkpoint starting: time",
            "database system is ready to accept connections",
            "database system was shut down at 2026-11-21 14:03:05 WIB",
            "redo starts at 0/15B3E28",
            "received fast shutdown request",
            "parameter \"work_mem\" changed to \"8MB\"",
            "automatic vacuum of table \"a.b.c\": index scans: 1",
        ] {
            assert_eq!(told(message), "unknown", "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_message_stops_it(at in 0..ROWS.len(), cut in 0_usize..200, tail in ".{0,40}") {
            for (sample, _) in ROWS[at].samples {
                read(&format!("{}{tail}", &sample[..sample.floor_char_boundary(cut)]));
            }
        }
    }
}
