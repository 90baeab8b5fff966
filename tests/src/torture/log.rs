//! Writes a log and rotates it as SPSE servers do.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    dice::Dice,
    kinds::{self, Format, Kind, PREFIX, Role},
    oracle::{FileKey, Oracle},
    plan::{Layout, LogPlan, Packer, Rotation},
};
use crate::collector::ZONE;

/// Weekday files of a log: few, so that their turn comes again within a run.
const WEEKDAYS: [&str; 3] = ["Mon", "Tue", "Wed"];
/// Between the two parts of a line that is written in two.
const PART_PAUSE_MS: (u64, u64) = (20, 250);

/// A log being written.
pub struct Log {
    place: usize,
    plan: LogPlan,
    /// Where its files lie.
    dir: PathBuf,
    file: File,
    /// The file that is written.
    current: PathBuf,
    /// Content that is written, counted up at each rotation.
    serial: u64,
    /// Rolled files, the newest last, and what content each holds.
    rolled: Vec<(PathBuf, u64)>,
    /// Occurrences written.
    written: u64,
    zone: TimeZone,
}

impl Log {
    /// Begins the log in `dir`.
    pub fn begin(place: usize, plan: LogPlan, dir: &Path) -> Result<Log> {
        let dir = dir.to_owned();
        let current = dir.join(first_name(plan.layout));
        let file = appending(&current)?;
        if plan.layout == Layout::Linked {
            symlink(&current, dir.join("application.log"))?;
        }
        let zone = TimeZone::get(ZONE)?;
        Ok(Log { place, plan, dir, file, current, serial: 1, rolled: vec![], written: 0, zone })
    }

    /// Its table for the agent, which sees the files in `seen`.
    pub fn table(&self, seen: &Path) -> String {
        let path = seen.join(settings_name(self.plan.layout));
        let format = match self.plan.format {
            Format::Play => "format = \"play\"".to_owned(),
            Format::Postgres => {
                format!("format = \"postgres-stderr\"\ncluster = \"utama\"\nprefix = \"{PREFIX}\"")
            }
        };
        format!(
            "[[log]]\nkey = \"{}\"\npath = \"{}\"\n{format}\nzone = \"{ZONE}\"\n\
             start = \"beginning\"\n\n",
            self.plan.key,
            path.display()
        )
    }

    /// Writes entries, their kinds and values by `seed`.
    pub fn write(&mut self, entries: u32, odd: bool, seed: u64, oracle: &mut Oracle) -> Result<()> {
        let mut dice = Dice::new(seed);
        let plain = kinds::of(self.plan.format, Role::Plain);
        let strange = kinds::of(self.plan.format, Role::Odd);
        for _ in 0..entries {
            let is_strange = odd && dice.chance(1, 4);
            let kind = dice.pick(if is_strange { &strange } else { &plain });
            let parted = odd && dice.chance(1, 4);
            let pause = dice.between(PART_PAUSE_MS.0, PART_PAUSE_MS.1);
            // Noted first: what is written must be known to be so at the latest when it is counted.
            oracle.wrote(self.key(), kind);
            let bytes = self.entry(kind);
            self.put(&bytes, parted.then_some(Duration::from_millis(pause)))?;
        }
        Ok(())
    }

    /// Writes the mark of the end, which shows that all before it was read.
    pub fn end(&mut self, oracle: &mut Oracle) -> Result<()> {
        for kind in kinds::of(self.plan.format, Role::End) {
            oracle.wrote(self.key(), kind);
            let bytes = self.entry(kind);
            self.put(&bytes, None)?;
        }
        self.nothing_special()
    }

    /// The log goes on in another file.
    pub fn rotate(&mut self, how: Rotation, oracle: &mut Oracle) -> Result<()> {
        match how {
            Rotation::Next => self.next(oracle),
            Rotation::NextUnfinished => {
                let kind = kinds::of(self.plan.format, Role::Plain)[2];
                oracle.wrote(self.key(), kind);
                let bytes = self.entry(kind);
                self.file.write_all(&bytes)?;
                self.next(oracle)
            }
            Rotation::CopyTruncate => self.copy_truncate(),
            Rotation::Compress(packer) => self.compress(packer),
            Rotation::DeleteRolled => self.delete_rolled(oracle),
        }
    }

    fn key(&self) -> FileKey {
        (self.place, self.serial)
    }

    fn entry(&mut self, kind: &Kind) -> Vec<u8> {
        self.written += 1;
        let now = Timestamp::now().to_zoned(self.zone.clone());
        let time = match self.plan.format {
            Format::Play => now.strftime("%Y-%m-%d %H:%M:%S,%3f").to_string(),
            Format::Postgres => now.strftime("%Y-%m-%d %H:%M:%S.%3f WITA").to_string(),
        };
        let number = self.written + 1_000 * self.place as u64;
        kind.occurrence(&time, number)
    }

    fn put(&mut self, entry: &[u8], parted: Option<Duration>) -> Result<()> {
        let ending: &[u8] = if self.plan.crlf { b"\r\n" } else { b"\n" };
        let lines: Vec<&[u8]> = entry.split(|b| *b == b'\n').collect();
        let bytes = [lines.join(ending), ending.to_vec()].concat();
        // Parted within its last line: an entry whose lines come seconds apart may be cut by the reader.
        let last = lines.last().map_or(0, |line| line.len()) + ending.len();
        let (head, tail) = bytes.split_at(bytes.len() - last / 2);
        self.file.write_all(head)?;
        parted.into_iter().for_each(std::thread::sleep);
        Ok(self.file.write_all(tail)?)
    }

    /// A line that shows that the entry before it is complete, where the format needs one.
    fn nothing_special(&mut self) -> Result<()> {
        let now = Timestamp::now().to_zoned(self.zone.clone());
        let line = match self.plan.format {
            Format::Play => now.strftime("%Y-%m-%d %H:%M:%S,%3f INFO  ~ selesai"),
            Format::Postgres => {
                now.strftime("%Y-%m-%d %H:%M:%S.%3f WITA [1] LOG:  checkpoint starting: time")
            }
        };
        self.put(line.to_string().as_bytes(), None)
    }

    fn next(&mut self, oracle: &mut Oracle) -> Result<()> {
        match self.plan.layout {
            Layout::Numbered => {
                self.shift()?;
                fs::rename(&self.current, self.dir.join("application.log.1"))?;
                self.go_on_in(self.current.clone())
            }
            Layout::Linked => self.switch_link(),
            Layout::InPlace => {
                oracle.destroyed(self.key());
                self.file.set_len(0)?;
                self.serial += 1;
                Ok(())
            }
            Layout::Weekdays => self.next_weekday(oracle),
            Layout::Dated => {
                self.rolled.push((self.current.clone(), self.serial));
                self.go_on_in(self.dir.join(dated_name(self.serial + 1)))
            }
        }
    }

    fn go_on_in(&mut self, path: PathBuf) -> Result<()> {
        self.file = appending(&path)?;
        self.current = path;
        self.serial += 1;
        Ok(())
    }

    /// `application.log.1` becomes `.2`, and so on, the oldest first.
    fn shift(&mut self) -> Result<()> {
        let files = self.rolled.len();
        for (n, (path, _)) in self.rolled.iter_mut().enumerate() {
            let packed = path.extension().and_then(|e| e.to_str()).filter(|e| *e != "1");
            let packed = packed.filter(|e| e.parse::<u32>().is_err()).map(|e| format!(".{e}"));
            let number = files - n + 1;
            let name = format!("application.log.{number}{}", packed.unwrap_or_default());
            let to = path.with_file_name(name);
            fs::rename(&*path, &to)?;
            *path = to;
        }
        self.rolled.push((self.dir.join("application.log.1"), self.serial));
        Ok(())
    }

    fn copy_truncate(&mut self) -> Result<()> {
        ensure!(self.plan.layout == Layout::Numbered, "only numbered logs are copied");
        self.shift()?;
        let copy = self.dir.join("application.log.1");
        fs::copy(&self.current, &copy)?;
        readable(&copy)?;
        self.file.set_len(0)?;
        self.serial += 1;
        Ok(())
    }

    fn switch_link(&mut self) -> Result<()> {
        self.rolled.push((self.current.clone(), self.serial));
        self.go_on_in(self.dir.join(linked_name(self.serial + 1)))?;
        let link = self.dir.join("link.new");
        symlink(&self.current, &link)?;
        Ok(fs::rename(link, self.dir.join("application.log"))?)
    }

    fn next_weekday(&mut self, oracle: &mut Oracle) -> Result<()> {
        self.rolled.push((self.current.clone(), self.serial));
        let name = weekday_name(self.serial + 1);
        let path = self.dir.join(name);
        if let Some(at) = self.rolled.iter().position(|(rolled, _)| *rolled == path) {
            let (_, serial) = self.rolled.remove(at);
            oracle.destroyed((self.place, serial));
            File::create(&path)?;
        }
        self.go_on_in(path)
    }

    fn compress(&mut self, packer: Packer) -> Result<()> {
        let (path, _) = self.rolled.last_mut().context("a rolled file")?;
        let (program, arguments, ending): (_, &[&str], _) = match packer {
            Packer::Gzip => ("gzip", &["-q"], "gz"),
            Packer::Xz => ("xz", &["-q", "-0"], "xz"),
            Packer::Bzip2 => ("bzip2", &["-q"], "bz2"),
            Packer::Zstd => ("zstd", &["-q", "--rm"], "zst"),
            Packer::Zip => ("zip", &["-q", "-m", "-j"], "zip"),
        };
        let to = PathBuf::from(format!("{}.{ending}", path.display()));
        let mut command = Command::new(program);
        command.args(arguments);
        if packer == Packer::Zip {
            command.arg(&to);
        }
        let status = command.arg(&*path).status().with_context(|| program.to_owned())?;
        ensure!(status.success(), "{program}: {status}");
        readable(&to)?;
        *path = to;
        Ok(())
    }

    fn delete_rolled(&mut self, oracle: &mut Oracle) -> Result<()> {
        if let Some((path, serial)) = self.rolled.pop() {
            oracle.destroyed((self.place, serial));
            fs::remove_file(path)?;
            // The names of the older ones go on from 1 at the next shift, as logrotate's do.
        }
        Ok(())
    }
}

fn appending(path: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(path)?;
    readable(path)?;
    Ok(file)
}

/// The agent's user may read it, whatever the umask.
fn readable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o644))?)
}

fn first_name(layout: Layout) -> String {
    match layout {
        Layout::Numbered => "application.log".to_owned(),
        Layout::Linked => linked_name(1),
        Layout::InPlace => "system.out".to_owned(),
        Layout::Weekdays => weekday_name(1),
        Layout::Dated => dated_name(1),
    }
}

fn settings_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Numbered | Layout::Linked => "application.log",
        Layout::InPlace => "system.out",
        Layout::Weekdays | Layout::Dated => "postgresql-*.log",
    }
}

fn linked_name(serial: u64) -> String {
    format!("application-2026-11-21-{serial:02}.log")
}

fn weekday_name(serial: u64) -> String {
    format!("postgresql-{}.log", WEEKDAYS[serial as usize % WEEKDAYS.len()])
}

fn dated_name(serial: u64) -> String {
    format!("postgresql-2026-11-21_{serial:02}.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(layout: Layout, dir: &Path) -> Log {
        let format = if layout == Layout::Numbered { Format::Play } else { Format::Postgres };
        Log::begin(0, LogPlan { key: "x", format, layout, crlf: true }, dir).unwrap()
    }

    #[test]
    fn rolled_files_keep_their_order_whatever_they_are_packed_with() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, mut oracle) = (log(Layout::Numbered, dir.path()), Oracle::default());
        for how in [Rotation::Next, Rotation::Compress(Packer::Gzip), Rotation::CopyTruncate] {
            log.write(3, true, 1, &mut oracle).unwrap();
            log.rotate(how, &mut oracle).unwrap();
        }
        let names = ["application.log.2.gz", "application.log.1", "application.log"];
        assert!(names.iter().all(|name| dir.path().join(name).exists()));
        assert_eq!((oracle.entries(), oracle.may_lose()), (9, false));
    }

    #[test]
    fn a_weekday_that_comes_again_destroys_what_it_held() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, mut oracle) = (log(Layout::Weekdays, dir.path()), Oracle::default());
        for _ in 0..3 {
            assert!(!oracle.may_lose());
            log.write(2, false, 5, &mut oracle).unwrap();
            log.rotate(Rotation::Next, &mut oracle).unwrap();
        }
        assert!(oracle.may_lose());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
