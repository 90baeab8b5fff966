-- Error ids may be newer than the text beside them; of which time they are.
ALTER TABLE exemplar ADD COLUMN ids_at_ms BIGINT NOT NULL DEFAULT 0;
