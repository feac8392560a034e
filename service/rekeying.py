"""Keys of fields rotated at a node: begun by a command, carried through by whoever runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg

from security.directory import KIND
from security.event import append_event
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from service.enrolled import node_connection, operator
from service.enrolment import log_origin
from service.home import NodeHome
from store.rekeying import KeyUse
from store.rotation import Rotation, begin_rotation, end_former, rekey_chunk, rotations


async def rotate_fields(root: Path, node: str, use: KeyUse, *, wait: bool) -> dict[str, Any]:
    """Begin a new key for fields or for the blind index; `wait` carries it through here.

    Else the running node does, or the next that starts. Raises StoreError INTAKE_RUNNING,
    ROTATION_RUNNING.
    """
    home = NodeHome(root, node)
    async with node_connection(root, node) as connection:
        cipher = await asyncio.to_thread(FieldCipher, KeyFolder(home.keys))
        blind = use is KeyUse.BLIND
        begin, current = (
            (cipher.begin_epoch, int(cipher.epoch[1:]))
            if blind
            else (cipher.begin_data_key, cipher.number)
        )
        async with connection.transaction():
            number = await begin_rotation(connection, use, current, begin, operator())
            await _tell(connection, node, "FIELD_KEY", use=use, number=number)
        while wait and await rekey_chunk(connection, cipher):
            pass
        return next(
            as_json(one)
            for one in await rotations(connection)
            if (one.use, one.number) == (use, number)
        )


async def destroy_former(root: Path, node: str, use: KeyUse) -> list[int]:
    """Destroy the keys before the newest; gives their numbers. Raises StoreError
    INTAKE_RUNNING, KEY_STILL_USED."""
    async with node_connection(root, node) as connection:
        cipher = FieldCipher(KeyFolder(NodeHome(root, node).keys))
        async with connection.transaction():
            await end_former(connection, use)
            await _tell(connection, node, "FIELD_KEY_DESTROYED", use=use)
        return cipher.destroy_former(index=use is KeyUse.BLIND)


async def listed_rotations(root: Path, node: str) -> list[dict[str, Any]]:
    """Every rotation with its progress, newest first."""
    async with node_connection(root, node) as connection:
        return [as_json(one) for one in await rotations(connection)]


async def _tell(
    connection: asyncpg.Connection[Any], node: str, change: str, **detail: object
) -> None:
    told = {"change": change, "by": operator(), **detail}
    await append_event(connection, log_origin(node, "access"), node, KIND, told)


def as_json(one: Rotation) -> dict[str, Any]:
    """A rotation as commands show it."""
    return {
        "of": str(one.use),
        "number": one.number,
        "state": "finished" if one.finished_at else f"step {one.step + 1} of {one.steps}",
        "changed": one.changed,
        "unreadable": one.unreadable,
        "by": one.started_by,
        "startedAt": one.started_at.isoformat(timespec="seconds"),
        "finishedAt": one.finished_at.isoformat(timespec="seconds") if one.finished_at else None,
    }
