"""Asking witnesses to cosign this node's own logs (C2SP tlog-witness, the log's side).

The sealer never waits for a witness: a head is signed and served at once, and shown with its
cosignatures as soon as it has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from client.errors import ClientError
from client.note import Note, NoteSignature, VerifierKey, cosigned_at
from security.tlog.checkpoint import Checkpoint
from security.tlog.cosigned import cosigned_checkpoint, keep_cosigned, merged
from security.tlog.reader import TileReader
from security.witness.address import WitnessAddress
from security.witness.submission import submission_of
from sync.errors import SyncError
from sync.line import LineError, TooLongError, hear
from sync.witness_policy import WitnessPolicy

if TYPE_CHECKING:
    import asyncpg

TIMEOUT = 5.0
"""Seconds for a witness to answer."""
REFRESH = 30.0
"""Seconds after which a head that did not change is cosigned again, to show that it is newest."""
LONGEST_WAIT = 10.0
"""Seconds between two tries with a witness that fails, at most."""
MAX_ANSWER = 64 * 1024
_SKEW = 300

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_log = logging.getLogger("xinqiao.witnessing")

_KEEP = """
INSERT INTO cosigned_log (log, size, note, since)
VALUES ($1, $2, $3, to_timestamp($4::float8))
ON CONFLICT (log) DO UPDATE SET (size, note, since) = (excluded.size, excluded.note, excluded.since)
"""
_ANSWERED = """
INSERT INTO witness_answer (log, witness, size, cosigned_at, asked_at)
VALUES ($1, $2, $3, to_timestamp($4::float8), now())
ON CONFLICT (log, witness) DO UPDATE
SET (size, cosigned_at, code, message, failures, asked_at)
    = (excluded.size, excluded.cosigned_at, NULL, NULL, 0, now())
"""
_FAILED = """
INSERT INTO witness_answer AS a (log, witness, code, message, failures, asked_at)
VALUES ($1, $2, $3, $4, 1, now())
ON CONFLICT (log, witness) DO UPDATE
SET (code, message, failures, asked_at)
    = (excluded.code, excluded.message, a.failures + 1, now())
"""


_REMEMBER = """
INSERT INTO cosigned_head (log, size, note, cosigned_at)
SELECT $1, $2, $3, now()
 WHERE NOT EXISTS (
    SELECT FROM (SELECT size, cosigned_at FROM cosigned_head WHERE log = $1
                  ORDER BY size DESC LIMIT 1) last
     WHERE last.size >= $2 OR last.cosigned_at > now() - interval '1 minute')
ON CONFLICT DO NOTHING
"""


class WitnessError(SyncError):
    """A witness did not cosign; `known` is the size that it says to have cosigned."""

    def __init__(self, code: str, message: str, known: int | None = None) -> None:
        super().__init__(code, message)
        self.known = known


@dataclass(frozen=True, slots=True)
class OwnLog:
    """A log of this node: its keys, named after its origin, the present one first; its files."""

    keys: tuple[VerifierKey, ...]
    directory: Path

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self.keys[0].name

    def open(self, note: bytes) -> Checkpoint:
        """Read a head that one of the keys signed, or raise ClientError."""
        parsed = Note.parse(note)
        parsed.verified_by(self.keys)
        return Checkpoint.parse(parsed.text)

    def head(
        self, known: tuple[bytes, Checkpoint] | None = None
    ) -> tuple[bytes, Checkpoint] | None:
        """Give the newest signed head, None before the first; `known` is given back while it is."""
        note = TileReader(self.directory).checkpoint()
        if note is None:
            return None
        return known if known is not None and known[0] == note else (note, self.open(note))


async def ask_witness(
    http: httpx.AsyncClient, witness: WitnessAddress, log: OwnLog, note: bytes, old: int
) -> NoteSignature:
    """Have a witness cosign a signed head, and verify what it gives.

    `old` is the size that it last cosigned as far as we know; when it knows better, its word is
    taken and proven from. Raises WitnessError `WITNESS_UNREACHABLE`, `WITNESS_REFUSED`,
    `WITNESS_CONTRADICTS`, `WITNESS_AHEAD`, `WITNESS_ANSWER`.
    """
    head = log.open(note)
    for _ in range(3):
        proof: tuple[bytes, ...] = ()
        if 0 < old < head.size:
            reader = TileReader(log.directory)
            proof = await asyncio.to_thread(reader.consistency, old, head.size)
        status, body = await _post(http, witness, submission_of(old, proof, note))
        if status == 200:
            return _verified(witness, Note.parse(note), body)
        if status != 409:
            break
        size = _SIZE.fullmatch(body)
        if size is None:
            raise WitnessError("WITNESS_ANSWER", "Ask the witness's operator: 409 without a size.")
        old = int(size[1])
        if old > head.size:
            raise WitnessError(
                "WITNESS_AHEAD",
                "Stop sealing and find out: the witness has cosigned more than this log holds."
                " Was the node restored from an old copy?",
                old,
            )
    if status == 422:
        raise WitnessError(
            "WITNESS_CONTRADICTS",
            "Stop sealing and find out: the witness has cosigned another history of this log.",
        )
    if status == 409:
        raise WitnessError("WITNESS_ANSWER", "Ask the witness's operator: its size changes.", old)
    raise WitnessError(
        "WITNESS_REFUSED", f"Ask the witness's operator why it answers HTTP {status}."
    )


async def _post(http: httpx.AsyncClient, witness: WitnessAddress, body: bytes) -> tuple[int, bytes]:
    url = f"{witness.url.rstrip('/')}/add-checkpoint"
    try:
        heard = await hear(http, "POST", url, most=MAX_ANSWER, seconds=TIMEOUT, body=body)
    except TooLongError:
        raise WitnessError("WITNESS_ANSWER", "Ask its operator: it answers too much.") from None
    except LineError as error:
        raise WitnessError(
            "WITNESS_UNREACHABLE", f"Check the line to the witness: {error}."
        ) from error
    return heard.status, heard.body


def _verified(witness: WitnessAddress, note: Note, body: bytes) -> NoteSignature:
    key = witness.key
    try:
        answered = Note.parse(note.text.encode() + b"\n" + body)
        answered.verified_by((key,))
    except ClientError as error:
        raise WitnessError(
            "WITNESS_ANSWER", f"Check the witness's verifier key: {error.message}"
        ) from error
    line = next(s for s in answered.signatures if (s.name, s.id) == (key.name, key.id))
    if abs(cosigned_at(line.signature) - time.time()) > _SKEW:
        raise WitnessError("WITNESS_ANSWER", "Set the clocks: the cosignature's time is not now.")
    return line


@dataclass(slots=True)
class _Course:
    """How asking one witness goes."""

    head: tuple[int, bytes] = (0, b"")
    old: int = 0
    failures: int = 0
    next_at: float = float("-inf")
    refresh_at: float = float("-inf")
    answered_at: float = field(default_factory=time.monotonic)
    is_silent: bool = False


class Witnessing:
    """The witnesses of one own log, asked again and again."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        http: httpx.AsyncClient,
        log: OwnLog,
        witnesses: tuple[WitnessAddress, ...],
        policy: WitnessPolicy,
    ) -> None:
        self._pool = pool
        self._http = http
        self._log = log
        self._policy = policy
        self._courses = {witness: _Course() for witness in witnesses}
        self._cosigned: int | None = None
        self._since: float | None = None
        self._is_alarmed = False
        self._opened: tuple[bytes, Checkpoint] | None = None  # the head that was read last
        self._first: Note | None = None  # as it was when enough witnesses first cosigned its text

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until stopped, every `interval` seconds of the policy at most."""
        while not stop.is_set():
            await self.round()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._policy.interval)

    async def round(self) -> None:
        """Ask every witness that is due to cosign the newest head, and keep what they give."""
        if self._cosigned is None:
            await self._load()
        read_at = time.time()
        self._opened = self._log.head(self._opened)
        if self._opened is None:
            return
        note, head = self._opened
        due = [one for one, course in self._courses.items() if _is_due(course, head)]
        lines = await asyncio.gather(*(self._ask(one, note, head) for one in due))
        await self._keep(note, head, [line for line in lines if line is not None], read_at)
        self._sound(time.time())

    async def _load(self) -> None:
        origin = self._log.origin
        row = await self._pool.fetchrow(
            "SELECT size, extract(epoch FROM since)::float8 AS since FROM cosigned_log"
            " WHERE log = $1",
            origin,
        )
        self._cosigned, self._since = (row["size"], row["since"]) if row else (0, None)
        for answer in await self._pool.fetch(
            "SELECT witness, size FROM witness_answer WHERE log = $1 AND size IS NOT NULL", origin
        ):
            for witness, course in self._courses.items():
                if witness.key.text == answer["witness"]:
                    course.old = answer["size"]

    async def _ask(
        self, witness: WitnessAddress, note: bytes, head: Checkpoint
    ) -> NoteSignature | None:
        course, now = self._courses[witness], time.monotonic()
        log, key = self._log.origin, witness.key.text
        try:
            old = course.old if course.old <= head.size else 0
            line = await ask_witness(self._http, witness, self._log, note, old)
        except WitnessError as error:
            if error.known is not None:
                course.old = error.known
                newest = self._log.head()
                if newest is not None and error.known <= newest[1].size > head.size:
                    return None  # somebody showed it a newer head than we did just now
            course.failures += 1
            wait = self._policy.interval * 2 ** min(course.failures, 10)
            course.next_at = now + min(LONGEST_WAIT, wait)
            await self._pool.execute(_FAILED, log, key, error.code, error.message)
            grave = error.code in ("WITNESS_AHEAD", "WITNESS_CONTRADICTS")
            if course.failures == 1 or (grave and course.failures % 10 == 0):
                level = logging.CRITICAL if grave else logging.WARNING
                _log.log(level, "%s: witness %s: %s", log, witness.key.name, error)
            return None
        if course.is_silent:
            _log.warning("%s: witness %s cosigns again", log, witness.key.name)
        course.head, course.old = (head.size, head.root), head.size
        course.failures, course.is_silent = 0, False
        course.next_at, course.refresh_at = now + self._policy.interval * 0.9, now + REFRESH
        course.answered_at = time.monotonic()
        await self._pool.execute(_ANSWERED, log, key, head.size, cosigned_at(line.signature))
        return line

    async def _keep(
        self, note: bytes, head: Checkpoint, lines: list[NoteSignature], read_at: float
    ) -> None:
        """Publish the head where enough witnesses cosigned it; note the age of what is beyond."""
        is_new = False
        cosigned, since = self._cosigned or 0, self._since
        kept = cosigned_checkpoint(self._log.directory, self._log.origin)
        if lines:
            own = Note.parse(note)
            cosigning = merged(Note(own.text, (*own.signatures, *lines)), kept, self._log.keys[0])
            if self._count(cosigning) >= max(1, self._policy.quorum):
                await asyncio.to_thread(keep_cosigned, self._log.directory, cosigning)
                kept, is_new = cosigning, True
                if self._first is None or self._first.text != cosigning.text:
                    self._first = cosigning
                cosigned, since = head.size, read_at
        newest = self._log.head((note, head))
        text = (head if newest is None else newest[1]).text()
        if kept is not None and kept.text == text:
            since = None
        elif since is None:
            since = read_at
        if is_new or since != self._since:
            whole = "" if kept is None else kept.bytes().decode()
            await self._pool.execute(_KEEP, self._log.origin, cosigned, whole, since)
            if is_new and self._first is not None:
                first = self._first.bytes().decode()
                await self._pool.execute(_REMEMBER, self._log.origin, cosigned, first)
        self._cosigned, self._since = cosigned, since

    def _count(self, note: Note) -> int:
        try:
            return len(set(note.verified_by([one.key for one in self._courses])))
        except ClientError:
            return 0

    def _sound(self, now: float) -> None:
        """Call the operator once when witnesses are silent, and once when they are back."""
        log, limit = self._log.origin, self._policy.alarm
        for witness, course in self._courses.items():
            quiet = time.monotonic() - course.answered_at
            if quiet > max(limit, REFRESH + 2 * TIMEOUT) and not course.is_silent:
                course.is_silent = True
                _log.error("%s: witness %s is silent for %.0f s", log, witness.key.name, quiet)
        alarmed = self._since is not None and now - self._since > limit and self._policy.quorum > 0
        if alarmed and not self._is_alarmed:
            _log.error("%s: no quorum of witnesses for %.0f s", log, now - (self._since or now))
        elif self._is_alarmed and not alarmed:
            _log.warning("%s: enough witnesses cosign again", log)
        self._is_alarmed = alarmed


def _is_due(course: _Course, head: Checkpoint) -> bool:
    now = time.monotonic()
    if now < course.next_at:
        return False
    return course.head != (head.size, head.root) or now >= course.refresh_at
