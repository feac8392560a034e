"""One field of a row as SQL: from its binding, or by the routine under its coordinate."""

from __future__ import annotations

from resolvers.statement import Row, Selected
from resolvers.visibility import field_visible
from schema import binding
from schema.binding import Amount, Column, Form, JsonField, Source


def put(row: Row, selected: Selected) -> None:
    """Add the field to the row's columns and to what the answer discloses."""
    if selected.name == "__typename":
        row.put(selected.key, f"'{row.type.name}'::text")
        return
    definition = selected.field.extensions.get("strawberry-definition")
    bound = binding.of(getattr(definition, "metadata", None))
    if bound is None:
        row.put(selected.key, _routine(row, selected))
    elif not field_visible(row.statement, bound.visibility, row.context.get("kind")):
        row.statement.disclose(selected.coordinate, masked=True)
        row.put(selected.key, "NULL::text")
    else:
        row.statement.disclose(selected.coordinate)
        row.put(selected.key, _bound(row, selected, bound))


def put_all(row: Row, selected: list[Selected]) -> Row:
    """Add every selected field."""
    for one in selected:
        put(row, one)
    return row


def _routine(row: Row, selected: Selected) -> str:
    for owner in (row.type, *row.type.interfaces):
        routine = row.statement.routines.get(f"{owner.name}.{selected.name}")
        if routine is not None:
            return routine(row, selected)
    raise LookupError(f"no binding and no routine for {selected.coordinate}")


def _bound(row: Row, selected: Selected, bound: binding.Binding) -> str:
    if isinstance(bound, Amount):
        return _amount(row, selected, bound)
    if isinstance(bound, Source):
        return _source(row, selected, bound)
    return _scalar(row.alias, bound)


def _raw(alias: str, bound: Column | JsonField) -> str:
    if isinstance(bound, Column):
        return f"{alias}.{bound.name}"
    if bound.form is Form.DECIMAL:
        return f"({alias}.fields ->> '{bound.key}')::numeric"
    arrow = "->>" if bound.cast is None and bound.form is Form.PLAIN else "->"
    return f"({alias}.fields {arrow} '{bound.key}')"


def _scalar(alias: str, bound: Column | JsonField) -> str:
    raw = _raw(alias, bound)
    match bound.form:
        case Form.DECIMAL:
            return f"trim_scale({raw})::text"
        case Form.TIMESTAMP:
            return (
                f"to_char({raw} AT TIME ZONE 'Asia/Shanghai',"
                " 'YYYY-MM-DD\"T\"HH24:MI:SS') || '+08:00'"
            )
        case Form.SEVERAL:
            empty = "'{}'::text[]" if isinstance(bound, Column) else "'[]'::jsonb"
            return f"coalesce({raw}, {empty})"
    return raw


def _amount(row: Row, selected: Selected, bound: Amount) -> str:
    raw = _raw(row.alias, bound.of)
    currency = "'CNY'::text"
    if bound.currency is not None:
        currency = f"coalesce({row.alias}.{bound.currency}, 'CNY')"
    found = {
        "value": f"trim_scale({raw})::text",
        "unit": f"'{bound.unit}'::text",
        "currency": currency,
        "__typename": "'Money'::text",
    }
    money = Row(row.statement, row.level, row.alias, selected.type)
    with row.statement.deeper():
        for inner in row.statement.select(selected.type, selected.details):
            money.put(inner.key, found[inner.name])
    return f"CASE WHEN {raw} IS NOT NULL THEN {money.json()} END"


def _source(row: Row, selected: Selected, bound: Source) -> str:
    found = {
        "name": f"{row.alias}.{bound.name}",
        "uscc": f"{row.alias}.{bound.uscc}",
        "__typename": "'SourceUnit'::text",
    }
    unit = Row(row.statement, row.level, row.alias, selected.type)
    with row.statement.deeper():
        for inner in row.statement.select(selected.type, selected.details):
            unit.put(inner.key, found[inner.name])
    return unit.value()
