-- Batches that mention ids whose definition has not come yet. Apart from the table batch, so that the
-- fold does not look at them again and again: each waits for one id, and goes back when it is defined.
-- distributed by site_id
CREATE TABLE batch_waiting (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    waits_for BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    merged BIGINT NOT NULL,
    first_minute BIGINT NOT NULL,
    last_minute BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    closed_ms BIGINT NOT NULL,
    codec BIGINT NOT NULL,
    exemplars_codec BIGINT NOT NULL,
    exemplars_shed BIGINT NOT NULL,
    data BLOB NOT NULL,
    exemplars BLOB,
    PRIMARY KEY (site_id, agent_id, epoch, waits_for, seq)
);
