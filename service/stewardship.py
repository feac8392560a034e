"""A steward's decisions at a node of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from resolvers.global_id import read_global_id
from service.enrolled import node_connection
from service.enrolment import EnrolmentError, own_keys
from service.home import NodeHome
from service.process import replace_file
from service.recognition import parties_signed, read_note_or_draft, signed_by
from service.settings import load_settings
from service.subject import subject_of
from store.restriction import lift_restriction, restrict_subject
from store.scheme import shipped_schemes
from store.withdrawal import mark_objection, withdraw_record
from sync.agreement import Agreement
from sync.errors import MappingError
from sync.mapping import GradeMapping, check_mapping, check_scale
from sync.mapping_note import agreement_of, named_agreement, read_mapping, record_mapping

REPAIR = "修复"  # the reason under which display ends


async def withdraw_here(root: Path, node: str, record_id: str, reason: str) -> str:
    """Withdraw a record that originates at the node, as of the domain date; its status then.

    Raises EnrolmentError RECORD_ID_INVALID, RECORD_FOREIGN, and what `store.withdrawal` raises.
    """
    return await _end(root, node, record_id, reason, "WITHDRAWN")


async def repair_here(root: Path, node: str, record_id: str) -> str:
    """Enter the repair 修复 of a record that originates at the node; its status then.

    What was withdrawn stays so. Raises as `withdraw_here`.
    """
    return await _end(root, node, record_id, REPAIR, "REPAIRED")


async def mark_here(root: Path, node: str, record_id: str, objection: bool) -> None:
    """Mark a record as objected to, or take the mark away; raises as `withdraw_here`."""
    record = _record_id(record_id)
    async with node_connection(root, node) as connection:
        await _demand_own(connection, root, node, record)
        await mark_objection(connection, record, objection)


async def _end(root: Path, node: str, record_id: str, reason: str, status: str) -> str:
    record = _record_id(record_id)
    today = load_settings(NodeHome(root, node)).domain_date()
    async with node_connection(root, node) as connection:
        await _demand_own(connection, root, node, record)
        await withdraw_record(connection, record, reason=reason, on=today, status=status)
        return str(
            await connection.fetchval("SELECT status FROM record WHERE record_id = $1", record)
        )


async def restrict_here(root: Path, node: str, code: str, reason: str, *, lift: bool) -> bool:
    """Restrict the subject that a code names, or end that; False when nothing changes.

    Raises EnrolmentError SUBJECT_UNKNOWN, StoreError REASON_REQUIRED.
    """
    async with node_connection(root, node) as connection:
        subject = await subject_of(connection, NodeHome(root, node), code)
        if lift:
            return await lift_restriction(connection, subject)
        return await restrict_subject(connection, subject, reason)


def _record_id(record_id: str) -> UUID:
    told = read_global_id(record_id)
    try:
        return UUID(told[1] if told else record_id)
    except ValueError:
        raise EnrolmentError(
            "RECORD_ID_INVALID", "name a record by its id as a query shows it, or by its UUID"
        ) from None


async def _demand_own(
    connection: asyncpg.Connection[Any], root: Path, node: str, record: UUID
) -> None:
    """Who recognised a record decides on it 谁认定谁修复 (X22)."""
    region = load_settings(NodeHome(root, node)).region
    foreign = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM record WHERE record_id = $1 AND origin_region <> $2)",
        record,
        region,
    )
    if foreign:
        raise EnrolmentError(
            "RECORD_FOREIGN", "ask the city that the record comes from: only it may decide on it"
        )


async def _told(
    connection: asyncpg.Connection[Any], path: Path
) -> tuple[bytes | GradeMapping, Agreement]:
    told = read_note_or_draft(path)
    if isinstance(told, bytes):
        return told, await agreement_of(connection, named_agreement(told))
    check_scale(told, shipped_schemes())  # says first what the draft itself has wrong
    return told, await agreement_of(connection, told.agreement)


async def checked_mapping(root: Path, node: str, path: Path) -> GradeMapping:
    """A draft or signed mapping that is sound; raises MappingError as the loader would."""
    async with node_connection(root, node) as connection:
        told, agreement = await _told(connection, path)
    mapping = read_mapping(told, agreement) if isinstance(told, bytes) else told
    check_mapping(mapping, shipped_schemes(), agreement)
    return mapping


async def sign_mapping_here(root: Path, node: str, path: Path, out: Path) -> tuple[str, ...]:
    """Sign a draft, or countersign, as the node's city; the names of all who have signed."""
    async with node_connection(root, node) as connection:
        told, agreement = await _told(connection, path)
    note = signed_by(told, agreement, own_keys(NodeHome(root, node)).agreement)
    replace_file(out, note.decode(), 0o644)
    return parties_signed(note)


async def load_mapping_here(root: Path, node: str, path: Path) -> GradeMapping:
    """Take a mapping that every party has signed; raises MappingError."""
    async with node_connection(root, node) as connection:
        told = read_note_or_draft(path)
        if not isinstance(told, bytes):
            raise MappingError("MAPPING_UNSIGNED", "Let every party sign the draft first.")
        return await record_mapping(connection, told, shipped_schemes())


async def loaded_mappings(root: Path, node: str) -> list[dict[str, Any]]:
    """The mappings of a node, as JSON values."""
    async with node_connection(root, node) as connection:
        rows = await connection.fetch(
            "SELECT mapping_id, agreement_id, scheme, version, purposes, valid_from, valid_to"
            " FROM grade_mapping ORDER BY mapping_id"
        )
    return [
        {
            "id": row["mapping_id"],
            "agreement": row["agreement_id"],
            "scheme": row["scheme"],
            "version": row["version"],
            "purposes": row["purposes"],
            "validFrom": row["valid_from"].isoformat(),
            "validTo": row["valid_to"].isoformat() if row["valid_to"] else None,
        }
        for row in rows
    ]
