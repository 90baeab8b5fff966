//! What is measured: the host, its databases, their statements.

/// What a statement of `pg_stat_statements` did since it was last asked. The text is PostgreSQL's own
/// (literals already `$n`) and not yet redacted or grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StatementDelta {
    pub database: String,
    pub text: String,
    pub calls: u64,
    pub total_us: u64,
    pub rows: u64,
}

/// What the host measured at one moment or, merged, in one minute; units as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HostSample {
    pub cpu_permille: u32,
    pub cpu_max_permille: u32,
    pub load1_centi: u32,
    pub memory_total_bytes: u64,
    pub memory_available_bytes: u64,
    pub swap_total_bytes: u64,
    pub swap_used_bytes: u64,
    pub disks: Vec<DiskSample>,
    pub interfaces: Vec<InterfaceSample>,
    pub uptime_s: u32,
}

/// One mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DiskSample {
    pub mount: String,
    pub file_system: String,
    pub total_bytes: u64,
    pub free_bytes: u64,
    pub inodes_total: u64,
    pub inodes_free: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
}

/// One network interface; counters since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct InterfaceSample {
    pub name: String,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub received_errors: u64,
    pub sent_errors: u64,
    pub received_peak_bytes_per_s: u64,
    pub sent_peak_bytes_per_s: u64,
    pub outside: bool,
}

/// One database of one cluster; counters since `stats_reset_ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DatabaseSample {
    pub cluster: String,
    pub database: String,
    pub size_bytes: Option<u64>,
    pub commits: u64,
    pub rollbacks: u64,
    pub deadlocks: u64,
    pub stats_reset_ms: i64,
    pub connections: u32,
    pub connections_max: u32,
    pub connections_active: u32,
    pub accounts: Option<u64>,
}

/// What is known of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DatabaseFacts {
    pub cluster: String,
    pub version: String,
    pub statements_view: bool,
    pub statements_view_reason: String,
    pub log_min_duration_ms: i64,
    /// `log_line_prefix` of the server: how its stderr log is read. Stays on this machine.
    pub log_line_prefix: String,
    /// `log_timezone` of the server. Stays on this machine.
    pub log_timezone: String,
}

/// Facts of the machine that change rarely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HostFacts {
    pub hostname: String,
    pub os: String,
    pub kernel: String,
    pub cpus: u32,
    pub memory_bytes: u64,
    pub swap_bytes: u64,
    pub boot_time_ms: i64,
    pub boot_id: [u8; 16],
}
