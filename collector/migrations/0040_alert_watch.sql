-- What alerting remembers of a key between two ticks: its latches, running holds, open alert.
-- distributed by site_id; one row per key that is not calm
CREATE TABLE alert_watch (
    site_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    part TEXT NOT NULL,
    warning_on BIGINT NOT NULL,
    warning_since_ms BIGINT,
    critical_on BIGINT NOT NULL,
    critical_since_ms BIGINT,
    opened_ms BIGINT NOT NULL,
    transitions BIGINT NOT NULL,
    PRIMARY KEY (site_id, rule, agent_id, part)
);
