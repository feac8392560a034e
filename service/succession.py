"""A log of a node ended and succeeded, because its files are lost or an older state came back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from security.errors import LogError
from security.keys import KeyFolder
from security.sealer import Sealer
from security.succession import open_successor
from service.database import database
from service.demo import is_demo
from service.enrolment import EnrolmentError, establish, log_origin, own_keys, succession
from service.home import NodeHome
from service.partnership import publish_own
from service.settings import load_settings

LOGS = ("access", "audit")


@dataclass(frozen=True, slots=True)
class Succession:
    """A log that ended and the one that goes on in its place."""

    ended: str
    successor: str
    reason: str


async def succeed(root: Path, node: str, log: str, *, whole: bool = False) -> Succession:
    """End a log whose files do not belong to its database any more, and open its successor.

    The successor's first entry names the ended log's last durable head; its key goes into the
    node's papers beside the old one's. What is left of the old files is kept as `<log>-ended-<n>`.
    With `whole` the log is ended though nothing is missing: after a restore of both database and
    files to an older state, which only witnesses and partners can tell. Raises EnrolmentError
    LOG_UNKNOWN, LOG_WHOLE; LogError LOG_BUSY while the node runs.
    """
    if log not in LOGS:
        raise EnrolmentError("LOG_UNKNOWN", "name access or audit: the feed is built again")
    establish(root)
    node_home = NodeHome(root, node)
    signer, folder = getattr(own_keys(node_home), log), node_home.log / log
    number = len(succession(node_home, log))
    successor = log_origin(node, f"{log}-{number + 1}")
    with database(load_settings(node_home), node_home) as dsn:
        connect = partial(asyncpg.connect, dsn)
        reason = await _fault(Sealer(connect, folder, signer, node=node))
        if not reason and not whole:
            raise EnrolmentError("LOG_WHOLE", "start the node: files and database agree")
        connection = await connect()
        try:
            await open_successor(connection, signer.name, successor, node)
        except LogError as error:
            # Stopped between the database and the key at an earlier try: go on from there.
            if error.code != "LOG_EXISTS":
                raise
        finally:
            await connection.close()
    if folder.exists():
        folder.rename(node_home.log / f"{log}-ended-{number}")
    KeyFolder(node_home.keys).note_signer(successor, f"{log}-{number + 1}-note")
    if is_demo(root):
        establish(root)
    else:
        publish_own(root, node)
    return Succession(signer.name, successor, reason or "WHOLE")


async def _fault(sealer: Sealer) -> str:
    """Why a log cannot be sealed any more; empty when it can."""
    try:
        if await sealer.start() is None:
            raise LogError("LOG_BUSY", "Stop the node first: it holds the log.")
    except LogError as error:
        if error.code not in ("LOG_FILES_LOST", "LOG_DIVERGED"):
            raise
        return error.code
    finally:
        await sealer.close()
    return ""
