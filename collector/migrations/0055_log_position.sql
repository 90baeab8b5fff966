-- How far each file of each log is counted, as JSON: of the highest batch folded so far that read it.
-- `file`: device, inode, generation. `place`: among the positions of that batch, which are in the order of
-- reading. `closed_ms`: when the agent closed it, in UTC milliseconds; numbers of two epochs cannot be
-- compared, times can.
-- distributed by site_id
CREATE TABLE log_position (
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    epoch BLOB NOT NULL,
    source TEXT NOT NULL,
    file TEXT NOT NULL,
    seq BIGINT NOT NULL,
    place BIGINT NOT NULL,
    closed_ms BIGINT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (site_id, agent_id, epoch, source, file)
);
