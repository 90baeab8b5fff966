-- When the agent closed the batch that a position came with, in UTC milliseconds: numbers of two epochs
-- cannot be compared, times can.
ALTER TABLE log_position ADD COLUMN closed_ms BIGINT NOT NULL DEFAULT 0;
