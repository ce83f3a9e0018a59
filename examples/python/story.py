"""A user's story with a typed client that ariadne-codegen generates from schema.graphql.

ariadne-codegen && python story.py http://127.0.0.1:4000/graphql
"""

import asyncio
import secrets
import sys
import time

import pyotp
from client import Client
from client.enums import ErrorCode
from client.exceptions import GraphQLClientGraphQLMultiError
from client.sign_in import SignInSignInEmailPasswordMfaTicket as MfaTicket


def code_of(refused: GraphQLClientGraphQLMultiError) -> ErrorCode:
    """Return why an operation was refused, as a value of the enum."""
    extensions = refused.errors[0].extensions or {}
    return ErrorCode(extensions["code"])


async def main(url: str) -> None:
    email, password = f"{secrets.token_hex(4)}@example.com", "correct horse battery staple"

    async with Client(url) as visitor:
        session = (await visitor.sign_up(email, password)).sign_up_email_password
        print("signed up:", email)

        try:
            await visitor.sign_in(email, "a wrong guess")
        except GraphQLClientGraphQLMultiError as refused:
            print("wrong password:", code_of(refused).value)

        async with Client(url, {"Authorization": f"Bearer {session.access_token}"}) as joe:
            app = pyotp.TOTP((await joe.enrol()).change_user_mfa.totp_secret)
            change = (await joe.activate(app.now())).verify_change_user_mfa
            print("second factor:", change.user.active_mfa_type)
            print("recovery codes:", len(change.recovery_codes))

        answer = (await visitor.sign_in(email, password)).sign_in_email_password
        assert isinstance(answer, MfaTicket), "a user with a second factor gets a ticket"
        print("signed in to a ticket, good for", answer.expires_in, "seconds")

        # A code is good once, so use the next one. The server accepts it half a minute early.
        next_code = app.at(time.time() + app.interval)
        session = (await visitor.verify(answer.ticket, next_code)).verify_sign_in_mfa_totp
        session = (await visitor.refresh(session.refresh_token)).refresh_session
        async with Client(url, {"Authorization": f"Bearer {session.access_token}"}) as joe:
            me = (await joe.me()).me
            assert me is not None
            print("signed in with both factors:", me.email, "since", me.created_at.date())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
