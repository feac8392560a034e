"""The declared kinds as the API shows them."""

from __future__ import annotations

from typing import Any

from resolvers.projection import shaper
from resolvers.statement import Selected, Statement
from store.kind import Field, Kind


def answer(statement: Statement, selected: Selected) -> Any:
    """The kinds of this node, sorted by name."""
    return shaper(statement, selected)([_kind(kind) for kind in statement.kinds])


def _kind(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "label": kind.label,
        "typeName": kind.type_name,
        "plural": kind.plural,
        "description": kind.description,
        "negative": kind.negative,
        "naturalKey": list(kind.natural_key),
        "fields": [_field(field) for field in kind.fields],
    }


def _field(field: Field) -> dict[str, Any]:
    persons = field.required_of_persons
    return {
        "name": field.api_name,
        "label": field.label,
        "type": field.type.value,
        "nationalIds": list(field.national_ids),
        "required": field.required,
        "requiredOfPersons": field.required if persons is None else persons,
        "maxLength": field.max_length,
        "unit": field.unit,
        "visibility": field.visibility.value,
        "hot": field.hot,
        "codes": [
            {"value": code.value, "label": code.label}
            for code in (field.codes.codes if field.codes else ())
        ],
    }
