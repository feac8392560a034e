"""Signed notes (C2SP signed-note): reading, verifying, and the text form of verifier keys.

Two signature types are known: plain Ed25519 (01) and timestamped cosignatures of witnesses
(04, C2SP tlog-cosignature).
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from client.errors import ClientError
from client.structured import parse_base64

ED25519 = 1
"""Signature type of a plain Ed25519 note signature."""
COSIGNATURE = 4
"""Signature type of a timestamped Ed25519 cosignature of a checkpoint."""
MAX_SIGNATURES = 64

_NAME = re.compile(r"[^\s+\x00-\x20]+")
_VKEY = re.compile(r"([^\s+\x00-\x20]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_LINE = re.compile(r"— ([^\s+\x00-\x20]+) ([A-Za-z0-9+/=]+)")


def is_name(text: str) -> bool:
    """Tell whether a text may name a key: not empty, no spaces, no plus sign."""
    return _NAME.fullmatch(text) is not None


def key_id(name: str, signature_type: int, public: bytes) -> bytes:
    """Give the four-byte key id: SHA-256(name ‖ 0A ‖ type ‖ public key)[:4]."""
    return sha256(name.encode() + b"\n" + bytes([signature_type]) + public).digest()[:4]


def cosigned_message(text: bytes, at: int) -> bytes:
    """Give what a witness signs of a checkpoint's text at a time (C2SP tlog-cosignature)."""
    return b"cosignature/v1\ntime %d\n%b" % (at, text)


def cosigned_at(signature: bytes) -> int:
    """Give the time of a cosignature, Unix seconds: its first eight bytes, big-endian."""
    return int.from_bytes(signature[:8], "big")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key that verifies notes under a name; `public` is 32 bytes of Ed25519.

    `type` is `ED25519` for a log's key, `COSIGNATURE` for a witness's.
    """

    name: str
    public: bytes
    type: int = ED25519

    @property
    def id(self) -> bytes:
        """The four-byte key id."""
        return key_id(self.name, self.type, self.public)

    @property
    def text(self) -> str:
        """The text form `name+hex(id)+base64(type ‖ public key)`."""
        encoded = b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read the text form; ClientError `VKEY_MALFORMED` unless it is exact."""
        match = _VKEY.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            encoded = parse_base64(match[3])
            if len(encoded) != 33 or encoded[0] not in (ED25519, COSIGNATURE):
                raise ValueError
            key = cls(match[1], encoded[1:], encoded[0])
            if key.id.hex() != match[2]:
                raise ValueError
        except ValueError:
            raise ClientError(
                "VKEY_MALFORMED", "Get the verifier key again from its owner: this text is no key."
            ) from None
        return key

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the signature over the text is this key's."""
        message = text
        if self.type == COSIGNATURE:
            if len(signature) != 72 or not 0 < (at := cosigned_at(signature)) < 1 << 63:
                return False
            message, signature = cosigned_message(text, at), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, four-byte key id, signature bytes."""

    name: str
    id: bytes
    signature: bytes

    def line(self) -> str:
        """Serialise as a line with its newline."""
        return f"— {self.name} {b64encode(self.id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its text (ending in a newline) and its signature lines, nothing verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Read a note; ClientError `NOTE_MALFORMED` unless it is in canonical form."""
        try:
            whole = data.decode()
            text, separator, block = whole.rpartition("\n\n")
            if not separator or not text or not block.endswith("\n"):
                raise ValueError
            if any(ord(c) < 0x20 and c != "\n" for c in whole):
                raise ValueError
            lines = block[:-1].split("\n")
            if len(lines) > MAX_SIGNATURES:
                raise ValueError
            signatures = []
            for line in lines:
                match = _LINE.fullmatch(line)
                if match is None:
                    raise ValueError
                raw = parse_base64(match[2])
                if len(raw) < 5:
                    raise ValueError
                signatures.append(NoteSignature(match[1], raw[:4], raw[4:]))
        except ValueError:
            raise ClientError(
                "NOTE_MALFORMED", "Fetch the note again: this is not a signed note."
            ) from None
        return cls(text + "\n", tuple(signatures))

    def bytes(self) -> bytes:
        """Serialise; the inverse of `parse`."""
        return (self.text + "\n" + "".join(s.line() for s in self.signatures)).encode()

    def verified_by(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Give the keys whose signatures verify.

        Unknown keys are ignored; ClientError `NOTE_SIGNATURE_INVALID` when a known key's
        signature is wrong or when no known key signed (C2SP signed-note, "Signatures").
        """
        known = {(key.name, key.id): key for key in keys}
        text, found = self.text.encode(), []
        for line in self.signatures:
            key = known.get((line.name, line.id))
            if key is None:
                continue
            if not key.verifies(text, line.signature):
                raise ClientError(
                    "NOTE_SIGNATURE_INVALID", "A known key's signature is wrong: do not use it."
                )
            found.append(key)
        if not found:
            raise ClientError(
                "NOTE_SIGNATURE_INVALID", "No known key signed this note: check the verifier keys."
            )
        return tuple(found)
