-- Alerts, open and past: one row per alert from its beginning to its end, as its newest transition left it.
-- distributed by site_id
CREATE TABLE alert (
    site_id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    part TEXT NOT NULL,
    sample BIGINT NOT NULL,
    opened_ms BIGINT NOT NULL,
    resolved_ms BIGINT,
    number BIGINT NOT NULL,
    transition TEXT NOT NULL,
    level TEXT NOT NULL,
    value BIGINT,
    threshold BIGINT NOT NULL,
    unit TEXT NOT NULL,
    detail TEXT NOT NULL,
    reason TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, alert_id)
);
