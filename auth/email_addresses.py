"""E-mail addresses: one normalised spelling for each."""

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

from auth.errors import AuthError, ErrorCode

MAX_LENGTH = 254
"""Maximum length of an address (RFC 5321, section 4.5.3.1.3, as corrected by erratum 1690)."""
_LOCAL_PART = 64
"""Maximum length of the part before the @ (RFC 5321, section 4.5.3.1.1)."""
_LOCAL_NAMES = (".local", ".home.arpa", ".onion")
"""Domain endings outside of the public DNS that can receive mail (RFC 6762, RFC 8375, RFC 7686).
The library rejects them, since it accepts only public addresses; it accepts `.internal`."""
_TEST = ".test"
"""An ending that the library accepts on request, and that stands in for them (RFC 6761, 6.2)."""
_DOTS_OF_IDNA = re.compile("[\u3002\uff61]")
"""Full stops that UTS #46 maps to a dot, besides those that NFKC maps."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Invisible letters and marks (Default_Ignorable_Code_Point): two addresses would look the same.
The library itself rejects those that are format characters."""
ENCODED_WORD = "=?"
"""The beginning of an encoded word (RFC 2047)."""


def required(email: str, *, field: str = "email") -> str:
    """Return the spelling of an address, as `normalise` does.

    Raises AuthError: INVALID_REQUEST, which names the field.
    """
    address = normalise(email)
    if address is None:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"{field}: expected an e-mail address.")
    return address


def mailbox(address: str) -> str:
    """Return the mailbox that many providers deliver an address to: for counting mails, only.

    `j.o.e+shop@example.com` may be `joe@example.com`. Anything else stays as it is.
    """
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}{at}{domain}"


def normalise(email: str) -> str | None:
    """Return the spelling under which an address is stored and looked up; None if it is invalid.

    The spelling is trimmed, case-folded (Unicode) and in compatibility form (NFKC). The domain is
    in ASCII form (IDNA 2008, RFC 5891). Unnecessary quotes are removed.

    Accepted besides public addresses: the endings `.local`, `.home.arpa`, `.internal`, `.onion` and
    `.test`; and dots anywhere before the @, as in addresses of old mobile providers
    (`joe.@ezweb.ne.jp`). Not accepted: a domain without a dot, which is usually a typing error
    (`joe@gmail`); an IP address as the domain; an underscore in the domain (RFC 5321, section
    4.1.2); quotes that are necessary (`"joe smith"@example.com`); what looks like an encoded word
    (`=?utf-8?q?joe?=@example.com`), which programs that handle mail would read as another address.
    """
    trimmed = email.strip()
    if len(trimmed) > MAX_LENGTH:
        return None
    local, at, domain = unicodedata.normalize("NFKC", trimmed).rpartition("@")
    local, domain = _folded(_unquoted(local)), _ascii_lower(_DOTS_OF_IDNA.sub(".", domain))
    if not at or _INVISIBLE.search(local + domain) or ENCODED_WORD in local:
        return None
    ending = next((name for name in _LOCAL_NAMES if domain.endswith(name)), "")
    public = domain.removesuffix(ending) + _TEST if ending else domain
    try:
        # The library checks the parts between the dots; the dots themselves may be anywhere.
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
    """Fold case and compatibility forms (Unicode, definition D146), and compose the result.

    Only for the local part: in a domain, `ß` and `ss` are different (IDNA 2008).
    """
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", text)


def _ascii_lower(domain: str) -> str:
    """Convert ASCII letters to lower case; the library converts the others (UTS #46)."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), domain)


def _unquoted(local: str) -> str:
    """Remove the quotes of a local part, if they are unnecessary."""
    quoted = re.fullmatch(r'"([^"\\\s@]+)"', local)
    return quoted[1] if quoted else local
