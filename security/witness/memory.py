"""What a witness has cosigned, once more in files: a restored database must not make it forget.

One file a log, named after the SHA-256 of its origin, holding the last note that was cosigned.
"""

import fcntl
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from client.errors import ClientError
from client.note import Note, VerifierKey
from security.witness.submission import head_of


@dataclass(frozen=True, slots=True)
class WitnessMemory:
    """A folder of cosigned notes; only notes that `key` cosigned count."""

    directory: Path
    key: VerifierKey

    def recall(self, origin: str) -> Note | None:
        """Give the note that was cosigned last of the log of this origin; None without one."""
        try:
            note = Note.parse(self._path(origin).read_bytes())
            note.verified_by([self.key])
            return note if head_of(note.text).origin == origin else None
        except (FileNotFoundError, ClientError):
            return None

    def remember(self, origin: str, note: Note) -> None:
        """Make a cosigned note durable, unless a larger one is there already."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(origin)
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self.recall(origin)
            if known is not None and head_of(known.text).size > head_of(note.text).size:
                return
            part = path.with_suffix(".part")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(note.bytes())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            os.close(lock)

    def _path(self, origin: str) -> Path:
        return self.directory / sha256(origin.encode()).hexdigest()
