"""Which addresses may become an account's: the operator's lists of addresses and domains."""

from functools import lru_cache

from auth import email_addresses
from auth.errors import AuthError, ErrorCode
from config import Settings


def refuse_unwelcome(settings: Settings, address: str) -> None:
    """Raise AuthError: EMAIL_NOT_ALLOWED, if the operator's lists do not allow this address."""
    if not is_welcome(settings, address):
        raise AuthError(ErrorCode.EMAIL_NOT_ALLOWED)


def is_welcome(settings: Settings, address: str) -> bool:
    """Return whether the operator's lists allow this normalised address.

    The first list that has it decides, in Nhost's order: blocked addresses, allowed addresses,
    blocked domains, allowed domains. An address in no list is allowed if nothing is listed as
    allowed. A domain does not stand for its subdomains.
    """
    domain = address.rpartition("@")[2]
    if address in _addresses(settings.blocked_emails):
        return False
    if address in _addresses(settings.allowed_emails):
        return True
    if domain in _domains(settings.blocked_email_domains):
        return False
    if domain in _domains(settings.allowed_email_domains):
        return True
    return not (settings.allowed_emails or settings.allowed_email_domains)


@lru_cache
def _addresses(entries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(email_addresses.normalise(entry) or entry for entry in entries)


@lru_cache
def _domains(entries: tuple[str, ...]) -> frozenset[str]:
    anybody = (email_addresses.normalise(f"anybody@{entry}") or entry for entry in entries)
    return frozenset(address.rpartition("@")[2] for address in anybody)
