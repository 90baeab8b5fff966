use super::*;

const SMALL: &str = r#"
site = "demo"
agent = "server-1"
zone = "Asia/Makassar"
"#;

fn settings(text: &str) -> Settings {
    parse(Path::new("agent.toml"), text).unwrap().settings
}

fn faults(text: &str) -> String {
    parse(Path::new("agent.toml"), text).unwrap_err().to_string()
}

#[test]
fn the_smallest_file_gives_sane_defaults() {
    let settings = settings(SMALL);
    assert_eq!(settings.names.site_id.as_deref(), Some("demo"));
    assert!(!settings.sample && !settings.collector.tls_1_2);
    assert!(settings.collector.address.is_none() && settings.collector.proxy.is_none());
    assert_eq!(settings.collector.bytes_per_day_max, None);
    assert_eq!(settings.zone.iana_name(), Some("Asia/Makassar"));
    assert_eq!(settings.spool.dir, Path::new("/var/lib/pantau-agent/spool"));
    assert_eq!(settings.spool.bytes_max, 512 << 20);
    assert_eq!(settings.spool.grace, Duration::from_secs(7 * 86_400));
    assert_eq!(settings.intervals.sample, Duration::from_secs(15));
    assert!(settings.logs.is_empty() && settings.clusters.is_empty());
}

#[test]
fn every_key_reaches_the_settings() {
    let dir = tempfile::tempdir().unwrap();
    let password_file = dir.path().join("password");
    std::fs::write(&password_file, "rahasia\n").unwrap();
    let text = format!(
        r#"{SMALL}
state_dir = "/srv/pantau"
sample = true
collector = "pantau.example.go.id:7411"
bytes_per_day_max = "2MB"
tls_1_2 = true
[[log]]
key = "postgres"
path = "/var/log/postgresql/postgresql-15-main.log"
format = "postgres-stderr"
cluster = "utama"
prefix = "%m [%p] "
zone = "Asia/Jakarta"
start = "beginning"
[[log]]
key = "spse"
path = "/home/appserv/spse/webapp/logs/application.log"
format = "play"
[[postgres]]
key = "utama"
host = "/var/run/postgresql"
port = 5433
user = "pantau"
password_file = "{}"
database = "epns_prod"
databases = ["epns_prod"]
accounts_sql = "SELECT count(*) FROM pegawai;"
[[probe]]
url = "http://127.0.0.1:9009/eproc4"
expect_text = "SPSE"
expect_status = "200-299"
timeout_ms = 8_000
[spool]
bytes_max = "64MiB"
grace_days = 2
[interval]
sample_s = 5
[proxy]
url = "http://lpse@10.0.0.2:3128"
password_file = "{}"
"#,
        password_file.display(),
        password_file.display()
    );
    let settings = settings(&text);
    assert!(settings.sample && settings.collector.tls_1_2);
    let address = settings.collector.address.as_ref().unwrap();
    assert_eq!(address.to_string(), "pantau.example.go.id:7411");
    assert_eq!(settings.collector.bytes_per_day_max, Some(2_000_000));
    let proxy = settings.collector.proxy.as_ref().unwrap();
    assert_eq!(proxy.credentials.as_ref().unwrap().1.reveal(), "rahasia");
    assert_eq!(settings.spool.dir, Path::new("/srv/pantau/spool"));
    assert_eq!(settings.spool.bytes_max, 64 << 20);
    assert_eq!(settings.intervals.sample, Duration::from_secs(5));
    assert_eq!(settings.logs[0].start, Start::Beginning);
    assert_eq!(settings.logs[0].zone.iana_name(), Some("Asia/Jakarta"));
    assert_eq!(settings.logs[1].zone.iana_name(), Some("Asia/Makassar"));
    let cluster = &settings.clusters[0];
    assert_eq!(cluster.connection.get_ports(), [5433]);
    assert_eq!(cluster.connection.get_password(), Some(b"rahasia".as_slice()));
    let accounts = ("SELECT count(*) FROM pegawai".to_owned(), "epns_prod".to_owned());
    assert_eq!(cluster.accounts, Some(accounts));
    assert_eq!(settings.probes[0].slow, Duration::from_secs(4));
    assert_eq!(settings.probes[0].expect_status, 200..=299);
    assert!(!format!("{settings:?}").contains("rahasia"));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_is_allowed() {
    let log = "[[log]]\nkey = \"a\"\npath = \"/x\"\nformat = \"play\"\n";
    let probe = "[[probe]]\nurl = \"http://localhost/\"\n";
    let postgres = "[[postgres]]\nkey = \"a\"\nhost = \"/run\"\nuser = \"u\"\ndatabase = \"d\"\n";
    let cases = [
        (SMALL.replace("zone", "#"), "agent.toml:1: zone is missing"),
        (SMALL.replace("demo", "LPSE Demo"), "agent.toml:2: site = \"LPSE Demo\": 1 to 64"),
        (SMALL.replace("Asia/Makassar", "WITA"), "agent.toml:4: zone = \"WITA\": not a known zone"),
        (
            format!("{SMALL}colector = \"x\""),
            "agent.toml:5: colector: there is no such key; allowed",
        ),
        (format!("{SMALL}collector = \"10.0.0.1\""), "a port, e.g. pantau.example.go.id:7411"),
        (format!("{SMALL}bytes_per_day_max = \"1kB\""), "write 500000 to"),
        (
            format!("{SMALL}[proxy]\nurl = \"https://u:rahasia@p:1\""),
            "agent.toml:6: proxy.url: only",
        ),
        (format!("{SMALL}[proxy]\npassword_file = \"/x\""), "proxy.url is missing"),
        (format!("{SMALL}sample = \"yes\""), "sample is of type string; it must be true or false"),
        (format!("{SMALL}state_dir = 7"), "it must be a text in quotes"),
        (format!("{SMALL}{log}start = \"now\""), "agent.toml:9: log.start = \"now\": allowed are"),
        (format!("{SMALL}{log}{log}"), "agent.toml:10: [[log]] \"a\" stands twice"),
        (format!("{SMALL}{log}prefix = \"%m\""), "log.prefix: not for format"),
        (
            format!("{SMALL}{}pattern = \"%d\"", log.replace("play", "log4j")),
            "it writes no message",
        ),
        (format!("{SMALL}{}", log.replace("play", "csv")), "allowed are "),
        (format!("{SMALL}{}", log.replace("[[log]]", "[log]")), "[[log]], in double brackets"),
        (format!("{SMALL}{postgres}port = 0"), "postgres.port = 0: allowed are 1 to 65535"),
        (format!("{SMALL}{postgres}{postgres}"), "[[postgres]] \"a\" stands twice"),
        (format!("{SMALL}{postgres}password_file = \"/nowhere\""), "cannot be read"),
        (format!("{SMALL}{postgres}databases = [1]"), "a list of texts"),
        (format!("{SMALL}{postgres}accounts_database = \"d\""), "needs accounts_sql"),
        (format!("{SMALL}{probe}target = \"edge\""), "probed by the collector"),
        (format!("{SMALL}{probe}expect_status = \"20\""), "100-599"),
        (format!("{SMALL}{probe}{probe}"), "[[probe]] \"http://localhost/\" stands twice"),
        (format!("{SMALL}[[probe]]\nurl = \"http://u:rahasia@x/\""), "a user or a password"),
        (format!("{SMALL}{probe}timeout_ms = 100\nslow_ms = 200"), "must not be above timeout_ms"),
        (format!("{SMALL}[spool]\nbytes_max = \"64 parsec\""), "64MiB"),
        (format!("{SMALL}[spool]\nbytes_max = 12"), "spool.bytes_max = 12: allowed are 1048576"),
        (
            format!("{SMALL}[interval]\nsample_s = -1"),
            "interval.sample_s = -1: allowed are 1 to 60",
        ),
        (format!("{SMALL}site = \"again\""), "agent.toml:5: not TOML"),
    ];
    for (text, expected) in cases {
        let told = faults(&text);
        assert!(told.contains(expected), "{told}\nshould name: {expected}");
        assert!(!told.contains("rahasia"), "{told}");
    }
}

#[test]
fn all_faults_of_a_file_are_told_at_once_in_its_order() {
    let text = "site = 1\nagent = \"A\"\nzone = \"x\"\n[interval]\nbatch_s = 0\nbatch = 1\n";
    let told = faults(text);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 5, "{told}");
    for (n, line) in [1, 2, 3, 5, 6].into_iter().zip(lines) {
        assert!(line.starts_with(&format!("agent.toml:{n}: ")), "{line}");
    }
}

#[test]
fn one_cluster_counts_from_one_log_only() {
    let log = |key| {
        format!(
            "[[log]]\nkey = \"{key}\"\npath = \"/{key}\"\nformat = \"postgres-stderr\"\ncluster = \
             \"utama\"\n"
        )
    };
    let told = faults(&format!("{SMALL}{}{}", log("one"), log("two")));
    assert!(told.contains("[[log]] \"one\" is of this cluster already"), "{told}");
    assert_eq!(settings(&format!("{SMALL}{}", log("one"))).logs.len(), 1);
}

#[test]
fn a_password_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "rahasia").unwrap();
    let text = format!(
        "{SMALL}[[postgres]]\nkey = \"a\"\nhost = \"/run\"\nuser = \"u\"\ndatabase = \
         \"d\"\npassword_file = \"{}\"\n",
        file.display()
    );
    for (mode, warnings) in [(0o640, 1), (0o600, 0)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = parse(Path::new("agent.toml"), &text).unwrap();
        assert_eq!(loaded.warnings.len(), warnings, "{:?}", loaded.warnings);
        assert!(!format!("{:?}", loaded.warnings).contains("rahasia"));
    }
}

const SAMPLE_FILE: &str = include_str!("../../../deploy/agent.toml");

#[test]
fn the_sample_file_can_be_used_as_it_is() {
    let settings = settings(SAMPLE_FILE);
    assert!(settings.logs.is_empty() && settings.clusters.is_empty());
}

#[test]
fn every_example_in_the_sample_file_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let password_file = dir.path().join("password");
    std::fs::write(&password_file, "rahasia").unwrap();
    let uncommented: Vec<_> = SAMPLE_FILE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.starts_with(' ') => example,
            _ => line,
        })
        .collect();
    let text = uncommented
        .join("\n")
        .replace("/etc/pantau-agent/postgres-password", password_file.to_str().unwrap())
        .replace("/etc/pantau-agent/proxy-password", password_file.to_str().unwrap());
    let whole = settings(&text);
    assert_eq!((whole.logs.len(), whole.clusters.len(), whole.probes.len()), (3, 1, 1));
    let small = settings(SAMPLE_FILE);
    assert_eq!(whole.spool.bytes_max, small.spool.bytes_max, "the defaults shown are the defaults");
    assert_eq!(whole.spool.dir, small.spool.dir);
    assert_eq!(whole.intervals.batch, small.intervals.batch);
    assert_eq!(whole.collector.tls_1_2, small.collector.tls_1_2);
    let mut left_out = settings(&format!("{SMALL}[[probe]]\nurl = \"http://127.0.0.1/\"")).probes;
    let (shown, default) = (&whole.probes[0], left_out.remove(0));
    assert_eq!((shown.timeout, shown.slow), (default.timeout, default.slow));
    assert_eq!(shown.expect_status, default.expect_status);
}

#[test]
fn every_key_stands_in_the_sample_file() {
    let tables = [read::LOG_KEYS, read::CLUSTER_KEYS, read::PROBE_KEYS, collector::PROXY_KEYS];
    let keys = [read::FILE_KEYS, read::SPOOL_KEYS, read::INTERVAL_KEYS].concat();
    for key in keys.into_iter().chain(tables.concat()) {
        let is_shown = |line: &str| {
            let line = line.trim_start_matches(['#', '[']);
            line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', ']']))
        };
        assert!(SAMPLE_FILE.lines().any(is_shown), "{key}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_gives_settings_or_faults_and_never_a_panic(text in "\\PC{0,200}") {
        let _ = parse(Path::new("agent.toml"), &text);
        let _ = parse(Path::new("agent.toml"), &format!("{SMALL}{text}"));
    }
}

#[test]
fn the_encoding_of_a_log_is_one_of_three() {
    let log = |encoding: &str| {
        format!(
            "site = \"demo\"\nagent = \"server-1\"\nzone = \"Asia/Jakarta\"\n[[log]]\nkey = \"play\"\n\
             path = \"/x\"\nformat = \"play\"\nencoding = \"{encoding}\"\n"
        )
    };
    let file = Path::new("agent.toml");
    let latin = parse(file, &log("latin-1")).unwrap();
    assert_eq!(latin.settings.logs[0].encoding, Encoding::Latin1);
    let fault = parse(file, &log("ascii")).unwrap_err().to_string();
    assert!(fault.contains("allowed are utf-8, latin-1 and windows-1252"), "{fault}");
}
