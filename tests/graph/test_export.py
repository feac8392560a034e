"""Exports: what other programs read is what was shown, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from typing import Any
from xml.etree import ElementTree

import networkx
import orjson
from hypothesis import given
from hypothesis import strategies as st

from graph.bods import Publisher, declarations, share_of
from graph.export import Piece, graphml, table
from store.spreadsheet import guard


def said(**values: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("shareMin", "shareMax", "validFrom", "validTo"))
    return {"relationId": "r1", "originRegion": "210500", **plain, **values}


def piece(name: str = "本溪甲公司") -> Piece:
    firm = {"__typename": "Organisation", "id": "T3JnOmE=", "name": name, "uscc": "91A",
            "codes": [{"scheme": "uscc", "value": "91A"},
                      {"scheme": "foreign", "value": "GB-COH:XE1"}]}  # fmt: skip
    person = {"__typename": "Person", "id": "UGVyOmI=", "name": "张*"}
    other = {"relationId": "r2", "originRegion": "210100", "shareMin": "0", "shareMax": "0.51"}
    both = [said(shareMin="0.6", shareMax="0.6"), said(**other)]
    return Piece(
        "2026-06-30",
        "7-1",
        [{"key": f"n{n}", "party": one} for n, one in enumerate((firm, person, None))],
        [
            {"kind": "HOLDS", "source": "n1", "target": "n0", "position": None, "statements": both},
            {"kind": "OFFICER_OF", "source": "n1", "target": "n0", "position": "董事长",
             "statements": [said(relationId="r3", validFrom="2020-01-01")]},
            {"kind": "BORROWS", "source": "n0", "target": "n2", "position": None,
             "statements": [said(relationId="r4")]},
        ],
    )  # fmt: skip


def test_graphml_is_read_by_networkx_with_both_statements() -> None:
    read = networkx.parse_graphml(
        graphml(piece('甲 <"&\x00\uffff> \ufffe公司')), force_multigraph=True
    )
    assert read.nodes["n0"]["name"] == '甲 <"&> 公司'
    assert read.nodes["n2"]["type"] == "Loan"
    shares = {data["relationId"]: data.get("shareMin") for *_, data in read.edges(data=True)}
    assert shares == {"r1": "0.6", "r2": "0", "r3": None, "r4": None}


@given(st.text())
def test_any_name_is_well_formed_and_no_formula(name: str) -> None:
    told = graphml(piece(name.replace("\r", "")))
    encoded = told.encode("utf-8", "replace")
    assert ElementTree.fromstring(encoded) is not None
    rows = list(csv.reader(io.StringIO(table(piece(name)), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row
    )
    assert len(rows) == 5


def test_formulas_are_guarded() -> None:
    assert [guard(cell) for cell in ("=1+1", "'=1", "-2", "甲", "", "＝cmd", "＠x")] == [
        "'=1+1", "''=1", "'-2", "甲", "", "'＝cmd", "'＠x",
    ]  # fmt: skip


def test_bods_says_what_has_a_place_in_it() -> None:
    interest = {
        "interestId": "i1", "subject": "n0", "party": None, "unnamedReason": "noBeneficialOwners",
        "type": "votingRights", "directness": "indirect", "beneficial": True, "shareMin": "0.25",
        "shareMax": None, "bounds": "(]", "details": None, "validFrom": None, "validTo": None,
    }  # fmt: skip
    written, left_out = declarations(
        piece(), "n0", Publisher("本溪", "2026-06-30"), [interest], ["r2"]
    )
    told = orjson.loads(written)
    assert left_out == 1  # the loan
    assert [one["recordType"] for one in told] == ["entity", "person", *["relationship"] * 4]
    entity, _, *relationships = told
    assert entity["recordDetails"]["identifiers"] == [
        {"scheme": "CN-SAIC", "id": "91A"},
        {"scheme": "GB-COH", "id": "XE1"},
    ]
    interests = [one["recordDetails"]["interests"][0] for one in relationships]
    assert [(one["type"], one.get("share")) for one in interests] == [
        ("shareholding", {"exact": 60}),
        ("shareholding", {"minimum": 0, "maximum": 51}),
        ("boardChair", None),
        ("votingRights", {"exclusiveMinimum": 25}),
    ]
    assert [one["beneficialOwnershipOrControl"] for one in interests] == [False, True, False, True]
    ids = {one["recordId"] for one in told}
    for one in relationships:
        assert one["recordDetails"]["subject"] in ids
    assert relationships[-1]["recordDetails"]["interestedParty"] == {"reason": "noBeneficialOwners"}
    for one in told:
        assert 32 <= len(one["statementId"]) <= 64
        assert one["publicationDetails"]["bodsVersion"] == "0.4"
        assert one["declarationSubject"] == entity["recordId"]
    assert len({one["statementId"] for one in told}) == len(told)


@given(st.decimals(0, 1, places=12))
def test_shares_are_written_to_the_last_digit(share: Any) -> None:
    written = orjson.dumps(share_of(f"{share:f}", f"{share:f}", "[]"))
    [_, number] = written.decode().rstrip("}").split(":")
    assert type(share)(number) == share * 100
