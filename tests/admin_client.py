"""An operator of the tests, and the operations of the admin schema."""

from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support import (
    Authenticator,
    Client,
    RefusedError,
    Server,
    postern,
)

ROOT = "root@example.com"
REASON = "The user has called, and has shown who they are."
USER = (
    "id email emailVerified displayName roles defaultRole disabled hasPassword factors"
    " metadataJson recoveryCodesLeft lastSignedInAt throttles { what until }"
    " sessions { id address methods } securityEvents { edges { node { type reason operatorId } } }"
)
SETTINGS = "version all { name value fallback source default kind lockedBecause isSecret }"
ACTS: dict[str, tuple[str, str, str]] = {
    "disableUser": ("$id: ID!", "id: $id", USER),
    "enableUser": ("$id: ID!", "id: $id", USER),
    "endSessions": ("$id: ID!", "id: $id", USER),
    "endSession": ("$id: ID!, $sessionId: ID!", "id: $id, sessionId: $sessionId", USER),
    "resetFactors": ("$id: ID!", "id: $id", USER),
    "sendPasswordReset": ("$id: ID!", "id: $id", USER),
    "verifyUser": ("$id: ID!", "id: $id", USER),
    "liftThrottle": ("$id: ID!", "id: $id", USER),
    "setRoles": (
        "$id: ID!, $roles: [String!]!, $defaultRole: String!",
        "id: $id, roles: $roles, defaultRole: $defaultRole",
        USER,
    ),
    "setMetadata": (
        "$id: ID!, $metadataJson: String!", "id: $id, metadataJson: $metadataJson", USER
    ),
    "deleteUser": ("$id: ID!, $email: String!", "id: $id, email: $email", ""),
    "createUser": (
        "$email: String!, $displayName: String", "email: $email, displayName: $displayName", USER,
    ),
    "rotateKeys": ("$revoke: Boolean! = false", "revoke: $revoke", "kid signs"),
    "retryMail": ("$id: ID!", "id: $id", ""),
    "changeSettings": (
        "$changes: [SettingInput!]!, $version: Int", "changes: $changes, version: $version",
        SETTINGS,
    ),
    "undoSettingChange": ("$id: ID!", "id: $id", SETTINGS),
}  # fmt: skip
"""Each act: its variables, its arguments, and what to select of the answer."""
QUERIES = {
    "me": "query { me { id name } }",
    "users": (
        "query ($filter: UserFilter, $order: UserOrder! = NEWEST, $first: Int, $after: String) {"
        "  users(filter: $filter, order: $order, first: $first, after: $after) {"
        "    edges { cursor node { id email } } pageInfo { hasNextPage endCursor } totalCount } }"
    ),
    "user": f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}",
    "securityEvents": (
        "query ($filter: EventFilter, $first: Int, $after: String) {"
        "  securityEvents(filter: $filter, first: $first, after: $after) {"
        "    edges { node {"
        "      id type createdAt userId email address operatorId operator reason detail } }"
        "    pageInfo { hasNextPage endCursor } } }"
    ),
    "figures": (
        "query { figures { countedAt users withFactor withPasskeys disabled unverified"
        "  withoutFactor { role count } activity { hours signUps signIns failures } } }"
    ),
    "settings": f"query {{ settings {{ {SETTINGS} }} }}",
    "settingChanges": (
        "query { settingChanges { edges { node {"
        "  id version name value previous operator reason } } } }"
    ),
    "keys": "query { keys { signing { kid algorithm madeAt signs } encryption canRotate } }",
    "mails": (
        "query { mails { delivery waiting"
        "  dead { edges { node { id kind recipient attempts } } } } }"
    ),
}


def document(operation: str) -> str:
    """Return the text of an operation of the admin schema."""
    if operation in QUERIES:
        return QUERIES[operation]
    variables, arguments, selected = ACTS[operation]
    selection = f"{{ {selected} }}" if selected else ""
    return (
        f"mutation ({variables}, $reason: String!) {{"
        f" {operation}({arguments}, reason: $reason) {selection} }}"
    )


@dataclass
class Operator:
    """An operator at the admin schema, with an access token or the admin secret."""

    http: httpx2.Client
    client: Client
    phone: Authenticator
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def call(self, operation: str, **variables: Any) -> Any:
        """Send an operation, and return its data. Raises RefusedError."""
        headers = self.headers or {"authorization": f"Bearer {self.client.access_token}"}
        if operation in ACTS:
            variables.setdefault("reason", REASON)
        asked = {"query": document(operation), "variables": variables}
        body = self.http.post("/admin/graphql", json=asked, headers=headers).json()
        if "errors" in body:
            raise RefusedError(body["errors"])
        return body["data"][operation]

    def confirm(self) -> None:
        """Show the factor again."""
        session = self.client.call("elevate", code=self.phone.next_code())
        self.client.access_token = session["accessToken"]

    def change(self, name: str, value: str | None, **others: Any) -> Any:
        """Change one setting."""
        return self.call("changeSettings", changes=[{"name": name, "value": value}], **others)


def operator(server: Server, http: httpx2.Client, email: str = ROOT) -> Operator:
    """Make a user, give them a factor and the role, and sign them in."""
    client = Client(http)
    client.sign_up(email)
    phone = client.enrol()
    assert postern("set-roles", email, "user", "admin", env=server.env).returncode == 0
    signed_in = client.call(
        "verifySignInMfaTotp", ticket=client.ticket(email), otp=phone.next_code()
    )
    client.access_token = signed_in["accessToken"]
    return Operator(http, client, phone)


def id_of(operator: Operator, email: str) -> str:
    """Return the id of the user with this address."""
    found = operator.call("users", filter={"text": email})
    return str(found["edges"][0]["node"]["id"])
