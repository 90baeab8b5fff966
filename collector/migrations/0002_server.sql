-- What the settings say of each site; the fold needs its zone to know to which day an hour belongs.
-- reference
CREATE TABLE site (
    site_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    zone TEXT NOT NULL
);

-- Each server and its newest state. `host`, `live` and `database_facts` are JSON.
-- distributed by site_id
CREATE TABLE server (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    version TEXT NOT NULL,
    epoch BLOB NOT NULL,
    boot_id BLOB NOT NULL,
    host TEXT NOT NULL,
    sample BIGINT NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    clock_offset_ms BIGINT NOT NULL,
    live TEXT NOT NULL,
    live_at_ms BIGINT NOT NULL,
    database_facts TEXT NOT NULL,
    PRIMARY KEY (site_id, agent_id)
);

-- When an agent was in contact: from its first to its last sign of life, none more than 75 s after the
-- one before.
-- distributed by site_id
CREATE TABLE contact (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, from_ms)
);
