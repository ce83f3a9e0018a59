"""The same story with gql, whose results are plain dictionaries.

python with_gql.py http://127.0.0.1:4000/graphql
"""

import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import pyotp
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport

OPERATIONS = (Path(__file__).parent / "operations.graphql").read_text()


async def call(url: str, operation: str, token: str | None = None, **variables: str) -> Any:
    """Return the result of an operation. Raises TransportQueryError if it is refused."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = HTTPXAsyncTransport(url=url, headers=headers)
    async with Client(transport=transport) as client:
        request = gql(OPERATIONS)
        request.operation_name, request.variable_values = operation, variables
        answer: dict[str, Any] = await client.execute(request)
        return next(iter(answer.values()))


async def main(url: str) -> None:
    user = {"email": f"{secrets.token_hex(4)}@example.com", "password": "correct horse battery"}
    token = (await call(url, "SignUp", **user))["accessToken"]
    print("signed up:", user["email"])

    app = pyotp.TOTP((await call(url, "Enrol", token))["totpSecret"])
    change = await call(url, "Activate", token, code=app.now())
    print("second factor:", change["user"]["activeMfaType"])

    answer = await call(url, "SignIn", **user)
    assert answer["__typename"] == "MfaTicket"
    try:
        await call(url, "Verify", ticket=answer["ticket"], otp="000000")
    except TransportQueryError as refused:
        assert refused.errors
        print("wrong code:", refused.errors[0]["extensions"])

    next_code = app.at(time.time() + app.interval)  # the current code is used up
    session = await call(url, "Verify", ticket=answer["ticket"], otp=next_code)
    me = await call(url, "Me", session["accessToken"])
    print("signed in with both factors:", me["email"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
