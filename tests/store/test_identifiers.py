"""National codes: every vector of the standards, every finding, and the kind when none is given."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import cast, get_args

import pytest
from stdnum.iso7064 import mod_11_2

from store.identifiers import (
    Identification,
    Kind,
    id_number,
    identify,
    org_code,
    org_code_of_uscc,
    reg_no,
    uscc,
)
from store.identifiers.authorities import entity_class, load_entity_classes
from store.identifiers.check_characters import org_check, uscc_check

ON = date(2026, 6, 30)
VECTORS = list(
    csv.DictReader(
        (Path(__file__).parent / "data" / "identifier_vectors.csv").read_text("utf-8").splitlines()
    )
)
HEADS = (
    *("11", "12", "13", "31", "32", "33", "34", "35", "36", "41", "51", "52", "53", "54", "55"),
    *("61", "62", "71", "72", "81", "82", "91", "92", "93", "A1", "G1", "J1", "N1", "N2", "N3"),
    *("Q1", "Q2", "Q3", "Y1"),
)
# Built here and not stored: a number made for a real division may be somebody's.
PERMITS = [
    body + mod_11_2.calc_check_digit(body)
    for body in ("83000019900101001", "82000019850505003", "81000019850505003")
]


def codes(found: Identification) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['kind']}:{v['input']}")
def test_vector_is_judged_as_the_standard_says(vector: dict[str, str]) -> None:
    found = identify(vector["input"], cast(Kind, vector["kind"]), on=ON)
    assert found.kind == vector["kind"]
    assert found.valid is (vector["valid"] == "true")
    expected = set(filter(None, vector["findings"].split(";")))
    assert expected <= set(codes(found))
    if found.valid:
        assert expected == set(codes(found))


@pytest.mark.parametrize(
    "vector",
    # Eighteen zeros are given for two kinds and fit neither.
    [v for v in VECTORS if (v["kind"], v["input"]) != ("id_number", "0" * 18)],
    ids=lambda v: f"{v['kind']}:{v['input']}",
)
def test_kind_of_a_vector_is_inferred(vector: dict[str, str]) -> None:
    found = identify(vector["input"], on=ON)
    assert found.kind == vector["kind"]
    assert found.valid is (vector["valid"] == "true")


def test_the_vectors_cover_every_kind() -> None:
    assert {vector["kind"] for vector in VECTORS} == set(get_args(Kind))
    assert len(VECTORS) > 90


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("914403OO71526726XG", ["ALPHABET", "DIVISION_FORMAT"]),
        ("91210A00242690243E", ["DIVISION_FORMAT", "CHECKSUM"]),
        ("98219900XD0000139U", ["CLASS_UNKNOWN", "CHECKSUM", "DIVISION_UNKNOWN"]),
        (
            "ｂ1219900 XD0000130U",
            ["NORMALISED", "AUTHORITY_UNKNOWN", "CHECKSUM", "ORG_CHECK", "DIVISION_UNKNOWN"],
        ),
        ("9I", ["LENGTH", "ALPHABET"]),
    ],
)
def test_a_uscc_gets_all_findings_at_once(text: str, expected: list[str]) -> None:
    found = uscc(text, on=ON)
    assert codes(found) == expected
    assert not found.valid


def test_lenient_mode_only_softens_the_table_of_authorities() -> None:
    for text, code in (
        ("98210500XD0000147W", "CLASS_UNKNOWN"),
        ("B1210500XD0000155B", "AUTHORITY_UNKNOWN"),
    ):
        assert not uscc(text, on=ON).valid
        lenient = uscc(text, strict=False, on=ON)
        assert lenient.valid
        assert [(f.code, f.severity) for f in lenient.findings] == [(code, "warning")]
    assert not uscc("91210000242690243F", strict=False, on=ON).valid


def test_eighteen_zeros_are_refused_in_every_mode() -> None:
    assert not uscc("0" * 18, on=ON).valid
    assert not uscc("0" * 18, strict=False, on=ON).valid
    assert not identify("0" * 18, strict=False, on=ON).valid
    assert org_code_of_uscc("0" * 18) is None


@pytest.mark.parametrize(
    "head",
    HEADS,
)
def test_every_head_of_the_amended_table_is_known(head: str) -> None:
    assert not {"AUTHORITY_UNKNOWN", "CLASS_UNKNOWN"} & set(
        codes(uscc(head + "210500XD0000016N", on=ON))
    )
    assert entity_class(head) is not None


def test_a_class_is_unknown_before_it_was_introduced() -> None:
    code = "11210500XD0000040F"
    assert codes(uscc(code, on=date(2015, 10, 1))) == []
    assert codes(uscc(code, on=date(2015, 9, 30))) == ["AUTHORITY_UNKNOWN"]


def test_heads_are_unique_in_the_table() -> None:
    heads = [row.authority + row.entity_class for row in load_entity_classes()]
    assert len(heads) == len(set(heads)) == 49


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        (" 91210000242690243e\n", "91210000242690243E"),
        ("9121 0000 2426 9024 3E", "91210000242690243E"),
        ("912100002426902-43E", "91210000242690243E"),
        ("91210000\u30002426\u00a090243E", "91210000242690243E"),
        ("\ufeff91210000242690243E\u200b", "91210000242690243E"),
        ("91210000－24269024－3E", "91210000242690243E"),
        ("91210000242690243Ｅ", "91210000242690243E"),
    ],
)
def test_a_code_is_normalised_and_says_so(text: str, normalised: str) -> None:
    found = identify(text, on=ON)
    assert (found.kind, found.valid, found.normalised) == ("uscc", True, normalised)
    assert [(f.code, f.severity) for f in found.findings] == [("NORMALISED", "info")]
    assert found.input == text


@pytest.mark.parametrize("text", ["٩١٢١٠٠٠٠٢٤٢٦٩٠٢٤٣E", "9121000024269024ßE", "9ı210000242690243E"])
def test_foreign_digits_and_letters_are_not_taken_for_ours(text: str) -> None:
    assert not uscc(text, on=ON).valid
    assert not identify(text, on=ON).valid


def test_the_organisation_code_is_read_out_of_a_uscc_only_when_its_check_holds() -> None:
    assert org_code_of_uscc("91210000242690243E") == "242690243"
    assert org_code_of_uscc("9144030071526726XG") == "71526726X"
    assert org_code_of_uscc("91320594MA1MYLPY58") is None
    assert org_code_of_uscc("9121000024269024E") is None
    assert org_code_of_uscc("91210000S42690243E") is None


@pytest.mark.parametrize("text", ["D2143569-X", "d2143569-x", " D2143569－X ", "D2143569 - X"])
def test_an_organisation_code_may_be_printed_with_its_hyphen(text: str) -> None:
    found = identify(text, on=ON)
    assert (found.kind, found.valid, found.normalised) == ("org_code", True, "D2143569X")
    assert codes(found) == ["NORMALISED"]


def test_an_all_zero_organisation_code_is_flagged() -> None:
    assert codes(org_code("00000000-0", on=ON)) == ["NORMALISED", "PLACEHOLDER"]


@pytest.mark.parametrize("text", PERMITS)
def test_residence_permits_are_identity_numbers(text: str) -> None:
    found = identify(text, on=ON)
    assert (found.kind, found.valid, codes(found)) == ("id_number", True, [])


def test_demo_divisions_are_known_in_the_demo_only() -> None:
    number = "210590198808080013"
    assert codes(identify(number, on=ON)) == ["DIVISION_UNKNOWN"]
    assert codes(identify(number, on=ON, demo=True)) == []
    assert codes(uscc("91210590XD0000016N", on=ON, demo=True)) == ["CHECKSUM"]


def test_births_end_at_the_domain_date() -> None:
    born = "21059019880808001"
    number = born + "3"
    assert id_number(number, on=date(1988, 8, 8), demo=True).valid
    found = id_number(number, on=date(1988, 8, 7), demo=True)
    assert codes(found) == ["DATE_FUTURE"]
    assert not found.valid


def test_the_permanent_residence_card_names_its_province_after_the_nine() -> None:
    assert codes(id_number("911124198108030024", on=ON)) == []
    assert codes(id_number("990101199001010019", on=ON)) == ["DIVISION_UNKNOWN"]


def test_a_first_generation_number_counts_as_what_it_stands_for() -> None:
    # The 15-digit form of the standard's own example.
    found = identify("110105491231002", on=ON)
    assert (found.kind, found.valid, found.derived) == ("id_number", True, True)
    assert found.normalised == "11010519491231002X"
    assert found.input == "110105491231002"
    assert [(f.code, f.severity) for f in found.findings] == [("LEGACY_15", "warning")]
    spaced = id_number("110105 491231 002", on=ON)
    assert codes(spaced) == ["NORMALISED", "LEGACY_15"]


def test_a_first_generation_number_with_an_impossible_birth_is_refused() -> None:
    found = id_number("110105491331002", on=ON)
    assert codes(found) == ["LEGACY_15", "DATE_INVALID"]
    assert not found.valid


def test_a_registration_number_that_could_be_a_person_says_so() -> None:
    assert codes(identify("210502400123454", on=ON)) == ["ID_NUMBER_POSSIBLE"]
    assert codes(identify("210502400123454", "reg_no", on=ON)) == []
    # A city's code begins no identity number.
    assert codes(identify("210500000123452", on=ON)) == []


@pytest.mark.parametrize(
    "text", ["企股辽本总字第…号", "企独辽沈总字第001234号", "工商企字第00123号"]
)
def test_worded_registration_numbers_are_kept_as_text(text: str) -> None:
    found = identify(text, on=ON)
    assert (found.kind, found.valid, found.normalised) == ("reg_no", True, text)
    assert [(f.code, f.severity) for f in found.findings] == [("LEGACY_TEXT", "info")]
    assert reg_no(f" {text}", on=ON).normalised == text


def test_a_clean_uscc_is_not_taken_for_a_mistyped_person() -> None:
    # Digits 7 to 14 read as a date, and the check of an identity number holds or not: registered
    # in 110119, whose last digits look like a century.
    for serial in range(49_120_000, 49_121_300):
        first = f"91110119{serial}{org_check(str(serial))}"
        code = first + uscc_check(first)
        found = identify(code, on=ON)
        assert found.valid
        assert found.kind == ("id_number" if id_number(code, on=ON).valid else "uscc")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("9121000024269024E", "uscc"),
        ("91210000242690243EE", "uscc"),
        ("91210500XD000001", "uscc"),
        ("11010519491231002", "id_number"),
        ("1101051949123102X", "id_number"),
        ("110105194912310002X", "id_number"),
        ("1101O519491231002X", "id_number"),
        ("24269024", "org_code"),
        ("44030110309741", "reg_no"),
        ("4403011030974133", "reg_no"),
    ],
)
def test_a_miscounted_or_misread_code_is_judged_as_what_it_resembles(text: str, kind: str) -> None:
    found = identify(text, on=ON)
    assert (found.kind, found.valid) == (kind, False)
    assert {"LENGTH", "ALPHABET"} & set(codes(found))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "本溪某某有限公司",
        "平山区文化路3号",
        "13-",
        "10000000000",
        "\x00",
        "🙂" * 18,
    ],
)
def test_what_resembles_nothing_has_no_kind(text: str) -> None:
    found = identify(text, on=ON)
    assert (found.kind, found.valid) == (None, False)
    assert [f.severity for f in found.findings if f.code == "KIND_UNKNOWN"] == ["error"]


def test_json_has_the_agreed_members() -> None:
    assert identify("ｄ2143569X", on=ON).to_json() == {
        "input": "ｄ2143569X",
        "kind": "org_code",
        "valid": True,
        "normalised": "D2143569X",
        "findings": [
            {
                "code": "NORMALISED",
                "severity": "info",
                "message": identify("ｄ2143569X", on=ON).findings[0].message,
            }
        ],
    }


def test_no_message_repeats_the_input() -> None:
    for vector in VECTORS:
        for finding in identify(vector["input"], on=ON).findings:
            assert vector["input"] not in finding.message
