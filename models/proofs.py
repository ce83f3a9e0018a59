"""What somebody has shown of who they are, as the database makes sure of it and spends it.

A proof is a condition on the user's row, and what spends it. The change that it allows takes both
into its own steps, so that it is allowed once, and only while what was shown is still true. A new
way in or a new factor adds a `ProofKind` here, and no statement of another one is touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.sql import execute
from models.user import User


@dataclass(frozen=True)
class ProofKind:
    """How one kind of proof is made sure of, and spent."""

    holds: str
    """A condition on the user's row."""
    joins: str = ""
    """The row that is used up, joined to the user's, so that it is locked too."""
    joined: str = "TRUE"
    """A condition on that row."""
    sets: str = ""
    """What it writes to the user's row."""
    use: str = ""
    """A statement that uses up the joined row, under the same condition as `joined`; a step."""
    event: str = ""
    """The type of the security event that tells of its use."""


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
    use="""
        DELETE FROM recovery_codes WHERE user_id = :user AND digest = :recovery_digest
        AND {previous} RETURNING id""",
    event="RECOVERY_CODE_USED",
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


async def spend(user: User, proof: Proof) -> bool:
    """Spend a proof in the transaction around; False, and nothing is changed, if it does not hold.

    The user's row is locked first, and stays locked until the end of the transaction.
    """
    kind, values = proof.kind, {"user": str(user.id), **proof.values}
    if not kind.use:
        return bool(await execute(_holding(kind, kind.sets), **values))
    if not await execute(_holding(kind, "disabled = disabled"), **values):
        return False
    if not await execute(kind.use.replace("{previous}", "TRUE"), **values):
        return False
    return not kind.sets or bool(await execute(_holding(kind, kind.sets), **values))


def _holding(kind: ProofKind, sets: str) -> str:
    """Lock and write the user's row, if the proof holds; `use` says the same of the joined row."""
    return (
        f"UPDATE users SET {sets} WHERE id = :user AND NOT disabled AND {kind.holds} RETURNING id"
    )
