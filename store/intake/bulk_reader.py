"""One file of a first load, read in a process of its own: its plain lines become staged rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import asyncpg

from store.cipher import Cipher
from store.intake.batch import Batch
from store.intake.bulk_table import SCHEMA
from store.intake.chunk import merged_units, note_remarks
from store.intake.context import Context, IntakeRules, Line, PartyStatement
from store.intake.opening import open_readings
from store.intake.plain_party import Identifier, PlainParties, is_plain
from store.intake.reading import Reading
from store.intake.source import FileFacts
from store.kind import Kinds
from store.loan import COLUMNS as LOAN_COLUMNS
from store.loan import LoanStatement, loan_row
from store.mention import (
    NAMELESS,
    ORGANISATION_COLUMNS,
    PERSON_COLUMNS,
    organisation_row,
    person_row,
)
from store.organisation import COLUMNS as FIRM_COLUMNS
from store.organisation import VERSION_COLUMNS as FIRM_VERSION_COLUMNS
from store.organisation import OrganisationStatement, organisation_rows
from store.record import VERSION_COLUMNS as RECORD_VERSION_COLUMNS
from store.record import RecordStatement, columns_of, record_rows
from store.reference import UnitMention
from store.relation import COLUMNS as RELATION_COLUMNS
from store.relation import VERSION_COLUMNS as RELATION_VERSION_COLUMNS
from store.relation import RelationStatement, relation_rows
from store.rule_set import RuleSet, load_severity_rules
from store.statement import LOAN, NATURAL_PERSON, Applied

if TYPE_CHECKING:
    from store.connection import Connection

_CHUNK = 4_000  # lines whose rows are held at once
_REMEMBERED = 400_000  # identifiers that were told already; those told twice are made one later
_IDENTIFIERS = ("scheme", "value", "subject_id", "is_first", "is_open")
_FINDINGS = ("batch_id", "line_no", "field", "code", "severity", "reason")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Task:
    """One batch to read: sheet `place` of a file, and what its lines are judged by."""

    path: Path
    facts: FileFacts
    sha256: bytes  # of the batch: the file's, or a later sheet's own
    place: int
    batch: Batch
    region: str
    platform: str | None

    def reading(self, kinds: Kinds) -> Reading:
        """The file, opened again."""
        return open_readings(self.path, self.facts, kinds, None)[self.place]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a node judges lines by; handed to every process."""

    dsn: str
    kinds: Kinds
    ciphers: Callable[[], Cipher]
    rule_sets: tuple[RuleSet, ...]
    today: date
    demo: bool
    rules: IntakeRules
    secret: bytes = field(repr=False)

    def context(self, task: Task, cipher: Cipher) -> Context:
        """What reading a line of this batch needs to know."""
        return Context(
            self.kinds, cipher, self.rule_sets, load_severity_rules(), task.region, task.platform,
            self.today, self.demo, task.batch.id, task.sha256, task.batch.stamp,
            self.rules, task.batch.answers,
        )  # fmt: skip


@dataclass(slots=True)
class Staged:
    """What became of a batch: lines staged, the numbers of those left to intake, who told."""

    task: Task
    lines: int = 0
    last: int = 0
    left: list[int] = field(default_factory=list)
    units: dict[str, UnitMention] = field(default_factory=dict)
    sources: Counter[str] = field(default_factory=Counter)


async def stage_file(judgement: Judgement, task: Task) -> Staged:
    """Stage the plain lines of a batch by COPY, in a connection of its own."""
    connection = await asyncpg.connect(judgement.dsn, server_settings={"synchronous_commit": "off"})
    try:
        return await _BatchStage(connection, judgement, task).run()
    finally:
        await connection.close()


class _BatchStage:
    def __init__(self, connection: Connection, judgement: Judgement, task: Task) -> None:
        self._connection = connection
        self._kinds = judgement.kinds
        self._cipher = judgement.ciphers()
        self._secret = judgement.secret
        self._reading = task.reading(judgement.kinds)
        self._context = judgement.context(task, self._cipher)
        self._told: set[Identifier] = set()
        self._staged = Staged(task)

    async def run(self) -> Staged:
        lines: list[Line] = []
        for row in self._reading.rows():
            lines.append(self._reading.judge(self._context, row))
            if len(lines) == _CHUNK:
                await self._stage(lines)
                lines = []
        if lines:
            await self._stage(lines)
        return self._staged

    async def _stage(self, lines: Sequence[Line]) -> None:
        plain = []
        for line in lines:
            if is_plain(line):
                plain.append(line)
            else:
                self._staged.left.append(line.number)
        self._staged.last = lines[-1].number
        parties = PlainParties(self._cipher, self._secret)
        firms, firm_versions = self._firms(plain, parties)
        for _, statement in _of(plain, PartyStatement):
            parties.resolve(statement.party, statement.order, origin=statement.origin_region)
        loans = [
            loan_row(s, parties.resolve(s.party, s.order, origin=s.origin_region).subject_id)
            for _, s in _of(plain, LoanStatement)
        ]
        relations, relation_versions = self._relations(plain, parties)
        records, record_versions, taken = self._records(plain, parties)
        await self._put("organisation_version", FIRM_VERSION_COLUMNS, firm_versions)
        await self._put("organisation", FIRM_COLUMNS, firms)
        await self._put("relation", RELATION_COLUMNS, relations)
        await self._put("relation_version", RELATION_VERSION_COLUMNS, relation_versions)
        for kind, rows in records.items():
            await self._put("record", columns_of(self._kinds.by_name[kind]), rows)
        await self._put("record_version", RECORD_VERSION_COLUMNS, record_versions)
        await self._mentioned(parties, {row[0] for row in firms}, loans)
        self._count(taken)
        await self._put(
            "finding",
            _FINDINGS,
            {
                (line.number, f.field, f.code): (
                    self._context.batch_id, line.number, f.field, f.code, f.severity, f.reason,
                )
                for line in taken
                for f in line.findings
            }.values(),
        )  # fmt: skip

    def _firms(
        self, plain: Sequence[Line], parties: PlainParties
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        rows, versions = [], []
        for _, statement in _of(plain, OrganisationStatement):
            found = parties.resolve(
                statement.party, statement.order, origin=statement.origin_region, registered=True
            )
            shown, version = organisation_rows(statement, found.subject_id, self._cipher)
            rows.append(shown)
            versions.append(version)
        return rows, versions

    def _relations(
        self, plain: Sequence[Line], parties: PlainParties
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        rows: list[tuple[Any, ...]] = []
        versions: list[tuple[Any, ...]] = []
        for _, statement in _of(plain, RelationStatement):
            order, origin = statement.order, statement.origin_region
            target = parties.resolve(statement.target, order, origin=origin)
            source = parties.resolve(statement.source, order, origin=origin)
            loan = statement.loan and parties.resolve(statement.loan, order, origin=origin)
            _, shown, kept = relation_rows(
                statement, source, target, loan.subject_id if loan else None, self._cipher
            )
            rows.extend(shown)
            versions.extend(kept)
        return rows, versions

    def _records(
        self, plain: Sequence[Line], parties: PlainParties
    ) -> tuple[dict[str, list[tuple[Any, ...]]], list[tuple[Any, ...]], list[Line]]:
        """The records by kind, their versions, and the lines that are taken.

        A text that must be held back is a task of the unit that sent it: such a line is left.
        """
        told = _of(plain, RecordStatement)
        statements = [statement for _, statement in told]
        resolved = [parties.resolve(s.party, s.order, origin=s.origin_region) for s in statements]
        rows = record_rows(statements, resolved, kinds=self._kinds, cipher=self._cipher)
        by_kind: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        versions, held = [], set()
        for (line, _), found, row in zip(told, resolved, rows, strict=True):
            if any(remark.severity != "info" for remark in row.remarks):
                held.add(line.number)
                continue
            by_kind[row.kind].append(row.shown)
            versions.append(row.version)
            note_remarks([line], [Applied(found.subject_id, row.record_id, True, row.remarks)])
        self._staged.left.extend(held)
        return by_kind, versions, [line for line in plain if line.number not in held]

    async def _mentioned(
        self, parties: PlainParties, registered: set[UUID], loans: list[tuple[Any, ...]]
    ) -> None:
        """Identifiers not told before, and parties that the registry did not describe here."""
        await self._put("identifier", _IDENTIFIERS, parties.identifiers - self._told)
        if len(self._told) > _REMEMBERED:
            self._told.clear()
        self._told |= parties.identifiers
        persons, bodies = [], []
        for identity, mention in parties.mentions.items():
            category = mention.party.category
            if category == NATURAL_PERSON:
                persons.append(person_row(identity, mention))
            elif category == LOAN:
                bare = dict.fromkeys(LOAN_COLUMNS)
                bare |= {"loan_no": mention.name, "origin_region": mention.origin,
                         "stamp": NAMELESS, "batch_sha": b"", "line_no": 0}  # fmt: skip
                loans.append((identity, *bare.values()))
            elif identity not in registered:
                bodies.append(organisation_row(identity, mention, self._cipher))
        await self._put("person", PERSON_COLUMNS, persons)
        await self._put("organisation", ORGANISATION_COLUMNS, bodies)
        await self._put("loan", ("subject_id", *LOAN_COLUMNS), loans)

    def _count(self, taken: Sequence[Line]) -> None:
        staged = self._staged
        staged.lines += len(taken)
        mentions = [mention for line in taken for mention in line.units]
        staged.units = merged_units((*staged.units.items(), *mentions))
        staged.sources.update(code for code, unit in mentions if unit.is_source)

    async def _put(self, table: str, columns: Sequence[str], rows: Any) -> None:
        if rows:
            await self._connection.copy_records_to_table(
                table, schema_name=SCHEMA, columns=list(columns), records=rows
            )


def _of(lines: Sequence[Line], kind: type[_T]) -> list[tuple[Line, _T]]:
    return [(ln, s) for ln in lines for s in ln.statements if isinstance(s, kind)]
