"""SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905), in the encodings of the profile."""

from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from client.libcrypto import PKey

USER_ID = b"1234567812345678"
"""Whom signatures name: the default of GB/T 35276 §10, since key ids are ours."""

_BEGIN, _END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"


class Sm2PublicKey:
    """A public key, an uncompressed point of 65 bytes; ValueError when it is not on the curve."""

    __slots__ = ("_key",)

    def __init__(self, point: bytes) -> None:
        if len(point) != 65 or point[0] != 4:
            raise ValueError("an SM2 public key is an uncompressed point of 65 bytes")
        self._key = PKey.from_point(point)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Verify r ‖ s of 64 bytes, or raise InvalidSignature."""
        if len(signature) != 64:
            raise InvalidSignature
        numbers = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        if not self._key.verify(encode_dss_signature(*numbers), data, USER_ID):
            raise InvalidSignature


class Sm2PrivateKey:
    """A private key that the system's libcrypto holds."""

    __slots__ = ("_key",)

    def __init__(self, key: PKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> "Sm2PrivateKey":
        """Make a new key; ClientError `ALGORITHM_UNAVAILABLE`."""
        return cls(PKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "Sm2PrivateKey":
        """Read PEM PKCS #8 without a password, such as `openssl genpkey -algorithm SM2` writes.

        Raises ValueError when it holds no SM2 key, ClientError `ALGORITHM_UNAVAILABLE`.
        """
        lines = pem.decode("ascii").split()
        text = " ".join(lines)
        if not (text.startswith(_BEGIN) and text.endswith(_END)):
            raise ValueError("not a private key in PEM")
        der = b64decode(text[len(_BEGIN) : -len(_END)].replace(" ", ""), validate=True)
        return cls(PKey.from_der(der))

    def pem(self) -> bytes:
        """Write PEM PKCS #8."""
        text = b64encode(self._key.pkcs8()).decode()
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        return "\n".join([_BEGIN, *lines, _END, ""]).encode()

    @property
    def point(self) -> bytes:
        """The public key, an uncompressed point of 65 bytes."""
        return self._key.point()

    def sign(self, data: bytes) -> bytes:
        """Sign; gives r ‖ s of 64 bytes."""
        r, s = decode_dss_signature(self._key.sign(data, USER_ID))
        return r.to_bytes(32) + s.to_bytes(32)
