CREATE INDEX certificate_by_agent ON certificate (site_id, agent_id, issued_ms);
