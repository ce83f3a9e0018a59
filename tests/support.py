"""Tools of the tests: an authenticator app, a clock, a client, a real server."""

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import io
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import httpx2
import redis
import zxingcpp
from PIL import Image

from auth import admission
from auth.accounts import enrolment, sign_up
from auth.caller import Caller, Operator
from auth.errors import AuthError
from auth.factors import one_time_codes
from auth.postern import Postern
from auth.sessions import opening
from auth.ways_in import email_password
from models import SecurityEvent
from tests import prepared
from tests.passkey_device import Device
from tests.prepared import POSTERN, ROOT, Process

__all__ = ["POSTERN", "ROOT"]

JOE = "joe@example.com"
PASSWORD = "correct horse battery staple"
OPERATOR = Operator(user_agent="postern", at_console=True)

SESSION = (
    "accessToken accessTokenExpiresIn refreshToken refreshTokenId deviceToken "
    "user { id email activeMfaType factors newEmail hasPassword }"
)
SIGN_IN_RESULT = (
    f"{{ __typename ... on Session {{ {SESSION} }}"
    " ... on MfaTicket { ticket expiresIn factors enrolment } }"
)
MFA_CHANGE = (
    "user { passkeys { id nickname backedUp lastUsedAt } } recoveryCodes "
    f"session {{ {SESSION} }}"
)
OPERATIONS = {
    "me": (
        "query { me { id email emailVerified newEmail hasPassword displayName locale activeMfaType"
        "  trustedDevices { id address userAgent expiresAt lastUsedAt }"
        "  secondFactorDueAt factors passkeys { id nickname createdAt lastUsedAt backedUp }"
        "  acceptedPasskeysJson"
        "  roles createdAt recoveryCodesLeft"
        "  sessions(first: 100) {"
        "    edges { node { id current address userAgent createdAt lastUsedAt } }"
        "    pageInfo { hasNextPage endCursor } }"
        "  securityEvents(first: 100) {"
        "    edges { cursor node { type createdAt address userAgent } }"
        "    pageInfo { hasNextPage endCursor } } } }"
    ),
    "signUpEmailPassword": (
        "mutation ($email: String!, $password: String!, $displayName: String) {"
        "  signUpEmailPassword(email: $email, password: $password, displayName: $displayName) {"
        f"    {SESSION} }} }}"
    ),
    "signInEmailPassword": (
        "mutation ($email: String!, $password: String!, $deviceToken: String) {"
        "  signInEmailPassword(email: $email, password: $password, deviceToken: $deviceToken)"
        f"  {SIGN_IN_RESULT} }}"
    ),
    "verifySignInMfaTotp": (
        "mutation ($ticket: String!, $otp: String!, $trustDevice: Boolean) {"
        "  verifySignInMfaTotp(ticket: $ticket, otp: $otp, trustDevice: $trustDevice)"
        f"  {{ {SESSION} }} }}"
    ),
    "enrolMfaTotp": (
        "mutation ($ticket: String!) {"
        "  enrolMfaTotp(ticket: $ticket) { imageUrl totpSecret otpauthUrl } }"
    ),
    "activateMfaTotp": (
        "mutation ($ticket: String!, $code: String!) {"
        f"  activateMfaTotp(ticket: $ticket, code: $code) {{ {MFA_CHANGE} }} }}"
    ),
    "enrolMfaPasskey": (
        "mutation ($ticket: String!) { enrolMfaPasskey(ticket: $ticket) { optionsJson } }"
    ),
    "activateMfaPasskey": (
        "mutation ($ticket: String!, $credentialJson: String!, $nickname: String) {"
        "  activateMfaPasskey("
        "    ticket: $ticket, credentialJson: $credentialJson, nickname: $nickname"
        f"  ) {{ {MFA_CHANGE} }} }}"
    ),
    "verifySignInMfaRecoveryCode": (
        "mutation ($ticket: String!, $recoveryCode: String!, $trustDevice: Boolean) {"
        "  verifySignInMfaRecoveryCode("
        "    ticket: $ticket, recoveryCode: $recoveryCode, trustDevice: $trustDevice"
        f"  ) {{ {SESSION} }} }}"
    ),
    "refreshSession": (
        "mutation ($refreshToken: String!) {"
        f"  refreshSession(refreshToken: $refreshToken) {{ {SESSION} }} }}"
    ),
    "signOut": (
        "mutation ($refreshToken: String, $all: Boolean) {"
        "  signOut(refreshToken: $refreshToken, all: $all) }"
    ),
    "revokeTrustedDevice": "mutation ($id: ID!) { revokeTrustedDevice(id: $id) }",
    "revokeSession": "mutation ($id: ID!) { revokeSession(id: $id) }",
    "elevate": (
        "mutation ($password: String, $code: String) {"
        f"  elevate(password: $password, code: $code) {{ {SESSION} }} }}"
    ),
    "changeUserPassword": (
        "mutation ($currentPassword: String, $newPassword: String!) {"
        "  changeUserPassword(currentPassword: $currentPassword, newPassword: $newPassword) {"
        f"    {SESSION} }} }}"
    ),
    "changeUser": (
        "mutation ($displayName: String, $locale: String) {"
        "  changeUser(displayName: $displayName, locale: $locale) { displayName locale } }"
    ),
    "regenerateRecoveryCodes": (
        "mutation ($code: String) { regenerateRecoveryCodes(code: $code) {"
        f"    recoveryCodes session {{ {SESSION} }} }} }}"
    ),
    "sendVerificationEmail": (
        "mutation ($email: String!, $redirectTo: String) {"
        "  sendVerificationEmail(email: $email, redirectTo: $redirectTo) }"
    ),
    "verifyEmail": "mutation ($ticket: String!) { verifyEmail(ticket: $ticket) }",
    "sendPasswordResetEmail": (
        "mutation ($email: String!, $redirectTo: String) {"
        "  sendPasswordResetEmail(email: $email, redirectTo: $redirectTo) }"
    ),
    "resetPassword": (
        "mutation ($ticket: String!, $newPassword: String!) {"
        "  resetPassword(ticket: $ticket, newPassword: $newPassword) }"
    ),
    "changeUserEmail": (
        "mutation ($newEmail: String!, $redirectTo: String) {"
        "  changeUserEmail(newEmail: $newEmail, redirectTo: $redirectTo) }"
    ),
    "verifyChangeUserEmail": (
        "mutation ($ticket: String!) { verifyChangeUserEmail(ticket: $ticket) }"
    ),
    "undoChangeUserEmail": "mutation ($ticket: String!) { undoChangeUserEmail(ticket: $ticket) }",
    "signInOTPEmail": (
        "mutation ($email: String!, $displayName: String) {"
        "  signInOTPEmail(email: $email, displayName: $displayName) }"
    ),
    "verifySignInOTPEmail": (
        "mutation ($email: String!, $otp: String!) { verifySignInOTPEmail(email: $email, otp: $otp)"
        f"  {SIGN_IN_RESULT} }}"
    ),
    "signInPasswordlessEmail": (
        "mutation ($email: String!, $redirectTo: String) {"
        "  signInPasswordlessEmail(email: $email, redirectTo: $redirectTo) }"
    ),
    "verifySignInPasswordlessEmail": (
        "mutation ($ticket: String!) { verifySignInPasswordlessEmail(ticket: $ticket)"
        f"  {SIGN_IN_RESULT} }}"
    ),
    "changeUserMfa": "mutation { changeUserMfa { imageUrl totpSecret otpauthUrl } }",
    "verifyChangeUserMfa": (
        "mutation ($activeMfaType: String!, $code: String!) {"
        "  verifyChangeUserMfa(activeMfaType: $activeMfaType, code: $code) {"
        f"    user {{ id activeMfaType }} recoveryCodes session {{ {SESSION} }} }} }}"
    ),
    "addPasskey": "mutation { addPasskey { optionsJson } }",
    "verifyAddPasskey": (
        "mutation ($credentialJson: String!, $nickname: String) {"
        "  verifyAddPasskey(credentialJson: $credentialJson, nickname: $nickname) {"
        f"    {MFA_CHANGE} }} }}"
    ),
    "renamePasskey": (
        "mutation ($id: ID!, $nickname: String!) {"
        "  renamePasskey(id: $id, nickname: $nickname) { id nickname } }"
    ),
    "removePasskey": f"mutation ($id: ID!) {{ removePasskey(id: $id) {{ {MFA_CHANGE} }} }}",
    "startSignInPasskey": "mutation { startSignInPasskey { optionsJson } }",
    "verifySignInPasskey": (
        "mutation ($credentialJson: String!) {"
        f"  verifySignInPasskey(credentialJson: $credentialJson) {{ {SESSION} }} }}"
    ),
    "startSignInMfaPasskey": (
        "mutation ($ticket: String!) { startSignInMfaPasskey(ticket: $ticket) { optionsJson } }"
    ),
    "verifySignInMfaPasskey": (
        "mutation ($ticket: String!, $credentialJson: String!) {"
        "  verifySignInMfaPasskey(ticket: $ticket, credentialJson: $credentialJson) {"
        f"    {SESSION} }} }}"
    ),
    "signUpPasskey": (
        "mutation ($email: String!, $displayName: String) {"
        "  signUpPasskey(email: $email, displayName: $displayName) { optionsJson } }"
    ),
    "verifySignUpPasskey": (
        "mutation ($credentialJson: String!, $nickname: String) {"
        "  verifySignUpPasskey(credentialJson: $credentialJson, nickname: $nickname) {"
        f"    {MFA_CHANGE} }} }}"
    ),
    "startElevatePasskey": "mutation { startElevatePasskey { optionsJson } }",
    "verifyElevatePasskey": (
        "mutation ($credentialJson: String!) {"
        f"  verifyElevatePasskey(credentialJson: $credentialJson) {{ {SESSION} }} }}"
    ),
}


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

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
    recovery_codes: list[str] = field(default_factory=list)

    @classmethod
    def scan(cls, image_url: str) -> "Authenticator":
        """Read the QR code of a data URL with a real decoder."""
        return cls(parse_qs(urlsplit(read_qr_code(image_url)).query)["secret"][0])

    def next_code(self) -> str:
        """Return a code that the server accepts now: unused, of the previous, current or next step.

        Waits only if these three are used up. The previous step is skipped if its time is nearly
        over.
        """
        now = datetime.now(UTC)
        soon = one_time_codes.time_step(now + timedelta(seconds=8))
        step = max(self.last_step + 1, soon - 1)
        while step > one_time_codes.time_step(datetime.now(UTC)) + 1:
            time.sleep(0.2)
        self.last_step = step
        return one_time_codes.code_at(self.secret, step)

    def wrong_code(self) -> str:
        """Return a code that is wrong in all time steps around now."""
        now = one_time_codes.time_step(datetime.now(UTC))
        near = {one_time_codes.code_at(self.secret, step) for step in range(now - 5, now + 10)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


def read_qr_code(image_url: str) -> str:
    """Return the text of the QR code in a PNG data URL."""
    png = base64.b64decode(image_url.removeprefix("data:image/png;base64,"))
    (code,) = zxingcpp.read_barcodes(
        Image.open(io.BytesIO(png)).convert("L"),
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
    )
    return str(code.text)


def label_of(otpauth_url: str) -> str:
    """Return what an authenticator app shows with the code: issuer and account."""
    return unquote(urlsplit(otpauth_url).path.removeprefix("/"))


class RefusedError(Exception):
    """The errors of a GraphQL response; `code` and `extensions` are those of the first error."""

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
    """A front end that remembers its access token."""

    http: httpx2.Client
    access_token: str | None = field(default=None, repr=False)

    def call(self, operation: str, **variables: Any) -> Any:
        """Send one of OPERATIONS, and return its data. Raises RefusedError."""
        headers = {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        response = self.http.post("/graphql", json=payload(operation, variables), headers=headers)
        assert response.status_code == 200
        return answer_of(operation, response)

    def devices(self) -> list[Any]:
        """Return the user's sessions."""
        return [edge["node"] for edge in self.call("me")["sessions"]["edges"]]

    def sign_up(self, email: str) -> Any:
        session = self.call("signUpEmailPassword", email=email, password=PASSWORD)
        self.access_token = session["accessToken"]
        return session

    def enrol(self) -> Authenticator:
        """Turn the second factor on, as a user with a phone does."""
        phone = Authenticator.scan(self.call("changeUserMfa")["imageUrl"])
        change = self.call("verifyChangeUserMfa", activeMfaType="totp", code=phone.next_code())
        phone.recovery_codes = change["recoveryCodes"]
        self.access_token = change["session"]["accessToken"]
        return phone

    def add_passkey(self, device: Device, nickname: str | None = None) -> Any:
        """Add a passkey, as a user with this device does; return the change."""
        made = device.create(self.call("addPasskey")["optionsJson"])
        change = self.call("verifyAddPasskey", credentialJson=made, nickname=nickname)
        self.access_token = change["session"]["accessToken"]
        return change

    def sign_in_with(self, device: Device, **lies: Any) -> Any:
        """Sign in with a passkey of the device; return the session."""
        answer = device.get(self.call("startSignInPasskey")["optionsJson"], **lies)
        session = self.call("verifySignInPasskey", credentialJson=answer)
        self.access_token = session["accessToken"]
        return session

    def ticket(self, email: str) -> str:
        ticket = self.call("signInEmailPassword", email=email, password=PASSWORD)
        assert ticket["__typename"] == "MfaTicket"
        return str(ticket["ticket"])


@dataclass
class Server:
    """A `postern serve` in its own process."""

    url: str
    data_dir: Path
    env: dict[str, str]
    output: Path
    process: Process

    def log(self) -> str:
        return self.output.read_text()

    def mails(self, *, at_least: int = 0, kind: str = "") -> list[dict[str, str]]:
        """What is in the mailbox (of this kind), the newest first, once there are so many."""
        deadline = time.monotonic() + 20
        while True:
            found: list[dict[str, str]] = httpx2.get(f"{self.url}/mailbox").json()
            found = [mail for mail in found if kind in ("", mail["kind"])]
            if len(found) >= at_least or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


@cache
def postgres_to_test_on() -> str | None:
    """Return the URL of a PostgreSQL in which tests may create and drop databases, or None.

    This is TEST_DATABASE_URL, or else a server on this machine that accepts the tests' login.
    """
    if named := os.environ.get("TEST_DATABASE_URL"):
        return named
    local = "postgres://postgres@127.0.0.1:5432/postgres"

    async def may_make_databases() -> bool:
        connection = await asyncpg.connect(local, timeout=2)
        try:
            roles = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            return bool(await connection.fetchval(roles))
        finally:
            await connection.close()

    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return local if asyncio.run(may_make_databases()) else None
    return None


@cache
def has_node(major: int) -> bool:
    """Return whether npm is installed, with this version of Node or a newer one."""
    if not shutil.which("npm"):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.removeprefix("v").split(".")[0]) >= major


def node_modules(project: Path) -> None:
    """Install the pinned packages of a project once, one process at a time."""
    done = project / "node_modules" / ".installed"
    wanted = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()
    with (project / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.read_text() == wanted:
            return
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
        done.write_text(wanted)


def free_port() -> int:
    """Return a port that no other process of these tests chooses, nor the system by itself."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = 10_000 + 16 * random.randrange(1300) + worker % 16
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


CHEAP_HASHING = {
    "AUTH_PASSWORD_ARGON2_MEMORY_COST": "8",
    "AUTH_PASSWORD_ARGON2_TIME_COST": "1",
}
SHIPPED_LIMITS = {
    "AUTH_RATE_LIMIT_GLOBAL_BURST": "",
    "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "",
    "AUTH_RATE_LIMIT_SIGNUPS_BURST": "",
    "AUTH_RATE_LIMIT_EMAIL_BURST": "",
}
"""For `running_server`: the limits of a new installation."""


def redis_url() -> str | None:
    """Return the URL of a Redis for the tests: TEST_REDIS_URL, or one on this machine."""
    url = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=1) as answering:
            answering.ping()
    except redis.RedisError:
        return None
    return url


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """Return the machine's environment with only these settings."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTH_", "HASURA_")) and name != "DATABASE_URL"
    }
    chosen = {
        "AUTH_CONFIG": str(ROOT / "config" / "nhost.toml"),
        "AUTH_DATA_DIR": str(data_dir),
        # Tests send many requests from one address; tests of the limits set their own.
        "AUTH_RATE_LIMIT_GLOBAL_BURST": "1000000",
        "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "1000000",
        "AUTH_RATE_LIMIT_SIGNUPS_BURST": "1000000",
        "AUTH_RATE_LIMIT_EMAIL_BURST": "1000000",
    }
    return clean | chosen | settings


def postern(
    *arguments: str, env: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the `postern` command to its end, with output for a person."""
    ended = prepared.run(arguments, {"AUTH_LOG_FORMAT": "text"} | env, stdin.encode())
    said = ended.stdout.decode(), ended.stderr.decode()
    return subprocess.CompletedProcess(ended.args, ended.returncode, *said)


@contextmanager
def running_server(data_dir: Path, **settings: str) -> Iterator[Server]:
    """Run a server that is ready to answer; stop it at the end."""
    with running_workers(data_dir, 1, **settings) as server:
        yield server


@contextmanager
def running_workers(
    data_dir: Path, workers: int, program: Sequence[str] = (), **settings: str
) -> Iterator[Server]:
    """Run a server with several workers, perhaps by another program; stop it at the end."""
    port = free_port()
    env = environment(data_dir, AUTH_PORT=str(port), **settings)
    output = data_dir.with_suffix(".log")
    process: Process
    with output.open("wb") as log:
        if workers == 1 and not program:
            process = prepared.start(["serve"], env, stdout=log, stderr=log)
        else:  # it starts its workers as it was started itself
            command = [*program, POSTERN, "serve", f"--workers={workers}"]
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", data_dir, env, output, process)
    try:
        wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def workers_of(server: Server) -> list[int]:
    """Return the process ids of a server's workers (Linux)."""
    family = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family.split()}
    return [int(pid) for pid, command in commands.items() if b"spawn_main" in command]


def wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx2.get(f"{server.url}/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{server.log()}")


def all_at_once(
    servers: Server | Sequence[Server],
    operation: str,
    variables: list[dict[str, Any]],
    access_token: str = "",
) -> list[Any]:
    """Send one operation many times at the same instant; return the answers or refusal codes.

    With several servers, each request goes to one of them.
    """
    urls = [each.url for each in ([servers] if isinstance(servers, Server) else servers)]

    async def attack() -> list[Any]:
        limits = httpx2.Limits(max_connections=len(variables))
        headers = {"authorization": f"Bearer {access_token}"} if access_token else {}
        async with httpx2.AsyncClient(limits=limits, timeout=60, headers=headers) as http:
            responses = await asyncio.gather(
                *(
                    http.post(f"{random.choice(urls)}/graphql", json=payload(operation, each))
                    for each in variables
                )
            )
        return [outcome(response) for response in responses]

    def outcome(response: httpx2.Response) -> Any:
        try:
            return answer_of(operation, response)
        except RefusedError as refused:
            return refused.code

    return asyncio.run(attack())


def sessions_among(answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if isinstance(answer, dict)]


def with_settings(postern: Postern, **changes: object) -> Postern:
    """Return the same Postern with other settings."""
    return replace(postern, settings=postern.settings.model_copy(update=changes))


async def refusal(attempt: Awaitable[object]) -> str:
    """Return the code of the refusal, or "" if the attempt succeeds."""
    try:
        await attempt
    except AuthError as error:
        return error.code.name
    return ""


def caller(access_token: str | None = None) -> Caller:
    """Return a caller from a documentation network (RFC 5737)."""
    return Caller("192.0.2.7", "Tests/1.0", access_token)


async def sign_up_user(postern: Postern, email: str = JOE) -> tuple[opening.Session, Caller]:
    """Sign a new user up; return the session, and a caller with its access token."""
    session = await sign_up.sign_up_email_password(postern, caller(), email, PASSWORD)
    return session, caller(session.access_token)


@dataclass(frozen=True)
class Enrolled:
    """Sign a new user up and turn the factor on; the current time step is spent."""

    session: opening.Session
    caller: Caller
    secret: str
    recovery_codes: tuple[str, ...]

    def code(self, postern: Postern, offset: int = 0) -> str:
        return one_time_codes.code_at(self.secret, one_time_codes.time_step(postern.now()) + offset)

    def wrong_code(self, postern: Postern) -> str:
        near = {self.code(postern, offset) for offset in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222") if code not in near)


async def sign_up_with_factor(postern: Postern, email: str = JOE) -> Enrolled:
    _, owner = await sign_up_user(postern, email)
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    code = one_time_codes.code_at(secret, one_time_codes.time_step(postern.now()))
    change = await enrolment.verify_change_user_mfa(postern, owner, "totp", code)
    shown = caller(change.session.access_token)
    return Enrolled(change.session, shown, secret, change.recovery_codes)


async def open_ticket(postern: Postern, email: str = JOE) -> str:
    answer = await email_password.sign_in_email_password(postern, caller(), email, PASSWORD)
    assert isinstance(answer, admission.MfaTicket)
    return answer.ticket


async def event_names(email: str = JOE) -> list[str]:
    """Return the names of the user's security events, the oldest first."""
    found = SecurityEvent.filter(user__email=email).order_by("id")
    return [event.type for event in await found]
