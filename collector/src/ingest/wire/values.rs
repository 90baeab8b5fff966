//! Values of a layout: differences back to values, and values back to samples.

use std::collections::HashMap;

use super::{
    Malformed,
    bounds::{PARTS_MAX, quantity},
};
use crate::domain::{
    batch::{DatabaseSample, DiskSample, HostSample, InterfaceSample},
    definition::{DatabaseLayout, DiskLayout, HostLayout, InterfaceLayout},
};
use pantau_proto::v1;

/// Values of a host itself, of one disk, of one interface (the order stands in the `.proto`).
const OF_HOST: usize = 6;
const OF_DISK: usize = 4;
const OF_INTERFACE: usize = 6;
/// Values of a database.
const OF_DATABASE: usize = 7;
/// Values of the largest layout.
const VALUES_MAX: usize = OF_HOST + PARTS_MAX * (OF_DISK + OF_INTERFACE);
/// Permille of processors; more is an agent's mistake.
pub const CPU_PERMILLE_MAX: u32 = 1_000;

/// Values in one minute, under the id of their layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub layout: u32,
    pub values: Vec<i64>,
}

/// The newest values of each layout in a batch.
#[derive(Default)]
pub struct Running(HashMap<u32, Vec<i64>>);

impl Running {
    /// The values of a minute from their differences to those before.
    pub fn next(&mut self, wire: v1::Values) -> Result<Values, Malformed> {
        let (layout, more) = (wire.layout, wire.values);
        let wrong = |why: &str| Malformed(format!("values of layout {layout}: {why}"));
        if layout == 0 || more.len() > VALUES_MAX {
            return Err(wrong("no layout has these"));
        }
        let values = self.0.entry(layout).or_insert_with(|| vec![0; more.len()]);
        if values.len() != more.len() {
            return Err(wrong("their number changes"));
        }
        for (value, difference) in values.iter_mut().zip(more) {
            *value = value.checked_add(difference).ok_or_else(|| wrong("beyond 64 bits"))?;
        }
        Ok(Values { layout, values: values.clone() })
    }
}

/// What a host measured.
pub fn host(layout: &HostLayout, values: &[i64]) -> Result<HostSample, String> {
    let (disks, interfaces) = (layout.disks.len(), layout.interfaces.len());
    expect(values, OF_HOST + disks * OF_DISK + interfaces * OF_INTERFACE)?;
    let (own, rest) = values.split_at(OF_HOST);
    let (of_disks, of_interfaces) = rest.split_at(disks * OF_DISK);
    let disks = layout.disks.iter().zip(of_disks.chunks_exact(OF_DISK));
    let interfaces = layout.interfaces.iter().zip(of_interfaces.chunks_exact(OF_INTERFACE));
    Ok(HostSample {
        cpu_permille: small(own, 0).min(CPU_PERMILLE_MAX),
        cpu_max_permille: small(own, 1).min(CPU_PERMILLE_MAX),
        load1_centi: small(own, 2),
        memory_total_bytes: layout.memory_total_bytes,
        memory_available_bytes: large(own, 3),
        swap_total_bytes: layout.swap_total_bytes,
        swap_used_bytes: large(own, 4),
        uptime_s: small(own, 5),
        disks: disks.map(|(layout, values)| disk(layout, values)).collect(),
        interfaces: interfaces.map(|(layout, values)| interface(layout, values)).collect(),
    })
}

fn disk(layout: &DiskLayout, values: &[i64]) -> DiskSample {
    DiskSample {
        mount: layout.mount.clone(),
        file_system: layout.file_system.clone(),
        total_bytes: layout.total_bytes,
        inodes_total: layout.inodes_total,
        free_bytes: large(values, 0),
        inodes_free: large(values, 1),
        read_bytes: large(values, 2),
        written_bytes: large(values, 3),
    }
}

fn interface(layout: &InterfaceLayout, values: &[i64]) -> InterfaceSample {
    InterfaceSample {
        name: layout.name.clone(),
        outside: layout.outside,
        received_bytes: large(values, 0),
        sent_bytes: large(values, 1),
        received_errors: large(values, 2),
        sent_errors: large(values, 3),
        received_peak_bytes_per_s: large(values, 4),
        sent_peak_bytes_per_s: large(values, 5),
    }
}

/// What was measured of a database.
pub fn database(layout: &DatabaseLayout, values: &[i64]) -> Result<DatabaseSample, String> {
    expect(values, OF_DATABASE)?;
    Ok(DatabaseSample {
        cluster: layout.cluster.clone(),
        database: layout.database.clone(),
        connections_max: layout.connections_max,
        stats_reset_ms: layout.stats_reset_ms,
        commits: large(values, 0),
        rollbacks: large(values, 1),
        deadlocks: large(values, 2),
        connections: small(values, 3),
        connections_active: small(values, 4),
        size_bytes: large(values, 5).checked_sub(1),
        accounts: large(values, 6).checked_sub(1),
    })
}

fn expect(values: &[i64], number: usize) -> Result<(), String> {
    if values.len() == number {
        return Ok(());
    }
    Err(format!("{} values of a layout that has {number}", values.len()))
}

/// A quantity; below 0 is an agent's mistake.
fn large(values: &[i64], n: usize) -> u64 {
    quantity(values.get(n).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0))
}

fn small(values: &[i64], n: usize) -> u32 {
    u32::try_from(large(values, n)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(layout: u32, values: &[i64]) -> v1::Values {
        v1::Values { layout, values: values.to_vec(), disks: 0 }
    }

    #[test]
    fn values_are_differences_to_the_minute_before_of_the_same_layout() {
        let mut running = Running::default();
        assert_eq!(running.next(difference(1, &[100, 5])).unwrap().values, [100, 5]);
        assert_eq!(running.next(difference(2, &[7])).unwrap().values, [7]);
        assert_eq!(running.next(difference(1, &[-1, 2])).unwrap().values, [99, 7]);
    }

    #[test]
    fn values_that_no_layout_can_have_are_refused() {
        let mut running = Running::default();
        running.next(difference(1, &[i64::MAX])).unwrap();
        assert!(running.next(difference(1, &[1])).unwrap_err().0.contains("64 bits"));
        assert!(running.next(difference(1, &[1, 2])).unwrap_err().0.contains("number"));
        assert!(running.next(difference(0, &[1])).is_err());
        assert!(running.next(difference(3, &[0; VALUES_MAX + 1])).is_err());
    }

    #[test]
    fn values_find_their_places_by_the_layout() {
        let layout = HostLayout {
            memory_total_bytes: 64,
            swap_total_bytes: 8,
            disks: vec![DiskLayout { mount: "/".to_owned(), ..DiskLayout::default() }],
            interfaces: vec![InterfaceLayout { name: "eth0".to_owned(), outside: true }],
        };
        let values: Vec<i64> = (1..=16).collect();
        let sample = host(&layout, &values).unwrap();
        assert_eq!((sample.cpu_permille, sample.uptime_s, sample.memory_total_bytes), (1, 6, 64));
        assert_eq!((sample.disks[0].free_bytes, sample.disks[0].written_bytes), (7, 10));
        let interface = &sample.interfaces[0];
        assert_eq!((interface.received_bytes, interface.sent_peak_bytes_per_s), (11, 16));
        assert!(host(&layout, &values[1..]).unwrap_err().contains("15 values"));
    }

    #[test]
    fn what_was_not_asked_of_a_database_is_not_0() {
        let layout = DatabaseLayout::default();
        let sample = database(&layout, &[1, 2, 3, 4, 5, 0, 1]).unwrap();
        assert_eq!((sample.size_bytes, sample.accounts), (None, Some(0)));
        assert!(database(&layout, &[1]).is_err());
    }
}
