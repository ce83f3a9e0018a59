"""Passkeys: adding and managing them, and signing up and in with them."""

from typing import Annotated

import strawberry

from api import contract
from api.graphql.context import Info
from api.graphql.schema.arguments import (
    CredentialJson,
    DisplayName,
    Email,
    Nickname,
    RedirectTo,
    Ticket,
    TrustDevice,
    argument,
)
from api.graphql.types import MfaChange, Passkey, PasskeyOptions, Session
from auth.accounts import passkey_sign_up, passkeys, required_enrolment
from auth.new_accounts import Wishes
from auth.sessions import elevation
from auth.ways_in import passkey

PasskeyId = Annotated[strawberry.ID, argument("The `id` of a `Passkey`.")]


@strawberry.type
class Passkeys:
    @strawberry.mutation(description=str(contract.ADD_PASSKEY))
    async def add_passkey(self, info: Info) -> PasskeyOptions:
        return PasskeyOptions(
            options_json=await passkeys.add_passkey(info.context.postern, info.context.caller)
        )

    @strawberry.mutation(description=str(contract.VERIFY_ADD_PASSKEY))
    async def verify_add_passkey(
        self, info: Info, credential_json: CredentialJson, nickname: Nickname = strawberry.UNSET
    ) -> MfaChange:
        answer = await passkeys.verify_add_passkey(
            info.context.postern, info.context.caller, credential_json, nickname or None
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.RENAME_PASSKEY))
    async def rename_passkey(
        self,
        info: Info,
        id: PasskeyId,  # noqa: A002
        nickname: Annotated[str, argument("What the user calls it, at most 100 characters.")],
    ) -> Passkey:
        answer = await passkeys.rename_passkey(
            info.context.postern, info.context.caller, id, nickname
        )
        return Passkey.of(answer)

    @strawberry.mutation(description=str(contract.REMOVE_PASSKEY))
    async def remove_passkey(self, info: Info, id: PasskeyId) -> MfaChange:  # noqa: A002
        answer = await passkeys.remove_passkey(info.context.postern, info.context.caller, id)
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.START_SIGN_IN_PASSKEY))
    async def start_sign_in_passkey(self, info: Info) -> PasskeyOptions:
        return PasskeyOptions(
            options_json=await passkey.start_sign_in_passkey(info.context.postern)
        )

    @strawberry.mutation(description=str(contract.VERIFY_SIGN_IN_PASSKEY))
    async def verify_sign_in_passkey(self, info: Info, credential_json: CredentialJson) -> Session:
        answer = await passkey.verify_sign_in_passkey(
            info.context.postern, info.context.caller, credential_json
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.START_MFA_PASSKEY))
    async def start_sign_in_mfa_passkey(self, info: Info, ticket: Ticket) -> PasskeyOptions:
        return PasskeyOptions(
            options_json=await passkey.start_sign_in_mfa_passkey(
                info.context.postern, info.context.caller, ticket
            )
        )

    @strawberry.mutation(description=str(contract.VERIFY_MFA_PASSKEY))
    async def verify_sign_in_mfa_passkey(
        self,
        info: Info,
        ticket: Ticket,
        credential_json: CredentialJson,
        trust_device: TrustDevice = False,
    ) -> Session:
        answer = await passkey.verify_sign_in_mfa_passkey(
            info.context.postern,
            info.context.caller,
            ticket,
            credential_json,
            trust_device=bool(trust_device),
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.ENROL_PASSKEY_BY_TICKET))
    async def enrol_mfa_passkey(self, info: Info, ticket: Ticket) -> PasskeyOptions:
        return PasskeyOptions(
            options_json=await required_enrolment.enrol_mfa_passkey(
                info.context.postern, info.context.caller, ticket
            )
        )

    @strawberry.mutation(description=str(contract.ACTIVATE_PASSKEY_BY_TICKET))
    async def activate_mfa_passkey(
        self,
        info: Info,
        ticket: Ticket,
        credential_json: CredentialJson,
        nickname: Nickname = strawberry.UNSET,
    ) -> MfaChange:
        answer = await required_enrolment.activate_mfa_passkey(
            info.context.postern, info.context.caller, ticket, credential_json, nickname or None
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.SIGN_UP_PASSKEY))
    async def sign_up_passkey(
        self,
        info: Info,
        email: Email,
        display_name: DisplayName = strawberry.UNSET,
        redirect_to: RedirectTo = strawberry.UNSET,
    ) -> PasskeyOptions:
        wishes = Wishes(display_name=display_name or None, redirect_to=redirect_to or None)
        return PasskeyOptions(
            options_json=await passkey_sign_up.sign_up_passkey(
                info.context.postern, info.context.caller, email, wishes
            )
        )

    @strawberry.mutation(description=str(contract.VERIFY_SIGN_UP_PASSKEY))
    async def verify_sign_up_passkey(
        self, info: Info, credential_json: CredentialJson, nickname: Nickname = strawberry.UNSET
    ) -> MfaChange:
        answer = await passkey_sign_up.verify_sign_up_passkey(
            info.context.postern, info.context.caller, credential_json, nickname or None
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.START_ELEVATE_PASSKEY))
    async def start_elevate_passkey(self, info: Info) -> PasskeyOptions:
        return PasskeyOptions(
            options_json=await elevation.start_elevate_passkey(
                info.context.postern, info.context.caller
            )
        )

    @strawberry.mutation(description=str(contract.VERIFY_ELEVATE_PASSKEY))
    async def verify_elevate_passkey(self, info: Info, credential_json: CredentialJson) -> Session:
        answer = await elevation.verify_elevate_passkey(
            info.context.postern, info.context.caller, credential_json
        )
        return Session.of(answer)
