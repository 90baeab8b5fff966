use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use super::*;
use crate::tail::{discover::Found, look::file_trouble};

/// Any course of what happens to a log.
#[path = "course_tests.rs"]
mod course_tests;
/// Files that are damaged, odd, or several at once.
#[path = "odd_tests.rs"]
mod odd_tests;
/// Compressed rolled files.
#[path = "packed_tests.rs"]
mod packed_tests;

/// A folder with a log in it, and a clock that the test moves.
struct Scene {
    folder: tempfile::TempDir,
    now_ms: i64,
}

impl Scene {
    fn new() -> Scene {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Scene { folder: tempfile::tempdir().unwrap(), now_ms: since.as_millis() as i64 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Lets the file look as if it was last written to so many seconds ago.
    fn age(&self, name: &str, seconds: u64) {
        let at = SystemTime::now() - Duration::from_secs(seconds);
        OpenOptions::new().write(true).open(self.path(name)).unwrap().set_modified(at).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn follower(&self, name: &str, progress: SourceProgress, start: Option<Start>) -> Follower {
        Follower::new(self.path(name), progress, start)
    }

    /// Everything that is there now and three seconds later.
    fn drain(&mut self, follower: &mut Follower, told: &mut Told) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..4 {
            lines.extend(told.take(follower, self.now_ms));
            self.now_ms += 1_000;
        }
        lines
    }
}

/// What a follower told, kept as the window keeps it.
struct Told {
    progress: SourceProgress,
    current: Option<SourcePosition>,
    gaps: Vec<Gap>,
    troubles: Vec<Option<String>>,
}

impl Told {
    fn new() -> Told {
        let progress =
            SourceProgress { source: "play".into(), not_before_ms: None, files: Vec::new() };
        Told { progress, current: None, gaps: Vec::new(), troubles: Vec::new() }
    }

    fn take(&mut self, follower: &mut Follower, now_ms: i64) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let end = match follower.step(now_ms) {
                Step::Idle => return lines,
                Step::Line { bytes, end, .. } => {
                    lines.push(String::from_utf8_lossy(bytes).into_owned());
                    Some(end)
                }
                Step::Event(event) => {
                    self.note(event);
                    None
                }
            };
            if let Some(place) = end.and_then(|end| follower.place_at(follower.lane(), end)) {
                self.progress.note(place);
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Opened(position) => {
                self.progress.note(position.clone());
                self.current = Some(position);
            }
            Event::Left(position) | Event::Settled(position) => self.progress.note(position),
            Event::Passing => {}
            Event::Gap(gap) => self.gaps.push(gap),
            Event::Trouble(trouble) => self.troubles.push(trouble),
        }
    }
}

fn head(name: &str) -> String {
    format!("21 Nov 2026 14:03:05,123 INFO ~ the first line of {name}, long enough to tell\n")
}

#[test]
fn a_rotated_file_is_read_to_its_end_before_the_new_one() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", "one\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["one"]);
    scene.write("app.log", "two\nthr");
    scene.rename("app.log", "app.log.1");
    scene.write("app.log", "four\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["two", "thr", "four"]);
    assert!(told.gaps.is_empty());
}

#[test]
fn bytes_that_come_late_to_a_rotated_file_are_read_too() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", "one\n");
    scene.drain(&mut follower, &mut told);
    scene.rename("app.log", "app.log.1");
    scene.write("app.log", "three\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["three"]);
    scene.write("app.log.1", "two\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["two"]);
    scene.write("app.log", "four\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["four"]);
}

#[test]
fn files_rotated_while_the_agent_was_down_are_read_in_their_order() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", &head("a"));
    scene.drain(&mut follower, &mut told);
    drop(follower);
    scene.write("app.log", "a2\n");
    scene.rename("app.log", "app.log.2");
    scene.age("app.log.2", 300);
    scene.write("app.log.1", &head("b"));
    scene.age("app.log.1", 200);
    scene.write("app.log", &head("the third, c"));
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let (b, c) = (head("b"), head("the third, c"));
    assert_eq!(scene.drain(&mut follower, &mut told), ["a2", b.trim_end(), c.trim_end()]);
    assert!(told.gaps.is_empty());
}

#[test]
fn a_file_renamed_out_of_the_pattern_while_the_agent_was_down_is_found_by_its_identity() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", &head("a"));
    scene.drain(&mut follower, &mut told);
    scene.write("app.log", "a2\n");
    scene.rename("app.log", "put-aside-by-an-administrator");
    scene.write("app.log", &head("b"));
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), ["a2", head("b").trim_end()]);
    assert!(told.gaps.is_empty());
}

#[test]
fn a_file_truncated_in_place_begins_a_new_generation() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("system.out", told.progress.clone(), Some(Start::Beginning));
    scene.write("system.out", "one\ntwo\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["one", "two"]);
    OpenOptions::new().write(true).open(scene.path("system.out")).unwrap().set_len(0).unwrap();
    scene.write("system.out", "new\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["new"]);
    let current = told.current.unwrap();
    assert_eq!((current.generation, current.offset), (1, 0));
    assert!(told.gaps.is_empty());
}

#[test]
fn copytruncate_counts_each_line_once() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", &head("a"));
    scene.drain(&mut follower, &mut told);
    scene.write("app.log", "just before the copy\n");
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.age("app.log.1", 1);
    OpenOptions::new().write(true).open(scene.path("app.log")).unwrap().set_len(0).unwrap();
    scene.write("app.log", "after\n");
    let lines = scene.drain(&mut follower, &mut told);
    assert_eq!(lines, ["just before the copy", "after"]);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
}

#[test]
fn a_copy_that_is_being_made_is_not_read() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", &head("a"));
    scene.drain(&mut follower, &mut told);
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
}

#[test]
fn an_old_file_unpacked_into_the_folder_is_not_counted_again() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("app.log", "now\n");
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.drain(&mut follower, &mut told);
    scene.write("app.log.7", &head("last week"));
    scene.age("app.log.7", 7 * 86_400);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
}

#[test]
fn a_file_that_vanished_while_the_agent_was_down_is_declared_lost() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", &head("a"));
    scene.drain(&mut follower, &mut told);
    scene.write("app.log", "never seen\n");
    fs::remove_file(scene.path("app.log")).unwrap();
    // Keeps the inode number from being given to the new file.
    scene.write("unrelated", "");
    scene.write("app.log", &head("b"));
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), [head("b").trim_end()]);
    assert_eq!(told.gaps.len(), 1);
    assert_eq!(told.gaps[0].reason, GapReason::FileLost);
}

#[test]
fn a_deleted_file_is_still_read_to_its_end_while_the_agent_runs() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", "one\n");
    assert_eq!(told.take(&mut follower, scene.now_ms), ["one"]);
    scene.write("app.log", "two\n");
    fs::remove_file(scene.path("app.log")).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), ["two"]);
    assert!(told.gaps.is_empty());
}

#[test]
fn a_missing_log_is_told_with_what_to_do_and_read_when_it_appears() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::End));
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    assert!(told.troubles[0].as_ref().unwrap().contains("correct `path`"));
    scene.write("app.log", "one\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["one"]);
    assert_eq!(told.troubles.last(), Some(&None));
}

#[test]
fn counting_from_the_end_begins_with_the_next_line() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("app.log.1", "older\n");
    scene.write("app.log", "old\n");
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::End));
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    scene.write("app.log", "new\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["new"]);
}

#[test]
fn counting_from_the_month_passes_over_files_of_the_months_before() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("app.log.2", "last month\n");
    scene.age("app.log.2", 90_000);
    scene.write("app.log.1", "yesterday\n");
    scene.age("app.log.1", 60_000);
    scene.write("app.log", "today\n");
    told.progress.not_before_ms = Some(scene.now_ms - 80_000_000);
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Month));
    assert_eq!(scene.drain(&mut follower, &mut told), ["yesterday", "today"]);
}

#[test]
fn of_a_pattern_the_weekly_file_that_is_used_again_is_read_anew() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("postgresql-Mon.log", &head("monday"));
    scene.age("postgresql-Mon.log", 100);
    scene.write("postgresql-Tue.log", &head("tuesday"));
    scene.age("postgresql-Tue.log", 50);
    let mut follower =
        scene.follower("postgresql-*.log", told.progress.clone(), Some(Start::Beginning));
    assert_eq!(scene.drain(&mut follower, &mut told).len(), 2);
    let next = head("the monday after") + "and more\n";
    fs::write(scene.path("postgresql-Mon.log"), &next).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told).len(), 2);
    assert_eq!(told.current.unwrap().generation, 1);
    assert!(told.gaps.is_empty());
}

#[test]
fn a_file_that_may_not_be_read_is_told_and_the_rest_goes_on() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    // A link to itself cannot be opened, by root either; a file of mode 000 can.
    std::os::unix::fs::symlink(scene.path("app.log.1"), scene.path("app.log.1")).unwrap();
    scene.write("app.log", "one\n");
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    assert_eq!(scene.drain(&mut follower, &mut told), ["one"]);
    assert!(
        file_trouble(&found(&scene.path("app.log")), &io::ErrorKind::PermissionDenied.into())
            .contains("let the agent's user read it")
    );
}

fn found(path: &Path) -> Found {
    discover::discover(path).unwrap().pop().unwrap()
}

#[test]
fn two_copies_made_while_the_agent_was_off_are_both_read() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("app.log.1", &head("counted before"));
    scene.age("app.log.1", 50);
    scene.write("app.log", &head("a"));
    scene.age("app.log", 40);
    let start = SourceProgress { files: Vec::new(), ..told.progress.clone() };
    let mut follower = scene.follower("app.log", start, Some(Start::Beginning));
    assert_eq!(scene.drain(&mut follower, &mut told).len(), 2);
    drop(follower);
    told.progress.files.retain(|known| known.path.ends_with("app.log"));

    scene.write("app.log", "seen by nobody\n");
    scene.rename("app.log.1", "app.log.2");
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.age("app.log.1", 30);
    fs::write(scene.path("app.log"), head("b")).unwrap();
    scene.rename("app.log.2", "app.log.3");
    scene.rename("app.log.1", "app.log.2");
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.age("app.log.1", 20);
    fs::write(scene.path("app.log"), head("the third, c")).unwrap();

    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let read = scene.drain(&mut follower, &mut told);
    let wanted = [
        "seen by nobody".to_owned(),
        head("b").trim().to_owned(),
        head("the third, c").trim().to_owned(),
    ];
    assert_eq!(read, wanted);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}
