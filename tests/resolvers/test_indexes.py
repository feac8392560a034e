"""Every question that names something is answered through an index, behind the wall of every role.

Of what a role may not see the wall's own condition is part of the plan: it must not turn an index
scan into a scan of all. 20,000 firms with a record, a holder and an officer each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from security.policy import PolicyError, Reach, Role, Scope
from tests.databases import Databases
from tests.resolvers.conftest import TODAY
from tests.resolvers.walled import Walled, walled_database

COUNT = 20_000
LARGE = ("record", "organisation", "organisation_name", "relation", "person", "identifier",
         "subject")  # fmt: skip
QUESTIONS = {
    "records of a subject": """query($uscc: String!) {
        records(filter: {subject: $uscc}) { totalCount nodes { kind documentNo } } }""",
    "records by document number": """query($no: String!) {
        records(filter: {documentNo: $no}) { totalCount nodes { kind documentNo } } }""",
    "records of a unit": """query($issuer: String!) {
        records(first: 5, filter: {issuer: $issuer}) { nodes { kind documentNo } } }""",
    "newest records of a kind": """query($from: Date!) {
        records(first: 5, filter: {kinds: ["penalty"], decidedFrom: $from}) {
            nodes { documentNo } } }""",
    "a firm by its code": """query($uscc: String!) { organisation(code: $uscc) { name
        penalties(first: 5) { totalCount nodes { documentNo } }
        holders(first: 5) { nodes { __typename ... on Person { name } } } } }""",
    "a firm by an old code": """query($old: String!) { organisation(code: $old) { name } }""",
    "persons of a firm": """query($uscc: String!) {
        persons(filter: {firm: $uscc}) { totalCount nodes { name } } }""",
    "persons by name": """query($name: String!) {
        persons(filter: {name: $name}) { totalCount nodes { name } } }""",
}
AT = COUNT // 2
VALUES = {
    "uscc": f"9121{AT:014d}",
    "old": f"{AT:015d}",
    "no": f"罚{AT}号",
    "name": f"王第{AT}",
    "issuer": f"1121{AT % 400:014d}",
    "from": TODAY.replace(day=1).isoformat(),
}

_FILL = """
CREATE TEMP TABLE made AS SELECT i, gen_random_uuid() AS firm, gen_random_uuid() AS holder
  FROM generate_series(1, $1::int) i;
INSERT INTO subject (subject_id, category) SELECT firm, 'LEGAL_ENTITY' FROM made
 UNION ALL SELECT holder, 'NATURAL_PERSON' FROM made;
INSERT INTO identifier (value, scheme, subject_id, is_first, is_open)
SELECT '9121' || lpad(i::text, 14, '0'), 'uscc', firm, true, true FROM made
 UNION ALL SELECT lpad(i::text, 15, '0'), 'reg_no', firm, false, true FROM made
 UNION ALL SELECT 'k1:' || md5(i::text), 'person_number', holder, true, false FROM made;
INSERT INTO organisation (subject_id, category, name, uscc, region_id, origin_region, registered,
    audit_ref, stamp, batch_sha, line_no, digest)
SELECT firm, 'LEGAL_ENTITY', '第' || i || '号厂', '9121' || lpad(i::text, 14, '0'), '210504',
    '210500', true, '', now(), '', i, '' FROM made;
INSERT INTO person (subject_id, name, is_stub, origin_region, audit_ref, stamp, batch_sha, line_no)
SELECT holder, '王第' || i, false, '210500', '', now(), '', i FROM made;
INSERT INTO relation (relation_id, subject_id, other_id, direction, kind, origin_region, class,
    source_unit_name, source_unit_uscc, digest, stamp, batch_sha, line_no)
SELECT md5(i::text)::uuid, firm, holder, 'IN', 'HOLDS', '210500', 'O', '', '', ''::bytea,
    now(), ''::bytea, i FROM made
 UNION ALL SELECT md5(i::text)::uuid, holder, firm, 'OUT', 'HOLDS', '210500', 'O', '', '',
    ''::bytea, now(), ''::bytea, i FROM made;
INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category, reported_name,
    document_no, issuer_name, issuer_uscc, source_unit_name, source_unit_uscc, decision_date,
    received_at, class, display_from, query_until, status, fields, commitment, digest, stamp,
    batch_sha, line_no)
SELECT firm, gen_random_uuid(), 'penalty', '210500', 'LEGAL_ENTITY', '厂', '罚' || i || '号', '局',
    '1121' || lpad((i % 400)::text, 14, '0'), '局', '', $2::date - i % 3000, now(),
    CASE WHEN i % 3 = 0 THEN 'G' ELSE 'O' END, $2::date - i % 3000, $2::date + 400, 'VALID', '{}',
    '', '', now(), '', i FROM made;
"""


class Explaining(Walled):
    """Reads of one role, and how the server would go about each."""

    def __init__(self, pool: asyncpg.Pool[Any], role: Role) -> None:
        super().__init__(pool, role, TODAY)
        self.plans: list[str] = []

    async def fetch(self, sql: str, /, *values: Any) -> list[asyncpg.Record]:
        lines = await super().fetch(f"EXPLAIN (GENERIC_PLAN) {sql}", *values)
        self.plans.append("\n".join(row[0] for row in lines))
        return await super().fetch(sql, *values)


@pytest.fixture(scope="module")
async def many(databases: Databases) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with walled_database(databases, 2) as pool:
        async with pool.acquire() as connection:
            filled = _FILL.replace("$1", str(COUNT)).replace("$2", f"'{TODAY}'")
            await connection.execute(filled)
            await connection.execute("ANALYZE")
        yield pool


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_role_reads_what_it_names_by_the_indexes(
    many: asyncpg.Pool[Any],
    operations: Operations,
    scope_of: Callable[..., Scope],
    question: str,
) -> None:
    document, read = QUESTIONS[question], 0
    for role in Role:
        scope = scope_of(role, case="案1")
        if scope.row.open is not Reach.ALL:  # a subject is read by its own id
            continue
        plan: Any = operations.prepare(document, None, scope)
        asked = {name: value for name, value in VALUES.items() if f"${name}:" in document}
        pool = Explaining(many, role)
        try:
            answer = await plan.run(Context(pool, scope, TODAY, b"k" * 32), asked)
        except PolicyError:
            continue
        if answer.errors:  # nobody but analysts asks for persons
            assert question.startswith("persons"), (role, answer.errors)
            continue
        read += bool(pool.plans)
        for told in pool.plans:
            for table in LARGE:
                assert f"Seq Scan on {table} " not in told, (role, told)
    assert read >= (1 if question.startswith("persons") else 6), read


async def test_without_the_index_the_scan_is_seen(
    many: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> None:
    """What the tests above rest on: a plan without an index says so."""
    pool = Explaining(many, Role.STEWARD)
    await pool.fetch("SELECT record_id FROM record WHERE remark = $1", "x")
    assert "Seq Scan on record " in pool.plans[0]
