-- How far each log is counted, as JSON: of the highest batch folded so far that read it.
-- distributed by site_id
CREATE TABLE log_position (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    source TEXT NOT NULL,
    seq BIGINT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, source)
);
