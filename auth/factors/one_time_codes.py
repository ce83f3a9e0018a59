"""Time-based one-time passwords (RFC 6238): secret, key URI, QR code, matching time step.

SHA-1, six digits and 30 seconds: the parameters that every authenticator app supports.
"""

import base64
import hmac
import io
import re
from datetime import datetime

import pyotp
import qrcode
from qrcode.image.pure import PyPNGImage

from auth.factors.typed_codes import plain

PERIOD = 30
"""Seconds in a time step (RFC 6238, section 5.2)."""
_CODE = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    """Return a new secret in Base32: 32 characters, 160 random bits (RFC 4226, section 4, R6)."""
    return pyotp.random_base32(32)


def key_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return the key URI (`otpauth://totp/…`) that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(text: str) -> str:
    """Return a PNG image of the QR code of `text`, as a data URL.

    Takes about 10 ms of processor time: keep it off the event loop.
    """
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=6, border=4)
    code.add_data(text)
    png = io.BytesIO()
    code.make_image(image_factory=PyPNGImage).save(png)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def time_step(now: datetime) -> int:
    """Return the number of the 30-second time step at `now`, counted from 1970 (RFC 6238, T)."""
    return int(now.timestamp()) // PERIOD


def looks_like_one(code: str) -> bool:
    """Return whether this has the form of a one-time code; anything else costs no attempt."""
    return _CODE.fullmatch(plain(code)) is not None


def code_at(secret: str, step: int) -> str:
    """Return the code of a time step: HOTP with the step as counter (RFC 4226, section 5.3)."""
    return pyotp.TOTP(secret).generate_otp(step)


def matching_time_step(secret: str, code: str, now: datetime, *, drift: int) -> int | None:
    """Return the time step whose code this is, or None. The code may be written as people type it.

    Checks the current step and `drift` steps either side (RFC 6238, section 5.2); each comparison
    takes constant time. The caller must spend the step: a code is good once.
    """
    digits = plain(code)
    if not _CODE.fullmatch(digits):
        return None
    current = time_step(now)
    by_distance = sorted(
        range(current - drift, current + drift + 1), key=lambda s: abs(s - current)
    )
    for step in by_distance:
        if hmac.compare_digest(code_at(secret, step), digits):
            return step
    return None
