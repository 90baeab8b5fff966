-- Samples of a server in an hour, by minute: host, disks, interfaces, databases.
-- distributed by site_id
CREATE TABLE host_block (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (site_id, agent_id, hour)
);

-- The same hour in one plain row, for long charts and for SQL by hand.
-- distributed by site_id
CREATE TABLE host_hour (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    minutes BIGINT NOT NULL,
    cpu_mean_permille BIGINT NOT NULL,
    cpu_max_permille BIGINT NOT NULL,
    memory_total_bytes BIGINT NOT NULL,
    memory_available_bytes BIGINT NOT NULL,
    swap_total_bytes BIGINT NOT NULL,
    swap_used_bytes BIGINT NOT NULL,
    disk_mount TEXT NOT NULL,
    disk_total_bytes BIGINT NOT NULL,
    disk_free_bytes BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, hour)
);

-- One database in an hour. Commits, rollbacks and deadlocks are increases between the samples of the
-- hour; the counters at both ends let a reader add what happened between two hours, whichever of them
-- was folded first. Not known is -1.
-- distributed by site_id
CREATE TABLE database_hour (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    cluster TEXT NOT NULL,
    database_name TEXT NOT NULL,
    hour BIGINT NOT NULL,
    minutes BIGINT NOT NULL,
    size_first_bytes BIGINT NOT NULL,
    size_last_bytes BIGINT NOT NULL,
    size_last_ms BIGINT NOT NULL,
    commits BIGINT NOT NULL,
    rollbacks BIGINT NOT NULL,
    deadlocks BIGINT NOT NULL,
    first_commits BIGINT NOT NULL,
    first_rollbacks BIGINT NOT NULL,
    first_deadlocks BIGINT NOT NULL,
    first_reset_ms BIGINT NOT NULL,
    last_commits BIGINT NOT NULL,
    last_rollbacks BIGINT NOT NULL,
    last_deadlocks BIGINT NOT NULL,
    last_reset_ms BIGINT NOT NULL,
    connections_peak BIGINT NOT NULL,
    connections_max BIGINT NOT NULL,
    accounts BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, cluster, database_name, hour)
);
