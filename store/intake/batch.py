"""The intake journal: a committed chunk and its row there are what is acknowledged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from store.errors import StoreError
from store.ids import batch_id
from store.intake.context import SHANGHAI, Line
from store.intake.finding import Finding
from store.intake.source import FileFacts

if TYPE_CHECKING:
    from store.connection import Connection

_REPORT = re.compile(r"_([0-9a-f]{8})_report")  # as reports are named
_MOST_NOTES, _LONGEST_FIELD = 1_000, 200  # of one header
_DATED = re.compile(r"(\d{4})(\d{2})(\d{2})(?=[_\-.])")


@dataclass(frozen=True, slots=True)
class Batch:
    """One file as sent: the same content sent on the same day is the same batch (W28)."""

    id: UUID
    kind: str
    stamp: datetime
    next_line: int
    finished: bool
    answers: UUID | None = None  # the batch whose report this is, corrected


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines by outcome; information-only findings count as accepted."""

    accepted: int = 0
    with_findings: int = 0
    rejected: int = 0

    @property
    def lines(self) -> int:
        return self.accepted + self.with_findings + self.rejected


def sent_date(path: Path, sent_on: date | None) -> date | None:
    """The day a file was sent: given, else the date its name begins with."""
    if sent_on is not None:
        return sent_on
    match = _DATED.match(path.name)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def demand_sent(path: Path, sent_on: date | None, today: date) -> None:
    """Refuse a file of a later day than today: it would stand above all that is sent until then.

    The later of the node's day and the clock's counts. Raises StoreError `SENT_ON_FUTURE`.
    """
    day = sent_date(path, sent_on)
    if day is not None and day > max(today, datetime.now(SHANGHAI).date()):
        raise StoreError(
            "SENT_ON_FUTURE",
            f"{path.name}：报送日期{day}晚于今天，请更正文件名开头的日期或--sent-on后重报。"
            f"The file says that it is sent on {day}, which is to come: correct the day that its"
            " name begins with, or --sent-on, and send it again.",
        )


async def open_batch(
    connection: Connection,
    path: Path,
    facts: FileFacts,
    kind: str,
    *,
    region: str,
    sent_on: date | None,
    is_report: bool = False,
    source_unit: str | None = None,
) -> Batch:
    """The batch of a file, entered in the journal when it is new.

    With `source_unit` only lines of that unit are taken: what another unit sends, or a steward,
    is a batch of its own, though it be the same file.

    A report that comes back corrected under the day of its batch is ordered after everything of
    that day, so that its corrections stand, and before the next day, so that what was sent since
    stands too.

    Holds the batch's advisory lock in this session until `close_batch`, so that a second
    importer of the same file waits and then finds it done.
    """
    day = sent_date(path, sent_on)
    source = f"{region}@{day.isoformat() if day else ''}"
    identity = batch_id(facts.sha256, kind, f"{source}@{source_unit}" if source_unit else source)
    await connection.execute("SELECT pg_advisory_lock($1)", _lock(identity))
    stamp = datetime.now(UTC)
    if day is not None:
        stamp = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)
        if is_report:
            stamp = await _after_the_day_so_far(connection, stamp)
    row = await connection.fetchrow(
        "INSERT INTO batch (batch_id, sha256, kind, file_name, encoding, stamp)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (batch_id) DO UPDATE SET batch_id = EXCLUDED.batch_id"
        " RETURNING stamp, next_line, finished_at IS NOT NULL AS finished",
        identity,
        facts.sha256,
        kind,
        path.name,
        facts.encoding,
        stamp,
    )
    assert row is not None
    answered = _REPORT.search(path.name) if is_report else None
    answers: UUID | None = None
    if answered is not None:
        answers = await connection.fetchval(
            "SELECT batch_id FROM batch WHERE left(batch_id::text, 8) = $1 AND kind = $2"
            " ORDER BY started_at DESC LIMIT 1",
            answered[1],
            kind,
        )
    return Batch(identity, kind, row["stamp"], row["next_line"], row["finished"], answers)


async def _after_the_day_so_far(connection: Connection, day: datetime) -> datetime:
    latest: datetime = await connection.fetchval(
        "SELECT coalesce(max(stamp), $1) FROM batch WHERE stamp >= $1 AND stamp < $2",
        day,
        day + timedelta(days=1),
    )
    return latest + timedelta(seconds=1)


async def close_batch(connection: Connection, batch: Batch) -> None:
    """Let the next importer of this batch go on."""
    await connection.execute("SELECT pg_advisory_unlock($1)", _lock(batch.id))


async def note_header(
    connection: Connection, batch: Batch, line: int, findings: Sequence[Finding]
) -> None:
    """Enter what was ignored in a header, at its line: it is nobody's fault, but must be told."""
    told = {
        (plain_text(one.field)[:_LONGEST_FIELD], one.code): one for one in findings[:_MOST_NOTES]
    }
    await connection.executemany(
        "INSERT INTO batch_finding (batch_id, line_no, field, code, severity, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        [
            (batch.id, line, field, code, one.severity, one.reason)
            for (field, code), one in told.items()
        ],
    )


def plain_text(text: str) -> str:
    """A text of a file as the database holds one; bytes that did not decode are question marks."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


async def acknowledge(
    connection: Connection,
    batch: Batch,
    lines: Sequence[Line],
    rejected: Sequence[tuple[int, bytes]],
) -> None:
    """Enter a chunk: counts, findings, rejected lines (encrypted) and where to go on."""
    counts = count(lines)
    await connection.execute(
        "INSERT INTO batch_chunk (batch_id, first_line, last_line, accepted, with_findings,"
        " rejected) VALUES ($1, $2, $3, $4, $5, $6)",
        batch.id,
        lines[0].number,
        lines[-1].number,
        counts.accepted,
        counts.with_findings,
        counts.rejected,
    )
    await connection.execute(
        "UPDATE batch SET next_line = $2, accepted = accepted + $3,"
        " with_findings = with_findings + $4, rejected = rejected + $5 WHERE batch_id = $1",
        batch.id,
        lines[-1].number + 1,
        counts.accepted,
        counts.with_findings,
        counts.rejected,
    )
    findings = {
        (line.number, f.field, f.code): (
            batch.id,
            line.number,
            f.field,
            f.code,
            f.severity,
            f.reason,
        )
        for line in lines
        for f in line.findings
    }
    if findings:
        await connection.copy_records_to_table(
            "batch_finding",
            records=findings.values(),
            columns=["batch_id", "line_no", "field", "code", "severity", "reason"],
        )
    if rejected:
        await connection.copy_records_to_table(
            "batch_rejected",
            records=[(batch.id, number, content) for number, content in rejected],
            columns=["batch_id", "line_no", "line"],
        )


async def finish(connection: Connection, batch: Batch) -> Counts:
    """Mark the batch finished and return its counts from the journal's chunks."""
    row = await connection.fetchrow(
        "SELECT coalesce(sum(accepted), 0)::int AS accepted,"
        " coalesce(sum(with_findings), 0)::int AS with_findings,"
        " coalesce(sum(rejected), 0)::int AS rejected FROM batch_chunk WHERE batch_id = $1",
        batch.id,
    )
    assert row is not None
    counts = Counts(row["accepted"], row["with_findings"], row["rejected"])
    await connection.execute(
        "UPDATE batch SET lines = $2, finished_at = coalesce(finished_at, now())"
        " WHERE batch_id = $1",
        batch.id,
        counts.lines,
    )
    return counts


def count(lines: Sequence[Line]) -> Counts:
    """The outcome of each line: rejected by an error, with findings by a warning."""
    accepted = warned = rejected = 0
    for line in lines:
        severities = {f.severity for f in line.findings}
        if "error" in severities:
            rejected += 1
        elif "warning" in severities:
            warned += 1
        else:
            accepted += 1
    return Counts(accepted, warned, rejected)


def _lock(identity: UUID) -> int:
    return int.from_bytes(identity.bytes[:8], "big", signed=True)
