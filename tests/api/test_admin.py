"""The operators' interface over HTTP: who gets in, what is shown, what is done, and what stays."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest

from auth.keys.signing_keys import own_key_ring
from tests.admin_client import ACTS, QUERIES, REASON, ROOT, Operator, document, id_of, operator
from tests.support import (
    CHEAP_HASHING,
    JOE,
    PASSWORD,
    Client,
    RefusedError,
    Server,
    postern,
    running_server,
)

SECRET = "a secret of scripts, which is long enough"


@pytest.fixture
def server(tmp_path: Any, migrated_database: dict[str, str]) -> Iterator[Server]:
    """A server for one test, on each database."""
    with running_server(tmp_path / "var", **CHEAP_HASHING, **migrated_database) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def root(server: Server, http: httpx2.Client) -> Operator:
    return operator(server, http)


def refusal(who: Operator, operation: str, **variables: Any) -> str:
    try:
        who.call(operation, **variables)
    except RefusedError as refused:
        return refused.code
    return ""


def joe(http: httpx2.Client) -> Client:
    client = Client(http)
    client.sign_up(JOE)
    return client


class TestWhoGetsIn:
    def test_there_is_nothing_before_the_first_operator(self, http: httpx2.Client) -> None:
        answer = http.post("/admin/graphql", json={"query": "{ me { name } }"})
        assert answer.status_code == 404

    def test_an_operator_is_a_user_with_the_role_a_factor_and_a_recent_sign_in(
        self, root: Operator
    ) -> None:
        assert root.call("me")["name"] == ROOT

    @pytest.mark.parametrize("operation", [*QUERIES, *ACTS])
    def test_no_lesser_token_gets_in(
        self, root: Operator, http: httpx2.Client, server: Server, operation: str
    ) -> None:
        tokens = _lesser_tokens(root, http, server)
        for kind, (token, code) in tokens.items():
            headers = {"authorization": f"Bearer {token}"} if token else {}
            answer = http.post(
                "/admin/graphql", json={"query": document(operation)}, headers=headers
            )
            assert answer.json()["errors"][0]["extensions"]["code"] == code, kind
            assert "data" not in answer.json(), kind
            assert answer.status_code in {400, 401, 403}, kind

    def test_an_old_sign_in_has_to_be_confirmed(self, server: Server, root: Operator) -> None:
        old = datetime.now(UTC) - timedelta(minutes=16)
        root.client.access_token = aged(server, str(root.client.access_token), old)
        assert refusal(root, "me") == "ELEVATED_CLAIM_REQUIRED"
        root.confirm()
        assert root.call("me")["name"] == ROOT

    def test_operators_may_come_from_some_networks_only(
        self, tmp_path: Any, server: Server, root: Operator
    ) -> None:
        elsewhere = {"AUTH_ADMIN_NETWORKS": "192.0.2.0/24"}
        with running_server(tmp_path / "other", **elsewhere, AUTH_ADMIN_ENABLED="true") as other:
            answer = httpx2.post(f"{other.url}/admin/graphql", json={"query": "{ me { name } }"})
            assert answer.status_code == 404

    def test_scripts_use_the_admin_secret_where_it_is_switched_on(self, tmp_path: Any) -> None:
        chosen = {"HASURA_GRAPHQL_ADMIN_SECRET": SECRET, "AUTH_ADMIN_SECRET_ENABLED": "true"}
        with (
            running_server(tmp_path / "var", **chosen) as server,
            httpx2.Client(base_url=server.url) as http,
        ):
            script = Operator(http, Client(http), None, {"x-hasura-admin-secret": SECRET})  # type: ignore[arg-type]
            assert script.call("me") == {"id": None, "name": "the admin secret"}
            events = script.call("securityEvents")["edges"]
            assert [event["node"]["type"] for event in events] == ["ADMIN_SECRET_USED"] * 2
            assert {event["node"]["address"] for event in events} == {"127.0.0.1"}
            for wrong in ("", SECRET[:-1], SECRET + "x", "é"):
                script.headers = {"x-hasura-admin-secret": wrong.encode("utf-8")}  # type: ignore[dict-item]
                assert refusal(script, "me") == "UNAUTHENTICATED"
            assert SECRET not in server.log()

    def test_the_admin_secret_does_nothing_unless_it_is_switched_on(self, tmp_path: Any) -> None:
        chosen = {"HASURA_GRAPHQL_ADMIN_SECRET": SECRET, "AUTH_ADMIN_ENABLED": "true"}
        with running_server(tmp_path / "var", **chosen) as server:
            answer = httpx2.post(
                f"{server.url}/admin/graphql",
                json={"query": "{ me { name } }"},
                headers={"x-hasura-admin-secret": SECRET},
            )
            assert answer.status_code == 401

    def test_a_wrong_admin_secret_is_an_event(self, root: Operator, http: httpx2.Client) -> None:
        wrong = {"x-hasura-admin-secret": "wrong"}
        http.post("/admin/graphql", json={"query": "{ me { name } }"}, headers=wrong)
        (event, *_) = root.call("securityEvents")["edges"]
        assert event["node"]["type"] == "ADMIN_SECRET_REFUSED"
        assert event["node"]["address"] == "127.0.0.1"

    def test_whoever_is_no_operator_when_the_body_has_arrived_does_nothing(
        self, root: Operator, server: Server, http: httpx2.Client
    ) -> None:
        other = operator(server, http, "other@example.com")
        other_id = other.call("me")["id"]
        roles = {"id": other_id, "roles": ["user", "admin"], "defaultRole": "user"}
        asked = {"query": document("setRoles"), "variables": roles | {"reason": REASON}}
        body = json.dumps(asked).encode()
        address = (httpx2.URL(server.url).host, httpx2.URL(server.url).port or 80)
        head = (
            "POST /admin/graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {other.client.access_token}\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(address) as slow:
            slow.sendall(head.encode() + body[:10])
            time.sleep(0.3)  # until the server has begun with it
            root.call("setRoles", id=other_id, roles=["user"], defaultRole="user")
            slow.sendall(body[10:])
            answer = b"".join(iter(lambda: slow.recv(4096), b""))
        assert b"NOT_AN_OPERATOR" in answer
        assert root.call("user", id=other_id)["roles"] == ["user"]

    def test_pages_of_other_sites_get_nothing(self, root: Operator, http: httpx2.Client) -> None:
        token = {"authorization": f"Bearer {root.client.access_token}"}
        form = http.post(
            "/admin/graphql", content="{}", headers=token | {"content-type": "text/plain"}
        )
        assert form.status_code == 415
        assert http.get("/admin/graphql?query={me{name}}", headers=token).status_code == 405
        headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        preflight = http.request("OPTIONS", "/admin/graphql", headers=headers)
        assert "access-control-allow-origin" not in preflight.headers


def aged(server: Server, token: str, at: datetime) -> str:
    """Return the same access token, as if its user had signed in at this time."""
    key = own_key_ring(server.data_dir, token_life=900).current
    claims = jwt.decode(token, options={"verify_signature": False})
    claims["auth_time"] = int(at.timestamp())
    return jwt.encode(claims, key.private, "EdDSA", headers={"kid": key.kid})


def _lesser_tokens(
    root: Operator, http: httpx2.Client, server: Server
) -> dict[str, tuple[str, str]]:
    user = joe(http)
    factor = Client(http)
    session = factor.sign_up("factor@example.com")
    factor.enrol()
    bare = Client(http)
    bare.sign_up("bare@example.com")
    disabled = operator(server, http, "disabled@example.com")
    root.call("disableUser", id=id_of(root, "disabled@example.com"))
    unseen = Client(http)
    unseen.sign_up("unseen@example.com")
    before = {"email": "unseen@example.com", "password": PASSWORD}
    earlier = unseen.call("signInEmailPassword", **before)
    unseen.enrol()
    unseen.access_token = earlier["accessToken"]
    for email in ("bare@example.com", "unseen@example.com"):
        assert postern("set-roles", email, "user", "admin", env=server.env).returncode == 0
    return {
        "none": ("", "UNAUTHENTICATED"),
        "nonsense": ("nonsense", "UNAUTHENTICATED"),
        "user": (str(user.access_token), "NOT_AN_OPERATOR"),
        "user with factor": (str(factor.access_token), "NOT_AN_OPERATOR"),
        "operator without factor": (str(bare.access_token), "SECOND_FACTOR_REQUIRED"),
        "operator whose sign-in has not seen it": (
            str(unseen.access_token), "ELEVATED_CLAIM_REQUIRED",
        ),
        "disabled operator": (str(disabled.client.access_token), "UNAUTHENTICATED"),
        "refresh token": (session["refreshToken"], "UNAUTHENTICATED"),
        "ticket": (factor.ticket("factor@example.com"), "UNAUTHENTICATED"),
    }  # fmt: skip


class TestUsers:
    def test_users_are_found_by_a_part_and_listed_page_by_page(
        self, root: Operator, http: httpx2.Client
    ) -> None:
        for number in range(5):
            Client(http).sign_up(f"user{number}_@example.com")
        pages, after = [], None
        while True:
            page = root.call("users", filter={"text": "USER"}, first=2, after=after, order="EMAIL")
            pages.append([edge["node"]["email"] for edge in page["edges"]])
            after = page["pageInfo"]["endCursor"]
            assert page["totalCount"] == 5
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert pages == [
            ["user0_@example.com", "user1_@example.com"],
            ["user2_@example.com", "user3_@example.com"],
            ["user4_@example.com"],
        ]
        assert root.call("users", filter={"text": "r%"})["totalCount"] == 0
        assert root.call("users", filter={"text": "2_@"})["totalCount"] == 1
        assert root.call("users", filter={"text": id_of(root, "user3")})["totalCount"] == 1

    @pytest.mark.parametrize("order", ["NEWEST", "OLDEST", "EMAIL"])
    def test_every_order_shows_everybody_once(
        self, root: Operator, http: httpx2.Client, order: str
    ) -> None:
        for number in range(4):
            Client(http).sign_up(f"user{number}@example.com")
        seen, after = [], None
        for _ in range(5):
            page = root.call("users", first=1, after=after, order=order)
            seen += [edge["node"]["email"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
        others = [f"user{number}@example.com" for number in range(4)]
        by_age = [ROOT, *others]
        expected = {"NEWEST": by_age[::-1], "OLDEST": by_age, "EMAIL": sorted(by_age)}
        assert seen == expected[order]

    def test_filters_narrow_the_list(self, root: Operator, http: httpx2.Client) -> None:
        joe(http)
        root.call("disableUser", id=id_of(root, JOE))
        for chosen in (
            {"disabled": True},
            {"email": "JOE@EXAMPLE.COM"},
            {"hasSecondFactor": False},
            {"text": "joe", "disabled": True, "emailVerified": False},
        ):
            found = root.call("users", filter=chosen)["edges"]
            assert [edge["node"]["email"] for edge in found] == [JOE], chosen
        found = root.call("users", filter={"role": "admin"})["edges"]
        assert [edge["node"]["email"] for edge in found] == [ROOT]
        for nobody in ({"role": 'ad"min'}, {"role": "Admin"}, {"email": "oe@example.com"}):
            assert root.call("users", filter=nobody)["edges"] == [], nobody

    def test_a_user_is_shown_without_a_secret(self, root: Operator, http: httpx2.Client) -> None:
        client = joe(http)
        phone = client.enrol()
        shown = json.dumps(root.call("user", id=id_of(root, JOE)))
        for secret in (phone.secret, *phone.recovery_codes, PASSWORD, "argon2"):
            assert secret not in shown

    def test_an_unknown_user_is_not_found(self, root: Operator) -> None:
        for user_id in ("nobody", "00000000-0000-0000-0000-000000000000"):
            assert refusal(root, "user", id=user_id) == "NOT_FOUND"
            assert refusal(root, "disableUser", id=user_id) == "NOT_FOUND"

    @pytest.mark.parametrize("text", ["\0", "x" * 60_000, "%" * 321])
    def test_what_nobody_can_be_called_is_refused(self, root: Operator, text: str) -> None:
        for chosen in ({"text": text}, {"email": text}, {"role": text}):
            assert refusal(root, "users", filter=chosen) == "INVALID_REQUEST"
        assert refusal(root, "securityEvents", filter={"address": text}) == "INVALID_REQUEST"
        assert root.call("securityEvents", filter={"address": "x" * 100})["edges"] == []
        assert refusal(root, "users", order="EMAIL", after="YQBi") == "INVALID_REQUEST"

    def test_a_document_asks_for_a_few_searches_only(self, root: Operator) -> None:
        many = " ".join(
            f'a{number}: users(filter: {{text: "x"}}) {{ totalCount }}' for number in range(30)
        )
        headers = {"authorization": f"Bearer {root.client.access_token}"}
        asked = {"query": f"{{ {many} }}"}
        answer = root.http.post("/admin/graphql", json=asked, headers=headers).json()
        assert "complexity" in answer["errors"][0]["message"]


class TestActs:
    @pytest.mark.parametrize(
        ("act", "event", "mail"),
        [
            ("disableUser", "USER_DISABLED", "account-disabled"),
            ("enableUser", "USER_ENABLED", "account-enabled"),
            ("endSessions", "ALL_SESSIONS_ENDED", "sessions-ended"),
            ("resetFactors", "FACTOR_RESET", "factor-reset"),
            ("sendPasswordReset", "RESET_SENT", "password-reset"),
            ("verifyUser", "EMAIL_VERIFIED", "email-verified"),
            ("setRoles", "ROLES_CHANGED", "roles-changed"),
            ("setMetadata", "METADATA_CHANGED", "metadata-changed"),
        ],
    )
    def test_an_act_keeps_who_and_why_and_tells_the_user(
        self, root: Operator, http: httpx2.Client, server: Server, act: str, event: str, mail: str
    ) -> None:
        client = joe(http)
        client.enrol()
        arguments: dict[str, dict[str, Any]] = {
            "setRoles": {"roles": ["user", "editor"], "defaultRole": "editor"},
            "setMetadata": {"metadataJson": '{"plan": "gold"}'},
        }
        root.call(act, id=id_of(root, JOE), **arguments.get(act, {}))
        events = root.call("user", id=id_of(root, JOE))["securityEvents"]["edges"]
        (kept,) = [each["node"] for each in events if each["node"]["reason"]][:1]
        assert {"type": event, "reason": REASON} == {k: kept[k] for k in ("type", "reason")}
        assert kept["operatorId"] == root.call("me")["id"]
        assert JOE in [each["to"] for each in server.mails(at_least=1, kind=mail)]

    def test_disabling_ends_what_the_user_has_begun(
        self, root: Operator, http: httpx2.Client
    ) -> None:
        client = joe(http)
        assert root.call("disableUser", id=id_of(root, JOE))["disabled"]
        with pytest.raises(RefusedError) as refused:
            client.call("me")
        assert refused.value.code == "UNAUTHENTICATED"
        assert not root.call("enableUser", id=id_of(root, JOE))["disabled"]
        client.call("signInEmailPassword", email=JOE, password=PASSWORD)

    def test_one_session_of_a_user_is_ended(self, root: Operator, http: httpx2.Client) -> None:
        client = joe(http)
        client.call("signInEmailPassword", email=JOE, password=PASSWORD)
        first, second = root.call("user", id=id_of(root, JOE))["sessions"]
        left = root.call("endSession", id=id_of(root, JOE), sessionId=first["id"])["sessions"]
        assert [session["id"] for session in left] == [second["id"]]
        gone = {"id": id_of(root, JOE), "sessionId": first["id"]}
        assert refusal(root, "endSession", **gone) == "NOT_FOUND"

    def test_a_new_user_sets_the_password_by_a_mail(self, root: Operator, server: Server) -> None:
        made = root.call("createUser", email="Ann@Example.com", displayName="Ann")
        assert (made["email"], made["hasPassword"]) == ("ann@example.com", False)
        (mail,) = server.mails(at_least=1, kind="invitation")
        assert mail["to"] == "ann@example.com"
        assert mail["ticket"] not in json.dumps(made)
        assert refusal(root, "createUser", email="ann@example.com") == "EMAIL_ALREADY_IN_USE"

    def test_a_user_is_deleted_only_with_the_address_typed(
        self, root: Operator, http: httpx2.Client, server: Server
    ) -> None:
        joe(http)
        user_id = id_of(root, JOE)
        assert refusal(root, "deleteUser", id=user_id, email="other@x.org") == "INVALID_REQUEST"
        assert root.call("deleteUser", id=user_id, email=JOE) is True
        assert refusal(root, "user", id=user_id) == "NOT_FOUND"
        assert [each["to"] for each in server.mails(at_least=1, kind="account-deleted")] == [JOE]
        (event, *_) = root.call("securityEvents", filter={"types": ["USER_DELETED"]})["edges"]
        assert event["node"]["reason"] == REASON

    def test_of_eight_deletions_at_once_one_happens(
        self, root: Operator, http: httpx2.Client, server: Server
    ) -> None:
        joe(http)
        given = {"id": id_of(root, JOE), "email": JOE, "reason": REASON}

        async def attack() -> list[httpx2.Response]:
            headers = {"authorization": f"Bearer {root.client.access_token}"}
            async with httpx2.AsyncClient(base_url=server.url, timeout=30, headers=headers) as many:
                asked = {"query": document("deleteUser"), "variables": given}
                return await asyncio.gather(
                    *(many.post("/admin/graphql", json=asked) for _ in range(8))
                )

        answers = [answer.json() for answer in asyncio.run(attack())]
        assert sum("errors" not in answer for answer in answers) == 1
        refused = [answer["errors"][0] for answer in answers if "errors" in answer]
        assert {error["extensions"]["code"] for error in refused} == {"NOT_FOUND"}
        found = root.call("securityEvents", filter={"types": ["USER_DELETED"]})["edges"]
        assert [event["node"]["detail"] for event in found] == [given["id"]]

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 256, "two\nlines", "nul\0"])
    def test_an_act_needs_a_reason(self, root: Operator, http: httpx2.Client, reason: str) -> None:
        joe(http)
        code = refusal(root, "disableUser", id=id_of(root, JOE), reason=reason)
        assert code == "INVALID_REQUEST"
        assert not root.call("user", id=id_of(root, JOE))["disabled"]

    @pytest.mark.parametrize(
        ("roles", "default_role"),
        [([], "user"), (["user"], "editor"), (["user", ""], "user"), (["x" * 256], "x" * 256)],
    )
    def test_unfit_roles_are_refused(
        self, root: Operator, http: httpx2.Client, roles: list[str], default_role: str
    ) -> None:
        joe(http)
        given = {"id": id_of(root, JOE), "roles": roles, "defaultRole": default_role}
        assert refusal(root, "setRoles", **given) == "INVALID_REQUEST"

    @pytest.mark.parametrize("text", ["", "[]", "1", "{", '{"a": NaN}', "null null"])
    def test_unfit_metadata_is_refused(
        self, root: Operator, http: httpx2.Client, text: str
    ) -> None:
        joe(http)
        code = refusal(root, "setMetadata", id=id_of(root, JOE), metadataJson=text)
        assert code == "INVALID_REQUEST"

    def test_a_wait_after_failed_attempts_is_shown_and_lifted(
        self, tmp_path: Any, migrated_database: dict[str, str]
    ) -> None:
        chosen = {"AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "3", **migrated_database}
        with (
            running_server(tmp_path / "var", **chosen) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            root = operator(server, http)
            client = joe(http)
            for _ in range(3):
                with pytest.raises(RefusedError):
                    client.call("signInEmailPassword", email=JOE, password="wrong")
            user_id = id_of(root, JOE)
            (waiting,) = root.call("user", id=user_id)["throttles"]
            assert waiting["what"] == "password"
            assert root.call("liftThrottle", id=user_id)["throttles"] == []


class TestTheLastOperator:
    def test_stays(self, root: Operator) -> None:
        me = root.call("me")["id"]
        refused: list[tuple[str, dict[str, Any]]] = [
            ("disableUser", {}),
            ("deleteUser", {"email": ROOT}),
            ("setRoles", {"roles": ["user"], "defaultRole": "user"}),
        ]
        for act, more in refused:
            assert refusal(root, act, id=me, **more) == "LAST_OPERATOR"
        assert root.call("me")["id"] == me

    def test_two_who_disable_each_other_leave_one(
        self, root: Operator, http: httpx2.Client, server: Server
    ) -> None:
        other = operator(server, http, "other@example.com")
        pairs = [(root, id_of(root, "other@example.com")), (other, root.call("me")["id"])]

        async def attack() -> list[httpx2.Response]:
            async with httpx2.AsyncClient(base_url=server.url, timeout=30) as many:
                return await asyncio.gather(
                    *(
                        many.post(
                            "/admin/graphql",
                            json={
                                "query": document("disableUser"),
                                "variables": {"id": target, "reason": REASON},
                            },
                            headers={"authorization": f"Bearer {who.client.access_token}"},
                        )
                        for who, target in pairs * 5
                    )
                )

        asyncio.run(attack())
        shown = postern("list-users", "--role", "admin", "--json", env=server.env)
        assert sorted(user["disabled"] for user in json.loads(shown.stdout)) == [False, True]


class TestUpkeep:
    def test_keys_are_shown_by_their_ids_and_rotated(
        self, root: Operator, http: httpx2.Client
    ) -> None:
        (before,) = root.call("keys")["signing"]
        assert before["signs"]
        after = root.call("rotateKeys")
        assert [key["signs"] for key in after] == [True, False]
        assert after[1]["kid"] == before["kid"]
        assert root.call("me")["name"] == ROOT
        published = http.get("/.well-known/jwks.json").json()["keys"]
        assert {key["kid"] for key in published} == {key["kid"] for key in after}

    def test_mails_are_counted(self, root: Operator, server: Server) -> None:
        server.mails(at_least=2)
        assert root.call("mails") == {"delivery": "mailbox", "waiting": 0, "dead": {"edges": []}}

    def test_events_of_everybody_are_filtered(self, root: Operator, http: httpx2.Client) -> None:
        joe(http)
        user_id = id_of(root, JOE)
        for chosen in ({"userId": user_id}, {"types": ["SIGNED_UP"], "address": "127.0.0.1"}):
            found = root.call("securityEvents", filter=chosen)["edges"]
            assert found[-1 if "userId" in chosen else 0]["node"]["email"] == JOE
        assert root.call("securityEvents", filter={"until": "2020-01-01T00:00:00Z"})["edges"] == []
        assert refusal(root, "securityEvents", filter={"userId": "x"}) == "NOT_FOUND"
        assert refusal(root, "securityEvents", after="x") == "INVALID_REQUEST"

    @pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59"])
    @pytest.mark.parametrize("end", ["since", "until"])
    def test_a_time_that_no_calendar_has_is_refused(
        self, root: Operator, end: str, at: str
    ) -> None:
        assert refusal(root, "securityEvents", filter={end: at}) == "INVALID_REQUEST"
