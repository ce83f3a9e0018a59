"""Content Security Policies (CSP level 3): what a browser may load for a response."""

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For responses other than pages."""


def page_policy(nonce: str) -> str:
    """Return the policy of a page of Postern's files, whose scripts and styles have the nonce."""
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
