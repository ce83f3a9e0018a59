"""What single parts of a request cost: `.venv/bin/python -m bench.parts`. Needs no server.

Each part runs in a loop on its own, so its caches are warm: in a request it costs up to twice that.
"""

import base64
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from auth import events, tokens
from auth.caller import Caller
from auth.claims import hasura_claims
from auth.factors import one_time_codes
from auth.keys import jws
from auth.postern import open_postern
from cli import logs
from config import read
from models import User, UserSession
from tests.support import environment

TIMES = 2000


def timed(part: Callable[[], object]) -> float:
    """Return the microseconds of a processor that a part takes: the least of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(TIMES):
            part()
        rounds.append(1e6 * (time.process_time() - began) / TIMES)
    return min(rounds)


def main() -> None:
    """Print what each part takes."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - where the log goes, to the end
    logs.start()
    logging.getLogger("postern").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        postern = open_postern(read(environment(Path(folder) / "var")))
        now = datetime.now(UTC)
        user = User(id=uuid4(), email="joe@example.com", default_role="user", roles=["user", "me"])
        session = UserSession(id=uuid4(), methods=["pwd"], authenticated_at=now)
        ring, key, hasura = postern.key_ring, postern.key_ring.current, hasura_claims(user)

        def token() -> str:
            return tokens.access_token(ring, user, session, now=now, expires_in=900, hasura=hasura)

        issued, secret, caller = token(), one_time_codes.new_secret(), Caller("::1", "Bench", None)
        claims = jws.verified(issued, [key])
        answer = {"data": {"refreshSession": {"accessToken": issued, "user": hasura}}}

        def verified() -> object:
            content, _, signature = issued.rpartition(".")
            raw = base64.urlsafe_b64decode(signature + "==")
            return key.public.verify(raw, content.encode())

        parts: dict[str, Callable[[], object]] = {
            "an access token, signed": token,
            "its Ed25519 signature alone": lambda: key.private.sign(issued.encode()),
            "its claims as JSON": lambda: json.dumps(claims, separators=(",", ":")),
            "its signature, verified": verified,
            "an access token, read when known": lambda: tokens.read(issued, ring, now),
            "a response as JSON": lambda: json.dumps(answer, separators=(",", ":")),
            "an event's log line": lambda: events.log(
                postern, caller, events.EventType.SIGNED_IN, user.id
            ),
            "a one-time code": lambda: one_time_codes.code_at(secret, 1),
            "a digest of an opaque token": lambda: tokens.digest(issued[:36]),
        }
        for name, part in parts.items():
            print(f"{timed(part):7.1f} µs  {name}")
        postern.passwords.close()


if __name__ == "__main__":
    main()
