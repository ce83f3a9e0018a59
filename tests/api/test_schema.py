import re

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    lexicographic_sort_schema,
    print_schema,
)
from graphql.type import is_introspection_type, is_specified_scalar_type

from api.graphql.schema import schema
from api.nhost.messages import UserAnswer
from auth.errors import ErrorCode
from auth.public_fields import PUBLIC_FIELDS
from tests.support import ROOT

SDL = schema.as_str()
TYPES = {
    name: found
    for name, found in build_schema(SDL).type_map.items()
    if not is_introspection_type(found) and not is_specified_scalar_type(found)
}

CONTRACT = """
scalar DateTime
enum ErrorCode {
  INVALID_EMAIL_PASSWORD INVALID_TICKET INVALID_TOTP DISABLED_MFA_TOTP NO_TOTP_SECRET
  TOTP_ALREADY_ACTIVE DISABLED_ENDPOINT DISABLED_USER UNAUTHENTICATED INVALID_REQUEST
  EMAIL_ALREADY_IN_USE PASSWORD_TOO_SHORT SIGNUP_DISABLED TOO_MANY_REQUESTS
  SERVICE_UNAVAILABLE INTERNAL_SERVER_ERROR
  INVALID_RECOVERY_CODE INVALID_REFRESH_TOKEN ELEVATED_CLAIM_REQUIRED PASSWORD_TOO_COMMON
  INVALID_PASSWORD LOCALE_NOT_ALLOWED ROLE_NOT_ALLOWED DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES
  UNVERIFIED_USER MAIL_NOT_CONFIGURED REDIRECT_TO_NOT_ALLOWED EMAIL_NOT_ALLOWED INVALID_OTP
  NO_PASSWORD INVALID_PASSKEY PASSKEY_WITHOUT_VERIFICATION PASSKEY_ALREADY_ADDED NO_PASSKEY
  SECOND_FACTOR_REQUIRED
}
enum FactorType { TOTP PASSKEY RECOVERY_CODE }
enum SecurityEventType {
  SIGNED_UP SIGNED_IN SIGN_IN_FAILED TICKET_ISSUED WRONG_CODE ATTEMPTS_EXHAUSTED FACTOR_ON
  FACTOR_OFF FACTOR_RESET RECOVERY_CODE_USED RECOVERY_CODES_REPLACED PASSWORD_CHANGED ELEVATED
  REFRESH_TOKEN_REUSED SESSION_ENDED ALL_SESSIONS_ENDED USER_DISABLED USER_ENABLED EMAIL_VERIFIED
  ATTEMPTS_HELD_BACK SESSION_DISPLACED
  NEW_SIGN_IN PASSWORD_REMOVED EMAIL_CHANGE_ASKED EMAIL_CHANGED EMAIL_CHANGE_UNDONE
  PASSWORD_RESET RESET_SENT MAIL_NOT_SENT USER_DELETED PASSWORD_SET ROLES_CHANGED METADATA_CHANGED
  THROTTLE_LIFTED
  DEVICE_TRUSTED DEVICE_FORGOTTEN
  PASSKEY_ADDED PASSKEY_RENAMED PASSKEY_REMOVED PASSKEY_COUNTER_WENT_BACK
}
type MfaChange { user: User! session: Session! recoveryCodes: [String!]! }
type MfaTicket {
  ticket: String! expiresIn: Int! factors: [FactorType!]! enrolment: [FactorType!]
}
type Passkey {
  id: ID! nickname: String! createdAt: DateTime! lastUsedAt: DateTime backedUp: Boolean!
}
type PasskeyOptions { optionsJson: String! }
type Mutation {
  signUpEmailPassword(email: String!, password: String!, displayName: String,
    redirectTo: String): Session!
  signInEmailPassword(email: String!, password: String!, deviceToken: String): SignInResult!
  verifySignInMfaTotp(ticket: String!, otp: String!, trustDevice: Boolean = false): Session!
  verifySignInMfaRecoveryCode(ticket: String!, recoveryCode: String!,
    trustDevice: Boolean = false): Session!
  enrolMfaTotp(ticket: String!): TotpEnrollment!
  activateMfaTotp(ticket: String!, code: String!): MfaChange!
  enrolMfaPasskey(ticket: String!): PasskeyOptions!
  activateMfaPasskey(ticket: String!, credentialJson: String!, nickname: String): MfaChange!
  revokeTrustedDevice(id: ID!): Boolean!
  changeUserMfa(newSecret: Boolean = false): TotpEnrollment!
  verifyChangeUserMfa(activeMfaType: String!, code: String!): MfaChange!
  regenerateRecoveryCodes(code: String): MfaChange!
  refreshSession(refreshToken: String!): Session!
  signOut(refreshToken: String, all: Boolean = false): Boolean!
  revokeSession(id: ID!): Boolean!
  elevate(password: String, code: String): Session!
  changeUserPassword(newPassword: String!, currentPassword: String): Session!
  sendVerificationEmail(email: String!, redirectTo: String): Boolean!
  verifyEmail(ticket: String!): Boolean!
  sendPasswordResetEmail(email: String!, redirectTo: String): Boolean!
  resetPassword(ticket: String!, newPassword: String!): Boolean!
  changeUserEmail(newEmail: String!, redirectTo: String): Boolean!
  verifyChangeUserEmail(ticket: String!): Boolean!
  undoChangeUserEmail(ticket: String!): Boolean!
  signInOTPEmail(email: String!, displayName: String): Boolean!
  verifySignInOTPEmail(email: String!, otp: String!): SignInResult!
  signInPasswordlessEmail(email: String!, displayName: String, redirectTo: String): Boolean!
  verifySignInPasswordlessEmail(ticket: String!): SignInResult!
  addPasskey: PasskeyOptions!
  verifyAddPasskey(credentialJson: String!, nickname: String): MfaChange!
  renamePasskey(id: ID!, nickname: String!): Passkey!
  removePasskey(id: ID!): MfaChange!
  startSignInPasskey: PasskeyOptions!
  verifySignInPasskey(credentialJson: String!): Session!
  startSignInMfaPasskey(ticket: String!): PasskeyOptions!
  verifySignInMfaPasskey(ticket: String!, credentialJson: String!,
    trustDevice: Boolean = false): Session!
  signUpPasskey(email: String!, displayName: String, redirectTo: String): PasskeyOptions!
  verifySignUpPasskey(credentialJson: String!, nickname: String): MfaChange!
  startElevatePasskey: PasskeyOptions!
  verifyElevatePasskey(credentialJson: String!): Session!
  changeUser(displayName: String, locale: String): User!
}
type PageInfo {
  hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
}
type Query { me: User }
type SecurityEvent {
  type: SecurityEventType! createdAt: DateTime! userAgent: String address: String
}
type SecurityEventConnection { edges: [SecurityEventEdge!]! pageInfo: PageInfo! }
type SecurityEventEdge { cursor: String! node: SecurityEvent! }
type Session {
  accessToken: String! accessTokenExpiresIn: Int! refreshToken: String! refreshTokenId: ID!
  user: User! deviceToken: String
}
union SignInResult = Session | MfaTicket
type TrustedDevice {
  id: ID! createdAt: DateTime! expiresAt: DateTime! lastUsedAt: DateTime
  address: String userAgent: String
}
type TotpEnrollment { imageUrl: String! totpSecret: String! otpauthUrl: String! }
type User {
  id: ID! email: String! displayName: String! emailVerified: Boolean! activeMfaType: String
  defaultRole: String! roles: [String!]! locale: String! createdAt: DateTime!
  recoveryCodesLeft: Int! hasPassword: Boolean! newEmail: String
  factors: [FactorType!]! passkeys: [Passkey!]! acceptedPasskeysJson: String
  secondFactorDueAt: DateTime trustedDevices: [TrustedDevice!]!
  sessions(first: Int = 20, after: String): UserSessionConnection!
  securityEvents(first: Int = 20, after: String): SecurityEventConnection!
}
type UserSessionConnection { edges: [UserSessionEdge!]! pageInfo: PageInfo! }
type UserSessionEdge { cursor: String! node: UserSession! }
type UserSession {
  id: ID! createdAt: DateTime! lastUsedAt: DateTime! userAgent: String address: String
  current: Boolean!
}
"""


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    assert (ROOT / "schema.graphql").read_text() == f"{SDL}\n", "run: make schema"


def test_the_schema_keeps_its_contract() -> None:
    served = build_schema(re.sub(r'(?s)"""(.*?)"""', "", SDL))
    wanted = build_schema(CONTRACT)
    assert sorted_sdl(served) == sorted_sdl(wanted)


def sorted_sdl(schema: GraphQLSchema) -> list[str]:
    return print_schema(lexicographic_sort_schema(schema)).splitlines()


def described() -> list[tuple[str, str | None]]:
    found: list[tuple[str, GraphQLNamedType | GraphQLField | GraphQLArgument | GraphQLEnumValue]]
    found = list(TYPES.items())
    for name, kind in TYPES.items():
        if isinstance(kind, GraphQLEnumType):
            found += [(f"{name}.{value}", entry) for value, entry in kind.values.items()]
        if isinstance(kind, GraphQLObjectType):
            for field, entry in kind.fields.items():
                found += [(f"{name}.{field}", entry)]
                found += [
                    (f"{name}.{field}.{arg}", found_arg) for arg, found_arg in entry.args.items()
                ]
    return [(name, entry.description) for name, entry in found]


@pytest.mark.parametrize(("name", "description"), described())
def test_every_symbol_is_described(name: str, description: str | None) -> None:
    assert description, name
    assert len(description) > 15, name


def test_the_only_custom_scalar_is_datetime() -> None:
    assert [name for name, kind in TYPES.items() if isinstance(kind, GraphQLScalarType)] == [
        "DateTime"
    ]


def test_the_descriptions_name_only_existing_codes() -> None:
    codes = {code.name for code in ErrorCode}
    named = {
        word for _, text in described() for word in re.findall(r"\b[A-Z]+_[A-Z_]+\b", str(text))
    }
    assert named
    assert named <= codes


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_is_raised_somewhere_and_has_a_message_for_people(code: ErrorCode) -> None:
    sources = "".join(
        file.read_text() for room in ("auth", "api") for file in (ROOT / room).rglob("*.py")
    )
    assert f"ErrorCode.{code.name}" in sources
    assert re.fullmatch(r"[A-Z].*\.", code.message)


def test_every_api_shows_the_same_fields_of_a_user() -> None:
    public, user = set(PUBLIC_FIELDS.values()), TYPES["User"]
    assert isinstance(user, GraphQLObjectType)
    assert set(user.fields) >= public - {"metadata"}
    assert set(UserAnswer.model_json_schema()["properties"]) >= public
