"""Looking for the proof that a partner's log forked, where its own message does not hold it.

A consistency proof from a size that is a power of two does not name the root of that size; the
log's public tiles do.
"""

from __future__ import annotations

import httpx

from client.errors import ClientError
from security.tlog.checkpoint import Checkpoint
from security.tlog.merkle import root_hash
from security.tlog.tile import WIDTH, Tile, hashes_at, split_hashes
from security.witness.fork import ForkProof, prove_fork
from security.witness.witness import Contradiction
from sync.line import LineError, hear

TIMEOUT = 5.0
"""Seconds for a tile."""
MAX_TILE = 32 * WIDTH
"""Bytes of a whole tile."""


async def pursue(
    http: httpx.AsyncClient, log_url: str, contradiction: Contradiction
) -> ForkProof | None:
    """Read the hash of the first entries from the log's tiles and prove the fork with it.

    `log_url` is the log's prefix (C2SP tlog-tiles). None when nothing is proven.
    """
    try:
        first = Checkpoint.open(contradiction.cosigned, contradiction.key)
        second = Checkpoint.open(contradiction.submitted, contradiction.key)
    except ClientError:
        return None
    if not 0 < first.size < second.size or first.size & (first.size - 1):
        return None
    level, depth = divmod(first.size.bit_length() - 1, 8)
    tile = Tile(level, 0, min(WIDTH, hashes_at(level, second.size)))
    try:
        heard = await hear(http, "GET", f"{log_url}/{tile.path}", most=MAX_TILE, seconds=TIMEOUT)
        hashes = split_hashes(heard.body)
    except (LineError, ValueError):
        return None
    if heard.status != 200 or len(hashes) < 1 << depth:
        return None
    root = root_hash(hashes[: 1 << depth])
    return prove_fork(
        contradiction.key,
        contradiction.cosigned,
        contradiction.submitted,
        contradiction.proof,
        root,
    )
