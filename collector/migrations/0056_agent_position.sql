-- Positions are kept by file (log_position): a batch names only the files that were read in it.
DROP TABLE agent_position;
