"""Opening a new log when the files of an old one are lost for good.

Nothing is papered over: the new log holds an entry that names the last durable head of the old
one, signed with the new log's first checkpoint. What was pending moves to the new log.
"""

import os
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson

from client.merkle import leaf_hash
from security.entry import VERSION, timestamp
from security.errors import LogError


async def open_successor(
    connection: "asyncpg.Connection[Any]",
    origin: str,
    successor: str,
    node: str,
    *,
    clock: Callable[[], float] = time.time,
) -> bytes:
    """End the log named `origin` and open `successor`; gives the leaf of the entry that says so.

    Stop the old log's sealer before, start the new one's after. Raises LogError `LOG_UNKNOWN`
    when there is no such log, `LOG_EXISTS` when the successor was opened before.
    """
    async with connection.transaction():
        old = await connection.fetchrow(
            "SELECT size, root, checkpoint FROM log_state WHERE log = $1 FOR UPDATE", origin
        )
        if old is None:
            raise LogError("LOG_UNKNOWN", "Name a log of this node.")
        if origin == successor or await connection.fetchval(
            "SELECT EXISTS (SELECT FROM log_state WHERE log = $1)"
            " OR EXISTS (SELECT FROM access_pending WHERE log = $1)",
            successor,
        ):
            raise LogError("LOG_EXISTS", "Name an origin that was never used.")
        pending = await connection.fetchval(
            "SELECT count(*) FROM access_pending WHERE log = $1", origin
        )
        entry = orjson.dumps(
            {
                "v": VERSION,
                "kind": "LOG_SUCCESSION",
                "time": timestamp(clock()),
                "node": node,
                "salt": os.urandom(16).hex(),
                "previous": {
                    "log": origin,
                    "size": old["size"],
                    "root": b64encode(old["root"]).decode(),
                    "checkpoint": old["checkpoint"],
                    "pending": pending,
                },
            },
            option=orjson.OPT_SORT_KEYS,
        )
        leaf = leaf_hash(entry)
        await connection.execute(
            "INSERT INTO access_pending (log, leaf, entry, subjects, records, coordinates)"
            " VALUES ($1, $2, $3, '', '', '')",
            successor,
            leaf,
            entry,
        )
        await connection.execute(
            "UPDATE access_pending SET log = $2 WHERE log = $1", origin, successor
        )
        await connection.execute(
            "UPDATE evidence SET log = $2 WHERE log = $1 AND leaf IN"
            " (SELECT leaf FROM access_pending WHERE log = $2)",
            origin,
            successor,
        )
    return leaf
