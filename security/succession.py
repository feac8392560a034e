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
from security.pending import Pending, store


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
            " OR EXISTS (SELECT FROM access_batch WHERE log = $1)",
            successor,
        ):
            raise LogError("LOG_EXISTS", "Name an origin that was never used.")
        pending = await connection.fetchval(
            "SELECT COALESCE(sum(octet_length(leaves)) / 32, 0)::bigint FROM access_batch"
            " WHERE log = $1",
            origin,
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
        # Before what was pending, as ids order it: the new log begins with this entry.
        await store(connection, successor, [Pending(leaf, entry)])
        await connection.execute(
            "UPDATE access_batch SET log = $2 WHERE log = $1", origin, successor
        )
        await _redirect(connection, origin, successor)
    return leaf


async def _redirect(connection: "asyncpg.Connection[Any]", origin: str, successor: str) -> None:
    """Let what is still stored for the ended log go to its successor.

    A worker or a command that has not heard of the succession must not log where nobody seals.
    """
    told = await connection.fetchrow(
        "SELECT quote_literal($1::text) AS ended, quote_literal($2::text) AS successor,"
        " (SELECT count(*) FROM pg_trigger WHERE starts_with(tgname, 'ended_')) AS before",
        origin,
        successor,
    )
    assert told is not None
    # Triggers fire in the order of their names: what was stored for the first log of a long line
    # comes to the last.
    name = f"ended_{told['before']:06}"
    await connection.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN NEW.log := {told['successor']}; RETURN NEW; END $$"
    )
    await connection.execute(
        f"CREATE TRIGGER {name} BEFORE INSERT ON access_batch FOR EACH ROW"
        f" WHEN (NEW.log = {told['ended']}) EXECUTE FUNCTION {name}()"
    )
