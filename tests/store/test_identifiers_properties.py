"""Check characters against an independent implementation, and what holds for every code."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.cn import uscc as stdnum_uscc
from stdnum.iso7064 import mod_11_2, mod_11_10

from store.identifiers import id_number, identify, org_code, reg_no, uscc
from store.identifiers.check_characters import (
    USCC_ALPHABET,
    id_check,
    org_check,
    reg_no_check,
    uscc_check,
)

ON = date(2026, 6, 30)
DIGITS = st.sampled_from("0123456789")
BIRTHS = st.dates(date(1900, 1, 1), ON)


def word(characters: st.SearchStrategy[str], length: int) -> st.SearchStrategy[str]:
    return st.lists(characters, min_size=length, max_size=length).map("".join)


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    body = "XD" + draw(word(st.sampled_from(USCC_ALPHABET), 6))
    head = draw(st.sampled_from(["91", "92", "93", "11", "54", "N2", "A1"]))
    division = draw(st.sampled_from(["210500", "210502", "210100", "210122", "320594"]))
    first = head + division + body + org_check(body)
    return first + uscc_check(first)


@st.composite
def identity_numbers(draw: st.DrawFn) -> str:
    place = draw(st.sampled_from(["210190", "210590"]))
    body = f"{place}{draw(BIRTHS):%Y%m%d}{draw(word(DIGITS, 3))}"
    return body + id_check(body)


@given(word(DIGITS, 17))
def test_identity_check_is_iso_7064_mod_11_2(body: str) -> None:
    assert id_check(body) == mod_11_2.calc_check_digit(body)


@given(word(DIGITS, 14))
def test_registration_check_is_iso_7064_mod_11_10(body: str) -> None:
    assert reg_no_check(body) == mod_11_10.calc_check_digit(body)


@given(word(DIGITS, 8), word(st.sampled_from(USCC_ALPHABET), 9))
def test_credit_check_agrees_with_an_independent_one(digits: str, inner: str) -> None:
    assert uscc_check(digits + inner) == stdnum_uscc.calc_check_digit(digits + inner)


@given(credit_codes())
def test_a_constructed_credit_code_is_valid(code: str) -> None:
    found = uscc(code, on=ON)
    assert (found.valid, found.findings, found.normalised) == (True, (), code)


@given(credit_codes(), st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_every_substitution_in_a_credit_code_is_an_error(
    code: str, place: int, character: str
) -> None:
    assume(code[place] != character)
    found = uscc(code[:place] + character + code[place + 1 :], on=ON)
    assert not found.valid


@given(credit_codes(), st.integers(0, 16))
def test_every_transposition_in_a_credit_code_is_an_error(code: str, place: int) -> None:
    assume(code[place] != code[place + 1])
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert not uscc(swapped, on=ON).valid


@given(identity_numbers())
def test_an_identity_number_is_never_taken_for_an_open_code(number: str) -> None:
    found = identify(number, on=ON, demo=True)
    assert (found.kind, found.valid, found.findings) == ("id_number", True, ())


@given(BIRTHS.filter(lambda born: born.year < 2000), word(DIGITS, 3), st.booleans())
def test_a_first_generation_number_of_the_demo_is_a_person(
    born: date, serial: str, demo: bool
) -> None:
    number = f"210590{born:%y%m%d}{serial}"
    found = identify(number, on=ON, demo=demo)
    assert (found.kind, found.valid, found.derived) == ("id_number", True, True)
    full = f"210590{born:%Y%m%d}{serial}"
    assert found.normalised == full + mod_11_2.calc_check_digit(full)


@given(identity_numbers(), st.integers(0, 17), DIGITS)
def test_a_mistyped_identity_number_is_not_valid(number: str, place: int, digit: str) -> None:
    assume(number[place] != digit)
    mistyped = number[:place] + digit + number[place + 1 :]
    assert not id_number(mistyped, on=ON, demo=True).valid


@given(identity_numbers(), st.integers(0, 17), DIGITS)
def test_a_mistyped_identity_number_does_not_pass_as_an_open_code(
    number: str, place: int, digit: str
) -> None:
    assume(number[place] != digit)
    mistyped = number[:place] + digit + number[place + 1 :]
    # Of 18 digits one in hundreds has both check characters of a credit code: that is one.
    assume(not uscc(mistyped, on=ON, demo=True).valid)
    found = identify(mistyped, on=ON, demo=True)
    assert found.kind == "id_number" or not found.valid


@given(st.dates(ON + timedelta(days=1), date(2099, 12, 31)), word(DIGITS, 3))
def test_a_birth_in_the_future_is_an_error(born: date, serial: str) -> None:
    body = f"210590{born:%Y%m%d}{serial}"
    found = identify(body + id_check(body), on=ON, demo=True)
    assert (found.kind, found.valid) == ("id_number", False)
    assert [finding.code for finding in found.findings] == ["DATE_FUTURE"]


@given(
    st.sampled_from(["19900229", "20010229", "19901301", "19900431", "19900100"]), word(DIGITS, 3)
)
def test_a_date_outside_the_calendar_is_an_error_with_the_right_checksum(
    birth: str, serial: str
) -> None:
    body = f"210590{birth}{serial}"
    found = identify(body + id_check(body), on=ON, demo=True)
    assert (found.kind, found.valid) == ("id_number", False)
    assert [finding.code for finding in found.findings] == ["DATE_INVALID"]


@given(st.sampled_from(["19600229", "20000229", "19700101"]), word(DIGITS, 3))
def test_leap_days_and_births_before_the_county_existed_are_valid(birth: str, serial: str) -> None:
    body = f"210502{birth}{serial}"
    found = identify(body + id_check(body), on=ON)
    assert (found.kind, found.valid, found.findings) == ("id_number", True, ())


@given(st.text(max_size=30), st.sampled_from([None, "uscc", "org_code", "id_number", "reg_no"]))
def test_any_text_gets_an_answer(text: str, kind: object) -> None:
    found = identify(text, kind, on=ON)  # type: ignore[arg-type]
    assert found.valid is all(finding.severity != "error" for finding in found.findings)
    assert found.input == text
    assert kind in (None, found.kind)


@given(st.text("0123456789ABDEX -Ｏ０字第号", max_size=20))
def test_the_normalised_form_is_stable(text: str) -> None:
    found = identify(text, on=ON)
    again = identify(found.normalised, on=ON)
    if found.valid:
        assert (again.kind, again.valid, again.normalised) == (found.kind, True, found.normalised)
        assert "NORMALISED" not in [finding.code for finding in again.findings]


@given(st.one_of(word(DIGITS, 9), word(st.sampled_from(USCC_ALPHABET), 9)))
def test_an_organisation_code_is_valid_exactly_when_its_check_is_right(code: str) -> None:
    assert org_code(code, on=ON).valid is (org_check(code[:8]) == code[8])


@given(word(DIGITS, 15))
def test_a_registration_number_is_valid_exactly_when_its_check_is_right(code: str) -> None:
    assert reg_no(code, on=ON).valid is mod_11_10.is_valid(code)
