"""Records of run-time catalogue items: their fields as named values.

Names, labels and keys come from a declaration that the city wrote, so every one of them is bound.
"""

from __future__ import annotations

from resolvers.field import condition_of
from resolvers.reach import FALSE, TRUE, any_of
from resolvers.statement import Level, Routine, Row, Selected
from store.kind import Field, FieldType, Kind, Visibility

_SCREENED = "S"  # open free text: offices read it as it is, others what the scanner let pass


def _item(row: Row, selected: Selected) -> str:
    statement = row.statement
    kind = statement.kinds.by_name[row.context["kind"]]
    statement.disclose(selected.coordinate)
    name = statement.bind(lambda _: kind.name, "text")
    label = statement.bind(lambda _: kind.label, "text")
    found = {"name": name, "label": label, "__typename": "'CatalogItem'::text"}
    item = Row(statement, row.level, row.alias, selected.type)
    with statement.deeper():
        for inner in statement.select(selected.type, selected.details):
            item.put(inner.key, found[inner.name])
    return item.json()


def _shown(kind: Kind) -> list[Field]:
    return [declared for declared in kind.own_fields if declared.type is not FieldType.SECRET]


def _values(row: Row, selected: Selected) -> str:
    """Every field of the item with its value, null where the caller may not see it."""
    statement = row.statement
    kind = statement.kinds.by_name[row.context["kind"]]
    declared = _shown(kind)
    statement.disclose(selected.coordinate)
    one = statement.alias("d")
    columns = [
        statement.bind(lambda _: [f.api_name for f in declared], "text[]"),
        statement.bind(lambda _: [f.label for f in declared], "text[]"),
        statement.bind(lambda _: [f.type.value for f in declared], "text[]"),
        statement.bind(lambda _: [f.unit for f in declared], "text[]"),
        statement.bind(
            lambda _: [_SCREENED if f.screened else f.visibility.value for f in declared], "text[]"
        ),
    ]
    found = {
        "name": f"{one}.name",
        "label": f"{one}.label",
        "type": f"{one}.type",
        "unit": f"{one}.unit",
        "value": _value(row, selected, one, declared),
        "__typename": "'CatalogValue'::text",
    }
    inner = Level()
    value = Row(statement, inner, one, selected.type)
    with statement.deeper():
        for asked in statement.select(selected.type, selected.details):
            value.put(asked.key, found[asked.name])
    shown = value.value()
    return (
        f"(SELECT coalesce(json_agg({shown} ORDER BY {one}.n), '[]'::json)"
        f" FROM unnest({', '.join(columns)}) WITH ORDINALITY"
        f" {one}(name, label, type, unit, class, n) {' '.join(inner.joins)})"
    )


def _value(row: Row, selected: Selected, one: str, declared: list[Field]) -> str:
    classes = {declared_.visibility for declared_ in declared}
    arms, masked = [], False
    for of in sorted(classes, key=tuple(Visibility).index):
        condition = condition_of(row, of)
        masked = masked or condition != TRUE
        if condition != FALSE:
            arms.append(
                f"WHEN {one}.class = '{of.value}' AND {any_of(condition)}"
                f" THEN {_text(f'{row.alias}.fields -> {one}.name')}"
            )
    if any(f.screened for f in declared):
        whole, open_ = (condition_of(row, of) for of in (Visibility.GOVERNMENT, Visibility.OPEN))
        masked = masked or whole != TRUE
        for condition, column in ((whole, "fields"), (open_, "screened")):
            arms.append(
                f"WHEN {one}.class = '{_SCREENED}' AND {any_of(condition)}"
                f" THEN {row.alias}.{column} ->> {one}.name"
            )
    if masked:
        row.statement.disclose(selected.coordinate, masked=True)
    return f"CASE {' '.join(arms)} END" if arms else "NULL::text"


def _text(value: str) -> str:
    """A JSON value as the text a file would hold."""
    return (
        f"CASE jsonb_typeof({value}) WHEN 'array' THEN (SELECT string_agg(x.e, ';' ORDER BY x.n)"
        f" FROM jsonb_array_elements_text({value}) WITH ORDINALITY x(e, n))"
        f" ELSE ({value}) #>> '{{}}' END"
    )


ROUTINES: dict[str, Routine] = {"CatalogRecord.item": _item, "CatalogRecord.values": _values}
