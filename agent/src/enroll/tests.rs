use super::*;
use crate::identity::samples::{OVER, Office, enrol_into, token};

fn settings(dir: &std::path::Path, more: &str) -> Settings {
    let text = format!("zone = \"Asia/Jakarta\"\nstate_dir = \"{}\"\n{more}", dir.display());
    crate::config::parse(std::path::Path::new("agent.toml"), &text).unwrap().settings
}

fn args(collector: std::net::SocketAddr, token: &str) -> Args {
    Args {
        collector: Some(collector.into()),
        token: Some(Secret::new(token)),
        token_file: None,
        agent: Some("app-1".to_owned()),
        replace: false,
    }
}

#[tokio::test]
async fn a_server_is_enrolled_once_and_again_only_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path(), "");
    let (office, address) = Office::new().open().await;
    let mut args = args(address, &token(office.ca.fingerprint()));
    let told = run(&settings, &args, 0).await.unwrap();
    assert!(told.contains("app-1 of site lpse-contoh"), "{told}");
    let told = run(&settings, &args, 0).await.unwrap();
    assert!(told.contains("already") && told.contains("--replace"), "{told}");
    assert_eq!(office.enrolments.lock().unwrap().len(), 1);
    args.replace = true;
    run(&settings, &args, 0).await.unwrap();
    assert_eq!(office.enrolments.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_certificate_that_is_over_and_an_identity_that_is_damaged_do_not_stand_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path(), "");
    let (office, address) = Office { life: OVER, ..Office::new() }.open().await;
    let mut args = args(address, &token(office.ca.fingerprint()));
    for _ in 0..2 {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        run(&settings, &args, now_ms).await.unwrap();
    }
    assert_eq!(office.enrolments.lock().unwrap().len(), 2);
    std::fs::write(Store::within(dir.path()).file(), "{").unwrap();
    let error = run(&settings, &args, 0).await.unwrap_err();
    assert!(format!("{error:#}").contains("enroll --replace"), "{error:#}");
    args.replace = true;
    run(&settings, &args, 0).await.unwrap();
}

#[tokio::test]
async fn a_token_is_read_from_a_file_of_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path(), "");
    let (office, address) = Office::new().open().await;
    let file = dir.path().join("token");
    std::fs::write(&file, format!("{}\n", token(office.ca.fingerprint()))).unwrap();
    let args = Args { token: None, token_file: Some(file), ..args(address, "") };
    run(&settings, &args, 0).await.unwrap();
}

#[tokio::test]
async fn names_that_disagree_with_the_settings_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (office, address) = Office::new().open().await;
    let args = args(address, &token(office.ca.fingerprint()));
    let error = run(&settings(dir.path(), "agent = \"app-2\"\n"), &args, 0).await.unwrap_err();
    assert!(error.to_string().contains("agent = \"app-2\""), "{error}");
    let other = settings(dir.path(), "site = \"lpse-lain\"\n");
    let told = run(&other, &args, 0).await.unwrap();
    assert!(told.contains("site = \"lpse-lain\""), "{told}");
    let refused = identity::load(&other).unwrap_err();
    assert!(refused.is::<identity::NotReady>(), "{refused}");
    assert!(refused.to_string().contains("enrolled as \"lpse-contoh\""), "{refused}");
}

#[test]
fn the_name_is_typed_or_set_or_the_hosts_own() {
    let dir = tempfile::tempdir().unwrap();
    let plain = settings(dir.path(), "");
    let set = settings(dir.path(), "agent = \"app-2\"\n");
    let name = |typed: Option<&str>, settings, host| {
        agent_id(typed.map(str::to_owned).as_ref(), settings, host)
    };
    assert_eq!(name(Some("app-1"), &set, "spse").as_deref(), Some("app-1"));
    assert_eq!(name(None, &set, "spse").as_deref(), Some("app-2"));
    assert_eq!(name(None, &plain, "SPSE-1.lpse.go.id").as_deref(), Some("spse-1"));
    assert_eq!(name(None, &plain, "spse_1"), None);
}

#[test]
fn no_secret_can_be_printed() {
    let dir = tempfile::tempdir().unwrap();
    let args = args("127.0.0.1:1".parse().unwrap(), "rahasia");
    assert!(!format!("{args:?}").contains("rahasia"));
    let enrolled = enrol_into(dir.path());
    assert!(format!("{enrolled:?}").contains("Key(<secret>)"));
}
