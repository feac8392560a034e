"""Declarations in BODS 0.4: the standard's own examples, and what is none."""

from __future__ import annotations

import copy
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from graph.bods import Publisher, declarations
from tests.graph.test_export import piece
from tests.store.conftest import Take

EXAMPLES = Path(__file__).parents[1] / "data/bods"


async def relations(pool: asyncpg.Pool[Any], *columns: str) -> set[tuple[Any, ...]]:
    rows = await pool.fetch(
        f"SELECT coalesce(o.name, p.name) AS source, t.name AS target, {', '.join(columns)}"
        " FROM relation r LEFT JOIN organisation o USING (subject_id)"
        " LEFT JOIN person p USING (subject_id)"
        " JOIN organisation t ON t.subject_id = r.other_id WHERE r.direction = 'OUT'"
    )
    return {tuple(row) for row in rows}


async def test_a_register_over_the_years_ends_with_its_last_statement(
    take: Take, pool: asyncpg.Pool[Any]
) -> None:
    summary = await take(EXAMPLES / "fermcat.json")
    assert (summary.lines, summary.rejected) == (23, 0)
    assert await relations(pool, "kind", "share_min", "position", "valid_from", "valid_to") == {
        ("Riyadh Byrne-Amin", "Fermcat Ltd", kind, share, seat, date(2019, 9, 11), ended)
        for kind, share, seat, ended in (
            ("HOLDS", Decimal("0.5"), None, date(2021, 4, 3)),
            ("OFFICER_OF", None, "董事", date(2021, 4, 3)),
        )
    } | {
        ("Patrick O'Donohue", "Fermcat Ltd", "HOLDS", Decimal(1), None, date(2019, 9, 11), None),
        ("Patrick O'Donohue", "Fermcat Ltd", "OFFICER_OF", None, "董事", date(2019, 9, 11), None),
        (
            "Declan Byrne-Amin",
            "Fermcat Ltd",
            "HOLDS",
            Decimal("0.5"),
            None,
            date(2021, 4, 3),
            date(2022, 1, 21),
        ),
    }
    # What was said before is kept: half of it until 2022.
    shares = await pool.fetch(
        "SELECT DISTINCT v.content->>'share_min' AS share FROM relation_version v"
        " JOIN relation r USING (subject_id, relation_id, direction)"
        " JOIN person p USING (subject_id) WHERE p.name LIKE 'Patrick%' AND r.kind = 'HOLDS'"
    )
    assert {Decimal(row[0]) for row in shares} == {Decimal("0.5"), Decimal(1)}
    assert await pool.fetchval("SELECT count(*) FROM person WHERE id_number IS NOT NULL") == 0
    codes = await pool.fetch("SELECT scheme, value FROM identifier WHERE scheme LIKE 'f%'")
    assert [tuple(row) for row in codes] == [("foreign", "IRL-BAU:434151")]


async def test_indirect_interests_are_declared_and_never_holdings(
    take: Take, pool: asyncpg.Pool[Any]
) -> None:
    summary = await take(EXAMPLES / "indirect-ownership.json")
    assert (summary.lines, summary.rejected) == (6, 0)
    assert await relations(pool, "kind", "share_min") == {
        ("Company B", "Company A", "HOLDS", Decimal("0.6"))
    }
    rows = await pool.fetch(
        "SELECT o.name, p.name, d.interest_type, d.directness, d.beneficial, d.share_min,"
        " d.share_max, d.components::text FROM declared_interest d"
        " JOIN organisation o USING (subject_id) JOIN person p ON p.subject_id = d.party_id"
        " ORDER BY 1"
    )
    assert [tuple(row)[:-1] for row in rows] == [
        ("Company A", "Person 1", "shareholding", "indirect", True, *[Decimal("0.3")] * 2),
        ("Company B", "Person 1", "unknownInterest", "unknown", False, None, None),
    ]
    assert json.loads(rows[0][-1]) == ["d4ab89ea169a", "4cf2837bd01f", "05e81af035e4"]


async def test_a_joint_holding_is_an_arrangement_that_two_hold(
    take: Take, pool: asyncpg.Pool[Any]
) -> None:
    await take(EXAMPLES / "joint-ownership.json")
    assert await relations(pool, "share_min") == {
        ("Joint shareholding", "CHRINON LTD", Decimal(1)),
        ("Natalie Coleman", "Joint shareholding", Decimal("0.5")),
        ("Roberto Lopez", "Joint shareholding", Decimal("0.5")),
    }


@pytest.fixture
def declared(tmp_path: Path) -> Any:
    """A file of the indirect example with its direct relationship changed."""
    told = json.loads((EXAMPLES / "indirect-ownership.json").read_text("utf-8"))

    def write(**changes: Any) -> Path:
        statements = copy.deepcopy(told)
        details = statements[3]["recordDetails"]
        interest = details["interests"][0]
        for name, value in changes.items():
            if name in ("subject", "interestedParty", "interests"):
                details[name] = value
            elif name in statements[3]:
                statements[3][name] = value
            else:
                interest[name] = value
        path = tmp_path / "declared.json"
        path.write_text(json.dumps(statements), "utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"share": {"exact": 160}}, "NUMBER_RANGE"),
        ({"share": {"minimum": 50, "maximum": 25}}, "NUMBER_RANGE"),
        ({"share": {"exact": "much"}}, "NUMBER_RANGE"),
        ({"share": 7}, "NUMBER_RANGE"),
        ({"startDate": "soon"}, "DATE_INVALID"),
        ({"statementDate": "soon"}, "DATE_INVALID"),
        ({"type": "ownership"}, "CODE_UNKNOWN"),
        ({"directOrIndirect": "both"}, "CODE_UNKNOWN"),
        ({"interestedParty": "nobody"}, "REFERENCE_UNKNOWN"),
        ({"subject": "c25d4d612c2c"}, "REFERENCE_UNKNOWN"),  # a person is no body
        ({"recordType": "dream"}, "CODE_UNKNOWN"),
        ({"recordId": ""}, "REQUIRED"),
        ({"recordDetails": []}, "JSON_INVALID"),
    ],
)
async def test_what_is_no_statement_is_rejected_alone(
    take: Take, pool: asyncpg.Pool[Any], declared: Any, changes: Any, code: str
) -> None:
    summary = await take(declared(**changes))
    assert (summary.lines, summary.rejected) == (6, 1)
    found = await pool.fetch("SELECT line_no, code FROM batch_finding WHERE severity = 'error'")
    assert [tuple(row) for row in found] == [(4, code)]


async def test_bounds_and_unnamed_parties_are_kept(
    take: Take, pool: asyncpg.Pool[Any], declared: Any
) -> None:
    path = declared(
        interestedParty={"reason": "noBeneficialOwners", "description": "none"},
        interests=[
            {"type": "votingRights", "share": {"exclusiveMinimum": 25, "maximum": 50}},
            {"type": "votingRights", "details": "again"},
        ],
    )
    summary = await take(path)
    assert summary.rejected == 0
    rows = await pool.fetch(
        "SELECT share_min, share_max, share_bounds, unnamed_reason, details FROM declared_interest"
        " WHERE party_id IS NULL ORDER BY details NULLS FIRST"
    )
    assert [tuple(row) for row in rows] == [
        (Decimal("0.25"), Decimal("0.5"), "(]", "noBeneficialOwners", None),
        (None, None, "[]", "noBeneficialOwners", "again"),
    ]
    assert (await take(path)).accepted == 6  # the same file again changes nothing
    assert await pool.fetchval("SELECT count(*) FROM declared_interest WHERE party_id IS NULL") == 2


async def test_one_statement_alone_is_a_statement(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    [entity, *_] = json.loads((EXAMPLES / "indirect-ownership.json").read_text("utf-8"))
    path = tmp_path / "one.json"
    path.write_text(json.dumps([entity]), "utf-8")
    assert (await take(path)).accepted == 1
    assert await pool.fetchval("SELECT name FROM organisation") == "Company A"


async def test_what_was_exported_is_imported_again(
    take: Take, pool: asyncpg.Pool[Any], tmp_path: Path
) -> None:
    interest = {
        "interestId": "0b8ea0c4-3a0c-5b4f-9c7b-0c0f3f4a5b6c",
        "subject": "n0",
        "party": "n1",
        "unnamedReason": None,
        "type": "votingRights",
        "directness": "indirect",
        "beneficial": True,
        "shareMin": "0.25",
        "shareMax": "0.5",
        "bounds": "(]",
        "details": "经由乙公司",
        "validFrom": "2021-01-01",
        "validTo": None,
    }
    shown = piece()
    written, _ = declarations(shown, "n0", Publisher("本溪", "2026-06-30"), [interest], ["r1"])
    path = tmp_path / "exported.json"
    path.write_bytes(written)
    assert (await take(path)).rejected == 0
    assert await relations(pool, "kind", "share_min", "share_max", "position", "valid_from") == {
        ("张*", "本溪甲公司", "HOLDS", Decimal("0.6"), Decimal("0.6"), None, None),
        ("张*", "本溪甲公司", "HOLDS", Decimal(0), Decimal("0.51"), None, None),
        ("张*", "本溪甲公司", "OFFICER_OF", None, None, "董事长", date(2020, 1, 1)),
    }
    flags = await pool.fetch(
        "SELECT (fields->>'beneficialOwnershipOrControl')::boolean AS control FROM relation"
        " WHERE direction = 'OUT' AND share_min = 0.6"
    )
    assert [row[0] for row in flags] == [True]
    [row] = await pool.fetch("SELECT * FROM declared_interest")
    assert (row["interest_type"], row["directness"], row["beneficial"]) == (
        "votingRights",
        "indirect",
        True,
    )
    assert (row["share_min"], row["share_max"], row["share_bounds"], row["details"]) == (
        Decimal("0.25"),
        Decimal("0.5"),
        "(]",
        "经由乙公司",
    )
