//! What ids stand for: domain types to coded definitions, and back where the agent needs them.
//!
//! A definition is coded without its id: the spool's dictionary gives the id for these bytes.

use std::{io, sync::Arc};

use pantau_proto::v1::{self, definition::Of};
use prost::Message;

use crate::{
    domain::{
        DatabaseSample, ErrorGroup, FINGERPRINT_VERSION, HostSample, Observation, Origin,
        QueryGroup, QuerySource, Severity, SourcePosition,
    },
    spool::Names,
};

/// The id of what is defined.
pub(super) fn id_of(names: &mut Names, of: Of) -> u32 {
    names.id(&v1::Definition { id: 0, of: Some(of) }.encode_to_vec())
}

/// A coded definition with its id, as it travels.
pub(super) fn with_id(id: u32, coded: &[u8]) -> io::Result<v1::Definition> {
    let definition = v1::Definition::decode(coded)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(v1::Definition { id, ..definition })
}

/// The queries among coded definitions.
pub fn queries(definitions: &[(u32, Vec<u8>)]) -> Vec<Arc<QueryGroup>> {
    let decoded = definitions.iter().filter_map(|(_, coded)| v1::Definition::decode(&**coded).ok());
    let queries = decoded.filter_map(|definition| match definition.of {
        Some(Of::Query(query)) => Some(Arc::new(query_from(query))),
        _ => None,
    });
    queries.collect()
}

pub(super) fn error(group: &ErrorGroup) -> Of {
    Of::Error(v1::ErrorGroup {
        fingerprint: group.fingerprint,
        fingerprint_version: FINGERPRINT_VERSION,
        origin: match group.origin {
            Origin::Database => v1::Origin::Database,
            Origin::Application => v1::Origin::Application,
        }
        .into(),
        severity: match group.severity {
            Severity::Warning => v1::Severity::Warning,
            Severity::Error => v1::Severity::Error,
            Severity::Fatal => v1::Severity::Fatal,
            Severity::Panic => v1::Severity::Panic,
        }
        .into(),
        class: group.class.to_owned(),
        sqlstate: group.sqlstate.clone(),
        template: group.template.clone(),
        failed_transaction: group.failed_transaction,
    })
}

pub(super) fn query(query: &QueryGroup) -> Of {
    Of::Query(v1::QueryGroup {
        fingerprint: query.fingerprint,
        fingerprint_version: FINGERPRINT_VERSION,
        source: match query.source {
            QuerySource::Log => v1::QuerySource::Log,
            QuerySource::StatementsView => v1::QuerySource::StatementsView,
        }
        .into(),
        template: query.template.clone(),
        database: query.database.clone(),
    })
}

fn query_from(query: v1::QueryGroup) -> QueryGroup {
    QueryGroup {
        fingerprint: query.fingerprint,
        source: match query.source() {
            v1::QuerySource::StatementsView => QuerySource::StatementsView,
            v1::QuerySource::Log | v1::QuerySource::Unspecified => QuerySource::Log,
        },
        template: query.template,
        database: query.database,
    }
}

pub(super) fn host(host: &HostSample) -> Of {
    let disks = host.disks.iter().map(|disk| v1::DiskLayout {
        mount: disk.mount.clone(),
        file_system: disk.file_system.clone(),
        total_bytes: disk.total_bytes,
        inodes_total: disk.inodes_total,
    });
    let interfaces = host.interfaces.iter().map(|interface| v1::InterfaceLayout {
        name: interface.name.clone(),
        outside: interface.outside,
    });
    Of::Host(v1::HostLayout {
        memory_total_bytes: host.memory_total_bytes,
        swap_total_bytes: host.swap_total_bytes,
        disks: disks.collect(),
        interfaces: interfaces.collect(),
    })
}

pub(super) fn database(sample: &DatabaseSample) -> Of {
    Of::Database(v1::DatabaseLayout {
        cluster: sample.cluster.clone(),
        database: sample.database.clone(),
        connections_max: sample.connections_max,
        stats_reset_ms: sample.stats_reset_ms,
    })
}

pub(super) fn log_file(position: &SourcePosition) -> v1::LogFile {
    v1::LogFile {
        source: position.source.clone(),
        path: position.path.clone(),
        device: position.identity.device,
        inode: position.identity.inode,
        head_hash: position.identity.head_hash,
        head_bytes: position.identity.head_bytes,
        generation: position.generation,
    }
}

pub(super) fn watched(observation: &Observation) -> Of {
    Of::Watched(v1::Watched {
        target: super::target(observation.target).into(),
        state: super::state(observation.state).into(),
        reason: observation.reason.clone(),
        subject: observation.subject.clone(),
    })
}

pub(super) fn name(name: &str) -> Of {
    Of::Name(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::samples::{error_group, query_group};

    #[test]
    fn queries_are_found_again_among_all_definitions() {
        let coded = |of| v1::Definition { id: 0, of: Some(of) }.encode_to_vec();
        let definitions = [
            (1, coded(error(&error_group(7)))),
            (2, coded(query(&query_group(8)))),
            (3, vec![0xff; 3]),
        ];
        assert_eq!(queries(&definitions), [query_group(8)]);
    }
}
