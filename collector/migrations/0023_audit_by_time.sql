CREATE INDEX audit_by_time ON audit (at_ms);
