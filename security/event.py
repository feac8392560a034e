"""The node's own doings as entries of its log: what no request caused and an auditor must see.

An event is `{"v", "kind", "time", "node", "salt", "detail"}` as RFC 8785 JSON (docs/formats.md);
it has no evidence beside it, so `detail` names nobody that could be guessed.
"""

import os
import time
from collections.abc import Callable, Mapping

import orjson

from client.merkle import leaf_hash
from security.entry import MAX_SIZE, VERSION, timestamp
from security.errors import LogError
from security.pending import Connection, Pending, store


async def append_event(
    connection: Connection,
    log: str,
    node: str,
    kind: str,
    detail: Mapping[str, object],
    *,
    clock: Callable[[], float] = time.time,
) -> bytes:
    """Queue an event for the log of this origin and give its leaf.

    It is durable with the caller's transaction, so what it tells of and the event stand or fall
    together. `kind` is of the vocabulary in docs/formats.md. Raises LogError `ENTRY_TOO_LONG`
    over 4 KiB.
    """
    entry = orjson.dumps(
        {
            "v": VERSION,
            "kind": kind,
            "time": timestamp(clock()),
            "node": node,
            "salt": os.urandom(16).hex(),
            "detail": dict(detail),
        },
        option=orjson.OPT_SORT_KEYS,
    )
    if len(entry) > MAX_SIZE:
        raise LogError("ENTRY_TOO_LONG", "Name less in one event, or write several.")
    leaf = leaf_hash(entry)
    await store(connection, log, [Pending(leaf, entry)])
    return leaf
