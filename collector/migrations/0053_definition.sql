-- What the ids of an epoch stand for: each as the agent sent it (a Definition), never changed. No bytes:
-- the agent has lost it.
-- distributed by site_id
CREATE TABLE definition (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    id BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, id)
);
