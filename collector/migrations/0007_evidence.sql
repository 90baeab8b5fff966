-- What agents saw of a target; rows of one subject never overlap.
-- distributed by site_id
CREATE TABLE observation (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    target TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (site_id, agent_id, target, subject, from_ms)
);

-- Losses that agents declared.
-- distributed by site_id
CREATE TABLE gap (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    source TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, source, from_ms, to_ms, reason)
);

-- Lines read by what became of them, by the site's own day of the batch that reported them.
-- distributed by site_id
CREATE TABLE line_fate (
    site_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    agent_id TEXT NOT NULL,
    source TEXT NOT NULL,
    lines_read BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    ignored BIGINT NOT NULL,
    before_start BIGINT NOT NULL,
    unparsed BIGINT NOT NULL,
    PRIMARY KEY (site_id, day, agent_id, source)
);

-- When anything was last folded into a site's day: a report computed before that is out of date.
-- distributed by site_id
CREATE TABLE site_change (
    site_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, day)
);
