use super::*;
use crate::domain::FileIdentity;

/// A course of writing, rotating, compressing, truncating after reading, and restarting, and what was read
/// in it.
struct Course {
    scene: Scene,
    told: Told,
    follower: Follower,
    written: Vec<String>,
    read: Vec<String>,
    rotations: u64,
}

impl Course {
    /// Runs all acts and reads what is there at their end.
    fn run(acts: &[u8]) -> Course {
        let (scene, told) = (Scene::new(), Told::new());
        let follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
        let (written, read) = (Vec::new(), Vec::new());
        let mut course = Course { scene, told, follower, written, read, rotations: 0 };
        course.write();
        acts.iter().for_each(|act| course.act(*act));
        course.drain();
        course
    }

    fn act(&mut self, act: u8) {
        match act {
            0 | 1 => self.write(),
            2 => self.drain(),
            3 => self.rotate(),
            4 => {
                self.drain();
                fs::write(self.scene.path("app.log"), "").unwrap();
                self.drain();
            }
            5 => {
                let progress = self.told.progress.clone();
                self.follower = self.scene.follower("app.log", progress, None);
            }
            _ => packed_tests::compress_all(&self.scene, self.rotations),
        }
    }

    fn write(&mut self) {
        let text = format!("line {:05} of this log, with words behind it", self.written.len());
        self.scene.write("app.log", &format!("{text}\n"));
        self.written.push(text);
    }

    /// One file after the other is read, until none has anything more.
    fn drain(&mut self) {
        loop {
            let lines = self.scene.drain(&mut self.follower, &mut self.told);
            if lines.is_empty() {
                return;
            }
            self.read.extend(lines);
        }
    }

    fn rotate(&mut self) {
        self.rotations += 1;
        let name = format!("app.log.{}", self.rotations);
        self.scene.rename("app.log", &name);
        self.scene.age(&name, 1_000 - self.rotations);
        self.write();
    }
}

/// Which inode a file gets is chance: met in long runs of the property only.
#[test]
fn a_file_known_empty_tells_nothing_of_what_was_read_before_its_inode_was_reused() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    for (name, age_s) in [("app.log.1", 999), ("app.log.2", 998)] {
        scene.write(name, &head(name));
        packed_tests::compress(&scene, name, "gz", age_s);
    }
    scene.write("app.log", &head("the current one"));
    for holder in ["app.log.2.gz", "app.log"] {
        let place = found_as(&scene, holder);
        let identity = FileIdentity { device: place.device, inode: place.inode, ..empty() };
        let emptied = SourcePosition { generation: 1, identity, ..SourcePosition::default() };
        let progress = SourceProgress { files: vec![emptied], ..told.progress.clone() };
        let mut follower = scene.follower("app.log", progress, None);
        let read = scene.drain(&mut follower, &mut told);
        let wanted = ["app.log.1", "app.log.2", "the current one"].map(head);
        assert_eq!(read, wanted.map(|line| line.trim().to_owned()), "{holder}");
        told = Told::new();
    }
}

fn empty() -> FileIdentity {
    crate::tail::identity::of(&tempfile::tempfile().unwrap()).unwrap()
}

fn found_as(scene: &Scene, name: &str) -> Found {
    let mut all = discover::discover_all(&scene.path("app.log")).unwrap();
    all.retain(|file| file.path.ends_with(name));
    all.pop().unwrap()
}

#[test]
fn acts_that_once_lost_a_line_lose_none() {
    for acts in [
        &[1, 4, 4, 0, 4, 1, 5, 3, 4, 4, 3, 0, 1, 4, 6, 2, 6, 2, 3, 4, 6, 1, 2, 6, 3, 3, 1, 5, 4, 2]
            [..],
        &[4, 0, 5, 3, 3, 6, 2],
        &[4, 3, 1, 6, 5, 3, 6, 4, 3, 2, 3, 0],
    ] {
        let course = Course::run(acts);
        assert_eq!(course.read, course.written);
    }
}

#[test]
fn a_weekday_file_rewritten_to_the_very_size_counted_is_read_open_or_not() {
    for is_open in [true, false] {
        let (mut scene, mut told) = (Scene::new(), Told::new());
        let name = "postgresql-*.log";
        let mut follower = scene.follower(name, told.progress.clone(), Some(Start::Beginning));
        scene.write("postgresql-Mon.log", &head("one"));
        scene.age("postgresql-Mon.log", 100);
        assert_eq!(scene.drain(&mut follower, &mut told), [head("one").trim()]);
        if !is_open {
            follower = scene.follower(name, told.progress.clone(), None);
            assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
        }
        fs::write(scene.path("postgresql-Mon.log"), head("two")).unwrap();
        // Even where it is given its old time again.
        scene.age("postgresql-Mon.log", 100);
        assert_eq!(scene.drain(&mut follower, &mut told), [head("two").trim()], "{is_open}");
        assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    }
}

proptest::proptest! {
    /// Any course: every line once.
    #[test]
    fn every_line_is_read_exactly_once(acts in proptest::collection::vec(0u8..7, 1..40)) {
        let course = Course::run(&acts);
        proptest::prop_assert_eq!(course.read, course.written);
    }

    /// Files of a pattern, written to in any order, begun anew when they were read, and restarts: every
    /// line once.
    #[test]
    fn every_line_of_a_pattern_is_read_exactly_once(
        acts in proptest::collection::vec((0u8..8, 0u8..4), 1..40),
    ) {
        let (mut scene, mut told) = (Scene::new(), Told::new());
        let start = Some(Start::Beginning);
        let mut follower = scene.follower("app-*.log", told.progress.clone(), start);
        scene.drain(&mut follower, &mut told);
        let (mut written, mut read) = (Vec::new(), Vec::new());
        for (act, file) in acts {
            let name = format!("app-{file}.log");
            let text = format!("line {:05} of this log, with words behind it", written.len());
            match act {
                0..4 => {
                    scene.write(&name, &format!("{text}\n"));
                    written.push(text);
                }
                4 => {
                    read.extend(scene.drain(&mut follower, &mut told));
                    fs::write(scene.path(&name), format!("{text}\n")).unwrap();
                    written.push(text);
                }
                5 => follower = scene.follower("app-*.log", told.progress.clone(), None),
                _ => read.extend(scene.drain(&mut follower, &mut told)),
            }
        }
        read.extend(scene.drain(&mut follower, &mut told));
        read.sort();
        proptest::prop_assert_eq!(read, written);
    }
}

#[test]
fn a_new_file_of_a_pattern_is_read_though_another_was_written_to_after_it() {
    for is_restarted in [false, true] {
        let (mut scene, mut told) = (Scene::new(), Told::new());
        let mut follower =
            scene.follower("app-*.log", told.progress.clone(), Some(Start::Beginning));
        scene.write("app-a.log", &head("a"));
        scene.drain(&mut follower, &mut told);
        if is_restarted {
            follower = scene.follower("app-*.log", told.progress.clone(), None);
        }
        scene.write("app-b.log", &head("b"));
        scene.age("app-b.log", 1);
        scene.write("app-a.log", "a2\n");
        let mut read = scene.drain(&mut follower, &mut told);
        read.sort();
        assert_eq!(read, [head("b").trim(), "a2"], "{is_restarted}");
    }
}
