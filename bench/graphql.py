"""Latency and CPU of questions about stored data: the compiled lane beside the same SQL by hand.

    python -m bench.graphql DSN [--seconds 3]

DSN names an empty database that may be filled: 20,000 organisations, 40,000 holdings, 60,000
penalties. One connection, one question at a time. CPU is of this process and, where /proc tells,
of PostgreSQL's backend.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from bench.table import Table
from resolvers.context import Context
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import Grounds, Role, load_policy
from store.hot import ensure_hot_columns
from store.migrations import migrate
from store.pool import Readers, open_pool

TODAY = dt.date(2026, 6, 30)
CODES = [f"XDBENCH{number:011d}" for number in range(1, 20_001, 7)]
ONE = """query($c: String!) { organisation(code: $c) { id name uscc regStatus establishedOn
    registeredCapital { value unit } region { name } legalRepName } }"""
TWENTY = """{ organisations(first: 20) { nodes { name uscc
    penalties(first: 10) { nodes { documentNo decisionDate issuerName } } } } }"""
THOUSAND = """{ organisations(first: 1000) { nodes { name uscc orgCode entityType regStatus
    establishedOn address industry regAuthority legalRepName } } }"""
QUESTIONS = {"one": ONE, "twenty": TWENTY, "thousand": THOUSAND}
BY_HAND = {
    "one": """SELECT row_to_json(q) FROM (SELECT o.subject_id AS id, o.name, o.uscc,
        o.reg_status AS "regStatus", o.established_on AS "establishedOn",
        json_build_object('value', trim_scale(o.registered_capital)::text, 'unit', 'x')
          AS "registeredCapital", json_build_object('name', g.name) AS region,
        o.legal_rep_name AS "legalRepName"
        FROM identifier i JOIN organisation o USING (subject_id)
        LEFT JOIN region g ON g.region_id = o.region_id
        WHERE i.value = $1 AND i.scheme = 'uscc' AND i.is_open) q""",
    "twenty": """SELECT json_agg(q) FROM (SELECT o.name, o.uscc, p.penalties FROM
        (SELECT * FROM organisation ORDER BY name, subject_id LIMIT 20) o CROSS JOIN LATERAL
        (SELECT json_agg(t) AS penalties FROM (SELECT r.document_no AS "documentNo",
          r.decision_date AS "decisionDate", r.issuer_name AS "issuerName" FROM record r
          WHERE r.subject_id = o.subject_id AND r.kind = 'penalty' AND r.class = 'O'
          AND r.status = 'VALID' AND r.display_from <= $1 AND r.display_until > $1
          ORDER BY r.decision_date DESC, r.record_id LIMIT 10) t) p) q""",
    "thousand": """SELECT json_agg(q) FROM (SELECT name, uscc, org_code, entity_type, reg_status,
        established_on, address, industry, reg_authority, legal_rep_name
        FROM organisation ORDER BY name, subject_id LIMIT 1000) q""",
}


def arguments_by_hand(name: str, code: str) -> list[Any]:
    """What the statement of that name binds."""
    return {"one": [code], "twenty": [TODAY], "thousand": []}[name]


async def fill(dsn: str) -> None:
    """A town of synthetic rows, if the database has none.

    The penalties come from another city, so that a node on it has no feed of 60,000 to write first.
    """
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await ensure_hot_columns(connection, kinds())
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM organisation)"):
        await connection.execute(
            """
            INSERT INTO region VALUES ('210500', '210500', '本溪市', 'PREFECTURE', NULL)
              ON CONFLICT DO NOTHING;
            INSERT INTO subject (subject_id, category)
              SELECT md5(i::text)::uuid, 'LEGAL_ENTITY' FROM generate_series(1, 20000) i;
            INSERT INTO identifier (value, scheme, subject_id)
              SELECT 'XDBENCH' || lpad(i::text, 11, '0'), 'uscc', md5(i::text)::uuid
              FROM generate_series(1, 20000) i;
            INSERT INTO organisation (subject_id, category, name, uscc, org_code, entity_type,
              reg_status, established_on, registered_capital, address, region_id, industry,
              reg_authority, legal_rep_name, origin_region, registered, audit_ref, stamp,
              batch_sha, line_no, digest)
              SELECT s.subject_id, 'LEGAL_ENTITY', '本溪第' || i || '制造有限公司',
              'XDBENCH' || lpad(i::text, 11, '0'), lpad(i::text, 9, '0'), '公司', '存续',
              '2000-01-01'::date + i % 9000, i * 1.5, '本溪市某街' || i || '号', '210500',
              'C3110', '本溪市市场监督管理局', '张某', '210500', true, s.audit_ref,
              now(), 's', i, 'd'
              FROM generate_series(1, 20000) i JOIN subject s ON s.subject_id = md5(i::text)::uuid;
            INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category,
              reported_name, document_no, issuer_name, source_unit_name, source_unit_uscc,
              decision_date, received_at, class, display_from, display_until, status, fields,
              commitment, stamp, batch_sha, line_no, digest)
              SELECT md5((i % 20000 + 1)::text)::uuid, md5('r' || i)::uuid, 'penalty', '210100',
              'LEGAL_ENTITY', 'x', '罚字' || i, '应急管理局', '局', '1',
              '2025-07-01'::date + i % 300,
              now(), 'O', '2025-07-01'::date + i % 300, '2027-01-01', 'VALID', '{}', 'c', now(),
              's', i, 'd' FROM generate_series(1, 60000) i;
            ANALYZE;
            """
        )
    await connection.close()


@dataclass(frozen=True)
class Measured:
    """Medians in microseconds; CPU per question of this process and of the backend."""

    latency: float
    p99: float
    cpu: float
    backend_cpu: float


def _backend_cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(ask: Callable[[], Awaitable[Any]], pid: int, seconds: float) -> Measured:
    """Ask for that long, after a warm-up."""
    for _ in range(20):
        await ask()
    times, cpu, backend = [], time.process_time(), _backend_cpu(pid)
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await ask()
        times.append(time.perf_counter() - start)
    times.sort()
    count = len(times)
    return Measured(
        times[count // 2] * 1e6,
        times[int(count * 0.99)] * 1e6,
        (time.process_time() - cpu) / count * 1e6,
        (_backend_cpu(pid) - backend) / count * 1e6,
    )


async def compare(dsn: str, seconds: float) -> Table:
    """Each question by the compiled lane and by hand, planned once and planned each time."""
    await fill(dsn)
    policy = load_policy()
    public = policy.scope("public", Role.PUB, None, "")
    partner = policy.scope("partner", Role.PCITY, "P3", "", Grounds(agreement="a"))
    operations = Operations(CreditSchema(kinds()))
    rows: list[tuple[str, str, float, float, float, float]] = []
    for generic in (True, False):
        pool = Readers(await open_pool(dsn, min_size=1, max_size=1, answering=generic))
        found_pid = await pool.fetchrow("SELECT pg_backend_pid()")
        assert found_pid is not None
        pid = found_pid[0]
        for name, document in QUESTIONS.items():
            values = arguments_by_hand(name, CODES[1000])
            variables = {"c": CODES[1000]} if name == "one" else {}
            scope = public if name == "one" else partner

            async def compiled(
                document: str = document,
                variables: Any = variables,
                scope: Any = scope,
                pool: Any = pool,
            ) -> None:
                plan = operations.prepare(document, None, scope)
                answer = await plan.run(Context(pool, scope, TODAY, b"k" * 32), variables)
                assert answer.status == 200
                assert not answer.errors

            async def by_hand(
                sql: str = BY_HAND[name], values: Any = values, pool: Any = pool
            ) -> None:
                await pool.fetchrow(sql, *values)

            for label, ask in (("compiled", compiled), ("by hand", by_hand)):
                found = await measure(ask, pid, seconds)
                rows.append(
                    (
                        name,
                        f"{label}{'' if generic else ', planned each time'}",
                        found.latency,
                        found.p99,
                        found.cpu,
                        found.backend_cpu,
                    )
                )
        await pool.close()
    return Table(
        "Questions inside the process, without HTTP, signature and log",
        ("question", "by", "median µs", "p99 µs", "CPU µs", "PostgreSQL CPU µs"),
        list(rows),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    print(uvloop.run(compare(given.dsn, given.seconds)).markdown())
