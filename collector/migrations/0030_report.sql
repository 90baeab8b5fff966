-- Reports as they were written. A period may have several revisions: late data gives a new one.
-- `covered_to_ms` is before `period_to_ms` when it was written before the period was over; `model` is the document model as JSON, zstd; `digest` that of its figures.
-- distributed by site_id
CREATE TABLE report (
    site_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    period_to_ms BIGINT NOT NULL,
    covered_to_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    digest TEXT NOT NULL,
    sample BIGINT NOT NULL,
    lesson TEXT NOT NULL,
    model BLOB NOT NULL,
    pdf BLOB NOT NULL,
    PRIMARY KEY (site_id, kind, from_ms, period_to_ms, revision)
);
