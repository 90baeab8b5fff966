-- Positions are kept by log (log_position): a batch names only the logs that were read in it.
DROP TABLE agent_position;
