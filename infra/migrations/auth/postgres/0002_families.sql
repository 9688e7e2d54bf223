-- Refresh tokens know their generation, the outbox is lent in turns, and what is over is found by indexes.

-- The first token of a session is of generation 0; what takes a token's place is of the next.
ALTER TABLE refresh_tokens ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
DROP INDEX refresh_tokens_of_session;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, generation);

-- One row: who leases from the outbox writes it first.
CREATE TABLE outbox_turn (turns BIGINT NOT NULL);
INSERT INTO outbox_turn (turns) VALUES (0);
CREATE INDEX outbox_of_key ON outbox (topic, record_key, id);

CREATE INDEX registrations_over ON registrations (changed_at) WHERE state <> 'pending';
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX audit_by_age ON audit (at);
