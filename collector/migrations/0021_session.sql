-- Who is signed in. The key is the SHA-256 of the cookie's value, so that a copy of the store opens no
-- session.
-- reference: short-lived rows
CREATE TABLE session (
    id_hash TEXT NOT NULL,
    person TEXT NOT NULL,
    data TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (id_hash)
);
