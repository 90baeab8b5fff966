-- When a collector was running: what it could not see is unknown, not up.
-- local: one row per run of one collector process, extended while it lives
CREATE TABLE collector_run (
    collector_id TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    PRIMARY KEY (collector_id, from_ms)
);
