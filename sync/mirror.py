"""The mirror of a partner's feed: pulled page by page, verified, then applied with its cursor.

The cursor moves in the transaction that applies the page. So a cut cable, a kill of either side,
a page that comes twice or too early leave the same end state, and a page that does not verify
leaves no trace but a code for the operator.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from client.errors import ClientError
from security.sealer import StopSignal
from security.tlog.checkpoint import Checkpoint
from security.tlog.merkle import EMPTY_ROOT
from security.tlog.note import NoteSigner
from store.cipher import Cipher
from store.connection import Connection
from store.kind import Kinds
from sync.agreement import Agreement, latest_agreement
from sync.catalogue import lacking
from sync.compact_range import CompactRange
from sync.copy import apply_changes
from sync.errors import AgreementError, MirrorError, PartnerUnavailableError, SyncError
from sync.exchange import acknowledge
from sync.lapse import end_lapsed
from sync.narrowing import narrow_copies
from sync.page import Position, ReadPage, read_page
from sync.partner import record_failure, record_success
from sync.transport import Transport

if TYPE_CHECKING:
    import asyncpg

FEED_PATH = "/sync/feed"
ACK_PATH = "/sync/ack"
NOTE_TYPE = "text/plain; charset=utf-8"
CHECKPOINT_PATH = "/log/feed/checkpoint"
SIGNED_EVERY = 60.0
"""Seconds after which a signed pull is made even when the public checkpoint shows no news."""
LONGEST_WAIT = 60.0
"""Seconds between two tries with a partner that does not answer, at most."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the mirror is: entries verified, entries signed by the partner, changes applied
    in this round, size that was acknowledged."""

    size: int
    known_size: int
    applied: int
    acknowledged: int

    @property
    def is_complete(self) -> bool:
        """Whether everything that the partner has signed is here."""
        return self.size == self.known_size


@dataclass(frozen=True, slots=True)
class _Cursor:
    agreement: str
    position: Position
    acknowledged: int


class Mirror:
    """One partner's feed, copied into this node's store."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        transport: Transport,
        *,
        region: str,
        kinds: Kinds,
        cipher: Cipher,
        signer: NoteSigner,
        today: Callable[[], date],
        page: int = 256,
    ) -> None:
        """`region` is the partner's; `signer` signs acknowledgements; `page` is 1–1024 entries."""
        self._pool = pool
        self._transport = transport
        self._region = region
        self._kinds = kinds
        self._cipher = cipher
        self._signer = signer
        self._today = today
        self._page = page
        self._held_to: tuple[str, bool] | None = None  # the agreement that copies were held to

    async def pull_once(self) -> Progress:
        """Pull until the partner's checkpoint is reached, and acknowledge.

        Each page is durable on its own, so the next call goes on where this one was cut.
        Raises SyncError: PartnerUnavailableError, MirrorError (`FEED_…`), AgreementError; the
        code is kept for the warnings that readers get.
        """
        try:
            progress = await self._pull()
        except SyncError as error:
            evidence = error.evidence if isinstance(error, MirrorError) else b""
            await record_failure(self._pool, self._region, error.code, error.message, evidence)
            raise
        await record_success(self._pool, self._region)
        return progress

    async def run(self, interval: float, stop: StopSignal) -> None:
        """Pull every `interval` seconds until stopped; wait longer while the partner fails."""
        failures, pulled = 0, float("-inf")
        while not stop.is_set():
            try:
                if time.monotonic() - pulled > SIGNED_EVERY or await self._has_news():
                    await self.pull_once()
                    pulled = time.monotonic()
                failures = 0
            except SyncError:
                failures += 1
            wait = min(LONGEST_WAIT, interval * 2 ** min(failures, 10))
            with contextlib.suppress(TimeoutError):
                jitter = 1 + random.uniform(-0.1, 0.1) if failures else 1.0
                await asyncio.wait_for(stop.wait(), wait * jitter)

    async def _has_news(self) -> bool:
        """Whether the partner's public checkpoint is not the one that is mirrored.

        Looking there spares both cities a log entry for every pull that would find nothing.
        """
        agreement = await self._agreement()
        cursor = await self._cursor(agreement)
        try:
            note = await self._transport.look(CHECKPOINT_PATH)
            head = Checkpoint.open(note, agreement.party(self._region).keys.feed)
        except (PartnerUnavailableError, ClientError):
            return True
        tree = cursor.position.tree
        return (head.size, head.root, head.size, agreement.id) != (
            tree.size,
            tree.root,
            cursor.acknowledged,
            cursor.agreement,
        )

    async def apply(self, body: bytes) -> Progress:
        """Verify one page by whatever road it came, and apply it; MirrorError when refused."""
        agreement = await self._agreement()
        cursor = await self._cursor(agreement)
        return await self._apply(body, agreement, cursor)

    async def _hold_to(self, agreement: Agreement) -> None:
        """Let no copy stand, nor field of one, that the agreement does not share, before the
        partner is asked."""
        held_to = (agreement.id, agreement.in_force(self._today()))
        if held_to != self._held_to:
            feed = self._feed(agreement)
            await end_lapsed(self._pool, self._region, feed, agreement, self._today())
            await narrow_copies(self._pool, self._region, agreement, self._kinds)
            self._held_to = held_to

    async def _pull(self) -> Progress:
        agreement = await self._agreement()
        await self._hold_to(agreement)
        applied = 0
        while True:
            cursor = await self._cursor(agreement)
            position = cursor.position
            body = await self._transport.get(
                f"{FEED_PATH}?from={position.tree.size}&limit={self._page}"
                f"&known={position.known_size}"
            )
            progress = await self._apply(body, agreement, cursor)
            applied += progress.applied
            if progress.is_complete:
                break
        acknowledged = await self._acknowledge(agreement)
        return Progress(progress.size, progress.known_size, applied, acknowledged)

    async def _agreement(self) -> Agreement:
        agreement = await latest_agreement(self._pool, self._region, self._today())
        if agreement is None:
            raise AgreementError(
                "AGREEMENT_MISSING", "Record the signed agreement with this partner first."
            )
        # Of what an earlier release let in without its key fields no copy can be kept.
        kept = tuple(item for item in agreement.items if not lacking(item, self._kinds))
        return replace(agreement, items=kept)

    async def _cursor(self, agreement: Agreement) -> _Cursor:
        row = await self._pool.fetchrow(
            "SELECT agreement_id, size, range_hashes, checkpoint_size, checkpoint_root,"
            " acknowledged_size FROM mirror_cursor WHERE feed = $1",
            self._feed(agreement),
        )
        if row is None:
            return _Cursor(agreement.id, Position(CompactRange(), 0, EMPTY_ROOT), 0)
        tree = CompactRange.parse(row["size"], bytes(row["range_hashes"]))
        if row["agreement_id"] != agreement.id:
            tree = CompactRange()  # another agreement shows other entries: read all of them again
        position = Position(tree, row["checkpoint_size"], bytes(row["checkpoint_root"]))
        return _Cursor(row["agreement_id"], position, row["acknowledged_size"])

    async def _apply(self, body: bytes, agreement: Agreement, cursor: _Cursor) -> Progress:
        page = read_page(
            body,
            cursor.position,
            key=agreement.party(self._region).keys.feed,
            region=self._region,
            agreement=agreement,
            today=self._today(),
        )
        feed = self._feed(agreement)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._move(connection, feed, agreement, cursor, page)
            applied = await apply_changes(
                connection,
                page.changes,
                feed=feed,
                region=self._region,
                kinds=self._kinds,
                cipher=self._cipher,
                on=self._today(),
            )
        position = page.position
        return Progress(position.tree.size, position.known_size, applied, cursor.acknowledged)

    async def _move(
        self,
        connection: Connection,
        feed: str,
        agreement: Agreement,
        cursor: _Cursor,
        page: ReadPage,
    ) -> None:
        """Move the cursor if it is still where the page was verified from, else refuse."""
        position = page.position
        await connection.execute(
            """
            INSERT INTO mirror_cursor (feed, region_id, agreement_id, size, range_hashes,
                                       checkpoint_size, checkpoint_root)
            VALUES ($1, $2, $3, 0, '', 0, $4) ON CONFLICT DO NOTHING
            """,
            feed,
            self._region,
            agreement.id,
            EMPTY_ROOT,
        )
        moved = await connection.fetchval(
            """
            UPDATE mirror_cursor
            SET agreement_id = $2, size = $3, range_hashes = $4, checkpoint = $5,
                checkpoint_size = $6, checkpoint_root = $7, updated_at = now(), shared = $11
            WHERE feed = $1 AND agreement_id = $8 AND checkpoint_size = $9
              AND (size = $10 OR agreement_id <> $2)
            RETURNING true
            """,
            feed,
            agreement.id,
            position.tree.size,
            position.tree.packed(),
            page.checkpoint,
            position.known_size,
            position.known_root,
            cursor.agreement,
            cursor.position.known_size,
            cursor.position.tree.size,
            page.shared,
        )
        if moved is None:
            raise MirrorError("FEED_OUT_OF_ORDER", "Ask again: the cursor has moved meanwhile.")

    async def _acknowledge(self, agreement: Agreement) -> int:
        cursor = await self._cursor(agreement)
        tree = cursor.position.tree
        if tree.size == cursor.acknowledged:
            return tree.size
        feed = self._feed(agreement)
        note = acknowledge(agreement, feed, tree.size, tree.root, self._signer)
        await self._transport.post(ACK_PATH, note, NOTE_TYPE)
        await self._pool.execute(
            "UPDATE mirror_cursor SET acknowledged_size = $2 WHERE feed = $1", feed, tree.size
        )
        return tree.size

    def _feed(self, agreement: Agreement) -> str:
        return agreement.party(self._region).keys.feed.name
