use std::{fs, io::Write, path::Path};

use super::*;

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

const PLAY: &str =
    "2026-11-21 14:03:05,123 ERROR ~ gagal\n2026-11-21 14:03:06,000 INFO  ~ selesai\n";
const POSTGRES: &str = "2026-11-21 14:03:05.123 WIB [812] LOG:  checkpoint starting: time\n";

fn looked(files: &[&Path], json: bool) -> (String, u8) {
    let files = files.iter().map(|path| path.to_path_buf()).collect();
    run(&Args { files, json }, NOW_MS).unwrap()
}

#[test]
fn a_folder_is_looked_at_file_by_file_with_settings_to_paste() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spse4.log"), PLAY.repeat(20)).unwrap();
    fs::write(folder.path().join("pg.log"), POSTGRES.repeat(40)).unwrap();
    let (text, code) = looked(&[folder.path()], false);
    assert_eq!(code, EXIT_RECOGNISED, "{text}");
    let settings = text.split("they are wrong:").nth(1).unwrap();
    let toml = format!("zone = \"Asia/Jakarta\"\ncollector = \"127.0.0.1:1\"\n{settings}");
    let loaded = crate::config::parse(Path::new("agent.toml"), &toml).unwrap();
    let logs: Vec<_> = loaded
        .settings
        .logs
        .iter()
        .map(|log| (log.key.to_string(), log.format.format.name))
        .collect();
    assert_eq!(logs, [("pg".to_owned(), "postgres-stderr"), ("spse4".to_owned(), "play")]);
    assert_eq!(loaded.settings.logs[0].format.layout.as_deref(), Some("%m [%p] "));
}

#[test]
fn what_is_compressed_is_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spse4.log.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    encoder.write_all(PLAY.repeat(20).as_bytes()).unwrap();
    fs::write(&path, encoder.finish().unwrap()).unwrap();
    let (text, code) = looked(&[&path], false);
    assert_eq!(code, EXIT_RECOGNISED, "{text}");
    assert!(text.contains("spse4.log\"  # the log that this file was"), "{text}");
}

#[test]
fn the_exit_code_tells_what_is_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let play = in_folder("a.log", PLAY.repeat(20).as_bytes());
    let empty = in_folder("b.log", b"");
    let broken = in_folder("c.log.gz", b"no gzip");
    let missing = folder.path().join("d.log");
    for (files, code, word) in [
        (&[play.as_path()][..], EXIT_RECOGNISED, "play"),
        (&[&play, &empty], EXIT_UNKNOWN, "empty"),
        (&[&play, &missing], EXIT_UNREADABLE, "not there"),
        (&[&broken], EXIT_UNREADABLE, "damaged"),
        (&[&folder.path().join("*.csv")], EXIT_UNREADABLE, "no file there"),
        (&[&folder.path().join("a*.log")], EXIT_RECOGNISED, "play"),
    ] {
        let (text, found) = looked(files, false);
        assert_eq!(found, code, "{text}");
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_file_name_cannot_command_a_terminal() {
    let (text, _) = looked(&[Path::new("/nowhere/\u{1b}[31m.log")], false);
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn json_names_the_format_and_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spse4.log");
    fs::write(&path, PLAY.repeat(20)).unwrap();
    let (text, _) = looked(&[&path], true);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value[0]["format"], "play");
    assert_eq!(value[0]["recognised"], true);
    assert!(value[0]["candidates"].as_array().unwrap().len() > 1);
}
