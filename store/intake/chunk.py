"""A chunk of judged lines, applied in one transaction with its journal row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import orjson

from store.concert import ConcertStatement, apply_concerts
from store.correction import REASON, stand_again, supersede_corrected
from store.coverage import note_reports
from store.exclusion import ISSUE as EXCLUSION
from store.exclusion import KINDS, review_exclusions
from store.intake.batch import Batch, acknowledge
from store.intake.context import Context, Line, PartyStatement, Statement
from store.intake.finding import Finding, finding
from store.intake.holding import check_holdings
from store.interest import InterestStatement, apply_interests
from store.loan import LoanStatement, apply_loans
from store.organisation import OrganisationStatement, apply_organisations
from store.record import RecordStatement, apply_records
from store.reference import UnitMention, note_units
from store.relation import (
    RelationStatement,
    announce,
    apply_relations,
    close_former_representatives,
    derive_shares,
)
from store.statement import Applied, Party
from store.subject import Directory
from store.work_queue import (
    BY_SUBJECT,
    Origin,
    close_empty_placeholders,
    close_superseded,
    name_units,
    settle,
)

if TYPE_CHECKING:
    from store.connection import Connection

# Fields that a finding about the subject points at, by what the file has.
_NAMED = ("counterparty_name", "holder_name", "company_name", "parent_name", "guarantor_name",
          "borrower_name", "name")  # fmt: skip
_CODED = ("uscc", "holder_code", "company_uscc", "parent_uscc", "guarantor_code", "borrower_code")

_T = TypeVar("_T")


async def apply_chunk(
    connection: Connection,
    context: Context,
    batch: Batch,
    lines: Sequence[Line],
    rejected: Sequence[tuple[int, Sequence[str]]],
) -> None:
    """Apply the statements of a chunk and enter it in the journal, all or nothing."""
    sealed = [
        (number, context.cipher.encrypt(orjson.dumps(list(cells)).decode(), batch.id.bytes))
        for number, cells in _clean(rejected)
    ]
    async with connection.transaction():
        told = [(line, statement) for line in lines for statement in line.statements]
        corrected = await _apply(connection, context, told) if told else set()
        units = merged_units(unit for line in lines for unit in line.units)
        if units:
            await note_units(connection, units, context.region)
        sources = Counter(c for line in lines for c, unit in line.units if unit.is_source)
        await note_reports(connection, batch.kind, batch.stamp, batch.id, sources)
        await acknowledge(connection, batch, lines, sealed)
        origin = Origin(batch.id, batch.kind, context.stamp, context.sha256, context.answered)
        await settle(connection, origin, lines, context.cipher)
        if corrected:
            await close_superseded(connection, corrected, REASON)
        await connection.execute("NOTIFY outbox")


async def _apply(
    connection: Connection,
    context: Context,
    told: Sequence[tuple[Line, Statement]],
) -> set[UUID]:
    """Apply the statements; the records that corrections have ended."""
    cipher = context.cipher
    parties = [party for _, statement in told for party in parties_of(statement)]
    directory = await Directory.open(connection, parties, cipher)
    lines, organisations = _of(told, OrganisationStatement)
    firms = await apply_organisations(connection, organisations, cipher=cipher, directory=directory)
    note_remarks(lines, firms)
    for statement in _of(told, PartyStatement)[1]:
        directory.resolve(statement.party, statement.order, origin=statement.origin_region)
    lines, loans = _of(told, LoanStatement)
    note_remarks(lines, await apply_loans(connection, loans, directory=directory))
    lines, relations = _of(told, RelationStatement)
    held = await apply_relations(connection, relations, cipher=cipher, directory=directory)
    note_remarks(lines, held)
    lines, interests = _of(told, InterestStatement)
    note_remarks(lines, await apply_interests(connection, interests, directory=directory))
    lines, concerts = _of(told, ConcertStatement)
    note_remarks(lines, await apply_concerts(connection, concerts, directory=directory))
    lines, records = _of(told, RecordStatement)
    applied = await apply_records(
        connection, records, kinds=context.kinds, cipher=cipher, directory=directory
    )
    note_remarks(lines, applied)
    corrected: set[UUID] = set()
    if applied or directory.joined:
        corrected = await supersede_corrected(
            connection,
            {r.entity_id for r in applied},
            kinds=context.kinds,
            subjects=directory.joined,
        )
    await _check_exclusions(connection, context, lines, records, applied)
    await directory.write()
    if directory.parted:
        await stand_again(connection, directory.parted)
        corrected |= await supersede_corrected(
            connection, [], kinds=context.kinds, subjects=directory.parted
        )
    touched = [firm.subject_id for firm in firms]
    if touched:
        changed = await close_former_representatives(connection, touched)
        changed |= await derive_shares(connection, companies=touched)
        await announce(connection, changed)
    lines = _of(told, RelationStatement)[0]
    await check_holdings(connection, lines, relations, held, touched, context.today)
    await _name_units(connection, told, corrected)
    return corrected


def parties_of(statement: Statement) -> Iterable[Party]:
    """Every party that a statement names."""
    match statement:
        case RelationStatement():
            yield statement.source
            yield statement.target
            if statement.loan is not None:
                yield statement.loan
        case InterestStatement():
            yield statement.subject
            if statement.party is not None:
                yield statement.party
        case ConcertStatement():
            yield statement.party
            if statement.company is not None:
                yield statement.company
        case _:
            yield statement.party


def merged_units(mentions: Iterable[tuple[str, UnitMention]]) -> dict[str, UnitMention]:
    """Units by code, issuer and source flags joined."""
    units: dict[str, UnitMention] = {}
    for code, unit in mentions:
        held = units.get(code)
        if code and held != unit:
            units[code] = (
                unit
                if held is None
                else UnitMention(
                    max(held.name, unit.name),
                    held.is_source or unit.is_source,
                    held.is_issuer or unit.is_issuer,
                )
            )
    return units


def _of(told: Sequence[tuple[Line, object]], kind: type[_T]) -> tuple[list[Line], list[_T]]:
    lines: list[Line] = []
    statements: list[_T] = []
    for line, statement in told:
        if isinstance(statement, kind):
            lines.append(line)
            statements.append(statement)
    return lines, statements


async def _check_exclusions(
    connection: Connection,
    context: Context,
    lines: Sequence[Line],
    records: Sequence[RecordStatement],
    applied: Sequence[Applied],
) -> None:
    """Warn at the lines whose list excludes another one that their subject is on."""
    listed = [
        (line, result)
        for line, statement, result in zip(lines, records, applied, strict=True)
        if statement.kind in KINDS
    ]
    if not listed:
        return
    subjects = {result.subject_id for _, result in listed}
    clashing = await review_exclusions(connection, subjects, on=context.today)
    for line, result in listed:
        if result.entity_id in clashing:
            line.findings.append(finding(line.header("list_code", "case_no"), EXCLUSION))


async def _name_units(
    connection: Connection, told: Sequence[tuple[Line, Statement]], corrected: set[UUID]
) -> None:
    """Placeholders are a task of the unit that reported them, and none once they are empty."""
    units = [
        (identity, line.unit)
        for line, _ in told
        if any(f.code in BY_SUBJECT for f in line.findings)
        for identity in line.subject_ids
    ]
    if units:
        await name_units(connection, units)
    if corrected:
        await close_empty_placeholders(connection, corrected)


def note_remarks(lines: Sequence[Line], applied: Sequence[Applied]) -> None:
    """Put what was found when statements were applied to the findings of their lines."""
    for line, result in zip(lines, applied, strict=True):
        if line.entity_id is None:
            line.entity_id = result.entity_id
            ends = (result.subject_id, result.other_id)
            line.subject_ids = tuple(end for end in ends if end is not None)
        for remark in result.remarks:
            named: tuple[str, ...] = _NAMED if remark.code.startswith("NAME_") else _CODED
            if remark.field:
                named = (remark.field,)
            found = Finding(line.header(*named), remark.code, remark.severity, remark.reason)
            if found not in line.findings:
                line.findings.append(found)


def _clean(rejected: Sequence[tuple[int, Sequence[str]]]) -> Iterable[tuple[int, list[str]]]:
    """Bytes that did not decode, as question marks: the department has the original."""
    for number, cells in rejected:
        yield number, [c.encode("utf-8", "replace").decode() for c in cells]
