use std::os::unix::fs::{FileExt, symlink};

use super::*;
use crate::tail::open::PARTIAL_AFTER_MS;

fn truncate(scene: &Scene, name: &str, bytes: u64) {
    OpenOptions::new().write(true).open(scene.path(name)).unwrap().set_len(bytes).unwrap();
}

/// A follower that has read `text` as the log `app.log`.
fn following(text: &str) -> (Scene, Told, Follower) {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("app.log", text);
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    scene.drain(&mut follower, &mut told);
    (scene, told, follower)
}

#[test]
fn a_log_rotated_several_times_before_it_is_read_again_is_read_whole() {
    let (mut scene, mut told, mut follower) = following(&head("a"));
    let mut expected = Vec::new();
    for n in 1..=5 {
        for k in (1..n).rev() {
            scene.rename(&format!("app.log.{k}"), &format!("app.log.{}", k + 1));
        }
        scene.rename("app.log", "app.log.1");
        let line = head(&format!("file {n}"));
        scene.write("app.log", &line);
        expected.push(line.trim().to_owned());
    }
    let mut read = Vec::new();
    for _ in 0..6 {
        read.extend(scene.drain(&mut follower, &mut told));
    }
    assert_eq!(read, expected);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn a_rolled_name_reused_by_other_content_is_read() {
    let (mut scene, mut told, mut follower) = following(&head("a"));
    for name in ["b", "c"] {
        scene.write("app.log", &head(name));
        scene.drain(&mut follower, &mut told);
        fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
        scene.write("app.log", &head(&format!("after {name}")));
        assert_eq!(scene.drain(&mut follower, &mut told), [head(&format!("after {name}")).trim()]);
    }
}

#[test]
fn an_inode_reused_by_a_new_file_begins_a_new_generation() {
    let (mut scene, mut told, follower) = following(&head("a"));
    drop(follower);
    // What a reused inode looks like: the number of before, other content.
    fs::write(scene.path("app.log"), head("b, of another file")).unwrap();
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let read = scene.drain(&mut follower, &mut told);
    assert_eq!(read, [head("b, of another file").trim()]);
    assert_eq!(told.current.unwrap().generation, 1);
}

#[test]
fn two_files_that_begin_with_the_same_header_are_told_apart() {
    let header = "header of the service, the same at each start\n".repeat(8);
    let (mut scene, mut told, follower) = following(&format!("{header}first run\n"));
    drop(follower);
    let second = format!("{header}second run, and more than was there\n");
    fs::write(scene.path("app.log"), &second).unwrap();
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let read = scene.drain(&mut follower, &mut told);
    assert_eq!(read.last().unwrap(), "second run, and more than was there");
    assert_eq!(read.len(), 9);
    // And while it is followed.
    fs::write(scene.path("app.log"), format!("{second}third run\n").replace("second", "third"))
        .unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told).len(), 10);
}

#[test]
fn a_file_rewritten_to_its_old_size_while_the_agent_was_down_is_read() {
    let (mut scene, mut told, follower) = following(&head("a"));
    drop(follower);
    fs::write(scene.path("app.log"), head("b")).unwrap();
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), [head("b").trim()]);
}

#[test]
fn a_checkpoint_beyond_the_end_of_the_file_begins_it_anew() {
    let (mut scene, mut told, follower) = following(&(head("a") + "two\nthree\n"));
    drop(follower);
    truncate(&scene, "app.log", head("a").len() as u64);
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    assert_eq!(scene.drain(&mut follower, &mut told), [head("a").trim()]);
    assert_eq!(told.gaps.len(), 1);
}

#[test]
fn a_file_that_shrinks_while_it_is_read_begins_a_new_generation() {
    let (mut scene, mut told, mut follower) = following(&(head("a") + "two\nthree\n"));
    truncate(&scene, "app.log", 10);
    scene.write("app.log", "\nnew\n");
    let read = scene.drain(&mut follower, &mut told);
    assert_eq!(read.last().unwrap(), "new");
    assert_eq!(told.current.unwrap().generation, 1);
}

#[test]
fn nul_bytes_that_a_power_cut_left_are_declared_and_what_follows_is_read() {
    let (mut scene, mut told, mut follower) = following(&head("a"));
    let torn = head("a").len() as u64;
    truncate(&scene, "app.log", torn + 8_192);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    assert_eq!(told.progress.files.last().unwrap().offset, torn);
    scene.write("app.log", "after the power cut\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["after the power cut"]);
    assert_eq!(told.gaps.iter().map(|gap| gap.amount).sum::<u64>(), 8_192);
}

#[test]
fn nul_bytes_that_are_filled_in_later_are_not_lost() {
    let (mut scene, mut told, mut follower) = following("one\n");
    truncate(&scene, "app.log", 100_000);
    scene.drain(&mut follower, &mut told);
    let file = OpenOptions::new().write(true).open(scene.path("app.log")).unwrap();
    file.write_all_at(b"two\nthree\n", 4).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), ["two", "three"]);
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    file.write_all_at(b"four\n", 14).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), ["four"]);
    assert!(told.gaps.is_empty(), "{:?}", told.gaps);
}

#[test]
fn a_last_line_that_nobody_finishes_counts_once_and_what_completes_it_not_again() {
    let (mut scene, mut told, mut follower) = following("one\ntw");
    scene.now_ms += PARTIAL_AFTER_MS;
    assert_eq!(scene.drain(&mut follower, &mut told), ["tw"]);
    let place = told.progress.files.last().unwrap().clone();
    assert_eq!(place.offset, 6);
    scene.write("app.log", "o\nthree\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["three"]);
    assert_eq!(told.progress.files.last().unwrap().identity.inode, place.identity.inode);
    // The same after a restart in between.
    let progress = SourceProgress { files: vec![place], ..told.progress.clone() };
    let mut follower = scene.follower("app.log", progress, None);
    assert_eq!(scene.drain(&mut follower, &mut told), ["three"]);
}

#[test]
fn a_line_of_megabytes_is_cut_and_the_cut_is_declared() {
    let (mut scene, mut told, mut follower) = following("one\n");
    scene.write("app.log", &("x".repeat(3_000_000) + "\nnext\n"));
    let read = scene.drain(&mut follower, &mut told);
    assert_eq!(read.iter().map(String::len).collect::<Vec<_>>(), [crate::tail::LINE_BYTES_MAX, 4]);
    let cut: u64 = told.gaps.iter().map(|gap| gap.amount).sum();
    assert_eq!(cut, 3_000_000 - crate::tail::LINE_BYTES_MAX as u64);
}

#[test]
fn lines_with_carriage_returns_and_broken_bytes_are_lines() {
    let (mut scene, mut told, mut follower) = following("one\r\n");
    fs::write(scene.path("more"), b"caf\xe9\r\n\xff\xfe\n").unwrap();
    let more = fs::read(scene.path("more")).unwrap();
    let mut file = OpenOptions::new().append(true).open(scene.path("app.log")).unwrap();
    file.write_all(&more).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), ["caf\u{fffd}", "\u{fffd}\u{fffd}"]);
}

#[test]
fn two_live_files_of_a_pattern_are_read_beside_each_other() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app-*.log", told.progress.clone(), Some(Start::Beginning));
    let mut lanes = std::collections::HashSet::new();
    for n in 0..5 {
        scene.write("app-a.log", &format!("a{n}\n"));
        scene.write("app-b.log", &format!("b{n}\n"));
        scene.now_ms += 1_000;
        loop {
            match follower.step(scene.now_ms) {
                Step::Idle => break,
                Step::Line { lane, .. } => lanes.insert(lane),
                Step::Event(_) => continue,
            };
        }
        for lane in &lanes {
            told.progress.note(follower.place_at(*lane, 3 * (n + 1)).unwrap());
        }
    }
    assert_eq!(lanes.len(), 2);
    assert!(told.progress.files.iter().all(|file| file.offset == 15));
}

#[test]
fn files_of_a_pattern_that_appear_and_vanish_are_read() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower = scene.follower("app-*.log", told.progress.clone(), Some(Start::Beginning));
    for n in 0..20 {
        let name = format!("app-{n}.log");
        let line = head(&name);
        scene.write(&name, &line);
        assert_eq!(scene.drain(&mut follower, &mut told), [line.trim()]);
        fs::remove_file(scene.path(&name)).unwrap();
        assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    }
}

#[test]
fn a_link_switched_to_another_file_is_followed_after_the_first_is_finished() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    scene.write("first", &head("first"));
    symlink(scene.path("first"), scene.path("app.log")).unwrap();
    let mut follower = scene.follower("app.log", told.progress.clone(), Some(Start::Beginning));
    assert_eq!(scene.drain(&mut follower, &mut told).len(), 1);
    scene.write("first", "the last of the first\n");
    scene.write("second", &head("second"));
    symlink(scene.path("second"), scene.path("link")).unwrap();
    scene.rename("link", "app.log");
    let read = scene.drain(&mut follower, &mut told);
    assert_eq!(read, ["the last of the first", head("second").trim()]);
    // And while the agent was down.
    drop(follower);
    scene.write("second", "the last of the second\n");
    symlink(scene.path("first"), scene.path("link")).unwrap();
    scene.rename("link", "app.log");
    scene.write("first", "the first again\n");
    let mut follower = scene.follower("app.log", told.progress.clone(), None);
    let mut read = scene.drain(&mut follower, &mut told);
    read.sort();
    assert_eq!(read, ["the first again", "the last of the second"]);
}

#[test]
fn a_folder_that_does_not_exist_yet_is_told_and_followed_when_it_does() {
    let (mut scene, mut told) = (Scene::new(), Told::new());
    let mut follower =
        scene.follower("later/app.log", told.progress.clone(), Some(Start::Beginning));
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    assert!(told.troubles[0].as_ref().unwrap().contains("does not exist"));
    fs::create_dir(scene.path("later")).unwrap();
    scene.write("later/app.log", "one\n");
    assert_eq!(scene.drain(&mut follower, &mut told), ["one"]);
    assert_eq!(told.troubles.last(), Some(&None));
}

#[test]
fn a_permission_lost_and_regained_loses_no_line() {
    let (mut scene, mut told, mut follower) = following(&head("a"));
    scene.write("app.log", "two\n");
    scene.rename("app.log", "app.log.1");
    // What cannot be opened, by root either.
    symlink(scene.path("app.log"), scene.path("app.log")).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), ["two"]);
    assert_eq!(scene.drain(&mut follower, &mut told), [""; 0]);
    assert!(told.troubles.iter().any(Option::is_some));
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.write("app.log", &head("b"));
    assert_eq!(scene.drain(&mut follower, &mut told), [head("b").trim()]);
    assert_eq!(told.troubles.last(), Some(&None));
}

#[test]
fn a_disk_that_fails_is_told_and_tried_again_later_and_later_from_the_same_place() {
    let (scene, told, mut follower) = following(&head("a"));
    let open = &mut follower.lanes[0];
    let (place, mut now_ms, mut waits) = (open.place(), scene.now_ms, Vec::new());
    for _ in 0..8 {
        open.failed(&io::Error::from_raw_os_error(5), now_ms);
        let since_ms = now_ms;
        while open.is_waiting(now_ms) {
            now_ms += 500;
        }
        waits.push((now_ms - since_ms) / 1_000);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(open.trouble().unwrap().contains("look at its disk"));
    assert_eq!(open.place(), place);
    scene.write("app.log", "two\n");
    assert!(matches!(follower.step(now_ms), Step::Line { bytes: b"two", .. }));
    assert!(follower.lanes[0].trouble().is_none());
    assert!(told.gaps.is_empty());
}

#[test]
fn a_truncated_file_that_its_writer_goes_on_with_at_the_old_offset_is_read() {
    let (mut scene, mut told, mut follower) = following(&head("a").repeat(10));
    let offset = head("a").len() as u64 * 10;
    truncate(&scene, "app.log", 0);
    let file = OpenOptions::new().write(true).open(scene.path("app.log")).unwrap();
    file.write_all_at(b"after the truncation\n", offset).unwrap();
    assert_eq!(scene.drain(&mut follower, &mut told), ["after the truncation"]);
}
