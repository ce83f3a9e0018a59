"""The signed-in user's second factor."""

from typing import Annotated

import strawberry

from api import contract
from api.graphql.context import Info
from api.graphql.schema.arguments import Code, Ticket, argument, credential
from api.graphql.types import MfaChange, TotpEnrollment
from auth.accounts import enrolment, required_enrolment


@strawberry.type
class SecondFactor:
    @strawberry.mutation(description=str(contract.ENROL_BY_TICKET))
    async def enrol_mfa_totp(self, info: Info, ticket: Ticket) -> TotpEnrollment:
        answer = await required_enrolment.enrol_mfa_totp(
            info.context.postern, info.context.caller, ticket
        )
        return TotpEnrollment.of(answer)

    @strawberry.mutation(description=str(contract.ACTIVATE_BY_TICKET))
    async def activate_mfa_totp(self, info: Info, ticket: Ticket, code: Code) -> MfaChange:
        answer = await required_enrolment.activate_mfa_totp(
            info.context.postern, info.context.caller, ticket, code
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.ENROL))
    async def change_user_mfa(
        self,
        info: Info,
        new_secret: Annotated[
            bool | None,
            argument("Make a new secret, even if one is pending; the old one stops working."),
        ] = False,
    ) -> TotpEnrollment:
        answer = await enrolment.change_user_mfa(
            info.context.postern, info.context.caller, new_secret=bool(new_secret)
        )
        return TotpEnrollment.of(answer)

    @strawberry.mutation(description=str(contract.CHANGE_FACTOR))
    async def verify_change_user_mfa(
        self,
        info: Info,
        active_mfa_type: Annotated[
            str, argument('`"totp"` turns the pending factor on, `""` turns the active one off.')
        ],
        code: Annotated[
            str,
            credential(
                "The six digits that the authenticator app shows now; to turn the factor off, a "
                "recovery code does too. Spaces are passed over."
            ),
        ],
    ) -> MfaChange:
        answer = await enrolment.verify_change_user_mfa(
            info.context.postern, info.context.caller, active_mfa_type, code
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.NEW_RECOVERY_CODES))
    async def regenerate_recovery_codes(
        self,
        info: Info,
        code: Annotated[
            str | None,
            credential(
                "The six digits that the authenticator app shows now; none for a user with "
                "passkeys alone."
            ),
        ] = strawberry.UNSET,
    ) -> MfaChange:
        answer = await enrolment.regenerate_recovery_codes(
            info.context.postern, info.context.caller, code or None
        )
        return MfaChange.of(answer)
