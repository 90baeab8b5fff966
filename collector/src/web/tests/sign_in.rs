//! Who gets in, and what is told to whom does not.

use super::*;

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_the_sign_in_and_comes_back() {
    let mut browser = Browser::fresh().await;
    let answer = browser.get("/site/gorontalo").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/login?next=/site/gorontalo");
    let form = browser.get("/login?next=/site/gorontalo").await;
    assert!(form.contains("name=\"next\" value=\"/site/gorontalo\""), "{}", form.text);
    for path in ["/", "/alerts"] {
        assert_eq!(browser.get(path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
}

#[tokio::test]
async fn the_api_answers_401_without_a_session_and_a_refreshing_part_reloads_its_page() {
    let mut browser = Browser::fresh().await;
    let answer = browser.get("/api/v1/sites").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.text, r#"{"error":"sign_in_first"}"#);
    let part = browser.send(Request::get("/").header("hx-request", "true"), Body::empty()).await;
    assert_eq!((part.status, part.header("hx-refresh")), (StatusCode::UNAUTHORIZED, "true"));
}

#[tokio::test]
async fn the_right_password_opens_and_the_sign_out_closes_for_good() {
    let mut browser = Browser::signed_in().await;
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    let stolen = browser.cookies.clone();
    let out = browser.post("/logout", "").await;
    assert_eq!(out.header(header::LOCATION), "/login");
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    browser.cookies = stolen;
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.audit().await, ["sign_in", "sign_out"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let mut browser = Browser::fresh().await;
    let wrong = browser.sign_in(NAME, "kata-sandi-yang-salah").await;
    let unknown = browser.sign_in("budi", "kata-sandi-yang-salah").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.contains("Nama pengguna atau kata sandi salah."));
    assert_eq!(unknown.text.replace("budi", NAME), wrong.text);
    assert!(!wrong.contains("kata-sandi-yang-salah"), "a password is never sent back");
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.audit().await, ["sign_in_failed", "sign_in_failed"]);
}

#[tokio::test]
async fn the_session_is_a_new_one_after_the_sign_in_and_its_cookie_is_locked_down() {
    let mut browser = Browser::fresh().await;
    browser.cookies = vec!["pantau_session=AAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    let answer = browser.sign_in(NAME, PASSWORD).await;
    let cookie = answer.header(header::SET_COOKIE);
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43"] {
        assert!(cookie.contains(part), "{cookie} should contain {part}");
    }
    assert!(!cookie.contains("AAAAAAAAAAAAAAAAAAAAAA") && !cookie.contains("Secure"), "{cookie}");
    browser.origin = format!("https://{HOST}");
    let answer = browser.sign_in(NAME, PASSWORD).await;
    assert!(answer.header(header::SET_COOKIE).contains("; Secure"));
}

#[tokio::test]
async fn a_restart_of_the_collector_signs_nobody_out() {
    let mut browser = Browser::signed_in().await;
    let settings = Arc::new(Settings::parse(SETTINGS).unwrap());
    browser.router = router(State { store: browser.store.clone(), settings });
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let mut browser = Browser::signed_in().await;
    browser.store.set_password(NAME, &Secret::new("another"), 2).await.unwrap();
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_that_another_site_sent_is_refused() {
    let mut browser = Browser::signed_in().await;
    for origin in ["https://evil.example", "null", ""] {
        browser.origin = origin.to_owned();
        let answer = browser.post("/logout", "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(answer.contains("Permintaan ditolak"));
    }
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn after_too_many_failures_even_the_right_password_has_to_wait() {
    let mut browser = Browser::fresh().await;
    let mut failures = 0;
    let paused = loop {
        let answer = browser.sign_in(NAME, "kata-sandi-yang-salah").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        failures += 1;
        assert!(failures <= 10);
    };
    assert_eq!(failures, 10);
    assert!(paused.contains("Terlalu banyak percobaan gagal"));
    let right = browser.sign_in(NAME, PASSWORD).await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS);
    let audit = browser.audit().await;
    assert_eq!(audit.iter().filter(|action| *action == "sign_in_paused").count(), 1);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_lock_the_browser_down() {
    let mut browser = Browser::fresh().await;
    for path in ["/", "/login", "/healthz", "/assets/app.css", "/nowhere"] {
        let answer = browser.get(path).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(answer.header(header::REFERRER_POLICY), "same-origin", "{path}");
        let cache = answer.header(header::CACHE_CONTROL);
        assert_eq!(cache.contains("immutable"), path.starts_with("/assets/"), "{path}: {cache}");
    }
}

#[tokio::test]
async fn a_form_without_its_fields_or_beyond_its_size_is_refused() {
    let mut browser = Browser::fresh().await;
    assert_eq!(browser.post("/login", "name=siti").await.status, StatusCode::BAD_REQUEST);
    let huge = format!("name=siti&password={}", "x".repeat(20_000));
    assert_eq!(browser.post("/login", &huge).await.status, StatusCode::BAD_REQUEST);
}
