"""The node's logs for the command line: sealed up to now, exported, receipts resolved."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import asyncpg

from security.receipt import ReceiptStatus, receipt_status
from security.sealer import BATCH, Sealer
from security.tlog.verify import export_log
from service.enrolment import LOGS, EnrolmentError, establish, log_origin, own_keys
from service.home import NodeHome
from service.serve import database
from service.settings import load_settings

_WAIT = 10.0


async def export_log_of(root: Path, node: str, log: str, directory: Path) -> int:
    """Export a node's log with everything that is pending now; its size.

    Raises EnrolmentError LOG_UNKNOWN, LogError.
    """
    if log not in LOGS:
        raise EnrolmentError("LOG_UNKNOWN", "a node has these logs: access, audit, feed")
    establish(root)
    node_home = NodeHome(root, node)
    keys = own_keys(node_home)
    signer = {"access": keys.access, "audit": keys.audit, "feed": keys.feed}[log]
    with database(load_settings(node_home), node_home) as dsn:
        if log != "feed":
            await _seal(dsn, Sealer(partial(asyncpg.connect, dsn), node_home.log / log, signer))
    return export_log(node_home.log / log, directory, [signer.verifier.text]).size


async def receipt_of(root: Path, node: str, leaf: str) -> ReceiptStatus:
    """What became of a receipt of a node's access or audit log."""
    establish(root)
    node_home = NodeHome(root, node)
    try:
        wanted = bytes.fromhex(leaf)
    except ValueError:
        raise EnrolmentError("LEAF_INVALID", "a leaf hash is 64 hexadecimal digits") from None
    with database(load_settings(node_home), node_home) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            for log in ("access", "audit"):
                status = await receipt_status(
                    connection, node_home.log / log, log_origin(node, log), wanted
                )
                if status.index is not None:
                    break
            return status
        finally:
            await connection.close()


async def _seal(dsn: str, sealer: Sealer) -> None:
    """Seal what is pending: here, or by waiting for the node that holds the log."""
    if await sealer.start() is not None:
        try:
            while await sealer.seal() == BATCH:
                pass
        finally:
            await sealer.close()
        return
    connection = await asyncpg.connect(dsn)
    try:
        last = await connection.fetchval("SELECT max(id) FROM access_pending") or 0
        deadline = asyncio.get_running_loop().time() + _WAIT
        while asyncio.get_running_loop().time() < deadline:
            if not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM access_pending WHERE id <= $1 AND log = $2)",
                last,
                sealer.origin,
            ):
                return
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
