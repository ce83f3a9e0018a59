"""What is stored: one Tortoise model per file, and the migrations that create the tables."""

from models.figure import EventCount, Figures
from models.mail import Mail
from models.mail_ticket import MailTicket
from models.mfa_ticket import MfaTicket
from models.passkey import Passkey
from models.passkey_challenge import PasskeyChallenge
from models.recovery_code import RecoveryCode
from models.refresh_token import RefreshToken
from models.security_event import SecurityEvent
from models.setting_change import SettingChange, SettingsVersion
from models.throttle import Throttle
from models.trusted_device import TrustedDevice
from models.user import User
from models.user_session import UserSession

__all__ = [
    "EventCount",
    "Figures",
    "Mail",
    "MailTicket",
    "MfaTicket",
    "Passkey",
    "PasskeyChallenge",
    "RecoveryCode",
    "RefreshToken",
    "SecurityEvent",
    "SettingChange",
    "SettingsVersion",
    "Throttle",
    "TrustedDevice",
    "User",
    "UserSession",
]
