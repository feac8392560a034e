"""The witness: cosigns a log's checkpoints as long as each extends the one before.

What it last cosigned is durable before the cosignature leaves, in the database, where it advances
by compare-and-swap, and in a file: no crash, no race and no restored database makes it sign two
histories (C2SP tlog-witness).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from asyncpg import Record

from client.errors import ClientError
from client.merkle import EMPTY_ROOT, verify_consistency
from client.note import ED25519, Note, NoteSignature, VerifierKey, cosigned_at
from security.witness.cosigner import Cosigner
from security.witness.fork import ForkProof, prove_fork
from security.witness.memory import WitnessMemory
from security.witness.submission import Submission, SubmissionError, head_of

REPEATED = 5
"""Seconds for which the same checkpoint gets the same cosignature again, without a write."""
SIZE_TYPE = "text/x.tlog.size"

_STATE = "SELECT size, root, note FROM witnessed_log WHERE origin = $1"
_FIRST = """
INSERT INTO witnessed_log (origin, size, root, note, cosigned_at)
VALUES ($1, $2, $3, $4, to_timestamp($5)) ON CONFLICT DO NOTHING RETURNING true
"""
_ADVANCE = """
UPDATE witnessed_log SET size = $2, root = $3, note = $4, cosigned_at = to_timestamp($5)
 WHERE origin = $1 AND size = $6 AND root = $7 RETURNING true
"""
_RESTORE = """
INSERT INTO witnessed_log AS w (origin, size, root, note, cosigned_at)
VALUES ($1, $2, $3, $4, to_timestamp($5)) ON CONFLICT (origin) DO UPDATE
SET (size, root, note, cosigned_at)
    = (excluded.size, excluded.root, excluded.note, excluded.cosigned_at)
WHERE w.size < excluded.size RETURNING true
"""
_FORK = """
INSERT INTO log_fork (digest, origin, proof)
SELECT $1, $2, $3 WHERE (SELECT count(*) FROM log_fork WHERE origin = $2) < 16
ON CONFLICT DO NOTHING RETURNING true
"""
_CHECKPOINT = "SELECT note FROM witnessed_log WHERE sha256(convert_to(origin, 'UTF8')) = $1"


class Connection(Protocol):
    """What the witness needs of an asyncpg pool."""

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...

    async def fetchval(self, query: str, *args: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A signed checkpoint whose proof does not extend what was cosigned.

    `fork` is the portable proof, where the log's own words give one; anybody may send an old
    checkpoint with a bad proof, so without it nobody is accused.
    """

    key: VerifierKey
    cosigned: bytes
    submitted: bytes
    proof: tuple[bytes, ...]
    fork: ForkProof | None

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a submission as HTTP gives it: status, body, media type."""

    status: int
    body: str
    media: str = "text/plain; charset=utf-8"
    contradiction: Contradiction | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What was cosigned last; size 0 and no note when nothing was."""

    size: int
    root: bytes
    note: bytes


class Witness:
    """Cosigns the logs whose keys it is given, by origin."""

    def __init__(
        self,
        pool: Connection,
        cosigner: Cosigner,
        logs: Mapping[str, Sequence[VerifierKey]],
        directory: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`directory` keeps what was cosigned a second time, beside the database."""
        self._pool = pool
        self._cosigner = cosigner
        self._memory = WitnessMemory(directory, cosigner.verifier)
        self._logs: dict[str, list[VerifierKey]] = {}
        self.trust(logs)
        self._clock = clock

    def trust(self, logs: Mapping[str, Sequence[VerifierKey]]) -> None:
        """Take these keys for these logs, in the place of those before."""
        for origin, keys in logs.items():
            own = [key for key in keys if key.name == origin and key.type == ED25519]
            self._logs[origin] = own

    async def add_checkpoint(self, body: bytes) -> Verdict:
        """Judge a submission: 200 with the cosignature, or 400, 403, 404, 409, 422."""
        try:
            submission = Submission.parse(body)
        except SubmissionError as error:
            return Verdict(400, f"{error.message}.\n")
        checkpoint = submission.checkpoint
        keys = self._logs.get(checkpoint.origin)
        if not keys:
            return Verdict(404, "This log is not witnessed here.\n")
        try:
            signed_by = submission.note.verified_by(keys)
        except ClientError as error:
            return Verdict(403, f"{error.message}\n")
        if submission.old > checkpoint.size:
            return Verdict(400, "The old size is larger than the checkpoint.\n")
        known = await self._known(checkpoint.origin)
        if submission.old != known.size:
            return _conflict(known)
        if not _extends(known, submission):
            return await self._contradicted(known, submission, signed_by[0])
        return await self._cosigned(known, submission, signed_by)

    async def checkpoint(self, digest: bytes) -> str | None:
        """Give the last cosigned checkpoint of the log whose origin has this SHA-256."""
        note = await self._pool.fetchval(_CHECKPOINT, digest)
        return None if note is None else str(note)

    async def record_fork(self, fork: ForkProof) -> bool:
        """Keep a portable proof for good; whether it is new. At most 16 are kept of a log."""
        data = fork.to_json()
        kept = await self._pool.fetchval(_FORK, sha256(data).digest(), fork.key.name, data.decode())
        return kept is not None

    async def _known(self, origin: str) -> _Known:
        row = await self._pool.fetchrow(_STATE, origin)
        remembered = self._memory.recall(origin)
        if remembered is not None:
            head = head_of(remembered.text)
            if row is None or row["size"] < head.size:  # the database is older than what was said
                note = remembered.bytes()
                await self._pool.fetchval(
                    _RESTORE, origin, head.size, head.root, note.decode(), self._at(remembered)
                )
                row = await self._pool.fetchrow(_STATE, origin)
        if row is None:
            return _Known(0, EMPTY_ROOT, b"")
        return _Known(row["size"], row["root"], row["note"].encode())

    def _at(self, note: Note) -> int:
        own = self._own_line(note.bytes(), note.text)
        return 1 if own is None else cosigned_at(own.signature)

    async def _cosigned(
        self, known: _Known, submission: Submission, signed_by: Sequence[VerifierKey]
    ) -> Verdict:
        head, text = submission.checkpoint, submission.note.text
        now = int(self._clock())
        before = self._own_line(known.note, text)
        if before is not None and 0 <= now - cosigned_at(before.signature) < REPEATED:
            return Verdict(200, before.line())
        line = self._cosigner.cosign(text, now)
        ids = {(key.name, key.id) for key in signed_by}
        by_log = [one for one in submission.note.signatures if (one.name, one.id) in ids]
        whole = Note(text, (*by_log, line))
        values = (head.origin, head.size, head.root, whole.bytes().decode(), now)
        if known.note:
            stored = await self._pool.fetchval(_ADVANCE, *values, known.size, known.root)
        else:
            stored = await self._pool.fetchval(_FIRST, *values)
        if stored is None:
            return _conflict(await self._known(head.origin))
        await asyncio.to_thread(self._memory.remember, head.origin, whole)
        return Verdict(200, line.line())

    def _own_line(self, note: bytes, text: str) -> NoteSignature | None:
        """Our cosignature in the note kept, when it is of this very text."""
        if not note or (kept := Note.parse(note)).text != text:
            return None
        own = self._cosigner.verifier
        return next((s for s in kept.signatures if (s.name, s.id) == (own.name, own.id)), None)

    async def _contradicted(
        self, known: _Known, submission: Submission, key: VerifierKey
    ) -> Verdict:
        submitted = submission.note.bytes()
        fork = prove_fork(key, known.note, submitted, submission.proof) if known.note else None
        if fork is not None:
            await self.record_fork(fork)
        return Verdict(
            422,
            "The checkpoint does not extend the one that was cosigned.\n",
            contradiction=Contradiction(key, known.note, submitted, submission.proof, fork),
        )


def _extends(known: _Known, submission: Submission) -> bool:
    head = submission.checkpoint
    if head.size == 0 and head.root != EMPTY_ROOT:
        return False
    return verify_consistency(known.size, known.root, head.size, head.root, submission.proof)


def _conflict(known: _Known) -> Verdict:
    return Verdict(409, f"{known.size}\n", SIZE_TYPE)
