"""Exports through the API: the same as the field they are made of, logged as it."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers import interest
from tests.resolvers.conftest import uid
from tests.resolvers.test_neighbourhood import A, Graph

EXPORT = """query($s: String!, $f: ExportFormat!, $to: String) {
  graphExport(format: $f, subject: $s, to: $to) {
    format mediaType content sha256 asOf position nodes edges leftOut truncated { reason } } }"""
AROUND = "query($s: String!) { neighbourhood(subject: $s) { nodes { party { name } } } }"


async def test_an_export_is_what_the_neighbourhood_shows(ask: Any) -> None:
    shown = await ask(AROUND, "PCITY", graph=Graph(), s=A)
    names = {one["party"]["name"] for one in shown.data["neighbourhood"]["nodes"]}
    told = {}
    for form in ("CSV", "GRAPHML", "BODS"):
        asked = await ask(EXPORT, "PCITY", graph=Graph(), s=A, f=form)
        assert asked.errors == []
        found = asked.data["graphExport"]
        assert found["nodes"] == len(names)
        assert found["sha256"] == hashlib.sha256(found["content"].encode()).hexdigest()
        assert asked.answer.disclosure.subjects == shown.answer.disclosure.subjects
        told[form] = found
    rows = list(csv.DictReader(io.StringIO(told["CSV"]["content"])))
    assert {row["kind"] for row in rows} == {"HOLDS", "GUARANTEES"}
    assert "欧阳明" not in "".join(one["content"] for one in told.values())
    declared = orjson.loads(told["BODS"]["content"])
    assert {one["recordType"] for one in declared} == {"entity", "person", "relationship"}
    assert told["BODS"]["leftOut"] == 1  # the guarantee


async def test_who_sees_nothing_exports_nothing(ask: Any) -> None:
    assert (await ask(EXPORT, "PUB", graph=Graph(), s=A, f="CSV")).codes == ["FORBIDDEN"]
    missing = await ask(EXPORT, "PCITY", graph=Graph(), s="nobody", f="CSV")
    assert missing.data == {"graphExport": None}
    assert missing.answer.disclosure.not_found == ("nobody",)
    same = await ask(EXPORT, "PCITY", graph=Graph(), s=A, f="CSV", to=A)
    assert same.codes == ["SUBJECTS_EQUAL"]


async def test_declared_interests_come_by_pages_to_the_last(
    ask: Any, pool: asyncpg.Pool[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stopped at 1,000 rows without saying so; of them, some may be nobody's to see."""
    monkeypatch.setattr(interest, "_READ", 2)
    document = """query($s: String!, $n: Int!, $a: String) {
      declaredInterests(subject: $s, first: $n, after: $a) {
        pageInfo { hasNextPage endCursor } nodes { interestId details }
        edges { cursor node { party { name } } } } }"""
    await pool.execute(
        "INSERT INTO declared_interest (subject_id, interest_id, party_id, interest_type,"
        " directness, beneficial, details, origin_region, class, statement_no, source_unit_name,"
        " source_unit_uscc, stamp, batch_sha, line_no)"
        " SELECT $1, md5(n::text)::uuid, CASE WHEN n % 3 = 1 THEN $2::uuid WHEN n % 3 = 2"
        " THEN gen_random_uuid() END, 'votingRights', 'indirect', true, n::text, '210500', 'G',"
        " 's', '局', 'c', now(), '', n FROM generate_series(1, 9) n",
        uid("a"),
        uid("b"),
    )
    try:
        told: list[str] = []
        names: list[str | None] = []
        after, more = None, True
        while more:
            asked = await ask(document, "ANALYST", case="案1", s=A, n=2, a=after)
            page = asked.data["declaredInterests"]
            told += [one["details"] for one in page["nodes"]]
            names += [(one["node"]["party"] or {}).get("name") for one in page["edges"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
            assert page["edges"][-1]["cursor"] == after
        assert sorted(told) == ["1", "3", "4", "6", "7", "9"]
        assert sorted(map(str, names)) == ["None"] * 3 + [names[told.index("1")]] * 3
        broken = await ask(document, "ANALYST", case="案1", s=A, n=2, a="!")
        assert broken.codes == ["CURSOR_INVALID"]
    finally:
        await pool.execute("DELETE FROM declared_interest")
