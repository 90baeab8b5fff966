//! A batch's content: decompressed within its bound, decoded, its local ids resolved.

use std::{collections::HashMap, io::Read};

use pantau_proto::{limits, sketch::Sketch, v1};
use prost::Message;

use super::{
    Malformed,
    bounds::{
        NAME_BYTES_MAX, SENTENCE_BYTES_MAX, WORD_BYTES_MAX, is_minute, lines, quantity, text,
        time_ms,
    },
    sample, weight,
};
use crate::domain::{
    availability::Observation,
    batch::{
        BatchContent, DatabaseFacts, ErrorCount, ErrorGroup, Exemplar, Gap, LineFates, Minute,
        Origin, QueryCount, QueryGroup, QuerySketch, QuerySource, Severity, SourcePosition,
    },
    period::Period,
};

/// Template of an error group, in bytes (the contract's figure).
const ERROR_TEMPLATE_BYTES_MAX: usize = 2_000;
/// Template of a query group, in bytes (the contract's figure).
const QUERY_TEMPLATE_BYTES_MAX: usize = 4_000;
/// Text of an exemplar, in bytes (the contract's figure).
const EXEMPLAR_BYTES_MAX: usize = 4_000;
/// Play error ids of an exemplar (the contract's figure).
const ERROR_IDS_MAX: usize = 16;
/// A SQLSTATE has five characters.
const SQLSTATE_BYTES: usize = 5;
/// Largest Zstandard window taken, as a power of two: 16 MiB, the size of the largest content.
const WINDOW_LOG_MAX: u32 = 24;

/// Decodes the data of a stored batch. The error says what is wrong with it; the same bytes will never
/// decode, so there is no use in trying again.
pub fn decode(data: &[u8]) -> Result<BatchContent, String> {
    let bytes = decompress(data)?;
    if weight::messages(&bytes).map_err(|e| e.to_string())? > weight::MESSAGES_MAX {
        return Err(format!("more than {} messages inside", weight::MESSAGES_MAX));
    }
    let wire = v1::BatchContent::decode(bytes.as_slice()).map_err(|e| e.to_string())?;
    content(wire).map_err(|Malformed(why)| why)
}

fn decompress(data: &[u8]) -> Result<Vec<u8>, String> {
    let not_zstd = |e: std::io::Error| format!("not a Zstandard frame: {e}");
    let mut decoder = zstd::stream::read::Decoder::new(data).map_err(not_zstd)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(not_zstd)?;
    let mut bytes = Vec::new();
    let bound = limits::CONTENT_BYTES_MAX as u64 + 1;
    decoder.take(bound).read_to_end(&mut bytes).map_err(not_zstd)?;
    if bytes.len() > limits::CONTENT_BYTES_MAX {
        return Err(format!("larger than {} bytes decompressed", limits::CONTENT_BYTES_MAX));
    }
    Ok(bytes)
}

fn content(wire: v1::BatchContent) -> Result<BatchContent, Malformed> {
    let groups = Ids::of("error group", wire.groups.iter().map(|group| group.local_id))?;
    let queries = Ids::of("query", wire.queries.iter().map(|query| query.local_id))?;
    Ok(BatchContent {
        minutes: each(wire.minutes, |minute| self::minute(minute, &groups, &queries))?,
        sketches: each(wire.sketches, |sketch| self::sketch(sketch, &queries))?,
        exemplars: each(wire.exemplars, |exemplar| self::exemplar(exemplar, &groups))?,
        groups: wire.groups.into_iter().map(error_group).collect(),
        queries: wire.queries.into_iter().map(query_group).collect(),
        positions: wire.positions.into_iter().map(position).collect(),
        gaps: wire.gaps.into_iter().map(gap).collect(),
        observations: wire.observations.into_iter().filter_map(observation).collect(),
        fates: wire.fates.into_iter().map(fates).collect(),
        database_facts: wire.database_facts.into_iter().map(database_facts).collect(),
        redactions: wire
            .redactions
            .into_iter()
            .map(|r| (text(r.rule, WORD_BYTES_MAX), quantity(r.count)))
            .collect(),
    })
}

fn each<W, T>(
    wire: Vec<W>,
    convert: impl Fn(W) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    wire.into_iter().map(convert).collect()
}

/// Index in its list of what a local id names.
struct Ids {
    of_what: &'static str,
    index: HashMap<u32, usize>,
}

impl Ids {
    fn of(of_what: &'static str, ids: impl Iterator<Item = u32>) -> Result<Ids, Malformed> {
        let mut index = HashMap::new();
        for (n, id) in ids.enumerate() {
            if index.insert(id, n).is_some() {
                return Err(Malformed(format!("{of_what} {id} is defined twice")));
            }
        }
        Ok(Ids { of_what, index })
    }

    fn resolve(&self, id: u32) -> Result<usize, Malformed> {
        let missing = || Malformed(format!("{} {id} is not defined in the batch", self.of_what));
        self.index.get(&id).copied().ok_or_else(missing)
    }
}

fn error_group(wire: v1::ErrorGroup) -> ErrorGroup {
    let class = text(wire.class, WORD_BYTES_MAX);
    ErrorGroup {
        fingerprint: wire.fingerprint.cast_signed(),
        fingerprint_version: wire.fingerprint_version,
        origin: origin(wire.origin, &class),
        severity: severity(wire.severity),
        class,
        sqlstate: text(wire.sqlstate, SQLSTATE_BYTES),
        template: lines(wire.template, ERROR_TEMPLATE_BYTES_MAX),
        failed_transaction: wire.failed_transaction,
    }
}

/// Where it is not said, the first word of the class tells.
fn origin(wire: i32, class: &str) -> Origin {
    match v1::Origin::try_from(wire).unwrap_or_default() {
        v1::Origin::Database => Origin::Database,
        v1::Origin::Application => Origin::Application,
        v1::Origin::Unspecified if class.starts_with("database.") => Origin::Database,
        v1::Origin::Unspecified => Origin::Application,
    }
}

/// Where it is not said, an error is an error.
fn severity(wire: i32) -> Severity {
    match v1::Severity::try_from(wire).unwrap_or_default() {
        v1::Severity::Warning => Severity::Warning,
        v1::Severity::Unspecified | v1::Severity::Error => Severity::Error,
        v1::Severity::Fatal => Severity::Fatal,
        v1::Severity::Panic => Severity::Panic,
    }
}

fn query_group(wire: v1::QueryGroup) -> QueryGroup {
    QueryGroup {
        fingerprint: wire.fingerprint.cast_signed(),
        fingerprint_version: wire.fingerprint_version,
        source: match v1::QuerySource::try_from(wire.source).unwrap_or_default() {
            v1::QuerySource::Unspecified | v1::QuerySource::Log => QuerySource::Log,
            v1::QuerySource::StatementsView => QuerySource::StatementsView,
        },
        template: lines(wire.template, QUERY_TEMPLATE_BYTES_MAX),
        database: text(wire.database, NAME_BYTES_MAX),
    }
}

fn minute(wire: v1::Minute, groups: &Ids, queries: &Ids) -> Result<Minute, Malformed> {
    if !is_minute(wire.minute) {
        return Err(Malformed(format!("minute {} is out of range", wire.minute)));
    }
    Ok(Minute {
        minute: wire.minute,
        errors: each(wire.errors, |e| Ok((groups.resolve(e.group)?, error_count(&e))))?,
        queries: each(wire.queries, |q| Ok((queries.resolve(q.query)?, query_count(&q))))?,
        host: wire.host.map(sample::host_sample),
        databases: wire.databases.into_iter().map(sample::database_sample).collect(),
    })
}

fn error_count(wire: &v1::ErrorCount) -> ErrorCount {
    let count = quantity(wire.count);
    ErrorCount { count, last_ms: time_ms(wire.last_ms), estimated: wire.estimated.min(count) }
}

fn query_count(wire: &v1::QueryCount) -> QueryCount {
    QueryCount {
        calls: quantity(wire.calls),
        total_us: quantity(wire.total_us),
        max_us: quantity(wire.max_us),
        rows: quantity(wire.rows),
    }
}

fn sketch(wire: v1::QuerySketch, queries: &Ids) -> Result<QuerySketch, Malformed> {
    let within_an_hour = is_minute(wire.first_minute)
        && wire.minutes >= 1
        && wire.first_minute % 60 + i64::from(wire.minutes) <= 60;
    if !within_an_hour {
        return Err(Malformed(format!(
            "a sketch of {} minutes from minute {} lies in no single hour",
            wire.minutes, wire.first_minute
        )));
    }
    let counts: Vec<u64> = wire.counts.into_iter().map(quantity).collect();
    Ok(QuerySketch {
        query: queries.resolve(wire.query)?,
        first_minute: wire.first_minute,
        minutes: wire.minutes,
        sketch: Sketch::from_deltas(&wire.keys, &counts),
    })
}

fn exemplar(wire: v1::Exemplar, groups: &Ids) -> Result<Exemplar, Malformed> {
    let ids = wire.error_ids.into_iter().take(ERROR_IDS_MAX);
    Ok(Exemplar {
        group: groups.resolve(wire.group)?,
        at_ms: time_ms(wire.at_ms),
        text: lines(wire.text, EXEMPLAR_BYTES_MAX),
        error_ids: ids.map(|id| text(id, WORD_BYTES_MAX)).collect(),
    })
}

fn position(wire: v1::SourcePosition) -> SourcePosition {
    SourcePosition {
        source: text(wire.source, NAME_BYTES_MAX),
        path: text(wire.path, SENTENCE_BYTES_MAX),
        device: wire.device,
        inode: wire.inode,
        head_hash: wire.head_hash,
        head_bytes: wire.head_bytes,
        generation: wire.generation,
        offset: wire.offset,
        last_event_ms: time_ms(wire.last_event_ms),
    }
}

fn gap(wire: v1::Gap) -> Gap {
    use v1::gap::Reason;
    let reason = match Reason::try_from(wire.reason).unwrap_or_default() {
        Reason::Unspecified => "unspecified",
        Reason::FileLost => "file_lost",
        Reason::BaselineLost => "baseline_lost",
        Reason::SpoolLost => "spool_lost",
        Reason::GroupsShed => "groups_shed",
    };
    let from_ms = time_ms(wire.from_ms);
    Gap {
        source: text(wire.source, NAME_BYTES_MAX),
        from_ms,
        to_ms: time_ms(wire.to_ms).max(from_ms),
        reason: reason.to_owned(),
        detail: text(wire.detail, SENTENCE_BYTES_MAX),
        amount: quantity(wire.amount),
    }
}

/// `None` for a target that is not known here, and for one that was watched for no time at all.
fn observation(wire: v1::Observation) -> Option<Observation> {
    let period = Period { from_ms: time_ms(wire.from_ms), to_ms: time_ms(wire.to_ms) };
    (period.len_ms() > 0).then_some(())?;
    Some(Observation {
        target: sample::target(wire.target)?,
        state: sample::state(wire.state),
        period,
        reason: text(wire.reason, WORD_BYTES_MAX),
        subject: text(wire.subject, NAME_BYTES_MAX),
    })
}

fn fates(wire: v1::LineFates) -> LineFates {
    LineFates {
        source: text(wire.source, NAME_BYTES_MAX),
        read: quantity(wire.read),
        counted: quantity(wire.counted),
        ignored: quantity(wire.ignored),
        before_start: quantity(wire.before_start),
        unparsed: quantity(wire.unparsed),
    }
}

fn database_facts(wire: v1::DatabaseFacts) -> DatabaseFacts {
    DatabaseFacts {
        cluster: text(wire.cluster, NAME_BYTES_MAX),
        version: text(wire.version, WORD_BYTES_MAX),
        statements_view: wire.statements_view,
        statements_view_reason: text(wire.statements_view_reason, SENTENCE_BYTES_MAX),
        log_min_duration_ms: wire.log_min_duration_ms,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 29_893_440;

    fn compressed(content: &v1::BatchContent) -> Vec<u8> {
        zstd::encode_all(content.encode_to_vec().as_slice(), 3).unwrap()
    }

    fn small() -> v1::BatchContent {
        v1::BatchContent {
            groups: vec![
                v1::ErrorGroup { local_id: 40, fingerprint: 7, ..Default::default() },
                v1::ErrorGroup {
                    local_id: 7,
                    fingerprint: u64::MAX,
                    class: "database.deadlock".into(),
                    template: "deadlock detected\n\u{1b}[31m".into(),
                    ..Default::default()
                },
            ],
            minutes: vec![v1::Minute {
                minute: MINUTE,
                errors: vec![v1::ErrorCount { group: 7, count: 3, ..Default::default() }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn local_ids_become_places_in_the_list() {
        let content = decode(&compressed(&small())).unwrap();
        assert_eq!(content.minutes[0].errors[0].0, 1);
        assert_eq!(content.groups[1].fingerprint, -1);
        assert_eq!(content.groups[1].origin, Origin::Database);
        assert_eq!(content.groups[1].template, "deadlock detected\n\u{fffd}[31m");
    }

    #[test]
    fn what_breaks_the_contract_is_named() {
        let broken = |change: fn(&mut v1::BatchContent)| {
            let mut content = small();
            change(&mut content);
            decode(&compressed(&content)).unwrap_err()
        };
        assert!(broken(|c| c.groups[1].local_id = 40).contains("defined twice"));
        assert!(broken(|c| c.minutes[0].errors[0].group = 9).contains("error group 9"));
        assert!(broken(|c| c.minutes[0].minute = i64::MAX).contains("out of range"));
        let long = |c: &mut v1::BatchContent| {
            c.queries.push(v1::QueryGroup::default());
            let first_minute = MINUTE + 59;
            c.sketches.push(v1::QuerySketch { first_minute, minutes: 2, ..Default::default() });
        };
        assert!(broken(long).contains("no single hour"));
    }

    #[test]
    fn a_small_frame_that_grows_beyond_the_bound_is_refused() {
        let bomb =
            zstd::encode_all(vec![0u8; limits::CONTENT_BYTES_MAX + 1].as_slice(), 3).unwrap();
        assert!(bomb.len() < 4_096);
        assert!(decode(&bomb).unwrap_err().contains("larger than"));
    }

    #[test]
    fn a_content_of_millions_of_empty_messages_is_refused_before_it_is_decoded() {
        let minutes = [0x1a, 0x00].repeat(weight::MESSAGES_MAX + 1);
        let frame = zstd::encode_all(minutes.as_slice(), 3).unwrap();
        assert!(decode(&frame).unwrap_err().contains("messages inside"));
    }

    #[test]
    fn a_frame_that_wants_a_huge_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        std::io::Write::write_all(&mut encoder, &small().encode_to_vec()).unwrap();
        let frame = encoder.finish().unwrap();
        assert!(decode(&frame).unwrap_err().contains("Zstandard"));
    }

    #[test]
    fn an_observation_of_no_length_is_left_out() {
        let at = MINUTE * 60_000;
        let observed = |from_ms, to_ms| v1::Observation {
            target: v1::Target::Application as i32,
            state: v1::State::Up as i32,
            from_ms,
            to_ms,
            ..Default::default()
        };
        let observations = vec![observed(at, at), observed(at, at - 1), observed(at, at + 1)];
        let content = content(v1::BatchContent { observations, ..Default::default() }).unwrap();
        assert_eq!(content.observations.len(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_an_error_or_a_content_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let _ = decode(&bytes);
            let framed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
            let _ = decode(&framed);
        }

        #[test]
        fn a_damaged_batch_is_an_error_or_a_content_and_never_a_panic(
            at in 0usize..80, flip in 1u8..,
        ) {
            let mut bytes = small().encode_to_vec();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let _ = decode(&zstd::encode_all(bytes.as_slice(), 1).unwrap());
        }
    }
}
