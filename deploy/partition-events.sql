-- Partitions the security events by month, on PostgreSQL: dropping a month takes no time, however
-- many events it has. Run it once, while no server runs; it takes as long as copying the events.
BEGIN;
ALTER TABLE security_events RENAME TO security_events_before;
CREATE TABLE security_events (
    LIKE security_events_before INCLUDING DEFAULTS INCLUDING IDENTITY,
    PRIMARY KEY (id, created_at),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) PARTITION BY RANGE (created_at);
CREATE INDEX ON security_events (user_id, id);
CREATE INDEX ON security_events (user_id, type, id);
CREATE INDEX ON security_events (type, id);
CREATE INDEX ON security_events (address, id);
CREATE INDEX ON security_events (created_at);
-- Events of a month without a partition. Keep it empty: create the partitions in time.
CREATE TABLE security_events_default PARTITION OF security_events DEFAULT;
CREATE TABLE security_events_2026_12 PARTITION OF security_events
    FOR VALUES FROM ('2026-12-01Z') TO ('2027-01-01Z');
INSERT INTO security_events SELECT * FROM security_events_before;
ALTER SEQUENCE security_events_id_seq OWNED BY NONE;
DROP TABLE security_events_before;
ALTER SEQUENCE security_events_id_seq OWNED BY security_events.id;
COMMIT;
