"""From each declared kind: its GraphQL type, its filter, its enums and its connection field."""

from __future__ import annotations

import datetime as dt
import types
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.types.field import StrawberryField

from schema.binding import Amount, Binding, Column, Form, JsonField, bound
from schema.connection import After, Before, Connection, First, Last, compiled
from schema.money import UNITS, Money
from schema.record import AS_OF, Record, RecordOrderArgument
from store.kind import CodeList, Field, FieldType, Kind, Kinds, Visibility

_PYTHON: dict[FieldType, Any] = {
    FieldType.TEXT: str,
    FieldType.DATE: dt.date,
    FieldType.DECIMAL: Decimal,
    FieldType.INTEGER: int,
    FieldType.BOOLEAN: bool,
}
_CASTS = {
    FieldType.DATE: "date",
    FieldType.DECIMAL: "numeric",
    FieldType.INTEGER: "integer",
    FieldType.BOOLEAN: "boolean",
}


class Comparison(Enum):
    """How a filter compares the column of a hot field."""

    EQUAL = "EQUAL"
    AT_LEAST = "AT_LEAST"
    AT_MOST = "AT_MOST"
    ONE_OF = "ONE_OF"
    OVERLAPS = "OVERLAPS"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a kind's filter: its argument, the field and the comparison."""

    argument: str  # camelCase name in the filter
    field: Field
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class KindTypes:
    """What the API has of one kind."""

    kind: Kind
    type: Any
    filter: Any
    conditions: tuple[Condition, ...]
    connection_field: StrawberryField


def shown_fields(kind: Kind) -> tuple[Field, ...]:
    """The kind's own fields that the API has: all but the numbers that are encrypted. Who may
    not see one gets null."""
    return tuple(field for field in kind.own_fields if field.type is not FieldType.SECRET)


def _binding(field: Field) -> Binding:
    form = {FieldType.DECIMAL: Form.DECIMAL, FieldType.CODES: Form.SEVERAL}.get(
        field.type, Form.PLAIN
    )
    of: Column | JsonField
    if field.hot:
        of = Column(f"x_{field.name}", form, field.visibility, field.mask)
    else:
        of = JsonField(
            field.api_name,
            _CASTS.get(field.type),
            form,
            field.visibility,
            field.mask,
            field.screened,
        )
    if field.unit is not None:
        return Amount(of, UNITS[field.unit])
    return of


def conditions(kind: Kind) -> tuple[Condition, ...]:
    """The conditions that the kind's hot fields allow."""
    found: list[Condition] = []
    for field in shown_fields(kind):
        if not field.hot:
            continue
        name = field.api_name
        if field.type in (FieldType.DATE, FieldType.DECIMAL, FieldType.INTEGER):
            found.append(Condition(f"{name}Min", field, Comparison.AT_LEAST))
            found.append(Condition(f"{name}Max", field, Comparison.AT_MOST))
        elif field.type is FieldType.CODE:
            found.append(Condition(name, field, Comparison.ONE_OF))
        elif field.type is FieldType.CODES:
            found.append(Condition(name, field, Comparison.OVERLAPS))
        else:
            found.append(Condition(name, field, Comparison.EQUAL))
    return tuple(found)


_COMMON: tuple[tuple[str, Any, str], ...] = (
    ("subject", str, "主体 USCC, any other code, or scheme:value."),
    ("decidedFrom", dt.date, "决定日期自 inclusive."),
    ("decidedTo", dt.date, "决定日期至 inclusive."),
    ("asOf", dt.date, AS_OF),
    ("issuer", str, "作出机关 its USCC, or its name in full."),
    ("originRegion", str, "来源地区 region id, for example 210500."),
    ("documentNo", str, "文书号 in full."),
)


class RecordKinds:
    """The API of every declared kind; enums are shared by the kinds that share a code list."""

    def __init__(self, kinds: Kinds) -> None:
        self._enums: dict[str, Any] = {}
        self.by_name: dict[str, KindTypes] = {kind.name: self._types(kind) for kind in kinds}

    def _enum(self, codes: CodeList) -> Any:
        if codes.name not in self._enums:
            made = Enum(  # type: ignore[misc]
                codes.name,
                {
                    code.value: strawberry.enum_value(code.value, description=code.label)
                    for code in codes.codes
                },
            )
            self._enums[codes.name] = strawberry.enum(
                made, name=codes.name, description=f"{codes.label}."
            )
        return self._enums[codes.name]

    def _python(self, field: Field) -> Any:
        if field.codes is not None:
            codes = self._enum(field.codes)
            return _several(codes) if field.type is FieldType.CODES else codes
        if field.unit is not None:
            return Money
        return _PYTHON[field.type]

    def _types(self, kind: Kind) -> KindTypes:
        namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
        for field in shown_fields(kind):
            python = self._python(field)
            optional = python if field.type is FieldType.CODES else python | None
            namespace["__annotations__"][field.name] = optional
            made = bound(_binding(field), _described(field), longest=field.max_length)
            made.graphql_name = field.api_name
            namespace[field.name] = made
        record = strawberry.type(
            types.new_class(kind.type_name, (Record,), {}, lambda ns: ns.update(namespace)),
            description=f"{kind.label} {kind.description}".strip(),
        )
        own = conditions(kind)
        filter_type = self._filter(kind, own)
        return KindTypes(kind, record, filter_type, own, _connection(kind, record, filter_type))

    def _filter(self, kind: Kind, own: tuple[Condition, ...]) -> Any:
        given: list[tuple[str, Any, str]] = list(_COMMON)
        for condition in own:
            python = (
                self._enum(condition.field.codes)
                if condition.field.codes
                else _PYTHON[condition.field.type]
            )
            several = condition.comparison in (Comparison.ONE_OF, Comparison.OVERLAPS)
            unit = f", {condition.field.unit}" if condition.field.unit else ""
            given.append(
                (
                    condition.argument,
                    _several(python) if several else python,
                    f"{condition.field.label}{unit} {_MEANING[condition.comparison]}.",
                )
            )
        namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
        for name, python, description in given:
            namespace["__annotations__"][name] = python | None
            namespace[name] = strawberry.field(
                name=name, default=strawberry.UNSET, description=description
            )
        return strawberry.input(
            types.new_class(f"{kind.type_name}Filter", (), {}, lambda ns: ns.update(namespace)),
            description=f"{kind.label}筛选 all given conditions hold.",
        )


def _several(python: Any) -> Any:
    return types.GenericAlias(list, (python,))


_MEANING = {
    Comparison.EQUAL: "equals this",
    Comparison.AT_LEAST: "is at least this",
    Comparison.AT_MOST: "is at most this",
    Comparison.ONE_OF: "is one of these",
    Comparison.OVERLAPS: "has at least one of these",
}


_READERS = {
    Visibility.GOVERNMENT: "government readers only",
    Visibility.AUTHORISED: "with the subject's authorisation only",
    Visibility.RESTRICTED: "restricted",
    Visibility.INTERNAL: "data stewards only",
}


def _described(field: Field) -> str:
    ids = ", ".join(field.national_ids)
    parts = [field.label]
    if field.description:
        parts.append(field.description)
    if ids:
        parts.append(f"({ids})")
    if field.visibility in _READERS:
        parts.append(_READERS[field.visibility])
    if field.screened:
        parts.append("open readers get what the scanner let pass")
    return " ".join(parts) + "."


def _connection(kind: Kind, record: Any, filter_type: Any) -> StrawberryField:
    def page(
        filter_: Any = strawberry.UNSET,
        order_by: RecordOrderArgument = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Any: ...

    page.__annotations__["filter_"] = Annotated[
        filter_type | None, strawberry.argument(name="filter", description="筛选 which ones.")
    ]
    page.__annotations__["return"] = Connection[record]
    made: StrawberryField = compiled(page, f"{kind.label}, newest decision first.")
    made.python_name = kind.plural
    made.graphql_name = kind.plural
    return made
