"""Exporting a log: a folder of static files that anybody can verify."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from client.errors import ClientError
from client.note import ED25519
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint
from security.tlog.cosigned import served_checkpoint
from security.tlog.note import Note, VerifierKey
from security.tlog.reader import TileReader
from security.tlog.tile import tiles_of

__all__ = ["export_log"]

PARTS = frozenset({"checkpoint", "tile", "vkeys", "evidence"})
"""What an export holds; `evidence` only when it was asked for."""


def export_log(
    source_dir: Path, target_dir: Path, vkeys: Sequence[str], note: bytes | None = None
) -> Checkpoint:
    """Copy a log as of a signed checkpoint: `checkpoint`, `tile/…`, `vkeys` (the log's first).

    `vkeys` are the keys that may have signed, the log's own and its witnesses'; those that did
    are written, and no other signature line. `note` is the checkpoint to export as of, such as
    the last that witnesses signed; without it the newest. A former export in `target_dir` is
    replaced. Raises LogError `LOG_EMPTY` without a checkpoint, `EXPORT_TARGET` when the folder
    holds something else, and ClientError when no key of the log signed the checkpoint.
    """
    reader = TileReader(source_dir)
    note = note or served_checkpoint(source_dir)
    if note is None:
        raise LogError("LOG_EMPTY", "Nothing is sealed yet: ask something first.")
    parsed, checkpoint, signers = _signed(note, [VerifierKey.parse(text) for text in vkeys])
    target_dir.mkdir(parents=True, exist_ok=True)
    present = {path.name for path in target_dir.iterdir()}
    if present and not present <= PARTS:
        raise LogError("EXPORT_TARGET", "Name an empty folder: this one holds other files.")
    for folder in ("tile", "evidence"):
        shutil.rmtree(target_dir / folder, ignore_errors=True)
    for tile in tiles_of(checkpoint.size):
        path = target_dir / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(reader.tile(tile))
    (target_dir / "checkpoint").write_bytes(parsed.bytes())
    lines = "".join(f"{key.text}\n" for key in signers)
    (target_dir / "vkeys").write_text(lines, encoding="utf-8")
    return checkpoint


def _signed(
    note: bytes, keys: Sequence[VerifierKey]
) -> tuple[Note, Checkpoint, Sequence[VerifierKey]]:
    """The note with the lines of known keys alone, and these keys, the log's own first."""
    parsed = Note.parse(note)
    found = set(parsed.verified_by(keys))
    checkpoint = Checkpoint.parse(parsed.text)
    own = [key for key in keys if key.type == ED25519 and key.name == checkpoint.origin]
    signers = [key for key in keys if key in found]
    signers.sort(key=lambda key: key not in own)
    if not signers or signers[0] not in own:
        raise ClientError(
            "NOTE_SIGNATURE_INVALID", "No known key signed this note: check the verifier keys."
        )
    known = {(key.name, key.id) for key in signers}
    lines = tuple([line for line in parsed.signatures if (line.name, line.id) in known])
    return Note(parsed.text, lines), checkpoint, signers
