"""The printed schema is the code's, described in Chinese first, and follows the declarations."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from graphql import (
    GraphQLError,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from schema.definition import CreditSchema
from schema.print import FILE, printed
from schema.records import kinds
from schema.scalars import canonical, parse_date, parse_decimal, parse_instant
from store.kind import FieldType

_CHINESE = re.compile("[\u4e00-\u9fff]")


def test_the_file_in_the_repository_is_the_schema() -> None:
    assert FILE.read_text(encoding="utf-8") == printed()


def test_every_type_field_and_argument_is_described() -> None:
    schema = CreditSchema(kinds()).graphql
    missing = []
    for name, type_ in schema.type_map.items():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        if not type_.description:
            missing.append(name)
        for field_name, field in getattr(type_, "fields", {}).items():
            if not field.description:
                missing.append(f"{name}.{field_name}")
            for argument_name, argument in getattr(field, "args", {}).items():
                if not argument.description:
                    missing.append(f"{name}.{field_name}({argument_name})")
    assert missing == []


def test_fields_of_stored_types_carry_the_chinese_term_first() -> None:
    schema = CreditSchema(kinds()).graphql
    for name in ("Organisation", "Person", "HoldingEdge", "Penalty", "Licence", "Region"):
        for field_name, field in schema.type_map[name].fields.items():  # type: ignore[attr-defined]
            assert _CHINESE.match(field.description), f"{name}.{field_name}"


def test_every_field_but_the_encrypted_numbers_is_in_the_api() -> None:
    schema = CreditSchema(kinds()).graphql
    for kind in kinds():
        fields = schema.type_map[kind.type_name].fields  # type: ignore[attr-defined]
        for field in kind.own_fields:
            hidden = field.type is FieldType.SECRET
            assert (field.api_name in fields) is not hidden, field.name


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18, places=6
    )
)
def test_decimals_have_one_form_and_keep_their_value(number: Decimal) -> None:
    text = canonical(number)
    assert Decimal(text) == number
    assert text == canonical(Decimal(text))
    assert "E" not in text.upper()
    assert not re.search(r"\.\d*0$|\.$|^-0$", text)


@pytest.mark.parametrize("text", ["2026-2-30", "20260230", "2026-02-30", "x", "", "2026-W01-1", 1])
def test_what_is_no_date_is_refused(text: object) -> None:
    with pytest.raises(GraphQLError):
        parse_date(text)


def test_a_literal_that_does_not_fit_is_told_with_its_place() -> None:
    schema = CreditSchema(kinds()).graphql
    document = parse('{\n  coverage(on: "2026-02-30") { kind }\n}')
    [error] = validate(schema, document)
    assert error.formatted == {
        "message": "Date cannot represent the value: write it as YYYY-MM-DD.",
        "locations": [{"line": 2, "column": 16}],
    }


@pytest.mark.parametrize("text", ["1e5", "NaN", "Infinity", "", "1.", ".5", 0.1, True, "1" * 30])
def test_what_is_no_exact_decimal_is_refused(text: object) -> None:
    with pytest.raises(GraphQLError):
        parse_decimal(text)


def test_instants_need_an_offset() -> None:
    assert parse_instant("2026-06-30T00:00:00+08:00").utcoffset() == dt.timedelta(hours=8)
    with pytest.raises(GraphQLError):
        parse_instant("2026-06-30T00:00:00")


def test_the_examples_of_the_documentation_are_valid() -> None:
    schema = CreditSchema(kinds())
    text = (FILE.parent / "docs/api.md").read_text(encoding="utf-8")
    examples = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        assert validate(schema.graphql, parse(example)) == []
