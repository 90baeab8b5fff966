//! Definitions: what an id stands for, brought within bounds.

use pantau_proto::v1::{self, definition::Of};
use prost::Message;

use super::{
    Malformed,
    bounds::{
        NAME_BYTES_MAX, PARTS_MAX, SENTENCE_BYTES_MAX, WORD_BYTES_MAX, lines, quantity, text,
        time_ms,
    },
    sample,
};
use crate::domain::{
    batch::{ErrorGroup, Origin, QueryGroup, QuerySource, Severity},
    definition::{
        DatabaseLayout, Defined, Definition, DiskLayout, HostLayout, InterfaceLayout, LogFile,
        Watched,
    },
};

/// Template of an error group, in bytes (the contract's figure).
const ERROR_TEMPLATE_BYTES_MAX: usize = 2_000;
/// Template of a query group, in bytes (the contract's figure).
const QUERY_TEMPLATE_BYTES_MAX: usize = 4_000;
/// A SQLSTATE has five characters.
const SQLSTATE_BYTES: usize = 5;

/// Definitions as they are stored; one that does not say what it defines is refused.
pub fn stored(wire: Vec<v1::Definition>) -> Result<Vec<Defined>, Malformed> {
    wire.into_iter().map(one).collect()
}

fn one(wire: v1::Definition) -> Result<Defined, Malformed> {
    if wire.id == 0 {
        return Err(Malformed("definition of id 0: ids begin at 1".to_owned()));
    }
    if wire.of.is_none() {
        return Err(Malformed(format!("definition of id {}: not known what of", wire.id)));
    }
    Ok((wire.id, wire.encode_to_vec()))
}

/// What stored bytes define.
pub fn read(data: &[u8]) -> Result<Definition, Malformed> {
    let wire = v1::Definition::decode(data).map_err(|why| Malformed(why.to_string()))?;
    match wire.of {
        Some(Of::Error(wire)) => Ok(Definition::Error(error_group(wire))),
        Some(Of::Query(wire)) => Ok(Definition::Query(query_group(wire))),
        Some(Of::Host(wire)) => Ok(Definition::Host(host_layout(wire)?)),
        Some(Of::Database(wire)) => Ok(Definition::Database(database_layout(wire))),
        Some(Of::Log(wire)) => Ok(Definition::Log(log_file(wire))),
        Some(Of::Watched(wire)) => Ok(Definition::Watched(watched(wire))),
        Some(Of::Name(name)) => Ok(Definition::Name(text(name, NAME_BYTES_MAX))),
        None => Err(Malformed(format!("definition of id {}: not known what of", wire.id))),
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

/// Devices are not cut: the values of a minute follow their order.
fn host_layout(wire: v1::HostLayout) -> Result<HostLayout, Malformed> {
    if wire.disks.len() > PARTS_MAX || wire.interfaces.len() > PARTS_MAX {
        return Err(Malformed(format!("host layout: more than {PARTS_MAX} disks or interfaces")));
    }
    let disk = |wire: v1::DiskLayout| DiskLayout {
        mount: text(wire.mount, NAME_BYTES_MAX),
        file_system: text(wire.file_system, WORD_BYTES_MAX),
        total_bytes: quantity(wire.total_bytes),
        inodes_total: quantity(wire.inodes_total),
    };
    let interface = |wire: v1::InterfaceLayout| InterfaceLayout {
        name: text(wire.name, WORD_BYTES_MAX),
        outside: wire.outside,
    };
    Ok(HostLayout {
        memory_total_bytes: quantity(wire.memory_total_bytes),
        swap_total_bytes: quantity(wire.swap_total_bytes),
        disks: wire.disks.into_iter().map(disk).collect(),
        interfaces: wire.interfaces.into_iter().map(interface).collect(),
    })
}

fn database_layout(wire: v1::DatabaseLayout) -> DatabaseLayout {
    DatabaseLayout {
        cluster: text(wire.cluster, NAME_BYTES_MAX),
        database: text(wire.database, NAME_BYTES_MAX),
        connections_max: wire.connections_max,
        stats_reset_ms: time_ms(wire.stats_reset_ms),
    }
}

fn log_file(wire: v1::LogFile) -> LogFile {
    LogFile {
        source: text(wire.source, NAME_BYTES_MAX),
        path: text(wire.path, SENTENCE_BYTES_MAX),
        device: wire.device,
        inode: wire.inode,
        head_hash: wire.head_hash,
        head_bytes: wire.head_bytes,
        generation: wire.generation,
    }
}

fn watched(wire: v1::Watched) -> Watched {
    Watched {
        target: sample::target(wire.target),
        state: sample::state(wire.state),
        reason: text(wire.reason, WORD_BYTES_MAX),
        subject: text(wire.subject, NAME_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_definition_comes_back_from_its_stored_bytes_within_bounds() {
        let group = v1::ErrorGroup {
            fingerprint: u64::MAX,
            class: "database.deadlock".into(),
            template: "deadlock detected\n\u{1b}[31m".into(),
            ..Default::default()
        };
        let wire = v1::Definition { id: 7, of: Some(Of::Error(group)) };
        let (id, data) = stored(vec![wire]).unwrap().remove(0);
        let Definition::Error(group) = read(&data).unwrap() else { panic!("another kind") };
        assert_eq!((id, group.fingerprint, group.origin), (7, -1, Origin::Database));
        assert_eq!(group.template, "deadlock detected\n\u{fffd}[31m");
    }

    #[test]
    fn a_definition_of_nothing_or_of_no_id_is_refused() {
        let of_nothing = v1::Definition { id: 7, of: None };
        assert!(stored(vec![of_nothing]).unwrap_err().0.contains("id 7"));
        let of_no_id = v1::Definition { id: 0, of: Some(Of::Name("play".into())) };
        assert!(stored(vec![of_no_id]).unwrap_err().0.contains("begin at 1"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
