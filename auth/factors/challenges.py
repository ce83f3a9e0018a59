"""The challenges of WebAuthn ceremonies: in the database, so that any process can finish one."""

from datetime import timedelta
from typing import Any

from webauthn.helpers import bytes_to_base64url

from auth import tokens
from auth.factors import ceremonies
from auth.factors.ceremonies import Answer
from auth.postern import Postern
from models import PasskeyChallenge
from models.passkey_challenge import CeremonyPurpose


async def begin(
    postern: Postern,
    purpose: CeremonyPurpose,
    bound_to: str = "",
    *,
    account: dict[str, Any] | None = None,
) -> bytes:
    """Store a new challenge, good for five minutes, for one answer and this purpose; return it.

    `bound_to` is the ticket or session without which nobody can answer it.
    """
    challenge = ceremonies.new_challenge()
    await PasskeyChallenge.create(
        digest=_digest(challenge),
        purpose=purpose,
        bound_to=bound_to,
        account=account,
        expires_at=postern.now() + timedelta(seconds=ceremonies.LIFE),
    )
    return challenge


async def take(
    postern: Postern, answer: Answer, purpose: CeremonyPurpose, bound_to: str = ""
) -> PasskeyChallenge | None:
    """Return the challenge of the answer, and delete it, before the answer is checked.

    None if it was used, has expired, or was for another purpose, ticket or session.
    """
    stored = PasskeyChallenge.filter(
        digest=_digest(answer.challenge),
        purpose=purpose,
        bound_to=bound_to,
        expires_at__gt=postern.now(),
    )
    found = await stored.first()
    return found if found and await stored.delete() else None


def _digest(challenge: bytes) -> str:
    return tokens.digest(bytes_to_base64url(challenge))
