//! Vocabulary of the store's tests: small batches, and a decoder that needs no wire format.

use pantau_sketch::durations::Sketch;

use crate::domain::{
    AgentId, Epoch, SiteId,
    availability::{Observation, State, Target},
    batch::*,
    definition::{Defined, Definition, LogFile, LogPosition, Named, Names, Opened, Positions},
    period::Period,
};

use super::{Coding, Store, fold::FoldReport};

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
pub(crate) struct Contents(Vec<Content>);

/// A content, and what stands in the way of reading it.
#[derive(Clone, Default)]
struct Content {
    content: BatchContent,
    defines: Vec<Defined>,
    mentions: Vec<u32>,
}

impl Contents {
    /// A batch of that number with that content.
    pub(crate) fn batch(&mut self, seq: u64, content: BatchContent) -> IncomingBatch {
        self.push(seq, Content { content, ..Content::default() })
    }

    /// A batch that defines names and mentions ids; it counts what the ids stand for.
    pub(crate) fn naming(
        &mut self,
        seq: u64,
        defines: &[(u32, &str)],
        mentions: &[u32],
    ) -> IncomingBatch {
        let defines = defines.iter().map(|(id, name)| (*id, name.as_bytes().to_vec())).collect();
        self.push(seq, Content { content: counts(MINUTE, 1), defines, mentions: mentions.to_vec() })
    }

    fn push(&mut self, seq: u64, content: Content) -> IncomingBatch {
        let minutes = content.content.minutes.iter().map(|minute| minute.minute);
        let batch = IncomingBatch {
            site: site(),
            agent: agent(),
            epoch: epoch(),
            seq,
            merged: 0,
            frame: Frame {
                first_minute: minutes.clone().min().unwrap_or(MINUTE),
                last_minute: minutes.max().unwrap_or(MINUTE),
                data: vec![self.0.len() as u8],
                ..Frame::default()
            },
            received_ms: MS,
            live: None,
        };
        self.0.push(content);
        batch
    }

    fn at(&self, bytes: &[u8]) -> Result<Content, String> {
        let number = bytes.first().map(|byte| usize::from(*byte));
        number.and_then(|n| self.0.get(n)).cloned().ok_or_else(|| "not a batch".to_owned())
    }

    /// Folds all that is stored.
    pub(crate) async fn fold(&self, store: &Store) -> FoldReport {
        store.fold(self, MS).await.unwrap()
    }
}

/// Names are their own bytes; a name that is mentioned is read as the source of a line's fate.
impl Coding for Contents {
    fn open(&self, frame: &Frame) -> Result<Opened, String> {
        let Content { content, defines, mentions } = self.at(&frame.data)?;
        let mentioned = mentions.iter().copied().collect();
        let resolve = move |names: &Names| {
            let fate = |id: &u32| match &names[id] {
                Named::As(Definition::Name(name)) => fate_of(name),
                Named::As(_) => panic!("{id} is no name"),
                Named::Lost => fate_of("lost"),
            };
            let fates = mentions.iter().map(fate).chain(content.fates.clone()).collect();
            Ok(BatchContent { fates, ..content })
        };
        Ok(Opened { definitions: defines, mentioned, resolve: Box::new(resolve) })
    }

    fn definition(&self, data: &[u8]) -> Result<Definition, String> {
        let name = String::from_utf8(data.to_vec()).map_err(|why| why.to_string())?;
        Ok(match name.strip_prefix("log:") {
            Some(log) => {
                let (inode, source) = log.split_once(':').unwrap_or(("0", log));
                let (inode, source) = (inode.parse().unwrap_or(0), source.to_owned());
                Definition::Log(LogFile { source, inode, ..LogFile::default() })
            }
            None => Definition::Name(name),
        })
    }

    /// Ids of logs follow from their names and inodes, and each batch defines those it names.
    fn positions(&self, frame: &Frame) -> Result<Positions, String> {
        let content = self.at(&frame.data)?.content;
        let mut positions = Positions::default();
        for position in content.positions {
            let log = u32::from(position.source.bytes().next().unwrap_or(1));
            let log = log + 256 * position.inode as u32;
            let definition = format!("log:{}:{}", position.inode, position.source).into_bytes();
            positions.definitions.push((log, definition));
            let offset = position.offset;
            positions.positions.push(LogPosition { log, offset, ..LogPosition::default() });
        }
        Ok(positions)
    }

    fn position(&self, log: &LogFile, position: LogPosition) -> SourcePosition {
        let (source, inode, offset) = (log.source.clone(), log.inode, position.offset);
        SourcePosition { source, inode, offset, ..SourcePosition::default() }
    }
}

fn fate_of(source: &str) -> LineFates {
    LineFates { source: source.to_owned(), read: 1, counted: 1, ..LineFates::default() }
}

/// What the agent says when it calls.
pub(crate) fn hello() -> Hello {
    Hello {
        site: site(),
        agent: agent(),
        version: "0.1.0".to_owned(),
        boot_id: [3; 16],
        machine_id: [0; 16],
        epoch: epoch(),
        clock_ms: MS + 250,
        host: HostFacts { hostname: "spse".to_owned(), cpus: 8, ..HostFacts::default() },
        highest_seq: 0,
        sample: true,
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
