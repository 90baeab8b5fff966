use super::{typed::*, *};

const SMALL: &str = r#"
    store = "sqlite:/tmp/pantau.db"
    [[site]]
    id = "demo"
    name = "LPSE Demo"
    zone = "Asia/Makassar"
"#;

#[test]
fn the_smallest_file_gives_sane_defaults() {
    let settings = Settings::parse(SMALL).unwrap();
    assert_eq!(settings.ingest.to_string(), INGEST_DEFAULT);
    assert_eq!(settings.thresholds, Thresholds::default());
    assert_eq!(settings.sites[0].zone_abbreviation(0), "WITA");
    assert_eq!(settings.sites[0].availability_target_permille, 990);
}

#[test]
fn the_ca_lies_beside_the_store_unless_it_is_said_otherwise() {
    let ca_dir = |text: &str| Settings::parse(text).unwrap().identity.ca_dir;
    assert_eq!(ca_dir(SMALL), Path::new("/tmp/ca"));
    let postgres = SMALL.replace("sqlite:/tmp/pantau.db", "postgres://db/pantau");
    assert_eq!(ca_dir(&postgres), Path::new(CA_DIR_DEFAULT));
    assert_eq!(ca_dir(&format!("ca_dir = \"/etc/ca\"\n{postgres}")), Path::new("/etc/ca"));
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    let cases = [
        (format!("certificate_days = 0\n{SMALL}"), "certificate_days = 0: allowed are 1 to 825"),
        (format!("certificate_grace_days = 4000\n{SMALL}"), "0 to 3650 days"),
        (format!("web = \"here\"\n{SMALL}"), "web = \"here\""),
        (SMALL.replace("Asia/Makassar", "WITA"), "Asia/Makassar (WITA)"),
        (SMALL.replace("\"demo\"", "\"Demo LPSE\""), "a-z"),
        (format!("{SMALL}{}", SMALL.replace("store = \"sqlite:/tmp/pantau.db\"", "")), "twice"),
        (SMALL.replace("sqlite:", "mysql:"), "sqlite:"),
        (format!("{SMALL}\n[thresholds]\ndisk_warning_percent = 95"), "disk_warning_percent"),
        (format!("{SMALL}\n[thresholds]\ndisk = 95"), "disk"),
        ("store = \"sqlite:/x\"".to_owned(), "[[site]]"),
    ];
    for (text, expected) in cases {
        let error = format!("{:#}", Settings::parse(&text).unwrap_err());
        assert!(error.contains(expected), "{error} should name {expected}");
    }
}

#[test]
fn thresholds_are_taken_within_their_bounds_and_refused_beyond() {
    let bounds = [
        ("hysteresis_percent", HYSTERESIS_PERCENT),
        ("hold_s", HOLD_S),
        ("down_after_s", DOWN_AFTER_S),
        ("silent_after_s", SILENT_AFTER_S),
    ];
    let typed = |key: &str, value: u32| format!("{SMALL}\n[thresholds]\n{key} = {value}");
    for (key, allowed) in bounds {
        let (least, most) = allowed.into_inner();
        assert!(Settings::parse(&typed(key, least)).is_ok(), "{key} = {least}");
        assert!(Settings::parse(&typed(key, most)).is_ok(), "{key} = {most}");
        for value in [least.checked_sub(1), most.checked_add(1)].into_iter().flatten() {
            let error = format!("{:#}", Settings::parse(&typed(key, value)).unwrap_err());
            let expected = format!("thresholds.{key} = {value}: allowed are {least} to {most} ");
            assert!(error.contains(&expected), "{error} should say {expected}");
        }
    }
}

#[test]
fn a_secret_is_never_printed() {
    let text = format!("{SMALL}\n[webhook]\nurl = \"https://hook.example/T0K3N\"");
    let printed = format!("{:?}", Settings::parse(&text).unwrap());
    assert!(!printed.contains("T0K3N"), "{printed}");
}
