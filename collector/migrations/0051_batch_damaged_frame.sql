-- As in the table batch.
ALTER TABLE batch_damaged ADD COLUMN merged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch_damaged ADD COLUMN codec BIGINT NOT NULL DEFAULT 1;
ALTER TABLE batch_damaged ADD COLUMN closed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch_damaged ADD COLUMN exemplars_codec BIGINT NOT NULL DEFAULT 1;
ALTER TABLE batch_damaged ADD COLUMN exemplars BLOB;
ALTER TABLE batch_damaged ADD COLUMN exemplars_shed BIGINT NOT NULL DEFAULT 0;
