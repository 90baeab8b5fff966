-- The machine that called last as this agent: hash of its id, or its boot. NULL: none has called since this
-- is kept.
ALTER TABLE server ADD COLUMN machine BLOB;
