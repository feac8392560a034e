"""Ed25519 by libsodium, in half the time that OpenSSL takes.

What this accepts OpenSSL accepts too: libsodium also demands that the signature's first half is
the very encoding that the equation gives (RFC 8032 §5.1.7 without the cofactor), and refuses
keys of small order and keys that are not canonical besides.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign, crypto_sign_open
from nacl.exceptions import BadSignatureError

_SIGNATURE = 64
_PUBLIC = 32


class Ed25519PublicKey:
    """A public key of 32 bytes; ValueError for another length."""

    __slots__ = ("_public",)

    def __init__(self, public: bytes) -> None:
        if len(public) != _PUBLIC:
            raise ValueError("an Ed25519 public key is of 32 bytes")
        self._public = bytes(public)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Verify 64 bytes, or raise InvalidSignature."""
        if len(signature) != _SIGNATURE:
            raise InvalidSignature
        try:
            crypto_sign_open(signature + data, self._public)
        except BadSignatureError:
            raise InvalidSignature from None


def is_sound(public: bytes) -> bool:
    """Whether bytes are a public key whose signatures prove anything: a point of the large group,
    in its one encoding (RFC 8032 §5.1.3). Of a point of small order everybody could sign."""
    return len(public) == _PUBLIC and crypto_core_ed25519_is_valid_point(public)


class Ed25519Signer:
    """Signs with a private key; the signatures are those that `private.sign` gives."""

    __slots__ = ("_secret",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._secret = private.private_bytes_raw() + private.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Sign, in 64 bytes."""
        return crypto_sign(data, self._secret)[:_SIGNATURE]
