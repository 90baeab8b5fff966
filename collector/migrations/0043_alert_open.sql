CREATE INDEX alert_open ON alert (resolved_ms, opened_ms);
