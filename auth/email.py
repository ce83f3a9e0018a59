"""E-mail addresses: one spelling for each."""

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254
"""Characters of an address (RFC 5321, section 4.5.3.1.3, as corrected by erratum 1690)."""


def normalise(email: str) -> str | None:
    """The one spelling under which an address is stored and looked up; None if it is no address.

    Trimmed, in lower case, Unicode in NFC, the domain in its ASCII form (IDNA 2008, RFC 5891).
    Domains under `.test` are taken, for developers (RFC 6761, section 6.2).
    """
    typed = email.strip().lower()
    if len(typed) > MAX_LENGTH:
        return None
    try:
        address = validate_email(
            typed, check_deliverability=False, strict=True, test_environment=True
        )
    except (EmailNotValidError, ValueError):
        return None
    return f"{address.local_part}@{address.ascii_domain}"
