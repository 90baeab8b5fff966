-- Ids that batches wait for; the agent is asked for them.
-- distributed by site_id
CREATE TABLE definition_wanted (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    id BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, id)
);
