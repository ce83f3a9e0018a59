"""Random sequences of a user's operations, compared with a simple model of what must be true."""

import asyncio
import itertools
import json
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
from auth import admission, tickets
from auth.accounts import (
    email_change,
    enrolment,
    passkeys,
    password_change,
    password_reset,
    required_enrolment,
    sign_up,
    verification,
)
from auth.errors import AuthError
from auth.factors import one_time_codes, recovery_codes, totp
from auth.mail import delivery, kinds, outbox
from auth.postern import Postern, open_postern
from auth.sessions import elevation, ending, opening, refreshing
from auth.ways_in import email_code, email_link, email_password, passkey
from config import read
from models import Mail, RecoveryCode, User, UserSession, database
from models.mail_ticket import MailPurpose
from tests.passkey_device import UP, UV
from tests.passkey_device import Device as Authenticator
from tests.support import Clock, caller, environment, with_settings

TICKET_LIFE, TICKET_ATTEMPTS = timedelta(minutes=5), 5
ENROLMENT_TICKET_LIFE = timedelta(minutes=15)
ACCESS_LIFE = RECENT = timedelta(minutes=15)
ENROLMENT_LIFE, GRACE = timedelta(hours=1), timedelta(seconds=10)
LIVES = {
    MailPurpose.RESET_PASSWORD: timedelta(hours=1),
    MailPurpose.VERIFY_EMAIL: timedelta(days=1),
    MailPurpose.SIGN_IN: timedelta(hours=1),
    MailPurpose.SIGN_IN_CODE: timedelta(minutes=10),
    MailPurpose.CHANGE_EMAIL: timedelta(hours=1),
    MailPurpose.UNDO_EMAIL_CHANGE: timedelta(days=7),
}
ENDED_BY_A_PASSWORD = (
    MailPurpose.RESET_PASSWORD,
    MailPurpose.SIGN_IN,
    MailPurpose.SIGN_IN_CODE,
    MailPurpose.CHANGE_EMAIL,
)
CODE_TRIES = 5
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
            "AUTH_OTP_EMAIL_ENABLED": "true",
            "AUTH_EMAIL_PASSWORDLESS_ENABLED": "true",
            "AUTH_WEBAUTHN_ENABLED": "true",
            "AUTH_CLIENT_URL": "http://localhost:3000",
        }
        configuration = read(environment(self.folder / "var", **cheap))
        self.clock = Clock()
        self.postern: Postern = replace(open_postern(configuration), now=self.clock)
        chosen = self.postern.settings
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
    has_shown_factor: bool = False
    authenticated_at: datetime | None = None


@dataclass(eq=False)
class Access:
    device: Device
    token: str = field(repr=False)
    issued_at: datetime
    authenticated_at: datetime
    shows_factor: bool
    """Whether the session had shown a factor when the token was issued."""


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
    enrols: bool = False
    attempts: int = TICKET_ATTEMPTS


@dataclass(eq=False)
class Mailed:
    """A ticket in a mail; the text of a code has six digits."""

    token: str = field(repr=False)
    purpose: MailPurpose
    address: str
    expires_at: datetime
    asked_at: datetime
    of_verified: bool
    """Whether the user's address was verified when it was made."""
    tries: int = CODE_TRIES
    spent: bool = False


@dataclass(eq=False)
class Passkey:
    """A passkey, alone in its authenticator."""

    id: str
    authenticator: Authenticator = field(repr=False)
    added_at: datetime
    removed: bool = False


CONTRACTS = {
    "enrol_mfa_totp": [contract.ENROL_BY_TICKET],
    "activate_mfa_totp": [contract.ACTIVATE_BY_TICKET],
    "enrol_mfa_passkey": [contract.ENROL_PASSKEY_BY_TICKET],
    "activate_mfa_passkey": [contract.ACTIVATE_PASSKEY_BY_TICKET],
    "add_passkey": [contract.ADD_PASSKEY],
    "verify_add_passkey": [contract.VERIFY_ADD_PASSKEY],
    "remove_passkey": [contract.REMOVE_PASSKEY],
    "start_sign_in_passkey": [contract.START_SIGN_IN_PASSKEY],
    "verify_sign_in_passkey": [contract.VERIFY_SIGN_IN_PASSKEY],
    "start_sign_in_mfa_passkey": [contract.START_MFA_PASSKEY],
    "verify_sign_in_mfa_passkey": [contract.VERIFY_MFA_PASSKEY],
    "start_elevate_passkey": [contract.START_ELEVATE_PASSKEY],
    "verify_elevate_passkey": [contract.VERIFY_ELEVATE_PASSKEY],
    "send_password_reset_email": [contract.SEND_RESET],
    "send_verification_email": [contract.SEND_VERIFICATION],
    "verify_email": [contract.VERIFY_EMAIL],
    "sign_in_otp_email": [contract.SEND_CODE],
    "verify_sign_in_otp_email": [contract.VERIFY_CODE],
    "sign_in_passwordless_email": [contract.SEND_LINK],
    "verify_sign_in_passwordless_email": [contract.VERIFY_LINK],
    "change_user_email": [contract.CHANGE_EMAIL],
    "verify_change_user_email": [contract.VERIFY_CHANGE_EMAIL],
    "undo_change_user_email": [contract.UNDO_CHANGE_EMAIL],
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
    resets, verifications, links = Bundle("resets"), Bundle("verifications"), Bundle("links")
    codes_by_mail, changes, undoings = Bundle("codes"), Bundle("changes"), Bundle("undoings")
    added = Bundle("added")

    @initialize(target=access)
    def sign_up(self) -> Any:
        self.postern, self.clock = self.world.postern, self.world.clock
        self.clock.forward(24 * 3600)
        self.name = f"user-{next(NAMES)}"
        self.email, self.verified = f"{self.name}@example.com", False
        self.new_email: str | None = None
        self.password: str | None = "password 0"
        self.secret: str | None = None
        self.enrolled_at = self.clock()
        self.begun_by: Any = None
        self.required = False
        self.active = False
        self.last_step = 0
        self.codes: list[str] = []
        self.devices: list[Device] = []
        self.all_tickets: list[Ticket] = []
        self.mailed: list[Mailed] = []
        self.new_undoings: list[Mailed] = []
        self.all_passkeys: list[Passkey] = []
        self.all_refresh: list[Refresh] = []
        self.new_tickets: list[Ticket] = []
        self.new_refresh: list[Refresh] = []
        self.new_access: list[Access] = []
        session = self.done(
            sign_up.sign_up_email_password(self.postern, caller(), self.email, "password 0")
        )
        self.user_id = session.user.id
        return self.opened(session, shows_factor=False)

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

    def opened(self, session: opening.Session, *, shows_factor: bool = True) -> Access:
        device = Device(session.session_id, has_shown_factor=shows_factor)
        device.authenticated_at = self.clock()
        self.devices.append(device)
        return self.handed_out(device, session)

    def handed_out(self, device: Device, session: opening.Session) -> Access:
        self.new_refresh.append(Refresh(device, session.refresh_token))
        self.all_refresh.append(self.new_refresh[-1])
        assert device.authenticated_at
        auth_time = device.authenticated_at.replace(microsecond=0)  # whole seconds in a token
        shows_factor = device.has_shown_factor
        return Access(device, session.access_token, self.clock(), auth_time, shows_factor)

    def end(self, *devices: Device) -> None:
        for device in devices:
            device.alive = False

    def end_tickets(self) -> None:
        for ticket in self.all_tickets:
            ticket.attempts = 0

    def forget_pending(self) -> None:
        if not self.active:
            self.secret = None

    @property
    def has_passkeys(self) -> bool:
        return not all(each.removed for each in self.all_passkeys)

    @property
    def has_factor(self) -> bool:
        return self.active or self.has_passkeys

    def remove_passkeys(self, *removed: Passkey) -> None:
        """Remove them, and what goes with them."""
        if not any(not each.removed for each in removed):
            return
        for each in removed:
            each.removed = True
        self.end_tickets()
        self.forget_what_was_shown()

    def forget_what_was_shown(self) -> None:
        """With the last factor go the codes, and what sessions have shown of factors."""
        if not self.has_factor:
            self.codes = []
            for device in self.devices:
                device.has_shown_factor = False

    def kill(self, *purposes: MailPurpose) -> None:
        for mailed in self.mailed:
            mailed.spent |= mailed.purpose in purposes

    def is_good(self, mailed: Mailed) -> bool:
        addresses = {
            MailPurpose.CHANGE_EMAIL: self.new_email,
            MailPurpose.UNDO_EMAIL_CHANGE: mailed.address,
        }
        theirs = mailed.address == addresses.get(mailed.purpose, self.email)
        return theirs and not mailed.spent and mailed.expires_at > self.clock()

    @property
    def is_asked(self) -> bool:
        """Whether the user has to set a factor up."""
        return self.required and not self.has_factor

    @rule(required=st.booleans())
    def switch_the_policy(self, *, required: bool) -> None:
        self.required = required
        policy = "required" if required else "optional"
        self.postern = with_settings(self.postern, mfa_policy=policy)

    def admitted(self, answer: Any) -> Any:
        """Note a session or a ticket; return the access token, if any."""
        if self.has_factor or self.required:
            assert isinstance(answer, admission.MfaTicket)
            assert bool(answer.enrolment) is self.is_asked
            life = ENROLMENT_TICKET_LIFE if self.is_asked else TICKET_LIFE
            ticket = Ticket(answer.ticket, self.clock() + life, self.is_asked)
            self.new_tickets.append(ticket)
            self.all_tickets.append(self.new_tickets[-1])
            return multiple()
        assert isinstance(answer, opening.Session)
        return self.opened(answer, shows_factor=False)

    def mail(self, work: Awaitable[Any], *purposes: MailPurpose) -> list[Mailed]:
        """Do what sends mails, and return their tickets."""
        self.done(work)
        while self.world.run(delivery.deliver_next(self.postern, None)):
            pass
        mails = Mail.filter(user_id=self.user_id)
        found = {kinds.TICKETS.get(m.kind): m for m in self.world.run(mails)}
        fresh = [
            Mailed(
                outbox.ticket_of(self.postern, found[purpose]),
                purpose,
                found[purpose].recipient,
                self.clock() + LIVES[purpose],
                self.clock(),
                self.verified,
            )
            for purpose in purposes
        ]
        self.world.run(mails.delete())
        self.mailed += fresh
        return fresh

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
        shown = access.device.has_shown_factor and access.shows_factor
        if recent and self.has_factor and not shown:
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
        password = self.password or "password 0"
        told, answer = self.ask(
            email_password.sign_in_email_password(self.postern, caller(), self.email, password)
        )
        assert told == ("" if self.password else "INVALID_EMAIL_PASSWORD")
        return multiple() if told else self.admitted(answer)

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

    def is_over(self, ticket: Ticket, *, to_enrol: bool = False) -> bool:
        """Return whether a ticket is good for nothing, or not for this."""
        # A ticket outlives the policy under which it was issued.
        return (
            ticket.enrols is not to_enrol
            or self.has_factor is to_enrol
            or ticket.attempts == 0
            or ticket.expires_at <= self.clock()
        )

    def taken(self, ticket: Ticket) -> str:
        """Return why a ticket is refused before its code is checked; otherwise take an attempt."""
        if self.is_over(ticket):
            return "INVALID_TICKET"
        ticket.attempts -= 1
        return ""

    @rule(ticket=tickets)
    def enrol_with_a_ticket(self, ticket: Ticket) -> None:
        told, answer = self.ask(
            required_enrolment.enrol_mfa_totp(self.postern, caller(), ticket.token)
        )
        assert told == ("INVALID_TICKET" if self.is_over(ticket, to_enrol=True) else "")
        if not told:
            self.note_secret(ticket, answer.totp_secret)

    def note_secret(self, begun_by: object, secret: str) -> None:
        stale = self.secret is None or self.clock() >= self.enrolled_at + ENROLMENT_LIFE
        if stale or self.begun_by is not begun_by:
            assert secret != self.secret, "nobody learns what another one has begun"
            self.secret, self.enrolled_at, self.begun_by = secret, self.clock(), begun_by
        assert secret == self.secret

    def is_pending(self, begun_by: object) -> bool:
        fresh = self.clock() < self.enrolled_at + ENROLMENT_LIFE
        return self.secret is not None and self.begun_by is begun_by and fresh

    @rule(target=access, ticket=tickets, offset=OFFSETS)
    def activate_with_a_ticket(self, ticket: Ticket, offset: int) -> Any:
        step, code = self.code(offset)
        expected = "INVALID_TICKET" if self.is_over(ticket, to_enrol=True) else ""
        if not expected and not self.is_pending(ticket):
            expected = "NO_TOTP_SECRET"
        elif not expected and not self.accepted(step):
            expected = "INVALID_TOTP"
            ticket.attempts -= 1
        told, answer = self.ask(
            required_enrolment.activate_mfa_totp(self.postern, caller(), ticket.token, code)
        )
        assert told == expected
        if told:
            return multiple()
        ticket.attempts, self.last_step, self.active = 0, step, True
        self.codes = list(answer.recovery_codes)
        assert len(self.codes) == 10
        return self.opened(answer.session)

    @rule(target=added, ticket=tickets)
    def add_a_passkey_with_a_ticket(self, ticket: Ticket) -> Any:
        told, options = self.ask(
            required_enrolment.enrol_mfa_passkey(self.postern, caller(), ticket.token)
        )
        assert told == ("INVALID_TICKET" if self.is_over(ticket, to_enrol=True) else "")
        if told:
            return multiple()
        authenticator = Authenticator()
        made = authenticator.create(options)
        answer = self.done(
            required_enrolment.activate_mfa_passkey(
                self.postern, caller(), ticket.token, made, None
            )
        )
        ticket.attempts = 0
        self.codes = list(answer.recovery_codes)
        assert len(self.codes) == 10
        added = Passkey(str(answer.passkey.id), authenticator, self.clock())
        self.all_passkeys.append(added)
        self.new_access.append(self.opened(answer.session))
        return added

    @rule(target=access)
    def note_access(self) -> Any:
        noted, self.new_access = self.new_access, []
        return multiple(*noted)

    @rule(target=access, ticket=tickets, offset=OFFSETS)
    def verify(self, ticket: Ticket, offset: int) -> Any:
        step, code = self.code(offset)
        expected = self.taken(ticket)
        right = not expected and self.active and self.accepted(step)
        if not expected and not right:
            expected = "INVALID_TOTP"
        attempt = tickets.redeem(self.postern, caller(), ticket.token, totp, code)
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
            tickets.redeem(self.postern, caller(), ticket.token, recovery_codes, code)
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
        self.note_secret(access.device, answer.totp_secret)

    @rule(access=access, offset=OFFSETS)
    def activate(self, access: Access, offset: int) -> None:
        step, code = self.code(offset)
        expected = self.refusal_of(access)
        if not expected and self.active:
            expected = "TOTP_ALREADY_ACTIVE"
        elif not expected and not self.is_pending(access.device):
            expected = "NO_TOTP_SECRET"
        elif not expected and not self.accepted(step):
            expected = "INVALID_TOTP"
        change = enrolment.verify_change_user_mfa(self.postern, caller(access.token), "totp", code)
        told, answer = self.ask(change)
        assert told == expected
        if not told:
            assert len(answer.recovery_codes) == (0 if self.has_factor else 10)
            self.codes = list(answer.recovery_codes) or self.codes
            self.active, self.last_step = True, step
            access.device.has_shown_factor = True
            self.reissued(access.device, answer.session)

    @precondition(lambda self: self.active)
    @rule(access=access, offset=OFFSETS, by_recovery_code=st.booleans())
    def turn_off(self, access: Access, offset: int, *, by_recovery_code: bool) -> None:
        step, code = self.code(offset)
        right = self.accepted(step)
        if by_recovery_code and self.codes:
            step, code, right = 0, self.codes[-1], True
        expected = self.refusal_of(access) or ("" if right else "INVALID_TOTP")
        if not expected and self.required and not self.has_passkeys:
            expected = "SECOND_FACTOR_REQUIRED"
        change = enrolment.verify_change_user_mfa(self.postern, caller(access.token), "", code)
        told, answer = self.ask(change)
        assert told == expected
        if not expected:
            if by_recovery_code and code in self.codes:
                self.codes.remove(code)
            self.active, self.secret = False, None
            self.forget_what_was_shown()
            self.reissued(access.device, answer.session)
            self.end_tickets()
            self.last_step = step or self.last_step

    @rule(access=access, offset=OFFSETS)
    def regenerate(self, access: Access, offset: int) -> None:
        step, code = self.code(offset)
        expected = self.refusal_of(access)
        if not expected and not self.has_factor:
            expected = "DISABLED_MFA_TOTP"
        elif not expected and self.active and not self.accepted(step):
            expected = "INVALID_TOTP"
        told, answer = self.ask(
            enrolment.regenerate_recovery_codes(self.postern, caller(access.token), code)
        )
        assert told == expected
        if not told:
            self.last_step = step if self.active else self.last_step
            self.codes = list(answer.recovery_codes)
            self.reissued(access.device, answer.session)

    @rule(target=access, access=access, offset=OFFSETS)
    def elevate(self, access: Access, offset: int) -> Any:
        step, code = self.code(offset)
        expected = self.refusal_of(access, recent=False)
        if not expected and self.has_factor and not (self.active and self.accepted(step)):
            expected = "INVALID_TOTP"
        if not expected and not self.has_factor and self.password is None:
            expected = "NO_PASSWORD"
        if not expected and self.is_asked:
            expected = "SECOND_FACTOR_REQUIRED"
        shown = (None, code) if self.has_factor else (self.password, None)
        told, answer = self.ask(elevation.elevate(self.postern, caller(access.token), *shown))
        assert told == expected
        if told:
            return multiple()
        if self.active:
            self.last_step = step
        access.device.has_shown_factor |= self.has_factor
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
        asked = not over and self.is_asked
        assert told == ("INVALID_REFRESH_TOKEN" if over or stolen or asked else "")
        if stolen or asked:
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
        wrong = self.password is not None and not right
        expected = self.refusal_of(access) or ("INVALID_PASSWORD" if wrong else "")
        if not expected and self.is_asked:
            expected = "SECOND_FACTOR_REQUIRED"
        change = password_change.change_user_password(
            self.postern, caller(access.token), current, fresh
        )
        told, answer = self.ask(change)
        assert told == expected
        if not expected:
            self.reissued(access.device, answer)
            self.password, self.new_email = fresh, None
            self.forget_pending()
            self.kill(*ENDED_BY_A_PASSWORD)
            self.end(*(device for device in self.devices if device is not access.device))
            self.end_tickets()

    @rule(target=resets)
    def ask_for_a_reset(self) -> Any:
        sent = password_reset.send_password_reset_email(self.postern, caller(), self.email)
        return self.mail(sent, MailPurpose.RESET_PASSWORD)[0]

    @rule(reset=resets, number=st.integers(0, 9), short=st.booleans())
    def reset_password(self, reset: Mailed, number: int, *, short: bool) -> None:
        fresh = "short" if short else f"password {number}"
        known = not reset.spent and reset.expires_at > self.clock()
        expected = "" if self.is_good(reset) else "INVALID_TICKET"
        if known and short:
            expected = "PASSWORD_TOO_SHORT"
        change = password_reset.reset_password(self.postern, caller(), reset.token, fresh)
        assert self.ask(change)[0] == expected
        if not expected:
            if not self.verified:
                self.remove_passkeys(*self.all_passkeys)
            self.password, self.verified, self.new_email = fresh, True, None
            self.forget_pending()
            self.end(*self.devices)
            self.end_tickets()
            self.kill(*ENDED_BY_A_PASSWORD)

    @precondition(lambda self: not self.verified)
    @rule(target=verifications)
    def ask_for_verification(self) -> Any:
        sent = verification.send_verification_email(self.postern, caller(), self.email)
        return self.mail(sent, MailPurpose.VERIFY_EMAIL)[0]

    @rule(mailed=verifications)
    def verify_email(self, mailed: Mailed) -> None:
        good = self.is_good(mailed)
        work = verification.verify_email(self.postern, caller(), mailed.token)
        assert self.ask(work)[0] == ("" if good else "INVALID_TICKET")
        if good:
            self.verified = True
            self.kill(MailPurpose.VERIFY_EMAIL)

    @rule(target=links)
    def ask_for_a_link(self) -> Any:
        sent = email_link.sign_in_passwordless_email(self.postern, caller(), self.email)
        return self.mail(sent, MailPurpose.SIGN_IN)[0]

    @rule(target=access, mailed=links)
    def sign_in_with_a_link(self, mailed: Mailed) -> Any:
        good = self.is_good(mailed)
        work = email_link.verify_sign_in_passwordless_email(self.postern, caller(), mailed.token)
        told, answer = self.ask(work)
        assert told == ("" if good else "INVALID_TICKET")
        return self.signed_in_by_mail(mailed, answer) if good else multiple()

    def signed_in_by_mail(self, mailed: Mailed, answer: Any) -> Any:
        mailed.spent = True
        if not self.verified:
            self.verified, self.password, self.new_email = True, None, None
            self.remove_passkeys(*self.all_passkeys)
            self.forget_pending()
            self.end(*self.devices)
            self.end_tickets()
        return self.admitted(answer)

    @rule(target=codes_by_mail)
    def ask_for_a_code(self) -> Any:
        self.kill(MailPurpose.SIGN_IN_CODE)
        sent = email_code.sign_in_otp_email(self.postern, caller(), self.email)
        return self.mail(sent, MailPurpose.SIGN_IN_CODE)[0]

    @rule(target=access, mailed=codes_by_mail, right=st.booleans())
    def sign_in_with_a_code(self, mailed: Mailed, *, right: bool) -> Any:
        alive = [m for m in self.mailed if m.purpose is MailPurpose.SIGN_IN_CODE]
        alive = [m for m in alive if not m.spent and m.expires_at > self.clock()]
        code = mailed.token if right else f"{(int(mailed.token) + 1) % 10**6:06}"
        good = any(m.token == code and m.tries > 0 and self.is_good(m) for m in alive)
        for each in alive:
            each.tries -= 1
        work = email_code.verify_sign_in_otp_email(self.postern, caller(), self.email, code)
        told, answer = self.ask(work)
        assert told == ("" if good else "INVALID_OTP")
        return self.signed_in_by_mail(alive[0], answer) if good else multiple()

    @rule(target=changes, access=access, number=st.integers(0, 2))
    def ask_for_another_address(self, access: Access, number: int) -> Any:
        address = f"{self.name}-{number}@example.com"
        expected = self.refusal_of(access)
        if not expected and address == self.email:
            expected = "INVALID_REQUEST"
        work = email_change.change_user_email(self.postern, caller(access.token), address)
        if expected:
            assert self.ask(work)[0] == expected
            return multiple()
        self.kill(MailPurpose.CHANGE_EMAIL)
        self.new_email = address
        confirm, undo = self.mail(work, MailPurpose.CHANGE_EMAIL, MailPurpose.UNDO_EMAIL_CHANGE)
        assert (confirm.address, undo.address) == (address, self.email)
        self.new_undoings.append(undo)
        return confirm

    @rule(mailed=changes)
    def confirm_another_address(self, mailed: Mailed) -> None:
        work = email_change.verify_change_user_email(self.postern, caller(), mailed.token)
        if not self.is_good(mailed):
            assert self.ask(work)[0] == "INVALID_TICKET"
            return
        (undo,) = self.mail(work, MailPurpose.UNDO_EMAIL_CHANGE)
        assert undo.address == self.email
        undo.asked_at = mailed.asked_at
        mailed.spent = True
        self.new_undoings.append(undo)
        self.email, self.verified, self.new_email = mailed.address, True, None

    @rule(target=undoings)
    def note_undoings(self) -> Any:
        noted, self.new_undoings = self.new_undoings, []
        return multiple(*noted)

    @rule(mailed=undoings)
    def undo_a_change_of_address(self, mailed: Mailed) -> None:
        good = self.is_good(mailed)
        work = email_change.undo_change_user_email(self.postern, caller(), mailed.token)
        assert self.ask(work)[0] == ("" if good else "INVALID_TICKET")
        if not good:
            return
        self.email, self.verified, self.new_email = mailed.address, True, None
        self.password = None
        self.forget_pending()
        self.remove_passkeys(
            *(
                p
                for p in self.all_passkeys
                if p.added_at > mailed.asked_at or not mailed.of_verified
            )
        )
        for each in self.mailed:
            earlier = each.expires_at < mailed.expires_at and each.address != mailed.address
            each.spent |= each.purpose is not MailPurpose.UNDO_EMAIL_CHANGE or not earlier
        self.end(*self.devices)
        self.end_tickets()

    @rule(target=added, access=access)
    def add_a_passkey(self, access: Access) -> Any:
        expected = self.refusal_of(access)
        told, options = self.ask(passkeys.add_passkey(self.postern, caller(access.token)))
        assert told == expected
        if expected:
            return multiple()
        authenticator = Authenticator()
        made = authenticator.create(options)
        add = passkeys.verify_add_passkey(self.postern, caller(access.token), made, None)
        answer = self.done(add)
        assert len(answer.recovery_codes) == (0 if self.has_factor else 10)
        self.codes = list(answer.recovery_codes) or self.codes
        added = Passkey(str(answer.passkey.id), authenticator, self.clock())
        self.all_passkeys.append(added)
        access.device.has_shown_factor = True
        self.reissued(access.device, answer.session)
        return added

    @rule(access=access, used=added)
    def remove_a_passkey(self, access: Access, used: Passkey) -> None:
        expected = self.refusal_of(access) or ("NO_PASSKEY" if used.removed else "")
        others = [each for each in self.all_passkeys if not each.removed and each is not used]
        if not expected and self.required and not self.active and not others:
            expected = "SECOND_FACTOR_REQUIRED"
        remove = passkeys.remove_passkey(self.postern, caller(access.token), used.id)
        told, answer = self.ask(remove)
        assert told == expected
        if not expected:
            self.remove_passkeys(used)
            self.reissued(access.device, answer.session)

    @rule(target=access, used=added, verified=st.booleans(), lie=st.booleans())
    def sign_in_with_a_passkey(self, used: Passkey, *, verified: bool, lie: bool) -> Any:
        options = self.done(passkey.start_sign_in_passkey(self.postern))
        lies = {"origin": "http://localhost:4000"} if lie else {}
        shown = used.authenticator.get(options, flags=UP | UV if verified else UP, **lies)
        told, answer = self.ask(passkey.verify_sign_in_passkey(self.postern, caller(), shown))
        expected = "" if verified else "PASSKEY_WITHOUT_VERIFICATION"
        assert told == ("INVALID_PASSKEY" if used.removed or lie else expected)
        return multiple() if told else self.opened(answer)

    @rule(target=access, ticket=tickets, used=added, verified=st.booleans())
    def verify_with_a_passkey(self, ticket: Ticket, used: Passkey, *, verified: bool) -> Any:
        start = passkey.start_sign_in_mfa_passkey(self.postern, caller(), ticket.token)
        told, options = self.ask(start)
        if self.is_over(ticket):
            assert told == "INVALID_TICKET"
            return multiple()
        assert told == ("" if self.has_passkeys else "NO_PASSKEY")
        if told:
            return multiple()
        anyone = json.dumps(json.loads(options) | {"allowCredentials": []})
        shown = used.authenticator.get(anyone, flags=UP | UV if verified else UP)
        self.taken(ticket)
        told, answer = self.ask(
            passkey.verify_sign_in_mfa_passkey(self.postern, caller(), ticket.token, shown)
        )
        assert told == ("INVALID_PASSKEY" if used.removed else "")
        if told:
            assert answer["attemptsLeft"] == ticket.attempts
            return multiple()
        ticket.attempts = 0
        return self.opened(answer)

    @rule(target=access, access=access, used=added)
    def elevate_with_a_passkey(self, access: Access, used: Passkey) -> Any:
        expected = self.refusal_of(access, recent=False)
        expected = expected or ("" if self.has_passkeys else "NO_PASSKEY")
        start = elevation.start_elevate_passkey(self.postern, caller(access.token))
        told, options = self.ask(start)
        assert told == expected
        if told:
            return multiple()
        anyone = json.dumps(json.loads(options) | {"allowCredentials": []})
        shown = used.authenticator.get(anyone)
        told, answer = self.ask(
            elevation.verify_elevate_passkey(self.postern, caller(access.token), shown)
        )
        assert told == ("INVALID_PASSKEY" if used.removed else "")
        if told:
            return multiple()
        access.device.has_shown_factor = True
        access.device.authenticated_at = self.clock()
        return self.reissued(access.device, answer)

    @invariant()
    def the_database_agrees(self) -> None:
        if not hasattr(self, "user_id"):
            return
        user = self.world.run(User.get(id=self.user_id))
        assert (user.email, user.email_verified) == (self.email, self.verified)
        assert user.new_email == self.new_email
        assert user.has_password is (self.password is not None)
        assert (user.active_mfa_type == "totp") is self.active
        assert user.has_passkeys is self.has_passkeys
        assert user.has_second_factor is self.has_factor
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
