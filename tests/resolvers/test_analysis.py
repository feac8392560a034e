"""Task 10, X39: tables over what the caller may see; small cells hidden, in every role.

Firm i of 120: district A, B or C of one city by i % 10, section by i % 4; three firms are in its
district D, twenty in another city. Every third of the 120 has a penalty, shown to the public unless
i % 6 is 0. Eight firms of A are held by the first firm of the other city, which stands on a
serious list with four more.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import AsyncIterator, Callable
from itertools import product
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers import analysis
from resolvers.context import Context
from resolvers.operation import Operations
from security.policy import Scope
from tests.databases import Databases
from tests.resolvers.conftest import KINDS, TODAY
from tests.resolvers.walled import Walled, walled_database

_FILL = """
INSERT INTO region (region_id, name, kind, parent_id) VALUES
  ('P', '辽宁省', 'PROVINCE', NULL), ('1', '本溪市', 'PREFECTURE', 'P'),
  ('A', '甲区', 'COUNTY', '1'), ('B', '乙区', 'COUNTY', '1'), ('C', '丙区', 'COUNTY', '1'),
  ('D', '丁区', 'COUNTY', '1'), ('2', '沈阳市', 'PREFECTURE', 'P'),
  ('210106', '铁西区', 'COUNTY', '2');
CREATE TEMP TABLE made AS SELECT i, md5('f' || i)::uuid AS id FROM generate_series(0, 142) i;
INSERT INTO subject (subject_id, category) SELECT id, 'LEGAL_ENTITY' FROM made;
INSERT INTO organisation (subject_id, category, name, region_id, industry, reg_status, currency,
    registered_capital, established_on, origin_region, registered, audit_ref, stamp, batch_sha,
    line_no, digest)
SELECT id, 'LEGAL_ENTITY', '第' || i || '号厂',
    CASE WHEN i >= 123 THEN '2' WHEN i >= 120 THEN 'D' WHEN i % 10 < 4 THEN 'A'
         WHEN i % 10 < 8 THEN 'B' ELSE 'C' END,
    substr('CFGO', i % 4 + 1, 1) || '51', '存续', 'CNY',
    CASE WHEN i % 10 < 8 OR i < 20 THEN 10 END, '2020-01-01'::date + i, '1',
    true, '', now(), '', i, '' FROM made;
INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category, reported_name,
    issuer_name, source_unit_name, source_unit_uscc, decision_date, received_at, class,
    display_from, status, fields, commitment, digest, stamp, batch_sha, line_no, x_fine_amount,
    x_list_code)
SELECT id, gen_random_uuid(), CASE WHEN i < 120 THEN 'penalty' ELSE 'serious_list' END, '1',
    'LEGAL_ENTITY', '厂', '局', '局', '', '2026-01-01'::date + CASE WHEN i < 120 THEN i ELSE 0 END,
    now(), CASE WHEN i < 120 AND i % 6 = 0 THEN 'G' ELSE 'O' END, '2026-01-01', 'VALID', '{}',
    '', '', now(), '', i, CASE WHEN i < 120 THEN 0.2 END, CASE WHEN i >= 120 THEN 'TAX' END
    FROM made WHERE (i % 3 = 0 AND i < 120) OR i BETWEEN 123 AND 127;
INSERT INTO relation (relation_id, subject_id, other_id, direction, kind, origin_region, class,
    source_unit_name, source_unit_uscc, digest, stamp, batch_sha, line_no)
SELECT md5('e' || i)::uuid, id, md5('f123')::uuid, 'IN', 'HOLDS', '1', 'O', '', '', '', now(),
    '', i FROM made WHERE i < 14 AND i % 10 < 4;
INSERT INTO subject (subject_id, category) VALUES (md5('abroad')::uuid, 'LEGAL_ENTITY');
INSERT INTO organisation (subject_id, category, name, uscc, origin_region, registered, audit_ref,
    stamp, batch_sha, line_no, digest)
VALUES (md5('abroad')::uuid, 'LEGAL_ENTITY', '外地股东', '91210106XD31789K5G', '1', false, '',
    now(), '', 0, '');
INSERT INTO relation (relation_id, subject_id, other_id, direction, kind, origin_region, class,
    source_unit_name, source_unit_uscc, digest, stamp, batch_sha, line_no)
SELECT md5('h' || i)::uuid, CASE WHEN direction = 'IN' THEN id ELSE md5('abroad')::uuid END,
    CASE WHEN direction = 'IN' THEN md5('abroad')::uuid ELSE id END, direction, 'HOLDS', '1', 'O',
    '', '', '', now(), '', i
FROM made, unnest(ARRAY['IN', 'OUT']) direction WHERE i < 18 AND i % 10 BETWEEN 4 AND 7;
ANALYZE organisation;
"""
ASK = """query($d: [AnalysisDimension!], $m: [AnalysisMeasure!]!, $f: AnalysisFilter,
              $t: AnalysisTotals! = CUBE, $on: Date) {
  analysis(dimensions: $d, measures: $m, filter: $f, totals: $t, asOf: $on) {
    base suppressed cells { keys { value total } values { value suppressed } suppressed } } }"""
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
async def firms(databases: Databases) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with walled_database(databases, 2) as pool:
        async with pool.acquire() as connection:
            await connection.execute(_FILL)
        yield pool


@pytest.fixture
def ask(firms: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]) -> Ask:
    async def asked(role: str = "ANALYST", document: str = ASK, **variables: Any) -> Any:
        shared = {"shared_kinds": KINDS} if role == "PCITY" else {}
        scope = scope_of(role, **shared)
        context = Context(Walled(firms, scope.role, TODAY), scope, TODAY, b"k" * 32)
        answer = await operations.prepare(document, None, scope).run(context, variables)
        told = orjson.loads(answer.body)
        if "errors" in told:
            return [error["extensions"]["code"] for error in told["errors"]]
        assert answer.disclosure.subjects == answer.disclosure.records == b""
        assert "Query.analysis" in answer.disclosure.coordinates
        return told["data"]["analysis"]

    return asked


def cells(told: Any) -> dict[tuple[str | None, ...], tuple[str | None, ...]]:
    return {
        tuple("Σ" if key["total"] else key["value"] for key in cell["keys"]): tuple(
            "*" if value["suppressed"] else value["value"] for value in cell["values"]
        )
        for cell in told["cells"]
    }


@pytest.mark.parametrize("role", ["PUB", "ANALYST", "DEPT", "PCITY", "STEWARD", "SUPERVISOR"])
async def test_organisations_by_district_with_their_total_and_share(ask: Ask, role: str) -> None:
    told = cells(await ask(role, d=["DISTRICT"], m=["ORGANISATIONS", "SHARE"]))
    # Three firms of D are hidden, and the smallest of the same city with them.
    assert told == {
        ("Σ",): ("143", "1"),
        ("A",): ("48", "0.335664"),
        ("B",): ("48", "0.335664"),
        ("C",): ("*", "*"),
        ("D",): ("*", "*"),
        (None,): ("20", "0.13986"),
    }


async def test_subtotals_of_two_dimensions_add_up_to_their_totals(ask: Ask) -> None:
    told = cells(await ask(d=["DISTRICT", "INDUSTRY"], m=["ORGANISATIONS"]))
    for district in "AB":
        assert told[district, "Σ"] == ("48",)
        found = [told[district, section] for section in "CFGO"]
        assert {("12",)} <= set(found) <= {("12",), ("*",)}
    assert sum(int(told["Σ", section][0]) for section in "CFGO") == 143
    assert told["C", "Σ"] == ("*",)
    assert ("C", "C") not in told  # under a hidden total nothing is even named


async def test_only_what_the_caller_may_see_is_counted(ask: Ask) -> None:
    """40 penalties of 0.2 万元, 20 of them open; five listings, all open."""
    for role, count in (("PUB", 20), ("ANALYST", 40), ("STEWARD", 40)):
        told = cells(await ask(role, d=["KIND"], m=["RECORDS", "ORGANISATIONS", "AMOUNT_SUM"]))
        assert told == {
            ("Σ",): (str(count + 5), str(count + 5), str(count * 2000)),
            ("penalty",): (str(count), str(count), str(count * 2000)),
            ("serious_list",): ("5", "5", None),
        }


async def test_a_filter_joins_across_relations_and_lists(ask: Ask) -> None:
    """Eight firms of district A whose owner is in the other city and on a serious list."""
    owner = {"region": "2", "list": "serious_list"}
    told = cells(await ask("PUB", m=["ORGANISATIONS"], f={"region": "A", "holder": owner}))
    assert told == {(): ("8",)}
    for other in ({"region": "1"}, {"list": "red_list"}, {"region": "2", "list": "penalty"}):
        assert cells(await ask(m=["ORGANISATIONS"], f={"region": "A", "holder": other})) == {}
    assert cells(await ask(m=["ORGANISATIONS"], f={"guarantor": owner})) == {}


async def test_an_owner_whom_another_city_registers_is_where_its_code_says(ask: Ask) -> None:
    """A node keeps no registration of the other city's firms: their owners here are known by
    relations alone."""
    for region in ("2", "210106"):
        where = {"region": "B", "holder": {"region": region}}
        assert cells(await ask("PUB", m=["ORGANISATIONS"], f=where)) == {(): ("8",)}
    where = {"region": "B", "holder": {"region": "1"}}
    assert cells(await ask("PUB", m=["ORGANISATIONS"], f=where)) == {}


async def test_a_small_cell_is_not_had_by_subtracting_answers(ask: Ask) -> None:
    """Each question alone, of whatever shape: no two of them leave the three firms of D."""
    whole = cells(await ask(m=["ORGANISATIONS"]))[()]
    parts = {
        region: cells(await ask(m=["ORGANISATIONS"], f={"region": region}))
        for region in ("A", "B", "C", "D", "1", "2")
    }
    assert (whole, parts["1"], parts["2"]) == (("143",), {(): ("123",)}, {(): ("20",)})
    assert (parts["A"], parts["B"]) == ({(): ("48",)}, {(): ("48",)})
    assert parts["C"] == parts["D"] == {(): ("*",)}
    sections = {}
    for section in "CFGO":
        where = {"industry": section, "region": "C"}
        sections[section] = cells(await ask(m=["ORGANISATIONS"], f=where))
    assert set(map(str, sections.values())) == {"{}"}


async def test_amounts_of_few_are_hidden_though_the_bodies_are_many(ask: Ask) -> None:
    """Of district C only four firms state a capital; its 24 firms are no secret of their own."""
    told = cells(await ask(d=["DISTRICT"], m=["ORGANISATIONS", "CAPITAL_SUM", "CAPITAL_AVERAGE"]))
    assert told["A",] == ("48", "480", "10")
    assert told["C",] == ("*", "*", "*")
    assert told["Σ",] == ("143", "1190", "10")


async def test_amounts_of_one_firm_in_each_cell_are_not_even_named(
    ask: Ask, firms: asyncpg.Pool[Any]
) -> None:
    """Of five firms with a capital four sections have one at least: named, each has one or two."""
    question = {"d": ["INDUSTRY"], "m": ["ORGANISATIONS", "CAPITAL_SUM", "CAPITAL_AVERAGE"]}
    kept = "EXTRACT(DAY FROM established_on - '2020-01-01'::timestamp) BETWEEN 0 AND 4"
    async with firms.acquire() as connection:
        held = await connection.fetch("SELECT subject_id, registered_capital FROM organisation")
        await connection.execute(
            f"UPDATE organisation SET registered_capital = NULL WHERE NOT ({kept})"
        )
    try:
        told = cells(await ask(**question))
    finally:
        async with firms.acquire() as connection:
            await connection.executemany(
                "UPDATE organisation SET registered_capital = $2 WHERE subject_id = $1", held
            )
    assert told["Σ",] == ("143", "50", "10")
    assert {value[1:] for key, value in told.items() if key != ("Σ",)} == {(None, None)}
    assert {value[1:] for value in cells(await ask(**question)).values()} != {(None, None)}


async def test_as_of_counts_what_was_there_by_that_day(ask: Ask) -> None:
    told = cells(await ask(m=["ORGANISATIONS"], on="2020-01-10"))
    assert told == {(): ("10",)}
    told = cells(await ask("STEWARD", m=["RECORDS"], f={"year": 2026}, on="2026-02-01"))
    assert told == {(): ("16",)}  # eleven penalties, and the listings
    assert cells(await ask(m=["ORGANISATIONS"], on="2019-01-01")) == {}


@pytest.mark.parametrize("role", ["PUB", "ANALYST"])
async def test_counting_in_parts_gives_the_same_table(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    questions: list[dict[str, Any]] = [
        {"d": ["DISTRICT", "MONTH"], "m": ["RECORDS", "ORGANISATIONS", "AMOUNT_SUM"]},
        {"d": ["KIND", "YEAR"], "m": ["ORGANISATIONS", "AMOUNT_AVERAGE"], "on": "2026-03-01"},
        {"d": ["LIST"], "m": ["RECORDS"], "f": {"holder": {"region": "2"}}},
        {"d": ["DISTRICT"], "m": ["CAPITAL_SUM", "SHARE"], "f": {"holder": {"region": "2"}}},
    ]
    whole = [await ask(role, **question) for question in questions]
    assert all(told["cells"] for told in whole)
    monkeypatch.setattr("resolvers.analysis.PART_BODIES", 10)
    assert [await ask(role, **question) for question in questions] == whole


async def test_sums_and_shapes_are_made_beside_other_requests(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand sums took half a second, in which nobody else was answered."""
    threads = []
    for name in ("_cube", "_table", "shaper"):
        made = getattr(analysis, name)

        def noted(*given: Any, made: Callable[..., Any] = made) -> Any:
            threads.append(threading.current_thread())
            return made(*given)

        monkeypatch.setattr(analysis, name, noted)
    await ask(d=["DISTRICT"], m=["ORGANISATIONS"])
    assert len(threads) == 3
    assert threading.current_thread() not in threads


DISTRICTS = ("A", "B", "C")


def _reported() -> list[list[tuple[str, str | None, dt.date | None, str | None, int | None]]]:
    """Of each of 24 firms its records: kind, list or grade, day, scheme, fine in 元."""
    dice = random.Random(6)
    found = []
    for _ in range(24):
        records = []
        for _ in range(dice.randrange(7)):
            kind = dice.choice(["penalty", "serious_list", "red_list", "evaluation", "licence"])
            month = dt.date(2025 + dice.randrange(2), 1 + dice.randrange(3), 1 + dice.randrange(28))
            day = None if kind == "licence" and dice.random() < 0.3 else month
            listed = None if kind in ("penalty", "licence") else dice.choice("AB")
            scheme = dice.choice(["S", "T"]) if kind == "evaluation" else None
            fine = (
                2000 * dice.randrange(1, 3) if kind == "penalty" and dice.random() < 0.6 else None
            )
            records.append((kind, listed, day, scheme, fine))
        found.append(records)
    return found


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize(
    "dimensions",
    [
        (), ("DISTRICT",), ("KIND",), ("LIST",), ("GRADE",), ("YEAR",), ("MONTH",),
        ("KIND", "YEAR"), ("KIND", "MONTH"), ("LIST", "YEAR"), ("GRADE", "MONTH"),
        ("DISTRICT", "LIST", "MONTH"), ("DISTRICT", "KIND", "YEAR"),
    ],
)  # fmt: skip
async def test_every_table_is_what_counting_by_hand_gives(
    ask: Ask, reported: list[Any], monkeypatch: pytest.MonkeyPatch,
    dimensions: tuple[str, ...], in_parts: bool,
) -> None:  # fmt: skip
    """Several records of one body in several cells: the body once in each, and in each total.

    Each firm of `_reported` stands for five that are alike, so that no cell is small.
    """
    if in_parts:
        monkeypatch.setattr("resolvers.analysis.PART_BODIES", 10)
    told = await ask(
        "STEWARD", d=list(dimensions), m=["ORGANISATIONS", "RECORDS", "AMOUNT_SUM"], t="CUBE"
    )
    assert told["suppressed"] == 0
    real: dict[tuple[str | None, ...], list[tuple[int, int | None]]] = {}
    for firm, records in enumerate(reported):
        latest = {
            scheme: max(
                (day, at) for at, (_, _, day, one, _) in enumerate(records) if one == scheme
            )
            for _, _, _, scheme, _ in records
            if scheme
        }
        for at, (kind, listed, day, scheme, fine) in enumerate(records):
            grade = None if scheme else "not in the table"
            if scheme and latest[scheme] == (day, at):
                grade = f"{scheme}@1:{listed}"
            said = {
                "DISTRICT": DISTRICTS[firm % 3],
                "KIND": kind,
                "LIST": f"{kind}:{listed}" if listed and not scheme else "not in the table",
                "GRADE": grade,
                "YEAR": day and f"{day:%Y}",
                "MONTH": day and f"{day:%Y-%m}",
            }
            for totals in product([False, True], repeat=len(dimensions)):
                asked = zip(dimensions, totals, strict=True)
                key = tuple(["Σ" if total else said[one] for one, total in asked])
                real.setdefault(key, []).append((firm, fine))
    assert cells(told) == {
        key: (
            str(5 * len({firm for firm, _ in found})),
            str(5 * len(found)),
            str(5 * sum(fine for _, fine in found if fine)) if any(f for _, f in found) else None,
        )
        for key, found in real.items()
        if "not in the table" not in key
    }


@pytest.fixture
async def reported(firms: asyncpg.Pool[Any]) -> AsyncIterator[list[Any]]:
    """`_reported`, five times each, in place of the records of all firms."""
    made = _reported()
    rows = [
        (f"g{firm}-{copy}", DISTRICTS[firm % 3], at, *record)
        for firm, records in enumerate(made)
        for copy in range(5)
        for at, record in enumerate(records)
    ]
    async with firms.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE record SET status = 'ARCHIVED'")
        await connection.executemany(
            "INSERT INTO organisation (subject_id, category, name, region_id, reg_status,"
            " origin_region, registered, audit_ref, stamp, batch_sha, line_no, digest)"
            " VALUES (md5($1)::uuid, 'LEGAL_ENTITY', $1, $2, '存续', '1', true, '', now(), '', 0,"
            " '') ON CONFLICT DO NOTHING",
            [row[:2] for row in rows],
        )
        await connection.executemany(
            "INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category,"
            " reported_name, source_unit_name, source_unit_uscc, received_at, class, status,"
            " fields, commitment, digest, stamp, batch_sha, line_no, x_list_code, x_grade,"
            " decision_date, x_scheme, x_scheme_version, x_fine_amount)"
            " VALUES (md5($1)::uuid, lpad(to_hex($2::int), 32, '0')::uuid, $3, '1',"
            " 'LEGAL_ENTITY', '厂', '局', '', now(), 'G', 'VALID', '{}', '', '', now(), '', 0, $4,"
            " $4, $5, $6, '1', $7::numeric / 10000)",
            [(row[0], *row[2:]) for row in rows],
        )
    yield made
    async with firms.acquire() as connection, connection.transaction():
        await connection.execute("DELETE FROM record WHERE status = 'VALID'")
        await connection.execute("UPDATE record SET status = 'VALID'")
        await connection.execute("DELETE FROM organisation WHERE name LIKE 'g%'")


async def test_months_and_rollups(ask: Ask) -> None:
    told = await ask(d=["YEAR", "MONTH"], m=["RECORDS"], t="ROLLUP")
    assert told["base"] == "RECORDS"
    found = cells(told)
    assert found["Σ", "Σ"] == ("45",)
    assert found["2026", "Σ"] == ("45",)
    assert [key for key in found if key[0] == "Σ"] == [("Σ", "Σ")]
    assert found["2026", "2026-02"] == ("9",)
    assert found["2026", "2026-01"] == ("16",)
    assert sum(value == ("*",) for value in found.values()) == told["suppressed"]


@pytest.mark.parametrize("role", ["SELF", "AUDITOR"])
async def test_who_sees_single_subjects_has_no_analysis(ask: Ask, role: str) -> None:
    assert await ask(role, m=["ORGANISATIONS"]) == ["FORBIDDEN"]


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"m": []}, "ANALYSIS_LIMIT"),
        ({"m": ["RECORDS"], "d": ["REGION", "KIND", "MONTH", "YEAR"]}, "ANALYSIS_LIMIT"),
        (
            {"m": ["RECORDS"], "d": ["REGION", "KIND", "MONTH"],
             "f": {"industry": "C", "status": "存续", "entityType": "公司"}},
            "ANALYSIS_LIMIT",
        ),
        ({"m": ["CAPITAL_SUM"], "d": ["KIND"]}, "ANALYSIS_MEASURE"),
        ({"m": ["ORGANISATIONS"], "f": {"region": "nowhere"}}, "ANALYSIS_FILTER"),
        ({"m": ["ORGANISATIONS"], "f": {"industry": "51"}}, "ANALYSIS_FILTER"),
        ({"m": ["RECORDS"], "f": {"month": "2026-13"}}, "ANALYSIS_FILTER"),
        ({"m": ["ORGANISATIONS"], "f": {"holder": {}}}, "ANALYSIS_FILTER"),
        ({"m": ["ORGANISATIONS"], "f": {"holder": {"region": "nowhere"}}}, "ANALYSIS_FILTER"),
        ({"m": ["ORGANISATIONS"], "f": {"branch": {"list": "black_list"}}}, "ANALYSIS_FILTER"),
        ({"m": ["RECORDS"], "f": {"kind": "penalties"}}, "ANALYSIS_FILTER"),
        ({"m": ["RECORDS"], "f": {"list": "black_list:TAX"}}, "ANALYSIS_FILTER"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused(
    ask: Ask, variables: dict[str, Any], code: str
) -> None:
    assert await ask(**variables) == [code]


@pytest.mark.parametrize("text", ["' OR 1=1 --", "存续'; DROP TABLE record; --", "", "%"])
async def test_values_of_filters_are_never_sql(ask: Ask, text: str) -> None:
    assert cells(await ask(m=["ORGANISATIONS"], f={"status": text, "entityType": text})) == {}


async def test_persons_are_not_counted(ask: Ask, firms: asyncpg.Pool[Any]) -> None:
    before = cells(await ask("STEWARD", m=["RECORDS"]))
    await firms.execute(
        "INSERT INTO record SELECT (jsonb_populate_record(r, jsonb_build_object('record_id',"
        " gen_random_uuid(), 'subject_category', 'NATURAL_PERSON'))).* FROM record r"
    )
    try:
        assert cells(await ask("STEWARD", m=["RECORDS"])) == before
    finally:
        await firms.execute("DELETE FROM record WHERE subject_category = 'NATURAL_PERSON'")
