"""Whether the encryption keys open what is stored: a lost key file, or a database of other keys.

Such a secret is not lost while a key lies in a backup. Nothing here changes it.
"""

from dataclasses import dataclass

from auth.keys.vault import Vault
from models import User


@dataclass(frozen=True)
class Unreadable:
    """How many second factors no key opens, of how many, and the ids of the keys that would."""

    count: int
    of: int
    key_ids: tuple[str, ...]

    def __str__(self) -> str:
        """One line for the operator, with what to do."""
        return (
            f"{self.count} of {self.of} TOTP secrets open with none of the encryption keys; they "
            f"were sealed with {', '.join(self.key_ids)}. Put those keys back: the file "
            "encryption-keys in AUTH_DATA_DIR, or AUTH_ENCRYPTION_KEYS, from your backup. Where "
            "they are lost, `postern list-users --with-factor` names the users and `postern "
            "reset-mfa` deletes the factor of one"
        )


async def unreadable(vault: Vault) -> Unreadable | None:
    """The active factors whose secret no key of the vault opens; None where there are none.

    Tells by the key's id that stands before each secret, and opens none. Pending secrets do not
    count: their user is handed a new one.
    """
    sealed = await User.secrets_by_key()
    missing = {key_id: count for key_id, count in sealed.items() if not vault.has(key_id)}
    if not missing:
        return None
    return Unreadable(sum(missing.values()), sum(sealed.values()), tuple(sorted(missing)))
