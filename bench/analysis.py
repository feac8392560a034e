"""How long a table of counts takes, beside the same grouping by hand without protection.

    python -m bench.analysis DSN [--size M | --asis]

DSN names an empty, migrated database that may be filled, by the server itself: organisations in
districts, sections and states, and records of several kinds and months. M has 40,000 organisations
and 60,000 records, L 1,000,000 and 2,000,000. With `--asis` what is there is asked, and not
changed: a world that was loaded, a city with what it mirrors.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.load import family_seconds
from bench.table import Cell, Table
from resolvers.context import Context
from resolvers.operation import Operations
from resolvers.wall import wall_of
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import Grounds, Role, load_policy
from store.hot import ensure_hot_columns
from store.pool import open_readers
from store.reference import load_reference
from store.wall import raise_walls

TODAY = dt.date(2026, 6, 30)
_SIZES = {"S": (2_000, 4_000), "M": (40_000, 60_000), "L": (1_000_000, 2_000_000)}
_FILL = """
CREATE TEMP TABLE place AS SELECT row_number() OVER (ORDER BY region_id) - 1 AS n, region_id
    FROM region WHERE parent_id IN ('210500', '210100') AND kind = 'COUNTY';
INSERT INTO subject (subject_id, category)
SELECT md5('o' || i)::uuid, 'LEGAL_ENTITY' FROM generate_series(1, $1) i;
INSERT INTO organisation (subject_id, category, name, uscc, region_id, industry, entity_type,
    reg_status, registered_capital, currency, established_on, address, origin_region, registered,
    audit_ref, stamp, batch_sha, line_no, digest)
SELECT md5('o' || i)::uuid, 'LEGAL_ENTITY', '第' || i || '号商贸有限公司', lpad(i::text, 18, '9'),
    p.region_id, substr('FFFFFFFFHHLLGGCCEOAI', 1 + (i::bigint * 7919 % 20)::int, 1) || '51',
    '公司',
    (ARRAY['存续', '存续', '存续', '注销', '吊销未注销'])[1 + (i * 31) % 5], i % 1000, 'CNY',
    '2010-01-01'::date + i % 5000, '某街' || i || '号', '210500', true,
    uuid_send(md5('o' || i)::uuid), now(), '', i, ''
FROM generate_series(1, $1) i
JOIN place p ON p.n = (i::bigint * 104729) % (SELECT count(*) FROM place);
INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category, reported_name,
    document_no, source_unit_name, source_unit_uscc, decision_date, received_at, class,
    display_from, query_until, status, fields, commitment, digest, stamp, batch_sha, line_no,
    x_fine_amount, x_list_code)
SELECT md5('o' || 1 + (i::bigint * 7919) % $1)::uuid, md5('r' || i)::uuid, k.kind, '210500',
    'LEGAL_ENTITY', '第' || i || '号厂', '罚字' || i || '号', '局', '',
    '2024-01-01'::date + i % 900, now(), CASE WHEN i % 3 = 0 THEN 'G' ELSE 'O' END,
    '2024-01-01', '2031-01-01', 'VALID',
    '{"facts": "当事人未按规定明码标价", "content": "罚款2000元"}', '', '', now(), '', i,
    CASE k.kind WHEN 'penalty' THEN 0.2 END, CASE k.kind WHEN 'serious_list' THEN 'TAX' END
FROM generate_series(1, $2) i JOIN (VALUES (0, 'penalty'), (1, 'licence'), (2, 'inspection'),
    (3, 'commitment'), (4, 'serious_list')) k (n, kind) ON k.n = (i * 31) % 5;
"""
ASK = """query($d: [AnalysisDimension!], $m: [AnalysisMeasure!]!, $f: AnalysisFilter, $on: Date) {
    analysis(dimensions: $d, measures: $m, filter: $f, asOf: $on) {
        suppressed cells { keys { value total } values { value suppressed } } } }"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom, and the same by hand where that is one statement."""

    asked: Mapping[str, Any]
    by_hand: str | None = None
    role: Role = Role.ANALYST


_KIND_YEAR = {"d": ["KIND", "YEAR"], "m": ["RECORDS", "ORGANISATIONS"]}
_LISTED_OWNER = {"region": "210500", "holder": {"region": "210100", "list": "serious_list"}}
QUESTIONS = {
    "firms by district": Question(
        {"d": ["DISTRICT"], "m": ["ORGANISATIONS"]},
        "SELECT region_id, count(*) FROM organisation GROUP BY CUBE (region_id)",
    ),
    "firms by district and industry": Question(
        {"d": ["DISTRICT", "INDUSTRY"], "m": ["ORGANISATIONS", "CAPITAL_SUM"]},
        "SELECT region_id, left(industry, 1), count(*), sum(registered_capital)"
        " FROM organisation GROUP BY CUBE (region_id, left(industry, 1))",
    ),
    "penalties by district": Question(
        {"d": ["DISTRICT"], "m": ["RECORDS", "AMOUNT_SUM"], "f": {"kind": "penalty"}},
        "SELECT region_id, count(*), sum(x_fine_amount) FROM record r"
        " JOIN organisation o USING (subject_id) WHERE kind = 'penalty' AND class IN ('O', 'G')"
        " GROUP BY CUBE (region_id)",
    ),
    "records by kind and year": Question(
        _KIND_YEAR,
        "SELECT kind, extract(year FROM decision_date), count(*), count(DISTINCT subject_id)"
        " FROM record WHERE class IN ('O', 'G')"
        " GROUP BY CUBE (kind, extract(year FROM decision_date))",
    ),
    "records by district and month": Question(
        {"d": ["DISTRICT", "MONTH"], "m": ["RECORDS"]},
        "SELECT region_id, date_trunc('month', decision_date), count(*) FROM record r"
        " JOIN organisation o USING (subject_id) WHERE class IN ('O', 'G')"
        " GROUP BY CUBE (region_id, date_trunc('month', decision_date))",
    ),
    "records by list": Question({"d": ["LIST"], "m": ["RECORDS", "ORGANISATIONS"]}),
    "firms by grade": Question({"d": ["GRADE"], "m": ["ORGANISATIONS"]}),
    "firms by district and list": Question({"d": ["DISTRICT", "LIST"], "m": ["ORGANISATIONS"]}),
    "records by list and month": Question({"d": ["LIST", "MONTH"], "m": ["RECORDS"]}),
    "amounts by city, kind and month": Question(
        {"d": ["REGION", "KIND", "MONTH"], "m": ["AMOUNT_SUM"]}
    ),
    "firms by district, owner in the other city and on a list": Question(
        {"d": ["DISTRICT"], "m": ["ORGANISATIONS"], "f": _LISTED_OWNER}
    ),
    "records of such firms by kind": Question(
        {"d": ["KIND"], "m": ["RECORDS"], "f": _LISTED_OWNER}
    ),
    "records by kind and year, a year ago": Question(
        {**_KIND_YEAR, "on": (TODAY - dt.timedelta(days=365)).isoformat()}
    ),
    "firms by district, the public": Question(
        {"d": ["DISTRICT"], "m": ["ORGANISATIONS"]}, role=Role.PUB
    ),
    "records by kind and year, the public": Question(_KIND_YEAR, role=Role.PUB),
    "records by district and month, the public": Question(
        {"d": ["DISTRICT", "MONTH"], "m": ["RECORDS"]}, role=Role.PUB
    ),
    "records by list, the public": Question(
        {"d": ["LIST"], "m": ["RECORDS", "ORGANISATIONS"]}, role=Role.PUB
    ),
}


async def fill(dsn: str, size: str) -> None:
    """The organisations and records, if the database has none."""
    connection = await asyncpg.connect(dsn)
    await ensure_hot_columns(connection, kinds())
    await raise_walls(connection, kinds())
    await load_reference(connection, demo=True)
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM organisation)"):
        firms, records = _SIZES[size]
        await connection.execute(_FILL.replace("$1", str(firms)).replace("$2", str(records)))
        await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def measure(dsn: str, size: str | None, times: int) -> Table:
    """Median milliseconds of each question, and CPU, beside the grouping by hand; `size` None
    asks what is there."""
    if size is not None:
        await fill(dsn, size)
    every = frozenset(kinds().by_name)
    policy, grounds = load_policy(), Grounds(government_kinds=every)
    scopes = {
        Role.ANALYST: policy.scope("analyst", Role.ANALYST, "P12", "", grounds, kinds=every),
        Role.PUB: policy.scope("public", Role.PUB, None, "", grounds, kinds=every),
    }
    readers = {
        role: await open_readers(dsn, max_size=4, wall=wall_of(role), day=TODAY.isoformat())
        for role in scopes
    }
    operations = Operations(CreditSchema(kinds()))
    [backend] = await readers[Role.ANALYST].fetch("SELECT pg_backend_pid()")
    postmaster = _parent(backend[0])
    rows: list[tuple[Cell, ...]] = []
    for label, question in QUESTIONS.items():
        scope, pool = scopes[question.role], readers[question.role]
        plan = operations.prepare(ASK, None, scope)
        context = Context(pool, scope, TODAY, b"k" * 32)
        told, hand = [], []
        used, stored = time.process_time(), family_seconds(postmaster)
        for _ in range(times):
            began = time.perf_counter()
            answer = await plan.run(context, question.asked)
            told.append((time.perf_counter() - began) * 1000)
            assert set(answer.errors) <= {"ANALYSIS_LIMIT"}, answer.errors
        used, stored = time.process_time() - used, family_seconds(postmaster) - stored
        for by_hand in [question.by_hand] * times if question.by_hand else ():
            began = time.perf_counter()
            try:
                await pool.fetch(by_hand)
            except asyncpg.QueryCanceledError:  # at L some take longer than a session may
                hand.append(float("inf"))
            else:
                hand.append((time.perf_counter() - began) * 1000)
        ours = statistics.median(told)
        theirs = statistics.median(hand) if hand else None
        cpu = [one * 1000 / times for one in (used, stored)]
        refused = ": too fine, refused" if answer.errors else ""
        rows.append((f"{label}{refused}", ours, max(told), *cpu, theirs, theirs and ours / theirs))
    [firms, records] = await readers[Role.ANALYST].fetch(
        "SELECT count(*) FROM organisation UNION ALL SELECT count(*) FROM record"
    )
    for pool in readers.values():
        await pool.close()
    return Table(
        f"Analysis of {firms[0]:,} organisations and {records[0]:,} records",
        (
            "question", "median ms", "longest ms", "CPU ms", "PostgreSQL CPU ms",
            "GROUP BY CUBE by hand, ms", "ratio",
        ),
        rows,
    )  # fmt: skip


def _parent(backend: int) -> int:
    """The process whose family answers, 0 where it is not on this machine."""
    try:
        stat = Path(f"/proc/{backend}/stat").read_text()
    except OSError:
        return 0
    name, _, fields = stat.rpartition(")")
    return int(fields.split()[1]) if "postgres" in name else 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--size", choices=_SIZES, default="M")
    what.add_argument("--asis", action="store_true")
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    size = None if asked.asis else asked.size
    print(asyncio.run(measure(asked.dsn, size, asked.times)).markdown())


if __name__ == "__main__":
    main()
