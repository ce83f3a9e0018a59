"""Steps that several atomic changes share."""

EVENT = """
    INSERT INTO security_events (created_at, type, user_id, address, user_agent)
    SELECT :now, :event, :user, :address, :user_agent WHERE {previous} RETURNING id
"""
"""Append a security event."""


def event_named(value: str) -> str:
    """Return the same step, with the event's type taken from the value with this name."""
    return EVENT.replace(":event", f":{value}")


ATTEMPT_ALLOWED = (
    "NOT EXISTS (SELECT 1 FROM throttles WHERE key = :throttle AND allowed_at > :seconds)"
)
"""A condition: an attempt that is counted under `throttle` does not have to wait now."""
CLEAR_FAILURES = """
    INSERT INTO throttles (key, failures, failed_at, allowed_at)
    SELECT :throttle, 0, :seconds, 0 WHERE {previous}
    ON CONFLICT (key) DO UPDATE SET failures = 0, allowed_at = 0, announced_at = 0, refused = 0
    WHERE throttles.allowed_at <= :seconds OR :counted
    RETURNING key
"""
"""The first step after a right guess: clear the failure count. Changes no row if the attempt has to
wait now and was not counted before.

It writes a row even where there were no failures: the row's lock puts it in one order with attempts
that fail at the same moment.
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
MANY_SESSIONS = {
    "many": """
        SELECT id FROM user_sessions WHERE user_id = :user AND id <> :session AND {previous}
        LIMIT 1 OFFSET :many"""
}
"""Tell whether the user has more than `many` sessions besides the new one."""
SESSION_IS_ALIVE = "user_sessions.expires_at > :now AND user_sessions.last_used_at > :idle_since"
