"""Where the exchange is reached: paths, and handlers for the service to sign and log around.

The public files of the feed are open to everybody, tell nothing of what travels, and are served
with the other logs'. What a partner asks is verified, logged and signed by the service's
pipeline; the handler here gets the partner's region and gives bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from security.tlog.note import VerifierKey
from security.tlog.reader import TileReader
from store.kind import Kinds
from sync.agreement import latest_agreement
from sync.errors import AgreementError, FeedError
from sync.exchange import FeedPage, feed_page, receive_acknowledgement
from sync.mirror import ACK_PATH, FEED_PATH
from sync.sharing import sharing_on

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True, slots=True)
class Shared:
    """An answer to a partner, and what it discloses."""

    body: bytes
    agreement: str
    subjects: bytes = b""
    records: tuple[UUID, ...] = ()
    coordinates: tuple[str, ...] = ()
    rows: int = 0
    content_type: str = "application/json"


class Exchange:
    """What this node answers to its partners."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        files: TileReader,
        feed: VerifierKey,
        kinds: Kinds,
        today: Callable[[], date],
        *,
        region: str,
    ) -> None:
        """`region` is this node's own."""
        self._pool = pool
        self._files = files
        self._feed = feed
        self._kinds = kinds
        self._today = today
        self._region = region

    async def answer(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, partner: str | None
    ) -> Shared | None:
        """Answer a verified partner (its region id); None when the path is not the exchange's.

        Raises AgreementError `FORBIDDEN_AGREEMENT` (403), FeedError `FEED_RANGE`, `ACK_…` (400)
        and `FEED_UNAVAILABLE` (503).
        """
        if (method, path) == ("GET", FEED_PATH):
            return await self._page(query, partner)
        if (method, path) == ("POST", ACK_PATH):
            return await self._acknowledgement(body, partner)
        return None

    async def _page(self, query: Mapping[str, str], partner: str | None) -> Shared:
        agreement, to = await self._entitled(partner)
        sharing = await sharing_on(self._pool, self._region, self._today())
        page: FeedPage = await feed_page(
            self._pool,
            self._files,
            agreement,
            self._kinds,
            self._today(),
            shared=sharing.with_partner(to),
            start=_number(query, "from", 0),
            limit=_number(query, "limit", 256),
            known=_number(query, "known", 0),
        )
        return Shared(
            page.body, agreement.id, page.subjects, page.records, page.coordinates, page.rows
        )

    async def _acknowledgement(self, body: bytes, partner: str | None) -> Shared:
        agreement, region = await self._entitled(partner)
        size = await receive_acknowledgement(
            self._pool, self._files, agreement, region, body, self._feed
        )
        return Shared(orjson.dumps({"acknowledged": size}), agreement.id)

    async def _entitled(self, partner: str | None) -> tuple[Any, str]:
        agreement = None
        if partner is not None:
            agreement = await latest_agreement(self._pool, partner, self._today())
        if agreement is None or partner is None:
            raise AgreementError(
                "FORBIDDEN_AGREEMENT", "Sign an agreement with this city first: none names you."
            )
        return agreement, partner


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise FeedError("FEED_RANGE", f"Give {name} as a whole number.")
    return int(text)
