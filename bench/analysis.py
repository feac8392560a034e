"""How long a table of counts takes, beside the same grouping by hand without protection.

    python -m bench.analysis DSN [--size M]

DSN names an empty, migrated database that may be filled, by the server itself: organisations in
districts, sections and states, and records of several kinds and months. M has 40,000 organisations
and 60,000 records, L 1,000,000 and 2,000,000.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import statistics
import time
from typing import Any

import asyncpg

from bench.table import Table
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
ASK = """query($d: [AnalysisDimension!], $m: [AnalysisMeasure!]!, $f: AnalysisFilter) {
    analysis(dimensions: $d, measures: $m, filter: $f) {
        suppressed cells { keys { value total } values { value suppressed } } } }"""
QUESTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "firms by district": (
        {"d": ["DISTRICT"], "m": ["ORGANISATIONS"]},
        "SELECT region_id, count(*) FROM organisation GROUP BY CUBE (region_id)",
    ),
    "firms by district and industry": (
        {"d": ["DISTRICT", "INDUSTRY"], "m": ["ORGANISATIONS", "CAPITAL_SUM"]},
        (
            "SELECT region_id, left(industry, 1), count(*), sum(registered_capital)"
            " FROM organisation GROUP BY CUBE (region_id, left(industry, 1))"
        ),
    ),
    "records by kind and year": (
        {"d": ["KIND", "YEAR"], "m": ["RECORDS", "ORGANISATIONS"]},
        (
            "SELECT kind, extract(year FROM decision_date), count(*), count(DISTINCT subject_id)"
            " FROM record WHERE class IN ('O', 'G')"
            " GROUP BY CUBE (kind, extract(year FROM decision_date))"
        ),
    ),
    "records by district and month": (
        {"d": ["DISTRICT", "MONTH"], "m": ["RECORDS"]},
        (
            "SELECT region_id, date_trunc('month', decision_date), count(*) FROM record r"
            " JOIN organisation o USING (subject_id) WHERE class IN ('O', 'G')"
            " GROUP BY CUBE (region_id, date_trunc('month', decision_date))"
        ),
    ),
    "penalties by district": (
        {"d": ["DISTRICT"], "m": ["RECORDS", "AMOUNT_SUM"], "f": {"kind": "penalty"}},
        (
            "SELECT region_id, count(*), sum(x_fine_amount) FROM record r"
            " JOIN organisation o USING (subject_id) WHERE kind = 'penalty' AND class IN ('O', 'G')"
            " GROUP BY CUBE (region_id)"
        ),
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


async def measure(dsn: str, size: str, times: int) -> Table:
    """Median milliseconds of each question, as an analyst asks, beside the grouping by hand."""
    await fill(dsn, size)
    every = frozenset(kinds().by_name)
    scope = load_policy().scope(
        "analyst", Role.ANALYST, "P12", "", Grounds(government_kinds=every), kinds=every
    )
    readers = await open_readers(dsn, max_size=4, wall=wall_of(Role.ANALYST), day=TODAY.isoformat())
    plan = Operations(CreditSchema(kinds())).prepare(ASK, None, scope)
    context = Context(readers, scope, TODAY, b"k" * 32)
    rows = []
    for label, (variables, by_hand) in QUESTIONS.items():
        told, hand = [], []
        for _ in range(times):
            began = time.perf_counter()
            answer = await plan.run(context, variables)
            told.append((time.perf_counter() - began) * 1000)
            assert not answer.errors, answer.errors
            began = time.perf_counter()
            try:
                await readers.fetch(by_hand)
            except asyncpg.QueryCanceledError:  # at L some take longer than a session may
                hand.append(float("inf"))
            else:
                hand.append((time.perf_counter() - began) * 1000)
        ours, theirs = statistics.median(told), statistics.median(hand)
        rows.append((label, ours, theirs, ours / theirs))
    await readers.close()
    firms, records = _SIZES[size]
    return Table(
        f"Analysis of {firms:,} organisations and {records:,} records, median ms",
        ("question", "Xinqiao", "GROUP BY CUBE by hand", "ratio"),
        rows,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--size", choices=_SIZES, default="M")
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    print(asyncio.run(measure(asked.dsn, asked.size, asked.times)).markdown())


if __name__ == "__main__":
    main()
