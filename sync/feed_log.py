"""The public files of the sharing feed: tiles, bundles and the signed checkpoint.

PostgreSQL decides what stands at an index; the files follow it and can always be completed from
it. No head is signed that is not the head of the table, and none that a signed one contradicts.
After an older database was restored, leaves that were signed already are read back from the
files; their payloads are lost, and the records are offered again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.log import TileLog
from security.tlog.merkle import leaf_hash
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import WIDTH
from store.connection import Connection
from sync.compact_range import CompactRange
from sync.errors import FeedError

if TYPE_CHECKING:
    pass

_CHUNK = 4096


class FeedLog:
    """The one writer of the feed's files; the origin of the log is the signer's name."""

    def __init__(self, log: TileLog) -> None:
        self._log = log

    @classmethod
    async def open(cls, connection: Connection, directory: Path, signer: NoteSigner) -> Self:
        """Open the files, reconcile them with the table and complete them from it.

        Must be done before the feed is advanced. Raises FeedError `FEED_BUSY`, `FEED_FILES_LOST`
        or `FEED_DIVERGED`.
        """
        try:
            log = await asyncio.to_thread(TileLog.open, directory, signer)
        except LogError as error:
            raise _feed_error(error) from error
        feed = cls(log)
        try:
            await feed._import_signed(connection)
            await feed.publish(connection)
        except BaseException:
            log.close()
            raise
        return feed

    @property
    def reader(self) -> TileReader:
        """The files, for whoever serves them."""
        return self._log.reader

    def close(self) -> None:
        """Give the files to another writer."""
        self._log.close()

    async def publish(self, connection: Connection) -> Checkpoint:
        """Write what the table has beyond the files, sign the head and give it.

        Raises FeedError `FEED_DIVERGED` when files and table are not the same tree: nothing is
        signed then.
        """
        while True:
            state = await connection.fetchrow("SELECT size, range_hashes FROM feed_state")
            assert state is not None, "migration 0003 inserts the row"
            size, start = state["size"], self._log.size
            rows = await connection.fetch(
                "SELECT leaf FROM feed_leaf WHERE index >= $1 AND index < $2 ORDER BY index",
                start,
                min(size, start + _CHUNK),
            )
            if start > size or len(rows) != min(size - start, _CHUNK):
                raise _diverged()
            staged = await asyncio.to_thread(self._log.stage, [bytes(row["leaf"]) for row in rows])
            if staged.size == size:
                tree = CompactRange.parse(size, bytes(state["range_hashes"]))
                if tree.root != staged.root:
                    raise _diverged()
            if rows:
                await asyncio.to_thread(self._log.commit, staged)
            if staged.size == size:
                return Checkpoint(self._log.signer.name, self._log.size, self._log.root)

    async def _import_signed(self, connection: Connection) -> None:
        """Take leaves that were signed but are not in the table, after a restore of it."""
        async with connection.transaction():
            state = await connection.fetchrow(
                "SELECT size, range_hashes FROM feed_state FOR UPDATE"
            )
            assert state is not None, "migration 0003 inserts the row"
            tree = CompactRange.parse(state["size"], bytes(state["range_hashes"]))
            if tree.size >= self._log.size:
                return
            if self.reader.root(tree.size) != tree.root:
                raise _diverged()
            while tree.size < self._log.size:
                bundle = self.reader.entries(tree.size // WIDTH, self._log.size)
                missing = bundle[tree.size % WIDTH :]
                await connection.executemany(
                    "INSERT INTO feed_leaf (index, leaf) VALUES ($1, $2)",
                    [(tree.size + at, leaf) for at, leaf in enumerate(missing)],
                )
                tree = tree.extended([leaf_hash(leaf) for leaf in missing])
            await connection.execute(
                "UPDATE feed_state SET size = $1, range_hashes = $2, swept_on = NULL",
                tree.size,
                tree.packed(),
            )
            await connection.execute("UPDATE feed_record SET index = -1")


def _diverged() -> FeedError:
    return FeedError(
        "FEED_DIVERGED",
        "Do not sign: the feed's files and its table differ. Restore both from one backup.",
    )


def _feed_error(error: LogError) -> FeedError:
    return FeedError(error.code.replace("LOG_", "FEED_"), error.message)
