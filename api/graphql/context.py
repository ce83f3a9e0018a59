"""What a resolver needs besides its arguments."""

from dataclasses import dataclass

import strawberry

from auth.caller import Caller
from auth.postern import Postern


@dataclass(frozen=True)
class Context:
    """The server, and the caller of the request."""

    postern: Postern
    caller: Caller


Info = strawberry.Info[Context, None]
