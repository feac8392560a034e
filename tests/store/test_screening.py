"""Personal data in free text: a corpus with the expected results, and what never survives."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.records import kinds
from store.identifiers.check_characters import id_check, org_check, uscc_check
from store.rescreening import rescreen
from store.screening import SCANNER, private_names, screen
from tests.store.conftest import Take
from tests.store.test_intake import Sheet, penalty, report

CORPUS = Path(__file__).parent / "data/screening"


def _cases() -> Iterator[Any]:
    for path in sorted(CORPUS.glob("*.toml")):
        for index, case in enumerate(tomllib.loads(path.read_text("utf-8"))["case"]):
            yield pytest.param(case["text"], case.get("shown"), id=f"{path.stem}-{index}")


@pytest.mark.parametrize(("text", "shown"), list(_cases()))
def test_the_corpus_is_shown_as_expected(text: str, shown: str | None) -> None:
    assert screen(text).text == shown


@pytest.mark.parametrize(("text", "shown"), list(_cases()))
def test_what_was_screened_is_screened_to_itself(text: str, shown: str | None) -> None:
    del text
    if shown is not None:
        assert screen(shown).text == shown


def test_the_corpus_is_large_and_has_both_sorts() -> None:
    cases = [case.values for case in _cases()]
    assert len(cases) >= 150
    assert sum(text == shown for text, shown in cases) >= 60
    assert sum(shown is None for _, shown in cases) >= 10


_born = st.integers(0, 40_000).map(lambda days: date(1900, 1, 1) + timedelta(days))
_places = st.sampled_from(["210590", "210190", "210503", "110101", "650102", "820000"])
_numbers = st.builds(
    lambda place, born, serial: (body := f"{place}{born:%Y%m%d}{serial:03d}") + id_check(body),
    _places,
    _born,
    st.integers(0, 999),
)
_separators = st.text(
    st.characters(exclude_categories=["L", "N", "Cs"], exclude_characters="X×"), max_size=4
)
_around = st.text(st.sampled_from("经查当事人在于的，。：号罚款（）张三、 "), max_size=20)


def _survives(number: str, text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text).upper()
    return number in "".join(c for c in plain if c.isascii() and c.isalnum())


@given(_numbers, st.lists(_separators, min_size=17, max_size=17), _around, _around)
def test_no_identity_number_survives_whatever_stands_between_its_digits(
    number: str, separators: list[str], before: str, after: str
) -> None:
    written = "".join(d + s for d, s in zip(number, [*separators, ""], strict=True))
    shown = screen(before + written + after).text
    assert shown is None or not _survives(number, shown)


@given(
    _numbers, st.lists(st.booleans(), min_size=18, max_size=18), st.text("0123456789", max_size=9)
)
def test_nor_does_one_in_full_width_or_inside_a_longer_number(
    number: str, wide: list[bool], more: str
) -> None:
    written = "".join(chr(ord(d) + 0xFEE0) if w else d for d, w in zip(number, wide, strict=True))
    for text in (f"号码{written}号", f"号码{more}{written}号", f"{written}，{written}"):
        shown = screen(text).text
        assert shown is None or not _survives(number, shown)


@given(_numbers, st.integers(0, 17), st.integers(1, 9))
def test_a_mistyped_identity_number_is_not_shown(number: str, place: int, by: int) -> None:
    digit = number[place]
    if digit == "X" or place < 8:
        return
    wrong = number[:place] + str((int(digit) + by) % 10) + number[place + 1 :]
    shown = screen(f"身份证号{wrong}").text
    assert shown is None or not _survives(wrong, shown)


@given(st.text("ABCDEFGHJKLMNPQRTUWXY", min_size=2, max_size=2), st.integers(0, 999_999))
def test_codes_of_bodies_stay(letters: str, serial: int) -> None:
    org = f"{letters}{serial:06d}"
    body = f"91210500{org}{org_check(org)}"
    text = f"当事人（统一社会信用代码{body + uscc_check(body)}）"
    assert screen(text).text == text


@given(st.text(max_size=60))
def test_any_text_gives_a_result_and_the_same_one_again(text: str) -> None:
    first = screen(text)
    assert first == screen(text)
    if first.text is not None and not first.found:
        assert first.text == text


@given(st.text("张王李三四五，在于的0123456789 ", max_size=40))
def test_names_of_the_subject_are_hidden_wherever_they_stand(text: str) -> None:
    shown = screen(f"{text}陈小明{text}", ("陈小明",)).text
    assert shown is None or "陈小明" not in shown


def test_the_subjects_own_name_is_private_for_persons_and_operators() -> None:
    assert private_names("NATURAL_PERSON", "陈小明", {}) == ("陈小明",)
    assert private_names("INDIVIDUAL_BUSINESS", "小明超市", {"legalRepName": "陈小明"}) == (
        "陈小明",
    )
    assert private_names("LEGAL_ENTITY", "本溪公司", {"legalRepName": "陈小明"}) == ()


async def test_intake_keeps_what_the_public_may_see_beside_the_text(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    held = "身份证号21059019801301001X"
    summary = await take(
        sheet(
            "p.csv",
            [
                penalty(违法事实="经营者王伟在店内销售", 行政处罚决定书文号="甲"),
                penalty(违法事实=held, 行政处罚决定书文号="乙"),
            ],
        )
    )
    assert [row["代码"] for row in report(summary)] == ["TEXT_HELD"]
    rows = {
        row["document_no"]: row
        for row in await pool.fetch(
            "SELECT document_no, screened ->> 'facts' AS facts, screened ->> 'content' AS content,"
            " fields ->> 'facts' AS stated, screening FROM record"
        )
    }
    assert rows["甲"]["facts"] == "经营者王*在店内销售"
    assert rows["甲"]["stated"] == "经营者王伟在店内销售"
    assert rows["乙"]["facts"] is None
    assert rows["乙"]["stated"] == held
    assert {row["content"] for row in rows.values()} == {"罚款2000元"}
    assert {row["screening"] for row in rows.values()} == {SCANNER}
    assert await pool.fetchval("SELECT kind FROM quality_issue WHERE kind = 'TEXT_HELD'")


async def test_records_of_an_older_scanner_are_screened_again_and_only_these(
    take: Take, sheet: Sheet, pool: asyncpg.Pool[Any]
) -> None:
    rows = [penalty(违法事实="经营者王伟", 行政处罚决定书文号=f"{i}号") for i in range(3)]
    await take(sheet("p.csv", rows))
    await pool.execute(
        "UPDATE record SET screened = NULL, screening = CASE document_no WHEN '0号' THEN NULL"
        " ELSE '2020-1' END WHERE document_no <> '2号'"
    )
    async with pool.acquire() as connection:
        assert await rescreen(connection, kinds()) == 2
        assert await rescreen(connection, kinds()) == 0
    shown = await pool.fetch("SELECT screened ->> 'facts' AS facts FROM record")
    assert [row["facts"] for row in shown] == ["经营者王*"] * 3
