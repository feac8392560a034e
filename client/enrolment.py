"""Enrolling a device's own key with a one-time code: the message `POST /enrol` takes.

A JSON object: `code`, `algorithm`, `publicKey` (a JWK of RFC 7517 and RFC 8037, or base64 of
SubjectPublicKeyInfo), `proof` (base64 of a signature over `proof_text`). docs/keys.md has it as
a browser's script writes it.
"""

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from client.algorithm import Algorithm, PublicKey
from client.keys import SigningKey
from client.structured import parse_base64

PATH = "/enrol"
PREFIX = "xinqiao enrolment v1"


def proof_text(origin: str, code: str, algorithm: str, public: bytes) -> bytes:
    """Give what the new key signs: prefix, node's origin, code as sent, algorithm, key digest."""
    lines = (PREFIX, origin, code, str(algorithm), sha256(public).hexdigest())
    return "".join([f"{line}\n" for line in lines]).encode()


def enrolment_body(origin: str, code: str, key: SigningKey) -> bytes:
    """Write the message that enrols a key at the node of this origin."""
    spki = _spki(key.public_key)
    proof = key.sign(proof_text(origin, code, key.algorithm, key.public))
    message = {
        "code": code,
        "algorithm": str(key.algorithm),
        "publicKey": b64encode(spki).decode(),
        "proof": b64encode(proof).decode(),
    }
    return json.dumps(message).encode()


def read_public_key(value: object) -> PublicKey:
    """Read a public key as JWK or base64 SubjectPublicKeyInfo; ValueError when it is neither."""
    if isinstance(value, str):
        return _of_spki(parse_base64(value))
    if isinstance(value, Mapping):
        return _of_jwk(value)
    raise ValueError("a public key is a JWK or base64 SubjectPublicKeyInfo")


def _of_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            x, y = _coordinate(jwk.get("x")), _coordinate(jwk.get("y"))
            return PublicKey(Algorithm.ECDSA_P256_SHA256, b"\x04" + x + y)
        case "OKP", "Ed25519":
            return PublicKey(Algorithm.ED25519, _coordinate(jwk.get("x")))
        case _:
            raise ValueError("a JWK of another kind")


def _coordinate(text: object) -> bytes:
    if not isinstance(text, str) or len(text) != 43:
        raise ValueError("a coordinate has 32 bytes")
    return urlsafe_b64decode(text + "=")


def _of_spki(der: bytes) -> PublicKey:
    try:
        key = load_der_public_key(der)
    except Exception as error:
        raise ValueError("not a SubjectPublicKeyInfo") from error
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(Algorithm.ED25519, key.public_bytes_raw())
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return PublicKey(Algorithm.ECDSA_P256_SHA256, point)
    raise ValueError("a public key of another kind")


def _spki(public: PublicKey) -> bytes:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.algorithm is Algorithm.ED25519:
        return Ed25519PublicKey.from_public_bytes(public.public).public_bytes(*form)
    if public.algorithm is Algorithm.ECDSA_P256_SHA256:
        point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public.public)
        return point.public_bytes(*form)
    raise ValueError("an SM2 key is enrolled by the operator")
