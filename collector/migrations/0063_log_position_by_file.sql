-- How far each file of each log is counted, as JSON: of the highest batch folded so far that read it.
-- `file`: device, inode, generation; empty where it was kept by log before. `place`: among the positions of
-- that batch, which are in the order of reading. `closed_ms`: when the agent closed it, in UTC milliseconds;
-- numbers of two epochs cannot be compared, times can.
ALTER TABLE log_position RENAME TO log_position_by_log;
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
INSERT INTO log_position (site_id, agent_id, epoch, source, file, seq, place, closed_ms, position)
SELECT site_id, agent_id, epoch, source, '', seq, 0, closed_ms, position FROM log_position_by_log;
DROP TABLE log_position_by_log;
