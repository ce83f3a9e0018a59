"""E-mail addresses: one spelling for each."""

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254
"""Characters of an address (RFC 5321, section 4.5.3.1.3, as corrected by erratum 1690)."""
_LOCAL_PART = 64
"""Characters before the @ (RFC 5321, section 4.5.3.1.1)."""
_LOCAL_NAMES = (".local", ".home.arpa", ".onion")
"""Endings of domains that mail is delivered to, though not by the public DNS (RFC 6762, RFC 8375,
RFC 7686). The library refuses them, as it knows public addresses alone; `.internal` it takes."""
_TEST = ".test"
"""An ending that the library takes for them where it is told to (RFC 6761, section 6.2)."""
_DOTS_OF_IDNA = re.compile("[\u3002\uff61]")
"""Full stops that UTS #46 reads as a dot, beside those that NFKC does."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing (Default_Ignorable_Code_Point): two addresses would look like
one. The library refuses those of them that are format characters."""


def normalise(email: str) -> str | None:
    """The one spelling under which an address is stored and looked up; None if it is no address.

    Trimmed; without regard to case (Unicode case folding) and to forms of a letter (NFKC); the
    domain in its ASCII form (IDNA 2008, RFC 5891); without quotes that change nothing.

    Taken beside public addresses: the endings `.local`, `.home.arpa`, `.internal`, `.onion` and
    `.test`; and dots anywhere before the @, as old mobile providers have given them out
    (`joe.@ezweb.ne.jp`). Not taken: a domain without a dot, which is a typing error more often than
    a host (`joe@gmail`); a literal address; an underscore in the domain (RFC 5321, section 4.1.2);
    quotes that are needed (`"joe smith"@example.com`).
    """
    trimmed = email.strip()
    if len(trimmed) > MAX_LENGTH:
        return None
    local, at, domain = unicodedata.normalize("NFKC", trimmed).rpartition("@")
    local, domain = _folded(_unquoted(local)), _ascii_lower(_DOTS_OF_IDNA.sub(".", domain))
    if not at or _INVISIBLE.search(local + domain):
        return None
    ending = next((name for name in _LOCAL_NAMES if domain.endswith(name)), "")
    public = domain.removesuffix(ending) + _TEST if ending else domain
    try:
        # Of the local part, what stands between the dots is looked at; the dots may be anywhere.
        atoms = ".".join(filter(None, local.split(".")))
        address = validate_email(
            f"{atoms}@{public}", check_deliverability=False, strict=True, test_environment=True
        )
    except (EmailNotValidError, ValueError):
        return None
    named = address.ascii_domain.removesuffix(_TEST) + ending if ending else address.ascii_domain
    spelling = f"{local}@{named}"
    fits = len(spelling) <= MAX_LENGTH and len(local) <= _LOCAL_PART
    return spelling if fits and address.local_part == atoms else None


def _folded(text: str) -> str:
    """The text without regard to case and compatible forms (Unicode, definition D146, composed).

    For the local part alone: in a domain, `ß` and `ss` are two names (IDNA 2008).
    """
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", text)


def _ascii_lower(domain: str) -> str:
    """In lower case as far as it is ASCII; the library sees to the rest (UTS #46)."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), domain)


def _unquoted(local: str) -> str:
    """A local part without quotes, where what they hold could stand without them."""
    quoted = re.fullmatch(r'"([^"\\\s@]+)"', local)
    return quoted[1] if quoted else local
