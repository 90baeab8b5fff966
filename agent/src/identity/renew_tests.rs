use pantau_proto::v1::enrol_answer::Refused;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::*;
use crate::identity::samples::{OVER, Office, dialer, enrol_into, key_in, ms};

const HOUR_MS: i64 = 3_600_000;

struct Scene {
    dir: tempfile::TempDir,
    office: Arc<Office>,
    address: std::net::SocketAddr,
    enrolled: Enrolled,
}

impl Scene {
    /// A server whose certificate is over.
    async fn new(office: Office) -> Scene {
        let (office, address) = office.open().await;
        let dir = tempfile::tempdir().unwrap();
        let enrolled = office.ca.enrolled(address.into(), OVER);
        let scene = Scene { dir, office, address, enrolled };
        scene.store().replace(None, &scene.enrolled, Purpose::Enrolment).unwrap();
        scene
    }

    fn store(&self) -> Store {
        Store::within(self.dir.path())
    }

    async fn renew(&self) -> Result<Enrolled, RenewError> {
        let stored = self.store().load().unwrap().unwrap();
        renew(&self.store(), &dialer(self.address), &stored, false).await
    }

    fn stored(&self) -> Vec<u8> {
        self.store().load().unwrap().unwrap().certificate
    }
}

#[tokio::test]
async fn a_certificate_that_is_over_buys_the_next_with_a_proof_by_its_key() {
    let scene = Scene::new(Office::new()).await;
    let renewed = scene.renew().await.unwrap();
    assert!(!renewed.is_expired(ms((2100, 1, 1))));
    assert_eq!(scene.stored(), renewed.certificate);
    let heard = scene.office.renewals.lock().unwrap().remove(0);
    assert_eq!(heard.certificate, scene.enrolled.certificate);
    let old = key_in(&scene.enrolled.key.request().unwrap());
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &old).verify(&heard.csr, &heard.proof).unwrap();
    assert_ne!(key_in(&heard.csr), old);
    assert!(!scene.dir.path().join("identity/renewing.json").exists());
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_old_identity_and_the_new_key_is_asked_for_again() {
    let scene = Scene::new(Office { lost: 1.into(), ..Office::new() }).await;
    let error = scene.renew().await.unwrap_err();
    assert!(error.to_string().contains("valid until 2020-04-01"), "{error}");
    assert_eq!(scene.stored(), scene.enrolled.certificate);
    let renewed = scene.renew().await.unwrap();
    let heard = scene.office.renewals.lock().unwrap();
    assert_eq!(key_in(&heard[0].csr), key_in(&heard[1].csr));
    assert_eq!(scene.stored(), renewed.certificate);
}

#[tokio::test]
async fn a_key_left_by_a_crash_behind_the_last_renewal_is_not_used_for_the_next() {
    let scene = Scene::new(Office::new()).await;
    let left = scene.store().pending_key(Purpose::Renewal, &scene.enrolled.certificate).unwrap();
    let file = scene.dir.path().join("identity/renewing.json");
    let before = std::fs::read(&file).unwrap();
    scene.renew().await.unwrap();
    std::fs::write(&file, before).unwrap();
    scene.renew().await.unwrap();
    let heard = scene.office.renewals.lock().unwrap();
    assert_eq!(key_in(&heard[0].csr), key_in(&left.request().unwrap()));
    assert_ne!(key_in(&heard[1].csr), key_in(&heard[0].csr));
}

#[tokio::test]
async fn a_revoked_server_is_told_to_enrol_again_and_a_busy_collector_is_tried_again() {
    for (refuse, is_final) in [
        (Refused::Revoked, true),
        (Refused::TooOld, true),
        (Refused::Unavailable, false),
        (Refused::TooMany, false),
    ] {
        let scene = Scene::new(Office { refuse, ..Office::new() }).await;
        let error = scene.renew().await.unwrap_err();
        assert_eq!(matches!(error, RenewError::EnrolAgain(_)), is_final, "{error}");
        assert_eq!(error.to_string().contains("enroll --replace"), is_final, "{error}");
        assert_eq!(scene.stored(), scene.enrolled.certificate);
    }
}

#[tokio::test]
async fn a_certificate_for_another_server_or_by_another_collector_is_not_taken() {
    let scene =
        Scene::new(Office { lie: |answer| answer.agent_id = "app-2".to_owned(), ..Office::new() });
    let scene = scene.await;
    assert!(scene.renew().await.unwrap_err().to_string().contains("another server"));
    let stranger = Scene::new(Office::new()).await;
    let stored = enrol_into(stranger.dir.path());
    let error = renew(&stranger.store(), &dialer(stranger.address), &stored, false).await;
    assert!(error.unwrap_err().to_string().contains("another CA"));
    assert!(stranger.office.renewals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_certificate_is_renewed_in_its_last_third_and_whenever_the_collector_finds_it_over() {
    let office = Office::new();
    let year = ((2030, 1, 1), (2031, 1, 1));
    let enrolled = office.ca.enrolled("127.0.0.1:1".parse().unwrap(), year);
    let due = |at, refused| due(&enrolled, at, refused);
    assert_eq!(due(ms((2030, 8, 31)), false), Due::Later);
    assert_eq!(due(ms((2030, 9, 3)), false), Due::Now);
    assert_eq!(due(ms((2041, 1, 1)), false), Due::Now);
    assert_eq!(due(ms((2030, 2, 1)), true), Due::Now);
    assert_eq!(due(ms((2030, 1, 1)) - HOUR_MS, false), Due::Later);
    let Due::WrongClock(text) = due(0, false) else { panic!("1970 is no time for it") };
    assert!(text.contains("1970-01-01") && text.contains("2030-01-01"), "{text}");
}

#[test]
fn waits_grow_to_hours_while_the_certificate_holds_and_to_minutes_when_it_is_over() {
    let whole: Vec<u64> = (1..5).map(|n| wait_after(n, false, 1.0).as_secs()).collect();
    assert_eq!(whole, [60, 120, 240, 480]);
    assert_eq!(wait_after(1, false, 0.0).as_secs(), 30);
    assert_eq!(wait_after(u32::MAX, false, 1.0), WAIT_MAX);
    assert_eq!(wait_after(u32::MAX, true, 1.0), WAIT_EXPIRED_MAX);
}
