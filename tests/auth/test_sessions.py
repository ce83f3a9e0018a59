import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from uuid import uuid4

import pytest

from auth import paging
from auth.caller import Caller
from auth.keys.vault import Vault
from auth.postern import Postern
from auth.sessions import current, ending, listing, refreshing
from auth.sessions.opening import Session
from auth.ways_in import email_password
from models import RefreshToken, User, UserSession
from tests.support import (
    JOE,
    PASSWORD,
    Clock,
    caller,
    event_names,
    refusal,
    sign_up_user,
    with_settings,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def session(postern: Postern) -> Session:
    return (await sign_up_user(postern))[0]


def refresh(postern: Postern, token: str) -> Awaitable[Session]:
    return refreshing.refresh_session(postern, caller(), token)


def owner_of(session: Session) -> Caller:
    return caller(session.access_token)


async def another(postern: Postern) -> Session:
    """Sign the same user in on another device."""
    answer = await email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
    assert isinstance(answer, Session)
    return answer


async def is_over(postern: Postern, session: Session) -> bool:
    """Return whether the session has ended: both of its tokens fail; otherwise both work."""
    dead = await refusal(current.signed_in(postern, owner_of(session)))
    stale = await refusal(refresh(postern, session.refresh_token))
    assert (dead, stale) in {("", ""), ("UNAUTHENTICATED", "INVALID_REFRESH_TOKEN")}
    return dead != ""


async def test_me_is_the_user_of_the_token(postern: Postern, session: Session) -> None:
    viewer = await current.me(postern, owner_of(session))
    assert viewer is not None
    assert viewer.user == session.user
    assert viewer.session.id == session.session_id
    assert await current.me(postern, caller()) is None


async def test_a_token_ends_with_its_session_and_its_user(
    postern: Postern, session: Session
) -> None:
    await User.filter(id=session.user.id).update(disabled=True)
    assert await refusal(current.me(postern, owner_of(session))) == "DISABLED_USER"
    assert await refusal(refresh(postern, session.refresh_token)) == "DISABLED_USER"
    await User.filter(id=session.user.id).delete()
    assert await is_over(postern, session)


async def test_a_session_does_not_show_its_tokens(session: Session) -> None:
    assert session.access_token not in repr(session)
    assert session.refresh_token not in repr(session)
    assert session.access_token not in repr(owner_of(session))


class TestRefreshing:
    async def test_a_refresh_replaces_the_token_but_not_the_session(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        before = await UserSession.get(id=session.session_id)
        clock.forward(60)
        fresh = await refresh(postern, session.refresh_token)
        assert fresh.session_id == session.session_id
        assert fresh.refresh_token != session.refresh_token
        assert fresh.refresh_token_id != session.refresh_token_id
        assert fresh.access_token != session.access_token
        after = await UserSession.get(id=session.session_id)
        assert after.expires_at == before.expires_at
        assert after.authenticated_at == before.authenticated_at
        assert after.last_used_at == postern.now()

    @pytest.mark.parametrize(
        "token", ["", "x", "01234567-89ab-4cde-8f01-23456789abcd", "\0", "x" * 10_000]
    )
    async def test_an_unknown_refresh_token_is_refused(self, postern: Postern, token: str) -> None:
        assert await refusal(refresh(postern, token)) == "INVALID_REFRESH_TOKEN"

    async def test_refreshing_does_not_extend_a_session(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        token = session.refresh_token
        for _ in range(29):
            clock.forward(24 * 3600)
            token = (await refresh(postern, token)).refresh_token
        clock.forward(24 * 3600)
        assert await refusal(refresh(postern, token)) == "INVALID_REFRESH_TOKEN"

    async def test_a_repeated_refresh_returns_the_same_successor(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        """At any time while the successor was never presented: the response may have been lost."""
        first = await refresh(postern, session.refresh_token)
        for seconds in (1, 9, 3600, 24 * 3600):
            clock.forward(seconds)
            again = await refresh(postern, session.refresh_token)
            assert again.refresh_token == first.refresh_token
            assert again.refresh_token_id == first.refresh_token_id
        assert await RefreshToken.all().count() == 2

    async def test_within_the_grace_period_a_replaced_token_is_accepted(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        first = await refresh(postern, session.refresh_token)
        second = await refresh(postern, first.refresh_token)
        clock.forward(9.9)
        again = await refresh(postern, session.refresh_token)
        assert again.refresh_token == first.refresh_token
        after = await refresh(postern, again.refresh_token)
        assert after.refresh_token == second.refresh_token

    async def test_after_the_grace_period_a_reused_token_ends_the_session(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        stolen = session.refresh_token
        victim = await refresh(postern, stolen)
        victim = await refresh(postern, victim.refresh_token)
        clock.forward(10)
        assert await refusal(refresh(postern, stolen)) == "INVALID_REFRESH_TOKEN"
        assert await is_over(postern, victim)
        assert (await event_names())[-1] == "REFRESH_TOKEN_REUSED"
        assert await refusal(refresh(postern, stolen)) == "INVALID_REFRESH_TOKEN"
        assert (await event_names()).count("REFRESH_TOKEN_REUSED") == 1

    async def test_a_successor_is_found_after_a_key_rotation(
        self, postern: Postern, session: Session
    ) -> None:
        old, new = bytes(32), bytes([1] * 32)
        before = replace(postern, vault=Vault([old]))
        after = replace(postern, vault=Vault([new, old]))
        first = await refresh(before, session.refresh_token)
        again = await refresh(after, session.refresh_token)
        assert again.refresh_token == first.refresh_token
        gone = replace(postern, vault=Vault([new]))
        refused = await refusal(refresh(gone, session.refresh_token))
        assert refused == "INVALID_REFRESH_TOKEN"
        assert not await is_over(postern, first), "reuse is not detected by mistake"

    async def test_a_token_reveals_nothing_of_its_successor(
        self, postern: Postern, session: Session
    ) -> None:
        other = replace(postern, vault=Vault([bytes(32)]))
        token = session.refresh_token
        assert refreshing.successors(postern, token) != refreshing.successors(other, token)
        assert refreshing.successors(postern, token) == refreshing.successors(postern, token)

    async def test_a_stolen_token_ends_no_other_session(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        other = await another(postern)
        fresh = await refresh(postern, session.refresh_token)
        await refresh(postern, fresh.refresh_token)
        clock.forward(10)
        await refusal(refresh(postern, session.refresh_token))
        assert await is_over(postern, fresh)
        assert not await is_over(postern, other)

    @pytest.mark.parametrize("grace", [0, 10])
    async def test_fifty_simultaneous_refreshes_get_one_successor(
        self, postern: Postern, session: Session, grace: int
    ) -> None:
        chosen = with_settings(postern, refresh_token_reuse_interval=grace)
        answers = await asyncio.gather(*(refresh(chosen, session.refresh_token) for _ in range(50)))
        assert {answer.session_id for answer in answers} == {session.session_id}
        assert len({answer.refresh_token for answer in answers}) == 1
        assert await UserSession.all().count() == 1
        assert await RefreshToken.filter(rotated_at=None).count() == 1

    async def test_an_idle_session_ends_after_the_inactivity_timeout(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        busy = with_settings(postern, session_inactivity_timeout=600)
        clock.forward(599)
        fresh = await refresh(busy, session.refresh_token)
        clock.forward(600)
        assert await refusal(refresh(busy, fresh.refresh_token)) == "INVALID_REFRESH_TOKEN"
        assert await refusal(current.me(busy, owner_of(fresh))) == "UNAUTHENTICATED"
        assert (await listing.page_of(busy, session.user)).entries == []
        assert await refusal(refresh(postern, fresh.refresh_token)) == ""

    async def test_a_simultaneous_sign_out_leaves_no_valid_token(
        self, postern: Postern, session: Session
    ) -> None:
        """Whichever comes first, the issued tokens do not work afterwards."""
        await asyncio.gather(
            *(refusal(refresh(postern, session.refresh_token)) for _ in range(10)),
            ending.sign_out(postern, caller(), session.refresh_token, everywhere=False),
        )
        assert await UserSession.all().count() == 0
        assert await RefreshToken.all().count() == 0


class TestSigningOut:
    async def test_a_refresh_token_signs_its_session_out(
        self, postern: Postern, session: Session
    ) -> None:
        other = await another(postern)
        await ending.sign_out(postern, caller(), session.refresh_token, everywhere=False)
        assert await is_over(postern, session)
        assert not await is_over(postern, other)
        assert (await event_names())[-1] == "SESSION_ENDED"

    async def test_an_access_token_signs_its_session_out(
        self, postern: Postern, session: Session
    ) -> None:
        other = await another(postern)
        await ending.sign_out(postern, owner_of(session), None, everywhere=False)
        assert await is_over(postern, session)
        assert not await is_over(postern, other)

    async def test_signing_out_everywhere_ends_all_sessions(
        self, postern: Postern, session: Session
    ) -> None:
        other = await another(postern)
        amy, _ = await sign_up_user(postern, "amy@example.com")
        await ending.sign_out(postern, owner_of(session), None, everywhere=True)
        assert await is_over(postern, session)
        assert await is_over(postern, other)
        assert not await is_over(postern, amy)

    async def test_signing_out_everywhere_needs_a_signed_in_user(
        self, postern: Postern, session: Session
    ) -> None:
        token = session.refresh_token
        attempt = ending.sign_out(postern, caller(), token, everywhere=True)
        assert await refusal(attempt) == "UNAUTHENTICATED"
        assert not await is_over(postern, session)

    async def test_signing_out_again_is_not_an_error(
        self, postern: Postern, session: Session
    ) -> None:
        for _ in range(2):
            await ending.sign_out(postern, caller(), session.refresh_token, everywhere=False)
        nothing = ending.sign_out(postern, caller(), None, everywhere=False)
        assert await refusal(nothing) == "UNAUTHENTICATED"


class TestTheListOfSessions:
    async def test_the_list_of_sessions_shows_where_and_when(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        clock.forward(1)
        phone = Caller("2001:db8::1", "Phone/2.0")
        await email_password.sign_in_email_password(postern, phone, JOE, PASSWORD)
        newest, oldest = (await listing.page_of(postern, session.user)).entries
        assert (newest.address, newest.user_agent) == ("2001:db8::1", "Phone/2.0")
        assert oldest.id == session.session_id

    async def test_a_user_can_revoke_a_session(self, postern: Postern, session: Session) -> None:
        other = await another(postern)
        revoke = ending.revoke_session(postern, owner_of(session), str(other.session_id))
        assert await revoke
        assert await is_over(postern, other)
        assert not await is_over(postern, session)

    async def test_another_users_session_cannot_be_revoked(
        self, postern: Postern, session: Session
    ) -> None:
        amy, _ = await sign_up_user(postern, "amy@example.com")
        for session_id in (str(amy.session_id), str(uuid4()), "", "x", "\0", "'--"):
            assert not await ending.revoke_session(postern, owner_of(session), session_id)
        assert not await is_over(postern, amy)

    async def test_the_list_of_sessions_has_pages(self, postern: Postern, session: Session) -> None:
        for _ in range(6):
            await another(postern)
        seen, after, sizes = set(), None, []
        while True:
            page = await listing.page_of(postern, session.user, first=3, after=after)
            seen |= {found.id for found in page.entries}
            sizes.append(len(page.entries))
            if not page.has_next:
                break
            after = listing.cursor(page.entries[-1])
        assert (sizes, len(seen)) == ([3, 3, 1], 7)

    @pytest.mark.parametrize("first", [-1, 0, 101, 2**31 - 1])
    async def test_a_page_has_at_most_100_sessions(
        self, postern: Postern, session: Session, first: int
    ) -> None:
        page = listing.page_of(postern, session.user, first=first)
        assert await refusal(page) == "INVALID_REQUEST"

    @pytest.mark.parametrize("after", ["x", "AAAA", "\ud7ff", paging.cursor("0001-01-01 x")])
    async def test_a_cursor_of_another_list_is_refused(
        self, postern: Postern, session: Session, after: str
    ) -> None:
        page = listing.page_of(postern, session.user, after=after)
        assert await refusal(page) == "INVALID_REQUEST"


class TestTheCap:
    async def test_a_new_session_ends_the_oldest_one(
        self, postern: Postern, session: Session, clock: Clock
    ) -> None:
        few = with_settings(postern, sessions_per_user=3)
        newer = []
        for _ in range(3):
            clock.forward(1)
            newer.append(await another(few))
        assert await is_over(postern, session)
        assert (await event_names()).count("SESSION_DISPLACED") == 1
        for each in newer:
            assert not await is_over(postern, each)

    async def test_twenty_simultaneous_sign_ins_do_not_exceed_the_limit(
        self, postern: Postern, session: Session
    ) -> None:
        few = with_settings(postern, sessions_per_user=3)
        await asyncio.gather(*(another(few) for _ in range(20)))
        assert await UserSession.all().count() == 3
