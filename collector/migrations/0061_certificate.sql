-- Certificates of agents, as issued. `key_hash` is the SHA-256 of the public point; `seen_ms` is when an
-- agent first came with it, `revoked_ms` since when it is refused, 0 while neither has happened.
-- reference: a handful per server, and every collector reads the revoked ones of all sites at once
CREATE TABLE certificate (
    serial BLOB NOT NULL,
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    der BLOB NOT NULL,
    key_hash BLOB NOT NULL,
    machine_id BLOB NOT NULL,
    issued_ms BIGINT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    revoked_ms BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (serial)
);
