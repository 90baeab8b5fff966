-- Who may sign in.
-- reference: one row per person; few, the same on every node
CREATE TABLE person (
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (name)
);
