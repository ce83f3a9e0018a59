"""Proofs of who somebody is: how the database checks and spends them.

A proof is a condition on the user's row, and the steps that spend it. The change that the proof
allows takes both into its own statement. So the proof is accepted once, and only while it is still
true. A new way in or a new factor adds a `ProofKind` here; no statement of another one changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from models.hot_paths import steps
from models.mail_ticket import MailPurpose, MailTicket
from models.passkey import Passkey
from models.sql import AtomicChange
from models.trusted_device import TrustedDevice
from models.user import User


@dataclass(frozen=True)
class ProofKind:
    """How the database checks and spends one kind of proof."""

    holds: str
    """A condition on the user's row."""
    joins: str = ""
    """Joins of the rows that it uses up or changes, so that they are locked with the user's row."""
    joined: str = "TRUE"
    """A condition on those rows."""
    sets: str = ""
    """What it writes to the user's row."""
    uses: tuple[str, ...] = ()
    """Steps that use up or change the joined rows; each must change a row."""
    event: str = ""
    """The type of the security event that records its use, if any."""
    is_multi_factor: bool = False
    """Whether it proves two factors at once, so that no second one is asked for."""

    @property
    def condition(self) -> str:
        """The condition on the user's row and the joined rows."""
        return f"NOT disabled AND {self.holds} AND {self.joined}"

    def spending(self, *, sets: str = "") -> dict[str, str]:
        """Return the steps that spend it; `sets` is what else to write to the user's row.

        Both are one UPDATE, since a statement can write a row only once.
        """
        written = ", ".join(filter(None, (self.sets, sets)))
        account = f"UPDATE users SET {written} WHERE id = :user AND {{previous}} RETURNING id"
        return {
            **({"account": account} if written else {}),
            **{f"used_{number}": use for number, use in enumerate(self.uses, 1)},
            **({"use_event": steps.event_named("proof_event")} if self.event else {}),
        }


@dataclass(frozen=True)
class PasskeyUse:
    """What is stored of the use of a passkey."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool
    at: datetime


@dataclass(frozen=True)
class Proof:
    """What somebody has shown; the database still has to check and spend it."""

    kind: ProofKind
    values: Mapping[str, object] = field(repr=False)
    """The values of its statements, under its own names; `user` is always the user's id."""
    methods: tuple[str, ...]
    """How the user has authenticated by it: `amr` values (RFC 8176)."""


PASSWORD = ProofKind(holds="password_hash = :password_hash")
PASSWORD_ON_TRUSTED_DEVICE = ProofKind(
    holds="password_hash = :password_hash AND has_second_factor",
    joins="JOIN trusted_devices ON trusted_devices.user_id = users.id",
    joined="trusted_devices.id = :device AND trusted_devices.expires_at > :device_now",
    uses=(
        """
        UPDATE trusted_devices SET last_used_at = :device_now
        WHERE id = :device AND {previous} RETURNING id""",
    ),
    is_multi_factor=True,
)
"""The browser has shown the second factor before."""
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

PASSKEY = ProofKind(
    holds="has_passkeys",
    joins="JOIN passkeys ON passkeys.user_id = users.id",
    joined="passkeys.id = :passkey AND passkeys.sign_count = :seen_sign_count",
    uses=(
        """
        UPDATE passkeys SET sign_count = :sign_count, backup_eligible = :backup_eligible,
            backed_up = :backed_up, verifies_user = verifies_user OR :user_verified,
            last_used_at = :passkey_now
        WHERE id = :passkey AND {previous} RETURNING id""",
    ),
)
VERIFYING_PASSKEY = replace(PASSKEY, is_multi_factor=True)


def _mailed(to: str, *, sets: str = "") -> ProofKind:
    """Return the proof by a ticket in a mail that was sent to this address of the user's row."""
    return ProofKind(
        holds="TRUE",
        joins="JOIN mail_tickets ON mail_tickets.user_id = users.id",
        joined="mail_tickets.id = :mail_ticket AND mail_tickets.expires_at > :mail_now "
        f"AND mail_tickets.address = {to}",
        sets=sets,
        uses=("DELETE FROM mail_tickets WHERE id = :mail_ticket AND {previous} RETURNING id",),
    )


# What was set before the address was verified may be a stranger's.
_CLAIM = (
    "password_hash = CASE WHEN email_verified THEN password_hash END, "
    "new_email = CASE WHEN email_verified THEN new_email END, "
    "totp_secret = CASE WHEN email_verified OR totp_activated_at IS NOT NULL THEN totp_secret END, "
    "email_verified = TRUE"
)
MAILED: Mapping[MailPurpose, ProofKind] = {
    MailPurpose.VERIFY_EMAIL: _mailed("users.email", sets="email_verified = TRUE"),
    MailPurpose.RESET_PASSWORD: _mailed("users.email"),
    MailPurpose.CHANGE_EMAIL: _mailed("users.new_email"),
    MailPurpose.UNDO_EMAIL_CHANGE: _mailed("mail_tickets.address"),
    MailPurpose.SIGN_IN: _mailed("users.email", sets=_CLAIM),
    MailPurpose.SIGN_IN_CODE: _mailed("users.email", sets=_CLAIM),
}
"""What a ticket in a mail proves: a mailbox, and for most purposes only while it is the user's."""


def password_unchanged(user: User) -> Proof:
    """Prove that the password was right; holds while the user has this password."""
    return Proof(PASSWORD, {"password_hash": user.password_hash}, methods=("pwd",))


def password_on_trusted_device(user: User, device: TrustedDevice, now: datetime) -> Proof:
    """Prove that the password was right, in a browser that stands for the second factor.

    The methods name only what was shown now, so that a step-up still takes the factor.
    """
    values = {"password_hash": user.password_hash, "device": str(device.id), "device_now": now}
    return Proof(PASSWORD_ON_TRUSTED_DEVICE, values, methods=("pwd",))


def time_step(user: User, step: int) -> Proof:
    """Prove that a one-time code was right. Spending it rejects this time step and older ones."""
    kind = TIME_STEP if user.totp_activated_at else PENDING_TIME_STEP
    values = {"totp_secret": user.totp_secret, "time_step": step}
    return Proof(kind, values, methods=("otp", "mfa"))


def recovery_code(user: User, digest: str) -> Proof:
    """Prove that a recovery code was given. Only spending it tells whether it is the user's."""
    values = {"recovery_salt": user.recovery_salt, "recovery_digest": digest}
    return Proof(RECOVERY_CODE, values, methods=("otp", "mfa"))


def mail_ticket(ticket: MailTicket, now: datetime) -> Proof:
    """Prove that a ticket was read in the user's mailbox. It is good once.

    RFC 8176 has no `amr` value for a mailbox; this one is our own.
    """
    values = {"mail_ticket": str(ticket.id), "mail_now": now}
    return Proof(MAILED[MailPurpose(ticket.purpose)], values, methods=("email",))


def passkey(
    passkey: Passkey, use: PasskeyUse, methods: tuple[str, ...], *, stands_alone: bool
) -> Proof:
    """Prove that the user's authenticator has answered; holds while its counter stays the same.

    With `stands_alone`, it has verified the user: that is two factors at once.
    """
    values = {
        "passkey": str(passkey.id),
        "seen_sign_count": passkey.sign_count,
        "sign_count": use.sign_count,
        "backup_eligible": use.backup_eligible,
        "backed_up": use.backed_up,
        "user_verified": use.user_verified,
        "passkey_now": use.at,
    }
    return Proof(VERIFYING_PASSKEY if stands_alone else PASSKEY, values, methods)


async def spend(user: User, proof: Proof) -> bool:
    """Spend a proof in the current transaction; False if it does not hold: nothing is changed.

    The user's row is locked first, and stays locked until the end of the transaction.
    """
    return bool(await _spent(proof.kind).run(user=str(user.id), **proof.values))


@lru_cache
def _spent(kind: ProofKind) -> AtomicChange[User]:
    return AtomicChange(
        f"SELECT users.id FROM users {kind.joins} WHERE users.id = :user AND {kind.condition}",
        steps=replace(kind, event="").spending(sets="" if kind.sets else "disabled = disabled"),
    )
