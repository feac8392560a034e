"""The directory of callers and their public keys: who may sign, with what, from when to when.

The algorithm of a signature is what the registry says of the key, never what a message says.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from asyncpg import Record
from cryptography.exceptions import InvalidSignature

from client.algorithm import Algorithm, Verifier, verifier
from client.errors import ClientError
from security.errors import KeyEnrolledError, SecurityError, SignatureError

__all__ = [
    "FOREVER",
    "PUBLIC",
    "SANDBOX",
    "SANDBOX_DAYS",
    "Algorithm",
    "Caller",
    "RegisteredKey",
    "Registry",
    "bind_subject",
    "enrol_caller",
    "enrol_key",
    "load_registry",
    "note_use",
    "revoke_key",
    "rotate_key",
]

FOREVER = float("inf")
SANDBOX = "sandbox-"
"""What the names of callers begin with whose keys are good at nodes of the demo world alone."""
SANDBOX_DAYS = 90
"""For how long such a key is good."""


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
    device: str | None = None  # where a person enrolled it by a code; None: a system's


@dataclass(frozen=True, slots=True)
class Registry:
    """A reading of the directory; `version` grows with every change of it.

    `used` gathers the ids of keys whose signatures held, until `note_use` writes them down.
    """

    keys: Mapping[str, RegisteredKey]
    version: int = 0
    _verifiers: Mapping[str, Verifier] = field(default_factory=dict, repr=False)
    used: set[str] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def of(
        cls, keys: Iterable[RegisteredKey], version: int = 0, used: set[str] | None = None
    ) -> "Registry":
        """Make a registry; keys that this machine cannot verify with are refused in use."""
        table = {key.key_id: key for key in keys}
        verifiers = {}
        for key in table.values():
            with contextlib.suppress(ValueError, ClientError):
                verifiers[key.key_id] = verifier(key.algorithm, key.public)
        return cls(
            MappingProxyType(table),
            version,
            MappingProxyType(verifiers),
            set() if used is None else used,
        )

    def usable(self, key_id: str, at: float) -> RegisteredKey:
        """Give a key that may sign at this time.

        Raises SignatureError `KEY_UNKNOWN`, `SANDBOX_KEY`, `KEY_REVOKED`, `KEY_NOT_YET_VALID`,
        `KEY_EXPIRED`.
        """
        key = self.keys.get(key_id)
        if key is None and key_id.startswith(SANDBOX):
            raise SignatureError(
                "SANDBOX_KEY",
                "This key is for a node of the demo world: ask that node, or enrol another here.",
            )
        if key is None:
            raise SignatureError(
                "KEY_UNKNOWN", "Enrol the key at this node, or sign with one that is."
            )
        caller = key.caller
        if at >= key.revoked_at or at >= key.compromised_at:
            raise SignatureError("KEY_REVOKED", "Enrol a new key: this one was revoked.")
        if at < key.valid_from or at < caller.valid_from:
            raise SignatureError("KEY_NOT_YET_VALID", "Wait until the key's validity begins.")
        if at >= key.valid_to or at >= caller.valid_to:
            raise SignatureError(
                "KEY_EXPIRED", "Enrol a new key: the validity of this one is over."
            )
        return key

    def verify(self, key: RegisteredKey, signature: bytes, data: bytes) -> None:
        """Verify a signature; SignatureError `ALGORITHM_NOT_ALLOWED` or `SIGNATURE_INVALID`."""
        found = self._verifiers.get(key.key_id)
        if found is None:
            raise SignatureError(
                "ALGORITHM_NOT_ALLOWED",
                f"Enrol another key: this node cannot verify {key.algorithm} with the one it has.",
            )
        try:
            found.verify(signature, data)
        except InvalidSignature:
            raise SignatureError(
                "SIGNATURE_INVALID",
                "Sign the question exactly as it is sent, with the key that keyid names.",
            ) from None
        self.used.add(key.key_id)


class Connection(Protocol):
    """What the directory needs of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchval(self, query: str, *args: object) -> object: ...

    async def execute(self, query: str, *args: object) -> str: ...


async def load_registry(
    connection: Connection, current: Registry | None = None, *, sandbox: bool = True
) -> Registry:
    """Read the directory, with the keys for the demo world or without; gives `current` back when
    nothing has changed since."""
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
               k.compromised_at, k.device, c.id, c.name, c.role, c.unit_uscc, c.region,
               c.valid_from AS caller_from, c.valid_to AS caller_to, c.subject_id, c.district,
               ARRAY(SELECT b.subject_id FROM caller_barred b WHERE b.caller_id = c.id) AS barred
          FROM key_registry k JOIN caller c ON c.id = k.caller_id
        """
    )
    used = set() if current is None else current.used
    held = (_registered(row) for row in rows if sandbox or not row["id"].startswith(SANDBOX))
    return Registry.of(held, version, used)


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
        row["device"],
    )


def _seconds(moment: datetime | None) -> float:
    return FOREVER if moment is None else moment.timestamp()


def _moment(seconds: float) -> datetime | None:
    return None if seconds == FOREVER else datetime.fromtimestamp(seconds, UTC)


async def enrol_caller(connection: Connection, caller: Caller) -> None:
    """Enrol a caller, or change one that is enrolled; a subject once bound stays, and a district
    until another is named: a second key opens no more than the first."""
    await connection.execute(
        """
        INSERT INTO caller AS c (id, name, role, unit_uscc, region, valid_from, valid_to,
                                 subject_id, district)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET
            (name, role, unit_uscc, region, valid_from, valid_to, subject_id, district)
            = (excluded.name, excluded.role, excluded.unit_uscc, excluded.region,
               excluded.valid_from, excluded.valid_to,
               coalesce(excluded.subject_id, c.subject_id),
               coalesce(excluded.district, c.district))
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


async def enrol_key(
    connection: Connection, key: RegisteredKey, device: str | None = None, by: str | None = None
) -> bool:
    """Add a key of an enrolled caller and tell whether it is new; a known one stays as it is.

    Raises KeyEnrolledError when another caller has it, or had it; the caller's transaction must
    then be undone.
    """
    done = await connection.execute(
        """
        INSERT INTO key_registry (key_id, caller_id, algorithm, public_key, valid_from, valid_to,
                                  device, enrolled_by, enrolled_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now()) ON CONFLICT (key_id) DO NOTHING
        """,
        key.key_id,
        key.caller.id,
        str(key.algorithm),
        key.public,
        _moment(key.valid_from),
        _moment(key.valid_to),
        device,
        by,
    )
    if done != "INSERT 0 1":
        return False
    # Whoever enrols at once waits for the version of the registry, and then sees the other's key.
    if await connection.fetchval(
        "SELECT EXISTS (SELECT FROM key_registry WHERE public_key = $1 AND caller_id <> $2)",
        key.public,
        key.caller.id,
    ):
        raise KeyEnrolledError
    return True


async def rotate_key(
    connection: Connection,
    key_id: str,
    successor: RegisteredKey,
    overlap: float = 0.0,
    device: str | None = None,
    by: str | None = None,
) -> None:
    """Add the successor; the old key ends `overlap` seconds after the successor's start."""
    await enrol_key(connection, successor, device, by)
    await connection.execute(
        "UPDATE key_registry SET valid_to = LEAST(valid_to, $2), successor = $3, ended_by = $4"
        " WHERE key_id = $1",
        key_id,
        _moment(successor.valid_from + overlap),
        successor.key_id,
        by,
    )


async def revoke_key(
    connection: Connection,
    key_id: str,
    at: float,
    compromised_at: float | None = None,
    by: str | None = None,
) -> None:
    """Revoke a key from a time on; an earlier revocation or compromise stays."""
    await connection.execute(
        """
        UPDATE key_registry SET revoked_at = LEAST(revoked_at, $2),
                                compromised_at = LEAST(compromised_at, $3),
                                ended_by = COALESCE($4, ended_by)
         WHERE key_id = $1
        """,
        key_id,
        _moment(at),
        None if compromised_at is None else _moment(compromised_at),
        by,
    )


async def note_use(connection: Connection, used: set[str], now: float) -> None:
    """Write down that these keys signed until now, and empty the set."""
    if not used:
        return
    key_ids = sorted(used)
    used.difference_update(key_ids)
    await connection.execute(
        "INSERT INTO key_use (key_id, last_used)"
        " SELECT key_id, $2 FROM key_registry WHERE key_id = ANY ($1::text[]) ORDER BY key_id"
        " ON CONFLICT (key_id) DO UPDATE"
        " SET last_used = GREATEST(key_use.last_used, excluded.last_used)",
        key_ids,
        _moment(now),
    )
