//! Which machine a spool belongs to: a spool copied to a second machine is refused, since both would
//! speak for one server.
//!
//! The file `owner`, a [`sheet`](super::sheet) of no epoch: where the name comes from (1 byte), its hash
//! (16 bytes). The name is that of `/etc/machine-id`; where that is missing or empty (some containers),
//! the host's name, which a machine that is copied shares with its copy: there a copy is found by the
//! collector only.

use std::{fs, path::Path};

use anyhow::bail;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    codec::Reader,
    disk::Disk,
    sheet::{self, Sheet},
};

const NAME: &str = "owner";
const KIND: [u8; 4] = *b"POWN";
const NO_EPOCH: [u8; 16] = [0; 16];

/// A machine, as this one tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    source: Source,
    hash: [u8; 16],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    MachineId,
    Hostname,
}

/// Hash of this machine's id; the same at every start, and another on every other machine.
pub fn machine_id() -> [u8; 16] {
    this_machine().hash
}

pub(super) fn this_machine() -> Machine {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let hostname = sysinfo::System::host_name().unwrap_or_default();
    machine(&id, &hostname)
}

pub(super) fn machine(machine_id: &str, hostname: &str) -> Machine {
    // systemd leaves "uninitialized" in an image that was never booted.
    let id = Some(machine_id.trim()).filter(|id| !id.is_empty() && *id != "uninitialized");
    let (source, name) = match id {
        Some(id) => (Source::MachineId, id),
        None => (Source::Hostname, hostname),
    };
    // The id itself is a secret by its manual: what leaves this machine is a hash with a name of ours.
    let hash = xxh3_128(format!("pantau machine {name}").as_bytes()).to_le_bytes();
    Machine { source, hash }
}

/// Refuses a spool of another machine; a spool of nobody becomes this one's.
pub(super) fn check(disk: &dyn Disk, dir: &Path, here: Machine) -> anyhow::Result<()> {
    match owner(disk)? {
        Some(owner) if owner == here => Ok(()),
        Some(owner) if owner.source == here.source => bail!(
            "the spool {} belongs to another machine: it and the identity beside it are copies, and two servers would be counted as one; empty `state_dir` and enrol this machine by a name of its own (if it is the same machine and only its id has changed, delete the file `owner` there instead)",
            dir.display()
        ),
        // The machine has an id now, or has lost it: not a sign of a copy.
        _ => Ok(write(disk, here)?),
    }
}

/// Written again after the folder was deleted.
pub(super) fn write(disk: &dyn Disk, here: Machine) -> std::io::Result<()> {
    let mut content = vec![if here.source == Source::MachineId { 1 } else { 2 }];
    content.extend_from_slice(&here.hash);
    sheet::write(disk, NAME, KIND, NO_EPOCH, &content)
}

fn owner(disk: &dyn Disk) -> std::io::Result<Option<Machine>> {
    let Sheet::Whole(content) = sheet::read(disk, NAME, KIND, NO_EPOCH)? else { return Ok(None) };
    let mut reader = Reader(&content);
    let source = match reader.array() {
        Some([1]) => Source::MachineId,
        Some([2]) => Source::Hostname,
        _ => return Ok(None),
    };
    Ok(reader.array().map(|hash| Machine { source, hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_by_its_id_and_by_its_name_only_where_it_has_none() {
        assert_eq!(machine("0af1\n", "db-1"), machine("0af1", "renamed"));
        assert_ne!(machine("0af1", "db-1"), machine("0af2", "db-1"));
        for none in ["", "\n", "uninitialized\n"] {
            assert_eq!(machine(none, "db-1"), machine("", "db-1"));
            assert_ne!(machine(none, "db-1"), machine(none, "db-2"));
        }
    }

    #[test]
    fn the_hash_does_not_hold_the_id() {
        assert_ne!(machine("0af1", "").hash, xxh3_128(b"0af1").to_le_bytes());
        assert_eq!(machine_id(), machine_id());
    }
}
