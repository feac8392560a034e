"""Changes of who may sign: each stands in the access log, in the transaction that makes it.

The entries are of kind `KEY_CHANGE` (docs/formats.md): what changed, which key, who did it. They
hold public keys, ids and codes of organisations; never a private key, a one-time code or a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import asyncpg.pool

from client.key_change import KeyChange
from security.entry import timestamp
from security.event import append_event
from security.registry import (
    FOREVER,
    Caller,
    RegisteredKey,
    enrol_caller,
    enrol_key,
    revoke_key,
    rotate_key,
)

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
KIND = "KEY_CHANGE"


@dataclass(frozen=True, slots=True)
class Directory:
    """The directory of one node, changed by one person or process.

    `log` is the origin of the node's access log; `by` says who acts, such as `operator root`.
    """

    connection: Connection
    log: str
    node: str
    by: str

    async def enrol(self, key: RegisteredKey, device: str | None = None) -> bool:
        """Enrol a caller with a key, and tell whether the key is new; KeyEnrolledError."""
        async with self.connection.transaction():
            await self._caller(key.caller)
            new = await enrol_key(self.connection, key, device, self.by)
            if new:
                await self._record("ENROL", key, device=device)
        return new

    async def enrol_caller(self, caller: Caller) -> None:
        """Enrol a caller that has no key yet, or change what is known of one."""
        async with self.connection.transaction():
            await self._caller(caller)

    async def rotate(
        self,
        old: RegisteredKey,
        successor: RegisteredKey,
        overlap: float,
        device: str | None = None,
    ) -> None:
        """Let a key be followed by another; the old one is good for `overlap` seconds more.

        Raises KeyEnrolledError.
        """
        async with self.connection.transaction():
            await rotate_key(self.connection, old.key_id, successor, overlap, device, self.by)
            until = timestamp(successor.valid_from + overlap)
            await self._record(
                "ROTATE", successor, device=device, predecessor=old.key_id, predecessorUntil=until
            )

    async def revoke(
        self, key: RegisteredKey, at: float, compromised_at: float | None = None
    ) -> None:
        """Revoke a key from a time on, and say since when another may have held it."""
        async with self.connection.transaction():
            await revoke_key(self.connection, key.key_id, at, compromised_at, self.by)
            if compromised_at is None:
                await self._record("REVOKE", key, at=timestamp(at))
            else:
                await self._record(
                    "COMPROMISE",
                    key,
                    at=timestamp(at),
                    compromisedAt=timestamp(compromised_at),
                )

    async def record_own(self, change: KeyChange) -> None:
        """Record that the node changed a key of its own, with both signatures."""
        detail = {"change": "NODE_KEY", "by": self.by, "statement": change.to_json()}
        async with self.connection.transaction():
            await self._append(detail, change.old.key_id, change.new.key_id)

    async def _caller(self, caller: Caller) -> None:
        before = await self.connection.fetchrow(
            "SELECT role, unit_uscc, region, district, valid_to FROM caller WHERE id = $1",
            caller.id,
        )
        await enrol_caller(self.connection, caller)
        after = await self.connection.fetchrow(
            "SELECT role, unit_uscc, region, district, valid_to FROM caller WHERE id = $1",
            caller.id,
        )
        assert after is not None
        if before != after:
            told = {**_described(caller), "district": after["district"]}
            await self._append({"change": "CALLER", "by": self.by, **told})

    async def _record(self, change: str, key: RegisteredKey, **more: str | None) -> None:
        detail: Mapping[str, object] = {
            "change": change,
            "by": self.by,
            "caller": key.caller.id,
            "role": key.caller.role,
            "keyId": key.key_id,
            "algorithm": str(key.algorithm),
            "public": key.public.hex(),
            "validFrom": timestamp(key.valid_from),
            "validTo": None if key.valid_to == FOREVER else timestamp(key.valid_to),
            **more,
        }
        followed = more.get("predecessor")
        await self._append(detail, key.key_id, *([followed] if followed else []))

    async def _append(self, detail: Mapping[str, object], *key_ids: str) -> None:
        leaf = await append_event(self.connection, self.log, self.node, KIND, detail)
        for key_id in key_ids:
            await self.connection.execute(
                "INSERT INTO key_event (key_id, leaf, change) VALUES ($1, $2, $3)",
                key_id,
                leaf,
                detail["change"],
            )


def _described(caller: Caller) -> dict[str, object]:
    return {
        "caller": caller.id,
        "role": caller.role,
        "unit": caller.unit_uscc,
        "region": caller.region,
        "district": caller.district,
        "validTo": None if caller.valid_to == FOREVER else timestamp(caller.valid_to),
    }
