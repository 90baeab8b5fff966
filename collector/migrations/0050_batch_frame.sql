-- What must be known to read a batch, and its examples apart from its counts. `codec`: 1 Zstandard, 2 as
-- it is. `merged`: so many batches before it are part of it.
ALTER TABLE batch ADD COLUMN merged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN codec BIGINT NOT NULL DEFAULT 1;
ALTER TABLE batch ADD COLUMN closed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN exemplars_codec BIGINT NOT NULL DEFAULT 1;
ALTER TABLE batch ADD COLUMN exemplars BLOB;
ALTER TABLE batch ADD COLUMN exemplars_shed BIGINT NOT NULL DEFAULT 0;
