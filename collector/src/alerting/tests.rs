//! From servers to receivers, through a real store and real sockets; time is an argument.

use super::{
    receivers::{HttpServer, MailServer, Post},
    testing::{server, settings},
    *,
};
use crate::{
    config::Secret,
    domain::{
        AgentId,
        alert::{DeliveryState, Latch, Level, Notice, NotificationKey, Reason, Transition, Unit},
        batch::{Hello, LiveState, TargetState},
    },
    store::tests::fresh,
};

const TICK_MS: i64 = 10_000;
/// Some instant to begin at.
const BEGIN_MS: i64 = 1_795_000_000_000;

/// A collector's alerting over one server, and its receivers.
struct World {
    store: Store,
    _dir: tempfile::TempDir,
    alerting: Alerting,
    settings: Arc<Settings>,
    server: Server,
    mail: MailServer,
    http: HttpServer,
    now_ms: i64,
}

impl World {
    async fn new() -> World {
        World::answering(&[], &[]).await
    }

    async fn answering(mail_answers: &[u16], http_answers: &[u16]) -> World {
        let (store, dir) = fresh().await;
        let mail = MailServer::start(mail_answers).await;
        let http = HttpServer::start(http_answers).await;
        let settings = settings(&format!(
            "[mail]\nhost = \"127.0.0.1\"\nport = {}\nencryption = \"none\"\n\
             from = \"pantau@lpse.example.go.id\"\nto = [\"a@lpse.example.go.id\", \"b@lpse.example.go.id\"]\n\
             [webhook]\nurl = \"http://127.0.0.1:{}/hook/rahasia\"\n",
            mail.port, http.port
        ));
        let alerting = Alerting::new(store.clone(), settings.clone()).unwrap();
        let server = server("app-1", BEGIN_MS);
        let mut world =
            World { store, _dir: dir, alerting, settings, server, mail, http, now_ms: BEGIN_MS };
        world.call().await;
        world
    }

    /// The agent says who it is.
    async fn call(&mut self) {
        let hello = Hello {
            site: self.server.site.clone(),
            agent: self.server.agent.clone(),
            version: self.server.version.clone(),
            boot_id: self.server.boot_id,
            machine_id: [0; 16],
            epoch: self.server.epoch,
            clock_ms: self.now_ms,
            host: self.server.host.clone(),
            highest_seq: 0,
            sample: self.server.sample,
        };
        let coding = crate::store::fixtures::Contents::default();
        self.store.register(&hello, &coding, self.now_ms).await.unwrap();
    }

    fn disk_percent(&mut self, percent: u64) {
        let host = self.server.live.host.as_mut().unwrap();
        let disk = &mut host.disks[0];
        disk.free_bytes = disk.total_bytes / 100 * (100 - percent);
    }

    fn check(&mut self, target: &str, state: &str) {
        self.server.live.targets = vec![TargetState {
            target: target.to_owned(),
            state: state.to_owned(),
            since_ms: self.now_ms,
            reason: if state == "down" { "connect_refused".to_owned() } else { String::new() },
            latency_ms: 3,
            subject: "http://127.0.0.1:9000/".to_owned(),
        }];
    }

    /// Ticks and deliveries for so long, the agent being heard of before each.
    async fn live_for(&mut self, seconds: i64) {
        for _ in 0..seconds * 1_000 / TICK_MS {
            self.heartbeat().await;
            self.tick().await;
        }
    }

    async fn heartbeat(&mut self) {
        let at_ms = self.now_ms + TICK_MS;
        let live = LiveState { at_ms, ..self.server.live.clone() };
        let beat = (self.server.site.clone(), self.server.agent.clone(), at_ms, live);
        self.store.heartbeat(&[beat]).await.unwrap();
    }

    /// The same, without a word from the agent.
    async fn silent_for(&mut self, seconds: i64) {
        for _ in 0..seconds * 1_000 / TICK_MS {
            self.tick().await;
        }
    }

    async fn tick(&mut self) {
        self.now_ms += TICK_MS;
        self.alerting.tick(self.now_ms).await.unwrap();
        self.alerting.deliver(self.now_ms).await.unwrap();
    }

    /// The collector stops and starts again on the same store.
    fn restart(&mut self, off_ms: i64) {
        self.now_ms += off_ms;
        self.alerting = Alerting::new(self.store.clone(), self.settings.clone()).unwrap();
    }

    /// Rules of the open alerts.
    async fn open(&self) -> Vec<String> {
        let open = self.store.alerts_open(None).await.unwrap();
        open.into_iter().map(|alert| alert.about.rule).collect()
    }
}

/// `transition level` of each post.
fn told(posts: &[Post]) -> Vec<String> {
    let word = |post: &Post, field: &str| post.body[field].as_str().unwrap().to_owned();
    posts.iter().map(|post| word(post, "transition") + " " + &word(post, "level")).collect()
}

#[tokio::test]
async fn each_change_of_a_disk_is_told_once_by_each_channel() {
    let mut world = World::new().await;
    for percent in [85, 95, 85, 50] {
        world.disk_percent(percent);
        world.live_for(300).await;
    }
    let expected = ["opened warning", "escalated critical", "eased warning", "resolved warning"];
    assert_eq!(told(&world.http.posts()), expected);
    let mails = world.mail.mails();
    assert_eq!(mails.len(), 4);
    for (mail, subject) in mails.iter().zip([
        "PERINGATAN: LPSE Kabupaten Contoh: disk / 85 % penuh (server app-1)",
        "KRITIS: LPSE Kabupaten Contoh: disk / 95 % penuh (server app-1)",
        "MEREDA: LPSE Kabupaten Contoh: disk / 85 % penuh (server app-1)",
        "PULIH: LPSE Kabupaten Contoh: disk / kini 50 % terpakai (server app-1)",
    ]) {
        assert!(mail.contains(&format!("Subject: [Pantau] {subject}\r\n")), "{subject} in {mail}");
    }
    assert!(world.open().await.is_empty());
    let past = world.store.alerts_history(None, 10).await.unwrap();
    assert_eq!(past.len(), 1);
    assert_eq!(past[0].deliveries.len(), 8);
    assert!(past[0].deliveries.iter().all(|delivery| delivery.state == DeliveryState::Sent));
}

#[tokio::test]
async fn a_post_carries_the_documented_fields() {
    let mut world = World::new().await;
    world.disk_percent(92);
    world.live_for(70).await;
    let post = &world.http.posts()[0];
    let alert = &world.store.alerts_open(None).await.unwrap()[0];
    let expected = serde_json::json!({
        "id": alert.id, "site": "demo", "site_name": "LPSE Kabupaten Contoh", "server": "app-1",
        "rule": "disk_space", "subject": "/", "level": "critical", "transition": "opened",
        "reason": "reached", "value": 920, "threshold": 900, "unit": "permille",
        "opened_ms": BEGIN_MS + 70_000, "at_ms": BEGIN_MS + 70_000, "sample": false,
        "text_id": "KRITIS: LPSE Kabupaten Contoh: disk / 92 % penuh (server app-1)",
        "text_en": "CRITICAL: LPSE Kabupaten Contoh: disk / 92 % full (server app-1)",
    });
    assert_eq!(post.body, expected);
    assert_eq!(post.header("idempotency-key"), Some(&*format!("{}-1-webhook", alert.id)));
    assert!(post.head.starts_with("POST /hook/rahasia "));
}

#[tokio::test]
async fn mails_of_one_alert_share_a_thread_and_speak_both_languages() {
    let mut world = World::new().await;
    world.disk_percent(92);
    world.live_for(70).await;
    world.disk_percent(50);
    world.live_for(70).await;
    let id = &world.store.alerts_history(None, 1).await.unwrap()[0].id;
    let mails = world.mail.mails();
    assert!(mails[0].contains(&format!("Message-ID: <{id}-1-mail@lpse.example.go.id>")));
    assert!(mails[1].contains(&format!("Message-ID: <{id}-2-mail@lpse.example.go.id>")));
    assert!(mails[1].contains(&format!("In-Reply-To: <{id}-1-mail@lpse.example.go.id>")));
    assert!(mails[0].contains("To: a@lpse.example.go.id, b@lpse.example.go.id"), "{}", mails[0]);
    assert!(mails[0].contains("Auto-Submitted: auto-generated\r\n"));
    let (indonesian, english) = (mails[0].find("Ambang: 90 %"), mails[0].find("Threshold: 90 %"));
    assert!(indonesian.is_some() && indonesian < english, "{}", mails[0]);
}

#[tokio::test]
async fn sample_data_is_marked_in_subject_text_and_post() {
    let mut world = World::new().await;
    world.server.sample = true;
    world.call().await;
    world.disk_percent(92);
    world.live_for(70).await;
    let mail = &world.mail.mails()[0];
    assert!(mail.contains("Subject: [Pantau] [CONTOH] KRITIS: "), "{mail}");
    assert!(mail.contains("CONTOH: berasal dari data contoh buatan"), "{mail}");
    assert_eq!(world.http.posts()[0].body["sample"], true);
}

#[tokio::test]
async fn a_receiver_that_fails_first_gets_each_change_once_after_all() {
    let mut world = World::answering(&[451, 554], &[500, 302, 404]).await;
    world.disk_percent(92);
    world.live_for(70).await;
    world.disk_percent(50);
    world.live_for(60).await;
    assert!(world.mail.mails().len() < 2 && world.http.taken().is_empty());
    world.live_for(600).await;
    assert_eq!(told(&world.http.taken()), ["opened critical", "resolved critical"]);
    assert_eq!(world.mail.mails().len(), 2);
    let keys: Vec<_> =
        world.http.posts().iter().map(|p| p.header("idempotency-key").map(str::to_owned)).collect();
    assert!(
        keys[..4].iter().all(|key| *key == keys[0]),
        "tries of one change share a key: {keys:?}"
    );
    assert_ne!(keys[3], keys[4]);
}

#[tokio::test]
async fn a_receiver_that_never_takes_it_is_given_up_and_shown() {
    let mut world = World::answering(&[], &[503; 100]).await;
    world.disk_percent(92);
    world.live_for(70).await;
    for _ in 0..100 {
        world.alerting.deliver(world.now_ms).await.unwrap();
        world.now_ms += 600_000;
    }
    assert_eq!(world.http.posts().len(), 10);
    let alert = &world.store.alerts_open(None).await.unwrap()[0];
    let webhook = alert.deliveries.iter().find(|d| d.key.channel == Channel::Webhook).unwrap();
    assert_eq!((webhook.state, webhook.attempts), (DeliveryState::Failed, 10));
    assert!(webhook.last_error.contains("answered 503"), "{}", webhook.last_error);
    assert_eq!(world.mail.mails().len(), 1, "the other channel is not held up");
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_named_without_its_address() {
    let mut world = World::new().await;
    // Bound and not listening: refuses, and no other test can get it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = socket.local_addr().unwrap();
    let mut settings = (*world.settings).clone();
    settings.webhook =
        Some(crate::config::Webhook { url: Secret::new(format!("http://{free}/hook/rahasia")) });
    settings.mail.as_mut().unwrap().port = free.port();
    world.settings = Arc::new(settings);
    world.restart(0);
    world.disk_percent(92);
    world.live_for(80).await;
    let alert = &world.store.alerts_open(None).await.unwrap()[0];
    for delivery in &alert.deliveries {
        assert!(delivery.last_error.contains("check"), "{}", delivery.last_error);
        assert!(!delivery.last_error.contains("rahasia"), "{}", delivery.last_error);
    }
}

#[tokio::test]
async fn a_crash_before_the_sending_is_noted_repeats_it_under_the_same_key() {
    let mut world = World::new().await;
    world.disk_percent(92);
    for _ in 0..7 {
        world.heartbeat().await;
        world.now_ms += TICK_MS;
        world.alerting.tick(world.now_ms).await.unwrap();
    }
    let due = world.store.notifications_due(Channel::Webhook, world.now_ms, 10).await.unwrap();
    let site = world.settings.site("demo").unwrap();
    for notifier in &world.alerting.notifiers {
        let key = NotificationKey { channel: notifier.channel(), ..due[0].key.clone() };
        let notice = Notice { key, ..due[0].clone() };
        notifier.send(&notice, site).await.unwrap();
    }
    world.restart(60_000);
    world.alerting.deliver(world.now_ms).await.unwrap();
    world.alerting.deliver(world.now_ms).await.unwrap();
    let posts = world.http.posts();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].header("idempotency-key"), posts[1].header("idempotency-key"));
    assert_eq!(posts[0].body, posts[1].body);
    let mails = world.mail.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1], "Message-ID and Date included");
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_nothing_new() {
    let mut world = World::new().await;
    world.disk_percent(92);
    world.live_for(70).await;
    world.restart(3_600_000);
    world.silent_for(60).await;
    assert_eq!(world.open().await, ["disk_space"], "an agent has time to call after a restart");
    world.live_for(300).await;
    assert_eq!(told(&world.http.posts()), ["opened critical"]);
}

#[tokio::test]
async fn a_site_that_is_down_is_told_after_its_time_and_again_when_it_is_back() {
    let mut world = World::new().await;
    world.check("application", "down");
    world.live_for(60).await;
    assert!(world.open().await.is_empty());
    world.live_for(10).await;
    assert_eq!(world.open().await, ["site_down"]);
    world.check("application", "up");
    world.live_for(70).await;
    assert_eq!(told(&world.http.posts()), ["opened critical", "resolved critical"]);
    let post = &world.http.posts()[0].body;
    assert_eq!((&post["value"], &post["threshold"]), (&70.into(), &60.into()));
    assert!(world.mail.mails()[0].contains("Sebab: sambungan ditolak"));
}

#[tokio::test]
async fn a_database_that_is_down_is_an_alert_of_its_own() {
    let mut world = World::new().await;
    world.check("database", "down");
    world.live_for(70).await;
    assert_eq!(world.open().await, ["database_down"]);
}

#[tokio::test]
async fn a_silent_agent_is_not_a_site_that_is_down_and_ends_no_other_alert() {
    let mut world = World::new().await;
    world.disk_percent(92);
    world.check("application", "down");
    world.live_for(70).await;
    world.silent_for(3_600).await;
    let mut open = world.open().await;
    open.sort();
    assert_eq!(open, ["agent_silent", "disk_space", "site_down"]);
    let silent = world.http.posts().pop().unwrap().body;
    assert_eq!(
        (silent["rule"].as_str(), silent["level"].as_str()),
        (Some("agent_silent"), Some("warning"))
    );
    assert_eq!(silent["value"], 80);
    world.live_for(70).await;
    assert!(!world.open().await.contains(&"agent_silent".to_owned()));
}

#[tokio::test]
async fn alerts_of_a_site_that_left_the_settings_end_with_that_reason() {
    let mut world = World::new().await;
    world.disk_percent(92);
    world.live_for(70).await;
    let mut settings = (*world.settings).clone();
    settings.sites[0].id = SiteId("other".to_owned());
    world.settings = Arc::new(settings);
    world.restart(0);
    world.live_for(70).await;
    let past = &world.store.alerts_history(None, 1).await.unwrap()[0];
    assert_eq!(past.last.reason, Reason::ServerRemoved);
    assert_eq!((past.last.transition, past.last.level), (Transition::Resolved, Level::Critical));
    let post = &world.http.posts()[1].body;
    assert_eq!((&post["value"], &post["site_name"]), (&serde_json::Value::Null, &"demo".into()));
    assert!(world.mail.mails()[1].contains("server app-1 tidak lagi dipantau"));
}

#[tokio::test]
async fn an_alert_of_a_rule_that_is_gone_ends() {
    let mut world = World::new().await;
    let key = AlertKey {
        site: SiteId("demo".to_owned()),
        rule: "of_another_version".to_owned(),
        agent: AgentId("app-1".to_owned()),
        part: String::new(),
    };
    let latch = Latch { on: true, since_ms: None };
    let state =
        AlertState { warning: latch, opened_ms: BEGIN_MS, transitions: 1, ..AlertState::default() };
    let event = Event {
        opened_ms: BEGIN_MS,
        number: 1,
        transition: Transition::Opened,
        level: Level::Warning,
        value: Some(1),
        threshold: 1,
        unit: Unit::Seconds,
        detail: Default::default(),
        reason: Reason::Reached,
        at_ms: BEGIN_MS,
        sample: false,
    };
    let change = Change { key, next: Some(state), event: Some(event) };
    world.store.store_alert_changes(&change.key.site.clone(), &[change], &[]).await.unwrap();
    world.live_for(70).await;
    let past = &world.store.alerts_history(None, 1).await.unwrap()[0];
    assert_eq!(
        (past.last.transition, past.last.reason),
        (Transition::Resolved, Reason::NotWatched)
    );
}

#[tokio::test]
async fn what_waits_for_a_channel_that_left_the_settings_is_given_up() {
    let mut world = World::answering(&[], &[503]).await;
    world.disk_percent(92);
    world.live_for(70).await;
    world.settings = Arc::new(Settings { webhook: None, ..(*world.settings).clone() });
    world.restart(60_000);
    world.alerting.deliver(world.now_ms).await.unwrap();
    let alert = &world.store.alerts_open(None).await.unwrap()[0];
    let webhook = alert.deliveries.iter().find(|d| d.key.channel == Channel::Webhook).unwrap();
    assert_eq!(webhook.state, DeliveryState::Failed);
    assert!(webhook.last_error.contains("[webhook]"), "{}", webhook.last_error);
}

#[test]
fn a_break_between_ticks_begins_a_new_watch() {
    let run = Watch::at(None, 100_000);
    assert_eq!(Watch::at(Some(run), 130_000).since_ms, 100_000);
    assert_eq!(Watch::at(Some(run), 130_001).since_ms, 130_001);
    assert_eq!(Watch::at(Some(run), 99_999).since_ms, 99_999, "the clock went back");
}
