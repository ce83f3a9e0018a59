"""The account: its password, its e-mail address, and what is shown of its user."""

from typing import Annotated

import strawberry

from api import contract
from api.graphql.context import Info
from api.graphql.schema.arguments import (
    DisplayName,
    Email,
    MailedTicket,
    NewPassword,
    RedirectTo,
    argument,
    credential,
)
from api.graphql.types import Session, User
from auth.accounts import email_change, password_change, password_reset, profile, verification


@strawberry.type
class Account:
    @strawberry.mutation(description=str(contract.CHANGE_PASSWORD))
    async def change_user_password(
        self,
        info: Info,
        new_password: NewPassword,
        current_password: Annotated[
            str | None,
            credential("The password that is replaced; none for a user without a password."),
        ] = strawberry.UNSET,
    ) -> Session:
        answer = await password_change.change_user_password(
            info.context.postern, info.context.caller, current_password or None, new_password
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.SEND_RESET))
    async def send_password_reset_email(
        self, info: Info, email: Email, redirect_to: RedirectTo = strawberry.UNSET
    ) -> bool:
        await password_reset.send_password_reset_email(
            info.context.postern, info.context.caller, email, redirect_to or None
        )
        return True

    @strawberry.mutation(description=str(contract.RESET_PASSWORD))
    async def reset_password(
        self, info: Info, ticket: MailedTicket, new_password: NewPassword
    ) -> bool:
        await password_reset.reset_password(
            info.context.postern, info.context.caller, ticket, new_password
        )
        return True

    @strawberry.mutation(description=str(contract.SEND_VERIFICATION))
    async def send_verification_email(
        self, info: Info, email: Email, redirect_to: RedirectTo = strawberry.UNSET
    ) -> bool:
        await verification.send_verification_email(
            info.context.postern, info.context.caller, email, redirect_to or None
        )
        return True

    @strawberry.mutation(description=str(contract.VERIFY_EMAIL))
    async def verify_email(self, info: Info, ticket: MailedTicket) -> bool:
        await verification.verify_email(info.context.postern, info.context.caller, ticket)
        return True

    @strawberry.mutation(description=str(contract.CHANGE_EMAIL))
    async def change_user_email(
        self,
        info: Info,
        new_email: Annotated[str, argument("The address to move the account to.")],
        redirect_to: RedirectTo = strawberry.UNSET,
    ) -> bool:
        await email_change.change_user_email(
            info.context.postern, info.context.caller, new_email, redirect_to or None
        )
        return True

    @strawberry.mutation(description=str(contract.VERIFY_CHANGE_EMAIL))
    async def verify_change_user_email(self, info: Info, ticket: MailedTicket) -> bool:
        await email_change.verify_change_user_email(
            info.context.postern, info.context.caller, ticket
        )
        return True

    @strawberry.mutation(description=str(contract.UNDO_CHANGE_EMAIL))
    async def undo_change_user_email(self, info: Info, ticket: MailedTicket) -> bool:
        await email_change.undo_change_user_email(info.context.postern, info.context.caller, ticket)
        return True

    @strawberry.mutation(description=str(contract.CHANGE_USER))
    async def change_user(
        self,
        info: Info,
        display_name: DisplayName = strawberry.UNSET,
        locale: Annotated[
            str | None, argument("One of the locales that the operator allows, such as `en`.")
        ] = strawberry.UNSET,
    ) -> User:
        viewer = await profile.change_user(
            info.context.postern,
            info.context.caller,
            display_name=None if display_name is strawberry.UNSET else display_name,
            locale=locale or None,
        )
        return User.of(viewer.user, viewer.session.id)
