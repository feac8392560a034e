"""Where a first load stands between its files and the tables, and how it enters them.

Staged rows have no index and no log. They enter the tables in one transaction: indexes away, the
greatest statement of each key in, what intake derives derived, indexes made again. A kill leaves
either an empty node, or a loaded one with what is left to intake noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from store.correction import repeated_records, supersede_corrected
from store.errors import StoreError
from store.kind import Kinds
from store.loan import COLUMNS as LOAN_COLUMNS
from store.mention import PERSON_COLUMNS
from store.name import write_names
from store.organisation import COLUMNS as FIRM_COLUMNS
from store.organisation import VERSION_COLUMNS as FIRM_VERSION_COLUMNS
from store.record import COLUMNS as RECORD_COLUMNS
from store.record import VERSION_COLUMNS as RECORD_VERSION_COLUMNS
from store.record import first_received
from store.relation import COLUMNS as RELATION_COLUMNS
from store.relation import VERSION_COLUMNS as RELATION_VERSION_COLUMNS
from store.relation import close_former_representatives, derive_shares
from store.share_sum import oversubscribed

if TYPE_CHECKING:
    from store.connection import Connection

SCHEMA = "first_load"
_TABLES = (
    "subject", "identifier", "organisation", "organisation_version", "organisation_name",
    "person", "loan", "relation", "relation_version", "record", "record_version", "outbox",
)  # fmt: skip
_STAGED = (
    "identifier", "organisation", "organisation_version", "person", "loan", "relation",
    "relation_version", "record", "record_version",
)  # fmt: skip
_LATEST = "stamp DESC, batch_sha DESC, line_no DESC"
_NAMES = 20_000  # bodies whose names are cut at once


async def is_loaded(connection: Connection) -> bool:
    """Whether a first load entered the tables and has lines left to intake."""
    found = await connection.fetchval(f"SELECT to_regclass('{SCHEMA}.line_left') IS NOT NULL")
    return bool(found)


async def open_stage(connection: Connection) -> None:
    """Make the staging tables anew. Raises StoreError `NODE_NOT_EMPTY`."""
    if await connection.fetchval("SELECT EXISTS (SELECT FROM subject)"):
        raise StoreError(
            "NODE_NOT_EMPTY",
            "A first load needs a node without subjects: use `xinqiao import` for this one.",
        )
    await close_stage(connection)
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    for table in _STAGED:
        await connection.execute(
            f"CREATE UNLOGGED TABLE {SCHEMA}.{table} AS TABLE public.{table} WITH NO DATA"
        )
    await connection.execute(
        f"CREATE UNLOGGED TABLE {SCHEMA}.finding AS TABLE public.batch_finding WITH NO DATA"
    )


async def close_stage(connection: Connection) -> None:
    """Drop everything staged."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


async def enter(
    connection: Connection, left: Iterable[tuple[UUID, int]], *, kinds: Kinds, on: date
) -> None:
    """Bring the staged rows into the tables, inside the caller's transaction.

    `left` are the lines that intake takes afterwards, by batch. Readers of these tables wait.
    """
    await connection.execute(
        "SET LOCAL maintenance_work_mem = '1GB'; SET LOCAL work_mem = '256MB';"
        "SET LOCAL max_parallel_maintenance_workers = 2"
    )
    indexes = await _without_indexes(connection)
    await _copy(connection, kinds)
    await _derive(connection, kinds, on)
    await _restore(connection, [made for table, made in indexes if table != "organisation_name"])
    await _name(connection)
    await _restore(connection, [made for table, made in indexes if table == "organisation_name"])
    await connection.execute(f"ANALYZE {', '.join(_TABLES)}")  # for what intake does next
    await _announce(connection)
    await connection.execute(
        f"CREATE TABLE {SCHEMA}.line_left (batch_id uuid NOT NULL, line_no integer NOT NULL,"
        " PRIMARY KEY (batch_id, line_no))"
    )
    await connection.copy_records_to_table(
        "line_left", schema_name=SCHEMA, records=list(left), columns=["batch_id", "line_no"]
    )
    for table in (*_STAGED, "finding"):
        await connection.execute(f"DROP TABLE {SCHEMA}.{table}")


async def _without_indexes(connection: Connection) -> list[tuple[str, str]]:
    """Drop keys and indexes of the tables; what makes each again, by table."""
    keys = await connection.fetch(
        "SELECT conrelid::regclass::text AS table, conname AS name,"
        " pg_get_constraintdef(oid) AS made FROM pg_constraint"
        " WHERE conrelid = ANY($1::text[]::regclass[]) AND contype IN ('p', 'u')",
        list(_TABLES),
    )
    plain = await connection.fetch(
        "SELECT i.indrelid::regclass::text AS table, i.indexrelid::regclass::text AS name,"
        " pg_get_indexdef(i.indexrelid) AS made FROM pg_index i"
        " WHERE i.indrelid = ANY($1::text[]::regclass[])"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        list(_TABLES),
    )
    for row in keys:
        await connection.execute(f'ALTER TABLE {row["table"]} DROP CONSTRAINT "{row["name"]}"')
    for row in plain:
        await connection.execute(f"DROP INDEX {row['name']}")
    return [
        *(
            (
                row["table"],
                f'ALTER TABLE {row["table"]} ADD CONSTRAINT "{row["name"]}" {row["made"]}',
            )
            for row in keys
        ),
        *((row["table"], row["made"]) for row in plain),
    ]


async def _restore(connection: Connection, made: Sequence[str]) -> None:
    for statement in made:
        await connection.execute(statement)


async def _copy(connection: Connection, kinds: Kinds) -> None:
    """The greatest statement of each key into the tables, every one into the versions."""
    await connection.execute(
        f"""
        INSERT INTO subject (subject_id, category)
        SELECT subject_id, (array_agg(category ORDER BY registered DESC,
            CASE WHEN registered THEN stamp END DESC, stamp, batch_sha, line_no))[1]
        FROM {SCHEMA}.organisation GROUP BY subject_id
        UNION ALL SELECT DISTINCT subject_id, 'NATURAL_PERSON' FROM {SCHEMA}.person
        UNION ALL SELECT DISTINCT subject_id, 'LOAN' FROM {SCHEMA}.loan;

        INSERT INTO identifier (value, scheme, subject_id, is_first, is_open)
        SELECT DISTINCT value, scheme, subject_id, is_first, is_open FROM {SCHEMA}.identifier;
        """
    )
    for table, parties in (("person", PERSON_COLUMNS), ("loan", ("subject_id", *LOAN_COLUMNS))):
        listed = ", ".join(parties)
        await connection.execute(
            f"INSERT INTO {table} ({listed}, audit_ref)"
            f" SELECT {', '.join(f'm.{c}' for c in parties)}, s.audit_ref"
            f" FROM (SELECT DISTINCT ON (subject_id) * FROM {SCHEMA}.{table}"
            f" ORDER BY subject_id, {_LATEST}) m JOIN subject s USING (subject_id)"
        )
    await _copy_firms(connection)
    hot = sorted({f"x_{f.name}" for kind in kinds for f in kind.hot_fields})
    shown: tuple[tuple[str, Sequence[str], str], ...] = (
        ("record", (*RECORD_COLUMNS, *hot), "subject_id, record_id"),
        ("relation", RELATION_COLUMNS, "subject_id, relation_id, direction"),
    )
    for table, columns, key in shown:
        listed = ", ".join(columns)
        told = first_received(columns) if table == "record" else listed
        await connection.execute(
            f"INSERT INTO {table} ({listed}) SELECT DISTINCT ON ({key}) {told}"
            f" FROM {SCHEMA}.{table} ORDER BY {key}, {_LATEST}"
        )
    kept: tuple[tuple[str, Sequence[str]], ...] = (
        ("organisation_version", FIRM_VERSION_COLUMNS),
        ("record_version", RECORD_VERSION_COLUMNS),
        ("relation_version", RELATION_VERSION_COLUMNS),
    )
    for table, columns in kept:
        listed = ", ".join(columns)
        await connection.execute(
            f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {SCHEMA}.{table}"
        )
    await connection.execute(
        "INSERT INTO batch_finding (batch_id, line_no, field, code, severity, reason)"
        f" SELECT batch_id, line_no, field, code, severity, reason FROM {SCHEMA}.finding"
    )


async def _copy_firms(connection: Connection) -> None:
    """Bodies with the codes that their statement left out (`mention.fill_codes`)."""
    codes = {"uscc", "org_code"}
    own = ", ".join(f"m.{c}" for c in FIRM_COLUMNS if c not in codes)
    listed = ", ".join(c for c in FIRM_COLUMNS if c not in codes)
    await connection.execute(
        f"""
        INSERT INTO organisation ({listed}, uscc, org_code, audit_ref)
        SELECT {own}, coalesce(m.uscc, c.uscc), coalesce(m.org_code, c.org_code), s.audit_ref
        FROM (SELECT DISTINCT ON (subject_id) * FROM {SCHEMA}.organisation
              ORDER BY subject_id, registered DESC, {_LATEST}) m
        JOIN subject s USING (subject_id)
        JOIN (SELECT subject_id, min(value) FILTER (WHERE scheme = 'uscc') AS uscc,
                     min(value) FILTER (WHERE scheme = 'org_code') AS org_code
              FROM identifier GROUP BY subject_id) c USING (subject_id)
        """
    )


async def _derive(connection: Connection, kinds: Kinds, on: date) -> None:
    """What intake derives chunk by chunk, of everything at once and before there is an index."""
    firms = [
        row[0]
        for row in await connection.fetch(
            "SELECT DISTINCT subject_id FROM relation"
            " WHERE direction = 'IN' AND kind IN ('HOLDS', 'LEGAL_REP_OF')"
        )
    ]
    await connection.execute("ANALYZE record, relation, organisation, organisation_version")
    await close_former_representatives(connection, firms)
    await derive_shares(connection, companies=firms)
    if records := await repeated_records(connection, kinds):
        await supersede_corrected(connection, records, kinds=kinds)
    await oversubscribed(connection, firms, on=on)


async def _name(connection: Connection) -> None:
    """Searchable names, cut by the one function that cuts them."""
    bodies = [row[0] for row in await connection.fetch("SELECT subject_id FROM organisation")]
    for start in range(0, len(bodies), _NAMES):
        await write_names(connection, bodies[start : start + _NAMES])


async def _announce(connection: Connection) -> None:
    """One outbox row for each shown subject, relation and record, as intake leaves at least."""
    await connection.execute(
        """
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'SUBJECT', subject_id, subject_id FROM subject;
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RELATION', relation_id, subject_id FROM relation WHERE direction = 'OUT';
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RECORD', record_id, subject_id FROM record;
        """
    )
    await connection.execute("NOTIFY outbox")
