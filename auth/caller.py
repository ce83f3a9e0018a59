"""Who sends a request, as far as the connection tells."""

from dataclasses import dataclass, field
from uuid import UUID

from models.hot_paths.sign_ins import Origin

USER_AGENT_MAX, ADDRESS_MAX = 255, 45
"""Maximum stored length of a user agent and of an address, in characters."""


@dataclass(frozen=True)
class Caller:
    """Where a request came from, and the access token that came with it.

    Neither is verified here: `auth.sessions.current` checks the token.
    """

    address: str | None = None
    user_agent: str | None = None
    access_token: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> Origin:
        """Where the request came from, as it is stored."""
        return Origin(self.address, self.user_agent)


SYSTEM = Caller(user_agent="postern")
"""Postern itself: for events and accounts that no request causes directly."""


@dataclass(frozen=True, kw_only=True)
class Operator(Caller):
    """Who acts on the accounts of others, and why. Security events keep both."""

    id: UUID | None = None
    """The operator's own account; None for the command line, and for the admin secret."""
    name: str = ""
    """How others know the operator: the address of the account, say."""
    reason: str = ""
    at_console: bool = False
    """Whether it is the command line: whoever has the machine cannot be locked out."""
