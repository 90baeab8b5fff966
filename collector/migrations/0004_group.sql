-- What a fingerprint stands for, the same at every site; written in a transaction of its own before
-- the counts that mention it.
-- reference
CREATE TABLE error_group (
    fingerprint BIGINT NOT NULL PRIMARY KEY,
    fingerprint_version BIGINT NOT NULL,
    origin TEXT NOT NULL,
    severity TEXT NOT NULL,
    class TEXT NOT NULL,
    sqlstate TEXT NOT NULL,
    template TEXT NOT NULL,
    failed_transaction BIGINT NOT NULL
);

-- As above, for queries; source and database are part of a query's counts, not of its text.
-- reference
CREATE TABLE query_group (
    fingerprint BIGINT NOT NULL PRIMARY KEY,
    fingerprint_version BIGINT NOT NULL,
    template TEXT NOT NULL
);
