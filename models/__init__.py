"""What is stored: one Tortoise model a file, and the migrations that make their tables."""

from models.mfa_ticket import MfaTicket
from models.refresh_token import RefreshToken
from models.user import User

__all__ = ["MfaTicket", "RefreshToken", "User"]
