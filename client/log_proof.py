"""Proofs that an entry stands in a log, as files that verify offline (C2SP tlog-proof)."""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.merkle import leaf_hash, verify_inclusion
from client.note import ED25519, Note, VerifierKey
from client.structured import parse_base64

HEADER = "c2sp.org/tlog-proof@v1"
"""First line of a proof."""

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_PATH = 64


@dataclass(frozen=True, slots=True)
class LogProof:
    """An entry's index, audit path (the leaf's sibling first) and the signed checkpoint.

    `extra` is opaque and proves nothing by itself; ours, when there is one, is the entry.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def text(self) -> str:
        """Write the proof; it ends as the checkpoint does."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [b64encode(sibling).decode() for sibling in self.path]
        return "\n".join(lines) + "\n\n" + self.checkpoint.decode()

    @classmethod
    def parse(cls, data: bytes) -> "LogProof":
        """Read what `text` writes; ClientError `PROOF_MALFORMED` unless it is exact."""
        try:
            head, separator, checkpoint = data.decode().partition("\n\n")
            first, *lines = head.split("\n")
            if not separator or first != HEADER:
                raise ValueError
            extra = None
            if lines and lines[0].startswith("extra "):
                extra = parse_base64(lines.pop(0)[6:])
            index = _INDEX.fullmatch(lines.pop(0)) if lines else None
            path = tuple([parse_base64(line) for line in lines])
            if index is None or len(path) > _MAX_PATH or any(len(one) != 32 for one in path):
                raise ValueError
            Note.parse(checkpoint.encode())
        except (ClientError, ValueError):
            raise ClientError(
                "PROOF_MALFORMED", "Ask for the proof again: this is no tlog-proof."
            ) from None
        return cls(int(index[1]), path, checkpoint.encode(), extra)

    def verify(self, leaf: bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
        """Give the signed head under which the leaf hash stands in the log.

        One of `keys` must be the log's. Raises ClientError: `CHECKPOINT_ORIGIN` for a log that
        has no key here, `NOTE_SIGNATURE_INVALID`, `PROOF_INVALID`.
        """
        note = Note.parse(self.checkpoint)
        head = Checkpoint.parse(note.text)
        own = [key for key in keys if key.name == head.origin and key.type == ED25519]
        if not own:
            raise ClientError(
                "CHECKPOINT_ORIGIN", "The checkpoint is of another log: check its origin."
            )
        note.verified_by(own)
        if not verify_inclusion(leaf, self.index, head.size, self.path, head.root):
            raise ClientError(
                "PROOF_INVALID", "Keep the answer and the proof: they contradict each other."
            )
        return head

    @property
    def leaf(self) -> bytes | None:
        """The leaf hash of the entry in `extra`, None without one; trust it when it verifies."""
        return None if self.extra is None else leaf_hash(self.extra)
