"""WebAuthn ceremonies (Level 3): the options for a browser, and what its answer proves. No I/O.

The checks of a ceremony are those of sections 7.1 and 7.2. The library makes most of them; those
that it leaves open are made here.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cbor2
import webauthn
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth.factors import cose_keys, plain_cbor
from config import Settings

LIFE = 5 * 60
"""Seconds for a ceremony: the recommended time limit (WebAuthn Level 3, section 15.1)."""
ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
"""ES256, EdDSA and RS256, which together all authenticators support."""
_CHALLENGE_BYTES, _HANDLE_BYTES = 32, 32
"""WebAuthn asks for at least 16 random bytes of a challenge (section 13.4.3), and at most 64 of a
user handle (section 14.6.1)."""
_CREDENTIAL_ID_MAX = 1023
_AUTHENTICATOR_DATA_MAX, _ATTESTATION_MAX = 4096, 16 * 1024
"""Bytes."""
_FIXED, _ATTESTED, _EXTENDED = 37, 0x40, 0x80
"""Bytes of authenticator data that are always there; flags of what follows (section 6.1)."""
_TRANSPORTS = {each.value for each in AuthenticatorTransport}


class CeremonyError(Exception):
    """The answer of a browser is malformed or proves nothing; the message says why."""


@dataclass(frozen=True)
class Known:
    """A passkey that options name: to be used, or not to be added again."""

    credential_id: str
    transports: Sequence[str]


@dataclass(frozen=True)
class Person:
    """Whom a new passkey is for, as authenticators show it."""

    handle: str
    name: str
    display_name: str


@dataclass(frozen=True)
class Answer:
    """What a browser answers, parsed and not checked yet."""

    credential: dict[str, Any] = field(repr=False)
    credential_id: str
    challenge: bytes
    user_handle: str | None
    """Base64url. Only an answer with an existing passkey has one, and not always."""


@dataclass(frozen=True)
class Shown:
    """What an authenticator has shown with an existing passkey."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool

    @property
    def methods(self) -> tuple[str, ...]:
        """The `amr` values (RFC 8176): a key that can be copied is not bound to hardware."""
        return ("swk" if self.backup_eligible else "hwk", "user")


@dataclass(frozen=True)
class NewPasskey:
    """A passkey that an authenticator has made."""

    credential_id: str
    public_key: bytes
    transports: list[str]
    shown: Shown


def new_challenge() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(_CHALLENGE_BYTES)


def new_handle() -> str:
    """Return a new user handle: 256 random bits in Base64url, which tell nothing of the user."""
    return bytes_to_base64url(secrets.token_bytes(_HANDLE_BYTES))


def creation_options(
    settings: Settings,
    person: Person,
    challenge: bytes,
    *,
    others: Sequence[Known] = (),
    signs_in_alone: bool,
) -> str:
    """Return the options, as JSON, of adding a passkey that is not one of `others`.

    With `signs_in_alone`, the authenticator has to store it and to verify the user.
    """
    prefer = "required" if signs_in_alone else "preferred"
    options = webauthn.generate_registration_options(
        rp_id=settings.relying_party,
        rp_name=settings.passkeys_rp_name or settings.relying_party,
        user_id=base64url_to_bytes(person.handle),
        user_name=person.name,
        user_display_name=person.display_name,
        challenge=challenge,
        timeout=LIFE * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement(prefer),
            user_verification=UserVerificationRequirement(prefer),
        ),
        exclude_credentials=_descriptors(others),
        supported_pub_key_algs=ALGORITHMS,
    )
    return options_to_json(options)


def request_options(
    settings: Settings, challenge: bytes, *, of: Sequence[Known] = (), verification: str
) -> str:
    """Return the options, as JSON, of using a passkey: one of these, or any that is found.

    `verification` says whether the authenticator verifies the user: `required`, `preferred` or
    `discouraged`.
    """
    options = webauthn.generate_authentication_options(
        rp_id=settings.relying_party,
        challenge=challenge,
        timeout=LIFE * 1000,
        allow_credentials=_descriptors(of),
        user_verification=UserVerificationRequirement(verification),
    )
    return options_to_json(options)


def accepted(settings: Settings, handle: str, credential_ids: Sequence[str]) -> str:
    """Return, as JSON, what a browser may tell authenticators of the user's passkeys.

    For `signalAllAcceptedCredentials` (section 5.1.10.3).
    """
    known = {"rpId": settings.relying_party, "userId": handle}
    return json.dumps(known | {"allAcceptedCredentialIds": list(credential_ids)})


def parse(credential_json: str) -> Answer:
    """Parse the JSON of a `PublicKeyCredential`. Raises CeremonyError."""
    try:
        credential = json.loads(credential_json)
        response = credential["response"]
        client_data = parse_client_data_json(base64url_to_bytes(response["clientDataJSON"]))
        handle = response.get("userHandle")
        return Answer(
            credential=credential,
            credential_id=_credential_id(credential["rawId"]),
            challenge=client_data.challenge,
            user_handle=handle.rstrip("=") if handle else None,
        )
    except CeremonyError:
        raise
    except Exception as error:  # of the library too, which raises whatever it meets
        raise CeremonyError(f"malformed: {type(error).__name__}: {error}") from None


def _credential_id(raw_id: str) -> str:
    raw = base64url_to_bytes(raw_id)
    if not 0 < len(raw) <= _CREDENTIAL_ID_MAX:
        raise CeremonyError("a credential id of no or too many bytes")
    return bytes_to_base64url(raw)


def check_new(settings: Settings, answer: Answer, challenge: bytes) -> NewPasskey:
    """Check the answer to `creation_options`. Raises CeremonyError.

    A statement about the authenticator's make (attestation), which nobody has asked for, is not
    looked at (section 8.7).
    """
    try:
        _refuse_other_frames(answer)
        verified = webauthn.verify_registration_response(
            credential=_without_attestation(answer.credential),
            expected_challenge=challenge,
            expected_rp_id=settings.relying_party,
            expected_origin=settings.ceremony_origins,
            supported_pub_key_algs=ALGORITHMS,
        )
        said = answer.credential["response"].get("transports") or []
        transports = [each for each in AuthenticatorTransport if each.value in list(said)]
    except CeremonyError:
        raise
    except Exception as error:
        raise CeremonyError(str(error) or type(error).__name__) from None
    if len(verified.credential_id) > _CREDENTIAL_ID_MAX:
        raise CeremonyError("a credential id of more than 1023 bytes")
    return NewPasskey(
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=verified.credential_public_key,
        transports=[each.value for each in transports],
        shown=_shown(verified, verified.sign_count),
    )


def check_use(settings: Settings, answer: Answer, challenge: bytes, public_key: bytes) -> Shown:
    """Check the answer to `request_options`, with the key of the passkey that it names.

    The caller still has to look at the signature counter, at whose passkey it is, and at whether
    the user was verified. Raises CeremonyError.
    """
    try:
        _refuse_other_frames(answer)
        cose_keys.refuse_unfit(public_key)
        data = base64url_to_bytes(answer.credential["response"]["authenticatorData"])
        _refuse_odd(data, attested=False)
        verified = webauthn.verify_authentication_response(
            credential=answer.credential,
            expected_challenge=challenge,
            expected_rp_id=settings.relying_party,
            expected_origin=settings.ceremony_origins,
            credential_public_key=public_key,
            credential_current_sign_count=0,
        )
    except CeremonyError:
        raise
    except Exception as error:
        raise CeremonyError(str(error) or type(error).__name__) from None
    return _shown(verified, verified.new_sign_count)


def is_credential_id(text: str) -> bool:
    """Return whether this is the id of a credential, in the one form that is stored."""
    try:
        raw = base64url_to_bytes(text)
    except ValueError:
        return False
    return 0 < len(raw) <= _CREDENTIAL_ID_MAX and bytes_to_base64url(raw) == text


def _descriptors(known: Sequence[Known]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(each.credential_id),
            transports=[AuthenticatorTransport(t) for t in each.transports if t in _TRANSPORTS],
        )
        for each in known
    ]


def _refuse_other_frames(answer: Answer) -> None:
    """Refuse a ceremony in a frame of another site (section 13.4.9)."""
    client_data = json.loads(base64url_to_bytes(answer.credential["response"]["clientDataJSON"]))
    if client_data.get("crossOrigin") or client_data.get("topOrigin"):
        raise CeremonyError("in a frame of another site")


def _without_attestation(credential: dict[str, Any]) -> dict[str, Any]:
    response = credential["response"]
    made = base64url_to_bytes(response["attestationObject"])
    if len(made) > _ATTESTATION_MAX:
        raise CeremonyError("an attestation that is too long")
    plain_cbor.refuse_more_than_one_item(made)
    data = cbor2.loads(made)["authData"]
    _refuse_odd(data, attested=True)
    bare = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
    return credential | {"response": response | {"attestationObject": bytes_to_base64url(bare)}}


def _refuse_odd(data: bytes, *, attested: bool) -> None:
    """Refuse authenticator data that is not what section 6.1 says, before the library reads it."""
    if not isinstance(data, bytes) or not _FIXED <= len(data) <= _AUTHENTICATOR_DATA_MAX:
        raise CeremonyError("authenticator data of another length")
    flags, end = data[32], _FIXED
    if bool(flags & _ATTESTED) is not attested:
        raise CeremonyError("authenticator data with another flag")
    if attested:
        end += 16  # the make of the authenticator
        end += 2 + int.from_bytes(data[end : end + 2], "big")
        key = end
        end = plain_cbor.end_of_item(data, key)
        cose_keys.refuse_unfit(data[key:end])
    if flags & _EXTENDED:
        end = plain_cbor.end_of_item(data, end)
    if end != len(data):
        raise CeremonyError("authenticator data of another length")


def _shown(verified: Any, sign_count: int) -> Shown:
    return Shown(
        sign_count=sign_count,
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )
