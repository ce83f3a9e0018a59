"""The types of the GraphQL schema, each made from a flow's result."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import strawberry

import models
from api.graphql.connections import (
    After,
    First,
    SecurityEventConnection,
    UserSessionConnection,
    described_enum,
)
from api.graphql.context import Info
from auth import admission, errors, events, paging
from auth.accounts import enrolment, passkeys
from auth.factors import factor_type, recovery_codes, second_factor, trusted_devices
from auth.public_fields import PUBLIC_FIELDS
from auth.sessions import listing, opening

ErrorCode = described_enum(
    "ErrorCode",
    {code.name: code.meaning for code in errors.ErrorCode if code not in errors.FOR_OPERATORS},
    "Why an operation was refused: the value of `errors[].extensions.code`. Switch on it; "
    "`errors[].message` is a sentence that may be shown to the user.",
)


FactorType = described_enum(
    "FactorType",
    {kind.name: kind.value for kind in factor_type.FactorType},
    "What a user may have to sign in with after the first factor.",
)


@strawberry.type(
    description="A public key of the user's authenticator: a phone, a computer, a password manager "
    "or a security key."
)
class Passkey:
    id: strawberry.ID = strawberry.field(
        description="Names the passkey for `renamePasskey` and `removePasskey`."
    )
    nickname: str = strawberry.field(description="What the user calls it.")
    created_at: datetime = strawberry.field(description="When it was added.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used here; null before the first time."
    )
    backed_up: bool = strawberry.field(
        description="Whether its provider keeps a copy, so that it outlives the device. If no "
        "passkey of the user is, suggest a second one."
    )

    @classmethod
    def of(cls, passkey: models.Passkey) -> Self:
        """Return a passkey as its user sees it."""
        return cls(
            id=strawberry.ID(str(passkey.id)),
            nickname=passkey.nickname,
            created_at=passkey.created_at,
            last_used_at=passkey.last_used_at,
            backed_up=passkey.backed_up,
        )


@strawberry.type(
    description="The beginning of a WebAuthn ceremony, for the browser. To add a passkey: "
    "`const options = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(optionsJson));` "
    "`const credential = await navigator.credentials.create({ publicKey: options });` "
    "`const credentialJson = JSON.stringify(credential);` To use one: the same with "
    "`parseRequestOptionsFromJSON` and `navigator.credentials.get`."
)
class PasskeyOptions:
    options_json: str = strawberry.field(
        description="The options as JSON. They are good for five minutes and one answer."
    )


@strawberry.type(description="A browser that stands for the user's second factor at sign-in.")
class TrustedDevice:
    id: strawberry.ID = strawberry.field(
        description="Names the browser, as in `revokeTrustedDevice`. Not a secret."
    )
    created_at: datetime = strawberry.field(description="When it showed the second factor.")
    expires_at: datetime = strawberry.field(description="When it has to show it again.")
    last_used_at: datetime | None = strawberry.field(
        description="When it last stood for the second factor; null before the first time."
    )
    address: str | None = strawberry.field(description="The network address that it came from.")
    user_agent: str | None = strawberry.field(
        description="What the browser called itself. Not to be trusted."
    )

    @classmethod
    def of(cls, device: models.TrustedDevice) -> Self:
        """Return a browser as its user sees it."""
        return cls(
            id=strawberry.ID(str(device.id)),
            created_at=device.created_at,
            expires_at=device.expires_at,
            last_used_at=device.last_used_at,
            address=device.address,
            user_agent=device.user_agent,
        )


@strawberry.type(description="Someone who has an account.")
class User:
    id: strawberry.ID = strawberry.field(
        description="A UUID that never changes; the `sub` of this user's access tokens."
    )
    email: str = strawberry.field(
        description="The address to sign in with, as it is stored: trimmed and in lower case."
    )
    display_name: str = strawberry.field(
        description="The name to show. The e-mail address unless one was given at sign-up."
    )
    email_verified: bool = strawberry.field(
        description="Whether the user has shown that the e-mail address is theirs."
    )
    active_mfa_type: str | None = strawberry.field(
        description='`"totp"` while an authenticator app is on, otherwise null. `factors` has all '
        "factors."
    )
    factors: list[FactorType] = strawberry.field(  # type: ignore[valid-type]
        description="All that the user may be asked for after the first factor; empty without a "
        "second factor."
    )
    default_role: str = strawberry.field(
        description="The role that the user acts in unless a request asks for another of `roles`."
    )
    roles: list[str] = strawberry.field(description="All the roles that the user may act in.")
    locale: str = strawberry.field(
        description="The user's language as a code, such as `en`: for texts shown or sent to them."
    )
    created_at: datetime = strawberry.field(
        description="When the account was made: ISO 8601 with a time zone."
    )

    has_password: bool = strawberry.field(
        description="Whether the user has a password. Without one, they sign in by mail or with a "
        "passkey; offer "
        "`changeUserPassword` to set a first one."
    )
    new_email: str | None = strawberry.field(
        description="The address that `changeUserEmail` was last called with, until it is "
        "confirmed."
    )

    current_session: strawberry.Private[UUID]
    stored: strawberry.Private[models.User]

    @strawberry.field(
        description="When the user has to have set up a second factor, which the operator requires "
        "and the user does not have; null if there is nothing to do. From then on, signing in "
        "answers an `MfaTicket` with `enrolment`."
    )
    def second_factor_due_at(self, info: Info) -> datetime | None:
        return second_factor.due_at(info.context.postern.settings, self.stored)

    @strawberry.field(
        description="How many recovery codes are left; 0 while the second factor is off. Offer "
        "`regenerateRecoveryCodes` when few are."
    )
    async def recovery_codes_left(self) -> int:
        return await recovery_codes.left(self.stored)

    @strawberry.field(description="The passkeys of the user, the oldest first.")
    async def passkeys(self) -> list[Passkey]:
        return [Passkey.of(each) for each in await passkeys.of(self.stored)]

    @strawberry.field(
        description="The browsers that the user trusts, the latest first; at most 10."
    )
    async def trusted_devices(self, info: Info) -> list[TrustedDevice]:
        found = await trusted_devices.of(info.context.postern, self.stored)
        return [TrustedDevice.of(device) for device in found]

    @strawberry.field(
        description="Which passkeys authenticators should offer, after one was removed: "
        "`PublicKeyCredential.signalAllAcceptedCredentials(JSON.parse(acceptedPasskeysJson))`. "
        "Null if the user never had one."
    )
    async def accepted_passkeys_json(self, info: Info) -> str | None:
        return await passkeys.accepted(info.context.postern, self.stored)

    @strawberry.field(
        description="Where the user is signed in, page by page, the last used first. "
        "`revokeSession` ends one. Errors: INVALID_REQUEST."
    )
    async def sessions(
        self, info: Info, first: First = paging.PAGE, after: After = strawberry.UNSET
    ) -> "UserSessionConnection":
        page = await listing.page_of(
            info.context.postern, self.stored, first=first, after=after or None
        )
        return UserSessionConnection.of(page, self.current_session)

    @strawberry.field(
        description="What happened to the account, the newest first: for a page on which users see "
        "whether it was them. Errors: INVALID_REQUEST."
    )
    async def security_events(
        self, first: First = paging.PAGE, after: After = strawberry.UNSET
    ) -> "SecurityEventConnection":
        page = await events.page_of(self.stored, first=first, after=after or None)
        return SecurityEventConnection.of(page)

    @classmethod
    def of(cls, user: models.User, session_id: UUID) -> Self:
        """Return the public fields of a user, who is signed in with this session."""
        fields = {name: getattr(user, name) for name in PUBLIC_FIELDS if name != "metadata"}
        return cls(
            **fields,
            has_password=user.has_password,
            new_email=user.new_email,
            factors=_factors(second_factor.of(user)),
            current_session=session_id,
            stored=user,
        )


@strawberry.type(
    description="A user who is signed in. Keep the tokens where no other site's script can read "
    "them, and never in a URL."
)
class Session:
    access_token: str = strawberry.field(
        description="A JWT for the header `Authorization: Bearer …` of every operation that needs "
        "a signed-in user, here and at services that trust this server, such as Hasura."
    )
    access_token_expires_in: int = strawberry.field(
        description="Seconds until the access token expires, counted from this answer."
    )
    refresh_token: str = strawberry.field(
        description="A secret for `refreshSession`, good once: each refresh answers a new one."
    )
    refresh_token_id: strawberry.ID = strawberry.field(
        description="Names the refresh token without giving it away. Not a secret."
    )
    user: User = strawberry.field(description="Who is signed in.")
    device_token: str | None = strawberry.field(
        description="A secret for `signInEmailPassword` in this browser, for a fixed time; null, "
        "unless `trustDevice` was set and the operator allows it. Keep one for each user."
    )

    @classmethod
    def of(cls, session: opening.Session) -> Self:
        """Return a session with its secrets, for its user."""
        return cls(
            access_token=session.access_token,
            access_token_expires_in=session.access_token_expires_in,
            refresh_token=session.refresh_token,
            refresh_token_id=strawberry.ID(str(session.refresh_token_id)),
            user=User.of(session.user, session.session_id),
            device_token=session.device_token,
        )


@strawberry.type(
    description="A sign-in that waits for the second factor. `factors` says which the user has, "
    "and each value how to redeem the ticket with it; `enrolment` says if one has to be set up."
)
class MfaTicket:
    ticket: str = strawberry.field(
        description="Stands for the first factor that was right, so it is a secret. It survives "
        "wrong codes, but not too many; redeeming it ends it. A user can have any number of them "
        "open."
    )
    expires_in: int = strawberry.field(
        description="Seconds until the ticket expires, counted from this answer."
    )

    factors: list[FactorType] = strawberry.field(  # type: ignore[valid-type]
        description="The factors that the user has, in the order in which to offer them. One of "
        "them is enough. Empty with `enrolment`."
    )
    enrolment: list[FactorType] | None = strawberry.field(  # type: ignore[valid-type]
        description="Null, unless the operator requires a second factor and the user has none: "
        "then the factors to choose from. Set one up with this ticket and sign in by that: "
        "`enrolMfaTotp` and `activateMfaTotp`, or `enrolMfaPasskey` and `activateMfaPasskey`."
    )

    @classmethod
    def of(cls, ticket: admission.MfaTicket) -> Self:
        """Return a ticket with its secret, for its user."""
        return cls(
            ticket=ticket.ticket,
            expires_in=ticket.expires_in,
            factors=_factors(ticket.factors),
            enrolment=_factors(ticket.enrolment) if ticket.enrolment else None,
        )


def _factors(kinds: Sequence[factor_type.FactorType]) -> list[Any]:
    return [FactorType[kind.name] for kind in kinds]


SignInResult = Annotated[
    Session | MfaTicket,
    strawberry.union(
        "SignInResult",
        description="A session, or a ticket where the user has a second factor or needs one. "
        "Select `__typename` to tell them apart.",
    ),
]


def sign_in_result(answer: opening.Session | admission.MfaTicket) -> Session | MfaTicket:
    """Return the union's member for this result."""
    return MfaTicket.of(answer) if isinstance(answer, admission.MfaTicket) else Session.of(answer)


@strawberry.type(
    description="A second factor that is set up but not on yet: show the QR code, then send the "
    "first code of the app to `verifyChangeUserMfa`, or with a ticket to `activateMfaTotp`."
)
class TotpEnrollment:
    image_url: str = strawberry.field(
        description="The QR code of `otpauthUrl`, as a `data:image/png;base64,…` URL that can be "
        "the `src` of an `<img>`."
    )
    totp_secret: str = strawberry.field(
        description="The secret in Base32, for users who type it in rather than scan it."
    )
    otpauth_url: str = strawberry.field(
        description="The `otpauth://totp/…` URL that holds the secret. On a phone, a link to it "
        "opens the authenticator app."
    )

    @classmethod
    def of(cls, enrolment: enrolment.Enrolment) -> Self:
        """Return an enrolment with its secret, for its user."""
        return cls(
            image_url=enrolment.image_url,
            totp_secret=enrolment.totp_secret,
            otpauth_url=enrolment.otpauth_url,
        )


@strawberry.type(description="What has become of the second factor.")
class MfaChange:
    user: User = strawberry.field(description="The user after the change.")
    session: Session = strawberry.field(
        description="The session to go on with: the current one with new tokens, whose older "
        "refresh tokens stop working, or with a ticket the one that was opened."
    )
    recovery_codes: list[str] = strawberry.field(
        description="Ten codes for the day the phone is lost, when the first factor was turned on "
        "or the codes were replaced; empty otherwise. Show them once and let the user keep "
        "them: each is good once, for `verifySignInMfaRecoveryCode` or to turn the factor off."
    )

    @classmethod
    def of(cls, change: enrolment.MfaChange) -> Self:
        """Return the change as its user sees it."""
        session = Session.of(change.session)
        return cls(user=session.user, session=session, recovery_codes=list(change.recovery_codes))
