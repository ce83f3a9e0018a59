"""An authenticator in software, with a browser around it that can lie: for tests of passkeys."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ORIGIN = "http://localhost:3000"
UP, UV, BE, BS, AT = 1, 4, 8, 16, 64
"""Flags of authenticator data (WebAuthn Level 3, section 6.1)."""


@dataclass
class Credential:
    """A passkey with its private key."""

    id: bytes
    key: Any
    user_handle: str
    sign_count: int = 0


@dataclass
class Device:
    """Makes and uses passkeys. Keyword arguments of `create` and `get` are what it lies about."""

    algorithm: str = "ES256"
    flags: int = UP | UV
    counts: bool = False
    """Whether it has a signature counter."""
    credentials: list[Credential] = field(default_factory=list)

    def create(self, options_json: str, **lies: Any) -> str:
        """Return what `navigator.credentials.create` answers, as JSON."""
        options = json.loads(options_json)
        made = Credential(secrets.token_bytes(32), _new_key(self.algorithm), options["user"]["id"])
        self.credentials.append(made)
        made.id = lies.get("credential_id", made.id)
        public_key = lies.get("public_key") or cose_key(made.key)
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + public_key
        data = self._data(options["rp"]["id"], made, AT, lies) + attested
        attestation = {"fmt": "none", "attStmt": {}, "authData": data} | lies.get("attestation", {})
        response = {
            "clientDataJSON": _client_data("webauthn.create", options, lies),
            "attestationObject": bytes_to_base64url(cbor2.dumps(attestation)),
            "transports": ["internal", "hybrid"],
        }
        return _credential(made, response)

    def get(self, options_json: str, **lies: Any) -> str:
        """Return what `navigator.credentials.get` answers, as JSON."""
        options = json.loads(options_json)
        allowed = [each["id"] for each in options.get("allowCredentials", [])]
        mine = [c for c in self.credentials if not allowed or bytes_to_base64url(c.id) in allowed]
        used = lies.get("credential") or mine[-1]
        data = self._data(options["rpId"], used, 0, lies)
        client_data = _client_data("webauthn.get", options, lies)
        signed = data + hashlib.sha256(base64url_to_bytes(client_data)).digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(_signature(lies.get("key") or used.key, signed)),
            "userHandle": lies.get("user_handle", used.user_handle),
        }
        return _credential(used, response)

    def _data(self, rp_id: str, used: Credential, more: int, lies: dict[str, Any]) -> bytes:
        if self.counts:
            used.sign_count += 1
        flags = lies.get("flags", self.flags) | more
        count = lies.get("sign_count", used.sign_count)
        rp_id_hash = hashlib.sha256(lies.get("rp_id", rp_id).encode()).digest()
        return rp_id_hash + bytes([flags]) + int(count).to_bytes(4, "big")


def _new_key(algorithm: str) -> Any:
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def cose_key(key: Any) -> bytes:
    """Return the public key as a COSE key (RFC 9053)."""
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()})
    numbers = public.public_numbers()
    if isinstance(public, rsa.RSAPublicKey):
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        return cbor2.dumps({1: 3, 3: -257, -1: n, -2: numbers.e.to_bytes(3, "big")})
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})


def _signature(key: Any, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    signature: bytes = key.sign(data, ec.ECDSA(hashes.SHA256()))
    return signature


def _client_data(kind: str, options: dict[str, Any], lies: dict[str, Any]) -> str:
    said = {
        "type": lies.get("type", kind),
        "challenge": lies.get("challenge", options["challenge"]),
        "origin": lies.get("origin", ORIGIN),
        "crossOrigin": lies.get("cross_origin", False),
    }
    return bytes_to_base64url(json.dumps(said).encode())


def _credential(used: Credential, response: dict[str, Any]) -> str:
    name = bytes_to_base64url(used.id)
    return json.dumps(
        {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
    )
