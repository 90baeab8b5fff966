//! Logs to measure with: the same bytes for the same size, on every machine. Names, numbers and addresses
//! are invented and differ from one entry to the next, as in a real log.

use std::io::{self, Write};

mod general;

/// Of so many entries of the mixed application log one is an error.
const ERROR_EVERY: u64 = 20;

/// Kinds of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Play 1 application at level INFO: one entry in twenty is an error, a third of those with a trace.
    Play,
    /// The same application in trouble: errors only.
    PlayErrors,
    /// An application on logback in Spring Boot's layout; one entry in twenty is an error, a third with a
    /// trace.
    Log4j,
    /// Tomcat on one line; one entry in twenty is an error with a trace.
    Tomcat,
    /// PostgreSQL's stderr with durations of all statements; one entry in twenty is an error.
    PostgresStderr,
    /// JSON lines of logback; one in twenty is an error with a trace.
    Json,
    /// `/var/log/messages`; one line in twenty is a failure.
    Syslog,
    /// `journalctl -o json`; one line in twenty is a failure.
    Journal,
    /// Text without a layout; one line in twenty is a failure.
    Plain,
}

/// Writes a log of at least `bytes`.
pub fn write(kind: Kind, bytes: usize, out: &mut impl Write) -> io::Result<()> {
    let mut entry = Vec::new();
    let mut written = 0;
    for n in 0.. {
        if written >= bytes {
            break;
        }
        entry.clear();
        match kind {
            Kind::Play if n % ERROR_EVERY != 0 => play_info(n, &mut entry)?,
            Kind::Play => play_error(n, n / ERROR_EVERY, &mut entry)?,
            Kind::PlayErrors => play_error(n, n, &mut entry)?,
            Kind::Log4j => log4j(n, &mut entry)?,
            Kind::Tomcat => tomcat(n, &mut entry)?,
            Kind::PostgresStderr if n % ERROR_EVERY != 0 => postgres_duration(n, &mut entry)?,
            Kind::PostgresStderr => postgres_error(n, &mut entry)?,
            Kind::Json => general::json(n, &mut entry)?,
            Kind::Syslog => general::syslog(n, &mut entry)?,
            Kind::Journal => general::journal(n, &mut entry)?,
            Kind::Plain => general::plain(n, &mut entry)?,
        }
        out.write_all(&entry)?;
        written += entry.len();
    }
    Ok(())
}

/// `2026-11-21 HH:MM:SS,mmm`, forty entries a second.
fn time(n: u64, mark: char) -> String {
    let ms = n * 25;
    let (s, ms) = (ms / 1_000, ms % 1_000);
    let (hour, minute, second) = (s / 3_600 % 24, s / 60 % 60, s % 60);
    format!("2026-11-21 {hour:02}:{minute:02}:{second:02}{mark}{ms:03}")
}

fn play_info(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let at = time(n, ',');
    match n % 4 {
        0 => writeln!(out, "{at} INFO  ~ paket {n} dibuka dari halaman lelang, {} ms", n % 90),
        1 => writeln!(
            out,
            "{at} INFO  ~ GET /eproc4/lelang/{n}/pengumumanlelang 200 {} ms dari 10.7.{}.{}",
            n % 900,
            n % 200,
            n % 250
        ),
        2 => writeln!(out, "{at} DEBUG ~ cache lelang.{n} kena, sisa {} detik", n % 600),
        _ => writeln!(
            out,
            "{at} INFO  ~ dokumen penawaran rekanan{} diterima, {} bytes, tahap 3",
            n % 7_000,
            n * 37 % 9_000_000
        ),
    }
}

/// `which` chooses among six kinds, as the application log of the end-to-end tests has them and one with a
/// long trace.
fn play_error(n: u64, which: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let at = time(n, ',');
    match which % 6 {
        0 => {
            play_block(
                &at,
                n,
                "GET",
                "/lelang/{}/pengumuman",
                "NullPointerException occured : null",
                out,
            )?;
            out.extend_from_slice(b"play.exceptions.JavaExecutionException\n");
            invoker(out);
            writeln!(
                out,
                "Caused by: java.lang.NullPointerException\n\tat controllers.lelang.LelangCtr.pengumuman(LelangCtr.java:{})\n\tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:548)\n\t... 1 more",
                100 + n % 3
            )
        }
        1 => {
            play_block(
                &at,
                n,
                "POST",
                "/penawaran/{}/unggah",
                "IOException occured : No space left on device",
                out,
            )?;
            out.extend_from_slice(
                b"play.exceptions.JavaExecutionException: No space left on device\n",
            );
            invoker(out);
            out.extend_from_slice(b"Caused by: java.io.IOException: No space left on device\n\tat java.io.FileOutputStream.writeBytes(Native Method)\n\tat utils.UploadUtil.simpan(UploadUtil.java:88)\n\t... 3 more\n");
            Ok(())
        }
        2 => writeln!(
            out,
            "{at} ERROR ~ gagal mengirim surel ke rekanan{n}@contoh.co.id: koneksi ke server mail ditolak"
        ),
        3 => writeln!(
            out,
            "{at} WARN  ~ login gagal untuk pengguna rekanan{n} dari 10.7.{}.{}",
            n % 200,
            n % 250
        ),
        4 => writeln!(
            out,
            "{at} ERROR ~ SocketTimeoutException: ADP tidak menjawab dalam {} ms (permintaan {n})",
            30_000 + n
        ),
        _ => {
            play_block(
                &at,
                n,
                "POST",
                "/peserta/{}/daftar",
                "PersistenceException occured : could not execute statement",
                out,
            )?;
            out.extend_from_slice(
                b"play.exceptions.JavaExecutionException: could not execute statement\n",
            );
            invoker(out);
            out.extend_from_slice(
                b"Caused by: javax.persistence.PersistenceException: could not execute statement\n",
            );
            frames("org.hibernate.jpa.spi.AbstractEntityManagerImpl.convert", 12, out)?;
            out.extend_from_slice(b"\tat models.Peserta.simpan(Peserta.java:57)\n\tat controllers.Lelang.daftar(Lelang.java:88)\n\t... 12 more\n");
            writeln!(
                out,
                "Caused by: org.postgresql.util.PSQLException: ERROR: duplicate key value violates unique constraint \"peserta_pkey\"\n  Detail: Key (psr_id)=({n}) already exists."
            )?;
            frames("org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse", 12, out)?;
            out.extend_from_slice(b"\t... 30 more\n");
            Ok(())
        }
    }
}

fn log4j(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let at = time(n, '.');
    let head = |level| format!("{at} {level:>5} 812 --- [nio-8080-exec-{}]", n % 40);
    match n % ERROR_EVERY {
        0 if n.is_multiple_of(3) => {
            writeln!(
                out,
                "{} id.go.contoh.PenawaranService           : penawaran {n} gagal disimpan\njava.lang.IllegalStateException: tahap {} sudah selesai",
                head("ERROR"),
                n % 9
            )?;
            frames("org.springframework.web.servlet.FrameworkServlet.service", 20, out)?;
            writeln!(out, "\tat id.go.contoh.PenawaranService.simpan(PenawaranService.java:57)")
        }
        0 => writeln!(
            out,
            "{} id.go.contoh.SurelService               : gagal mengirim surel ke rekanan{n}@contoh.co.id",
            head("ERROR")
        ),
        1..=9 => writeln!(
            out,
            "{} id.go.contoh.LelangController           : paket {n} dibuka dari halaman lelang, {} ms",
            head("INFO"),
            n % 90
        ),
        _ => writeln!(
            out,
            "{} o.h.SQL                                 : select * from lelang where lls_id = {n}",
            head("DEBUG")
        ),
    }
}

fn tomcat(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let at = time(n, '.');
    let at = at.strip_prefix("2026-11-21").unwrap_or_default();
    let head = |level| format!("21-Nov-2026{at} {level} [http-nio-8080-exec-{}]", n % 40);
    if !n.is_multiple_of(ERROR_EVERY) {
        return writeln!(
            out,
            "{} org.apache.catalina.core.ApplicationContext.log paket {n} dibuka dari halaman lelang, {} ms",
            head("INFO"),
            n % 90
        );
    }
    writeln!(
        out,
        "{} org.apache.catalina.core.StandardWrapperValve.invoke Servlet.service() for servlet [lelang] threw exception\n\tjava.lang.NullPointerException: paket {n}",
        head("SEVERE")
    )?;
    frames("org.apache.catalina.core.ApplicationFilterChain.internalDoFilter", 20, out)
}

fn play_block(
    at: &str,
    n: u64,
    method: &str,
    path: &str,
    title: &str,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let path = path.replace("{}", &n.to_string());
    writeln!(
        out,
        "{at} ERROR ~ \n\n@{}\nInternal Server Error (500) for request {method} {path}\n\nExecution exception\n{title}\n",
        error_id(n)
    )
}

fn invoker(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:239)\n\tat Invocation.HTTP Request(Play!)\n");
}

fn frames(place: &str, count: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let file = place.rsplit('.').nth(1).unwrap_or_default();
    (0..count).try_for_each(|n| writeln!(out, "\tat {place}({file}.java:{})", 1_000 + n * 37))
}

/// 9 characters of [0-9a-p], as Play's own ids.
fn error_id(n: u64) -> String {
    let id = n.wrapping_mul(2_654_435_761) % 5_429_503_678_976;
    let digit = |place: u32| b"0123456789abcdefghijklmnop"[(id / 26_u64.pow(place) % 26) as usize];
    (0..9).map(|place| char::from(digit(place))).collect()
}

fn postgres_duration(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let (at, pid) = (time(n, '.'), 800 + n % 40);
    let head =
        format!("{at} WIB [{pid}] epns@epns_prod LOG:  duration: {}.{:03} ms ", n % 70, n % 997);
    match n % 3 {
        0 => writeln!(
            out,
            "{head} statement: SELECT lls_id, pkt_nama FROM lelang_seleksi JOIN paket USING (pkt_id) WHERE lls_status = {} AND pkt_nama ILIKE 'Pengadaan {n}%' ORDER BY lls_id DESC LIMIT 25",
            n % 3
        ),
        1 => writeln!(
            out,
            "{head} execute <unnamed>: UPDATE peserta SET psr_harga = $1, psr_harga_terkoreksi = $2 WHERE psr_id = $3\n{at} WIB [{pid}] epns@epns_prod DETAIL:  parameters: $1 = '{}', $2 = '{}', $3 = '{n}'",
            n * 1_000,
            n * 999
        ),
        _ => writeln!(
            out,
            "{head} execute S_{}: INSERT INTO riwayat_akses (usr_id, waktu, halaman)\n\t  VALUES ({n}, '{at}', '/lelang/{n}')",
            n % 9
        ),
    }
}

fn postgres_error(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let head = format!("{} WIB [{}] epns@epns_prod", time(n, '.'), 800 + n % 40);
    match n % 3 {
        0 => writeln!(
            out,
            "{head} ERROR:  duplicate key value violates unique constraint \"peserta_pkey\"\n{head} DETAIL:  Key (psr_id)=({n}) already exists.\n{head} STATEMENT:  INSERT INTO peserta (psr_id, rkn_id) VALUES ({n}, {})",
            n % 7_000
        ),
        1 => writeln!(
            out,
            "{head} ERROR:  relation \"lelang_{}\" does not exist at character 15\n{head} STATEMENT:  SELECT * FROM lelang_{} WHERE id = {n}",
            n % 4,
            n % 4
        ),
        _ => writeln!(out, "{head} WARNING:  there is no transaction in progress"),
    }
}
