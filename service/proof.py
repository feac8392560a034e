"""The node's logs for the command line: sealed up to now, exported, verified, receipts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from client.note import VerifierKey
from client.receipt import Receipt
from security.event import append_event
from security.evidence import EvidenceKeys
from security.evidence_export import export_evidence
from security.keys import KeyFolder
from security.receipt import ReceiptState, ReceiptStatus, receipt_status
from security.recomputation import opened
from security.reconciliation import Opener, Reconciliation, reconcile
from security.sealer import Sealer
from security.tlog.cosigned import cosigned_checkpoint, served_checkpoint
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.source import LiveFolder
from security.tlog.verify import Verdict, Witnessing, export_log, verify_log
from service.database import database
from service.enrolment import (
    LOGS,
    EnrolmentError,
    establish,
    former_logs,
    former_signer,
    log_origin,
    own_keys,
    succession,
)
from service.home import NodeHome
from service.settings import load_settings
from service.witnessing import witness_keys

_WAIT = 10.0
_LEAF = re.compile(r"[0-9a-fA-F]{64}")
_INDEX = "SELECT index FROM access_sealed WHERE leaf = $1 AND log = $2"


@dataclass(frozen=True, slots=True)
class OwnLog:
    """A log of a node of this machine: its files, its keys, its database when it is needed."""

    home: NodeHome
    name: str
    signer: NoteSigner
    witnesses: tuple[VerifierKey, ...]

    @classmethod
    def of(cls, root: Path, node: str, log: str) -> OwnLog:
        """The log of this name. Raises EnrolmentError LOG_UNKNOWN."""
        if log not in LOGS:
            raise EnrolmentError("LOG_UNKNOWN", "a node has these logs: access, audit, feed")
        establish(root)
        home = NodeHome(root, node)
        keys = own_keys(home)
        signer = {"access": keys.access, "audit": keys.audit, "feed": keys.feed}[log]
        return cls(home, log, signer, witness_keys(root, load_settings(home)))

    def ended(self) -> list[OwnLog]:
        """The logs that this one succeeded (`audit succeed`), the newest first."""
        return [
            replace(self, name=one.directory.name, signer=former_signer(self.home, one.origin))
            for one in reversed(former_logs(self.home, self.name))
        ]

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.home.log / self.name

    @property
    def vkeys(self) -> list[str]:
        """The keys that may have signed its checkpoints, its own first."""
        return [key.text for key in (*self.signer.verifiers, *self.witnesses)]

    def note(self, witnessed: bool) -> bytes | None:
        """Its newest signed head, or the last one that witnesses signed."""
        if not witnessed:
            return served_checkpoint(self.folder)
        note = cosigned_checkpoint(self.folder, self.signer.name)
        return None if note is None else note.bytes()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Its node's database, with all that is pending sealed."""
        with database(load_settings(self.home), self.home) as dsn:
            if self.name != "feed":
                connect = partial(asyncpg.connect, dsn)
                sealer = Sealer(connect, self.folder, self.signer, node=self.home.name)
                await _seal(dsn, sealer)
            connection = await asyncpg.connect(dsn)
            try:
                yield connection
            finally:
                await connection.close()

    async def resolved(self, entry: str) -> str:
        """The index of an entry that is named by its leaf hash, by the database's index.

        What is no leaf hash, or no row's, stays as it is; so does all of the feed.
        """
        if self.name == "feed" or _LEAF.fullmatch(entry) is None:
            return entry
        async with self.connected() as connection:
            found = await connection.fetchval(_INDEX, bytes.fromhex(entry), self.signer.name)
        return entry if found is None else str(found)

    def opener(self) -> Opener:
        """Opens the evidence of its entries with the node's monthly keys."""
        keys = EvidenceKeys(KeyFolder(self.home.keys))

        def open_one(
            leaf: bytes, month: str, wrapped: bytes, ciphertext: bytes
        ) -> tuple[bytes, bytes]:
            key = keys.entry_key(leaf, month, wrapped)
            return key, opened(key, ciphertext)

        return open_one


async def export_log_of(
    root: Path,
    node: str,
    log: str,
    directory: Path,
    *,
    evidence: bool = False,
    witnessed: bool = False,
) -> int:
    """Export a node's log with everything that is pending now; its size.

    With `evidence` the opened evidence lies beside it, which the audit log records (`UNMASK`).
    With `witnessed` the export is as of the last checkpoint that witnesses signed. Raises
    EnrolmentError LOG_UNKNOWN, LogError.
    """
    own = OwnLog.of(root, node, log)
    async with own.connected() as connection:
        checkpoint = export_log(own.folder, directory, own.vkeys, own.note(witnessed))
        if evidence:
            detail = {"log": own.signer.name, "size": checkpoint.size, "export": True}
            await append_event(connection, log_origin(node, "audit"), node, "UNMASK", detail)
            await export_evidence(
                connection, own.signer.name, checkpoint.size, directory, own.opener()
            )
    return checkpoint.size


async def verify_own(
    root: Path, node: str, log: str, witnessing: Witnessing
) -> tuple[Verdict, Reconciliation | None]:
    """Verify a node's files where they lie, then its database against them.

    The feed's rows are the mirror's to compare: of it only the files are verified.
    """
    own = OwnLog.of(root, node, log)
    async with own.connected() as connection:
        verdict = verify_log(LiveFolder(own.folder), own.signer.verifiers, witnessing)
        if log == "feed":
            return verdict, None
        reader = TileReader(own.folder)
        return verdict, await reconcile(connection, reader, own.signer, own.opener())


async def receipt_of(root: Path, node: str, text: str) -> ReceiptStatus:
    """What became of a receipt of a node's access or audit log.

    `text` is the leaf hash in hex, or the whole header `Credit-Receipt`: then an entry that is
    overdue and not there is told to be lost. Raises EnrolmentError LEAF_INVALID.
    """
    establish(root)
    node_home = NodeHome(root, node)
    promised = None
    try:
        if text.startswith("leaf="):
            promised = Receipt.parse(text)
        wanted = promised.leaf if promised else bytes.fromhex(text)
    except ValueError:
        raise EnrolmentError(
            "LEAF_INVALID", "give 64 hexadecimal digits or a whole header Credit-Receipt"
        ) from None
    with database(load_settings(node_home), node_home) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            for log in ("access", "audit"):
                *ended, origin = succession(node_home, log)
                status = await receipt_status(
                    connection, node_home.log / log, origin, wanted, ended=ended
                )
                if status.state is not ReceiptState.UNKNOWN:
                    break
        finally:
            await connection.close()
    return status if promised is None else status.overdue(promised, time.time())


async def _seal(dsn: str, sealer: Sealer) -> None:
    """Seal what is pending: here, or by waiting for the node that holds the log."""
    if await sealer.start() is not None:
        try:
            while await sealer.seal():
                pass
        finally:
            await sealer.close()
        return
    connection = await asyncpg.connect(dsn)
    try:
        last = await connection.fetchval("SELECT max(id) FROM access_batch") or 0
        deadline = asyncio.get_running_loop().time() + _WAIT
        while asyncio.get_running_loop().time() < deadline:
            if not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM access_batch"
                " WHERE id <= $1 AND log = $2 AND changed_at IS NULL)",
                last,
                sealer.origin,
            ):
                return
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
