//! The machine: processors, memory, disks, network. Memory comes through `sysinfo` (which knows how to
//! estimate what is available on kernels before 3.14), the rest from `/proc` directly: no list of
//! processes is ever read.

use std::{fs, io, path::Path, path::PathBuf};

use super::{
    cpu::{self, Ticks},
    disk, network,
    standing::Standing,
};
use crate::domain::{HostFacts, HostSample, Problem};

/// Below this much free space beside the spool a person is told: it is what a day of batches takes, with
/// room to spare.
const SPOOL_SPACE_LOW_BYTES: u64 = 64 << 20;

/// Samples the machine. What is a difference (processor time, rates) is taken since the call before.
pub struct HostSampler {
    state_dir: PathBuf,
    system: Option<sysinfo::System>,
    ticks: Option<Ticks>,
    rates: network::Rates,
    standing: Standing,
}

/// Subject and text of each thing that could not be measured.
type Found = Vec<(String, String)>;

impl HostSampler {
    /// `state_dir`: where the spool lies; its free space is watched.
    pub fn new(state_dir: &Path) -> HostSampler {
        HostSampler {
            state_dir: state_dir.to_owned(),
            system: sysinfo::System::new().ok(),
            ticks: fs::read_to_string("/proc/stat").ok().and_then(|stat| Ticks::parse(&stat)),
            rates: network::Rates::default(),
            standing: Standing::default(),
        }
    }

    /// Facts that change rarely; empty or 0 where the machine does not tell.
    pub fn facts(&self) -> HostFacts {
        use sysinfo::System;
        let mut memory = System::new().ok();
        if let Some(system) = &mut memory {
            system.refresh_memory();
        }
        let of = |read: fn(&System) -> u64| memory.as_ref().map_or(0, read);
        HostFacts {
            hostname: System::host_name().unwrap_or_default(),
            os: os_name(System::name().ok(), System::os_version().ok()),
            kernel: System::kernel_version().unwrap_or_default(),
            cpus: fs::read_to_string("/proc/stat").map_or(0, |stat| cpu::processors(&stat)),
            memory_bytes: of(System::total_memory),
            swap_bytes: of(System::total_swap),
            boot_time_ms: System::boot_time().map_or(0, |s| (s as i64).saturating_mul(1_000)),
            boot_id: boot_id().unwrap_or_default(),
        }
    }

    /// Takes one sample; blocking, a few milliseconds. What cannot be read stays 0 and is a problem.
    pub fn sample(&mut self, now_ms: i64) -> (HostSample, Vec<Problem>) {
        let mut sample = HostSample::default();
        let mut found = Found::new();
        self.processors(&mut sample, &mut found);
        self.memory(&mut sample, &mut found);
        disks(&mut sample, &mut found);
        self.interfaces(&mut sample, now_ms, &mut found);
        self.spool_space(&mut found);
        (sample, self.standing.dated(found, now_ms))
    }

    fn processors(&mut self, sample: &mut HostSample, found: &mut Found) {
        if let Some(ticks) = read("/proc/stat", "host.cpu", Ticks::parse, found) {
            let busy = ticks.busy_permille_since(self.ticks.unwrap_or_default());
            sample.cpu_permille = busy;
            sample.cpu_max_permille = busy;
            self.ticks = Some(ticks);
        }
        sample.load1_centi =
            read("/proc/loadavg", "host.load", cpu::load1_centi, found).unwrap_or_default();
        sample.uptime_s =
            read("/proc/uptime", "host.uptime", cpu::uptime_s, found).unwrap_or_default();
    }

    fn memory(&mut self, sample: &mut HostSample, found: &mut Found) {
        if let Some(system) = &mut self.system {
            system.refresh_memory();
            sample.memory_total_bytes = system.total_memory();
            sample.memory_available_bytes = system.available_memory();
            sample.swap_total_bytes = system.total_swap();
            sample.swap_used_bytes = system.used_swap();
        }
        if sample.memory_total_bytes == 0 {
            found.push(unmeasured("host.memory", "/proc/meminfo", "it has no MemTotal"));
        }
    }

    fn interfaces(&mut self, sample: &mut HostSample, now_ms: i64, found: &mut Found) {
        let parse = |dev: &str| Some(network::interfaces(dev));
        let Some(mut interfaces) = read("/proc/net/dev", "host.network", parse, found) else {
            return;
        };
        // Without IPv6 its file does not exist; that is not a problem.
        let ipv4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
        let ipv6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
        let route = network::default_route(&ipv4, &ipv6);
        network::mark_outside(&mut interfaces, route.as_deref());
        self.rates.set(&mut interfaces, now_ms);
        sample.interfaces = network::limited(interfaces);
    }

    fn spool_space(&self, found: &mut Found) {
        let Ok(free) = disk::free_bytes(&self.state_dir) else { return };
        if let Some(text) = spool_space_problem(free, &self.state_dir) {
            found.push(("spool".to_owned(), text));
        }
    }
}

fn disks(sample: &mut HostSample, found: &mut Found) {
    let parse = |mountinfo: &str| Some(disk::mounts(mountinfo));
    let Some(mounts) = read("/proc/self/mountinfo", "host.disks", parse, found) else { return };
    let diskstats = fs::read_to_string("/proc/diskstats").unwrap_or_default();
    let counters = disk::DeviceCounters::parse(&diskstats);
    if mounts.len() > disk::DISKS_MAX {
        let text = format!(
            "{} file systems are mounted; the first {} are watched",
            mounts.len(),
            disk::DISKS_MAX
        );
        found.push(("host.disks".to_owned(), text));
    }
    sample.disks = mounts
        .iter()
        .take(disk::DISKS_MAX)
        .filter_map(|mount| disk::sample(mount, &counters))
        .collect();
}

fn spool_space_problem(free_bytes: u64, dir: &Path) -> Option<String> {
    (free_bytes < SPOOL_SPACE_LOW_BYTES).then(|| {
        format!(
            "only {} MiB are free where the spool lies ({}): make room there, or set state_dir to \
             another disk",
            free_bytes >> 20,
            dir.display()
        )
    })
}

/// Reads a file of `/proc` and understands it, or notes why not.
fn read<T>(
    path: &str,
    subject: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    found: &mut Found,
) -> Option<T> {
    let text: io::Result<String> = fs::read_to_string(path);
    let (value, why) = match text {
        Ok(text) => (parse(&text), "it is not written as expected".to_owned()),
        Err(error) => (None, error.to_string()),
    };
    if value.is_none() {
        found.push(unmeasured(subject, path, &why));
    }
    value
}

fn unmeasured(subject: &str, path: &str, why: &str) -> (String, String) {
    let text = format!(
        "not measured, because {path} cannot be used: {why}; let the agent's user read {path} (in a \
         container: mount the host's /proc)"
    );
    (subject.to_owned(), text)
}

fn os_name(name: Option<String>, version: Option<String>) -> String {
    [name, version].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The kernel's boot id: new at each boot.
fn boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(*uuid::Uuid::parse_str(text.trim()).ok()?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_sampled_without_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let mut sampler = HostSampler::new(dir.path());
        let (sample, problems) = sampler.sample(1_000);
        assert!(problems.iter().all(|problem| problem.subject == "spool"), "{problems:?}");
        assert!(sample.memory_total_bytes >= sample.memory_available_bytes);
        assert!(sample.memory_available_bytes > 0);
        assert!(sample.cpu_permille <= 1_000);
        let root = &sample.disks[0];
        assert_eq!(root.mount, "/");
        assert!(root.total_bytes >= root.free_bytes && root.total_bytes > 0);
    }

    #[test]
    fn facts_name_the_machine_and_this_boot() {
        let facts = HostSampler::new(Path::new("/")).facts();
        assert!(!facts.hostname.is_empty() && !facts.kernel.is_empty());
        assert!(facts.cpus > 0 && facts.memory_bytes > 0 && facts.boot_time_ms > 0);
        assert_ne!(facts.boot_id, [0; 16]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_problem_that_says_what_to_do() {
        let mut found = Found::new();
        assert_eq!(read("/proc/no-such", "host.cpu", Ticks::parse, &mut found), None);
        assert_eq!(found[0].0, "host.cpu");
        assert!(found[0].1.contains("/proc/no-such"), "{found:?}");
    }

    #[test]
    fn little_space_beside_the_spool_is_told_in_time() {
        let dir = Path::new("/var/lib/pantau-agent");
        assert_eq!(spool_space_problem(SPOOL_SPACE_LOW_BYTES, dir), None);
        let text = spool_space_problem(3 << 20, dir).unwrap();
        assert!(text.contains("only 3 MiB") && text.contains("state_dir"), "{text}");
    }
}
