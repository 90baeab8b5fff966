//! Values of hosts and databases, in the order of the contract (`Values` in the `.proto`), and how those
//! of several minutes become one.

use std::collections::HashMap;

use pantau_proto::v1;

use crate::domain::{DatabaseSample, HostSample};

/// Values of a host before those of its disks; of one disk; of one interface.
const HOST: usize = 6;
const DISK: usize = 4;
const INTERFACE: usize = 6;
/// Values of a database.
const DATABASE: usize = 7;

/// How a value of several minutes is made of theirs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    Mean,
    Highest,
    Lowest,
    Last,
    /// The last one that was asked for at all (0: not asked).
    LastAsked,
}

const HOST_MERGE: [Merge; HOST] =
    [Merge::Mean, Merge::Highest, Merge::Mean, Merge::Lowest, Merge::Highest, Merge::Last];
const DISK_MERGE: [Merge; DISK] = [Merge::Lowest, Merge::Lowest, Merge::Last, Merge::Last];
const INTERFACE_MERGE: [Merge; INTERFACE] =
    [Merge::Last, Merge::Last, Merge::Last, Merge::Last, Merge::Highest, Merge::Highest];
const DATABASE_MERGE: [Merge; DATABASE] = [
    Merge::Last,
    Merge::Last,
    Merge::Last,
    Merge::Highest,
    Merge::Highest,
    Merge::LastAsked,
    Merge::LastAsked,
];

pub(super) fn of_host(host: &HostSample) -> Vec<i64> {
    let mut values = vec![
        i64::from(host.cpu_permille),
        i64::from(host.cpu_max_permille),
        i64::from(host.load1_centi),
        host.memory_available_bytes as i64,
        host.swap_used_bytes as i64,
        i64::from(host.uptime_s),
    ];
    for disk in &host.disks {
        let of_disk = [disk.free_bytes, disk.inodes_free, disk.read_bytes, disk.written_bytes];
        values.extend(of_disk.map(|value| value as i64));
    }
    for interface in &host.interfaces {
        let of_interface = [
            interface.received_bytes,
            interface.sent_bytes,
            interface.received_errors,
            interface.sent_errors,
            interface.received_peak_bytes_per_s,
            interface.sent_peak_bytes_per_s,
        ];
        values.extend(of_interface.map(|value| value as i64));
    }
    values
}

pub(super) fn of_database(sample: &DatabaseSample) -> Vec<i64> {
    let asked = |value: Option<u64>| value.map_or(0, |value| value.saturating_add(1) as i64);
    vec![
        sample.commits as i64,
        sample.rollbacks as i64,
        sample.deadlocks as i64,
        i64::from(sample.connections),
        i64::from(sample.connections_active),
        asked(sample.size_bytes),
        asked(sample.accounts),
    ]
}

/// Values as differences to the ones before of the same layout, and back. One for each batch.
#[derive(Default)]
pub(super) struct Differences {
    before: HashMap<u32, Vec<i64>>,
}

impl Differences {
    pub(super) fn make(&mut self, layout: u32, disks: u32, values: Vec<i64>) -> v1::Values {
        let differences = match self.before.get(&layout).filter(|b| b.len() == values.len()) {
            Some(before) => values.iter().zip(before).map(|(v, b)| v.wrapping_sub(*b)).collect(),
            None => values.clone(),
        };
        self.before.insert(layout, values);
        v1::Values { layout, values: differences, disks }
    }

    pub(super) fn read(&mut self, values: v1::Values) -> Absolute {
        let v1::Values { layout, mut values, disks } = values;
        if let Some(before) = self.before.get(&layout).filter(|b| b.len() == values.len()) {
            values.iter_mut().zip(before).for_each(|(v, b)| *v = v.wrapping_add(*b));
        }
        self.before.insert(layout, values.clone());
        Absolute { layout, disks, values }
    }
}

/// Values that are no differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absolute {
    pub(super) layout: u32,
    pub(super) disks: u32,
    pub(super) values: Vec<i64>,
}

/// Values of several minutes, merged.
pub(super) struct Merged {
    last: Absolute,
    sums: Vec<i128>,
    minutes: i128,
    is_host: bool,
}

impl Merged {
    pub(super) fn host(first: Absolute) -> Merged {
        Merged::new(first, true)
    }

    pub(super) fn database(first: Absolute) -> Merged {
        Merged::new(first, false)
    }

    fn new(first: Absolute, is_host: bool) -> Merged {
        let sums = first.values.iter().map(|value| i128::from(*value)).collect();
        Merged { last: first, sums, minutes: 1, is_host }
    }

    /// Adds a later minute. Where the layout has changed, what stands for the devices of the earlier one
    /// is left out: it belongs to no device of the later one.
    pub(super) fn add(&mut self, later: Absolute) {
        let is_same =
            (self.last.disks, self.last.values.len()) == (later.disks, later.values.len());
        let comparable =
            if is_same { later.values.len() } else { HOST.min(self.last.values.len()) };
        let before = std::mem::replace(&mut self.last, later);
        let mut sums = vec![0; self.last.values.len()];
        for (at, value) in self.last.values.iter_mut().enumerate() {
            let sum = self.sums.get(at).copied().unwrap_or(0) + i128::from(*value);
            if let Some(slot) = sums.get_mut(at) {
                *slot = sum;
            }
            let Some(before) = before.values.get(at).filter(|_| at < comparable) else { continue };
            *value = match merge_of(self.is_host, self.last.disks, at) {
                Merge::Highest => (*value).max(*before),
                Merge::Lowest => (*value).min(*before),
                Merge::LastAsked if *value == 0 => *before,
                Merge::Last | Merge::LastAsked | Merge::Mean => *value,
            };
        }
        self.sums = sums;
        self.minutes += 1;
    }

    pub(super) fn close(self) -> Absolute {
        let Merged { mut last, sums, minutes, is_host } = self;
        for (at, (value, sum)) in last.values.iter_mut().zip(sums).enumerate() {
            if merge_of(is_host, last.disks, at) == Merge::Mean {
                // The mean of numbers of 64 bits is one.
                *value = (sum / minutes) as i64;
            }
        }
        last
    }
}

fn merge_of(is_host: bool, disks: u32, at: usize) -> Merge {
    if !is_host {
        return DATABASE_MERGE.get(at).copied().unwrap_or(Merge::Last);
    }
    if let Some(merge) = HOST_MERGE.get(at) {
        return *merge;
    }
    let of_devices = at - HOST;
    let of_disks = (disks as usize).saturating_mul(DISK);
    if of_devices < of_disks {
        DISK_MERGE[of_devices % DISK]
    } else {
        INTERFACE_MERGE[(of_devices - of_disks) % INTERFACE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DiskSample, InterfaceSample};

    fn host(cpu_permille: u32, free_bytes: u64, received_bytes: u64) -> HostSample {
        HostSample {
            cpu_permille,
            cpu_max_permille: cpu_permille + 1,
            memory_available_bytes: free_bytes,
            disks: vec![DiskSample { free_bytes, ..Default::default() }],
            interfaces: vec![InterfaceSample { received_bytes, ..Default::default() }],
            ..Default::default()
        }
    }

    fn absolute(values: Vec<i64>) -> Absolute {
        Absolute { layout: 1, disks: 1, values }
    }

    #[test]
    fn differences_come_back_as_they_were_whatever_lies_between_them() {
        let (mut writer, mut reader) = (Differences::default(), Differences::default());
        for values in [vec![1, i64::MAX], vec![5, i64::MIN], vec![7], vec![8]] {
            let read = reader.read(writer.make(1, 1, values.clone()));
            assert_eq!(read, absolute(values));
        }
    }

    #[test]
    fn minutes_of_a_host_become_means_extremes_and_last_counters() {
        let samples = [host(100, 90, 1_000), host(500, 20, 2_000), host(300, 50, 3_000)];
        let [first, second, third] = samples.map(|sample| absolute(of_host(&sample)));
        let mut merged = Merged::host(first);
        merged.add(second);
        merged.add(third);
        let expected =
            HostSample { cpu_permille: 300, cpu_max_permille: 501, ..host(300, 20, 3_000) };
        assert_eq!(merged.close().values, of_host(&expected));
    }

    #[test]
    fn a_disk_that_came_in_between_is_not_taken_for_another() {
        let mut two = host(300, 70, 2_000);
        two.disks.insert(0, DiskSample { free_bytes: 5, ..Default::default() });
        let mut merged = Merged::host(absolute(of_host(&host(100, 50, 1_000))));
        merged.add(Absolute { layout: 2, disks: 2, values: of_host(&two) });
        let closed = merged.close();
        assert_eq!(closed.values[HOST..HOST + 2 * DISK], [5, 0, 0, 0, 70, 0, 0, 0]);
        assert_eq!((closed.values[0], closed.layout), (200, 2));
    }

    #[test]
    fn a_size_that_was_asked_once_in_the_hour_is_kept() {
        let sample = |size_bytes, connections| {
            let sample = DatabaseSample { size_bytes, connections, ..Default::default() };
            Absolute { layout: 1, disks: 0, values: of_database(&sample) }
        };
        let mut merged = Merged::database(sample(Some(0), 9));
        merged.add(sample(None, 3));
        assert_eq!(merged.close(), sample(Some(0), 9));
    }
}
