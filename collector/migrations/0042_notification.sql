-- The outbox: one row per transition and channel, written in the transaction that changes the alert.
-- distributed by site_id, beside alert
CREATE TABLE notification (
    site_id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    channel TEXT NOT NULL,
    transition TEXT NOT NULL,
    level TEXT NOT NULL,
    value BIGINT,
    threshold BIGINT NOT NULL,
    detail TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_try_ms BIGINT NOT NULL,
    sent_ms BIGINT,
    last_error TEXT NOT NULL,
    PRIMARY KEY (site_id, alert_id, number, channel)
);
