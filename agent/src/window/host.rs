//! Host samples of one minute, merged as the `.proto` says: mean and highest processor time, lowest
//! free memory and disk, last counters, highest rates.

use crate::domain::{DiskSample, HostSample, InterfaceSample};

/// See the module.
#[derive(Default)]
pub(super) struct HostMinute {
    merged: Option<HostSample>,
    cpu_permille_sum: u64,
    samples: u64,
}

impl HostMinute {
    pub(super) fn merge(&mut self, sample: &HostSample) {
        self.cpu_permille_sum += u64::from(sample.cpu_permille);
        self.samples += 1;
        let mut next = sample.clone();
        next.cpu_max_permille = next.cpu_max_permille.max(next.cpu_permille);
        if let Some(before) = &self.merged {
            next.cpu_max_permille = next.cpu_max_permille.max(before.cpu_max_permille);
            next.memory_available_bytes =
                next.memory_available_bytes.min(before.memory_available_bytes);
            next.disks.iter_mut().for_each(|disk| keep_lowest(disk, &before.disks));
            next.interfaces.iter_mut().for_each(|i| keep_highest(i, &before.interfaces));
        }
        self.merged = Some(next);
    }

    pub(super) fn close(&self) -> HostSample {
        let mut merged = self.merged.clone().unwrap_or_default();
        // A mean of permilles is one.
        merged.cpu_permille = (self.cpu_permille_sum / self.samples.max(1)) as u32;
        merged
    }
}

fn keep_lowest(disk: &mut DiskSample, before: &[DiskSample]) {
    if let Some(before) = before.iter().find(|b| b.mount == disk.mount) {
        disk.free_bytes = disk.free_bytes.min(before.free_bytes);
        disk.inodes_free = disk.inodes_free.min(before.inodes_free);
    }
}

fn keep_highest(interface: &mut InterfaceSample, before: &[InterfaceSample]) {
    if let Some(before) = before.iter().find(|b| b.name == interface.name) {
        let peak = interface.received_peak_bytes_per_s;
        interface.received_peak_bytes_per_s = peak.max(before.received_peak_bytes_per_s);
        let peak = interface.sent_peak_bytes_per_s;
        interface.sent_peak_bytes_per_s = peak.max(before.sent_peak_bytes_per_s);
    }
}
