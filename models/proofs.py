"""What somebody has shown of who they are, as the database makes sure of it and spends it.

A proof is a condition on the user's row, and what spends it. The change that it allows takes both
into its own steps, so that it is allowed once, and only while what was shown is still true. A new
way in or a new factor adds a `ProofKind` here, and no statement of another one is touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from models.hot_paths import steps
from models.mail_ticket import MailTicket
from models.sql import AtomicChange
from models.user import User


@dataclass(frozen=True)
class ProofKind:
    """How one kind of proof is made sure of, and spent."""

    holds: str
    """A condition on the user's row."""
    joins: str = ""
    """The rows that it uses up or changes, joined to the user's, so that they are locked too."""
    joined: str = "TRUE"
    """A condition on those rows."""
    sets: str = ""
    """What it writes to the user's row."""
    uses: tuple[str, ...] = ()
    """Steps that use up or change the joined rows; each has to find its row."""
    event: str = ""
    """The type of the security event that tells of its use."""

    @property
    def condition(self) -> str:
        """What has to be true of the user's row and the joined ones."""
        return f"NOT disabled AND {self.holds} AND {self.joined}"

    def spending(self, *, sets: str = "") -> dict[str, str]:
        """The steps that spend it; `sets` is what else is written to the user's row.

        A row can be written once in a statement.
        """
        written = ", ".join(filter(None, (self.sets, sets)))
        account = f"UPDATE users SET {written} WHERE id = :user AND {{previous}} RETURNING id"
        return {
            **({"account": account} if written else {}),
            **{f"used_{number}": use for number, use in enumerate(self.uses, 1)},
            **({"use_event": steps.event_named("proof_event")} if self.event else {}),
        }


@dataclass(frozen=True)
class Proof:
    """Something that was shown, and is still to be made sure of and spent."""

    kind: ProofKind
    values: Mapping[str, object] = field(repr=False)
    """Under names of its own; `user` is the user's id in every statement."""


PASSWORD = ProofKind(holds="password_hash = :password_hash")
TIME_STEP = ProofKind(
    holds="totp_secret = :totp_secret AND totp_activated_at IS NOT NULL "
    "AND totp_last_step < :time_step",
    sets="totp_last_step = :time_step",
)
PENDING_TIME_STEP = ProofKind(
    holds="totp_secret = :totp_secret AND totp_activated_at IS NULL "
    "AND totp_last_step < :time_step",
    sets="totp_last_step = :time_step",
)
RECOVERY_CODE = ProofKind(
    holds="recovery_salt = :recovery_salt",
    joins="JOIN recovery_codes ON recovery_codes.user_id = users.id",
    joined="recovery_codes.digest = :recovery_digest",
    uses=(
        """
        DELETE FROM recovery_codes WHERE user_id = :user AND digest = :recovery_digest
        AND {previous} RETURNING id""",
    ),
    event="RECOVERY_CODE_USED",
)


MAIL_TICKET = ProofKind(
    holds="TRUE",
    joins="JOIN mail_tickets ON mail_tickets.user_id = users.id",
    joined="mail_tickets.digest = :mail_digest AND mail_tickets.expires_at > :mail_now "
    "AND mail_tickets.address = users.email",
    uses=("DELETE FROM mail_tickets WHERE digest = :mail_digest AND {previous} RETURNING id",),
)


def password_unchanged(user: User) -> Proof:
    """The password was right; it holds while the user has this password."""
    return Proof(PASSWORD, {"password_hash": user.password_hash})


def time_step(user: User, step: int) -> Proof:
    """A one-time code was right: its time step is good once, and so is no older one."""
    kind = TIME_STEP if user.totp_activated_at else PENDING_TIME_STEP
    return Proof(kind, {"totp_secret": user.totp_secret, "time_step": step})


def recovery_code(user: User, digest: str) -> Proof:
    """A recovery code was given; only spending it tells whether it is one of the user's."""
    values = {"recovery_salt": user.recovery_salt, "recovery_digest": digest}
    return Proof(RECOVERY_CODE, values)


def mail_ticket(ticket: MailTicket, now: datetime) -> Proof:
    """A ticket was read in the user's mailbox: good once, while the address is theirs."""
    return Proof(MAIL_TICKET, {"mail_digest": ticket.digest, "mail_now": now})


async def spend(user: User, proof: Proof) -> bool:
    """Spend a proof in the transaction around; False, and nothing is changed, if it does not hold.

    The user's row is locked first, and stays locked until the end of the transaction.
    """
    return bool(await _spent(proof.kind).run(user=str(user.id), **proof.values))


@lru_cache
def _spent(kind: ProofKind) -> AtomicChange[User]:
    return AtomicChange(
        f"SELECT users.id FROM users {kind.joins} WHERE users.id = :user AND {kind.condition}",
        steps=replace(kind, event="").spending(sets="" if kind.sets else "disabled = disabled"),
    )
