"""Base information of organisations as their registry states it (records.md 1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from store.mention import fill_codes, record_subjects
from store.name import refresh_names
from store.staging import stage
from store.statement import Applied, Order, Party

if TYPE_CHECKING:
    from store.cipher import Cipher
    from store.connection import Connection
    from store.subject import Directory

# What a registry extract states, in the columns of `organisation`.
STATED = (
    "name",
    "name_en",
    "uscc",
    "org_code",
    "entity_type",
    "reg_status",
    "established_on",
    "approved_on",
    "deregistered_on",
    "revoked_on",
    "operating_from",
    "operating_to",
    "registered_capital",
    "paid_in_capital",
    "currency",
    "address",
    "region_id",
    "industry",
    "business_scope",
    "reg_authority",
    "legal_rep_name",
    "source_unit_name",
    "source_unit_uscc",
)
COLUMNS = (
    "subject_id",
    *STATED,
    "category",
    "origin_region",
    "registered",
    "stamp",
    "batch_sha",
    "line_no",
    "digest",
)
VERSION_COLUMNS = (
    "subject_id",
    "stamp",
    "batch_sha",
    "line_no",
    "digest",
    "origin_region",
    "content",
)


@dataclass(frozen=True, slots=True)
class OrganisationStatement:
    """One row of a registry: `stated` by column name, absent ones are null; capital in 万元."""

    party: Party
    order: Order
    origin_region: str
    stated: Mapping[str, Any]
    former_names: tuple[str, ...] = field(default=())


async def apply_organisations(
    connection: Connection,
    statements: Sequence[OrganisationStatement],
    *,
    cipher: Cipher,
    directory: Directory,
) -> list[Applied]:
    """Show the greatest registered statement of each body and keep every one as a version."""
    if not statements:
        return []
    rows, versions, found = [], [], []
    for statement in statements:
        party = statement.party
        resolution = directory.resolve(
            party, statement.order, origin=statement.origin_region, registered=True
        )
        directory.learn(resolution.subject_id, party.name, statement.former_names)
        found.append(resolution)
        shown, version = organisation_rows(statement, resolution.subject_id, cipher)
        rows.append(shown)
        versions.append(version)
    await directory.write_subjects()
    table = await stage(connection, "organisation_version", VERSION_COLUMNS, versions)
    listed = ", ".join(VERSION_COLUMNS)
    await connection.execute(
        f"INSERT INTO organisation_version ({listed}) SELECT {listed} FROM {table}"
        " ON CONFLICT DO NOTHING"
    )
    changed = await _show(connection, rows)
    touched = [f.subject_id for f in found]
    # A version that is not shown may still bring a former name.
    await refresh_names(connection, set(touched))
    coded = await fill_codes(connection, touched)
    await record_subjects(connection, changed | coded)
    return [Applied(f.subject_id, f.subject_id, f.subject_id in changed, f.remarks) for f in found]


def organisation_rows(
    statement: OrganisationStatement, identity: UUID, cipher: Cipher
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What `organisation` and `organisation_version` hold of a row of a registry."""
    party, order = statement.party, statement.order
    values = [statement.stated.get(column) for column in STATED]
    content = orjson.dumps(
        {
            **dict(zip(STATED, values, strict=True)),
            "category": party.category,
            "formerNames": list(statement.former_names),
            "codes": [f"{scheme}:{value}" for scheme, value in party.codes],
        },
        option=orjson.OPT_SORT_KEYS,
        default=str,
    )
    origin = statement.origin_region
    key = (order.stamp, order.batch_sha, order.line_no, cipher.digest(content))
    return (
        (identity, *values, party.category, origin, True, *key),
        (identity, *key, origin, content.decode()),
    )


async def _show(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> set[Any]:
    table = await stage(connection, "organisation", COLUMNS, rows)
    listed = ", ".join(COLUMNS)
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in COLUMNS[1:])
    shown = await connection.fetch(
        f"""
        INSERT INTO organisation AS o ({listed}, audit_ref)
        SELECT {", ".join(f"m.{c}" for c in COLUMNS)}, s.audit_ref
        FROM (SELECT DISTINCT ON (subject_id) * FROM {table}
              ORDER BY subject_id, stamp DESC, batch_sha DESC, line_no DESC) m
        JOIN subject s USING (subject_id)
        ON CONFLICT (subject_id) DO UPDATE SET {updates}, recorded_from = now()
        WHERE NOT o.registered OR (EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)
            > (o.stamp, o.batch_sha, o.line_no)
        RETURNING new.subject_id, old.digest IS DISTINCT FROM new.digest AS changed
        """
    )
    changed = {row["subject_id"] for row in shown if row["changed"]}
    await connection.execute(
        "UPDATE subject s SET category = o.category FROM organisation o"
        " WHERE s.subject_id = ANY($1) AND o.subject_id = s.subject_id"
        " AND s.category <> o.category",
        list(changed),
    )
    return changed
