"""The kinds of second factors."""

from enum import Enum

MULTI_FACTOR = "mfa"
"""The `amr` value of every second factor (RFC 8176)."""


class FactorType(Enum):
    """What a user may have to sign in with after the first factor; the value describes it."""

    TOTP = "An authenticator app: ask for its six digits and call `verifySignInMfaTotp`."
    PASSKEY = (
        "A passkey: call `startSignInMfaPasskey`, then the browser, then `verifySignInMfaPasskey`."
    )
    RECOVERY_CODE = (
        "A set of recovery codes: ask for one and call `verifySignInMfaRecoveryCode`. Offer it "
        "where the user has lost the other factors."
    )
