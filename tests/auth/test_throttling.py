"""The failure count of an account, which is in the database and shared by all processes."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tortoise.queryset import QuerySet

from auth import sweep, tickets
from auth.accounts import enrolment, password_change
from auth.caller import Caller
from auth.errors import AuthError
from auth.factors import one_time_codes, recovery_codes, totp
from auth.limits import throttling
from auth.limits.rate_limits import RateLimits
from auth.operators import acts
from auth.passwords import Match
from auth.postern import Postern
from auth.sessions import elevation, refreshing
from auth.ways_in import email_password
from models import MfaTicket, SecurityEvent, Throttle, User, UserSession
from models.hot_paths.throttles import count_failure
from models.throttle import NOTICE
from tests.support import (
    JOE,
    OPERATOR,
    PASSWORD,
    Clock,
    caller,
    event_names,
    open_ticket,
    refusal,
    sign_up_user,
    sign_up_with_factor,
    with_settings,
)

pytestmark = pytest.mark.anyio
NOBODY = "nobody@example.com"
EVERYWHERE = iter(range(1, 250 * 250))


def from_somewhere(access_token: str | None = None) -> Caller:
    """One of an attacker's many addresses, each used once."""
    n = next(EVERYWHERE)
    return Caller(f"198.51.{n // 250}.{n % 250}", "Attack/1.0", access_token)


@pytest.fixture
def shipped(postern: Postern) -> Postern:
    """A Postern with the default limits."""
    shipped = with_settings(
        postern, rate_limit_brute_force_burst=10, rate_limit_brute_force_interval=300
    )
    return replace(shipped, rate_limits=RateLimits(shipped.settings))


def failures() -> QuerySet[Throttle]:
    """Counts of failed attempts that have not been cleared."""
    return Throttle.filter(failures__gt=0).exclude(key__startswith=NOTICE)


async def guess(postern: Postern, email: str = JOE, password: str = "a wrong guess") -> str:
    return await refusal(
        email_password.sign_in_email_password(postern, from_somewhere(), email, password)
    )


async def retry_after(attempt: object) -> int:
    with pytest.raises(AuthError) as refused:
        await attempt  # type: ignore[misc]
    assert refused.value.code.name == "TOO_MANY_REQUESTS"
    return int(refused.value.extensions["retryAfter"])


def test_the_delays_match_nists_example() -> None:
    assert throttling.delays(10, 300) == (30, 60, 120, 240, 480, 960, 1920, 3600)


@given(st.integers(1, 1_000_000), st.integers(1, 10 * 365 * 24 * 3600))
def test_delays_grow_to_an_hour_with_any_settings(free: int, interval: int) -> None:
    growing = throttling.delays(free, interval)
    assert list(growing) == sorted(set(growing))
    assert growing[0] >= 1
    assert growing[-1] == throttling.LONGEST_DELAY
    assert len(growing) <= 13


@pytest.mark.parametrize("email", [JOE, NOBODY])
async def test_ten_failures_slow_an_account_down_whether_or_not_it_exists(
    shipped: Postern, clock: Clock, email: str
) -> None:
    await sign_up_user(shipped)
    for _ in range(10):
        assert await guess(shipped, email) == "INVALID_EMAIL_PASSWORD"
    attempt = email_password.sign_in_email_password(shipped, from_somewhere(), email, PASSWORD)
    assert await retry_after(attempt) == 30
    clock.forward(29)
    assert await guess(shipped, email) == "TOO_MANY_REQUESTS"
    clock.forward(1)
    assert await guess(shipped, email) == "INVALID_EMAIL_PASSWORD"
    attempt = email_password.sign_in_email_password(shipped, from_somewhere(), email, PASSWORD)
    assert await retry_after(attempt) == 60


@pytest.mark.parametrize("email", [JOE, NOBODY])
async def test_another_spelling_of_an_address_has_the_same_count(
    shipped: Postern, email: str
) -> None:
    await sign_up_user(shipped)
    for spelling in (email, email.upper(), f" {email} ") * 4:
        await guess(shipped, spelling)
    assert await guess(shipped, email.title()) == "TOO_MANY_REQUESTS"


async def test_the_delay_never_exceeds_an_hour_and_decays(shipped: Postern, clock: Clock) -> None:
    await sign_up_user(shipped)
    for _ in range(10):
        await guess(shipped)
    waits = []
    for _ in range(12):
        attempt = email_password.sign_in_email_password(shipped, from_somewhere(), JOE, PASSWORD)
        waits.append(await retry_after(attempt))
        clock.forward(waits[-1])
        assert await guess(shipped) == "INVALID_EMAIL_PASSWORD"
    assert waits == [30, 60, 120, 240, 480, 960, 1920] + [3600] * 5
    clock.forward(9 * 3600)  # nine of seventeen failures decay
    answers = [await guess(shipped) for _ in range(3)]
    assert answers == ["INVALID_EMAIL_PASSWORD"] * 2 + ["TOO_MANY_REQUESTS"]
    clock.forward(24 * 3600)
    assert [await guess(shipped) for _ in range(11)][-2:] == [
        "INVALID_EMAIL_PASSWORD",
        "TOO_MANY_REQUESTS",
    ]


async def test_a_success_clears_the_failures(shipped: Postern) -> None:
    await sign_up_user(shipped)
    for _ in range(3):
        for _ in range(9):
            assert await guess(shipped) == "INVALID_EMAIL_PASSWORD"
        assert await guess(shipped, password=PASSWORD) == ""
    assert await failures().count() == 0


async def test_of_many_simultaneous_guesses_ten_are_checked(shipped: Postern) -> None:
    await sign_up_user(shipped)
    answers = await asyncio.gather(*(guess(shipped) for _ in range(50)))
    assert sorted(answers) == ["INVALID_EMAIL_PASSWORD"] * 10 + ["TOO_MANY_REQUESTS"] * 40


@pytest.mark.parametrize("with_factor", [False, True])
async def test_a_right_guess_after_ten_simultaneous_ones_is_refused(
    shipped: Postern, *, with_factor: bool
) -> None:
    await (sign_up_with_factor(shipped) if with_factor else sign_up_user(shipped))
    events = len(await event_names())
    wrong = [asyncio.create_task(guess(shipped)) for _ in range(40)]
    while sum(each.done() and each.result() == "INVALID_EMAIL_PASSWORD" for each in wrong) < 10:  # noqa: ASYNC110 - tasks that end on their own
        await asyncio.sleep(0.001)
    answers = await asyncio.gather(*wrong, guess(shipped, password=PASSWORD))
    assert sorted(answers) == ["INVALID_EMAIL_PASSWORD"] * 10 + ["TOO_MANY_REQUESTS"] * 31
    assert answers[-1] == "TOO_MANY_REQUESTS"
    told = Counter((await event_names())[events:])
    assert told == {"SIGN_IN_FAILED": 10, "ATTEMPTS_HELD_BACK": 1}


@pytest.mark.parametrize("with_factor", [False, True])
async def test_an_attempt_must_still_be_allowed_when_its_check_ends(
    shipped: Postern, monkeypatch: pytest.MonkeyPatch, *, with_factor: bool
) -> None:
    """If others fail while it is hashed, a right guess is refused like a wrong one."""
    await (sign_up_with_factor(shipped) if with_factor else sign_up_user(shipped))
    before = await UserSession.all().count()
    verify = shipped.passwords.verify

    async def meanwhile(password_hash: str | None, password: str) -> Match:
        monkeypatch.setattr(shipped.passwords, "verify", verify)
        for _ in range(10):
            await guess(shipped)
        return await verify(password_hash, password)

    for password in ("a wrong guess", PASSWORD):
        await Throttle.all().delete()
        monkeypatch.setattr(shipped.passwords, "verify", meanwhile)
        attempt = email_password.sign_in_email_password(shipped, from_somewhere(), JOE, password)
        assert await retry_after(attempt) == 30
        key = throttling.key_of(throttling.password_of(JOE))
        assert (await Throttle.get(key=key)).failures == 10
    assert await UserSession.all().count() == before
    assert await MfaTicket.all().count() == 0
    home = Caller("192.0.2.7", "Home/1.0")
    await SecurityEvent.create(
        created_at=shipped.now(),
        type="SIGNED_IN",
        user=await User.get(email=JOE),
        address=home.address,
    )
    await Throttle.all().delete()
    monkeypatch.setattr(shipped.passwords, "verify", meanwhile)
    assert await email_password.sign_in_email_password(shipped, home, JOE, PASSWORD), (
        "a known network"
    )


async def test_an_account_under_attack_signs_in_from_a_known_network(
    shipped: Postern, clock: Clock
) -> None:
    await sign_up_user(shipped)
    home = Caller("2001:db8:1:2:a::1", "Home/1.0")
    await email_password.sign_in_email_password(shipped, home, JOE, PASSWORD)
    for _ in range(12):
        await guess(shipped)
    another_day = replace(home, address="2001:db8:1:2:b::2")  # the same network
    assert await guess(shipped, password=PASSWORD) == "TOO_MANY_REQUESTS"
    await email_password.sign_in_email_password(shipped, another_day, JOE, PASSWORD)
    next_door = replace(home, address="2001:db8:1:3:a::1")
    attempt = email_password.sign_in_email_password(shipped, next_door, JOE, PASSWORD)
    assert await retry_after(attempt) == 30


async def test_a_known_network_has_its_own_count_for_an_account(
    shipped: Postern,
) -> None:
    """In a known network, only a right guess gets another answer during a wait."""
    await sign_up_user(shipped)
    home = Caller("192.0.2.7", "Home/1.0")
    for _ in range(10):
        await guess(shipped)
    for _ in range(9):
        wrong = email_password.sign_in_email_password(shipped, home, JOE, "wrong")
        assert await refusal(wrong) == "TOO_MANY_REQUESTS"
    assert await email_password.sign_in_email_password(shipped, home, JOE, PASSWORD)
    for _ in range(10):
        await guess(shipped)
    for _ in range(10):
        await refusal(email_password.sign_in_email_password(shipped, home, JOE, "wrong"))
    right = email_password.sign_in_email_password(shipped, home, JOE, PASSWORD)
    assert await refusal(right) == "TOO_MANY_REQUESTS"


async def test_strangers_at_an_address_cannot_lock_out_known_users(
    shipped: Postern,
) -> None:
    office = Caller("192.0.2.7", "Office/1.0")
    await sign_up_user(shipped)
    await sign_up_user(shipped, "amy@example.com")
    for n in range(80):
        wrong = email_password.sign_in_email_password(shipped, office, f"{n}@example.com", "wrong")
        told = "INVALID_EMAIL_PASSWORD" if n < 50 else "TOO_MANY_REQUESTS"
        assert await refusal(wrong) == told
    assert await email_password.sign_in_email_password(shipped, office, JOE, PASSWORD)
    await SecurityEvent.all().delete()
    amy = email_password.sign_in_email_password(shipped, office, "amy@example.com", PASSWORD)
    assert await refusal(amy) == "TOO_MANY_REQUESTS", "new here"


async def test_a_new_factor_resets_the_known_networks(shipped: Postern, clock: Clock) -> None:
    """Somebody with only the password cannot make a network known for guessing codes."""
    thieves = [Caller(f"203.0.113.{n}", "Thief/1.0") for n in range(20)]
    _, owner = await sign_up_user(shipped)
    for thief in thieves:
        await email_password.sign_in_email_password(shipped, thief, JOE, PASSWORD)
    secret = (await enrolment.change_user_mfa(shipped, owner)).totp_secret
    code = one_time_codes.code_at(secret, one_time_codes.time_step(shipped.now()))
    await enrolment.verify_change_user_mfa(shipped, owner, "totp", code)
    answers = []
    for thief in thieves:
        ticket = await open_ticket(shipped)
        for _ in range(5):
            guessed = tickets.redeem(shipped, thief, ticket, totp, "000000")
            answers.append(await refusal(guessed))
    assert answers.count("INVALID_TOTP") == 10
    clock.forward(30)
    ticket, code = (
        await open_ticket(shipped),
        one_time_codes.code_at(secret, one_time_codes.time_step(clock())),
    )
    assert await tickets.redeem(shipped, owner, ticket, totp, code)


async def test_a_known_user_signs_in_while_strangers_keep_the_server_busy(
    shipped: Postern, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that is not checked does not count in a known network."""
    await sign_up_user(shipped)
    for _ in range(12):
        await guess(shipped)
    monkeypatch.setattr(type(shipped.passwords), "at_leisure", False)
    for _ in range(20):
        assert await email_password.sign_in_email_password(shipped, caller(), JOE, PASSWORD)
    nobody = email_password.sign_in_email_password(shipped, caller(), NOBODY, PASSWORD)
    assert await refusal(nobody) == "INVALID_EMAIL_PASSWORD", "this account is not under attack"


async def test_a_concealed_right_password_counts_like_a_wrong_one(
    shipped: Postern,
) -> None:
    concealing = with_settings(shipped, conceal_errors=True, rate_limit_brute_force_burst=1)
    session, _ = await sign_up_user(concealing)
    await User.filter(id=session.user.id).update(disabled=True)
    told = [
        await refusal(
            email_password.sign_in_email_password(concealing, from_somewhere(), JOE, password)
        )
        for password in (PASSWORD, PASSWORD)
    ]
    assert told == ["DISABLED_USER", "TOO_MANY_REQUESTS"]


async def test_accounts_that_an_attacker_invents_fill_neither_memory_nor_database(
    shipped: Postern,
) -> None:
    async def try_many(start: int) -> None:
        for n in range(start, start + 100):
            attempt = email_password.sign_in_email_password(
                shipped, caller(), f"{n}@x.example", "wrong"
            )
            await refusal(attempt)

    await try_many(0)
    storage: Any = shipped.rate_limits._own.storage
    rows, counters = await Throttle.all().count(), len(storage.storage)
    await try_many(100)
    assert (await Throttle.all().count(), len(storage.storage)) == (rows, counters)
    assert rows <= 51


async def test_ten_guesses_at_one_account_leave_guesses_at_others(
    shipped: Postern, clock: Clock
) -> None:
    await sign_up_user(shipped)
    office = Caller("192.0.2.8", "Office/1.0")
    for _ in range(60):
        await refusal(
            email_password.sign_in_email_password(shipped, office, "x@example.com", "wrong")
        )
    wrong = email_password.sign_in_email_password(shipped, office, JOE, "wrong")
    assert await refusal(wrong) == "INVALID_EMAIL_PASSWORD"


async def test_a_new_wait_is_an_event_and_its_refusals_are_counted(
    shipped: Postern, clock: Clock
) -> None:
    await sign_up_user(shipped)
    await asyncio.gather(*(guess(shipped) for _ in range(25)))
    throttle = await Throttle.get(key=throttling.key_of(throttling.password_of(JOE)))
    assert throttle.refused == 15
    clock.forward(30)
    assert await guess(shipped) == "INVALID_EMAIL_PASSWORD"
    names = await event_names()
    assert names.count("ATTEMPTS_HELD_BACK") == 2, "each wait is one event"
    assert names.count("SIGN_IN_FAILED") == 11
    await guess(shipped)
    assert len(await event_names()) == len(names)


async def test_an_attack_on_the_account_does_not_stop_refreshing(shipped: Postern) -> None:
    session, _ = await sign_up_user(shipped)
    for _ in range(12):
        await guess(shipped)
    fresh = await refreshing.refresh_session(shipped, from_somewhere(), session.refresh_token)
    assert fresh.user.email == JOE


async def test_codes_are_counted_for_the_account_over_all_its_tickets(
    shipped: Postern, clock: Clock
) -> None:
    phone = await sign_up_with_factor(shipped)
    answers = []
    for _ in range(3):
        ticket = await open_ticket(shipped)
        for _ in range(5):
            attempt = tickets.redeem(
                shipped, from_somewhere(), ticket, totp, phone.wrong_code(shipped)
            )
            answers.append(await refusal(attempt))
    assert answers == ["INVALID_TOTP"] * 10 + ["TOO_MANY_REQUESTS"] * 5
    last = await MfaTicket.filter(attempts_left__gt=0).get()
    assert last.attempts_left == 5, "an unchecked code costs the ticket no attempt"
    recovery = tickets.redeem(
        shipped, from_somewhere(), ticket, recovery_codes, phone.recovery_codes[0]
    )
    assert await retry_after(recovery) == 30
    clock.forward(30)
    await tickets.redeem(shipped, from_somewhere(), ticket, totp, phone.code(shipped))
    assert await failures().count() == 0


async def test_a_stolen_access_token_gets_no_extra_guesses(shipped: Postern) -> None:
    phone = await sign_up_with_factor(shipped)
    thief = from_somewhere(phone.session.access_token)
    wrong = phone.wrong_code(shipped)
    doors: list[Callable[[Caller], Awaitable[object]]] = [
        lambda who: elevation.elevate(shipped, who, None, wrong),
        lambda who: enrolment.verify_change_user_mfa(shipped, who, "", wrong),
        lambda who: enrolment.regenerate_recovery_codes(shipped, who, wrong),
    ]
    answers = [
        await refusal(doors[n % 3](replace(thief, address=from_somewhere().address)))
        for n in range(12)
    ]
    assert answers == ["INVALID_TOTP"] * 10 + ["TOO_MANY_REQUESTS"] * 2

    passwords: list[Callable[[Caller], Awaitable[object]]] = [
        lambda who: elevation.elevate(shipped, who, "wrong", wrong),
        lambda who: password_change.change_user_password(
            shipped, who, "wrong", "wrong zebra tower"
        ),
    ]
    answers = [
        await refusal(passwords[n % 2](replace(thief, address=from_somewhere().address)))
        for n in range(12)
    ]
    assert answers == ["INVALID_PASSWORD"] * 10 + ["TOO_MANY_REQUESTS"] * 2
    assert await guess(shipped, password=PASSWORD) == "TOO_MANY_REQUESTS", "both share one count"


async def test_only_guesses_are_counted(shipped: Postern) -> None:
    phone = await sign_up_with_factor(shipped)
    for _ in range(12):
        attempt = enrolment.verify_change_user_mfa(shipped, phone.caller, "totp", "000000")
        assert await refusal(attempt) == "TOTP_ALREADY_ACTIVE"
    assert not await failures().exists()


async def test_a_disabled_accounts_right_password_is_not_a_failure(
    shipped: Postern,
) -> None:
    session, _ = await sign_up_user(shipped)
    await acts.set_disabled(shipped, OPERATOR, session.user, disabled=True)
    assert {await guess(shipped, password=PASSWORD) for _ in range(12)} == {"DISABLED_USER"}
    assert not await failures().exists()


async def test_a_server_too_busy_to_check_counts_nothing(shipped: Postern) -> None:
    await sign_up_user(shipped)
    shipped.passwords._free = 0
    assert await retry_after(
        email_password.sign_in_email_password(shipped, from_somewhere(), JOE, PASSWORD)
    ) == 2  # fmt: skip
    assert not await failures().exists()


async def test_with_rate_limits_off_no_account_is_counted(shipped: Postern) -> None:
    off = with_settings(shipped, rate_limit_enable=False)
    await sign_up_user(off)
    assert {await guess(off) for _ in range(12)} == {"INVALID_EMAIL_PASSWORD"}
    assert not await failures().exists()


async def test_the_throttle_table_contains_no_addresses(shipped: Postern) -> None:
    await guess(shipped, NOBODY)
    throttle = await failures().get()
    assert len(throttle.key) == 64
    assert await event_names(NOBODY) == []


async def test_decayed_counts_are_swept(shipped: Postern, clock: Clock) -> None:
    await guess(shipped, NOBODY)
    clock.forward(throttling.all_forgotten(shipped.settings) - 1)
    assert (await sweep.sweep(shipped))["throttles"] == 0
    clock.forward(1)
    assert (await sweep.sweep(shipped))["throttles"] == 1


@pytest.mark.parametrize("seed", range(3))
async def test_the_sql_statement_counts_like_a_model_in_python(
    shipped: Postern, clock: Clock, seed: int
) -> None:
    """Compare the calculation in SQL with one in Python, along a random walk."""
    walk = random.Random(seed)
    growing = throttling.delays(10, 300)
    failures = failed_at = allowed_at = 0
    for _ in range(60):
        clock.forward(walk.choice([0, 1, 30, 60, 600, 3600, 3 * 3600]))
        now = int(clock().timestamp())
        allowed = now >= allowed_at
        if allowed:
            kept = max(0, failures - (now - failed_at) // throttling.DECAY)
            failures, failed_at = min(kept + 1, 10 + len(growing) - 1), now
            allowed_at = now + growing[failures - 10] if failures >= 10 else 0
        waits_until = await count_failure(throttling.pace(shipped.settings), "a key", now)
        assert waits_until == (allowed_at if allowed else None)
        row = await Throttle.get(key="a key")
        assert (row.failures, row.failed_at, row.allowed_at) == (failures, failed_at, allowed_at)


async def test_an_attempt_is_not_refused_for_a_later_one_that_began_no_wait(
    shipped: Postern, clock: Clock
) -> None:
    """Attempts arrive out of order: they wait for a lock, and clocks of servers differ."""
    pace, now = throttling.pace(shipped.settings), int(clock().timestamp())
    assert await count_failure(pace, "a key", now) == 0
    assert await count_failure(pace, "a key", now - 1) == 0
    assert (await Throttle.get(key="a key")).failures == 2


async def test_a_disabled_account_reveals_nothing_to_simultaneous_guesses(
    shipped: Postern,
) -> None:
    session, _ = await sign_up_user(shipped)
    await User.filter(id=session.user.id).update(disabled=True)

    async def tried(number: int) -> str:
        password = PASSWORD if number == 39 else f"wrong password {number}"
        stranger = Caller(f"203.0.113.{number}", "Thief/1.0")
        return await refusal(
            email_password.sign_in_email_password(shipped, stranger, JOE, password)
        )

    told = await asyncio.gather(*map(tried, range(40)))
    assert told.count("INVALID_EMAIL_PASSWORD") == 10
    assert told.count("TOO_MANY_REQUESTS") == 30


async def test_a_disabled_account_gives_back_only_counted_attempts(
    shipped: Postern,
) -> None:
    """In a known network its password is checked, even while the address has to wait."""
    session, _ = await sign_up_user(shipped)
    await User.filter(id=session.user.id).update(disabled=True)

    async def wrong(number: int) -> str:
        email = f"user-{number}@example.com"
        return await refusal(
            email_password.sign_in_email_password(shipped, caller(), email, "a wrong guess")
        )

    assert {await wrong(number) for number in range(50)} == {"INVALID_EMAIL_PASSWORD"}
    for _ in range(3):
        right = email_password.sign_in_email_password(shipped, caller(), JOE, PASSWORD)
        assert await refusal(right) == "DISABLED_USER"
    assert await wrong(99) == "TOO_MANY_REQUESTS"


async def test_taking_back_a_failure_ends_no_wait_of_another_one(
    shipped: Postern, clock: Clock
) -> None:
    user = (await sign_up_user(shipped))[0].user
    first, *others = [await throttling.try_code(shipped, caller(), user) for _ in range(10)]
    waits_until = (await Throttle.get(key=first.key)).allowed_at
    assert waits_until > int(clock().timestamp())
    await first.undo()
    row = await Throttle.get(key=first.key)
    assert (row.failures, row.allowed_at) == (9, waits_until)
    await others[-1].undo()
    row = await Throttle.get(key=first.key)
    assert (row.failures, row.allowed_at) == (8, 0)
