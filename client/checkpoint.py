"""Checkpoints of transparency logs (C2SP tlog-checkpoint)."""

import re
from base64 import b64encode
from dataclasses import dataclass

from client.errors import ClientError
from client.note import ED25519, Note, VerifierKey
from client.structured import parse_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, number of entries and root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write the note text, three lines."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note text without extension lines; ClientError `CHECKPOINT_MALFORMED`."""
        lines = text.split("\n")
        try:
            if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
                raise ValueError
            root = parse_base64(lines[2])
            if len(root) != 32:
                raise ValueError
        except ValueError:
            raise ClientError(
                "CHECKPOINT_MALFORMED", "Fetch the checkpoint again: this is not a checkpoint."
            ) from None
        return cls(lines[0], int(lines[1]), root)

    @classmethod
    def open(cls, note: bytes, key: VerifierKey) -> "Checkpoint":
        """Read a signed checkpoint of the log whose key this is, or raise ClientError."""
        parsed = Note.parse(note)
        parsed.verified_by((key,))
        checkpoint = cls.parse(parsed.text)
        if checkpoint.origin != key.name or key.type != ED25519:
            raise ClientError(
                "CHECKPOINT_ORIGIN", "The checkpoint is of another log: check its origin."
            )
        return checkpoint
