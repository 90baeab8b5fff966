CREATE INDEX notification_pending ON notification (state, created_ms);
