"""The directory of callers and their public keys: who may sign, with what, from when to when.

The algorithm of a signature is what the registry says of the key, never what a message says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from asyncpg import Record
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from security.errors import SecurityError, SignatureError

FOREVER = float("inf")


class Algorithm(StrEnum):
    """Signature algorithms that the registry can name; this release verifies `ed25519`."""

    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    SM2_SM3 = "sm2-sm3"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a system or person enrolled under one role of the policy.

    `subject` is whom a caller of role SELF speaks for, `district` the region whose subjects'
    government data it may see (None: all), `barred` the subjects it may never ask about.
    `valid_from` and `valid_to` are Unix seconds, the end exclusive.
    """

    id: str
    name: str
    role: str
    unit_uscc: str | None = None
    region: str | None = None
    valid_from: float = 0.0
    valid_to: float = FOREVER
    subject: UUID | None = None
    district: str | None = None
    barred: frozenset[UUID] = frozenset()


PUBLIC = Caller("public", "公众", "PUB")
"""The reader without a signature."""


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A public key of a caller; times are Unix seconds, `valid_to` exclusive.

    `compromised_at` is the earliest time at which somebody else may have held the key:
    signatures of before stay evidence, later ones prove nothing.
    """

    key_id: str
    caller: Caller
    algorithm: Algorithm
    public: bytes
    valid_from: float = 0.0
    valid_to: float = FOREVER
    revoked_at: float = FOREVER
    compromised_at: float = FOREVER


@dataclass(frozen=True, slots=True)
class Registry:
    """An immutable reading of the directory; `version` grows with every change of it."""

    keys: Mapping[str, RegisteredKey]
    version: int = 0
    _verifiers: Mapping[str, Ed25519PublicKey] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, keys: Iterable[RegisteredKey], version: int = 0) -> "Registry":
        """Make a registry of these keys."""
        table = {key.key_id: key for key in keys}
        verifiers = {
            key.key_id: Ed25519PublicKey.from_public_bytes(key.public)
            for key in table.values()
            if key.algorithm is Algorithm.ED25519
        }
        return cls(MappingProxyType(table), version, MappingProxyType(verifiers))

    def usable(self, key_id: str, at: float) -> RegisteredKey:
        """Give a key that may sign at this time.

        Raises SignatureError `KEY_UNKNOWN`, `KEY_REVOKED`, `KEY_NOT_YET_VALID`, `KEY_EXPIRED`.
        """
        key = self.keys.get(key_id)
        if key is None:
            raise SignatureError(
                "KEY_UNKNOWN", "Enrol the key at this node, or sign with one that is.", key_id
            )
        caller = key.caller
        if at >= key.revoked_at or at >= key.compromised_at:
            raise SignatureError("KEY_REVOKED", "Enrol a new key: this one was revoked.", key_id)
        if at < key.valid_from or at < caller.valid_from:
            raise SignatureError(
                "KEY_NOT_YET_VALID", "Wait until the key's validity begins.", key_id
            )
        if at >= key.valid_to or at >= caller.valid_to:
            raise SignatureError(
                "KEY_EXPIRED", "Enrol a new key: the validity of this one is over.", key_id
            )
        return key

    def verify(self, key: RegisteredKey, signature: bytes, data: bytes) -> None:
        """Verify a signature; SignatureError `ALGORITHM_NOT_ALLOWED` or `SIGNATURE_INVALID`."""
        verifier = self._verifiers.get(key.key_id)
        if verifier is None:
            raise SignatureError(
                "ALGORITHM_NOT_ALLOWED",
                f"Enrol an Ed25519 key: this release does not verify {key.algorithm}.",
                key.key_id,
            )
        try:
            verifier.verify(signature, data)
        except InvalidSignature:
            raise SignatureError(
                "SIGNATURE_INVALID",
                "Sign the question exactly as it is sent, with the key that keyid names.",
                key.key_id,
            ) from None


class Connection(Protocol):
    """What the directory needs of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchval(self, query: str, *args: object) -> object: ...

    async def execute(self, query: str, *args: object) -> str: ...


async def load_registry(connection: Connection, current: Registry | None = None) -> Registry:
    """Read the directory; gives `current` back when nothing has changed since."""
    version = await connection.fetchval("SELECT version FROM key_registry_state")
    if not isinstance(version, int):
        raise SecurityError(
            "REGISTRY_UNREADABLE", "Restore the table key_registry_state: its row is gone."
        )
    if current is not None and current.version == version:
        return current
    rows = await connection.fetch(
        """
        SELECT k.key_id, k.algorithm, k.public_key, k.valid_from, k.valid_to, k.revoked_at,
               k.compromised_at, c.id, c.name, c.role, c.unit_uscc, c.region,
               c.valid_from AS caller_from, c.valid_to AS caller_to, c.subject_id, c.district,
               ARRAY(SELECT b.subject_id FROM caller_barred b WHERE b.caller_id = c.id) AS barred
          FROM key_registry k JOIN caller c ON c.id = k.caller_id
        """
    )
    return Registry.of((_registered(row) for row in rows), version)


def _registered(row: Record) -> RegisteredKey:
    caller = Caller(
        row["id"],
        row["name"],
        row["role"],
        row["unit_uscc"],
        row["region"],
        row["caller_from"].timestamp(),
        _seconds(row["caller_to"]),
        row["subject_id"],
        row["district"],
        frozenset(row["barred"]),
    )
    return RegisteredKey(
        row["key_id"],
        caller,
        Algorithm(row["algorithm"]),
        row["public_key"],
        row["valid_from"].timestamp(),
        _seconds(row["valid_to"]),
        _seconds(row["revoked_at"]),
        _seconds(row["compromised_at"]),
    )


def _seconds(moment: datetime | None) -> float:
    return FOREVER if moment is None else moment.timestamp()


def _moment(seconds: float) -> datetime | None:
    return None if seconds == FOREVER else datetime.fromtimestamp(seconds, UTC)


async def enrol_caller(connection: Connection, caller: Caller) -> None:
    """Enrol a caller, or change one that is enrolled; a subject once bound stays."""
    await connection.execute(
        """
        INSERT INTO caller AS c (id, name, role, unit_uscc, region, valid_from, valid_to,
                                 subject_id, district)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET
            (name, role, unit_uscc, region, valid_from, valid_to, subject_id, district)
            = (excluded.name, excluded.role, excluded.unit_uscc, excluded.region,
               excluded.valid_from, excluded.valid_to,
               coalesce(excluded.subject_id, c.subject_id), excluded.district)
        """,
        caller.id,
        caller.name,
        caller.role,
        caller.unit_uscc,
        caller.region,
        _moment(caller.valid_from),
        _moment(caller.valid_to),
        caller.subject,
        caller.district,
    )
    if caller.barred:
        await connection.execute(
            "INSERT INTO caller_barred (caller_id, subject_id)"
            " SELECT $1, id FROM unnest($2::uuid[]) id ON CONFLICT DO NOTHING",
            caller.id,
            list(caller.barred),
        )


async def bind_subject(connection: Connection, caller_id: str, subject: UUID) -> None:
    """Say whom an enrolled caller of role SELF speaks for."""
    await connection.execute(
        "UPDATE caller SET subject_id = $2 WHERE id = $1 AND role = 'SELF'"
        " AND subject_id IS DISTINCT FROM $2",
        caller_id,
        subject,
    )


async def enrol_key(connection: Connection, key: RegisteredKey) -> None:
    """Add a key of an enrolled caller; a key that is known stays as it is."""
    await connection.execute(
        """
        INSERT INTO key_registry (key_id, caller_id, algorithm, public_key, valid_from, valid_to)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key_id) DO NOTHING
        """,
        key.key_id,
        key.caller.id,
        str(key.algorithm),
        key.public,
        _moment(key.valid_from),
        _moment(key.valid_to),
    )


async def rotate_key(connection: Connection, key_id: str, successor: RegisteredKey) -> None:
    """Add the successor and end the old key's validity where the successor's begins."""
    await enrol_key(connection, successor)
    await connection.execute(
        "UPDATE key_registry SET valid_to = LEAST(valid_to, $2) WHERE key_id = $1",
        key_id,
        _moment(successor.valid_from),
    )


async def revoke_key(
    connection: Connection, key_id: str, at: float, compromised_at: float | None = None
) -> None:
    """Revoke a key from a time on; an earlier revocation or compromise stays."""
    await connection.execute(
        """
        UPDATE key_registry SET revoked_at = LEAST(revoked_at, $2),
                                compromised_at = LEAST(compromised_at, $3)
         WHERE key_id = $1
        """,
        key_id,
        _moment(at),
        None if compromised_at is None else _moment(compromised_at),
    )
