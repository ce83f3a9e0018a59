"""Content Security Policies (CSP level 3): what a browser may load on behalf of an answer."""

import base64
import hashlib
import re

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no pages."""
_INLINE = r"<{0}\b(?![^>]*\bsrc=)[^>]*>(.*?)</{0}>"
_SCRIPTS = re.compile(r'<script\b[^>]*?\bsrc="(https://[^"]+)"', re.DOTALL)
_STYLES = re.compile(r'<link\b[^>]*?\bhref="(https://[^"]+\.css)"', re.DOTALL)


def page_policy(page: str) -> str:
    """A policy under which this page works, and nothing that somebody smuggles into it does."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", *_digests(page, "script"), *_SCRIPTS.findall(page)]),
            " ".join(["style-src", *_digests(page, "style"), *_STYLES.findall(page)]),
            "connect-src 'self'",
            "font-src data:",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _digests(page: str, element: str) -> list[str]:
    texts = re.findall(_INLINE.format(element), page, re.DOTALL)
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
