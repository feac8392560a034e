"""Proving that an entry stands in a log, with nothing but the log's files."""

from pathlib import Path

from client.log_proof import LogProof
from client.merkle import leaf_hash
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note
from security.tlog.reader import TileReader


def prove_entry(
    folder: Path, note: bytes | None, wanted: str, *, with_entry: bool = False
) -> tuple[LogProof, bytes]:
    """The proof of an entry by index or by leaf hash in hex, with its leaf.

    As of `note`, a checkpoint of the log whose files lie in `folder`. Raises LogError
    LEAF_INVALID, NOT_IN_LOG.
    """
    if note is None:
        raise LogError("NOT_IN_LOG", "Wait for a seal: the log has no such checkpoint yet.")
    size = Checkpoint.parse(Note.parse(note).text).size
    reader = TileReader(folder)
    index: int | None
    if wanted.isdecimal() and len(wanted) < 20:
        index = int(wanted)
    else:
        try:
            leaf = bytes.fromhex(wanted)
        except ValueError:
            leaf = b""
        if len(leaf) != 32:
            raise LogError("LEAF_INVALID", "Name an index or a leaf hash of 64 hexadecimal digits.")
        index = reader.find(leaf, size)
    if index is None or index >= size:
        raise LogError("NOT_IN_LOG", "Wait for the next checkpoint, or check the entry's name.")
    entry = reader.entry(index, size)
    proof = LogProof(index, reader.inclusion(index, size), note, entry if with_entry else None)
    return proof, leaf_hash(entry)
