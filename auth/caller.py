"""Who asks, as far as the connection tells."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Caller:
    """Where a request came from, and the access token that came with it.

    Neither is proof of anything: `auth.sessions.signed_in` looks at the token.
    """

    address: str | None = None
    user_agent: str | None = None
    access_token: str | None = field(default=None, repr=False)
