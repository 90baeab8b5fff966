//! Who gets in over real TLS, who does not, and what those who are not meant to cost.

use std::{sync::Arc, time::Duration};

use pantau_proto::v1::{
    self, EnrolRequest, RenewRequest, agent_message, collector_message::Message,
    enrol_answer::Refused, enrolment_client::EnrolmentClient, ingest_client::IngestClient,
    refusal::Reason,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Streaming, transport::Channel};

use super::{
    Door,
    admission::UNKNOWN_PER_ADDRESS_MAX,
    queue, serve,
    testing::{Behind, Papers, client, demo, dial, spse_1},
};
use crate::{
    domain::{AgentId, now_ms},
    identity::{Authority, certificate::Presented, new_token, testing::Key},
    store::{Store, tests::fresh},
};

/// Long enough for a machine under load; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);
const HOUR_MS: i64 = 3_600_000;

struct Collector {
    behind: Behind,
    store: Store,
    shutdown: CancellationToken,
    service: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Collector {
    async fn start() -> Collector {
        let (store, dir) = fresh().await;
        store.put_sites(&[(demo(), "LPSE Demo".into(), "Asia/Jakarta".into())]).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = Behind::new(&listener, store.clone());
        let shutdown = CancellationToken::new();
        let (queue, committer) = queue();
        let door = Door::new(store.clone(), queue, [demo()].into(), now_ms, shutdown.clone());
        let (services, stopped) = (behind.services(door), shutdown.clone());
        let service =
            tokio::spawn(async move { serve(listener, services, stopped).await.unwrap() });
        tokio::spawn(committer.run(store.clone()));
        Collector { behind, store, shutdown, service, _dir: dir }
    }

    /// The text of a token that lives for an hour.
    async fn token(&self, agent: Option<AgentId>) -> String {
        let ca = self.behind.authority.sha256();
        let (token, text) = new_token(demo(), agent, "root", ca, now_ms(), HOUR_MS);
        self.store.add_token(&token).await.unwrap();
        text
    }

    /// Enrols with this key, as an agent without a certificate does.
    async fn enrol(&self, token: &str, agent: &str, key: &Key) -> v1::EnrolAnswer {
        let request = EnrolRequest {
            token: token.to_owned(),
            agent_id: agent.to_owned(),
            csr: key.request(),
            machine_id: vec![7; 16],
            ..EnrolRequest::default()
        };
        let channel = self.behind.dial(None).await.unwrap();
        EnrolmentClient::new(channel).enrol(request).await.unwrap().into_inner()
    }

    /// Enrols an agent; its papers.
    async fn enrolled(&self, agent: &str) -> Papers {
        let (token, key) = (self.token(None).await, Key::new());
        let answer = self.enrol(&token, agent, &key).await;
        assert_eq!(answer.refused(), Refused::Unspecified, "{}", answer.detail);
        Papers { key, certificate: answer.certificate }
    }

    async fn renew(&self, papers: &Papers, next: &Key) -> v1::EnrolAnswer {
        let csr = next.request();
        let proof = papers.key.sign(&csr);
        let request = RenewRequest { certificate: papers.certificate.clone(), csr, proof };
        let channel = self.behind.dial(None).await.unwrap();
        EnrolmentClient::new(channel).renew(request).await.unwrap().into_inner()
    }

    /// Calls with these papers and says Hello as `agent` on `machine`.
    async fn call(&self, papers: &Papers, agent: &str, machine: u8) -> Stream {
        let channel = self.behind.dial(Some(papers)).await.unwrap();
        Stream::open(channel, agent, machine).await.unwrap()
    }

    async fn stopped(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.service).await.expect("the service did not end").unwrap();
    }
}

/// A conversation after Hello.
struct Stream {
    answers: Streaming<v1::CollectorMessage>,
    _say: mpsc::Sender<v1::AgentMessage>,
}

impl Stream {
    async fn open(channel: Channel, agent: &str, machine: u8) -> Result<Stream, tonic::Status> {
        // Each call is one of a machine that was booted meanwhile.
        let boot = rand::random::<[u8; 16]>();
        let hello = v1::Hello {
            site_id: "demo".into(),
            agent_id: agent.into(),
            boot_id: boot.to_vec(),
            machine_id: vec![machine; 16],
            epoch: vec![9; 16],
            clock_ms: now_ms(),
            ..v1::Hello::default()
        };
        let (say, said) = mpsc::channel(4);
        let message = Some(agent_message::Message::Hello(hello));
        say.send(v1::AgentMessage { message }).await.unwrap();
        let answers = IngestClient::new(channel).exchange(ReceiverStream::new(said)).await?;
        Ok(Stream { answers: answers.into_inner(), _say: say })
    }

    async fn hears(&mut self) -> Message {
        let next = timeout(PATIENCE, self.answers.message()).await.expect("no answer");
        next.unwrap().expect("the stream has ended").message.unwrap()
    }

    async fn welcomed(mut self) -> Stream {
        match self.hears().await {
            Message::Welcome(_) => self,
            other => panic!("expected a welcome, got {other:?}"),
        }
    }

    async fn refusal(&mut self) -> v1::Refusal {
        match self.hears().await {
            Message::Refusal(refusal) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_buys_a_certificate_and_the_certificate_opens_the_door() {
    let collector = Collector::start().await;
    let (token, key) = (collector.token(None).await, Key::new());
    let answer = collector.enrol(&token, "spse-1", &key).await;
    assert_eq!(answer.refused(), Refused::Unspecified, "{}", answer.detail);
    assert_eq!((answer.site_id.as_str(), answer.agent_id.as_str()), ("demo", "spse-1"));
    assert_eq!(answer.ca, collector.behind.authority.certificate().to_vec());
    assert!(answer.not_before_ms < now_ms() && answer.not_after_ms > now_ms() + 89 * 24 * HOUR_MS);

    let papers = Papers { key, certificate: answer.certificate };
    collector.call(&papers, "spse-1", 1).await.welcomed().await;
    let actions: Vec<_> = collector.store.audit_entries(9).await.unwrap();
    assert_eq!(actions.len(), 1);
    assert_eq!(
        (actions[0].action.as_str(), actions[0].subject.as_str()),
        ("agent_enrolled", "demo/spse-1")
    );
    assert_eq!(actions[0].peer, "127.0.0.1");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_and_nobody_else_gets_one() {
    let collector = Collector::start().await;
    let (token, key) = (collector.token(None).await, Key::new());
    let first = collector.enrol(&token, "spse-1", &key).await;
    assert_eq!(collector.enrol(&token, "spse-1", &key).await, first);
    let thief = collector.enrol(&token, "spse-1", &Key::new()).await;
    assert_eq!(thief.refused(), Refused::TokenUsed);
    assert!(thief.certificate.is_empty() && thief.detail.contains("token create"), "{thief:?}");
    assert_eq!(collector.store.certificates(&demo(), &spse_1()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_at_the_same_moment_do_not_both_use_a_token() {
    let collector = Collector::start().await;
    let token = collector.token(None).await;
    let (a, b) = (Key::new(), Key::new());
    let (a, b) =
        tokio::join!(collector.enrol(&token, "spse-1", &a), collector.enrol(&token, "spse-1", &b));
    let issued = [a, b].iter().filter(|answer| !answer.certificate.is_empty()).count();
    assert_eq!(issued, 1);
}

#[tokio::test]
async fn what_is_no_token_or_no_request_is_refused_by_name() {
    let collector = Collector::start().await;
    let key = Key::new();
    let foreign = new_token(demo(), None, "x", [0; 32], now_ms(), HOUR_MS).1;
    let cases = [("", Refused::BadRequest), (foreign.as_str(), Refused::TokenUnknown)];
    for (token, expected) in cases {
        assert_eq!(collector.enrol(token, "spse-1", &key).await.refused(), expected, "{token}");
    }
    let token = collector.token(None).await;
    let p384 = collector.enrol(&token, "spse-1", &Key::on_p384()).await;
    assert_eq!(p384.refused(), Refused::BadRequest);
    assert!(p384.detail.contains("P-256"), "{}", p384.detail);
    assert_eq!(collector.enrol(&token, "SPSE 1", &key).await.refused(), Refused::BadRequest);
    let audit = collector.store.audit_entries(9).await.unwrap();
    assert!(audit.is_empty(), "what anybody can make up does not fill the audit log: {audit:?}");
}

#[tokio::test]
async fn enrolling_again_replaces_the_certificate_and_ends_the_stream_of_the_old_one() {
    let collector = Collector::start().await;
    let before = collector.enrolled("spse-1").await;
    let mut old = collector.call(&before, "spse-1", 1).await.welcomed().await;
    let after = collector.enrolled("spse-1").await;
    collector.behind.revoked.refresh(&collector.store, now_ms()).await.unwrap();
    assert_eq!(old.refusal().await.reason(), Reason::Revoked);
    collector.call(&after, "spse-1", 1).await.welcomed().await;
    assert_eq!(collector.store.servers(None).await.unwrap().len(), 1, "no second server");
}

#[tokio::test]
async fn without_a_certificate_only_enrolment_answers() {
    let collector = Collector::start().await;
    let channel = collector.behind.dial(None).await.unwrap();
    let refused = Stream::open(channel, "spse-1", 1).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("pantau-agent enroll"), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_not_get_in() {
    let collector = Collector::start().await;
    let other = Authority::generate(now_ms()).unwrap();
    let key = Key::new();
    let signed = other.sign_agent(&key.point(), &demo(), &spse_1(), 90, now_ms()).unwrap();
    let papers = Papers { key, certificate: signed.der };
    // TLS 1.3 tells a client of it only after its own side of the handshake is done.
    let opened = match collector.behind.dial(Some(&papers)).await {
        Ok(channel) => Stream::open(channel, "spse-1", 1).await.is_ok(),
        Err(_) => false,
    };
    assert!(!opened);
    let renewed = collector.renew(&papers, &Key::new()).await;
    assert_eq!(renewed.refused(), Refused::BadRequest);
    assert!(renewed.detail.contains("another collector's CA"), "{}", renewed.detail);
}

#[tokio::test]
async fn a_collector_of_another_authority_is_not_trusted() {
    let collector = Collector::start().await;
    let other = Authority::generate(now_ms()).unwrap();
    assert!(dial(collector.behind.address, &other, None).await.is_err());
}

#[tokio::test]
async fn a_certificate_speaks_for_its_own_agent_alone() {
    let collector = Collector::start().await;
    let papers = collector.enrolled("spse-1").await;
    let refusal = collector.call(&papers, "spse-2", 1).await.refusal().await;
    assert_eq!(refusal.reason(), Reason::NotYou);
    assert!(refusal.detail.contains("\"spse-1\""), "{}", refusal.detail);
}

#[tokio::test]
async fn revoking_ends_the_open_stream_and_refuses_the_next_one() {
    let collector = Collector::start().await;
    let papers = collector.enrolled("spse-1").await;
    let mut open = collector.call(&papers, "spse-1", 1).await.welcomed().await;
    let revoked = collector.store.revoke_agent(&demo(), &spse_1(), "stolen", now_ms()).await;
    assert_eq!(revoked.unwrap(), 1);
    collector.behind.revoked.refresh(&collector.store, now_ms()).await.unwrap();
    assert_eq!(open.refusal().await.reason(), Reason::Revoked);
    let refusal = collector.call(&papers, "spse-1", 1).await.refusal().await;
    assert_eq!(refusal.reason(), Reason::Revoked);
    assert!(refusal.detail.contains("token create --site demo --agent spse-1"));
    let renewed = collector.renew(&papers, &Key::new()).await;
    assert_eq!(renewed.refused(), Refused::Revoked);
}

#[tokio::test]
async fn a_server_that_was_off_for_months_renews_and_is_let_in() {
    let collector = Collector::start().await;
    let expired = collector.behind.papers(&spse_1(), 200);
    let opened = match collector.behind.dial(Some(&expired)).await {
        Ok(channel) => Stream::open(channel, "spse-1", 1).await.is_ok(),
        Err(_) => false,
    };
    assert!(!opened, "an expired certificate does not open the door");
    let next = Key::new();
    let answer = collector.renew(&expired, &next).await;
    assert_eq!(answer.refused(), Refused::Unspecified, "{}", answer.detail);
    assert_eq!(collector.renew(&expired, &next).await, answer, "a lost answer is given again");
    let papers = Papers { key: next, certificate: answer.certificate };
    collector.call(&papers, "spse-1", 1).await.welcomed().await;

    let too_old = collector.behind.papers(&AgentId("spse-2".into()), 600);
    assert_eq!(collector.renew(&too_old, &Key::new()).await.refused(), Refused::TooOld);
}

#[tokio::test]
async fn only_who_holds_the_old_key_names_the_new_one() {
    let collector = Collector::start().await;
    let papers = collector.enrolled("spse-1").await;
    let thief = Papers { key: Key::new(), certificate: papers.certificate.clone() };
    let answer = collector.renew(&thief, &Key::new()).await;
    assert_eq!(answer.refused(), Refused::BadRequest);
    assert!(answer.detail.contains("proof"), "{}", answer.detail);
}

#[tokio::test]
async fn who_comes_is_noted_also_when_a_restored_store_does_not_know_the_certificate() {
    let collector = Collector::start().await;
    let papers = collector.behind.papers(&spse_1(), 3);
    let serial = Presented::read(&papers.certificate).unwrap().serial;
    collector.call(&papers, "spse-1", 1).await.welcomed().await;
    let noted = async {
        while collector.store.certificate(serial).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, noted).await.expect("the certificate was not noted");
}

#[tokio::test]
async fn a_copy_of_a_server_is_refused_and_the_server_goes_on() {
    let collector = Collector::start().await;
    let papers = collector.enrolled("spse-1").await;
    let mut original = collector.call(&papers, "spse-1", 1).await.welcomed().await;
    let mut copy = collector.call(&papers, "spse-1", 2).await.welcomed().await;
    assert_eq!(original.refusal().await.reason(), Reason::Replaced);
    let _original = collector.call(&papers, "spse-1", 1).await.welcomed().await;
    assert_eq!(copy.refusal().await.reason(), Reason::Replaced);
    let refusal = collector.call(&papers, "spse-1", 2).await.refusal().await;
    assert_eq!(refusal.reason(), Reason::Cloned);
    assert!(refusal.detail.contains("it is a copy"), "{}", refusal.detail);
}

#[tokio::test]
async fn too_many_attempts_from_one_address_are_not_looked_at() {
    let collector = Collector::start().await;
    let mut desk = EnrolmentClient::new(collector.behind.dial(None).await.unwrap());
    let mut refused = Vec::new();
    while refused.last() != Some(&Refused::TooMany) && refused.len() < 500 {
        let answer = desk.enrol(EnrolRequest::default()).await.unwrap().into_inner();
        refused.push(answer.refused());
    }
    assert_eq!(refused.pop(), Some(Refused::TooMany));
    assert!(refused.len() >= 60, "{}", refused.len());
    // Who has a certificate is not concerned.
    let papers = collector.behind.papers(&spse_1(), 0);
    let mut known = EnrolmentClient::new(collector.behind.dial(Some(&papers)).await.unwrap());
    let answer = known.enrol(EnrolRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.refused(), Refused::BadRequest);
}

/// Whether the other side has closed the connection.
async fn is_closed(tcp: &mut TcpStream) -> bool {
    let mut sink = [0; 1_024];
    let ended = async { while !matches!(tcp.read(&mut sink).await, Ok(0) | Err(_)) {} };
    timeout(PATIENCE, ended).await.is_ok()
}

#[tokio::test]
async fn garbage_is_hung_up_on() {
    let collector = Collector::start().await;
    for garbage in
        [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0xff; 4_096], &[0x16, 3, 1, 0xff, 0xff]]
    {
        let mut tcp = TcpStream::connect(collector.behind.address).await.unwrap();
        // It may be hung up before all is written.
        let _ = tcp.write_all(garbage).await;
        assert!(is_closed(&mut tcp).await, "{garbage:?}");
    }
    collector.stopped().await;
}

#[tokio::test]
async fn callers_that_say_nothing_leave_room_for_others_and_do_not_hold_up_the_stop() {
    let collector = Collector::start().await;
    let mut silent = Vec::new();
    for _ in 0..UNKNOWN_PER_ADDRESS_MAX {
        silent.push(TcpStream::connect(collector.behind.address).await.unwrap());
    }
    // The address has used up its places: the next one is hung up on at once.
    let mut beyond = TcpStream::connect(collector.behind.address).await.unwrap();
    assert!(is_closed(&mut beyond).await);
    // They end and leave their places.
    drop(silent);
    let channel = async {
        loop {
            if let Ok(channel) = collector.behind.dial(None).await {
                break channel;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, channel).await.expect("no place became free");
    let _silent = TcpStream::connect(collector.behind.address).await.unwrap();
    collector.stopped().await;
}

#[tokio::test]
async fn a_caller_that_shakes_hands_and_says_no_more_does_not_hold_up_the_stop() {
    let collector = Collector::start().await;
    let papers = collector.behind.papers(&spse_1(), 0);
    let connector =
        TlsConnector::from(Arc::new(client(&collector.behind.authority, Some(&papers))));
    let mut held = Vec::new();
    for preface in [
        &b""[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let tcp = TcpStream::connect(collector.behind.address).await.unwrap();
        let name = pantau_proto::limits::COLLECTOR_NAME.try_into().unwrap();
        let mut tls = connector.connect(name, tcp).await.unwrap();
        tls.write_all(preface).await.unwrap();
        held.push(tls);
    }
    collector.stopped().await;
}
