-- One-time tokens for enrolment. The secret itself is not kept, only its SHA-256. `agent_id` is empty when
-- the token is for any server of the site; times are 0 while the thing has not happened.
-- reference: few, and looked up by id alone, before it is known whose they are
CREATE TABLE token (
    token_id BLOB NOT NULL,
    secret_hash BLOB NOT NULL,
    site_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT NOT NULL,
    used_ms BIGINT NOT NULL,
    used_serial BLOB NOT NULL,
    PRIMARY KEY (token_id)
);
