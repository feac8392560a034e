"""The keys a client holds: its own signing key and the node's public keys."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from client.errors import ClientError
from client.note import VerifierKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id under which the node's registry knows it."""

    key_id: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The 32-byte Ed25519 public key."""
        return self.private.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Sign with Ed25519 (RFC 8032)."""
        return self.private.sign(data)

    @classmethod
    def load(cls, path: Path, key_id: str) -> Self:
        """Read a PEM PKCS #8 file; ClientError `CLIENT_KEY` when it is no Ed25519 key."""
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise ClientError("CLIENT_KEY", "Name a readable PEM file with an Ed25519 private key.")
        return cls(key_id, private)

    def save(self, path: Path) -> None:
        """Write a new PEM PKCS #8 file that only the owner can read."""
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """A node's public keys: those that sign answers by key id, those of its logs by origin."""

    answers: Mapping[str, bytes]
    logs: Mapping[str, VerifierKey]

    def verify(self, key_id: str, signature: bytes, data: bytes) -> bool:
        """Tell whether a key that signs the node's answers made this signature."""
        public = self.answers.get(key_id)
        if public is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_json(self) -> str:
        """Write as JSON: {"answers": {key id: hex}, "logs": {origin: verifier key}}."""
        answers = {key_id: public.hex() for key_id, public in self.answers.items()}
        logs = {origin: key.text for origin, key in self.logs.items()}
        return json.dumps({"answers": answers, "logs": logs}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; ClientError `NODE_KEYS` when it is something else."""
        try:
            document = json.loads(text)
            answers = {str(k): bytes.fromhex(v) for k, v in document["answers"].items()}
            logs = [VerifierKey.parse(text) for text in document["logs"].values()]
            return cls(answers, {key.name: key for key in logs})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ClientError("NODE_KEYS", "Get the node's keys again from its operator.") from None
