"""The declared kinds as the API shows them."""

from __future__ import annotations

from typing import Any

from resolvers.answer import NOTHING, Disclosure
from resolvers.context import Call
from resolvers.projection import shaper
from resolvers.statement import Selected, Statement
from store.kind import Field, Generation, Kind


async def answer(
    statement: Statement,
    selected: Selected,
    call: Call,  # noqa: ARG001 - the shape of every part
) -> tuple[Any, Disclosure]:
    """The kinds of this node, sorted by name; no part of anybody's data."""
    return shaper(statement, selected)([_kind(kind) for kind in statement.kinds]), NOTHING


def _kind(kind: Kind) -> dict[str, Any]:
    rule = kind.class_rule
    return {
        "name": kind.name,
        "label": kind.label,
        "typeName": kind.type_name,
        "plural": kind.plural,
        "description": kind.description,
        "negative": kind.negative,
        "naturalKey": [kind.field(name).api_name for name in kind.natural_key],
        "includesSubject": kind.includes_subject,
        "classOfOrganisations": kind.class_of_organisations.value,
        "classOfPersons": kind.class_of_persons.value,
        "classField": None if rule is None else kind.field(rule.field).api_name,
        "severity": kind.severity,
        "untilRemoved": kind.until_removed,
        "reportWithin": kind.report_within,
        "runTime": kind.run_time,
        "forms": [_form(kind, form) for form in kind.generations],
        "fields": [_field(kind, field) for field in kind.fields],
    }


def _form(kind: Kind, form: Generation) -> dict[str, Any]:
    lacks = [field.api_name for field in form.lacking(kind)]
    return {"name": form.name, "label": form.label, "lacks": lacks}


def _field(kind: Kind, field: Field) -> dict[str, Any]:
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
        "mask": field.mask,
        "screened": field.screened,
        "hot": field.hot,
        "description": field.description,
        "conditions": [
            {
                "field": kind.field(rule.when).api_name,
                "values": sorted(rule.values),
                "forbids": rule.forbids,
            }
            for rule in kind.requirements
            if rule.field == field.name
        ],
        "codes": [
            {"value": code.value, "label": code.label}
            for code in (field.codes.codes if field.codes else ())
        ],
    }
