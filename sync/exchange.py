"""What a node answers to its partner: pages of the feed, and the receipt of acknowledgements."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from client.errors import ClientError
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note, NoteSigner, VerifierKey
from security.tlog.reader import TileReader
from store.kind import Kinds
from sync.agreement import Agreement
from sync.database import Reader
from sync.disclosure import Disclosure
from sync.errors import FeedError
from sync.leaf import Leaf
from sync.page import Payload, write_entry, write_page

if TYPE_CHECKING:
    import asyncpg

MAX_LIMIT = 1024
"""Most entries of a page."""
MAX_BYTES = 4_000_000
"""Size after which a page takes no further entry, in bytes."""
_ACKNOWLEDGEMENT = "xinqiao acknowledgement v1"


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page as it is sent, and what it discloses, for the access log.

    `subjects` are the audit references (16 bytes each), `records` the record ids, `coordinates`
    the fields shown as `Type.field`, `rows` the entries shown with their payload.
    """

    body: bytes
    subjects: bytes
    records: tuple[UUID, ...]
    coordinates: tuple[str, ...]
    rows: int


async def feed_page(
    pool: asyncpg.Pool[Any],
    files: TileReader,
    agreement: Agreement,
    kinds: Kinds,
    today: date,
    *,
    shared: frozenset[str],
    start: int,
    limit: int = 256,
    known: int = 0,
) -> FeedPage:
    """The page from index `start` on, as the agreement entitles its partner to see it.

    `shared` are the tags of what the catalogue lets travel to it. `limit` is 1–1024 entries;
    `known` is the size of the checkpoint that the partner verified last. Raises FeedError
    `FEED_RANGE` outside the signed feed, `FEED_UNAVAILABLE` before the first checkpoint.
    """
    note = await asyncio.to_thread(files.checkpoint)
    if note is None:
        raise FeedError("FEED_UNAVAILABLE", "Ask again: the feed has no checkpoint yet.")
    size = Checkpoint.parse(Note.parse(note).text).size
    if not (0 <= start <= size and 0 <= known <= size and 1 <= limit <= MAX_LIMIT):
        raise FeedError(
            "FEED_RANGE", f"Ask within the feed's {size} entries, 1 to {MAX_LIMIT} at a time."
        )
    rows = await pool.fetch(
        """
        SELECT l.index, l.leaf, p.disclosures::text AS disclosures, p.record_id, s.audit_ref,
               f.index IS NULL OR f.index = l.index AS is_last
        FROM feed_leaf l
        LEFT JOIN feed_payload p ON p.index = l.index
        LEFT JOIN feed_record f ON f.record_id = p.record_id
        LEFT JOIN subject s ON s.subject_id = p.subject_id
        WHERE l.index >= $1 AND l.index < $2 ORDER BY l.index
        """,
        start,
        min(start + limit, size),
    )
    entries: list[bytes] = []
    subjects: dict[bytes, None] = {}
    records: dict[UUID, None] = {}
    coordinates: set[str] = set()
    total = shown = 0
    for row in rows:
        entry, names = write_entry(_payload(row), agreement, shared, today)
        total += len(entry)
        if entries and total > MAX_BYTES:
            break
        entries.append(entry)
        if names:
            shown += 1
            records[row["record_id"]] = None
            if row["audit_ref"] is not None:
                subjects[bytes(row["audit_ref"])] = None
            kind = kinds.by_name.get(Leaf.parse(bytes(row["leaf"])).item.partition(".")[0])
            owner = "Record" if kind is None else kind.type_name
            coordinates |= {f"{owner}.{name.removeprefix('fields.')}" for name in names}
    end = start + len(entries)
    proof, consistency = await asyncio.to_thread(
        lambda: (files.consistency(end, size), files.consistency(known, size))
    )
    return FeedPage(
        write_page(start, entries, note, proof, consistency, shared),
        b"".join(subjects),
        tuple(records),
        tuple(sorted(coordinates)),
        shown,
    )


def _payload(row: asyncpg.Record) -> Payload:
    disclosures = None
    if row["disclosures"] is not None:
        disclosures = tuple(Disclosure(*array) for array in orjson.loads(row["disclosures"]))
    return Payload(row["index"], bytes(row["leaf"]), disclosures, row["is_last"])


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A partner's statement that it has carried out the feed's tree of `size` and `root`."""

    agreement: str
    feed: str
    size: int
    root: bytes
    made_at: str

    def text(self) -> str:
        """The text that the partner signs."""
        root = b64encode(self.root).decode()
        head = f"{_ACKNOWLEDGEMENT}\n{self.agreement}\n"
        return f"{head}{self.feed}\n{self.size}\n{root}\n{self.made_at}\n"


def acknowledge(
    agreement: Agreement, feed: str, size: int, root: bytes, signer: NoteSigner
) -> bytes:
    """Sign that the feed was carried out up to `size`; the root proves which tombstones too."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return signer.sign(Acknowledgement(agreement.id, feed, size, root, made_at).text())


async def receive_acknowledgement(
    pool: asyncpg.Pool[Any],
    files: TileReader,
    agreement: Agreement,
    partner: str,
    note: bytes,
    feed: VerifierKey,
) -> int:
    """Verify a partner's acknowledgement, keep it, and give the size it covers.

    Raises FeedError `ACK_MALFORMED`, `ACK_SIGNATURE` or `ACK_MISMATCH`; the last means that the
    partner saw another feed than ours.
    """
    try:
        parsed = Note.parse(note)
        lines = parsed.text.split("\n")
        if len(lines) != 7 or lines[0] != _ACKNOWLEDGEMENT:
            raise ValueError
        head = Checkpoint.parse("\n".join([*lines[2:5], ""]))
    except (ClientError, ValueError) as error:
        raise FeedError("ACK_MALFORMED", "Send a signed acknowledgement.") from error
    try:
        parsed.verified_by((agreement.party(partner).keys.acknowledgement,))
    except ClientError as error:
        raise FeedError("ACK_SIGNATURE", "Sign it with the key named in the agreement.") from error
    try:
        matches = (
            lines[1] == agreement.id
            and head.origin == feed.name
            and await asyncio.to_thread(files.root, head.size) == head.root
        )
    except LogError:
        matches = False
    if not matches:
        raise FeedError(
            "ACK_MISMATCH", "Stop the exchange and call the partner: it has seen another feed."
        )
    await pool.execute(
        "INSERT INTO feed_acknowledgement (partner, size, root, note) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        partner,
        head.size,
        head.root,
        note,
    )
    return head.size


async def unacknowledged_tombstones(
    connection: Reader, agreement: Agreement, partner: str
) -> tuple[int, datetime | None]:
    """How many tombstones of the agreement's items the partner has not acknowledged, and the time
    of the oldest (X21)."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS waiting, min(l.recorded_at) AS oldest
        FROM feed_payload p JOIN feed_leaf l USING (index)
        WHERE p.operation = 'TOMBSTONE' AND p.item = ANY ($2) AND p.index >= coalesce(
            (SELECT max(size) FROM feed_acknowledgement WHERE partner = $1), 0)
        """,
        partner,
        [item.tag for item in agreement.items],
    )
    return (0, None) if row is None else (row["waiting"], row["oldest"])
