//! Writes the application log of a Play 1 application, as SPSE's is, with errors in known numbers.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Result;
use jiff::{Timestamp, tz::TimeZone};

/// The five kinds of error that the writer knows; each is one group.
pub const KINDS: usize = 5;

/// A log being written.
pub struct PlayLog {
    path: PathBuf,
    file: File,
    zone: TimeZone,
    written: u64,
}

impl PlayLog {
    /// Opens it for appending; times are written in `zone`.
    pub fn open(path: &Path, zone: &str) -> Result<PlayLog> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(PlayLog { path: path.to_owned(), file, zone: TimeZone::get(zone)?, written: 0 })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A line of no interest.
    pub fn info(&mut self) -> Result<()> {
        self.written += 1;
        let n = self.written;
        self.line(&format!("INFO  ~ paket {n} dibuka dari halaman lelang, {} ms", n % 90))
    }

    /// One error of kind `0..KINDS`, each time with other values in it. Returns its lines.
    pub fn error(&mut self, kind: usize) -> Result<usize> {
        self.written += 1;
        let n = self.written;
        let block = block(kind, n);
        self.line(&block)?;
        Ok(block.lines().count())
    }

    fn line(&mut self, text: &str) -> Result<()> {
        let now = Timestamp::now().to_zoned(self.zone.clone());
        writeln!(self.file, "{} {text}", now.strftime("%Y-%m-%d %H:%M:%S,%3f"))?;
        Ok(())
    }
}

/// What stands behind the time: a header, and for the first two kinds an error block with its trace.
/// Names, numbers and addresses are invented and differ from one occurrence to the next.
pub(crate) fn block(kind: usize, n: u64) -> String {
    let id = error_id(n);
    match kind {
        0 => format!(
            "ERROR ~ \n\n@{id}\nInternal Server Error (500) for request GET /lelang/{n}/pengumuman\n\n\
             Execution exception\nNullPointerException occured : null\n\n\
             play.exceptions.JavaExecutionException\n\
             \tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:239)\n\
             \tat Invocation.HTTP Request(Play!)\n\
             Caused by: java.lang.NullPointerException\n\
             \tat controllers.lelang.LelangCtr.pengumuman(LelangCtr.java:{})\n\
             \tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:548)\n\t... 1 more",
            100 + n % 3
        ),
        1 => format!(
            "ERROR ~ \n\n@{id}\nInternal Server Error (500) for request POST /penawaran/{n}/unggah\n\n\
             Execution exception\nIOException occured : No space left on device\n\n\
             play.exceptions.JavaExecutionException: No space left on device\n\
             \tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:239)\n\
             \tat Invocation.HTTP Request(Play!)\n\
             Caused by: java.io.IOException: No space left on device\n\
             \tat java.io.FileOutputStream.writeBytes(Native Method)\n\
             \tat utils.UploadUtil.simpan(UploadUtil.java:88)\n\t... 3 more"
        ),
        2 => format!(
            "ERROR ~ gagal mengirim surel ke rekanan{n}@contoh.co.id: koneksi ke server mail ditolak"
        ),
        3 => format!(
            "ERROR ~ login gagal untuk pengguna rekanan{n} dari 10.7.{}.{}",
            n % 200,
            n % 250
        ),
        _ => format!(
            "ERROR ~ SocketTimeoutException: ADP tidak menjawab dalam {} ms (permintaan {n})",
            30_000 + n
        ),
    }
}

/// `@` is written by the caller: 9 characters of [0-9a-p], as Play's own ids.
fn error_id(n: u64) -> String {
    let mut id = n.wrapping_mul(2_654_435_761) % 5_429_503_678_976;
    let mut text = Vec::new();
    for _ in 0..9 {
        let digit = (id % 26) as u8;
        text.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        id /= 26;
    }
    String::from_utf8_lossy(&text).into_owned()
}
