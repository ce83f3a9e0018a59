"""Content Security Policies (CSP level 3): what a browser may load on behalf of an answer."""

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no pages."""


def page_policy(nonce: str) -> str:
    """A policy for a page of our own files, whose scripts and styles carry this nonce.

    Monaco, GraphiQL's editor, places its text by `style` attributes, so these are let through; they
    run nothing and load nothing from elsewhere.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "worker-src 'self'",
            f"style-src 'nonce-{nonce}'",
            "style-src-attr 'unsafe-inline'",
            "connect-src 'self'",
            "font-src data:",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
