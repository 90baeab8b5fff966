//! Writes what is right into the folders below `CORPUS` that targets begin with: of sketches, keys and
//! certificates no bytes are right by chance. A target itself (`-runs=0`), since all it is compiled with
//! needs libFuzzer.
#![no_main]

use std::{env, fs, io, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use pantau_proto::{bundle::Writer, token::Token, v1::{self, agent_message, bundle_part, collector_message, definition::Of}};
use pantau_sketch::durations::{Sketch, pack};
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    SerialNumber, date_time_ymd,
};

/// 2026-11-22T00:00Z, in minutes.
const MINUTE: i64 = 29_921_760;
const NOW_MS: i64 = MINUTE * 60_000;
const PLAY_LOG: &str = "\
2026-11-21 14:03:05,123 ERROR ~ @8k2 Internal Server Error (500) for request GET /lelang/7
Oops: NullPointerException
\tat controllers.Lelang.show(Lelang.java:42)
";
const POSTGRES_LOG: &str = "\
2026-11-21 14:03:05.123 WITA [812] epns@epns_prod ERROR:  duplicate key value violates unique constraint \"p\"
2026-11-21 14:03:05.123 WITA [812] epns@epns_prod DETAIL:  Key (id)=(7) already exists.
2026-11-21 14:03:05.124 WITA [812] epns@epns_prod LOG:  duration: 12.345 ms  statement: SELECT 1 FROM a
";
const SYSLOG: &str = "\
Nov 21 14:03:05 app sshd[812]: Failed password for budi from 10.7.1.2 port 51122 ssh2
<11>1 2026-11-21T14:03:05.123+07:00 app backup 812 - [a b=\"c\"] tidak selesai
2026-11-21T14:03:05.123+07:00 app kernel: [12.5] EXT4-fs error (device sda2): x
";
const JOURNAL: &str = r#"{"__REALTIME_TIMESTAMP":"1795244585123456","PRIORITY":"3","_COMM":"a","MESSAGE":"x"}
{"__REALTIME_TIMESTAMP":"1795244585123456","PRIORITY":"6","SYSLOG_IDENTIFIER":"sshd","MESSAGE":[103,97]}
"#;
const JSON_LOG: &str = r#"{"@timestamp":"2026-11-21T07:03:05.123Z","log":{"level":"ERROR"},"message":"caf\u00e9","error.stack_trace":"a.B: c\n\tat a.B.c(B.java:1)"}
{"level":50,"time":1795244585123,"err":{"type":"Error","stack":"x"},"msg":"y"}
{"log":"2026-11-21 14:03:05 ERROR x\n","stream":"stderr","time":"2026-11-21T07:03:05.2Z"}
"#;

const CSV_LOG: &str = "\
2026-11-21 14:03:06.000 UTC,\"epns\",\"epns_prod\",1,\"[local]\",65.1,2,\"INSERT\",2026-11-21 14:00:00 UTC,1/3,7,ERROR,23505,\"duplicate key \"\"p\"\"\",\"Key (id)=(7)
\talready exists.\",,,,,,,,\"web\",\"client backend\",,0
";
const WEB_LOG: &str = "\
10.1.2.3 - - [21/Nov/2026:14:03:05 +0700] \"GET /eproc4/lelang/7?a=b HTTP/1.1\" 502 17 \"-\" \"Mozilla/5.0\" 0.123
2026/11/21 14:03:05 [error] 812#0: *77 upstream timed out, client: 10.1.2.3, request: \"GET / HTTP/1.1\"
[Sat Nov 21 14:03:05.123456 2026] [proxy:error] [pid 812:tid 77] [client 10.1.2.3:5] AH00957: x
--a1b2c3d4-A--
--a1b2c3d4-Z--
";
const JAVA_LOG: &str = "\
2026-11-21 14:03:05.123  INFO 812 --- [nio-8080-exec-1] a.b.C : x
21-Nov-2026 14:03:05.123 SEVERE [main] org.apache.catalina.core.StandardContext.start x
java.lang.Error: x
\tat a.B.c(D.java:1)
Caused by: org.postgresql.util.PSQLException: ERROR: x
";
const LAYOUTS: &[&str] = &[
    "%m [%p] %q%u@%d/%a \n2026-11-21 14:03:05.123 WITA [812] epns@epns_prod/web ERROR:  x\n",
    "%d{ISO8601} %-5p [%t] %c{1} - %m%n\n2026-11-21 14:03:05,123 ERROR [main] C - x\n",
    "$remote_addr [$time_local] \"$request\" $status $request_time\n10.1.2.3 [21/Nov/2026:14:03:05 +0700] \"GET / HTTP/1.1\" 200 0.1\n",
    "%h %l %u %t \\\"%r\\\" %>s %b %D\n10.1.2.3 - - [21/Nov/2026:14:03:05 +0700] \"GET / HTTP/1.1\" 200 17 99\n",
];
const STATEMENTS: &[&str] = &[
    "INSERT INTO t (a, b) VALUES (1, E'x\\'y'), ($1, $a$z$a$) -- c\n",
    "SELECT a::int, -1.5e3 FROM s.t WHERE b IN (1, 2) AND c = ARRAY[1] /* d */ AND \"E f\" IS NOT NULL",
    "gagal untuk pengguna 'x' dari 10.1.2.3: nik 3201234567890123, http://a:b@c/d?token=e",
];

fuzz_target!(init: seeds().expect("the folder CORPUS can be written"), |_bytes: &[u8]| {});

fn seeds() -> io::Result<()> {
    let corpus = env::var("CORPUS").map_err(io::Error::other)?;
    let corpus = Path::new(&corpus);
    let logs = [PLAY_LOG, POSTGRES_LOG, SYSLOG, JOURNAL, JSON_LOG, CSV_LOG, WEB_LOG, JAVA_LOG];
    write(corpus, "log_lines", &logs.map(Vec::from))?;
    write(corpus, "detect", &logs.map(|log| ["app.log\n", log].concat().into_bytes()))?;
    let texts = |all: &[&str]| all.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    write(corpus, "layouts", &texts(LAYOUTS))?;
    write(corpus, "statements", &texts(STATEMENTS))?;
    write(corpus, "redaction", &texts(STATEMENTS))?;
    write(corpus, "agent_said", &of_agent()?)?;
    write(corpus, "collector_said", &of_collector())?;
    write(corpus, "sketches", &[sketches()])?;
    let token = Token { id: [1; 8], secret: [2; 16], ca_sha256: [3; 32], expires_s: 4 };
    write(corpus, "tokens", &[token.encode().into()])?;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let [request, certificate, ca] = certificates(&key).map_err(io::Error::other)?;
    write(corpus, "identity_file", &[identity(&key, &certificate, &ca)])?;
    write(corpus, "certificates", &[request, certificate, ca])
}

fn write(corpus: &Path, target: &str, seeds: &[Vec<u8>]) -> io::Result<()> {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    let mut numbered = seeds.iter().enumerate();
    numbered.try_for_each(|(n, seed)| fs::write(folder.join(format!("seed-{n}")), seed))
}

fn of_agent() -> io::Result<Vec<Vec<u8>>> {
    let hello = v1::Hello {
        site_id: "demo".into(),
        agent_id: "app-1".into(),
        boot_id: vec![1; 16],
        epoch: vec![2; 16],
        host: Some(v1::HostFacts::default()),
        ..Default::default()
    };
    let (batch, definitions) = (batch(), definitions());
    let defined = v1::Definitions { definitions: definitions.clone(), lost: vec![9] };
    let heartbeat = v1::Heartbeat { live: Some(live()) };
    let said = |message| v1::AgentMessage { message: Some(message) }.encode_to_vec();
    let head = v1::BundleHead { id: vec![3; 16], hello: Some(hello.clone()), ..Default::default() };
    let mut bundle = Writer::begin(Vec::new(), &head, |_: &[u8]| Ok(Vec::new()))?;
    let parts = [
        bundle_part::Part::Definitions(defined.clone()),
        bundle_part::Part::Batch(batch.clone()),
        bundle_part::Part::End(v1::BundleEnd { batches: 1 }),
    ];
    for part in parts {
        bundle.part(&v1::BundlePart { part: Some(part) })?;
    }
    let (content, exemplars) = (content().encode_to_vec(), exemplars().encode_to_vec());
    let packed = zstd::encode_all(content.as_slice(), 3)?;
    let definition = definitions.first().map(Message::encode_to_vec).unwrap_or_default();
    Ok(vec![
        said(agent_message::Message::Hello(hello)),
        said(agent_message::Message::Batch(batch)),
        said(agent_message::Message::Heartbeat(heartbeat)),
        said(agent_message::Message::Definitions(defined)),
        bundle.into_inner(),
        content,
        exemplars,
        packed,
        definition,
    ])
}

fn of_collector() -> Vec<Vec<u8>> {
    let stored = vec![v1::SeqRange { first: 1, last: 4 }, v1::SeqRange { first: 9, last: 9 }];
    let log = Some(v1::LogFile { source: "play".into(), ..Default::default() });
    let ask = v1::Ask { ids: vec![1, 2] };
    let welcome = v1::Welcome {
        stored: stored.clone(),
        positions: vec![v1::SourcePosition { log, ..Default::default() }],
        in_flight_max: 7,
        ask: Some(ask.clone()),
        ..Default::default()
    };
    let ack = v1::Ack { epoch: vec![2; 16], stored, in_flight_max: 3 };
    let refusal = v1::Refusal { reason: 2, detail: "why".into(), retry_after_s: 3, seq: 4 };
    let said = |message| v1::CollectorMessage { message: Some(message) }.encode_to_vec();
    vec![
        said(collector_message::Message::Welcome(welcome)),
        said(collector_message::Message::Ack(ack)),
        said(collector_message::Message::Ask(ask)),
        said(collector_message::Message::Refusal(refusal)),
        content().encode_to_vec(),
        exemplars().encode_to_vec(),
    ]
}

fn batch() -> v1::Batch {
    v1::Batch {
        seq: 3,
        first_minute: MINUTE,
        more_minutes: 3,
        codec: v1::Codec::Plain.into(),
        data: content().encode_to_vec(),
        exemplars: exemplars().encode_to_vec(),
        exemplars_codec: v1::Codec::Plain.into(),
        exemplars_shed: 1,
        closed_ms: NOW_MS + 240_000,
        live: Some(live()),
        ..Default::default()
    }
}

fn definitions() -> Vec<v1::Definition> {
    let up = v1::Watched {
        target: v1::Target::Application.into(),
        state: v1::State::Up.into(),
        ..Default::default()
    };
    let host = v1::HostLayout {
        disks: vec![v1::DiskLayout { mount: "/".into(), ..Default::default() }],
        interfaces: vec![v1::InterfaceLayout { name: "eth0".into(), outside: true }],
        ..Default::default()
    };
    let error = v1::ErrorGroup { fingerprint: 5, template: "x".into(), ..Default::default() };
    let of = [
        Of::Error(error),
        Of::Query(v1::QueryGroup { template: "select ?".into(), ..Default::default() }),
        Of::Host(host),
        Of::Database(v1::DatabaseLayout { database: "epns".into(), ..Default::default() }),
        Of::Log(v1::LogFile { source: "play".into(), inode: 9, ..Default::default() }),
        Of::Watched(up),
        Of::Name("play".into()),
    ];
    (1..).zip(of).map(|(id, of)| v1::Definition { id, of: Some(of) }).collect()
}

/// Every part there is; ids as in [`definitions`].
fn content() -> v1::BatchContent {
    let minute = |after| v1::Minute {
        after,
        errors: Some(v1::ErrorCounts {
            group: vec![1],
            count: vec![3],
            last_ms: vec![9],
            estimated: vec![1],
        }),
        queries: Some(v1::QueryCounts {
            query: vec![2],
            calls: vec![5],
            total_us: vec![900],
            max_us: vec![400],
            rows: vec![5],
        }),
        host: Some(v1::Values { layout: 3, values: vec![1; 16], disks: 1 }),
        databases: vec![v1::Values { layout: 4, values: vec![2; 7], disks: 0 }],
    };
    let mut sketch = Sketch::default();
    (1..50).for_each(|n| sketch.add(n * 777));
    v1::BatchContent {
        definitions: definitions(),
        minutes: vec![minute(0), minute(3)],
        sketches: vec![v1::SketchQuarter {
            quarter: MINUTE / 15,
            query: vec![2],
            sketches: pack([&sketch]),
        }],
        positions: vec![v1::Position {
            log: 5,
            offset: 11,
            tail_hash: 6,
            last_event_ms_ago: Some(1_000),
        }],
        gaps: vec![v1::Gap { source: "play".into(), reason: 3, amount: 4, ..Default::default() }],
        observations: vec![v1::Observation { watched: 6, from_ms_ago: 60_000, length_ms: 60_000 }],
        fates: vec![v1::LineFates { source: 7, counted: 3, ignored: 4, ..Default::default() }],
        database_facts: vec![v1::DatabaseFacts { cluster: "spse".into(), ..Default::default() }],
        redaction_version: 1,
        redactions: vec![v1::RedactionCount { rule: 7, count: 2 }],
    }
}

fn exemplars() -> v1::Exemplars {
    let exemplar = v1::Exemplar {
        group: 1,
        at_ms: NOW_MS,
        text: "ERROR: x".into(),
        error_ids: vec!["@8k2".into()],
    };
    v1::Exemplars { exemplars: vec![exemplar] }
}

fn live() -> v1::LiveState {
    v1::LiveState { at_ms: NOW_MS, spool_batches: Some(3), ..Default::default() }
}

fn sketches() -> Vec<u8> {
    let mut all = vec![Sketch::default(); 3];
    for (n, sketch) in (1..).zip(&mut all) {
        (1..n * 40).for_each(|us| sketch.add(us * us * 31));
    }
    [3u16.to_le_bytes().to_vec(), pack(&all)].concat()
}

/// A request, the certificate for it, and the authority's.
fn certificates(key: &KeyPair) -> Result<[Vec<u8>; 3], rcgen::Error> {
    let request = CertificateParams::default().serialize_request(key)?.der().to_vec();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_key = KeyPair::generate()?;
    let ca = authority.self_signed(&ca_key)?.der().to_vec();
    let mut agent = CertificateParams::default();
    agent.serial_number = Some(SerialNumber::from_slice(&[7; 16]));
    agent.subject_alt_names = vec![SanType::URI("pantau://demo/app-1".try_into()?)];
    agent.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (agent.not_before, agent.not_after) = (date_time_ymd(2026, 11, 1), date_time_ymd(2027, 1, 1));
    let signed = agent.signed_by(key, &Issuer::new(authority, ca_key))?;
    Ok([request, signed.der().to_vec(), ca])
}

/// As the agent writes it.
fn identity(key: &KeyPair, certificate: &[u8], ca: &[u8]) -> Vec<u8> {
    let [key, certificate, ca] =
        [key.serialize_der().as_slice(), certificate, ca].map(|bytes| STANDARD.encode(bytes));
    let text = format!(
        r#"{{"site":"demo","agent":"app-1","collector":"127.0.0.1:7443","not_before_ms":{NOW_MS},
"not_after_ms":{},"key":"{key}","certificate":"{certificate}","ca":"{ca}"}}"#,
        NOW_MS + 86_400_000
    );
    text.into_bytes()
}
