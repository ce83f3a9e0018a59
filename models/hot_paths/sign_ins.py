"""Exchanging a proof for a session, or for a ticket if the user has a second factor."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from models.hot_paths import steps
from models.mfa_ticket import MfaTicket, Purpose
from models.proofs import Proof, ProofKind
from models.sql import AtomicChange, execute
from models.user import User

_LATEST = 100
"""How many of a user's sign-ins are looked at for the places that they sign in from."""
_LATEST_ORIGINS = """
    SELECT address, user_agent FROM security_events
    WHERE user_id = :user AND type = 'SIGNED_IN' ORDER BY id DESC LIMIT :latest"""
_FAMILIAR = f"""(
    NOT EXISTS (SELECT 1 FROM ({_LATEST_ORIGINS}) AS latest)
    OR EXISTS (
        SELECT 1 FROM ({_LATEST_ORIGINS}) AS latest
        WHERE COALESCE(address, '') = COALESCE(CAST(:address AS TEXT), '')
        AND COALESCE(user_agent, '') = COALESCE(CAST(:user_agent AS TEXT), '')))"""
_LOCKED_USER = "SELECT users.id FROM users {joins} WHERE users.id = :user"


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the security events and for the session."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True)
class FailureCount:
    """The failure count that a success clears, if an attempt is allowed now."""

    key: str
    counted: bool
    """The attempt is already counted here, so it is allowed."""


@dataclass(frozen=True)
class Admission:
    """The user to admit, and the conditions: the proof holds and the attempt is allowed."""

    user: User
    proof: Proof
    count: FailureCount
    origin: Origin
    now: datetime


@dataclass(frozen=True)
class NewTicket:
    """A ticket to store."""

    id: UUID
    digest: str = field(repr=False)
    purpose: str
    methods: tuple[str, ...]
    attempts: int
    expires_at: datetime


@dataclass(frozen=True)
class NewSession:
    """A session to store, with its first refresh token."""

    id: UUID
    token_id: UUID
    digest: str = field(repr=False)
    methods: tuple[str, ...]
    expires_at: datetime
    many: int
    """Other sessions beyond which the caller is told that there are many."""


async def issue_ticket(admission: Admission, ticket: NewTicket) -> bool:
    """Spend the proof; store a ticket for a user with a second factor, and its event.

    With the purpose to enrol, the user must have no second factor.
    Returns False and changes nothing if the proof no longer holds, the user was disabled or has no
    second factor, or the attempt has to wait.
    """
    enrols = ticket.purpose == Purpose.ENROL
    return bool(
        await _ticket_for(admission.proof.kind, enrols=enrols).run(
            **_common(admission),
            ticket=str(ticket.id),
            digest=ticket.digest,
            purpose=ticket.purpose,
            methods=" ".join(ticket.methods),
            attempts_left=ticket.attempts,
            expires_at=ticket.expires_at,
            event="TICKET_ISSUED",
        )
    )


async def latest_origins(user_id: UUID) -> list[Origin]:
    """Return where the user's last 100 sign-ins came from, the newest first."""
    found = await execute(_LATEST_ORIGINS, user=str(user_id), latest=_LATEST)
    return [Origin(row["address"], row["user_agent"]) for row in found]


async def open_session(
    admission: Admission,
    session: NewSession,
    *,
    ticket: MfaTicket | None = None,
    familiar: bool = False,
) -> bool | None:
    """Store a session, its refresh token and its event, and spend the proof.

    With `familiar`, only if one of the last sign-ins was from the same address and client, or if
    there was none. A ticket is redeemed. With a ticket, the user must have a second factor; without
    a ticket, the user must not have one, unless the proof is of two factors. Returns None and
    changes nothing if this is not so, if the proof or the ticket no longer holds, if the user was
    disabled, or if the attempt has to wait. Otherwise returns whether the user had more than `many`
    other sessions, without those that are opened at the same moment: this statement does not see
    them.
    """
    change = _session_for(admission.proof.kind, redeems=ticket is not None, familiar=familiar)
    happened = await change.run(
        **_common(admission),
        latest=_LATEST,
        ticket=ticket and str(ticket.id),
        session=str(session.id),
        token=str(session.token_id),
        digest=session.digest,
        methods=json.dumps(session.methods),
        expires_at=session.expires_at,
        many=session.many,
        event="SIGNED_IN",
        proof_event=admission.proof.kind.event,
    )
    return "many" in happened if happened else None


def _common(admission: Admission) -> dict[str, object]:
    return {
        **admission.proof.values,
        "user": str(admission.user.id),
        "now": admission.now,
        "address": admission.origin.address,
        "user_agent": admission.origin.user_agent,
        "throttle": admission.count.key,
        "seconds": int(admission.now.timestamp()),
        "counted": admission.count.counted,
    }


@lru_cache
def _ticket_for(kind: ProofKind, *, enrols: bool) -> AtomicChange[User]:
    has_factor = "NOT has_second_factor" if enrols else "has_second_factor"
    return AtomicChange(
        f"{_LOCKED_USER.format(joins=kind.joins)} AND {has_factor} AND {kind.condition}",
        steps={
            "allowed": steps.CLEAR_FAILURES,
            **kind.spending(),
            "ticket": """
                INSERT INTO mfa_tickets
                    (id, user_id, digest, purpose, methods, attempts_left, expires_at)
                SELECT :ticket, :user, :digest, :purpose, :methods, :attempts_left, :expires_at
                WHERE {previous} RETURNING id""",
            "event": steps.EVENT,
        },
    )


@lru_cache
def _session_for(kind: ProofKind, *, redeems: bool, familiar: bool) -> AtomicChange[User]:
    joins, redemption = kind.joins, {}
    condition = "TRUE" if kind.is_multi_factor else "NOT has_second_factor"
    if redeems:
        joins = f"JOIN mfa_tickets ON mfa_tickets.user_id = users.id {kind.joins}"
        condition = (
            "has_second_factor AND mfa_tickets.id = :ticket AND mfa_tickets.expires_at > :now"
        )
        redemption = {
            "ticket": "DELETE FROM mfa_tickets WHERE id = :ticket AND {previous} RETURNING id"
        }
    if familiar:
        condition += f" AND {_FAMILIAR}"
    return AtomicChange(
        f"{_LOCKED_USER.format(joins=joins)} AND {condition} AND {kind.condition}",
        steps={
            "allowed": steps.CLEAR_FAILURES,
            **kind.spending(sets="last_signed_in_at = :now"),
            **redemption,
            **steps.OPEN_SESSION,
        },
        then=steps.MANY_SESSIONS,
    )
