"""The routes of Nhost Auth: its error names and statuses, and Postern's guarantees."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from api.app import VERSION
from api.nhost import endpoint
from api.nhost.openapi import document
from api.nhost.operations import OPERATIONS
from api.refusals import STATUS
from auth.errors import CONCEALED, ErrorCode
from tests.support import (
    PASSWORD,
    SHIPPED_LIMITS,
    Authenticator,
    Client,
    Server,
    all_at_once,
    postern,
    running_server,
)

JOE = "joe@example.com"


class Rest:
    """A client of the routes, similar to Nhost's."""

    def __init__(self, server: Server, prefix: str = "/v1") -> None:
        self.http = httpx2.Client(base_url=server.url, timeout=30)
        self.prefix, self.token = prefix, ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        if self.token:
            headers = {"authorization": f"Bearer {self.token}"} | headers
        url = self.prefix + path
        answer = self.http.request(method, url, json=body, headers=headers)
        assert answer.headers["content-type"] == "application/json"
        return answer.status_code, answer.json()

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        return self.ask("POST", path, body)

    def get(self, path: str) -> tuple[int, Any]:
        return self.ask("GET", path)

    def sign_up(self, email: str = JOE, **options: Any) -> Any:
        body = {"email": email, "password": PASSWORD} | ({"options": options} if options else {})
        status, answer = self.post("/signup/email-password", **body)
        assert status == 200, answer
        self.token = answer["session"]["accessToken"]
        return answer["session"]

    def enrol(self) -> Authenticator:
        status, answer = self.get("/mfa/totp/generate")
        assert (status, set(answer)) == (200, {"imageUrl", "totpSecret"})
        phone = Authenticator.scan(answer["imageUrl"])
        code = phone.next_code()
        assert self.post("/user/mfa", code=code, activeMfaType="totp") == (200, "OK")
        return phone

    def ticket(self, email: str = JOE) -> str:
        status, answer = self.post("/signin/email-password", email=email, password=PASSWORD)
        assert (status, list(answer), list(answer["mfa"])) == (200, ["mfa"], ["ticket"])
        return str(answer["mfa"]["ticket"])


def refused(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    assert set(body) >= {"status", "error", "message"}
    assert body["status"] == status
    return status, body["error"]


@pytest.fixture
def nhost(server: Server) -> Iterator[Rest]:
    client = Rest(server)
    yield client
    client.http.close()


def test_nhosts_documented_story_works(nhost: Rest) -> None:
    session = nhost.sign_up()
    assert set(session) == {
        "accessToken", "accessTokenExpiresIn", "refreshToken", "refreshTokenId", "user",
    }  # fmt: skip
    assert str(UUID(session["refreshToken"])) == session["refreshToken"]
    assert session["user"] | {"id": "", "createdAt": ""} == {
        "id": "",
        "email": JOE,
        "displayName": JOE,
        "avatarUrl": "",
        "locale": "en",
        "createdAt": "",
        "isAnonymous": False,
        "defaultRole": "user",
        "roles": ["user", "me"],
        "metadata": None,
        "emailVerified": False,
        "phoneNumberVerified": False,
        "activeMfaType": None,
    }
    assert nhost.get("/user") == (200, session["user"])
    phone = nhost.enrol()
    nhost.token, ticket = "", nhost.ticket()
    assert ticket.startswith("mfaTotp:")
    wrong = nhost.post("/signin/mfa/totp", ticket=ticket, otp=phone.wrong_code())
    assert refused(wrong) == (401, "invalid-totp")
    status, answer = nhost.post("/signin/mfa/totp", ticket=ticket, otp=phone.next_code())
    assert (status, list(answer)) == (200, ["session"])
    assert answer["session"]["user"]["activeMfaType"] == "totp"
    again = nhost.post("/signin/mfa/totp", ticket=ticket, otp=phone.next_code())
    assert refused(again) == (401, "invalid-ticket")
    status, fresh = nhost.post("/token", refreshToken=answer["session"]["refreshToken"])
    assert status == 200
    assert fresh["user"]["email"] == JOE
    nhost.token = fresh["accessToken"]
    assert nhost.post("/token/verify") == (200, "OK")
    assert nhost.post("/token/verify", token=fresh["accessToken"]) == (200, "OK")
    assert refused(nhost.post("/token/verify", token="x")) == (401, "unauthorized")
    assert nhost.post("/signout", refreshToken=fresh["refreshToken"]) == (200, "OK")
    assert refused(nhost.get("/user")) == (401, "unauthorized")


def test_a_recovery_code_is_accepted_as_otp(server: Server, nhost: Rest) -> None:
    """Nhost's client has no other way for users who have lost their phone."""
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        client = Client(http)
        client.sign_up(JOE)
        phone = client.enrol()
    code = phone.recovery_codes[0]
    status, answer = nhost.post("/signin/mfa/totp", ticket=nhost.ticket(), otp=code)
    assert (status, list(answer)) == (200, ["session"])
    used = nhost.post("/signin/mfa/totp", ticket=nhost.ticket(), otp=code)
    assert refused(used) == (401, "invalid-totp")


def test_sign_up_accepts_nhosts_options(nhost: Rest) -> None:
    user = nhost.sign_up(
        displayName="Joe",
        locale="xx",
        allowedRoles=["user"],
        defaultRole="user",
        metadata={"team": {"id": 7, "names": ["red", "🌻"]}},
    )["user"]
    assert (user["displayName"], user["locale"]) == ("Joe", "en")
    assert (user["roles"], user["defaultRole"]) == (["user"], "user")
    assert user["metadata"] == {"team": {"id": 7, "names": ["red", "🌻"]}}
    assert nhost.get("/user")[1] == user
    for options, error in [
        ({"allowedRoles": ["user", "admin"]}, "role-not-allowed"),
        ({"allowedRoles": ["me"]}, "default-role-must-be-in-allowed-roles"),
        ({"defaultRole": "admin"}, "default-role-must-be-in-allowed-roles"),
        ({"metadata": {"a": "\0"}}, "invalid-request"),
        ({"metadata": []}, "invalid-request"),
        ({"redirectTo": "https://evil.example.com"}, "redirectTo-not-allowed"),
        ({"displayName": "x" * 101}, "invalid-request"),
    ]:
        body = {"email": "amy@example.com", "password": PASSWORD, "options": options}
        assert refused(nhost.post("/signup/email-password", **body)) == (400, error), options
    again = nhost.post("/signup/email-password", email=JOE, password=PASSWORD)
    assert refused(again) == (409, "user-already-exists")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"email": JOE, "password": PASSWORD, "codeChallenge": "x"}, "codeChallenge: "),
        ({"email": JOE, "password": PASSWORD, "options": {"nope": 1}}, "options.nope: "),
        ({"email": JOE}, "password: required."),
        ({"email": JOE, "password": 12345678}, "password: "),
        ({"email": JOE, "password": PASSWORD, "options": {"metadata": 1e999}}, "Expected JSON"),
        ([], "body: "),
        ("x", "body: "),
        (None, "body: "),
    ],
)
def test_an_invalid_body_is_refused_with_the_name_of_the_field(
    nhost: Rest, body: object, named: str
) -> None:
    content = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    answer = nhost.http.post("/v1/signup/email-password", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid-request"
    assert answer.json()["message"].startswith(named)
    assert PASSWORD not in answer.text


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b'{"email": "\\ud800"}', "application/json"),
        (b"[" * 60_000, "application/json"),
        (b'{"email": "a@b.test", "password": "x"}', "text/plain"),
        (b"email=a%40b.test&password=x", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_not_json_is_refused(nhost: Rest, content: bytes, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = nhost.http.post("/v1/signin/email-password", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid-request")
    too_much = nhost.http.post("/v1/token", content=b" " * 70_000, headers=headers)
    assert (too_much.status_code, too_much.json()["status"]) == (413, 413)


def test_a_recent_sign_in_may_change_the_password(nhost: Rest) -> None:
    nhost.sign_up()
    assert refused(nhost.post("/user/password", newPassword="12345678")) == (
        400, "password-in-hibp-database",
    )  # fmt: skip
    short = nhost.post("/user/password", newPassword="x")
    assert refused(short) == (400, "password-too-short")
    assert nhost.post("/user/password", newPassword="another good one") == (200, "OK")
    reset = nhost.post("/user/password", newPassword="another good one", ticket="passwordReset:x")
    assert refused(reset) == (401, "invalid-ticket")
    nhost.token = ""
    nobody = nhost.post("/user/password", newPassword="another good one")
    assert refused(nobody) == (401, "unauthorized")
    old = nhost.post("/signin/email-password", email=JOE, password=PASSWORD)
    assert refused(old) == (401, "invalid-email-password")


def test_of_fifty_redemptions_over_both_apis_one_gets_a_session(
    server: Server, nhost: Rest
) -> None:
    nhost.sign_up()
    phone = nhost.enrol()
    nhost.token, ticket, code = "", nhost.ticket(), phone.next_code()
    answers = all_at_once(server, "verifySignInMfaTotp", [{"ticket": ticket, "otp": code}] * 20)
    late = [nhost.post("/signin/mfa/totp", ticket=ticket, otp=code)[0] for _ in range(5)]
    assert sum(not isinstance(answer, str) for answer in answers) + late.count(200) == 1


def test_both_apis_share_the_limits(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", **SHIPPED_LIMITS) as server:
        nhost = Rest(server)
        wrong = {"email": JOE, "password": "a wrong guess"}
        with httpx2.Client(base_url=server.url) as http:
            text = json.dumps({"query": QUERY, "variables": wrong})
            headers = {"content-type": "application/json"}
            for _ in range(6):
                http.post("/graphql", content=text, headers=headers)
        codes = [refused(nhost.post("/signin/email-password", **wrong)) for _ in range(6)]
        assert codes == [(401, "invalid-email-password")] * 4 + [(429, "too-many-requests")] * 2
        last = nhost.http.post("/v1/signin/email-password", json=wrong)
        assert int(last.headers["retry-after"]) == last.json()["retryAfter"]
        nhost.http.close()


QUERY = """mutation ($email: String!, $password: String!) {
    signInEmailPassword(email: $email, password: $password) { __typename }
}"""


def test_disabled_factors_are_refused_as_such(tmp_path: Path) -> None:
    off = {"AUTH_MFA_ENABLED": "false", "AUTH_API_PREFIX": "/auth/v2"}
    with running_server(tmp_path / "var", **off) as server:
        nhost = Rest(server, "/auth/v2")
        nhost.sign_up()
        assert refused(nhost.get("/mfa/totp/generate")) == (409, "disabled-endpoint")
        assert refused(nhost.post("/user/mfa", code="1")) == (409, "disabled-endpoint")
        totp = nhost.post("/signin/mfa/totp", ticket="mfaTotp:x", otp="1")
        assert refused(totp) == (409, "disabled-endpoint")
        for path in ("/healthz", "/version", "/.well-known/jwks.json"):
            assert nhost.get(path)[0] == 200
        assert httpx2.get(f"{server.url}/v1/user").status_code == 404
        nhost.http.close()


def test_an_address_may_need_verification_before_sign_in(tmp_path: Path) -> None:
    here = "https://auth.example.com"
    strict = {"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true", "AUTH_SERVER_URL": here}
    with running_server(tmp_path / "var", **strict) as server:
        nhost = Rest(server)
        joe = {"email": JOE, "password": PASSWORD}
        assert nhost.post("/signup/email-password", **joe) == (200, {})
        refusal = refused(nhost.post("/signin/email-password", **joe))
        assert refusal == (401, "unverified-user")
        assert postern("verify-user", JOE, env=server.env).returncode == 0
        status, answer = nhost.post("/signin/email-password", **joe)
        assert (status, answer["session"]["user"]["emailVerified"]) == (200, True)
        assert nhost.http.get("/openapi.json").json()["servers"] == [{"url": here}]
        nhost.http.close()


def test_concealed_errors_are_identical(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", AUTH_CONCEAL_ERRORS="true") as server:
        nhost = Rest(server)
        nhost.sign_up()
        nhost.token = ""
        answers = [
            nhost.post("/signin/email-password", email=JOE, password="wrong"),
            nhost.post("/signup/email-password", email=JOE, password=PASSWORD),
            nhost.post("/token", refreshToken="x"),
            nhost.post("/signin/mfa/totp", ticket="mfaTotp:x", otp="123456"),
            nhost.get("/user"),
        ]
        assert [refused(answer) for answer in answers] == [(400, "invalid-request")] * 5
        assert len({answer[1]["message"] for answer in answers}) == 1
        nhost.http.close()


def test_every_refusal_has_an_error_name_and_a_status() -> None:
    words = {endpoint.RENAMED.get(code, code.name.lower().replace("_", "-")) for code in ErrorCode}
    assert len(words) == len(ErrorCode) - 6, "a recovery code is a code; no mail; lists; passkeys"
    assert {STATUS.get(code, 400) for code in CONCEALED} <= {400, 401, 403, 409}


def test_the_openapi_document_describes_every_route(nhost: Rest) -> None:
    answer = nhost.http.get("/openapi.json")
    assert answer.json() == document(VERSION, "/v1")
    described = {
        (method.upper(), path.removeprefix("/v1"))
        for path, methods in answer.json()["paths"].items()
        for method in methods
    }
    assert described == {(each.method, each.path) for each in OPERATIONS}
    ids = [each.contract.name for each in OPERATIONS]
    assert len(set(ids)) == len(ids)
