"""The keys a client holds: its own signing key and the node's public keys."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from client.algorithm import (
    Algorithm,
    PrivateKey,
    PublicKey,
    algorithm_of,
    load_private_key,
    new_private_key,
    private_pem,
    public_bytes,
    signing,
)
from client.errors import ClientError
from client.note import VerifierKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id under which the node's registry knows it."""

    key_id: str
    private: PrivateKey
    _sign: Callable[[bytes], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sign", signing(self.private))

    @classmethod
    def generate(cls, key_id: str, algorithm: Algorithm = Algorithm.ED25519) -> Self:
        """Make a new key; ClientError `ALGORITHM_UNAVAILABLE`."""
        return cls(key_id, new_private_key(algorithm))

    @property
    def algorithm(self) -> Algorithm:
        """What the key signs with."""
        return algorithm_of(self.private)

    @property
    def public(self) -> bytes:
        """The public key: 32 bytes for Ed25519, else an uncompressed point of 65."""
        return public_bytes(self.private)

    @property
    def public_key(self) -> PublicKey:
        """The public key with its algorithm."""
        return PublicKey(self.algorithm, self.public)

    def sign(self, data: bytes) -> bytes:
        """Sign; 64 bytes with each algorithm."""
        return self._sign(data)

    @classmethod
    def load(cls, path: Path, key_id: str) -> Self:
        """Read a PEM PKCS #8 file; the algorithm follows from the key.

        Raises ClientError `CLIENT_KEY` when it holds no key of the profile,
        `ALGORITHM_UNAVAILABLE` when this machine cannot use it.
        """
        try:
            return cls(key_id, load_private_key(path.read_bytes()))
        except (OSError, ValueError):
            raise ClientError(
                "CLIENT_KEY",
                "Name a readable PEM file with an Ed25519, P-256 or SM2 private key.",
            ) from None

    def save(self, path: Path) -> None:
        """Write a new PEM PKCS #8 file that only the owner can read."""
        pem = private_pem(self.private)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """A node's public keys: those that sign answers by key id, those of its logs by origin."""

    answers: Mapping[str, PublicKey]
    logs: Mapping[str, VerifierKey]

    def verify(self, key_id: str, signature: bytes, data: bytes) -> bool:
        """Tell whether a key that signs the node's answers made this signature.

        Raises ClientError `ALGORITHM_UNAVAILABLE` when this machine cannot tell.
        """
        key = self.answers.get(key_id)
        return key is not None and key.holds(signature, data)

    def to_json(self) -> str:
        """Write as JSON: {"answers": {key id: public key}, "logs": {origin: verifier key}}."""
        answers = {key_id: public.text for key_id, public in self.answers.items()}
        logs = {origin: key.text for origin, key in self.logs.items()}
        return json.dumps({"answers": answers, "logs": logs}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; ClientError `NODE_KEYS` when it is something else."""
        try:
            document = json.loads(text)
            answers = {str(k): PublicKey.parse(v) for k, v in document["answers"].items()}
            logs = [VerifierKey.parse(text) for text in document["logs"].values()]
            return cls(answers, {key.name: key for key in logs})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ClientError("NODE_KEYS", "Get the node's keys again from its operator.") from None
