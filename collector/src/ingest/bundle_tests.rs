use pantau_proto::{
    bundle::Writer,
    v1::{self, bundle_part},
};
use prost::Message;

use super::*;
use crate::{
    domain::{AgentId, period::Period},
    identity::testing::Key,
    ingest::testing::{demo, spse_1},
    store::tests::fresh,
};

const NOW_MS: i64 = 1_795_000_000_000;
const MINUTE: i64 = NOW_MS / 60_000;
const DAY: Period = Period { from_ms: NOW_MS - DAY_MS, to_ms: NOW_MS + DAY_MS };

struct Scene {
    store: Store,
    dir: tempfile::TempDir,
    authority: Authority,
    key: Key,
    sites: HashSet<SiteId>,
}

/// What a bundle of the scene says differently.
#[derive(Clone)]
struct Say {
    agent: &'static str,
    signed_ms: i64,
    with_definitions: bool,
}

const PLAIN: Say = Say { agent: "spse-1", signed_ms: NOW_MS, with_definitions: true };

fn part(part: bundle_part::Part) -> v1::BundlePart {
    v1::BundlePart { part: Some(part) }
}

/// One error of the group 1, which is defined elsewhere.
fn batch(seq: u64) -> v1::BundlePart {
    let errors =
        v1::ErrorCounts { group: vec![1], count: vec![1], last_ms: vec![5], ..Default::default() };
    let minute = v1::Minute { errors: Some(errors), ..Default::default() };
    let content = v1::BatchContent { minutes: vec![minute], ..Default::default() };
    part(bundle_part::Part::Batch(v1::Batch {
        epoch: vec![9; 16],
        seq,
        first_minute: MINUTE,
        codec: v1::Codec::Plain.into(),
        data: content.encode_to_vec(),
        closed_ms: NOW_MS,
        ..Default::default()
    }))
}

fn definition() -> v1::BundlePart {
    let error = v1::ErrorGroup {
        fingerprint: 7,
        class: "database.deadlock".into(),
        template: "deadlock detected".into(),
        ..Default::default()
    };
    let of = Some(v1::definition::Of::Error(error));
    let definitions = vec![v1::Definition { id: 1, of }];
    part(bundle_part::Part::Definitions(v1::Definitions { definitions, lost: Vec::new() }))
}

impl Scene {
    async fn new() -> Scene {
        let (store, dir) = fresh().await;
        let authority = Authority::generate(NOW_MS).unwrap();
        let site = (demo(), "LPSE".to_owned(), "Asia/Makassar".to_owned());
        store.put_sites(&[site]).await.unwrap();
        Scene { store, dir, authority, key: Key::new(), sites: [demo()].into() }
    }

    /// A bundle of these batches, as a file.
    fn bundle(&self, say: &Say, seqs: &[u64]) -> std::path::PathBuf {
        let signed =
            self.authority.sign_agent(&self.key.point(), &demo(), &spse_1(), 90, say.signed_ms);
        let hello = v1::Hello {
            site_id: "demo".into(),
            agent_id: say.agent.into(),
            boot_id: vec![1; 16],
            epoch: vec![9; 16],
            ..Default::default()
        };
        let head = v1::BundleHead {
            id: vec![4; 16],
            hello: Some(hello),
            certificate: signed.unwrap().der,
            created_ms: NOW_MS,
        };
        let mut out = MAGIC.to_vec();
        let packed = zstd::Encoder::new(&mut out, 1).unwrap();
        let mut writer = Writer::begin(packed, &head, |bytes| Ok(self.key.sign(bytes))).unwrap();
        if say.with_definitions {
            writer.part(&definition()).unwrap();
        }
        seqs.iter().for_each(|seq| writer.part(&batch(*seq)).unwrap());
        let end = v1::BundleEnd { batches: seqs.len() as u64 };
        writer.part(&part(bundle_part::Part::End(end))).unwrap();
        writer.into_inner().finish().unwrap();
        self.file(&out)
    }

    fn file(&self, bytes: &[u8]) -> std::path::PathBuf {
        let file = self.dir.path().join("bundle.zst");
        std::fs::write(&file, bytes).unwrap();
        file
    }

    async fn take(&self, file: &Path) -> Taken {
        let (store, authority, sites) = (&self.store, &self.authority, &self.sites);
        Desk { store, authority, sites, grace_days: 400, now_ms: NOW_MS }.take(file).await
    }

    async fn counted(&self) -> i64 {
        let errors = self.store.errors(&demo(), DAY, 10).await.unwrap();
        errors.iter().map(|error| error.count).sum()
    }
}

fn numbers(taken: &Taken) -> (u64, u64, u64) {
    (taken.stored, taken.duplicates, taken.waiting)
}

fn failure(taken: &Taken) -> String {
    taken.failure.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_bundle_counts_once_however_often_and_in_whatever_order_it_comes() {
    let scene = Scene::new().await;
    let later = scene.take(&scene.bundle(&PLAIN, &[3, 4])).await;
    assert_eq!((numbers(&later), failure(&later).as_str()), ((2, 0, 0), ""));
    let earlier = scene.take(&scene.bundle(&PLAIN, &[1, 2, 3])).await;
    assert_eq!(numbers(&earlier), (2, 1, 0));
    assert_eq!(scene.counted().await, 4);
    let again = scene.take(&scene.bundle(&PLAIN, &[1, 2, 3])).await;
    assert_eq!(numbers(&again), (0, 3, 0));
    assert_eq!(scene.counted().await, 4);
}

#[tokio::test]
async fn a_server_that_never_called_is_known_and_was_not_in_contact() {
    let scene = Scene::new().await;
    let taken = scene.take(&scene.bundle(&PLAIN, &[1])).await;
    assert_eq!(taken.server.as_deref(), Some("demo/spse-1"));
    assert_eq!(scene.store.servers(Some(&demo())).await.unwrap()[0].agent, spse_1());
    assert!(scene.store.contacts(&demo(), DAY).await.unwrap().is_empty());
}

#[tokio::test]
async fn batches_without_their_definitions_wait_for_a_bundle_that_has_them() {
    let scene = Scene::new().await;
    let without = Say { with_definitions: false, ..PLAIN };
    let taken = scene.take(&scene.bundle(&without, &[1, 2])).await;
    assert_eq!((numbers(&taken), scene.counted().await), ((2, 0, 2), 0));
    let taken = scene.take(&scene.bundle(&PLAIN, &[3])).await;
    assert_eq!((numbers(&taken), scene.counted().await), ((1, 0, 0), 3));
}

#[tokio::test]
async fn of_a_file_cut_short_what_came_before_is_taken_and_it_is_said() {
    let scene = Scene::new().await;
    let seqs: Vec<u64> = (1..=2_000).collect();
    let whole = std::fs::read(scene.bundle(&PLAIN, &seqs)).unwrap();
    let taken = scene.take(&scene.file(&whole[..whole.len() / 10 * 9])).await;
    assert!(taken.failure.as_ref().is_some_and(Failure::is_truncated), "{taken:?}");
    assert!((1..2_000).contains(&taken.stored), "{taken:?}");
    assert_eq!(scene.counted().await, taken.stored as i64);
    let rest = scene.take(&scene.file(&whole)).await;
    assert_eq!((rest.stored, rest.duplicates), (2_000 - taken.stored, taken.stored));
    assert_eq!(scene.counted().await, 2_000);
}

#[tokio::test]
async fn who_is_not_who_it_says_to_be_stores_nothing() {
    let scene = Scene::new().await;
    let other = Scene { store: scene.store.clone(), ..Scene::new().await };
    let taken = scene.take(&other.bundle(&PLAIN, &[1])).await;
    assert!(failure(&taken).contains("none of an agent"), "{taken:?}");
    let liar = Say { agent: "spse-2", ..PLAIN };
    assert!(failure(&scene.take(&scene.bundle(&liar, &[1])).await).contains("demo/spse-2"));
    assert!(failure(&scene.take(&scene.file(b"PK")).await).contains("no bundle"));
    assert_eq!(scene.counted().await, 0);
}

#[tokio::test]
async fn nothing_behind_a_forged_part_is_taken() {
    let scene = Scene::new().await;
    let unpacked = {
        let bytes = std::fs::read(scene.bundle(&PLAIN, &[1, 2, 3])).unwrap();
        zstd::decode_all(&bytes[MAGIC.len()..]).unwrap()
    };
    // Where each part begins: its length, then itself.
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(length) = unpacked.get(at..at + 4) {
        places.push(at);
        at += 4 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
    }
    let mut changed = unpacked.clone();
    // Of head, definitions, batches 1, 2 and 3, end: within the second batch.
    changed[places[3] + 40] ^= 1;
    let packed = [MAGIC.to_vec(), zstd::encode_all(&changed[..], 1).unwrap()].concat();
    let taken = scene.take(&scene.file(&packed)).await;
    assert_eq!((taken.stored, scene.counted().await), (1, 1), "{taken:?}");
    assert!(failure(&taken).contains("signature of part 3"), "{taken:?}");
}

#[tokio::test]
async fn a_certificate_that_ended_long_ago_signs_what_was_closed_in_its_time_only() {
    let scene = Scene::new().await;
    let within_grace = Say { signed_ms: NOW_MS - 400 * DAY_MS, ..PLAIN };
    assert_eq!(failure(&scene.take(&scene.bundle(&within_grace, &[1])).await), "");
    let beyond = Say { signed_ms: NOW_MS - 491 * DAY_MS, ..PLAIN };
    let taken = scene.take(&scene.bundle(&beyond, &[2])).await;
    assert!(failure(&taken).contains("batch 2"), "{taken:?}");
    assert_eq!(taken.stored, 0);
}

#[tokio::test]
async fn a_revoked_server_and_a_site_that_is_gone_are_refused() {
    let mut scene = Scene::new().await;
    let file = scene.bundle(&PLAIN, &[1]);
    scene.sites = [SiteId("other".into())].into();
    assert!(failure(&scene.take(&file).await).contains("not in the settings"));
    scene.sites = [demo()].into();
    let (head, _) = wire::head(opened(&file).unwrap()).unwrap();
    let kept = Presented::read(&head.certificate).unwrap().to_kept();
    let issue = crate::store::Issue { certificate: kept, token: None, supersedes: Vec::new() };
    scene.store.issue(&issue, NOW_MS).await.unwrap();
    let agent: AgentId = spse_1();
    scene.store.revoke_agent(&demo(), &agent, "stolen", NOW_MS).await.unwrap();
    assert!(failure(&scene.take(&file).await).contains("revoked"));
    assert_eq!(scene.counted().await, 0);
}
