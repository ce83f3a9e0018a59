"""Codes as people type and paste them: with other digits, dashes and invisible marks."""

import unicodedata

_LONGEST = 64
"""Maximum length of an input that can be a code, in characters."""
_OTHER_DASHES = frozenset("\u2043\u02d7\u2212\u30fc\u2500\u2501")
"""Hyphen bullet, modifier minus, minus, long vowel mark, box drawings: not in category Pd."""
_PASSED_OVER = {"Cf", "Zs", "Zl", "Zp", "Pd", "Mn", "Me"}
"""Dropped: zero-width and bidi marks, spaces, dashes, variation selectors, the keycap frame."""


def plain(text: str) -> str:
    """Return the code without spaces, dashes and invisible marks, its digits and letters in ASCII.

    A text that cannot be a code does not become one. Returns "" for a text that is too long.
    """
    if len(text) > _LONGEST:
        return ""
    if text.isascii() and text.isalnum():
        return text
    return "".join(_plain(c) for c in unicodedata.normalize("NFKC", text))


def _plain(c: str) -> str:
    category = unicodedata.category(c)
    if category in _PASSED_OVER or c in _OTHER_DASHES or c.isspace():
        return ""
    return str(unicodedata.decimal(c)) if category == "Nd" else c
