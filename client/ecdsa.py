"""ECDSA over P-256 with SHA-256, in the encodings of RFC 9421 §3.3.4."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


class EcdsaPublicKey:
    """A public key, an uncompressed point of 65 bytes; ValueError when it is not on the curve."""

    __slots__ = ("_key",)

    def __init__(self, point: bytes) -> None:
        if len(point) != 65 or point[0] != 4:
            raise ValueError("a P-256 public key is an uncompressed point of 65 bytes")
        self._key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Verify r ‖ s of 64 bytes, high s or low, or raise InvalidSignature."""
        if len(signature) != 64:
            raise InvalidSignature
        numbers = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        self._key.verify(encode_dss_signature(*numbers), data, ECDSA(SHA256()))


class EcdsaPrivateKey:
    """A P-256 private key; ValueError for another curve."""

    __slots__ = ("_key",)

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, SECP256R1):
            raise ValueError("not a P-256 key")
        self._key = key

    @classmethod
    def generate(cls) -> "EcdsaPrivateKey":
        """Make a new key."""
        return cls(generate_private_key(SECP256R1()))

    def pem(self) -> bytes:
        """Write PEM PKCS #8."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def point(self) -> bytes:
        """The public key, an uncompressed point of 65 bytes."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, data: bytes) -> bytes:
        """Sign; gives r ‖ s of 64 bytes."""
        r, s = decode_dss_signature(self._key.sign(data, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
