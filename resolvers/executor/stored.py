"""Fields that are one stored value: read as their binding says, shown as the policy says."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from resolvers.errors import QuestionError
from resolvers.executor.place import Asked, Item
from resolvers.executor.rows import Fields
from schema.binding import Amount, Binding, Column, Form, JsonField, Source
from schema.scalars import canonical
from store.kind import Visibility

_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
# Seen of a record that is no more than a member of a list, and the mark of an objection
# (access rules §3.1, records §0).
MEMBER = frozenset(
    {
        "kind",
        "subjectCategory",
        "status",
        "decisionDate",
        "originRegion",
        "issuerName",
        "issuerUscc",
        "objection",
    }
)


def stored(name: str, binding: Binding) -> Callable[[Asked], Any]:
    """The resolver of a field of this name that is bound so."""

    def resolve(asked: Asked) -> Any:
        several = isinstance(binding, Column | JsonField) and binding.form is Form.SEVERAL
        if isinstance(binding, JsonField) and binding.screened:
            return _screened(asked.item, binding)
        if not _shown(asked, name, binding.visibility):
            return [] if several else None
        value = _value(asked, binding)
        return [] if several and value is None else value

    return resolve


def _shown(asked: Asked, name: str, visibility: Visibility) -> bool:
    grounds = asked.item.grounds
    if grounds is not None:
        return name in MEMBER or grounds.shows(visibility)
    if visibility is Visibility.GOVERNMENT:
        return asked.question.sight.reads_all_firms
    return visibility is Visibility.OPEN


def _value(asked: Asked, binding: Binding) -> Any:
    row = asked.item.row
    if isinstance(binding, Source):
        unit = {"name": row[binding.name], "uscc": row[binding.uscc]}
        return Item("SourceUnit", unit, asked.item.mentions)
    if isinstance(binding, Amount):
        return _money(asked, binding)
    value = _raw(row, binding)
    if value is not None and binding.mask == "account":
        return f"****{value[-4:]}"  # to every reader (access rules §6)
    return _formed(value, binding.form)


def _money(asked: Asked, binding: Amount) -> Item | None:
    row = asked.item.row
    number = _number(_raw(row, binding.of))
    if number is None:
        return None
    currency = row[binding.currency] if binding.currency else None
    money = {"value": canonical(number), "unit": binding.unit, "currency": currency or "CNY"}
    return Item("Money", money, asked.item.mentions)


def _formed(value: Any, form: Form) -> Any:
    match form:
        case Form.DECIMAL:
            number = _number(value)
            return None if number is None else canonical(number)
        case Form.TIMESTAMP if value is not None:
            local = value.astimezone(_SHANGHAI).replace(microsecond=0)
            return local.isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    try:
        return Decimal(str(value).strip())
    except InvalidOperation as error:
        raise QuestionError("BAD_VALUE", "a value of the question cannot be stored") from error


def json_fields(row: Fields, column: str = "fields") -> Mapping[str, Any]:
    """The kind's own fields of a record, numbers exact."""
    told = row[column]
    return {} if told is None else json.loads(told, parse_float=Decimal)


def as_text(value: Any) -> Any:
    """A JSON value as the text that PostgreSQL's `->>` gives."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


def _raw(row: Fields, binding: Column | JsonField) -> Any:
    if isinstance(binding, Column):
        return row[binding.name]
    value = json_fields(row).get(binding.key)
    if binding.form is Form.PLAIN and binding.cast is None:
        return as_text(value)
    return value


def _screened(item: Item, binding: JsonField) -> Any:
    """Free text: as stored for offices, for open readers as the scanner let it pass."""
    grounds = item.grounds
    assert grounds is not None
    if grounds.shows(Visibility.GOVERNMENT):
        return as_text(json_fields(item.row).get(binding.key))
    if grounds.shows(binding.visibility):
        return as_text(json_fields(item.row, "screened").get(binding.key))
    return None
