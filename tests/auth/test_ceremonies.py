"""WebAuthn ceremonies: published vectors, and answers that prove nothing."""

import contextlib
import json
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from auth.factors import ceremonies, cose_keys, plain_cbor
from auth.factors.ceremonies import Answer, CeremonyError, Known, Person, Shown
from config import Settings
from tests.passkey_device import BE, BS, UP, UV, Device, cose_key

# WebAuthn Level 3, section 16.1: the RP ID and the origin of all vectors.
W3C = Settings(
    passkeys_enabled=True, passkeys_rp_id="example.org", passkeys_origins=("https://example.org",)
)
# Section 16.2, "ES256 Credential with No Attestation".
CHALLENGE = "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130"
CREDENTIAL_ID = "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4"
CLIENT_DATA = (
    "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a22414d4d50743455"
    "7878475453746e63647134313759447742466938767049612d7077386f4f755657345441222c226f726967696e22"
    "3a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73652c226578"
    "74726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e646564207769746820"
    "6164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a"
    "20426b5165446a646354427258426941774a544c453551227d"
)
ATTESTATION = (
    "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4"
    "735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2"
    "fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97ca9b2d23eb86"
    "ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf879717c12cc68ed7"
    "3290af2e2664796b9220"
)
USE_CHALLENGE = "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408"
USE_DATA = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000"
USE_CLIENT_DATA = (
    "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158756c"
    "5455506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e223a2268"
    "747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d"
)
SIGNATURE = (
    "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93"
    "538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87"
)
# Section 16, "ES256 Credential with Self Attestation".
SELF_CREDENTIAL_ID = "455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58c"
SELF_CLIENT_DATA = (
    "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a2265476e4374334c"
    "55745936366b336a506a796e6962506b31716e666644616966715a774c33417032392d55222c226f726967696e22"
    "3a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73652c226578"
    "74726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e646564207769746820"
    "6164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a"
    "205539685458764b453255526b4d6e625f3078594856673d3d227d"
)
SELF_ATTESTATION = (
    "a363666d74667061636b65646761747453746d74a263616c67266373696758483046022100ae045923ded832b844"
    "cae4d5fc864277c0dc114ad713e271af0f0d371bd3ac540221009077a088ed51a673951ad3ba2673d5029bab65b6"
    "4f4ea67b234321f86fcfac5d68617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd465"
    "92a5e0f01452b2e4b55d00000000df850e09db6afbdfab51697791506cfc0020455ef34e2043a87db3d4afeb39bb"
    "cb6cc32df9347c789a865ecdca129cbef58ca5010203262001215820eb151c8176b225cc651559fecf07af450fd8"
    "5802046656b34c18f6cf193843c5225820927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fe"
    "e484f2"
)
PRIME = 2**255 - 19
ED25519_D = -121665 * pow(121666, -1, PRIME) % PRIME
GENERATOR = (
    bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
    bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
)
"""Of P-256 (FIPS 186-5)."""


OURS = Settings(passkeys_enabled=True, client_url="http://localhost:3000")
JOE = Person(ceremonies.new_handle(), "joe@example.com", "Joe")
CHALLENGE_OF_OURS = bytes(range(32))


def base64url(hexadecimal: str) -> str:
    return bytes_to_base64url(bytes.fromhex(hexadecimal))


def credential(name: str, **response: str) -> str:
    said = {key: base64url(value) for key, value in response.items()}
    shown = base64url(name)
    return json.dumps({"id": shown, "rawId": shown, "type": "public-key", "response": said})


def registration() -> Answer:
    return ceremonies.parse(
        credential(CREDENTIAL_ID, clientDataJSON=CLIENT_DATA, attestationObject=ATTESTATION)
    )


def test_the_vector_of_a_registration_is_accepted() -> None:
    answer = registration()
    assert answer.challenge.hex() == CHALLENGE
    made = ceremonies.check_new(W3C, answer, answer.challenge)
    assert made.credential_id == base64url(CREDENTIAL_ID)
    assert made.shown == Shown(0, backup_eligible=True, backed_up=True, user_verified=False)


def test_the_vector_of_a_sign_in_is_accepted() -> None:
    made = ceremonies.check_new(W3C, registration(), bytes.fromhex(CHALLENGE))
    answer = ceremonies.parse(
        credential(
            CREDENTIAL_ID,
            clientDataJSON=USE_CLIENT_DATA,
            authenticatorData=USE_DATA,
            signature=SIGNATURE,
        )
    )
    assert answer.challenge.hex() == USE_CHALLENGE
    shown = ceremonies.check_use(W3C, answer, bytes.fromhex(USE_CHALLENGE), made.public_key)
    assert shown == Shown(0, backup_eligible=True, backed_up=True, user_verified=False)
    assert shown.methods == ("swk", "user")
    with pytest.raises(CeremonyError, match="challenge"):
        ceremonies.check_use(W3C, answer, bytes.fromhex(CHALLENGE), made.public_key)
    with pytest.raises(CeremonyError, match="origin"):
        ceremonies.check_use(OURS, answer, bytes.fromhex(USE_CHALLENGE), made.public_key)


def test_an_attestation_that_nobody_asked_for_is_dropped() -> None:
    answer = ceremonies.parse(
        credential(
            SELF_CREDENTIAL_ID,
            clientDataJSON=SELF_CLIENT_DATA,
            attestationObject=SELF_ATTESTATION,
        )
    )
    made = ceremonies.check_new(W3C, answer, answer.challenge)
    assert made.credential_id == base64url(SELF_CREDENTIAL_ID)
    assert made.shown.user_verified


def test_the_options_are_what_browsers_parse() -> None:
    options = json.loads(
        ceremonies.creation_options(
            OURS,
            JOE,
            CHALLENGE_OF_OURS,
            others=[Known(base64url("aa"), ["internal", "made-up"])],
            signs_in_alone=False,
        )
    )
    assert options["rp"] == {"id": "localhost", "name": "localhost"}
    assert options["user"] == {"id": JOE.handle, "name": "joe@example.com", "displayName": "Joe"}
    assert base64url_to_bytes(options["challenge"]) == CHALLENGE_OF_OURS
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert options["timeout"] == 300_000
    assert options["attestation"] == "none"
    (known,) = options["excludeCredentials"]
    assert known == {"id": base64url("aa"), "type": "public-key", "transports": ["internal"]}
    selection = options["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("preferred",) * 2
    options = json.loads(
        ceremonies.request_options(OURS, CHALLENGE_OF_OURS, verification="required")
    )
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    assert options["allowCredentials"] == []


def made_by(device: Device, **lies: Any) -> ceremonies.NewPasskey:
    options = ceremonies.creation_options(OURS, JOE, CHALLENGE_OF_OURS, signs_in_alone=False)
    answer = ceremonies.parse(device.create(options, **lies))
    return ceremonies.check_new(OURS, answer, CHALLENGE_OF_OURS)


@pytest.mark.parametrize(
    "key",
    [
        cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)}),  # ES384
        cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32}),  # not on the curve
        cbor2.dumps({1: 3, 3: -65535, -1: bytes(256), -2: b"\1\0\1"}),  # RSA with SHA-1
        cose_key(rsa.generate_private_key(65537, 1024)),
        cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 1024, -2: b"\1\0\1"}),  # 8192 bits
        cbor2.dumps({1: 3, 3: -257, -1: b"\0" + b"\xff" * 256, -2: b"\1\0\1"}),  # a leading zero
        cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 255 + b"\xfe", -2: b"\1\0\1"}),  # even
        cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\1"}),  # e = 1
        cbor2.dumps({1: 2, 3: -257, -1: 1, -2: GENERATOR[0], -3: GENERATOR[1]}),  # of RSA
        cbor2.dumps({1: 2, 3: -7.0, -1: 1, -2: GENERATOR[0], -3: GENERATOR[1]}),
        cbor2.dumps({1: 2, 3: -7, -1: 1.0, -2: GENERATOR[0], -3: GENERATOR[1]}),
        cbor2.dumps({1: 2, 3: -7, -1: 1, -2: GENERATOR[0], -3: GENERATOR[1], 9: "more"}),
        cbor2.dumps({}),
        b"",
    ],
)
def test_a_key_of_another_algorithm_or_size_is_refused(key: bytes) -> None:
    with pytest.raises(CeremonyError):
        made_by(Device(), public_key=key or b"\xff")


def doubled(point: tuple[int, int]) -> tuple[int, int]:
    """Double a point of Ed25519 (RFC 8032, section 5.1.4, in affine coordinates)."""
    x, y = point
    product = ED25519_D * x * x * y * y
    over = pow(1 + product, -1, PRIME), pow(1 - product, -1, PRIME)
    return 2 * x * y * over[0] % PRIME, (y * y + x * x) * over[1] % PRIME


def x_of(y: int) -> int:
    """Return an x of the point of Ed25519 with this y."""
    square = (y * y - 1) * pow(ED25519_D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    return x if (x * x - square) % PRIME == 0 else x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME


@pytest.mark.parametrize("y", sorted(cose_keys._SMALL_ORDER))
def test_the_points_of_small_order_are_those_that_doubling_makes_nothing(y: int) -> None:
    point = (x_of(y), y)
    for _ in range(3):
        point = doubled(point)
    assert point == (0, 1)


@pytest.mark.parametrize("y", [*sorted(cose_keys._SMALL_ORDER), PRIME, PRIME + 1, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_key_that_anybody_can_sign_for_is_refused(y: int, sign: int) -> None:
    point = (y | sign).to_bytes(32, "little")
    with pytest.raises(CeremonyError, match="anybody"):
        made_by(Device("EdDSA"), public_key=cbor2.dumps({1: 1, 3: -8, -1: 6, -2: point}))


def test_es256_takes_one_curve() -> None:
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    x, y = numbers.x.to_bytes(48, "big"), numbers.y.to_bytes(48, "big")
    with pytest.raises(CeremonyError):
        made_by(Device(), public_key=cbor2.dumps({1: 2, 3: -7, -1: 2, -2: x, -3: y}))


def test_a_credential_id_that_is_too_long_is_refused() -> None:
    assert made_by(Device(), credential_id=bytes(1023))
    with pytest.raises(CeremonyError):
        made_by(Device(), credential_id=bytes(1024))


@pytest.mark.parametrize(
    ("flags", "methods"),
    [(UP, ("hwk", "user")), (UP | UV | BE, ("swk", "user")), (UP | BE | BS, ("swk", "user"))],
)
def test_a_key_that_can_be_copied_is_not_bound_to_hardware(
    flags: int, methods: tuple[str, ...]
) -> None:
    assert made_by(Device(flags=flags)).shown.methods == methods


@given(
    where=st.sampled_from(["authenticatorData", "clientDataJSON", "signature"]),
    place=st.integers(0, 1000),
    change=st.integers(1, 255),
)
def test_no_byte_of_an_answer_can_be_changed(where: str, place: int, change: int) -> None:
    device = Device()
    made = made_by(device)
    options = ceremonies.request_options(OURS, CHALLENGE_OF_OURS, verification="required")
    answered = json.loads(device.get(options))
    raw = bytearray(base64url_to_bytes(answered["response"][where]))
    raw[place % len(raw)] ^= change
    answered["response"][where] = bytes_to_base64url(bytes(raw))
    with pytest.raises(CeremonyError):
        used(answered, made.public_key)


def used(answered: Any, public_key: bytes) -> Shown:
    answer = ceremonies.parse(json.dumps(answered))
    return ceremonies.check_use(OURS, answer, CHALLENGE_OF_OURS, public_key)


def made_with(attestation: bytes) -> ceremonies.NewPasskey:
    answer = ceremonies.parse(
        credential(CREDENTIAL_ID, clientDataJSON=CLIENT_DATA, attestationObject=attestation.hex())
    )
    return ceremonies.check_new(W3C, answer, answer.challenge)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(response=JSON, rest=st.dictionaries(st.sampled_from(["id", "rawId", "type"]), JSON))
def test_nothing_that_a_client_sends_is_an_error_of_ours(response: Any, rest: Any) -> None:
    client_data = bytes_to_base64url(json.dumps(rest).encode())
    for each in (response, {"clientDataJSON": client_data}, {"clientDataJSON": response}):
        with pytest.raises(CeremonyError):
            ceremonies.parse(json.dumps(rest | {"response": each}))


@given(attestation=st.binary(max_size=200) | st.builds(cbor2.dumps, JSON))
def test_no_attestation_object_is_an_error_of_ours(attestation: bytes) -> None:
    with pytest.raises(CeremonyError):
        made_with(attestation)


@pytest.mark.parametrize("nested", [b"\x81" * 50_000, b"\xa1\x01" * 25_000, b"\xd8\x18" * 20_000])
def test_deep_cbor_is_refused(nested: bytes) -> None:
    with pytest.raises(CeremonyError):
        made_with(nested)


def shared(levels: int) -> bytes:
    """Return arrays that hold the one before twice, by reference: few bytes for very many."""
    item = b"\xd8\x1c\x81\x00"
    for number in range(levels):
        item = b"\xd8\x1c\x82" + item + b"\xd8\x1d" + bytes([number])
    return item


BOMBS = [shared(24), b"\xd9\x01\x00\x82\x4a0123456789\xd8\x19\x00", b"\x9f\xff", b"\xc1\x00"]
ODD_KEYS = [b"\xa1\x80\x00", b"\xa1\xa0\x00", b"\xa1\x41a\x00", b"\xa1\xf9\x3c\x00\x00"]
"""CBOR with tags or without lengths, which no authenticator sends."""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_few_bytes_do_not_stand_for_gigabytes(bomb: bytes) -> None:
    device = Device()
    made = made_by(device)
    options = ceremonies.request_options(OURS, CHALLENGE_OF_OURS, verification="required")
    answered = json.loads(device.get(options, flags=UP | UV | 0x80))
    data = base64url_to_bytes(answered["response"]["authenticatorData"]) + bomb
    answered["response"]["authenticatorData"] = bytes_to_base64url(data)
    with pytest.raises(CeremonyError, match="tag"):
        used(answered, made.public_key)
    with pytest.raises(CeremonyError):
        made_by(device, public_key=bomb)
    with pytest.raises(CeremonyError):
        made_with(bomb)


@pytest.mark.parametrize("odd", ODD_KEYS)
def test_the_keys_of_a_map_are_numbers_or_texts(odd: bytes) -> None:
    """Others could be made to collide in Python's hash tables."""
    with pytest.raises(plain_cbor.NotPlainError, match="key"):
        plain_cbor.end_of_item(odd)


def test_an_answer_brings_no_second_key() -> None:
    device = Device()
    made = made_by(device)
    options = ceremonies.request_options(OURS, CHALLENGE_OF_OURS, verification="required")
    with pytest.raises(CeremonyError, match="flag"):
        used(json.loads(device.get(options, flags=UP | UV | 0x40)), made.public_key)


@pytest.mark.parametrize("wrong", [5, True, [[1]], [{}], "usb", {"usb": 1}])
def test_transports_are_names_or_nothing(wrong: Any) -> None:
    options = ceremonies.creation_options(OURS, JOE, CHALLENGE_OF_OURS, signs_in_alone=False)
    answered = json.loads(Device().create(options))
    answered["response"]["transports"] = wrong
    answer = ceremonies.parse(json.dumps(answered))
    try:
        made = ceremonies.check_new(OURS, answer, CHALLENGE_OF_OURS)
    except CeremonyError:
        return
    assert set(made.transports) <= {"usb"}


@given(st.binary(max_size=100))
def test_what_is_plain_is_decoded(data: bytes) -> None:
    try:
        end = plain_cbor.end_of_item(data)
    except plain_cbor.NotPlainError:
        return
    assert 0 < end <= len(data)
    with contextlib.suppress(cbor2.CBORDecodeError, UnicodeDecodeError, TypeError):
        assert len(cbor2.dumps(cbor2.loads(data[:end]))) <= 9 * end


NESTED_TWICE = st.lists(st.lists(st.integers(-(2**63), 2**63) | st.binary() | st.text()))


@given(NESTED_TWICE)
def test_one_plain_item_ends_where_it_ends(value: Any) -> None:
    encoded = cbor2.dumps(value)
    assert plain_cbor.end_of_item(encoded + b"more") == len(encoded)
