"""Random sequences of a user's operations, compared with a simple model of what must be true."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from api import contract
from auth import admission
from auth.accounts import enrolment, password_change, password_reset, sign_up
from auth.errors import AuthError
from auth.factors import one_time_codes, recovery_codes, totp
from auth.mail import delivery, outbox
from auth.postern import Postern, open_postern
from auth.sessions import elevation, ending, opening, refreshing
from auth.ways_in import email_password
from config import load
from models import Mail, RecoveryCode, User, UserSession, database
from tests.support import Clock, caller, environment

TICKET_LIFE, TICKET_ATTEMPTS = timedelta(minutes=5), 5
ACCESS_LIFE = RECENT = timedelta(minutes=15)
ENROLMENT_LIFE, GRACE = timedelta(hours=1), timedelta(seconds=10)
RESET_LIFE = timedelta(hours=1)
WRONG = 99
"""An offset for a code that is wrong in every time step."""
OFFSETS = st.sampled_from([0, 0, 0, 1, -1, -2, 2, WRONG])
NAMES = itertools.count()


class World:
    """A Postern on a real database that all sequences share, each with its own user."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        cheap = {
            "AUTH_PASSWORD_ARGON2_MEMORY_COST": "8",
            "AUTH_PASSWORD_ARGON2_TIME_COST": "1",
            "AUTH_PASSWORD_CHECK_COMMON": "false",
        }
        chosen, _ = load(environment(self.folder / "var", **cheap))
        self.clock = Clock()
        self.postern: Postern = replace(open_postern(chosen), now=self.clock)
        self.runner = asyncio.Runner()
        self.run(database.migrate(chosen))
        self.connection = database.connected(chosen)
        self.run(self.connection.__aenter__())

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return self.runner.run(awaited())

    def close(self) -> None:
        self.run(self.connection.__aexit__(None, None, None))
        self.postern.passwords.close()
        self.runner.close()
        shutil.rmtree(self.folder)


@dataclass
class Device:
    """A session as its device knows it."""

    id: Any
    alive: bool = True
    authenticated_at: datetime | None = None


@dataclass(eq=False)
class Access:
    device: Device
    token: str = field(repr=False)
    issued_at: datetime
    authenticated_at: datetime


@dataclass(eq=False)
class Refresh:
    device: Device
    token: str = field(repr=False)
    rotated_at: datetime | None = None
    successor: "Refresh | None" = None
    revoked: bool = False


@dataclass(eq=False)
class Ticket:
    token: str = field(repr=False)
    expires_at: datetime
    attempts: int = TICKET_ATTEMPTS


@dataclass(eq=False)
class Reset:
    token: str = field(repr=False)
    expires_at: datetime


CONTRACTS = {
    "send_password_reset_email": [contract.SEND_RESET],
    "reset_password": [contract.RESET_PASSWORD],
    "sign_up_email_password": [contract.SIGN_UP],
    "sign_in_email_password": [contract.SIGN_IN],
    "redeem": [contract.VERIFY_TOTP, contract.VERIFY_RECOVERY_CODE],
    "change_user_mfa": [contract.ENROL],
    "verify_change_user_mfa": [contract.CHANGE_FACTOR],
    "regenerate_recovery_codes": [contract.NEW_RECOVERY_CODES],
    "refresh_session": [contract.REFRESH],
    "elevate": [contract.ELEVATE],
    "change_user_password": [contract.CHANGE_PASSWORD],
    "sign_out": [contract.SIGN_OUT],
    "revoke_session": [contract.REVOKE_SESSION],
    "signed_in": [contract.ME],
    "me": [contract.ME],
}
"""The refusals that each flow may return."""


class Life(RuleBasedStateMachine):
    """The operations of a user, a thief and a forgetful client, in any order."""

    world: World
    access, refresh, tickets = Bundle("access"), Bundle("refresh"), Bundle("tickets")
    resets = Bundle("resets")

    @initialize(target=access)
    def sign_up(self) -> Any:
        self.postern, self.clock = self.world.postern, self.world.clock
        self.clock.forward(24 * 3600)
        self.email, self.password = f"user-{next(NAMES)}@example.com", "password 0"
        self.secret: str | None = None
        self.enrolled_at = self.clock()
        self.active = False
        self.last_step = 0
        self.codes: list[str] = []
        self.devices: list[Device] = []
        self.all_tickets: list[Ticket] = []
        self.all_resets: list[Reset] = []
        self.all_refresh: list[Refresh] = []
        self.new_tickets: list[Ticket] = []
        self.new_refresh: list[Refresh] = []
        session = self.done(
            sign_up.sign_up_email_password(self.postern, caller(), self.email, self.password)
        )
        return self.opened(session)

    def ask(self, work: Awaitable[Any]) -> tuple[str, Any]:
        """Return the code of the refusal, or "" and the result."""
        flow = getattr(work, "__name__", "")
        try:
            return "", self.world.run(work)
        except AuthError as error:
            refused = error
        assert any(each.declares(refused.code) for each in CONTRACTS[flow]), (flow, refused.code)
        return refused.code.name, refused.extensions

    def done(self, work: Awaitable[Any]) -> Any:
        code, answer = self.ask(work)
        assert code == ""
        return answer

    def opened(self, session: opening.Session) -> Access:
        device = Device(session.session_id, authenticated_at=self.clock())
        self.devices.append(device)
        return self.handed_out(device, session)

    def handed_out(self, device: Device, session: opening.Session) -> Access:
        self.new_refresh.append(Refresh(device, session.refresh_token))
        self.all_refresh.append(self.new_refresh[-1])
        assert device.authenticated_at
        auth_time = device.authenticated_at.replace(microsecond=0)  # whole seconds in a token
        return Access(device, session.access_token, self.clock(), auth_time)

    def end(self, *devices: Device) -> None:
        for device in devices:
            device.alive = False

    def code(self, offset: int) -> tuple[int, str]:
        """Return a code of the user's app and its time step; 0 for a code that is not valid."""
        now = one_time_codes.time_step(self.clock())
        if self.secret is None or offset == WRONG:
            near = {
                one_time_codes.code_at(self.secret, now + n)
                for n in range(-3, 4)
                if self.secret is not None
            }
            return 0, next(c for c in ("000000", "111111", "222222") if c not in near)
        return now + offset, one_time_codes.code_at(self.secret, now + offset)

    def accepted(self, step: int) -> bool:
        return abs(step - one_time_codes.time_step(self.clock())) <= 1 and step > self.last_step

    def refusal_of(self, access: Access, *, recent: bool = True) -> str:
        if not access.device.alive or self.clock() >= access.issued_at + ACCESS_LIFE:
            return "UNAUTHENTICATED"
        if recent and self.clock() > access.authenticated_at + RECENT:
            return "ELEVATED_CLAIM_REQUIRED"
        return ""

    @rule(seconds=st.sampled_from([1, 9, 10, 15, 30, 31, 60, 299, 300, 600, 899, 900, 3600]))
    def time_goes_by(self, seconds: int) -> None:
        self.clock.forward(seconds)

    @rule(target=refresh)
    def note_refresh_tokens(self) -> Any:
        noted, self.new_refresh = self.new_refresh, []
        return multiple(*noted)

    @rule(target=access)
    def sign_in(self) -> Any:
        answer = self.done(
            email_password.sign_in_email_password(self.postern, caller(), self.email, self.password)
        )
        if self.active:
            assert isinstance(answer, admission.MfaTicket)
            self.new_tickets.append(Ticket(answer.ticket, self.clock() + TICKET_LIFE))
            self.all_tickets.append(self.new_tickets[-1])
            return multiple()
        assert isinstance(answer, opening.Session)
        return self.opened(answer)

    @rule()
    def sign_in_with_a_wrong_password(self) -> None:
        attempt = email_password.sign_in_email_password(
            self.postern, caller(), self.email, "password"
        )
        assert self.ask(attempt)[0] == "INVALID_EMAIL_PASSWORD"

    @rule(target=tickets)
    def note_tickets(self) -> Any:
        noted, self.new_tickets = self.new_tickets, []
        return multiple(*noted)

    def taken(self, ticket: Ticket) -> str:
        """Return why a ticket is refused before its code is checked; otherwise take an attempt."""
        if ticket.attempts == 0 or ticket.expires_at <= self.clock():
            return "INVALID_TICKET"
        ticket.attempts -= 1
        return ""

    @rule(target=access, ticket=tickets, offset=OFFSETS)
    def verify(self, ticket: Ticket, offset: int) -> Any:
        step, code = self.code(offset)
        expected = self.taken(ticket)
        right = not expected and self.accepted(step)
        if not expected and not right:
            expected = "INVALID_TOTP"
        attempt = admission.redeem(self.postern, caller(), ticket.token, totp, code)
        told, answer = self.ask(attempt)
        assert told == expected
        if told == "INVALID_TOTP":
            assert answer["attemptsLeft"] == ticket.attempts
        if not right:
            return multiple()
        ticket.attempts, self.last_step = 0, step
        return self.opened(answer)

    @rule(target=access, ticket=tickets, position=st.integers(0, 12))
    def verify_with_a_recovery_code(self, ticket: Ticket, position: int) -> Any:
        code = self.codes[position] if position < len(self.codes) else "AAAA-AAAA-AAAA-AAAA"
        expected = self.taken(ticket)
        right = not expected and code in self.codes
        if not expected and not right:
            expected = "INVALID_RECOVERY_CODE"
        told, answer = self.ask(
            admission.redeem(self.postern, caller(), ticket.token, recovery_codes, code)
        )
        assert told == expected
        if not right:
            return multiple()
        ticket.attempts = 0
        self.codes.remove(code)
        return self.opened(answer)

    @rule(access=access)
    def enrol(self, access: Access) -> None:
        expected = self.refusal_of(access) or ("TOTP_ALREADY_ACTIVE" if self.active else "")
        told, answer = self.ask(enrolment.change_user_mfa(self.postern, caller(access.token)))
        assert told == expected
        if told:
            return
        if self.secret is None or self.clock() >= self.enrolled_at + ENROLMENT_LIFE:
            self.secret, self.enrolled_at = answer.totp_secret, self.clock()
        assert answer.totp_secret == self.secret

    @rule(access=access, offset=OFFSETS)
    def activate(self, access: Access, offset: int) -> None:
        step, code = self.code(offset)
        expected = self.refusal_of(access)
        if not expected and self.active:
            expected = "TOTP_ALREADY_ACTIVE"
        elif not expected and (
            self.secret is None or self.clock() >= self.enrolled_at + ENROLMENT_LIFE
        ):
            expected = "NO_TOTP_SECRET"
        elif not expected and not self.accepted(step):
            expected = "INVALID_TOTP"
        change = enrolment.verify_change_user_mfa(self.postern, caller(access.token), "totp", code)
        told, answer = self.ask(change)
        assert told == expected
        if not told:
            self.active, self.last_step = True, step
            self.codes = list(answer.recovery_codes)
            assert len(self.codes) == 10
            self.reissued(access.device, answer.session)

    @precondition(lambda self: self.active)
    @rule(access=access, offset=OFFSETS, by_recovery_code=st.booleans())
    def turn_off(self, access: Access, offset: int, *, by_recovery_code: bool) -> None:
        step, code = self.code(offset)
        right = self.accepted(step)
        if by_recovery_code and self.codes:
            step, code, right = 0, self.codes[-1], True
        expected = self.refusal_of(access) or ("" if right else "INVALID_TOTP")
        change = enrolment.verify_change_user_mfa(self.postern, caller(access.token), "", code)
        told, answer = self.ask(change)
        assert told == expected
        if not expected:
            self.reissued(access.device, answer.session)
            self.active, self.secret, self.codes = False, None, []
            for ticket in self.all_tickets:
                ticket.attempts = 0
            self.last_step = step or self.last_step

    @rule(access=access, offset=OFFSETS)
    def regenerate(self, access: Access, offset: int) -> None:
        step, code = self.code(offset)
        expected = self.refusal_of(access)
        if not expected and not self.active:
            expected = "DISABLED_MFA_TOTP"
        elif not expected and not self.accepted(step):
            expected = "INVALID_TOTP"
        told, answer = self.ask(
            enrolment.regenerate_recovery_codes(self.postern, caller(access.token), code)
        )
        assert told == expected
        if not told:
            self.last_step, self.codes = step, list(answer.recovery_codes)
            self.reissued(access.device, answer.session)

    @rule(target=access, access=access, offset=OFFSETS)
    def elevate(self, access: Access, offset: int) -> Any:
        step, code = self.code(offset)
        expected = self.refusal_of(access, recent=False)
        if not expected and self.active and not self.accepted(step):
            expected = "INVALID_TOTP"
        shown = (None, code) if self.active else (self.password, None)
        told, answer = self.ask(elevation.elevate(self.postern, caller(access.token), *shown))
        assert told == expected
        if told:
            return multiple()
        if self.active:
            self.last_step = step
        access.device.authenticated_at = self.clock()
        return self.reissued(access.device, answer)

    def reissued(self, device: Device, session: opening.Session) -> Access:
        """Revoke all older refresh tokens of the session."""
        for token in self.all_refresh:
            if token.device is device:
                token.revoked = True
        return self.handed_out(device, session)

    @rule(target=access, token=refresh)
    def refresh_session(self, token: Refresh) -> Any:
        now, device = self.clock(), token.device
        over = token.revoked or not device.alive
        stolen = not over and (
            token.rotated_at is not None
            and token.rotated_at + GRACE <= now
            and token.successor is not None
            and token.successor.rotated_at is not None
        )
        told, answer = self.ask(refreshing.refresh_session(self.postern, caller(), token.token))
        assert told == ("INVALID_REFRESH_TOKEN" if over or stolen else "")
        if stolen:
            self.end(device)
        if told:
            return multiple()
        access = self.handed_out(device, answer)
        if token.successor is None:
            token.rotated_at, token.successor = now, self.all_refresh[-1]
        else:
            assert answer.refresh_token == token.successor.token, "one chain for each session"
            self.new_refresh.pop()
            self.all_refresh.pop()
        return access

    @rule(token=consumes(refresh))
    def sign_out(self, token: Refresh) -> None:
        self.done(ending.sign_out(self.postern, caller(), token.token, everywhere=False))
        self.end(token.device)

    @rule(access=access, everywhere=st.booleans())
    def sign_out_with_the_access_token(self, access: Access, *, everywhere: bool) -> None:
        work = ending.sign_out(self.postern, caller(access.token), None, everywhere=everywhere)
        assert self.ask(work)[0] == self.refusal_of(access, recent=False)
        if not self.refusal_of(access, recent=False):
            self.end(*(self.devices if everywhere else [access.device]))

    @rule(access=access, right=st.booleans(), number=st.integers(0, 9))
    def change_password(self, access: Access, number: int, *, right: bool) -> None:
        fresh = f"password {number}"
        current = self.password if right else "password"
        expected = self.refusal_of(access) or ("" if right else "INVALID_PASSWORD")
        change = password_change.change_user_password(
            self.postern, caller(access.token), current, fresh
        )
        told, answer = self.ask(change)
        assert told == expected
        if not expected:
            self.reissued(access.device, answer)
            self.password = fresh
            for reset in self.all_resets:
                reset.expires_at = self.clock()
            self.end(*(device for device in self.devices if device is not access.device))
            for ticket in self.all_tickets:
                ticket.attempts = 0

    @rule(target=resets)
    def ask_for_a_reset(self) -> Any:
        self.done(password_reset.send_password_reset_email(self.postern, caller(), self.email))
        while self.world.run(delivery.deliver_next(self.postern, None)):
            pass
        mail = self.world.run(Mail.get(recipient=self.email, kind="password-reset"))
        ticket = outbox.ticket_of(self.postern, mail)
        self.world.run(Mail.filter(recipient=self.email).delete())
        self.all_resets.append(Reset(ticket, self.clock() + RESET_LIFE))
        return self.all_resets[-1]

    @rule(reset=resets, number=st.integers(0, 9), short=st.booleans())
    def reset_password(self, reset: Reset, number: int, *, short: bool) -> None:
        fresh = "short" if short else f"password {number}"
        good = reset.expires_at > self.clock()
        expected = ("PASSWORD_TOO_SHORT" if short else "") if good else "INVALID_TICKET"
        change = password_reset.reset_password(self.postern, caller(), reset.token, fresh)
        assert self.ask(change)[0] == expected
        if not expected:
            self.password = fresh
            self.end(*self.devices)
            for ticket in self.all_tickets:
                ticket.attempts = 0
            for each in self.all_resets:
                each.expires_at = self.clock()

    @invariant()
    def the_database_agrees(self) -> None:
        if not hasattr(self, "email"):
            return
        user = self.world.run(User.get(email=self.email))
        assert (user.active_mfa_type == "totp") is self.active
        assert (user.totp_secret is not None) is (self.secret is not None)
        assert user.totp_last_step == self.last_step
        assert self.world.run(RecoveryCode.filter(user_id=user.id).count()) == len(self.codes)
        alive = self.world.run(UserSession.filter(user_id=user.id).values_list("id", flat=True))
        assert set(alive) == {device.id for device in self.devices if device.alive}


@pytest.fixture
def world() -> Any:
    Life.world = World()
    yield Life.world
    Life.world.close()


@pytest.mark.usefixtures("world")
def test_random_sequences_of_operations_match_the_model() -> None:
    Life.TestCase.settings = settings(
        max_examples=200,
        stateful_step_count=60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Life.TestCase().runTest()
