-- Numbers of the batches that are stored, first and last included; ranges of an epoch never touch.
-- distributed by site_id
CREATE TABLE stored_range (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, first_seq)
);

-- Batches as they arrived, until they are folded.
-- distributed by site_id
CREATE TABLE batch (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    seq BIGINT NOT NULL,
    first_minute BIGINT NOT NULL,
    last_minute BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, seq)
);

-- Batches that could not be read; kept for a person, never folded.
-- distributed by site_id
CREATE TABLE batch_damaged (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    seq BIGINT NOT NULL,
    first_minute BIGINT NOT NULL,
    last_minute BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    data BLOB NOT NULL,
    why TEXT NOT NULL,
    found_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, seq)
);

-- Read positions of the highest batch folded so far, as JSON.
-- distributed by site_id
CREATE TABLE agent_position (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    seq BIGINT NOT NULL,
    positions TEXT NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch)
);
