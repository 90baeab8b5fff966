//! Vocabulary of the store's tests: small batches, and a decoder that needs no wire format.

use pantau_proto::sketch::Sketch;

use crate::domain::{
    AgentId, Epoch, SiteId,
    availability::{Observation, State, Target},
    batch::*,
    period::Period,
};

use super::{Store, fold::FoldReport};

/// The hour in which most tests play: 2026-11-25T03:00Z, 11:00 in Makassar.
pub(crate) const HOUR: i64 = 498_771;
/// Its first minute.
pub(crate) const MINUTE: i64 = HOUR * 60;
/// Its first millisecond.
pub(crate) const MS: i64 = MINUTE * 60_000;

pub(crate) fn site() -> SiteId {
    SiteId("gorontalo".to_owned())
}

pub(crate) fn agent() -> AgentId {
    AgentId("spse-1".to_owned())
}

pub(crate) fn epoch() -> Epoch {
    Epoch([7; 16])
}

/// From the beginning of an hour to the beginning of another, counted from [`HOUR`].
pub(crate) fn hours(from: i64, to: i64) -> Period {
    Period { from_ms: MS + from * 3_600_000, to_ms: MS + to * 3_600_000 }
}

/// Contents of batches; a batch's data is the number of its content.
#[derive(Default)]
pub(crate) struct Contents(Vec<BatchContent>);

impl Contents {
    /// A batch of that number with that content.
    pub(crate) fn batch(&mut self, seq: u64, content: BatchContent) -> IncomingBatch {
        let minutes = content.minutes.iter().map(|minute| minute.minute);
        let batch = IncomingBatch {
            site: site(),
            agent: agent(),
            epoch: epoch(),
            seq,
            first_minute: minutes.clone().min().unwrap_or(MINUTE),
            last_minute: minutes.max().unwrap_or(MINUTE),
            data: vec![self.0.len() as u8],
            received_ms: MS,
            live: None,
        };
        self.0.push(content);
        batch
    }

    /// The content whose number this is.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<BatchContent, String> {
        let number = bytes.first().map(|byte| usize::from(*byte));
        number.and_then(|n| self.0.get(n)).cloned().ok_or_else(|| "not a batch".to_owned())
    }

    /// Folds all that is stored.
    pub(crate) async fn fold(&self, store: &Store) -> FoldReport {
        store.fold(&|bytes: &[u8]| self.decode(bytes), MS).await.unwrap()
    }
}

pub(crate) fn group(fingerprint: i64) -> ErrorGroup {
    ErrorGroup {
        fingerprint,
        fingerprint_version: 1,
        origin: Origin::Database,
        severity: Severity::Error,
        class: "database.deadlock".to_owned(),
        sqlstate: "40P01".to_owned(),
        template: format!("deadlock detected \0({fingerprint})"),
        failed_transaction: true,
    }
}

pub(crate) fn query(fingerprint: i64) -> QueryGroup {
    QueryGroup {
        fingerprint,
        fingerprint_version: 1,
        source: QuerySource::Log,
        template: "SELECT * FROM paket WHERE pkt_id = $1".to_owned(),
        database: "utama/spse_prod".to_owned(),
    }
}

/// So many of one error and one query (1 ms a call) in one minute.
pub(crate) fn counts(minute: i64, count: u64) -> BatchContent {
    let last_ms = minute * 60_000 + 30_000;
    let errors = vec![(0, ErrorCount { count, last_ms, estimated: 0 })];
    let queries =
        vec![(0, QueryCount { calls: count, total_us: count * 1_000, max_us: 1_000, rows: 1 })];
    let mut sketch = Sketch::default();
    (0..count).for_each(|_| sketch.add(1_000));
    BatchContent {
        groups: vec![group(-5)],
        queries: vec![query(9)],
        minutes: vec![Minute { minute, errors, queries, ..Minute::default() }],
        sketches: vec![QuerySketch { query: 0, first_minute: minute, minutes: 1, sketch }],
        ..BatchContent::default()
    }
}

/// A sample of host and database in one minute.
pub(crate) fn sampled(minute: i64, sent_bytes: u64, commits: u64) -> BatchContent {
    let outside = InterfaceSample {
        name: "eth0".to_owned(),
        sent_bytes,
        received_bytes: sent_bytes * 2,
        outside: true,
        ..InterfaceSample::default()
    };
    let host = HostSample {
        cpu_permille: 100,
        memory_total_bytes: 1_000,
        memory_available_bytes: 250,
        interfaces: vec![outside],
        ..HostSample::default()
    };
    let database = DatabaseSample {
        cluster: "utama".to_owned(),
        database: "spse_prod".to_owned(),
        size_bytes: Some(commits * 10),
        commits,
        connections_max: 100,
        ..DatabaseSample::default()
    };
    let minute =
        Minute { minute, host: Some(host), databases: vec![database], ..Minute::default() };
    BatchContent { minutes: vec![minute], ..BatchContent::default() }
}

/// The application seen in a state, in minutes from [`MINUTE`].
pub(crate) fn seen(state: State, from: i64, to: i64) -> Observation {
    Observation {
        target: Target::Application,
        state,
        period: Period { from_ms: MS + from * 60_000, to_ms: MS + to * 60_000 },
        reason: if state == State::Up { String::new() } else { "http_500".to_owned() },
        subject: "http://127.0.0.1:9000/".to_owned(),
    }
}
