//! The newest state as one stream tells it: by the parts that changed.

use crate::domain::batch::{
    DatabaseSample, DiskSample, HostSample, InterfaceSample, LiveState, Problem, TargetState,
};

/// What a message says of the newest state. `None`: as it was when last said on the same stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LiveParts {
    pub at_ms: i64,
    pub host: Option<HostPart>,
    pub targets: Option<Vec<TargetState>>,
    pub databases: Option<Vec<DatabaseSample>>,
    pub problems: Option<Vec<Problem>>,
    pub spool_batches: Option<u64>,
    pub spool_bytes: Option<u64>,
    pub sent_bytes_today: Option<u64>,
    pub received_bytes_today: Option<u64>,
}

/// The host's own figures, and its devices when any of them changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HostPart {
    /// Without devices.
    pub figures: HostSample,
    pub devices: Option<(Vec<DiskSample>, Vec<InterfaceSample>)>,
}

/// What one stream has said so far.
#[derive(Debug, Default)]
pub struct Told(LiveState);

impl Told {
    /// The whole state after these parts.
    pub fn after(&mut self, parts: LiveParts) -> LiveState {
        let state = &mut self.0;
        state.at_ms = parts.at_ms;
        if let Some(host) = parts.host {
            state.host = Some(joined(host, state.host.take().unwrap_or_default()));
        }
        replace(&mut state.targets, parts.targets);
        replace(&mut state.databases, parts.databases);
        replace(&mut state.problems, parts.problems);
        replace(&mut state.spool_batches, parts.spool_batches);
        replace(&mut state.spool_bytes, parts.spool_bytes);
        state.sent_bytes_today = parts.sent_bytes_today.or(state.sent_bytes_today);
        state.received_bytes_today = parts.received_bytes_today.or(state.received_bytes_today);
        state.clone()
    }
}

fn replace<T>(told: &mut T, part: Option<T>) {
    if let Some(part) = part {
        *told = part;
    }
}

fn joined(part: HostPart, before: HostSample) -> HostSample {
    let (disks, interfaces) = part.devices.unwrap_or((before.disks, before.interfaces));
    HostSample { disks, interfaces, ..part.figures }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(free_bytes: u64) -> Vec<DiskSample> {
        vec![DiskSample { free_bytes, ..DiskSample::default() }]
    }

    fn host(cpu_permille: u32, free_bytes: Option<u64>) -> Option<HostPart> {
        Some(HostPart {
            figures: HostSample { cpu_permille, ..HostSample::default() },
            devices: free_bytes.map(|free| (disk(free), Vec::new())),
        })
    }

    #[test]
    fn a_part_that_is_absent_is_as_it_was_last_said() {
        let mut told = Told::default();
        let problems = vec![Problem { subject: "log.postgres".to_owned(), ..Problem::default() }];
        told.after(LiveParts {
            at_ms: 1,
            host: host(100, Some(7)),
            problems: Some(problems.clone()),
            spool_batches: Some(3),
            sent_bytes_today: Some(90),
            ..LiveParts::default()
        });
        let after =
            told.after(LiveParts { at_ms: 2, host: host(200, None), ..LiveParts::default() });
        let host = after.host.unwrap();
        assert_eq!((after.at_ms, host.cpu_permille, host.disks), (2, 200, disk(7)));
        assert_eq!((after.spool_batches, after.sent_bytes_today), (3, Some(90)));
        assert_eq!(after.problems, problems);
    }

    #[test]
    fn a_part_that_is_said_to_be_empty_is_empty() {
        let mut told = Told::default();
        let problems = Some(vec![Problem::default()]);
        told.after(LiveParts { problems, spool_bytes: Some(9), ..LiveParts::default() });
        let gone =
            LiveParts { problems: Some(vec![]), spool_bytes: Some(0), ..LiveParts::default() };
        let after = told.after(gone);
        assert_eq!((after.problems.len(), after.spool_bytes), (0, 0));
    }
}
