"""Whatever a document or a cell is made of, reading gives back what was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schema.records import kinds
from store.identifiers.check_characters import id_check
from store.intake import json_file
from store.intake.json_file import JsonDocument, keys_of_document
from store.intake.misplaced_number import is_number
from store.intake.value import Invalid, half_width, reader
from store.kind import Field, FieldType

_CODES = [f for kind in kinds() for f in kind.fields if f.type is FieldType.CODES]
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff"), max_size=12)
_MEMBERS = st.dictionaries(
    st.sampled_from(["iname", "caseCode", "duty", "age"]),
    st.one_of(_TEXT, st.integers(), st.booleans(), st.none(), st.decimals(0, 9, places=2)),
    min_size=1,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(_MEMBERS, min_size=2, max_size=8),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_a_document_is_read_whatever_lies_on_the_border_of_a_chunk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: list[dict[str, Any]],
    chunk: int,
    indent: int | None,
    wrapped: bool,
) -> None:
    monkeypatch.setattr(json_file, "_CHUNK", chunk)
    path = tmp_path / "d.json"
    document: object = {"code": 0, "data": {"rows": members}} if wrapped else members
    path.write_text(json.dumps(document, ensure_ascii=False, indent=indent, default=str), "utf-8")
    headers = tuple(keys_of_document(path, "utf-8"))
    assert set(headers) == {name for member in members for name in member}
    rows = list(JsonDocument(path, "utf-8", headers).rows())
    assert [row.line for row in rows] == list(range(1, len(members) + 1))
    for row, member in zip(rows, members, strict=True):
        for name, cell in zip(headers, row.cells, strict=True):
            told = member.get(name)
            if isinstance(told, bool):
                assert cell == str(told).lower()
            else:
                assert cell == ("" if told is None else str(told))


@given(st.data(), st.sampled_from(["；", ";", ",", "，", "、", " ", "|", "/ "]))
def test_several_codes_are_read_whatever_stands_between_them(data: Any, between: str) -> None:
    declared = data.draw(st.sampled_from(_CODES))
    assert declared.codes is not None
    codes = data.draw(st.lists(st.sampled_from(declared.codes.codes), min_size=1, unique=True))
    # 没收违法所得、没收非法财物 is a code of its own.
    both = {"CONFISCATION_OF_GAINS", "CONFISCATION_OF_PROPERTY"}
    assume(between != "、" or not both <= {one.value for one in codes})
    written = between.join(data.draw(st.sampled_from([c.label, *c.aliases])) for c in codes)
    assert set(reader(declared)(half_width(written))) == {code.value for code in codes}  # type: ignore[call-overload]


@given(st.text("警告罚款没收;、，其他 ", max_size=12))
def test_a_cell_of_codes_is_read_or_refused(text: str) -> None:
    declared = next(f for f in _CODES if f.name == "penalty_types")
    known = {code.value for code in declared.codes.codes}  # type: ignore[union-attr]
    assert _read(declared, text) <= known | {"CODE_UNKNOWN", "REQUIRED"}


def test_a_cell_of_codes_that_could_be_divided_in_many_ways_is_refused_at_once() -> None:
    declared = next(f for f in _CODES if f.name == "penalty_types")
    text = "没收违法所得、没收非法财物、" * 40
    assert _read(declared, text + "没") == {"CODE_UNKNOWN"}
    assert _read(declared, text) == {"CONFISCATION"}


def _read(declared: Field, text: str) -> set[Any]:
    try:
        return set(reader(declared)(half_width(text)))  # type: ignore[call-overload]
    except Invalid as fault:
        return {fault.code}


@given(
    st.integers(110000, 659999),
    st.dates(),
    st.integers(0, 999),
    st.sampled_from(["", "01", "L0"]),
    st.booleans(),
)
def test_a_persons_number_is_known_in_any_column(
    division: int, born: Any, serial: int, behind: str, spaced: bool
) -> None:
    body = f"{division}{born:%Y%m%d}".rjust(14, "0") + f"{serial:03d}"
    number = body + id_check(body)
    shown = f"{number[:6]} {number[6:14]} {number[14:]}" if spaced else number
    assert is_number(shown + behind) is (1900 <= born.year <= 2099)
    wrong = body + ("0" if number[-1] != "0" else "1")
    assert not is_number(wrong)
