use super::*;
use crate::tail::{holds, packed::tests::pack};

/// Compresses as the tools do: under a further ending, with the time of the file, which is deleted.
pub(super) fn compress(scene: &Scene, name: &str, ending: &str, age_s: u64) {
    let packed = format!("{name}.{ending}");
    pack(&fs::read(scene.path(name)).unwrap(), &scene.path(&packed));
    scene.age(&packed, age_s);
    fs::remove_file(scene.path(name)).unwrap();
}

/// Compresses what was rotated so far, each file with the time that it had.
pub(super) fn compress_all(scene: &Scene, rotations: u64) {
    for rotation in 1..=rotations {
        let name = format!("app.log.{rotation}");
        if scene.path(&name).exists() {
            compress(scene, &name, "gz", 1_000 - rotation);
        }
    }
}

/// A log of which one line is counted, and its follower gone.
fn counted_log() -> (Scene, Told) {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.write("app.log", &head("a"));
    assert_eq!(scene.drain(&mut follower, &mut told).len(), 1);
    (scene, told)
}

#[test]
fn files_rolled_and_compressed_while_the_agent_was_down_are_finished_first_and_in_order() {
    for ending in ["gz", "zip", "bz2", "zst"] {
        let (mut scene, mut told) = counted_log();
        scene.write("app.log", "a2\n");
        scene.rename("app.log", "app.log.2");
        compress(&scene, "app.log.2", ending, 300);
        scene.write("app.log.1", &head("b"));
        compress(&scene, "app.log.1", ending, 200);
        scene.write("app.log", &head("the third, c"));
        let mut follower = scene.follower("app.log", told.progress.clone(), None);
        let expected =
            ["a2".to_owned(), head("b").trim().to_owned(), head("the third, c").trim().to_owned()];
        // What was not there when the log was last read is judged by its time, which must be newer.
        let known = scene.drain(&mut follower, &mut told);
        assert_eq!(known, expected, "{ending}");
        assert!(told.gaps.is_empty(), "{:?}", told.gaps);
        assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
        let mut follower = scene.follower("app.log", told.progress.clone(), None);
        assert_eq!(scene.drain(&mut follower, &mut told), [""; 0], "{ending}");
    }
}

#[test]
fn a_file_compressed_just_now_is_read_when_it_is_finished_though_a_newer_one_was_read_meanwhile() {
    let (mut scene, mut told) = counted_log();
    scene.rename("app.log", "app.log.2");
    scene.age("app.log.2", 300);
    scene.write("app.log.1", &head("b"));
    compress(&scene, "app.log.1", "gz", 2);
    scene.write("app.log", &head("the third, c"));
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let mut read = Vec::new();
    for _ in 0..4 {
        read.extend(scene.drain(&mut follower, &mut told));
    }
    read.sort();
    assert_eq!(read, [head("b").trim(), head("the third, c").trim()]);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn a_compressed_file_that_was_interrupted_goes_on_where_it_was() {
    let (mut scene, mut told) = counted_log();
    scene.write("app.log", "a2\na3\n");
    scene.rename("app.log", "app.log.1");
    compress(&scene, "app.log.1", "gz", 300);
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let mut read = Vec::new();
    while read.is_empty() {
        if let Step::Line { lane, bytes, end } = follower.step(scene.now_ms) {
            read.push(String::from_utf8_lossy(bytes).into_owned());
            told.progress.note(follower.place_at(lane, end).unwrap());
        }
    }
    scene.write("app.log", &head("b"));
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    read.extend(scene.drain(&mut follower, &mut told));
    assert_eq!(read, ["a2", "a3", head("b").trim()]);
}

#[test]
fn a_file_rolled_and_compressed_while_the_agent_runs_is_not_counted_again() {
    let (mut scene, mut told) = counted_log();
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    for n in 0..3 {
        scene.write("app.log", &format!("line {n} before it is rolled\n"));
        scene.rename("app.log", "app.log.1");
        scene.write("app.log", &head(&format!("the next, {n}")));
        assert_eq!(scene.drain(&mut follower, &mut told).len(), 2);
        compress(&scene, "app.log.1", "gz", 30 - n);
        scene.rename("app.log.1.gz", &format!("app.log.{}.gz", 9 - n));
        assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    }
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn a_compressed_file_with_the_same_header_as_a_known_one_is_told_apart() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let header = "header of the service, the same at each start\n".repeat(8);
    let mut follower = scene.follower("system.out", told.progress.clone(), Some(Start::Beginning));
    scene.write("system.out", &format!("{header}first run\n"));
    scene.age("system.out", 400);
    scene.drain(&mut follower, &mut told);
    drop(follower);
    scene.rename("system.out", "system.out.2");
    compress(&scene, "system.out.2", "gz", 400);
    scene.write("system.out.1", &format!("{header}other second run\n"));
    compress(&scene, "system.out.1", "gz", 300);
    scene.write("system.out", &format!("{header}third run\n"));
    let mut follower = scene.follower("system.out", told.progress.clone(), None);
    let read = scene.drain(&mut follower, &mut told);
    let runs: Vec<&String> = read.iter().filter(|line| line.ends_with("run")).collect();
    assert_eq!(runs, ["other second run", "third run"]);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn a_compressed_file_older_than_what_is_known_is_not_counted() {
    let (mut scene, mut told) = counted_log();
    scene.write("app.log.7", &head("last week"));
    compress(&scene, "app.log.7", "gz", 7 * 86_400);
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
}

#[test]
fn at_the_first_start_compressed_files_count_as_the_setting_says() {
    for (start, expected) in [(Start::Beginning, 2), (Start::End, 0), (Start::Month, 1)] {
        let (mut scene, mut told) = (Scene::new(), Told::new());
        told.progress.not_before_ms = Some(scene.now_ms - 500_000);
        for (name, age_s) in [("app.log.2", 1_000), ("app.log.1", 100)] {
            scene.write(name, &head(name));
            compress(&scene, name, "gz", age_s);
        }
        let mut follower = scene.follower("app.log", told.progress.clone(), Some(start));
        assert_eq!(scene.drain(&mut follower, &mut told).len(), expected, "{start:?}");
        let mut follower = scene.follower("app.log", told.progress.clone(), None);
        assert_eq!(scene.drain(&mut follower, &mut told).len(), 0, "{start:?}");
    }
}

#[test]
fn a_damaged_compressed_file_is_declared_once_and_the_rest_is_read() {
    let (mut scene, mut told) = counted_log();
    scene.write("app.log", &"a line that is lost with the rest\n".repeat(3_000));
    scene.rename("app.log", "app.log.1");
    compress(&scene, "app.log.1", "gz", 300);
    let whole = fs::read(scene.path("app.log.1.gz")).unwrap();
    fs::write(scene.path("app.log.1.gz"), &whole[..whole.len() / 2]).unwrap();
    scene.age("app.log.1.gz", 300);
    scene.write("app.log", &head("b"));
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let read = scene.drain(&mut follower, &mut told);
    assert_eq!(read.last().unwrap(), head("b").trim());
    assert_eq!(told.gaps.len(), 1, "{:?}", told.gaps);
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    assert_eq!(told.gaps.len(), 1, "{:?}", told.gaps);
}

#[test]
fn a_log_holds_a_position_under_any_name_and_compressed_too() {
    let (scene, told) = counted_log();
    let position = told.progress.files.last().unwrap();
    assert_ne!(position.tail_hash, 0);
    let path = scene.path("app.log");
    assert!(holds(&path, position).unwrap());
    scene.write("app.log", "a2\n");
    scene.rename("app.log", "app.log.1");
    assert!(holds(&path, position).unwrap());
    compress(&scene, "app.log.1", "zst", 300);
    assert!(holds(&path, position).unwrap());
    let further = SourcePosition { offset: position.offset + 3, tail_hash: 1, ..position.clone() };
    assert!(!holds(&path, &further).unwrap());
}
