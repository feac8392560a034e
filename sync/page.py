"""Pages of the sharing feed: what the origin sends, and what a partner makes sure of.

A page is self-contained: entries from an index on, the signed checkpoint, the proof that the tree
which ends with the page's last entry is part of the checkpoint's tree, and the proof that the
checkpoint extends the one the partner knows. The form is final (docs/formats-feed.md).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from client.errors import ClientError
from security.tlog.checkpoint import Checkpoint
from security.tlog.merkle import leaf_hash, verify_consistency
from security.tlog.note import VerifierKey
from sync.agreement import Agreement
from sync.canonical import Value
from sync.catalogue import ALWAYS
from sync.compact_range import CompactRange
from sync.disclosure import Disclosure, disclosed, split
from sync.errors import MirrorError
from sync.leaf import Leaf, Operation, item_tag

_TAMPERED = "Do not use the page: what it shows is not what its leaf commits to."
_INCONSISTENT = "Stop the exchange and call the partner: its feed contradicts what it signed."
_MALFORMED = "Tell the partner: the page is not in the form of docs/formats-feed.md."


@dataclass(frozen=True, slots=True)
class Payload:
    """What the origin keeps of one entry; `disclosures` is None once erased.

    `is_last`: no later entry of the feed speaks of its record.
    """

    index: int
    leaf: bytes
    disclosures: tuple[Disclosure, ...] | None
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class ReadChange:
    """A verified entry that the agreement entitles its reader to carry out."""

    index: int
    item: str
    operation: Operation
    record_id: UUID
    fields: dict[str, Value]
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partner's feed was verified: the tree so far and the last checkpoint."""

    tree: CompactRange
    known_size: int
    known_root: bytes


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page that verified: the next position, the checkpoint's note, what is to be done.

    `shared` are the tags that the origin's catalogue shares with the reader, None when not told.
    """

    position: Position
    checkpoint: bytes
    changes: tuple[ReadChange, ...]
    shared: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a partner is shown of an entry: the fields of these names, None for all."""

    fields: frozenset[str] | None


def entitlement(agreement: Agreement, leaf: Leaf, today: date) -> Entitlement | None:
    """Tell what the agreement's partner is shown of an entry, None for nothing.

    Tombstones of its items reach a partner whole, also after the agreement's end; other entries
    only while it is in force.
    """
    item = agreement.item(leaf.item)
    if item is None:
        return None
    if leaf.operation is Operation.TOMBSTONE:
        return Entitlement(None)
    if not agreement.in_force(today):
        return None
    return Entitlement(None if item.fields is None else item.fields | ALWAYS)


def write_entry(
    payload: Payload, agreement: Agreement, shared: frozenset[str], today: date
) -> tuple[bytes, list[str]]:
    """Serialise one entry of a page for a partner; also gives the names of the fields shown.

    `shared` are the tags of what the origin's catalogue lets travel to the partner: other entries
    of the agreement's items are marked as withheld, and what a later entry corrects or calls back.
    """
    leaf = Leaf.parse(payload.leaf)
    entitled = entitlement(agreement, leaf, today)
    entry: dict[str, Any] = {"leaf": payload.leaf.decode()}
    shown: list[Disclosure] = []
    if payload.disclosures is None:
        entry["erased"] = True
    elif (
        entitled is not None
        and leaf.operation is Operation.UPSERT
        and not (payload.is_last and leaf.item in shared)
    ):
        entry["withheld"] = True
    elif entitled is not None:
        shown, hidden = split(payload.disclosures, entitled.fields)
        entry["disclosures"] = [disclosure.array() for disclosure in shown]
        entry["digests"] = [b64encode(digest).decode() for digest in hidden]
    return orjson.dumps(entry), [disclosure.name for disclosure in shown]


def write_page(
    start: int,
    entries: Sequence[bytes],
    checkpoint: bytes,
    proof: Sequence[bytes],
    consistency: Sequence[bytes],
    shared: Collection[str],
) -> bytes:
    """Serialise a page of entries that `write_entry` wrote; `shared` as there."""
    head = orjson.dumps(
        {
            "v": 1,
            "from": start,
            "checkpoint": checkpoint.decode(),
            "proof": [b64encode(node).decode() for node in proof],
            "consistency": [b64encode(node).decode() for node in consistency],
            "shared": sorted(shared),
        }
    )
    return head[:-1] + b',"entries":[' + b",".join(entries) + b"]}"


def read_page(
    body: bytes,
    position: Position,
    *,
    key: VerifierKey,
    region: str,
    agreement: Agreement,
    today: date,
) -> ReadPage:
    """Verify a page against the position, the feed's key and the agreement, before anything of
    it is used.

    Raises MirrorError: `FEED_OUT_OF_ORDER` when it does not begin at the position,
    `FEED_INCONSISTENT` when the signed trees contradict each other, `FEED_TAMPERED` when a
    signature or a payload does not verify, `FEED_INCOMPLETE` when something due is missing,
    `FEED_MALFORMED` otherwise.
    """
    try:
        page = orjson.loads(body)
        if page["v"] != 1:
            raise ValueError
        note = page["checkpoint"].encode()
        proof, consistency = _hashes(page["proof"]), _hashes(page["consistency"])
        start, entries = page["from"], page["entries"]
        shared = _tags(page.get("shared"), agreement)
        leaves = [entry["leaf"].encode() for entry in entries]
        parsed = [Leaf.parse(leaf) for leaf in leaves]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
    try:
        head = Checkpoint.open(note, key)
    except ClientError as error:
        raise MirrorError("FEED_TAMPERED", f"Do not use the page: {error.message}") from error
    if start != position.tree.size:
        raise MirrorError(
            "FEED_OUT_OF_ORDER", f"Ask for the page that begins at {position.tree.size}."
        )
    known = (position.known_size, position.known_root)
    if not verify_consistency(*known, head.size, head.root, consistency):
        raise MirrorError("FEED_INCONSISTENT", _INCONSISTENT, note)
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree = position.tree.extended(hashes)
    if not verify_consistency(tree.size, tree.root, head.size, head.root, proof):
        raise MirrorError("FEED_INCONSISTENT", _INCONSISTENT, note)
    if not leaves and tree.size < head.size:
        raise MirrorError("FEED_INCOMPLETE", "Ask again: the page is empty before the feed's end.")
    found: list[ReadChange] = []
    for at, (entry, leaf) in enumerate(zip(entries, parsed, strict=True)):
        fields = None
        missing = entry.get("erased") is True or entry.get("withheld") is True
        if entitlement(agreement, leaf, today) is not None and not missing:
            fields = _fields(entry, leaf)
        if fields is not None:
            index = start + at
            found.append(_change(index, leaf, fields, region, hashes[at]))
    return ReadPage(Position(tree, head.size, head.root), note, tuple(found), shared)


def _tags(told: Any, agreement: Agreement) -> tuple[str, ...] | None:
    """The items of the agreement that the origin says it shares, None when it does not say."""
    if told is None:
        return None
    if not isinstance(told, list) or not all(
        isinstance(tag, str) and len(tag) < 128 for tag in told
    ):
        raise TypeError("tags are texts")
    return tuple(tag for tag in told if agreement.item(tag) is not None)


def _fields(entry: Any, leaf: Leaf) -> dict[str, Value]:
    if "disclosures" not in entry:
        raise MirrorError("FEED_INCOMPLETE", "Ask again: what the agreement shares is not there.")
    try:
        shown = [Disclosure.parse(array) for array in entry["disclosures"]]
        fields = disclosed(shown, _hashes(entry["digests"]), leaf.root)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
    if fields is None:
        raise MirrorError("FEED_TAMPERED", _TAMPERED)
    return fields


def _change(
    index: int, leaf: Leaf, fields: dict[str, Value], region: str, hashed: bytes
) -> ReadChange:
    try:
        record_id = UUID(str(fields["recordId"]))
        if fields["version"] != index or fields["originRegion"] != region:
            raise ValueError
        if leaf.operation is Operation.UPSERT:
            if not fields.keys() >= ALWAYS:
                raise ValueError
            tag = item_tag(str(fields["kind"]), str(fields["subjectCategory"]))
            if tag != leaf.item or fields["status"] != "VALID":
                raise ValueError
    except (KeyError, ValueError) as error:
        raise MirrorError("FEED_MALFORMED", _MALFORMED) from error
    return ReadChange(index, leaf.item, leaf.operation, record_id, fields, hashed)


def _hashes(texts: list[str]) -> list[bytes]:
    return [b64decode(text, validate=True) for text in texts]
