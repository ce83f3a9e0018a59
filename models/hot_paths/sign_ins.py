"""What a proof is good for: a session, or a ticket where the user has a second factor."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from models.hot_paths import steps
from models.mfa_ticket import MfaTicket
from models.proofs import Proof, ProofKind
from models.sql import AtomicChange
from models.user import User

_LOCKED_USER = "SELECT users.id FROM users {joins} WHERE users.id = :user"


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the trail and for the session."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True)
class FailureCount:
    """The count of failures that a success clears, if an attempt is allowed now."""

    key: str
    counted: bool
    """The attempt is counted in it already, so it is allowed."""


@dataclass(frozen=True)
class Admission:
    """Whom to admit, for what, and what has to be true of it."""

    user: User
    proof: Proof
    count: FailureCount
    origin: Origin
    now: datetime


@dataclass(frozen=True)
class NewTicket:
    """A ticket to be stored."""

    id: UUID
    digest: str = field(repr=False)
    purpose: str
    methods: tuple[str, ...]
    attempts: int
    expires_at: datetime


@dataclass(frozen=True)
class NewSession:
    """A session to be stored, with its first refresh token."""

    id: UUID
    token_id: UUID
    digest: str = field(repr=False)
    methods: tuple[str, ...]
    expires_at: datetime
    most: int
    """Sessions that the user may have; the oldest ones end."""


@dataclass(frozen=True)
class Opened:
    """What opening a session has done beside it."""

    displaced: bool
    """An older session was ended to make room."""


async def issue_ticket(admission: Admission, ticket: NewTicket) -> bool:
    """Store a ticket for a user with a second factor, and its event.

    False, and nothing is changed, if the proof does not hold any more, the user was disabled or has
    no factor, or the attempt has to wait.
    """
    return bool(
        await _ticket_for(admission.proof.kind).run(
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


async def open_session(
    admission: Admission, session: NewSession, *, ticket: MfaTicket | None = None
) -> Opened | None:
    """Store a session, its refresh token and its event, and spend the proof.

    With a ticket, which is redeemed, the user has to have a second factor; without one, none. None,
    and nothing is changed, if that is not so, the proof or the ticket does not hold any more, the
    user was disabled, or the attempt has to wait.
    """
    happened = await _session_for(admission.proof.kind, redeems=ticket is not None).run(
        **_common(admission),
        ticket=ticket and str(ticket.id),
        session=str(session.id),
        token=str(session.token_id),
        digest=session.digest,
        methods=json.dumps(session.methods),
        expires_at=session.expires_at,
        others=session.most - 1,
        event="SIGNED_IN",
        displaced="SESSION_DISPLACED",
        proof_event=admission.proof.kind.event,
    )
    return Opened(displaced="displaced" in happened) if happened else None


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
def _ticket_for(kind: ProofKind) -> AtomicChange[User]:
    return AtomicChange(
        f"{_LOCKED_USER.format(joins=kind.joins)} AND has_second_factor AND {kind.condition}",
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
def _session_for(kind: ProofKind, *, redeems: bool) -> AtomicChange[User]:
    joins, condition, redemption = kind.joins, "NOT has_second_factor", {}
    if redeems:
        joins = f"JOIN mfa_tickets ON mfa_tickets.user_id = users.id {kind.joins}"
        condition = (
            "has_second_factor AND mfa_tickets.id = :ticket AND mfa_tickets.expires_at > :now"
        )
        redemption = {
            "ticket": "DELETE FROM mfa_tickets WHERE id = :ticket AND {previous} RETURNING id"
        }
    return AtomicChange(
        f"{_LOCKED_USER.format(joins=joins)} AND {condition} AND {kind.condition}",
        steps={
            "allowed": steps.CLEAR_FAILURES,
            **kind.spending(sets="last_signed_in_at = :now"),
            **redemption,
            **steps.OPEN_SESSION,
        },
        then=steps.DISPLACE_OLDEST,
    )
