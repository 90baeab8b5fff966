use std::fs;

use clap::Parser;

use super::{document::Document, *};

const STDERR: &str = "\
2026-11-21 14:03:05.000 UTC [1] epns@epns_prod/web LOG:  duration: 2.000 ms  statement: SELECT * FROM lelang WHERE id = 1
2026-11-21 14:03:06.000 UTC [1] epns@epns_prod/web ERROR:  duplicate key value violates unique constraint \"peserta_pkey\"
2026-11-21 14:03:06.000 UTC [1] epns@epns_prod/web DETAIL:  Key (nik)=(3201234567890123) already exists.
";

const CSV: &str = "\
2026-11-21 14:03:05.000 UTC,\"epns\",\"epns_prod\",1,\"[local]\",65.1,1,\"SELECT\",2026-11-21 14:00:00 UTC,1/2,0,LOG,00000,\"duration: 2.000 ms  statement: SELECT * FROM lelang WHERE id = 1\",,,,,,,,,\"web\",\"client backend\",,0
2026-11-21 14:03:06.000 UTC,\"epns\",\"epns_prod\",1,\"[local]\",65.1,2,\"INSERT\",2026-11-21 14:00:00 UTC,1/3,7,ERROR,23505,\"duplicate key value violates unique constraint \"\"peserta_pkey\"\"\",\"Key (nik)=(3201234567890123) already exists.\",,,,,,,,\"web\",\"client backend\",,0
";

const JSON: &str = "\
{\"timestamp\":\"2026-11-21 14:03:05.000 UTC\",\"user\":\"epns\",\"dbname\":\"epns_prod\",\"pid\":1,\"error_severity\":\"LOG\",\"message\":\"duration: 2.000 ms  statement: SELECT * FROM lelang WHERE id = 1\",\"application_name\":\"web\"}
{\"timestamp\":\"2026-11-21 14:03:06.000 UTC\",\"user\":\"epns\",\"dbname\":\"epns_prod\",\"pid\":1,\"error_severity\":\"ERROR\",\"state_code\":\"23505\",\"message\":\"duplicate key value violates unique constraint \\\"peserta_pkey\\\"\",\"detail\":\"Key (nik)=(3201234567890123) already exists.\",\"application_name\":\"web\"}
";

const STEPS: &str = "[berita] Berita | News\nGET /berita/**\n";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn analyzed(words: &[&str]) -> (Outcome, Document) {
    let line = ["analyze", "--quiet"].iter().chain(words);
    let args = Cli::try_parse_from(line).unwrap().args;
    let (outcome, summary, files) = gather(&args, period(&args).unwrap()).unwrap();
    let maker = Maker { summary: &summary, zone: &args.tz, kinds_max: 20 };
    (outcome, maker.document(files))
}

#[test]
fn of_one_cluster_that_writes_three_forms_one_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    for (name, text) in [("db.log", STDERR), ("db.csv", CSV), ("db.json", JSON)] {
        write(name, text);
        let (outcome, document) = analyzed(&[folder.path().to_str().unwrap()]);
        assert_eq!(outcome, Outcome::Whole, "{:?}", document.files);
        assert_eq!((document.queries.calls, document.errors.total), (1, 1), "with {name}");
        let counted: Vec<_> = document.files.iter().filter(|file| file.same_as.is_none()).collect();
        assert!(counted.len() == 1 && counted[0].name.ends_with(name), "{counted:?}");
    }
    // Another cluster's log has another name.
    write("lain.log", STDERR);
    assert_eq!(analyzed(&[folder.path().to_str().unwrap()]).1.queries.calls, 2);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("db.log");
    fs::write(&log, STDERR).unwrap();
    fs::write(folder.path().join("kosong.log"), "").unwrap();
    fs::write(folder.path().join("rusak.log.gz"), "no gzip").unwrap();
    let missing = folder.path().join("tidak-ada.log");
    let (outcome, document) =
        analyzed(&[folder.path().to_str().unwrap(), missing.to_str().unwrap()]);
    assert_eq!(outcome, Outcome::Partial);
    assert_eq!(document.lines.read, 3);
    let faults: Vec<_> = document.files.iter().filter_map(|file| file.fault.as_ref()).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn the_result_is_the_same_with_any_number_of_cores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.log");
    fs::write(&path, STDERR.repeat(30_000)).unwrap();
    let told = |cores: &str| {
        let (_, document) = analyzed(&["--cores", cores, path.to_str().unwrap()]);
        serde_json::to_string(&document).unwrap()
    };
    let one = told("1");
    assert!(one.contains("\"calls\":30000"));
    assert_eq!(told("2"), one);
    assert_eq!(told("7"), one);
}

#[test]
fn every_output_tells_the_errors_and_none_tells_what_is_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.log");
    fs::write(&path, STDERR).unwrap();
    let (_, document) = analyzed(&[path.to_str().unwrap()]);
    for language in [Language::Id, Language::En] {
        for text in [
            terminal::render(&document, language, None),
            html::render(&document, language).unwrap(),
            serde_json::to_string(&document).unwrap(),
        ] {
            assert!(text.contains("duplicate key value violates unique constraint"), "{text}");
            assert!(!text.contains("3201234567890123"), "{text}");
        }
    }
}

#[test]
fn the_page_cannot_be_given_markup_by_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.log");
    let text =
        "2026-11-21 14:03:06.000 UTC [1] ERROR:  column <script>alert(1)</script> does not exist\n";
    fs::write(&path, text).unwrap();
    let page = html::render(&analyzed(&[path.to_str().unwrap()]).1, Language::Id).unwrap();
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn only_what_lies_in_the_period_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.log");
    fs::write(&path, STDERR).unwrap();
    let path = path.to_str().unwrap();
    let (_, document) = analyzed(&["--tz", "UTC", "--to", "2026-11-21T14:03:06", path]);
    assert_eq!((document.queries.calls, document.errors.total), (1, 0));
    assert_eq!((document.lines.counted, document.lines.outside_period), (1, 2));
    let args = Cli::try_parse_from(["analyze", "--from", "2026-11-02", "--to", "2026-11-01", path]);
    assert!(period(&args.unwrap().args).is_err());
}

#[test]
fn a_sites_own_table_of_steps_is_used_and_a_wrong_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let request =
        "10.1.2.3 - - [21/Nov/2026:14:03:05 +0700] \"GET /berita/7 HTTP/1.1\" 200 17 \"-\" \"-\"\n";
    fs::write(path("access.log"), request.repeat(20)).unwrap();
    fs::write(path("steps.txt"), STEPS).unwrap();
    let (_, document) = analyzed(&["--steps", &path("steps.txt"), &path("access.log")]);
    let steps: Vec<_> =
        document.requests.steps.iter().map(|step| (step.name.as_str(), step.requests)).collect();
    assert_eq!(steps, [("berita", 20)]);
    fs::write(path("steps.txt"), "no table").unwrap();
    let line = ["analyze", "--steps", &path("steps.txt"), &path("access.log")];
    let args = Cli::try_parse_from(line).unwrap().args;
    let error = gather(&args, Period::default()).unwrap_err().to_string();
    assert!(error.contains("steps.txt"), "{error}");
}
