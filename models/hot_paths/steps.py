"""Steps that several atomic changes have in common."""

EVENT = """
    INSERT INTO security_events (created_at, type, user_id, address, user_agent)
    SELECT :now, :event, :user, :address, :user_agent WHERE {previous} RETURNING id
"""
"""Appends to the trail of security events."""


def event_named(value: str) -> str:
    """The same step for the event whose type is the value with this name."""
    return EVENT.replace(":event", f":{value}")


ATTEMPT_ALLOWED = (
    "NOT EXISTS (SELECT 1 FROM throttles WHERE key = :throttle AND allowed_at > :seconds)"
)
"""A condition: an attempt that is counted under `throttle` need not wait now."""
CLEAR_FAILURES = """
    INSERT INTO throttles (key, failures, failed_at, allowed_at)
    SELECT :throttle, 0, :seconds, 0 WHERE {previous}
    ON CONFLICT (key) DO UPDATE SET failures = 0, allowed_at = 0, announced_at = 0, refused = 0
    WHERE throttles.allowed_at <= :seconds OR :counted
    RETURNING key
"""
"""The first step of what a right guess is good for: finds nothing if the attempt has to wait now
and was not counted before.

It writes a row though there is nothing to count, so that it waits for the attempts that fail at the
same moment, or they for it.
"""
OPEN_SESSION = {
    "session": """
        INSERT INTO user_sessions (id, user_id, methods, created_at, authenticated_at,
            last_used_at, expires_at, address, user_agent)
        SELECT :session, :user, :methods, :now, :now,
            :now, :expires_at, :address, :user_agent WHERE {previous} RETURNING id""",
    "token": """
        INSERT INTO refresh_tokens (id, session_id, digest)
        SELECT :token, :session, :digest WHERE {previous} RETURNING id""",
    "event": EVENT,
}
DISPLACE_OLDEST = {
    "displaced": """
        DELETE FROM user_sessions WHERE id IN (
            SELECT id FROM user_sessions WHERE user_id = :user AND id <> :session
            ORDER BY created_at DESC, id LIMIT 1000000 OFFSET :others)
        AND {previous} RETURNING id""",
    "displacement": event_named("displaced"),
}
"""Ends the oldest sessions of a user who has more than `others` beside the new one."""
SESSION_IS_ALIVE = "user_sessions.expires_at > :now AND user_sessions.last_used_at > :idle_since"
