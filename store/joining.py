"""Joining 归并: two subjects that a statement names as one body become one, wherever they are.

Which codes arrive first must not matter: a body that was known by an old code alone and the body
that carries the USCC are the same as soon as one statement names both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from store.concert import move_concerts
from store.ids import relation_id, subject_id
from store.mention import fill_codes, record_subjects
from store.name import refresh_names
from store.relation import announce, close_former_representatives, derive_shares
from store.restriction import move_restriction
from store.statement import plain_name

if TYPE_CHECKING:
    import asyncpg

    from store.cipher import Cipher
    from store.connection import Connection

_ORDER = "stamp, batch_sha, line_no"
_HISTORY = {
    "record_version": f"record_id, {_ORDER}",
    "organisation_version": _ORDER,
}


async def join_subject(connection: Connection, weak: UUID, strong: UUID, *, cipher: Cipher) -> None:
    """Make `weak` part of `strong`: codes, records, relations, names and stubs move.

    Where both have the same statement or row, the greatest order key stays. `weak` remains as a
    reference with `merged_into`; the evidence is a closed issue `JOINED`. The caller holds the
    write lock.
    """
    firsts = {
        row["subject_id"]: f"{row['scheme']}:{row['value']}"
        for row in await connection.fetch(
            "SELECT subject_id, scheme, value FROM identifier"
            " WHERE subject_id = ANY($1) AND is_first",
            [weak, strong],
        )
    }
    await _move_codes(connection, weak, strong, firsts[weak])
    await _move_records(connection, weak, strong)
    await move_concerts(connection, weak, strong)
    for table in ("organisation", "person"):
        await _keep_greatest(connection, table, weak, strong)
    await _move_relations(connection, weak, strong, firsts)
    await _move_stubs(connection, weak, strong, firsts[strong], cipher)
    await refresh_names(connection, [weak, strong])
    await fill_codes(connection, [strong])
    changed = await close_former_representatives(connection, [strong])
    changed |= await derive_shares(connection, companies=[strong])
    changed |= await move_restriction(connection, weak, strong)
    for end in ("subject_id", "party_id"):
        await connection.execute(
            f"UPDATE declared_interest SET {end} = $2 WHERE {end} = $1", weak, strong
        )
    await announce(connection, changed)
    await record_subjects(connection, [weak, strong])


async def records_named_by(
    connection: Connection, code: tuple[str, str], holders: Sequence[UUID]
) -> list[asyncpg.Record]:
    """The records of these subjects whose shown statement names them by that code alone."""
    return await connection.fetch(
        "SELECT r.record_id, r.subject_category, r.reported_name, r.origin_region, r.stamp,"
        " r.batch_sha, r.line_no FROM record r"
        " WHERE r.subject_id = ANY($1) AND r.reported_code_type = $2 AND EXISTS"
        " (SELECT FROM record_version v WHERE v.subject_id = r.subject_id"
        " AND v.record_id = r.record_id AND v.content ->> 'party' = $3)",
        holders,
        code[0],
        f"{code[0]}:{code[1]}",
    )


async def move_records(
    connection: Connection, records: Sequence[UUID], holders: Sequence[UUID], target: UUID
) -> None:
    """Hang records of these subjects with their history on another one."""
    for holder in holders:
        await _move_records(connection, holder, target, records)


async def _move_codes(connection: Connection, weak: UUID, strong: UUID, first: str) -> None:
    await connection.execute(
        "INSERT INTO identifier (value, scheme, subject_id, is_open, valid_from, valid_to)"
        " SELECT value, scheme, $2, is_open, valid_from, valid_to FROM identifier"
        " WHERE subject_id = $1 ON CONFLICT DO NOTHING",
        weak,
        strong,
    )
    await connection.execute("DELETE FROM identifier WHERE subject_id = $1", weak)
    await connection.execute(
        "UPDATE subject SET merged_into = $2 WHERE subject_id = $1 OR merged_into = $1",
        weak,
        strong,
    )
    await connection.execute(
        "UPDATE quality_issue SET subject_id = $2 WHERE subject_id = $1", weak, strong
    )
    await connection.execute(
        "INSERT INTO quality_issue (issue_id, kind, subject_id, detail, closed_at)"
        " VALUES ($1, 'JOINED', $2, $3, now()) ON CONFLICT DO NOTHING",
        subject_id("issue:JOINED", f"{weak}:{strong}"),
        strong,
        orjson.dumps({"code": first, "joined": str(weak)}).decode(),
    )


async def _move_records(
    connection: Connection, weak: UUID, strong: UUID, records: Sequence[UUID] | None = None
) -> None:
    """Hang these records of `weak`, or all, with their history on `strong`."""
    chosen = "($3::uuid[] IS NULL OR record_id = ANY($3))"
    for table, key in _HISTORY.items():
        of_records = chosen if table == "record_version" else "$3::uuid[] IS NULL"
        await connection.execute(
            f"DELETE FROM {table} WHERE subject_id = $1 AND ({key}) IN"
            f" (SELECT {key} FROM {table} WHERE subject_id = $2) AND {of_records}",
            weak,
            strong,
            records,
        )
        await connection.execute(
            f"UPDATE {table} SET subject_id = $2 WHERE subject_id = $1 AND {of_records}",
            weak,
            strong,
            records,
        )
    await connection.execute(
        "WITH gone AS (DELETE FROM record r USING record o WHERE r.record_id = o.record_id"
        " AND r.subject_id = ANY(ARRAY[$1, $2]::uuid[])"
        " AND o.subject_id = ANY(ARRAY[$1, $2]::uuid[]) AND r.subject_id <> o.subject_id"
        " AND (r.stamp, r.batch_sha, r.line_no, r.subject_id)"
        " < (o.stamp, o.batch_sha, o.line_no, o.subject_id)"
        " AND ($3::uuid[] IS NULL OR r.record_id = ANY($3))"
        " RETURNING o.subject_id, o.record_id, r.received_at)"
        " UPDATE record k SET received_at = least(k.received_at, g.received_at) FROM gone g"
        " WHERE k.subject_id = g.subject_id AND k.record_id = g.record_id",
        weak,
        strong,
        records,
    )
    await connection.execute(
        f"WITH moved AS (UPDATE record SET subject_id = $2 WHERE subject_id = $1 AND {chosen}"
        " RETURNING record_id)"
        " INSERT INTO outbox (entity, entity_id, subject_id)"
        " SELECT 'RECORD', record_id, $2 FROM moved ORDER BY record_id",
        weak,
        strong,
        records,
    )


async def _keep_greatest(connection: Connection, table: str, weak: UUID, strong: UUID) -> None:
    """Keep one row of the two: of organisations a registered one, else the greatest."""
    ranked = f"registered DESC, {_ORDER.replace(',', ' DESC,')} DESC"
    if table == "person":
        ranked = ranked.removeprefix("registered DESC, ")
    await connection.execute(
        f"DELETE FROM {table} WHERE subject_id = ANY($1) AND subject_id <> (SELECT subject_id"
        f" FROM {table} WHERE subject_id = ANY($1) ORDER BY {ranked} LIMIT 1)",
        [weak, strong],
    )
    await connection.execute(
        f"UPDATE {table} t SET subject_id = $2, audit_ref = s.audit_ref FROM subject s"
        " WHERE t.subject_id = $1 AND s.subject_id = $2",
        weak,
        strong,
    )


async def _move_relations(
    connection: Connection, weak: UUID, strong: UUID, firsts: dict[UUID, str]
) -> None:
    """Tie the relations of `weak` to `strong` under the ids they would have had there.

    A partner's copy keeps the id that its own city gave it: by that it is told of its end.
    """
    for row in await connection.fetch(
        "SELECT DISTINCT ON (relation_id) relation_id, origin_region, kind, content"
        " FROM relation JOIN relation_version v USING (subject_id, relation_id, direction)"
        " WHERE subject_id = $1 AND content ? 'naturalKey'",  # a withdrawal names no ends
        weak,
    ):
        content = orjson.loads(row["content"])
        source, target = (
            firsts[strong] if content[end] == firsts[weak] else content[end]
            for end in ("source", "target")
        )
        old = row["relation_id"]
        key = tuple(content["naturalKey"])
        new = relation_id(row["origin_region"], row["kind"], source, target, key)
        if key == (str(old),):
            new = old
        else:
            await connection.execute(
                f"DELETE FROM relation_version WHERE relation_id = $1 AND (direction, {_ORDER}) IN"
                f" (SELECT direction, {_ORDER} FROM relation_version WHERE relation_id = $2)",
                old,
                new,
            )
        await connection.execute(
            "UPDATE relation_version SET relation_id = $2, content = content || $5::jsonb,"
            " subject_id = CASE subject_id WHEN $3 THEN $4 ELSE subject_id END"
            " WHERE relation_id = $1",
            old,
            new,
            weak,
            strong,
            orjson.dumps({"source": source, "target": target}).decode(),
        )
        await connection.execute(
            "DELETE FROM relation r USING relation o WHERE r.relation_id = ANY($1)"
            " AND o.relation_id = ANY($1) AND r.relation_id <> o.relation_id"
            " AND r.direction = o.direction AND (r.stamp, r.batch_sha, r.line_no, r.relation_id)"
            " < (o.stamp, o.batch_sha, o.line_no, o.relation_id)",
            [old, new],
        )
        await connection.execute(
            "UPDATE relation SET relation_id = $2,"
            " subject_id = CASE subject_id WHEN $3 THEN $4 ELSE subject_id END,"
            " other_id = CASE other_id WHEN $3 THEN $4 ELSE other_id END WHERE relation_id = $1",
            old,
            new,
            weak,
            strong,
        )
        # The old id is announced as well: whoever knows the edge by it must let it go.
        await connection.execute(
            "INSERT INTO outbox (entity, entity_id, subject_id)"
            " SELECT 'RELATION', unnest($1::uuid[]), $2::uuid",
            [old, new],
            strong,
        )


async def _move_stubs(
    connection: Connection, weak: UUID, strong: UUID, first: str, cipher: Cipher
) -> None:
    """Tie the person stubs of `weak` to `strong`; one of the same name there is the same stub."""
    for row in await connection.fetch(
        "UPDATE person SET stub_firm_id = $2 WHERE stub_firm_id = $1 RETURNING subject_id, name",
        weak,
        strong,
    ):
        indexes = cipher.blind_indexes("person_stub", f"{first}\x1f{plain_name(row['name'])}")
        known = await connection.fetchval(
            "SELECT subject_id FROM identifier WHERE scheme = 'person_stub' AND value = ANY($1)"
            " LIMIT 1",
            list(indexes),
        )
        if known is not None and known != row["subject_id"]:
            await join_subject(connection, row["subject_id"], known, cipher=cipher)
        elif known is None:
            await connection.execute(
                "INSERT INTO identifier (value, scheme, subject_id, is_open)"
                " VALUES ($1, 'person_stub', $2, false)",
                indexes[0],
                row["subject_id"],
            )
