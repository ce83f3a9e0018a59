"""Checking whether the encryption keys open the stored secrets.

They do not if the key file was lost, or if the database belongs to other keys. The secrets can be
recovered as long as a backup has the key. Nothing here changes them.
"""

from dataclasses import dataclass

from auth.keys.vault import Vault
from models.hot_paths import users


@dataclass(frozen=True)
class Unreadable:
    """How many secrets no key opens, out of how many, and the ids of the missing keys."""

    count: int
    of: int
    key_ids: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line for the operator, which says what to do."""
        return (
            f"{self.count} of {self.of} TOTP secrets open with none of the encryption keys; they "
            f"were sealed with {', '.join(self.key_ids)}. Put those keys back: the file "
            "encryption-keys in AUTH_DATA_DIR, or AUTH_ENCRYPTION_KEYS, from your backup. Where "
            "they are lost, `postern list-users --with-factor` names the users and `postern "
            "reset-mfa` deletes the factor of one"
        )


async def unreadable(vault: Vault) -> Unreadable | None:
    """Count the active factors whose secret no key of the vault opens; None if there are none.

    Compares the key id stored with each secret, and decrypts nothing. Pending secrets do not count:
    their users get new ones.
    """
    sealed = await users.secrets_by_key()
    missing = {key_id: count for key_id, count in sealed.items() if not vault.has(key_id)}
    if not missing:
        return None
    return Unreadable(sum(missing.values()), sum(sealed.values()), tuple(sorted(missing)))
