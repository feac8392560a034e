"""Proofs that a log has two histories: two checkpoints that one key signed and that contradict.

Of one size, two roots contradict by themselves. Of two sizes, the proof also holds the audit path
by which the larger checkpoint commits to the root of its first entries; that this is not the root
of the smaller checkpoint shows the fork, with nothing but SHA-256 to trust (RFC 9162 §2.1.4.2).
"""

from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.merkle import node_hash, verify_consistency
from client.note import VerifierKey
from security.errors import LogError

FORM = "xinqiao-fork-proof/v1"
MAX_SIZE = 1 << 20
"""Longest proof that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class ForkProof:
    """Two notes of one log, the smaller one first.

    `first_root` and `path` are for two sizes: the root of the first entries of the second tree,
    and the consistency proof from it.
    """

    key: VerifierKey
    first: bytes
    second: bytes
    first_root: bytes = b""
    path: tuple[bytes, ...] = ()

    def heads(self) -> tuple[Checkpoint, Checkpoint]:
        """Give both heads, verified, or raise LogError `FORK_UNPROVEN` when nothing is proven."""
        try:
            first = Checkpoint.open(self.first, self.key)
            second = Checkpoint.open(self.second, self.key)
        except ClientError as error:
            raise LogError("FORK_UNPROVEN", error.message) from None
        if first.size == second.size:
            forked = first.root != second.root
        else:
            forked = self.first_root != first.root and verify_consistency(
                first.size, self.first_root, second.size, second.root, self.path
            )
        if not forked:
            raise LogError("FORK_UNPROVEN", "Accuse nobody: the two checkpoints can both be true.")
        return first, second

    def to_json(self) -> bytes:
        """Serialise as JSON (docs/formats.md); the inverse of `parse`."""
        document: dict[str, object] = {
            "type": FORM,
            "key": self.key.text,
            "first": self.first.decode(),
            "second": self.second.decode(),
        }
        if self.first_root:
            document["firstRootInSecond"] = b64encode(self.first_root).decode()
            document["path"] = [b64encode(one).decode() for one in self.path]
        return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> "ForkProof":
        """Read a proof, nothing verified yet; LogError `FORK_MALFORMED`."""
        try:
            if len(data) > MAX_SIZE:
                raise ValueError
            document = orjson.loads(data)
            if document["type"] != FORM:
                raise ValueError
            return cls(
                VerifierKey.parse(document["key"]),
                document["first"].encode(),
                document["second"].encode(),
                b64decode(document.get("firstRootInSecond", ""), validate=True),
                tuple(b64decode(one, validate=True) for one in document.get("path", ())),
            )
        except (ValueError, LookupError, TypeError, AttributeError, ClientError):
            raise LogError("FORK_MALFORMED", "Get the file again: it is no fork proof.") from None


@dataclass(frozen=True, slots=True)
class ForkExplanation:
    """What a fork proof says; `holds` only when the log's key is one that the reader trusts.

    `statement` tells it in Chinese and English.
    """

    holds: bool
    origin: str
    sizes: tuple[int, int]
    roots: tuple[str, str]
    statement: str


def is_fork_proof(data: bytes) -> bool:
    """Tell whether a file claims to be a fork proof."""
    return FORM.encode() in data[:200]


def explain_fork(data: bytes, trusted: Collection[str] | None = None) -> ForkExplanation:
    """Read a fork proof and tell what it proves, with nothing but the file.

    `trusted` are verifier keys known to be the log's; with None the key in the file is taken,
    which proves that its owner forked, not whose key it is. Raises LogError `FORK_MALFORMED`,
    `FORK_UNPROVEN`.
    """
    proof = ForkProof.parse(data)
    first, second = proof.heads()
    known = trusted is None or proof.key.text in trusted
    if first.size == second.size:
        chinese = f"日志 {first.origin} 的密钥为同一大小 {first.size} 签署了两个不同的根"
        english = f"one key of log {first.origin} signed two different roots of size {first.size}"
    else:
        chinese = (
            f"日志 {first.origin} 的密钥所签大小 {first.size} 与 {second.size} 的两个检查点互相矛盾"
        )
        english = (
            f"one key of log {first.origin} signed a checkpoint of size {second.size} that does not"
            f" extend the one of size {first.size} that it signed"
        )
    if not known:
        chinese += "；但该密钥不在受信任之列"
        english += "; but the key is not one that you trust for this log"
    return ForkExplanation(
        known,
        first.origin,
        (first.size, second.size),
        (b64encode(first.root).decode(), b64encode(second.root).decode()),
        f"{chinese}。{english[0].upper()}{english[1:]}.",
    )


def prove_fork(
    key: VerifierKey, one: bytes, other: bytes, proof: Sequence[bytes], first_root: bytes = b""
) -> ForkProof | None:
    """Make a fork proof of two signed notes and what the log gave as a consistency proof.

    `first_root` is what the log shows as the root of its first entries, where that is known;
    else it is computed from the proof, which for sizes that are powers of two does not hold it.
    None when nothing is proven.
    """
    try:
        heads = Checkpoint.open(one, key), Checkpoint.open(other, key)
    except ClientError:
        return None
    if heads[0].size > heads[1].size:
        one, other, heads = other, one, (heads[1], heads[0])
    if heads[0].size == heads[1].size:
        found = ForkProof(key, one, other)
    else:
        root = first_root or _first_root(heads[0].size, heads[1].size, proof)
        found = ForkProof(key, one, other, root, tuple(proof))
    try:
        found.heads()
    except LogError:
        return None
    return found


def _first_root(size: int, new_size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the first `size` entries as a consistency proof implies it."""
    if not proof or size & (size - 1) == 0:
        return b""
    position, last = size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    root = proof[0]
    for sibling in proof[1:]:
        if position & 1 or (position and position == last):
            root = node_hash(sibling, root)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        position >>= 1
        last >>= 1
    return root
