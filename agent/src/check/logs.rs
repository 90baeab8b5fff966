//! Logs: there, readable by this user, and written as the settings say.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use pantau_logs::{
    format::{Layout, LayoutKind},
    parse::Line,
    understand::LogStream,
};

use super::Finding;
use crate::{
    config::{LogFormat, LogSettings},
    domain::{DatabaseFacts, Fate},
    tail::{decode, discover, is_pattern},
};

/// The end of a log that is tried against its format.
const TRIED_BYTES: u64 = 64 * 1024;
/// Above this share of lines not understood, permille, the format is doubted.
const UNPARSED_WARN_PERMILLE: u64 = 200;

/// Tests each log; a cluster's own `log_line_prefix` is used where the settings give none.
pub(super) fn all(logs: &[LogSettings], facts: &[DatabaseFacts], now_ms: i64) -> Vec<Finding> {
    logs.iter().map(|log| one(log, facts, now_ms)).collect()
}

fn one(log: &LogSettings, facts: &[DatabaseFacts], now_ms: i64) -> Finding {
    let piece = format!("log.{}", log.key);
    let path = match newest(&log.path) {
        Ok(path) => path,
        Err(error) => return unreadable(piece, &log.path, &error),
    };
    match end_of(&path) {
        Ok(lines) => judge(piece, &path, tried(log, facts, &lines, now_ms)),
        Err(error) => unreadable(piece, &path, &error),
    }
}

fn unreadable(piece: String, path: &Path, error: &io::Error) -> Finding {
    let path = path.display();
    let advice = match error.kind() {
        io::ErrorKind::NotFound => "correct path, or switch this log on where it is written",
        io::ErrorKind::PermissionDenied => {
            "let the agent's user read it: add it to the group that owns the file (often adm or \
             postgres), or setfacl -m u:pantau:r on the file and x on its folders"
        }
        _ => "see whether it is a file and its disk is well",
    };
    Finding::fail(piece, format!("{path} cannot be read ({error}): {advice}"))
}

/// Lines by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tried {
    lines: u64,
    unparsed: u64,
}

fn judge(piece: String, path: &Path, tried: Tried) -> Finding {
    let path = path.display();
    let Tried { lines, unparsed } = tried;
    if lines == 0 {
        return Finding::warn(piece, format!("{path} is empty: nothing to count yet"));
    }
    let text = format!("{path}: {} of its last {lines} lines are understood", lines - unparsed);
    if unparsed >= lines {
        return Finding::fail(piece, format!("{text}: correct format (and prefix) of this log"));
    }
    if unparsed.saturating_mul(1_000) / lines > UNPARSED_WARN_PERMILLE {
        return Finding::warn(piece, format!("{text}: see whether format and prefix are right"));
    }
    Finding::pass(piece, text)
}

fn tried(log: &LogSettings, facts: &[DatabaseFacts], text: &[u8], now_ms: i64) -> Tried {
    let text_of_layout = layout(&log.format, facts).map(str::to_owned);
    let layout = Layout { text: text_of_layout, zone: log.zone.clone() };
    let mut stream = LogStream::new(log.format.format, &layout, "", None);
    let mut tried = Tried::default();
    let mut end = 0;
    let (mut entries, mut decoded) = (Vec::new(), String::new());
    for line in text.split_inclusive(|b| *b == b'\n') {
        end += line.len() as u64;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = decode(log.encoding, line, &mut decoded);
        let line = Line { bytes: line, end, now_ms };
        stream.line(line, |entry| entry.add_to(&mut entries));
    }
    stream.finish(|entry| entry.add_to(&mut entries));
    for entry in entries {
        tried.lines += entry.lines;
        if entry.fate == Fate::Unparsed {
            tried.unparsed += entry.lines;
        }
    }
    tried
}

fn layout<'a>(format: &'a LogFormat, facts: &'a [DatabaseFacts]) -> Option<&'a str> {
    let typed = format.layout.as_deref();
    if format.format.layout != Some(LayoutKind::Prefix) {
        return typed;
    }
    let cluster = format.cluster.as_deref()?;
    let asked = || facts.iter().find(|facts| facts.cluster == cluster);
    typed.or_else(|| asked().map(|facts| facts.log_line_prefix.as_str()))
}

/// The file itself or, where its name is a pattern, the one written last.
fn newest(path: &Path) -> io::Result<PathBuf> {
    if !is_pattern(path) {
        return Ok(path.to_owned());
    }
    let newest = discover(path)?.pop();
    let newest =
        newest.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no file matches"))?;
    Ok(newest.path)
}

/// The last whole lines.
fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TRIED_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(TRIED_BYTES).read_to_end(&mut text)?;
    if from > 0 {
        let line_end = text.iter().position(|b| *b == b'\n').map_or(text.len(), |at| at + 1);
        text.drain(..line_end);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pantau_logs::parse::{play, postgres};

    use super::{super::Verdict, *};

    #[test]
    fn a_log_is_judged_by_how_many_of_its_lines_are_understood() {
        let verdict = |lines, unparsed| {
            judge("log.spse".to_owned(), Path::new("/x"), Tried { lines, unparsed }).verdict
        };
        assert_eq!(verdict(0, 0), Verdict::Warn);
        assert_eq!(verdict(100, 0), Verdict::Pass);
        assert_eq!(verdict(100, 20), Verdict::Pass);
        assert_eq!(verdict(100, 21), Verdict::Warn);
        assert_eq!(verdict(100, 100), Verdict::Fail);
    }

    #[test]
    fn the_last_whole_lines_of_a_long_log_are_tried() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("application.log");
        let line = "23:32:28,792 INFO  ~ a line of the application\n";
        fs::write(&path, line.repeat(5_000)).unwrap();
        let end = end_of(&path).unwrap();
        assert!(end.len() as u64 <= TRIED_BYTES && end.len().is_multiple_of(line.len()));
        fs::write(&path, "short").unwrap();
        assert_eq!(end_of(&path).unwrap(), b"short");
    }

    #[test]
    fn of_a_pattern_the_file_written_last_is_tried() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("postgresql-Mon.log");
        let new = dir.path().join("postgresql-Tue.log");
        let other = dir.path().join("postgresql-Wed.csv");
        let compressed = dir.path().join("postgresql-20261120.log.gz");
        for (path, seconds) in [(&old, 1), (&new, 2), (&other, 3), (&compressed, 4)] {
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::create(path).unwrap().set_modified(time).unwrap();
        }
        assert_eq!(newest(&dir.path().join("postgresql-*.log*")).unwrap(), new);
        let none = newest(&dir.path().join("none-*.log")).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_prefix_of_the_settings_goes_before_the_servers() {
        let facts = [DatabaseFacts {
            cluster: "utama".to_owned(),
            log_line_prefix: "%m [%p] ".to_owned(),
            ..DatabaseFacts::default()
        }];
        let format = |prefix: Option<&str>| LogFormat {
            format: &postgres::stderr::FORMAT,
            cluster: Some("utama".into()),
            layout: prefix.map(str::to_owned),
        };
        assert_eq!(layout(&format(Some("%t ")), &facts), Some("%t "));
        assert_eq!(layout(&format(None), &facts), Some("%m [%p] "));
        assert_eq!(layout(&format(None), &[]), None);
        let play = LogFormat { format: &play::FORMAT, cluster: None, layout: None };
        assert_eq!(layout(&play, &facts), None);
    }
}
