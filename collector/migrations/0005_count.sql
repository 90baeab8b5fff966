-- `hour` is whole hours since 1970 in UTC; `day` is days since 1970 in the site's own zone.

-- Occurrences of an error in an hour; `minutes` packs those of each minute.
-- distributed by site_id
CREATE TABLE error_hour (
    site_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    agent_id TEXT NOT NULL,
    fingerprint BIGINT NOT NULL,
    count BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    minutes BLOB NOT NULL,
    PRIMARY KEY (site_id, hour, agent_id, fingerprint)
);

-- distributed by site_id
CREATE TABLE error_day (
    site_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    agent_id TEXT NOT NULL,
    fingerprint BIGINT NOT NULL,
    count BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, day, agent_id, fingerprint)
);

-- The newest redacted occurrence of an error at a site; `error_ids` is a JSON list.
-- distributed by site_id
CREATE TABLE exemplar (
    site_id TEXT NOT NULL,
    fingerprint BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    text TEXT NOT NULL,
    error_ids TEXT NOT NULL,
    PRIMARY KEY (site_id, fingerprint)
);

-- Every query of a server in an hour: counts by minute, one sketch of durations.
-- distributed by site_id
CREATE TABLE query_block (
    site_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    agent_id TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (site_id, hour, agent_id)
);

-- distributed by site_id
CREATE TABLE query_day (
    site_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    agent_id TEXT NOT NULL,
    fingerprint BIGINT NOT NULL,
    source TEXT NOT NULL,
    database_name TEXT NOT NULL,
    calls BIGINT NOT NULL,
    total_us BIGINT NOT NULL,
    max_us BIGINT NOT NULL,
    rows_count BIGINT NOT NULL,
    sketch BLOB NOT NULL,
    PRIMARY KEY (site_id, day, agent_id, fingerprint, source, database_name)
);
