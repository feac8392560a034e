"""The three signature algorithms of the profile, behind one interface.

| Algorithm | Public key | Signature |
|---|---|---|
| `ed25519` | 32 bytes (RFC 8032) | 64 bytes |
| `ecdsa-p256-sha256` | uncompressed point, 65 bytes (SEC 1 §2.3.3) | r ‖ s, 64 bytes |
| `sm2-sm3` | uncompressed point, 65 bytes | r ‖ s, 64 bytes; user id 1234567812345678 |

Which one a key is for is never read from a message: a registry says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from client.ecdsa import EcdsaPrivateKey, EcdsaPublicKey
from client.ed25519 import Ed25519PublicKey, Ed25519Signer
from client.sm2 import Sm2PrivateKey, Sm2PublicKey


class Algorithm(StrEnum):
    """Signature algorithms by their names in the registry (RFC 9421 §6.2.2; sm2-sm3 is ours)."""

    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    SM2_SM3 = "sm2-sm3"


PrivateKey = Ed25519PrivateKey | EcdsaPrivateKey | Sm2PrivateKey
"""A private key in software: `sign(data)` gives the profile's encoding."""


class Verifier(Protocol):
    """A public key ready to verify."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Verify, or raise `cryptography.exceptions.InvalidSignature`."""


def verifier(algorithm: str, public: bytes) -> Verifier:
    """Make a verifier of a public key.

    Raises ValueError when the algorithm has no such key or is none of the three, ClientError
    `ALGORITHM_UNAVAILABLE` when this machine cannot verify with it.
    """
    match algorithm:
        case Algorithm.ED25519:
            return Ed25519PublicKey(public)
        case Algorithm.ECDSA_P256_SHA256:
            return EcdsaPublicKey(public)
        case Algorithm.SM2_SM3:
            return Sm2PublicKey(public)
        case _:
            raise ValueError("not a signature algorithm of the profile")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key with what it is for."""

    algorithm: Algorithm
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`; ValueError when it is none. That it is on its curve is not looked at."""
        name, colon, digits = text.rpartition(":")
        key = cls(Algorithm(name if colon else Algorithm.ED25519), bytes.fromhex(digits))
        if len(key.public) != (32 if key.algorithm is Algorithm.ED25519 else 65):
            raise ValueError("a public key of this length does not fit its algorithm")
        return key

    @property
    def text(self) -> str:
        """Hexadecimal digits of an Ed25519 key, `<algorithm>:<digits>` of others."""
        if self.algorithm is Algorithm.ED25519:
            return self.public.hex()
        return f"{self.algorithm}:{self.public.hex()}"

    def holds(self, signature: bytes, data: bytes) -> bool:
        """Tell whether this key made the signature; ClientError `ALGORITHM_UNAVAILABLE`."""
        try:
            verifier(self.algorithm, self.public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


def algorithm_of(private: PrivateKey) -> Algorithm:
    """Tell which algorithm a private key is for."""
    match private:
        case EcdsaPrivateKey():
            return Algorithm.ECDSA_P256_SHA256
        case Sm2PrivateKey():
            return Algorithm.SM2_SM3
        case _:
            return Algorithm.ED25519


def signing(private: PrivateKey) -> Callable[[bytes], bytes]:
    """Give what signs with a private key fastest."""
    return Ed25519Signer(private).sign if isinstance(private, Ed25519PrivateKey) else private.sign


def public_bytes(private: PrivateKey) -> bytes:
    """Give the public key in the encoding of the table above."""
    if isinstance(private, Ed25519PrivateKey):
        return private.public_key().public_bytes_raw()
    return private.point


def new_private_key(algorithm: Algorithm) -> PrivateKey:
    """Make a private key; ClientError `ALGORITHM_UNAVAILABLE`."""
    match algorithm:
        case Algorithm.ED25519:
            return Ed25519PrivateKey.generate()
        case Algorithm.ECDSA_P256_SHA256:
            return EcdsaPrivateKey.generate()
        case Algorithm.SM2_SM3:
            return Sm2PrivateKey.generate()


def private_pem(private: PrivateKey) -> bytes:
    """Write a private key as PEM PKCS #8 without a password."""
    if isinstance(private, Ed25519PrivateKey):
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.pem()


def load_private_key(pem: bytes) -> PrivateKey:
    """Read PEM PKCS #8 without a password; which algorithm follows from the key.

    Raises ValueError when it is none of the three, ClientError `ALGORITHM_UNAVAILABLE`.
    """
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return Sm2PrivateKey.from_pem(pem)
    if isinstance(private, Ed25519PrivateKey):
        return private
    if isinstance(private, EllipticCurvePrivateKey):
        return EcdsaPrivateKey(private)
    raise ValueError("not a key of a signature algorithm of the profile")
