"""Records of run-time catalogue items in the executor lane: their fields as named values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resolvers.executor.place import Asked, Item
from resolvers.executor.stored import as_text, json_fields
from store.kind import FieldType, Visibility


def _item(asked: Asked) -> Item:
    kind = asked.question.kinds.by_name[asked.item.row["kind"]]
    return Item("CatalogItem", {"name": kind.name, "label": kind.label}, asked.item.mentions)


def _values(asked: Asked) -> list[Item]:
    """Every field of the item with its value, null where the caller may not see it."""
    item, grounds = asked.item, asked.item.grounds
    assert grounds is not None
    kind = asked.question.kinds.by_name[item.row["kind"]]
    fields, screened = json_fields(item.row), json_fields(item.row, "screened")
    found = []
    for field in kind.own_fields:
        if field.type is FieldType.SECRET:
            continue
        name, value = field.api_name, None
        if not field.screened:
            value = fields.get(name) if grounds.shows(field.visibility) else None
        elif grounds.shows(Visibility.GOVERNMENT):
            value = fields.get(name)
        elif grounds.shows(Visibility.OPEN):
            value = screened.get(name)
        told = {
            "name": name,
            "label": field.label,
            "type": field.type.value,
            "unit": field.unit,
            "value": _text(value),
        }
        found.append(Item("CatalogValue", told, item.mentions))
    return found


def _text(value: Any) -> Any:
    """A JSON value as the text a file would hold."""
    if not isinstance(value, list):
        return as_text(value)
    return ";".join([as_text(one) for one in value if one is not None]) or None


RESOLVERS: Mapping[str, Any] = {"CatalogRecord.item": _item, "CatalogRecord.values": _values}
