-- Security events in one partition a month, on PostgreSQL: a month that is dropped takes no time,
-- however many events it had. To be run once, while no server runs; it takes as long as copying them.
BEGIN;
ALTER TABLE security_events RENAME TO security_events_before;
CREATE TABLE security_events (
    LIKE security_events_before INCLUDING DEFAULTS INCLUDING IDENTITY,
    PRIMARY KEY (id, created_at),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
CREATE INDEX ON security_events (user_id, id);
CREATE INDEX ON security_events (user_id, type, id);
CREATE INDEX ON security_events (created_at);
-- What comes in a month that nobody has made a partition for. Keep it empty: make them in time.
CREATE TABLE security_events_default PARTITION OF security_events DEFAULT;
CREATE TABLE security_events_2026_12 PARTITION OF security_events
    FOR VALUES FROM ('2026-12-01Z') TO ('2027-01-01Z');
INSERT INTO security_events SELECT * FROM security_events_before;
ALTER SEQUENCE security_events_id_seq OWNED BY NONE;
DROP TABLE security_events_before;
ALTER SEQUENCE security_events_id_seq OWNED BY security_events.id;
COMMIT;
