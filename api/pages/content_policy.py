"""Content Security Policies (CSP level 3): what a browser may load on behalf of an answer."""

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no pages."""


def page_policy(nonce: str) -> str:
    """A policy for a page of our own files, whose scripts and styles carry this nonce."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "worker-src 'self'",
            f"style-src 'nonce-{nonce}'",
            "connect-src 'self'",
            "font-src data:",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
