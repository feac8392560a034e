"""The message of `add-checkpoint`: written by logs, read by witnesses (C2SP tlog-witness)."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.note import Note
from client.structured import parse_base64
from security.errors import SecurityError

MAX_PROOF = 63
"""Longest consistency proof, in hashes."""

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class SubmissionError(SecurityError):
    """The message is not in the form of `add-checkpoint`."""

    def __init__(self, message: str) -> None:
        super().__init__("SUBMISSION_MALFORMED", message)


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint submitted to a witness; nothing of it is verified yet.

    `old` is the size that the log believes the witness has cosigned, `proof` shows that the
    checkpoint's tree extends that size's. The checkpoint may have extension lines.
    """

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """Read a message; SubmissionError unless it is exact."""
        head, separator, rest = body.partition(b"\n\n")
        lines = head.split(b"\n")
        old = _OLD.fullmatch(lines[0].decode("latin-1"))
        if not separator or old is None:
            raise SubmissionError("Begin with a line `old <size>`, end the proof with a blank line")
        if len(lines) - 1 > MAX_PROOF:
            raise SubmissionError("Send at most 63 lines of consistency proof")
        try:
            proof = tuple(parse_base64(line.decode("latin-1")) for line in lines[1:])
            if any(len(one) != 32 for one in proof):
                raise ValueError
        except ValueError:
            raise SubmissionError("Send each hash of the proof as one line of base64") from None
        try:
            note = Note.parse(rest)
            checkpoint = head_of(note.text)
        except ClientError as error:
            raise SubmissionError(error.message) from None
        if max(int(old[1]), checkpoint.size) >= 1 << 63:
            raise SubmissionError("Send sizes below 2^63")
        return cls(int(old[1]), proof, note, checkpoint)


def submission_of(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Write a message; the inverse of `Submission.parse`."""
    lines = [f"old {old}", *(b64encode(one).decode() for one in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def head_of(text: str) -> Checkpoint:
    """Read a checkpoint's three lines; extension lines are cosigned but say nothing to us.

    Raises SubmissionError, and ClientError `CHECKPOINT_MALFORMED`.
    """
    lines = text.split("\n")
    if "" in lines[3:-1]:
        raise SubmissionError("Send a checkpoint without blank lines")
    return Checkpoint.parse("\n".join([*lines[:3], ""]))
