-- What people did. Rows are only ever added.
-- reference: ordered by time; the id makes equal times distinct
CREATE TABLE audit (
    id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    person TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    peer TEXT NOT NULL,
    PRIMARY KEY (id)
);
