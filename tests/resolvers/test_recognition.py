"""X09–X14, W18: a partner's grade under the signed mapping, with the whole chain."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from resolvers.context import Context
from resolvers.operation import Operations
from schema.records import kinds
from security.policy import Scope
from security.tlog.note import NoteSigner
from store.scheme import load_schemes, shipped_schemes
from sync.agreement import (
    Agreement,
    AgreementParty,
    LegalBasis,
    PartyKeys,
    record_agreement,
    sign_agreement,
)
from sync.catalogue import Item
from sync.mapping import Band, GradeMapping, MappingRow
from sync.mapping_note import record_mapping, sign_mapping
from tests.databases import Databases
from tests.resolvers.walled import Walled, walled_database

from .conftest import TODAY, _organisation, _record

FIRM = "91210500XD00000011"
DOCUMENT = """
query($code: String!, $purpose: Purpose, $scheme: String) {
  organisation(code: $code) {
    recognisedGrade(purpose: $purpose, scheme: $scheme) {
      recognised band reason purpose chain objection
      original { recordId scheme version grade score evaluatedOn validUntil originRegion }
      mapping { id agreement purposes validFrom validTo }
      veto { recordId kind label originRegion }
    }
  }
}
"""

Grade = Callable[..., Awaitable[dict[str, Any]]]


def _signers() -> tuple[NoteSigner, ...]:
    return tuple(
        NoteSigner(f"{region}/agreement", Ed25519PrivateKey.generate())
        for region in ("210500", "210100")
    )


def _bands(*lows: str) -> tuple[MappingRow, ...]:
    uppers: list[str | None] = [None, *lows[:-1]]
    return tuple(
        MappingRow(band, None, Decimal(low), None if below is None else Decimal(below))
        for band, low, below in zip(Band, lows, uppers, strict=True)
    )


async def _agree(connection: Any) -> None:
    signers = _signers()
    parties = tuple(
        AgreementParty(one.name[:6], one.name[:6], PartyKeys(*([one.verifier] * 3)))
        for one in signers
    )
    made = Agreement(
        id="agreement-1",
        title="演示协议",
        parties=parties,
        catalogue_version="1",
        items=(Item("evaluation", "LEGAL_ENTITY"),),
        purposes=("P1", "P12", "P8"),
        legal_basis=(LegalBasis("演示依据", "1号", dt.date(2020, 10, 22)),),
        valid_from=dt.date(2026, 1, 1),
        valid_to=None,
    )
    await record_agreement(connection, sign_agreement(made, signers), kinds=kinds())
    for mapping in (
        GradeMapping(
            "sy-2",
            made.id,
            "SY-1000",
            "v2",
            ("P1", "P12"),
            _bands("850", "700", "550", "0"),
            dt.date(2026, 1, 1),
        ),
        GradeMapping(
            "bx-1",
            made.id,
            "BX-ABCD",
            "2025",
            ("P1", "P12"),
            tuple(MappingRow(b, g) for b, g in zip(Band, "ABCD", strict=True)),
            dt.date(2026, 1, 1),
        ),
        GradeMapping(
            "fire-1",
            made.id,
            "FIRE",
            "v1",
            ("P1", "P12"),
            tuple(
                MappingRow(b, g)
                for b, g in zip(
                    (Band.EXCELLENT, Band.FAIR, Band.POOR), ("好", "一般", "差"), strict=True
                )
            ),
            dt.date(2026, 1, 1),
            dt.date(2026, 6, 30),
        ),
    ):
        await record_mapping(connection, sign_mapping(mapping, signers), shipped_schemes())


async def _fill(connection: Any) -> None:
    await load_schemes(connection)
    await _agree(connection)

    async def rated(firm: str, key: str, scheme: str, version: str, **more: Any) -> None:
        given = {
            "origin_region": "210100",
            "class": "G",
            "decision_date": dt.date(2026, 5, 31),
            "display_from": None,
            "x_scheme": scheme,
            "x_scheme_version": version,
            "x_valid_until": dt.date(2026, 11, 30),
            **more,
        }
        await _record(connection, key, firm, "evaluation", **given)

    for index, firm in enumerate("abcdefghi"):
        await _organisation(connection, firm, f"本溪{firm}公司", f"91210500XD000000{index + 1}1")
    await _organisation(connection, "j", "本溪j公司", "91210500XD00000001")
    score = {"x_score": Decimal(872)}
    await rated("a", "评a", "SY-1000", "v2", **score)
    await rated(
        "a", "评a旧", "SY-1000", "v2", x_score=Decimal(400), decision_date=dt.date(2025, 5, 1)
    )
    await rated("a", "评a税", "TAX-ABMCD", "v1", x_grade="A", decision_date=dt.date(2026, 6, 1))
    await rated("a", "评a自", "BX-ABCD", "2025", x_grade="C", origin_region="210500")
    await rated("a", "评a防", "FIRE", "v1", x_grade="好")
    await rated("b", "评b", "SY-1000", "v2", **score)
    await _record(
        connection,
        "失信b",
        "b",
        "court_defaulter",
        decision_date=dt.date(2026, 6, 29),
        display_from=dt.date(2026, 6, 29),
        query_until=None,
    )
    await rated("c", "评c", "SY-1000", "v2", **score, x_valid_until=dt.date(2026, 6, 29))
    await rated("d", "评d", "SY-1000", "v1", **score)
    await rated("f", "评f", "SY-1000", "v2", x_score=Decimal("849.5"), objection=True)
    await rated("g", "评g", "SY-1000", "v2", x_score=Decimal(1000))
    await _record(
        connection,
        "罚g",
        "g",
        "penalty",
        origin_region="210100",
        status="REPAIRED",
        display_ended_on=dt.date(2026, 6, 10),
        display_end_reason="修复",
    )
    await rated("h", "评h", "BX-ABCD", "2025", x_grade="A", origin_region="210500")
    await rated("i", "评i", "SY-1000", "v2", **score)
    await rated("j", "评j", "SY-1000", "v1", **score, **{"class": "O"})  # not displayed on any day
    await _record(  # the copy of what the other city repaired, as its tombstone leaves it
        connection,
        "罚i",
        "i",
        "penalty",
        origin_region="210100",
        status="WITHDRAWN",
        display_ended_on=dt.date(2026, 6, 10),
        display_end_reason="REPAIRED",
    )
    await _record(  # left the list: no veto any more
        connection,
        "严h",
        "h",
        "serious_list",
        display_ended_on=dt.date(2026, 6, 1),
    )


@pytest.fixture(scope="module")
async def graded(databases: Databases) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with walled_database(databases, 2) as made:
        async with made.acquire() as connection:
            await _fill(connection)
        yield made


@pytest.fixture
def grade(
    graded: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]
) -> Grade:
    async def asked(
        number: int,
        role: str = "ANALYST",
        *,
        today: dt.date = TODAY,
        signed: str | None = None,
        **variables: Any,
    ) -> dict[str, Any]:
        scope = scope_of(role, purpose=signed)
        plan = operations.prepare(DOCUMENT, None, scope)
        context = Context(
            Walled(graded, scope.role, today), scope, today, b"k" * 32, region="210500"
        )
        answer = await plan.run(context, {"code": f"91210500XD000000{number}1", **variables})
        told = orjson.loads(answer.body)
        assert "errors" not in told, told
        found: dict[str, Any] = told["data"]["organisation"]["recognisedGrade"]
        return found

    return asked


async def test_x09_a_partners_score_becomes_a_band_with_its_chain(grade: Grade) -> None:
    found = await grade(1, purpose="P1")
    assert (found["recognised"], found["band"], found["reason"]) == (True, "EXCELLENT", None)
    assert found["chain"] == "SY-1000 v2 872 → 优 (mapping sy-2)"
    assert found["original"] | {"recordId": ""} == {
        "recordId": "",
        "scheme": "SY-1000",
        "version": "v2",
        "grade": None,
        "score": "872",
        "evaluatedOn": "2026-05-31",
        "validUntil": "2026-11-30",
        "originRegion": "210100",
    }
    assert found["mapping"] == {
        "id": "sy-2",
        "agreement": "agreement-1",
        "purposes": ["P1", "P12"],
        "validFrom": "2026-01-01",
        "validTo": None,
    }


async def test_the_purpose_of_the_question_is_the_default(grade: Grade) -> None:
    found = await grade(1)
    assert (found["purpose"], found["recognised"]) == ("P12", True)


async def test_x10_outside_its_purposes_nothing_is_recognised_or_shown(grade: Grade) -> None:
    found = await grade(1, purpose="P7")
    assert (found["recognised"], found["band"]) == (False, None)
    assert found["reason"] == "PURPOSE_NOT_COVERED"
    assert found["original"] is None
    assert "872" not in found["chain"]


async def test_x11_a_stale_grade_has_no_band(grade: Grade) -> None:
    found = await grade(3, purpose="P1")
    assert (found["recognised"], found["band"], found["reason"]) == (False, None, "STALE")
    last_day = await grade(3, purpose="P1", today=dt.date(2026, 6, 29))
    assert last_day["band"] == "EXCELLENT"


async def test_x12_w18_a_court_list_entry_holds_the_band_down(grade: Grade) -> None:
    found = await grade(2, purpose="P1")
    assert (found["band"], found["reason"]) == ("POOR", "VETO")
    assert found["veto"]["label"] == "失信被执行人"
    assert found["veto"]["recordId"]
    assert found["original"]["score"] == "872"
    assert found["chain"].endswith("→ 差 (VETO:失信被执行人)")
    before = await grade(2, purpose="P1", today=dt.date(2026, 6, 28))
    assert (before["band"], before["veto"]) == ("EXCELLENT", None)


async def test_a_list_entry_that_ended_is_no_veto(grade: Grade) -> None:
    found = await grade(8, purpose="P1")
    assert (found["band"], found["veto"]) == ("EXCELLENT", None)


async def test_x14_unrated_is_not_the_middle(grade: Grade) -> None:
    found = await grade(5, purpose="P1")
    assert (found["recognised"], found["band"], found["reason"]) == (False, "UNRATED", "UNRATED")
    assert (found["original"], found["mapping"], found["chain"]) == (None, None, "未评")


async def test_a_mapping_is_of_one_version_of_the_scheme(grade: Grade) -> None:
    found = await grade(4, purpose="P1")
    assert (found["reason"], found["band"]) == ("SCHEME_VERSION_UNKNOWN", None)
    assert (found["original"]["score"], found["mapping"]) == ("872", None)


async def test_a_scheme_without_a_mapping_stands_beside(grade: Grade) -> None:
    found = await grade(1, purpose="P1", scheme="TAX-ABMCD")
    assert (found["reason"], found["mapping"]) == ("NO_AGREEMENT", None)


async def test_an_ended_mapping_recognises_nothing(grade: Grade) -> None:
    found = await grade(1, purpose="P1", scheme="FIRE")
    assert (found["reason"], found["band"]) == ("EXPIRED", None)
    before = await grade(1, purpose="P1", scheme="FIRE", today=dt.date(2026, 6, 29))
    assert before["band"] == "EXCELLENT"


async def test_an_objection_is_shown_and_changes_no_band(grade: Grade) -> None:
    found = await grade(6, purpose="P1")
    assert (found["objection"], found["band"], found["recognised"]) == (True, "GOOD", True)


async def test_a_repair_after_the_evaluation_makes_it_stale(grade: Grade) -> None:
    found = await grade(7, purpose="P1")
    assert (found["reason"], found["band"]) == ("STALE", None)
    before = await grade(7, purpose="P1", today=dt.date(2026, 6, 9))
    assert before["band"] == "EXCELLENT"


async def test_a_repair_in_the_other_city_makes_its_evaluation_stale_here(grade: Grade) -> None:
    assert (await grade(9, purpose="P1"))["reason"] == "STALE"
    assert (await grade(9, purpose="P1", today=dt.date(2026, 6, 9)))["band"] == "EXCELLENT"


async def test_a_purpose_of_membership_shows_that_there_is_a_grade_and_nothing_of_it(
    grade: Grade,
) -> None:
    found = await grade(1, "DEPT", signed="P8")
    assert found == await grade(2, "DEPT", signed="P8")  # vetoed
    assert found == await grade(6, "DEPT", signed="P8")  # another score, objected to
    assert found == await grade(0, "DEPT", signed="P8")  # public one day, and no day is set
    assert (found["reason"], found["band"]) == ("PURPOSE_NOT_COVERED", None)
    assert (found["original"], found["mapping"], found["veto"]) == (None, None, None)
    assert (await grade(5, "DEPT", signed="P8"))["reason"] == "UNRATED"
    known, unknown = [
        await grade(1, "DEPT", signed="P8", scheme=scheme) for scheme in ("SY-1000", "XX")
    ]
    assert known == unknown


async def test_the_own_citys_grade_counts_where_there_is_no_other(grade: Grade) -> None:
    assert (await grade(8, purpose="P1"))["chain"] == "BX-ABCD 2025 A → 优 (mapping bx-1)"
    assert (await grade(1, purpose="P1", scheme="BX-ABCD"))["band"] == "FAIR"


async def test_the_public_sees_no_grade_and_no_hint_of_one(grade: Grade) -> None:
    rated, unrated = await grade(1, "PUB", purpose="P1"), await grade(5, "PUB", purpose="P1")
    assert rated == unrated
