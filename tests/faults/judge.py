"""What a fault did to the log, judged from outside: answers held, heads seen, entries found.

The tree is computed here from the entries alone (RFC 6962 §2.1), by none of the code under test.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from client.errors import ClientError
from client.note import Note, VerifierKey
from client.receipt import Receipt

WIDTH = 256


@dataclass(frozen=True, slots=True)
class Reply:
    """What one question came to; times are Unix seconds, `status` 0 means that nothing came.

    `verified` says that the answer's signature holds; `data` that it discloses anything.
    """

    sent: float
    came: float
    status: int
    verified: bool = False
    data: bool = False
    code: str = ""
    retry_after: bool = False
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A checkpoint as it was published (or lay beside the published one), and when it was seen."""

    at: float
    note: bytes


@dataclass(slots=True)
class Verdict:
    """What became of one trial. Everything in `faults` must be zero."""

    answered: int = 0
    refused: int = 0
    unanswered: int = 0
    heads: int = 0
    size: int = 0
    slowest_seal: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    lost: list[Receipt] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Nothing is wrong and nothing is lost."""
        return not self.lost and not any(self.faults.values())


def judge(
    replies: Iterable[Reply],
    sightings: Sequence[Sighting],
    entries: Sequence[bytes],
    key: VerifierKey,
    *,
    places: Sequence[tuple[bytes, int]] | None = None,
    mended: float = 0.0,
) -> Verdict:
    """Judge a trial by the log's `entries` as they are after it.

    `places` are the rows (leaf, index) by which the node itself finds an entry; `mended` is when
    the fault was lifted, from which a promised delay counts at the earliest.
    """
    leaves = [sha256(b"\x00" + entry).digest() for entry in entries]
    found = Counter(leaves)
    index = {leaf: at for at, leaf in enumerate(leaves)}
    verdict = Verdict(size=len(leaves))
    verdict.faults["duplicates"] = len(leaves) - len(found)
    if places is not None:
        told = Counter(at for _, at in places)
        verdict.faults["index gaps"] = sum(1 for at in range(len(leaves)) if at not in told)
        verdict.faults["index duplicates"] = sum(n - 1 for n in told.values())
        verdict.faults["misplaced"] = sum(
            1 for leaf, at in places if at >= len(leaves) or leaves[at] != leaf
        )
    heads = _heads(sightings, key, verdict)
    _compare(heads, leaves, verdict)
    for reply in replies:
        _weigh(reply, found, verdict)
        if reply.receipt is not None and reply.receipt.leaf in index:
            at = index[reply.receipt.leaf]
            sealed = min((seen for seen, size, _ in heads if size > at), default=0.0)
            promised = max(float(reply.receipt.time), reply.sent, mended)
            verdict.slowest_seal = max(verdict.slowest_seal, sealed - promised)
    return verdict


def _weigh(reply: Reply, found: Collection[bytes], verdict: Verdict) -> None:
    if reply.status == 0:
        verdict.unanswered += 1
    elif reply.receipt is not None and reply.verified:
        verdict.answered += 1
        if reply.receipt.leaf not in found:
            verdict.lost.append(reply.receipt)
    elif reply.data:
        verdict.faults["data without a receipt"] += 1
    else:
        verdict.refused += 1
        if reply.status == 503 and not reply.retry_after:
            verdict.faults["503 without Retry-After"] += 1


def _heads(
    sightings: Sequence[Sighting], key: VerifierKey, verdict: Verdict
) -> list[tuple[float, int, bytes]]:
    heads = []
    for sighting in sightings:
        try:
            note = Note.parse(sighting.note)
            note.verified_by((key,))
            origin, size, root, *_ = note.text.split("\n")
            heads.append((sighting.at, int(size), b64decode(root, validate=True)))
        except (ClientError, ValueError):
            verdict.faults["unsigned heads"] += 1
            continue
        if origin != key.name:
            verdict.faults["heads of another log"] += 1
    verdict.heads = len({(size, root) for _, size, root in heads})
    return heads


def _compare(
    heads: Sequence[tuple[float, int, bytes]], leaves: Sequence[bytes], verdict: Verdict
) -> None:
    """Every head must be the head of a prefix of the one log that is there at the end."""
    roots = prefix_roots(leaves, {size for _, size, _ in heads})
    verdict.faults["inconsistent heads"] = sum(
        1 for size, root in {(size, root) for _, size, root in heads} if roots.get(size) != root
    )


def prefix_roots(leaves: Sequence[bytes], sizes: Collection[int]) -> dict[int, bytes]:
    """The root of every prefix whose size is asked for; sizes beyond the leaves are left out."""
    roots = {0: sha256(b"").digest()} if 0 in sizes else {}
    stack: list[tuple[int, bytes]] = []
    for size, leaf in enumerate(leaves, 1):
        height, node = 0, leaf
        while stack and stack[-1][0] == height:
            node = sha256(b"\x01" + stack.pop()[1] + node).digest()
            height += 1
        stack.append((height, node))
        if size in sizes:
            root = stack[-1][1]
            for _, left in reversed(stack[:-1]):
                root = sha256(b"\x01" + left + root).digest()
            roots[size] = root
    return roots


def head_size(note: bytes) -> int:
    """The size that a checkpoint names."""
    return int(note.split(b"\n")[1])


def read_entries(folder: Path) -> list[bytes]:
    """All entries that the published checkpoint of a log folder covers (C2SP tlog-tiles)."""
    size = head_size((folder / "checkpoint").read_bytes())
    entries: list[bytes] = []
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        entries += _bundle(folder, number, width)[:width]
    return entries


def _bundle(folder: Path, number: int, width: int) -> list[bytes]:
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    whole = folder / "tile" / "entries" / "/".join(groups)
    path = whole if whole.exists() else whole.with_name(whole.name + ".p") / str(width)
    data, entries = path.read_bytes(), []
    while data:
        (length,) = struct.unpack_from(">H", data)
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    return entries
