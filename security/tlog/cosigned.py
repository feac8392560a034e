"""The cosigned head of a log, kept beside the one that the sealer signs.

`cosigned` holds the last checkpoint that witnesses cosigned; the sealer never waits for it and
never writes it. Whoever serves or exports the head shows both as one where they are the same.
"""

import os
from pathlib import Path

from client.errors import ClientError
from client.note import Note, VerifierKey
from security.tlog.checkpoint import Checkpoint

NAME = "cosigned"


def served_checkpoint(directory: Path) -> bytes | None:
    """Give the newest signed head, with the cosignatures that there are of it; None without one.

    The log's own signature comes first.
    """
    newest = _read(directory / "checkpoint")
    cosigned = _read(directory / NAME)
    if newest is None or cosigned is None:
        return newest
    text, _, _ = newest.rpartition(b"\n\n")
    of, _, _ = cosigned.rpartition(b"\n\n")
    return cosigned if of == text else newest


def cosigned_checkpoint(directory: Path, origin: str | None = None) -> Note | None:
    """Give the last cosigned head of a log, older than the newest at times; None without one.

    With `origin`, only one of the log of that name.
    """
    data = _read(directory / NAME)
    if data is None:
        return None
    try:
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
    except ClientError:
        return None
    return note if origin in (None, checkpoint.origin) else None


def keep_cosigned(directory: Path, note: Note) -> None:
    """Publish a cosigned head; a reader or a crash sees the old one or the new one whole."""
    part = directory / f"{NAME}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(note.bytes())
        file.flush()
        os.fsync(file.fileno())
    part.replace(directory / NAME)


def merged(newer: Note, older: Note | None, log: VerifierKey) -> Note:
    """Add to a note the cosignatures that an older note of the same text has besides.

    The log's own signature comes first; of each witness the newer one stays.
    """
    found = {(one.name, one.id): one for one in newer.signatures}
    if older is not None and older.text == newer.text:
        for one in older.signatures:
            found.setdefault((one.name, one.id), one)
    ordered = sorted(found.values(), key=lambda one: (one.name != log.name, one.id != log.id))
    return Note(newer.text, tuple(ordered))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
