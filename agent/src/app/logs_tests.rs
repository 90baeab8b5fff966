use std::path::Path;

use super::*;

#[tokio::test]
async fn a_log_whose_thread_panicked_is_told_of() {
    let panicked = on_thread(|| panic!("a fault of the program")).await;
    assert!(failure(&panicked).is_some_and(|text| text.contains("restart the agent")));
    assert_eq!(failure(&on_thread(|| ()).await), None);
}

#[test]
fn a_thread_that_never_returns_is_not_waited_for_at_the_end() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ended = on_thread(std::thread::park);
    // Would wait for ever for a thread of its own.
    drop(runtime);
    drop(ended);
}

#[test]
fn a_step_that_waits_for_its_disk_is_told_once_and_told_to_be_over() {
    let (out, mut told) = mpsc::channel(8);
    let pulse = Arc::new(Pulse::default());
    assert!(!pulse.is_hung(HUNG_AFTER_MS));
    pulse.step_since_ms.store(1, Ordering::Relaxed);
    assert!(!pulse.is_hung(HUNG_AFTER_MS));
    assert!(pulse.is_hung(HUNG_AFTER_MS + 1));
    pulse.is_told.store(true, Ordering::Relaxed);
    let reading = Reading::new(plan(Path::new("/nowhere/app.log")), None, out, pulse.clone());
    assert!(reading.tell_after_hang().is_ok());
    assert!(matches!(told.try_recv(), Ok(LogMessage::Trouble(_, None))));
    assert!(reading.tell_after_hang().is_ok());
    assert!(told.try_recv().is_err());
}

fn plan(path: &Path) -> LogPlan {
    let text = format!(
        "site = \"demo\"\nagent = \"server-1\"\nzone = \"Asia/Jakarta\"\n[[log]]\nkey = \"play\"\n\
         path = \"{}\"\nformat = \"play\"\nencoding = \"windows-1252\"\n",
        path.display()
    );
    let settings = crate::config::parse(Path::new("agent.toml"), &text).unwrap().settings;
    let settings = settings.logs.into_iter().next().unwrap();
    let start = crate::config::Start::Beginning;
    let progress = crate::tail::first_progress(&settings.key, start, &settings.zone, 0);
    LogPlan { settings, progress, start: Some(start) }
}

/// All that a log without a watch tells, step by step, until it tells nothing more.
fn told_of(reading: &mut Reading, told: &mut mpsc::Receiver<LogMessage>) -> Vec<LogMessage> {
    while reading.step().is_ok_and(|is_busy| is_busy) {}
    std::iter::from_fn(|| told.try_recv().ok()).collect()
}

#[test]
fn a_log_that_nothing_watches_is_read_by_polling_and_its_positions_can_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let line = "21 Nov 2026 14:03:05,123 ERROR ~ caf\u{e9}\n";
    std::fs::write(&path, line).unwrap();
    let (out, mut told) = mpsc::channel(64);
    let mut reading = Reading::new(plan(&path), None, out, Arc::default());
    told_of(&mut reading, &mut told);
    std::fs::write(&path, line.repeat(3)).unwrap();
    let entries = told_of(&mut reading, &mut told);
    let Some(LogMessage::Entries { place, entries, .. }) = entries.last() else {
        panic!("{entries:?}")
    };
    let end = entries.last().unwrap().end;
    assert_eq!((place.offset, end), (end, line.len() as u64 * 2));
    assert!(crate::tail::holds(&path, place).unwrap());
    assert_ne!(place.tail_hash, 0);
    let progress = crate::tail::first_progress(
        &"play".into(),
        crate::config::Start::Beginning,
        &jiff::tz::TimeZone::UTC,
        0,
    );
    let mut window = crate::window::Window::new(vec![progress], 15_000);
    window.count(place, entries.clone(), now_ms());
    let spooled = window.content(now_ms()).progress[0].files[0].clone();
    assert_eq!((spooled.offset, spooled.tail_hash), (end, place.tail_hash));
    assert!(crate::tail::holds(&path, &spooled).unwrap());
}
