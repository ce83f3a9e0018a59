"""What a resolver needs beside its arguments."""

from dataclasses import dataclass

import strawberry

from auth.caller import Caller
from auth.postern import Postern


@dataclass(frozen=True)
class Context:
    """The server that is asked, and who asks."""

    postern: Postern
    caller: Caller


Info = strawberry.Info[Context, None]
