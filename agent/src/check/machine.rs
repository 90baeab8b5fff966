//! The machine itself: user, clock, room for the spool.

use std::path::Path;

use rustix::fs::{Access, access};

use super::Finding;
use crate::{config::SpoolSettings, sample};

/// No clock of a running agent can be before this: 2026-01-01T00:00:00Z.
const CLOCK_EARLIEST_MS: i64 = 1_767_225_600_000;
/// With less room the spool cannot hold a day.
const SPOOL_ROOM_LEAST_BYTES: u64 = 64 << 20;
/// Any of these shows that something keeps the clock right.
const SYNCHRONISED_BY: &[&str] = &[
    "/run/systemd/timesync/synchronized",
    "/run/chrony/chronyd.pid",
    "/run/chronyd.pid",
    "/run/chrony.pid",
    "/run/ntpd.pid",
    "/run/openntpd.pid",
];

/// Root may read what the service may not, so its result says little.
pub(super) fn user() -> Option<Finding> {
    rustix::process::geteuid().is_root().then(|| {
        let text = "this runs as root, who may read everything; run it as the agent's user, e.g. \
                    runuser -u pantau -- pantau-agent check";
        Finding::warn("user", text)
    })
}

/// A bid deadline is judged by this clock, and every count stands in its minute.
pub(super) fn clock(now_ms: i64) -> Finding {
    let synchronised = SYNCHRONISED_BY.iter().any(|path| Path::new(path).exists());
    judge_clock(now_ms, synchronised)
}

fn judge_clock(now_ms: i64, synchronised: bool) -> Finding {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let now = now.strftime("%Y-%m-%d %H:%M:%S UTC");
    if now_ms < CLOCK_EARLIEST_MS {
        return Finding::fail(
            "clock",
            format!("it says {now}, which is past: set it, then use NTP"),
        );
    }
    if !synchronised {
        return Finding::warn(
            "clock",
            format!(
                "it says {now}, and nothing shows that it is kept right: install chrony, or ask for \
                 NTP to be let through"
            ),
        );
    }
    Finding::pass("clock", format!("{now}, kept right by NTP"))
}

/// Whether batches can be written, and how many.
pub(super) fn spool(settings: &SpoolSettings) -> Vec<Finding> {
    vec![writable(&settings.dir), room(settings)]
}

fn writable(dir: &Path) -> Finding {
    let existing = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    let shown = existing.display();
    if !existing.is_dir() {
        return Finding::fail("spool", format!("{shown} is not a folder: set state_dir to one"));
    }
    match access(existing, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::pass("spool", format!("{} can be written", dir.display())),
        Err(error) => Finding::fail(
            "spool",
            format!(
                "{shown} cannot be written by this user ({error}): create {} and give it to the \
                 agent's user (mkdir -p, chown), or set state_dir",
                dir.display()
            ),
        ),
    }
}

fn room(settings: &SpoolSettings) -> Finding {
    match sample::free_bytes(&settings.dir) {
        Ok(free) => judge_room(free, settings.bytes_max),
        Err(error) => Finding::fail("spool.room", format!("free space is not known: {error}")),
    }
}

fn judge_room(free_bytes: u64, bytes_max: u64) -> Finding {
    let (free, most) = (free_bytes >> 20, bytes_max >> 20);
    let text = format!("{free} MiB are free, the spool may grow to {most} MiB");
    if free_bytes < SPOOL_ROOM_LEAST_BYTES.min(bytes_max) {
        return Finding::fail("spool.room", format!("{text}: make room, or set state_dir"));
    }
    if free_bytes < bytes_max {
        let text = format!("{text}: make room, or lower spool.bytes_max");
        return Finding::warn("spool.room", text);
    }
    Finding::pass("spool.room", text)
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn a_clock_in_the_past_fails_and_one_nobody_keeps_is_warned_of() {
        assert_eq!(judge_clock(0, true).verdict, Verdict::Fail);
        assert_eq!(judge_clock(CLOCK_EARLIEST_MS, false).verdict, Verdict::Warn);
        assert_eq!(judge_clock(CLOCK_EARLIEST_MS, true).verdict, Verdict::Pass);
    }

    #[test]
    fn room_is_judged_by_what_the_spool_may_take() {
        assert_eq!(judge_room(10 << 20, 512 << 20).verdict, Verdict::Fail);
        assert_eq!(judge_room(100 << 20, 512 << 20).verdict, Verdict::Warn);
        assert_eq!(judge_room(600 << 20, 512 << 20).verdict, Verdict::Pass);
        assert_eq!(judge_room(10 << 20, 8 << 20).verdict, Verdict::Pass);
    }

    #[test]
    fn a_spool_below_a_file_is_refused_and_one_to_be_made_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(writable(&dir.path().join("a/spool")).verdict, Verdict::Pass);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(writable(&file.join("spool")).verdict, Verdict::Fail);
    }
}
