"""What the tests are played with: an authenticator app, a clock, a client, a real server."""

import base64
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
import zxingcpp
from PIL import Image

from auth import mfa, sessions, sign_up, totp
from auth.errors import AuthError
from auth.postern import Postern

ROOT = Path(__file__).parent.parent
POSTERN = str(Path(sys.executable).with_name("postern"))
PASSWORD = "correct horse battery staple"

SESSION = "accessToken accessTokenExpiresIn refreshToken refreshTokenId user { id activeMfaType }"
OPERATIONS = {
    "me": "query { me { id email displayName activeMfaType roles createdAt } }",
    "signUpEmailPassword": (
        "mutation ($email: String!, $password: String!, $displayName: String) {"
        "  signUpEmailPassword(email: $email, password: $password, displayName: $displayName) {"
        f"    {SESSION} }} }}"
    ),
    "signInEmailPassword": (
        "mutation ($email: String!, $password: String!) {"
        "  signInEmailPassword(email: $email, password: $password) { __typename"
        f"    ... on Session {{ {SESSION} }} ... on MfaTicket {{ ticket expiresIn }} }} }}"
    ),
    "verifySignInMfaTotp": (
        "mutation ($ticket: String!, $otp: String!) {"
        f"  verifySignInMfaTotp(ticket: $ticket, otp: $otp) {{ {SESSION} }} }}"
    ),
    "changeUserMfa": "mutation { changeUserMfa { imageUrl totpSecret otpauthUrl } }",
    "verifyChangeUserMfa": (
        "mutation ($activeMfaType: String!, $code: String!) {"
        "  verifyChangeUserMfa(activeMfaType: $activeMfaType, code: $code) {"
        "    user { id activeMfaType } recoveryCodes } }"
    ),
}


@dataclass
class Clock:
    """A clock that stands still until it is told to go on."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Authenticator:
    """A user's authenticator app, and a user who never types the same code twice."""

    secret: str
    last_step: int = 0

    @classmethod
    def scan(cls, image_url: str) -> "Authenticator":
        """Read the QR code of a data URL with a real decoder."""
        return cls(parse_qs(urlsplit(read_qr_code(image_url)).query)["secret"][0])

    def next_code(self) -> str:
        """A code that the server takes now and has not seen: of the step before, now, or after.

        Waits only when those three are used up.
        """
        step = max(self.last_step + 1, totp.time_step(datetime.now(UTC)) - 1)
        while step > totp.time_step(datetime.now(UTC)) + 1:
            time.sleep(0.2)
        self.last_step = step
        return totp.code_at(self.secret, step)

    def wrong_code(self) -> str:
        """A code that is right in none of the steps around now."""
        now = totp.time_step(datetime.now(UTC))
        near = {totp.code_at(self.secret, step) for step in range(now - 5, now + 10)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


def read_qr_code(image_url: str) -> str:
    """The text of the QR code in a PNG data URL."""
    png = base64.b64decode(image_url.removeprefix("data:image/png;base64,"))
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return str(code.text)


def label_of(otpauth_url: str) -> str:
    """What an authenticator app shows beside the code: issuer and account."""
    return unquote(urlsplit(otpauth_url).path.removeprefix("/"))


class RefusedError(Exception):
    """The errors of a GraphQL answer; `code` and `extensions` are those of the first."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.message: str = errors[0]["message"]
        self.extensions: dict[str, Any] = errors[0]["extensions"]
        self.code: str = self.extensions["code"]


def payload(operation: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {"query": OPERATIONS[operation], "variables": variables}


def answer_of(operation: str, response: httpx2.Response) -> Any:
    body = response.json()
    if "errors" in body:
        raise RefusedError(body["errors"])
    return body["data"][operation]


@dataclass
class Client:
    """A front end: it remembers the access token that it was given."""

    http: httpx2.Client
    access_token: str | None = field(default=None, repr=False)

    def call(self, operation: str, **variables: Any) -> Any:
        """The data of one of OPERATIONS. Raises RefusedError."""
        headers = {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        response = self.http.post("/graphql", json=payload(operation, variables), headers=headers)
        assert response.status_code == 200
        return answer_of(operation, response)

    def sign_up(self, email: str) -> Any:
        session = self.call("signUpEmailPassword", email=email, password=PASSWORD)
        self.access_token = session["accessToken"]
        return session

    def enrol(self) -> Authenticator:
        """Turn the second factor on, as a user with a phone does."""
        phone = Authenticator.scan(self.call("changeUserMfa")["imageUrl"])
        self.call("verifyChangeUserMfa", activeMfaType="totp", code=phone.next_code())
        return phone

    def ticket(self, email: str) -> str:
        ticket = self.call("signInEmailPassword", email=email, password=PASSWORD)
        assert ticket["__typename"] == "MfaTicket"
        return str(ticket["ticket"])


@dataclass
class Server:
    """A `postern serve` in a process of its own."""

    url: str
    data_dir: Path
    env: dict[str, str]
    output: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        return self.output.read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The machine's environment, with no settings but these."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTH_", "HASURA_")) and name != "DATABASE_URL"
    }
    config = str(ROOT / "config" / "nhost.toml")
    return clean | {"AUTH_CONFIG": config, "AUTH_DATA_DIR": str(data_dir)} | settings


def postern(
    *arguments: str, env: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the `postern` command to its end."""
    return subprocess.run(
        [POSTERN, *arguments],
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running_server(data_dir: Path, **settings: str) -> Iterator[Server]:
    """A server that is ready to answer; stopped at the end."""
    port = free_port()
    env = environment(data_dir, AUTH_PORT=str(port), **settings)
    output = data_dir.with_suffix(".log")
    with output.open("wb") as log:
        process = subprocess.Popen([POSTERN, "serve"], env=env, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", data_dir, env, output, process)
    try:
        wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx2.get(f"{server.url}/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{server.log()}")


def with_settings(postern: Postern, **changes: object) -> Postern:
    """The same Postern where the operator had chosen otherwise."""
    return replace(postern, settings=postern.settings.model_copy(update=changes))


async def refusal(attempt: Awaitable[object]) -> str:
    """The code with which an attempt is refused; "" where it is not."""
    try:
        await attempt
    except AuthError as error:
        return error.code.name
    return ""


async def sign_up_with_factor(postern: Postern, email: str) -> tuple[sessions.Session, str]:
    """A new user with an active factor: the session of their sign-up, and the factor's secret.

    The code of the current time step is spent.
    """
    session = await sign_up.sign_up_email_password(postern, email, PASSWORD, None)
    secret = (await mfa.change_user_mfa(postern, session.access_token)).totp_secret
    code = totp.code_at(secret, totp.time_step(postern.now()))
    await mfa.verify_change_user_mfa(postern, session.access_token, "totp", code)
    return session, secret
