"""What operators do. Each act takes a reason, records an event, and tells the user by a notice."""

from typing import Annotated

import strawberry

from api.admin.context import Info, id_of, user_of
from api.admin.queries import UserId
from api.admin.setting_types import SettingInput, SettingList
from api.admin.types import SigningKey, User
from api.graphql.schema.arguments import argument
from auth import email_addresses, metadata
from auth.errors import AuthError, ErrorCode
from auth.keys.key_files import UnusableKeyError
from auth.new_accounts import Wishes
from auth.operators import acts, settings, upkeep

Reason = Annotated[str, argument("Why: 1 to 255 characters on one line. The event keeps it.")]
_ERRORS = "Errors: NOT_FOUND, INVALID_REQUEST (the reason)"


@strawberry.type(description="Everything that operators can do.")
class Mutation:
    @strawberry.mutation(
        description="Make an account without a password, and send its user a link to set one. "
        "Errors: MAIL_NOT_CONFIGURED, EMAIL_ALREADY_IN_USE, INVALID_REQUEST."
    )
    async def create_user(
        self,
        info: Info,
        email: Annotated[str, argument("The e-mail address.")],
        reason: Reason,
        display_name: Annotated[str | None, argument("The name to show.")] = None,
    ) -> User:
        wishes = Wishes(display_name=display_name)
        context = info.context
        return User.of(
            await acts.create_user(context.postern, context.acting(reason), email, wishes)
        )

    @strawberry.mutation(
        description="Disable a user, and end all of their sessions, sign-ins and mailed links. "
        f"{_ERRORS}, LAST_OPERATOR."
    )
    async def disable_user(self, info: Info, id: UserId, reason: Reason) -> User:  # noqa: A002
        operator, user = info.context.acting(reason), await user_of(id)
        await acts.set_disabled(info.context.postern, operator, user, disabled=True)
        return User.of(await user_of(id))

    @strawberry.mutation(description=f"Enable a user again. {_ERRORS}.")
    async def enable_user(self, info: Info, id: UserId, reason: Reason) -> User:  # noqa: A002
        operator, user = info.context.acting(reason), await user_of(id)
        await acts.set_disabled(info.context.postern, operator, user, disabled=False)
        return User.of(await user_of(id))

    @strawberry.mutation(
        description=f"End all sessions, sign-ins and trusted browsers of a user. {_ERRORS}."
    )
    async def end_sessions(self, info: Info, id: UserId, reason: Reason) -> User:  # noqa: A002
        operator, user = info.context.acting(reason), await user_of(id)
        await acts.end_sessions(info.context.postern, operator, user)
        return User.of(await user_of(id))

    @strawberry.mutation(description=f"End one session of a user. {_ERRORS}.")
    async def end_session(
        self,
        info: Info,
        id: UserId,  # noqa: A002
        session_id: Annotated[strawberry.ID, argument("The `id` of a `UserSession`.")],
        reason: Reason,
    ) -> User:
        operator, user = info.context.acting(reason), await user_of(id)
        if not await acts.end_session(info.context.postern, operator, user, id_of(session_id)):
            raise AuthError(ErrorCode.NOT_FOUND)
        return User.of(await user_of(id))

    @strawberry.mutation(
        description="Delete the second factors of a user who has lost them: authenticator app, "
        "passkeys and recovery codes. All sessions end. Make sure first that it is the user who "
        f"asks. {_ERRORS} (also if there is none)."
    )
    async def reset_factors(self, info: Info, id: UserId, reason: Reason) -> User:  # noqa: A002
        operator, user = info.context.acting(reason), await user_of(id)
        if not await acts.reset_mfa(info.context.postern, operator, user):
            raise AuthError(ErrorCode.NOT_FOUND, "The user has no second factor.")
        return User.of(await user_of(id))

    @strawberry.mutation(
        description="Send a user a link for a new password. Nobody else sees the link or the "
        f"password. {_ERRORS}, MAIL_NOT_CONFIGURED."
    )
    async def send_password_reset(
        self,
        info: Info,
        id: UserId,  # noqa: A002
        reason: Reason,
    ) -> User:
        operator, user = info.context.acting(reason), await user_of(id)
        await acts.send_reset(info.context.postern, operator, user)
        return User.of(user)

    @strawberry.mutation(
        description="Mark a user's e-mail address as verified. Make sure of it yourself first. "
        f"{_ERRORS}."
    )
    async def verify_user(self, info: Info, id: UserId, reason: Reason) -> User:  # noqa: A002
        operator, user = info.context.acting(reason), await user_of(id)
        await acts.set_email_verified(info.context.postern, operator, user)
        return User.of(await user_of(id))

    @strawberry.mutation(
        description="Give a user these roles and no others. Access tokens contain them after the "
        f"next refresh. {_ERRORS}, LAST_OPERATOR."
    )
    async def set_roles(
        self,
        info: Info,
        id: UserId,  # noqa: A002
        roles: Annotated[list[str], argument("All roles; with `admin`, the user is an operator.")],
        default_role: Annotated[str, argument("The role that the user acts in; one of `roles`.")],
        reason: Reason,
    ) -> User:
        operator, user = info.context.acting(reason), await user_of(id)
        try:
            chosen = list(dict.fromkeys(roles))
            await acts.set_roles(info.context.postern, operator, user, chosen, default_role)
        except ValueError as error:
            raise AuthError(
                ErrorCode.INVALID_REQUEST, f"roles: not possible with {error}."
            ) from None
        return User.of(await user_of(id))

    @strawberry.mutation(description=f"Replace the application's data about a user. {_ERRORS}.")
    async def set_metadata(
        self,
        info: Info,
        id: UserId,  # noqa: A002
        metadata_json: Annotated[str, argument("A JSON object, or `null`.")],
        reason: Reason,
    ) -> User:
        operator, user = info.context.acting(reason), await user_of(id)
        try:
            parsed = None if metadata_json.strip() == "null" else metadata.parse(metadata_json)
        except ValueError as error:
            raise AuthError(
                ErrorCode.INVALID_REQUEST, f"metadataJson: not possible with {error}."
            ) from None
        await acts.set_metadata(info.context.postern, operator, user, parsed)
        return User.of(await user_of(id))

    @strawberry.mutation(
        description="Delete a user with all their data, including their events. It cannot be "
        f"undone. {_ERRORS}, LAST_OPERATOR."
    )
    async def delete_user(
        self,
        info: Info,
        id: UserId,  # noqa: A002
        email: Annotated[
            str, argument("The user's address, typed once more, so that it is meant.")
        ],
        reason: Reason,
    ) -> bool:
        operator, user = info.context.acting(reason), await user_of(id)
        if email_addresses.normalise(email) != user.email:
            raise AuthError(ErrorCode.INVALID_REQUEST, "email: this is not the user's address.")
        await acts.delete_user(info.context.postern, operator, user)
        return True

    @strawberry.mutation(
        description="Clear the failed attempts on an account, so that nobody has to wait. "
        f"{_ERRORS}."
    )
    async def lift_throttle(self, info: Info, id: UserId, reason: Reason) -> User:  # noqa: A002
        operator, user = info.context.acting(reason), await user_of(id)
        await acts.lift_throttle(info.context.postern, operator, user)
        return User.of(user)

    @strawberry.mutation(
        description="Sign access tokens with a new key from now on; the old one verifies until its "
        "last token has expired. Errors: INVALID_REQUEST."
    )
    async def rotate_keys(
        self,
        info: Info,
        reason: Reason,
        revoke: Annotated[
            bool,
            argument("Refuse all tokens of the other keys at once: for a key that has leaked."),
        ] = False,
    ) -> list[SigningKey]:
        postern, operator = info.context.postern, info.context.acting(reason)
        try:
            await upkeep.rotate_keys(postern, operator, revoke=revoke)
        except UnusableKeyError:
            raise AuthError(
                ErrorCode.INVALID_REQUEST,
                "One of the keys in the data folder cannot be used; `postern rotate-keys` says "
                "which.",
            ) from None
        return [SigningKey.of(key) for key in upkeep.signing_keys_in_use(postern)]

    @strawberry.mutation(
        description="Have a mail that was given up sent again. Errors: NOT_FOUND, INVALID_REQUEST."
    )
    async def retry_mail(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The `id` of a `DeadMail`.")],  # noqa: A002
        reason: Reason,
    ) -> bool:
        operator = info.context.acting(reason)
        await upkeep.retry_mail(info.context.postern, operator, id_of(id))
        return True

    @strawberry.mutation(
        description="Change settings, all of them or none. They are in force here at once, and in "
        "other processes within two seconds. Errors: INVALID_REQUEST (the message says what is "
        "accepted), SETTING_LOCKED, CHANGED_MEANWHILE."
    )
    async def change_settings(
        self,
        info: Info,
        changes: Annotated[list[SettingInput], argument("The new values.")],
        reason: Reason,
        version: Annotated[
            int | None,
            argument(
                "The `version` of the settings that were looked at: nothing changes if there "
                "is a newer one. Without it, the last change wins."
            ),
        ] = None,
    ) -> SettingList:
        context = info.context
        values = {each.name: each.value for each in changes}
        operator = context.acting(reason)
        await settings.change_settings(context.postern, operator, values, seen=version)
        await context.live.refresh()
        return SettingList.of(context.live.postern)

    @strawberry.mutation(
        description="Give a setting the value back that it had before a change. Errors: NOT_FOUND, "
        "INVALID_REQUEST, SETTING_LOCKED."
    )
    async def undo_setting_change(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The `id` of a `SettingChange`.")],  # noqa: A002
        reason: Reason,
    ) -> SettingList:
        context = info.context
        number = int(id) if id.isascii() and id.isdigit() and len(id) < 19 else 0
        await settings.undo(context.postern, context.acting(reason), number)
        await context.live.refresh()
        return SettingList.of(context.live.postern)
