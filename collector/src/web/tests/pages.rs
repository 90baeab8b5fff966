//! What the pages show.

use super::*;
use crate::{
    domain::{batch::*, now_ms},
    store::{NewReport, ReportHead, SavedReport, fixtures},
};

/// What hostile logs and agents may send.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'";

impl Browser {
    /// The agent of `gorontalo` calls now and says this of itself.
    async fn agent_says(&self, live: LiveState) {
        self.agent_said(now_ms(), live).await;
    }

    async fn agent_said(&self, at_ms: i64, live: LiveState) {
        let hello = Hello {
            site: fixtures::site(),
            agent: fixtures::agent(),
            version: "0.1.0".to_owned(),
            boot_id: [1; 16],
            machine_id: [0; 16],
            epoch: fixtures::epoch(),
            clock_ms: at_ms,
            host: HostFacts { hostname: HOSTILE.to_owned(), cpus: 4, ..HostFacts::default() },
            highest_seq: 0,
            sample: true,
        };
        let no_batch = fixtures::Contents::default();
        self.store.register(&hello, &no_batch, at_ms).await.unwrap();
        let beat = (fixtures::site(), fixtures::agent(), at_ms, live);
        self.store.heartbeat(&[beat]).await.unwrap();
    }
}

fn check(target: &str, state: &str, reason: &str) -> TargetState {
    TargetState {
        target: target.to_owned(),
        state: state.to_owned(),
        since_ms: now_ms() - 60_000,
        reason: reason.to_owned(),
        latency_ms: 12,
        subject: HOSTILE.to_owned(),
    }
}

fn live(application: TargetState) -> LiveState {
    let disk = DiskSample {
        mount: "/home/file".to_owned(),
        total_bytes: 1_000,
        free_bytes: 50,
        ..DiskSample::default()
    };
    let host = HostSample {
        cpu_permille: 123,
        memory_total_bytes: 8 << 30,
        memory_available_bytes: 4 << 30,
        disks: vec![disk],
        ..HostSample::default()
    };
    let problem = Problem {
        subject: "log.postgres".to_owned(),
        text: HOSTILE.to_owned(),
        since_ms: now_ms(),
    };
    LiveState {
        at_ms: now_ms(),
        host: Some(host),
        targets: vec![application],
        problems: vec![problem],
        ..LiveState::default()
    }
}

#[tokio::test]
async fn the_list_shows_every_site_of_the_settings_worst_first() {
    let mut browser = Browser::signed_in().await;
    let page = browser.get("/").await;
    assert!(page.contains(r#"data-site="gorontalo" data-state="never""#), "{}", page.text);
    browser.agent_says(live(check("application", "down", "http_500"))).await;
    let page = browser.get("/").await;
    let at = |text: &str| page.text.find(text).unwrap_or_else(|| panic!("{text}: {}", page.text));
    let down = at(r#"data-site="gorontalo" data-state="down""#);
    assert!(down < at(r#"data-site="sunyi" data-state="never""#));
    assert!(page.contains("Aplikasi: aplikasi menjawab dengan status HTTP 500"));
    assert!(page.contains("12,3 %") && page.contains("95,0 %") && page.contains("/home/file"));
    assert!(page.contains("CONTOH"));
}

#[tokio::test]
async fn a_silent_agent_is_neither_up_nor_down_and_its_old_figures_are_marked() {
    let mut browser = Browser::signed_in().await;
    let an_hour_ago = now_ms() - 3_600_000;
    browser.agent_said(an_hour_ago, live(check("application", "up", ""))).await;
    let list = browser.get("/").await;
    assert!(list.contains(r#"data-site="gorontalo" data-state="silent""#));
    assert!(!list.contains("12,3 %"), "an old figure is not shown as of now");
    let page = browser.get("/site/gorontalo").await;
    assert!(page.contains("data-silent") && page.contains("Agen tidak terdengar"));
    assert!(page.contains(r#"data-target="application" data-state="silent""#));
}

#[tokio::test]
async fn batches_that_are_not_counted_are_shown_with_what_becomes_of_them() {
    let mut browser = Browser::signed_in().await;
    browser.agent_says(live(check("application", "up", ""))).await;
    let page = browser.get("/site/gorontalo").await;
    assert!(!page.contains("data-batches"), "none is the rule");
    let mut contents = fixtures::Contents::default();
    let mut junk = contents.naming(1, &[], &[]);
    junk.frame.data = vec![250];
    let waiting = contents.naming(2, &[], &[7]);
    browser.store.save(&[junk, waiting]).await.unwrap();
    contents.fold(&browser.store).await;
    let page = browser.get("/site/gorontalo").await;
    assert!(page.contains("diterima tetapi belum dihitung: 1"), "{}", page.text);
    assert!(page.contains("tidak terbaca dan tidak dihitung: 1"), "{}", page.text);
}

#[tokio::test]
async fn hostile_text_is_shown_and_never_executed() {
    let mut browser = Browser::signed_in().await;
    browser.agent_says(live(check("application", "down", HOSTILE))).await;
    for path in ["/", "/site/gorontalo", "/site/gorontalo/live", "/login?next=%22%3E%3Cscript%3E"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.contains("<img src=x") && !page.contains("<script>alert"), "{path}");
    }
    let name = browser.sign_in("%3Cimg%20src=x%3E", "salah").await;
    assert!(!name.contains("<img") && name.contains("img src=x"));
}

#[tokio::test]
async fn no_page_holds_an_inline_script_or_style_or_asks_another_host() {
    let mut browser = Browser::signed_in().await;
    browser.agent_says(live(check("application", "up", ""))).await;
    for path in ["/", "/site/gorontalo", "/alerts", "/nowhere"] {
        let page = browser.get(path).await;
        for banned in [" style=", " onclick=", "<style", "<script>", "src=\"http", "href=\"http"] {
            assert!(!page.contains(banned), "{path} holds {banned}");
        }
    }
}

#[tokio::test]
async fn pages_are_compressed_for_browsers_that_say_they_can_read_it() {
    let mut browser = Browser::signed_in().await;
    let plain = browser.get("/site/gorontalo").await;
    assert_eq!(plain.header(header::CONTENT_ENCODING), "");
    assert!(plain.contains("</html>"));
    for (path, expected) in
        [("/site/gorontalo", "gzip"), ("/assets/app.css", "gzip"), ("/healthz", "")]
    {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, "gzip, br");
        let packed = browser.send(request, Body::empty()).await;
        assert_eq!(packed.header(header::CONTENT_ENCODING), expected, "{path}");
    }
}

#[tokio::test]
async fn what_was_measured_of_a_young_site_is_told_beside_the_whole_month() {
    let mut browser = Browser::signed_in().await;
    browser.agent_said(now_ms() - 3_600_000, LiveState::default()).await;
    browser.agent_says(live(check("application", "up", ""))).await;
    let page = browser.get("/site/gorontalo/month").await;
    assert!(page.contains("data-measured"), "{}", page.text);
    assert!(page.contains("Ketersediaan dari waktu yang terukur (1 mnt, sejak "), "{}", page.text);
    assert!(page.contains("<b>100,00 %</b>"), "{}", page.text);
}

#[tokio::test]
async fn a_site_without_data_says_what_is_missing_and_what_to_do() {
    let mut browser = Browser::signed_in().await;
    let page = browser.get("/site/sunyi").await;
    assert!(page.contains("data-empty=\"never\"") && page.contains("pantau-agent check"));
    assert!(page.contains("Tidak terukur"));
    browser.agent_says(live(check("application", "up", ""))).await;
    let page = browser.get("/site/gorontalo").await;
    assert!(page.contains("data-empty=\"database\"") && page.contains("pg_monitor"));
}

#[tokio::test]
async fn errors_and_queries_of_the_month_are_shown_with_their_counts() {
    let mut browser = Browser::signed_in().await;
    browser.agent_says(LiveState::default()).await;
    let mut contents = fixtures::Contents::default();
    let minute = now_ms() / 60_000;
    let batch = contents.batch(1, fixtures::counts(minute, 1_234));
    browser.store.save(&[batch]).await.unwrap();
    contents.fold(&browser.store).await;
    let page = browser.get("/site/gorontalo/month").await;
    assert!(page.contains("deadlock detected") && page.contains("<b>1.234</b>"), "{}", page.text);
    assert!(page.contains("SELECT * FROM paket") && page.contains("transaksi gagal"));
    assert!(page.contains("title=\"database.deadlock 40P01\">deadlock (saling mengunci)<"));
    let english = browser.get("/site/gorontalo?lang=en").await;
    assert!(english.contains("<b>1,234</b>") && english.contains("lang=\"en\""));
}

#[tokio::test]
async fn the_language_is_remembered_and_error_pages_speak_it() {
    let mut browser = Browser::signed_in().await;
    let page = browser.get("/nowhere").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.contains("Halaman tidak ditemukan") && page.contains("lang=\"id\""));
    browser.get("/?lang=en").await;
    assert!(browser.get("/site/nowhere").await.contains("Page not found"));
    assert!(browser.get("/alerts").await.contains("No open alerts."));
}

#[tokio::test]
async fn the_api_gives_states_and_series() {
    let mut browser = Browser::signed_in().await;
    browser.agent_says(live(check("application", "up", ""))).await;
    let sites: serde_json::Value =
        serde_json::from_str(&browser.get("/api/v1/sites").await.text).unwrap();
    assert_eq!(sites[0]["state"], "up");
    assert_eq!(sites[1]["state"], "never");
    let path = "/api/v1/sites/gorontalo/series?agent=spse-1&hours=1";
    let series: serde_json::Value = serde_json::from_str(&browser.get(path).await.text).unwrap();
    assert_eq!(series["at_ms"].as_array().unwrap().len(), 60);
    assert!(series["cpu_permille"].as_array().unwrap().iter().all(serde_json::Value::is_null));
    for (path, status) in [
        ("/api/v1/sites/nowhere/series?agent=a", StatusCode::NOT_FOUND),
        ("/api/v1/sites/gorontalo/series", StatusCode::BAD_REQUEST),
        ("/api/v1/sites/gorontalo/series?agent=a&hours=x", StatusCode::BAD_REQUEST),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text.starts_with("{\"error\":"), "{}", answer.text);
    }
}

#[tokio::test]
async fn health_needs_no_sign_in_and_says_when_the_store_is_gone() {
    let mut browser = Browser::fresh().await;
    let answer = browser.get("/healthz").await;
    assert_eq!(answer.status, StatusCode::OK);
    let health: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!((&health["status"], &health["store"]), (&"ok".into(), &"ok".into()));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    browser.store.close().await;
    let answer = browser.get("/healthz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.contains("unreachable"));
}

#[tokio::test]
async fn a_page_says_so_in_house_style_when_the_store_is_gone() {
    let mut browser = Browser::signed_in().await;
    browser.store.close().await;
    let page = browser.get("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("Penyimpanan data tidak menjawab"), "{}", page.text);
}

#[tokio::test]
async fn a_report_is_listed_read_and_taken_along_and_the_audit_log_says_by_whom() {
    let mut browser = Browser::signed_in().await;
    assert!(browser.get("/reports").await.contains("data-empty=\"reports\""));
    let head = ReportHead {
        site: fixtures::site(),
        kind: "monthly".to_owned(),
        period: fixtures::hours(0, 720),
        covered_to_ms: fixtures::hours(0, 720).to_ms,
        revision: 1,
        created_ms: fixtures::MS,
        digest: "00".to_owned(),
        sample: false,
    };
    let pdf = b"%PDF-1.7 small".to_vec();
    let report = NewReport { head, lesson: None, model: b"{}".to_vec(), pdf };
    assert_eq!(browser.store.save_report(&report).await.unwrap(), SavedReport::Kept);
    let list = browser.get("/reports").await;
    let from = list.text.find("/reports/gorontalo/monthly/").unwrap();
    let path = list.text[from..].split(['"', '?']).next().unwrap().to_owned();
    let read = browser.get(&path).await;
    assert_eq!(read.header(header::CONTENT_TYPE), "application/pdf");
    assert!(read.header(header::CONTENT_DISPOSITION).starts_with("inline"));
    assert_eq!(read.text, "%PDF-1.7 small");
    let taken = browser.get(&format!("{path}?download=1")).await;
    let disposition = taken.header(header::CONTENT_DISPOSITION);
    assert_eq!(disposition, "attachment; filename=\"laporan-gorontalo-monthly-2026-11-25-r1.pdf\"");
    let missing = browser.get(&format!("{path}9")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.audit().await, ["report_downloaded", "report_viewed", "sign_in"]);
}
