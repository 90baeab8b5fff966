use pantau_proto::v1::enrol_answer::Refused;

use super::*;
use crate::identity::samples::{Ca, Office, dialer, key_in, token};

fn request(token: String) -> Request {
    Request {
        token: Secret::new(token),
        agent_id: "app-1".to_owned(),
        machine_id: [7; 16],
        hostname: "spse".to_owned(),
        tls_1_2: false,
    }
}

struct Scene {
    dir: tempfile::TempDir,
    office: Arc<super::super::samples::Office>,
    address: std::net::SocketAddr,
}

impl Scene {
    async fn new(office: Office) -> Scene {
        let (office, address) = office.open().await;
        Scene { dir: tempfile::tempdir().unwrap(), office, address }
    }

    fn store(&self) -> Store {
        Store::within(self.dir.path())
    }

    async fn enrol(&self, token: String) -> Result<Enrolled, EnrolError> {
        enrol(&self.store(), &dialer(self.address), &request(token)).await
    }

    fn token(&self) -> String {
        token(self.office.ca.fingerprint())
    }

    /// Public keys that the office has heard of.
    fn keys(&self) -> Vec<Vec<u8>> {
        self.office.enrolments.lock().unwrap().iter().map(|heard| key_in(&heard.csr)).collect()
    }
}

#[tokio::test]
async fn a_token_buys_an_identity_that_is_stored() {
    let scene = Scene::new(Office::new()).await;
    let enrolled = scene.enrol(scene.token()).await.unwrap();
    assert_eq!((enrolled.site_id.as_str(), enrolled.agent_id.as_str()), ("lpse-contoh", "app-1"));
    assert_eq!(enrolled.collector, scene.address.into());
    let stored = scene.store().load().unwrap().unwrap();
    assert_eq!(stored.certificate, enrolled.certificate);
    let heard = scene.office.enrolments.lock().unwrap().remove(0);
    assert_eq!((heard.token, heard.machine_id), (scene.token(), vec![7; 16]));
    assert_eq!(heard.hostname, "spse");
    assert!(!scene.dir.path().join("identity/enrolling.json").exists());
}

#[tokio::test]
async fn a_token_never_goes_to_a_collector_of_another_ca() {
    let scene = Scene::new(Office::new()).await;
    let token = token(Ca::new().fingerprint());
    let error = scene.enrol(token.clone()).await.unwrap_err();
    assert!(matches!(error, EnrolError::Unreached(..)), "{error}");
    let told = format!("{error:#}");
    assert!(told.contains("another CA") && told.contains("was not sent"), "{told}");
    assert!(!told.contains(&token));
    assert!(scene.office.enrolments.lock().unwrap().is_empty());
    assert!(scene.store().load().unwrap().is_none());
}

#[tokio::test]
async fn the_same_token_comes_with_the_same_key_until_it_is_answered() {
    let scene = Scene::new(Office { lost: 2.into(), ..Office::new() }).await;
    for _ in 0..2 {
        let error = scene.enrol(scene.token()).await.unwrap_err();
        assert!(error.to_string().contains("with the same token"), "{error}");
    }
    scene.enrol(scene.token()).await.unwrap();
    let keys = scene.keys();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]));
    scene.enrol(scene.token()).await.unwrap();
    assert_ne!(scene.keys()[3], keys[0], "an answered key is not used for a second enrolment");
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_nothing_is_stored() {
    let scene = Scene::new(Office { refuse: Refused::TokenUsed, ..Office::new() }).await;
    let error = scene.enrol(scene.token()).await.unwrap_err();
    assert!(error.to_string().contains("ask for a new one"), "{error}");
    assert!(scene.store().load().unwrap().is_none());
}

#[tokio::test]
async fn an_answer_that_is_not_for_this_server_is_not_stored() {
    type Lie = fn(&mut pantau_proto::v1::EnrolAnswer);
    let lies: [(Lie, &str); 5] = [
        (|answer| answer.ca = Ca::new().der(), "another CA"),
        (|answer| answer.certificate.truncate(100), "cannot be used"),
        (
            |answer| {
                let other = crate::identity::Key::make().unwrap().request().unwrap();
                let names = ("lpse-contoh", "app-1");
                answer.certificate = Ca::new().sign(&other, names, super::super::samples::HOLDS);
            },
            "not of this server's key",
        ),
        (|answer| answer.agent_id = "app-2".to_owned(), "app-2"),
        (|answer| answer.site_id = "../etc".to_owned(), "names are not of the form"),
    ];
    for (lie, what) in lies {
        let scene = Scene::new(Office { lie, ..Office::new() }).await;
        let error = scene.enrol(scene.token()).await.unwrap_err();
        assert!(format!("{error:#}").contains(what), "{error}");
        assert!(scene.store().load().unwrap().is_none());
    }
}

#[tokio::test]
async fn what_is_no_token_or_no_name_is_told_before_anything_is_sent() {
    let scene = Scene::new(Office::new()).await;
    let error = scene.enrol("rahasia".to_owned()).await.unwrap_err();
    assert!(matches!(error, EnrolError::Token(_)) && !error.to_string().contains("rahasia"));
    let mut named = request(scene.token());
    named.agent_id = "App 1".to_owned();
    let error = enrol(&scene.store(), &dialer(scene.address), &named).await.unwrap_err();
    assert!(error.to_string().contains("--agent \"App 1\""), "{error}");
    assert!(scene.office.enrolments.lock().unwrap().is_empty());
}

#[test]
fn a_machine_is_known_by_a_hash_that_is_always_the_same() {
    assert_eq!(machine_id("spse"), machine_id("spse"));
    assert_ne!(machine_id("spse"), [0; 16]);
}
