"""Exports through the API: the same as the field they are made of, logged as it."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import orjson

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
