"""One field of a row as SQL: from its binding, or by the routine under its coordinate."""

from __future__ import annotations

from resolvers.errors import UncompilableError
from resolvers.reach import FALSE, TRUE, any_of
from resolvers.statement import Row, Selected
from resolvers.visibility import field_shown, reads_all_firms
from schema import binding
from schema.binding import Amount, Column, Form, JsonField, Source
from store.kind import Visibility

# What a reader sees of a record of which it may know no more than that it exists (access rules
# §3.1, ○), and the mark of an objection, which every reader sees (records.md §0).
_MEMBER = frozenset(
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


def put(row: Row, selected: Selected) -> None:
    """Add the field to the row's columns and to what the answer discloses."""
    if selected.name == "__typename":
        row.put(selected.key, f"'{row.type.name}'::text")
        return
    definition = selected.field.extensions.get("strawberry-definition")
    bound = binding.of(getattr(definition, "metadata", None))
    if bound is None:
        row.put(selected.key, _routine(row, selected))
    else:
        _put_bound(row, selected, bound)


def _put_bound(row: Row, selected: Selected, bound: binding.Binding) -> None:
    statement, shown = row.statement, _shown(row, selected, bound)
    screened = isinstance(bound, JsonField) and bound.screened
    if screened and shown != FALSE:
        assert isinstance(bound, JsonField)
        whole = condition_of(row, Visibility.GOVERNMENT)
        statement.disclose(selected.coordinate)
        if whole != TRUE:
            statement.disclose(selected.coordinate, masked=True)
        row.put(selected.key, _screened(row.alias, bound, whole, shown))
        return
    if shown != TRUE:
        statement.disclose(selected.coordinate, masked=True)
    several = isinstance(bound, Column | JsonField) and bound.form is Form.SEVERAL
    nothing = "'{}'::text[]" if isinstance(bound, Column) else "'[]'::jsonb"
    if shown == FALSE:
        row.put(selected.key, nothing if several else "NULL::text")
        return
    masked = isinstance(bound, Column | JsonField) and bound.mask is not None
    statement.disclose(selected.coordinate, masked=masked)
    if masked:
        statement.disclose(selected.coordinate)
    value = _bound(row, selected, bound, whole=shown == TRUE)
    if shown != TRUE:
        otherwise = f" ELSE {nothing}" if several else ""
        value = f"CASE WHEN {shown} THEN {value}{otherwise} END"
    row.put(selected.key, value)


def _shown(row: Row, selected: Selected, bound: binding.Binding) -> str:
    """Whether the field is shown, as a condition on the row."""
    if "kind" in row.context and selected.name in _MEMBER:
        return TRUE
    return condition_of(row, bound.visibility)


def condition_of(row: Row, visibility: Visibility) -> str:
    """The condition on the row under which a field of that class is shown in it."""
    kind = row.context.get("kind")
    if kind is not None:
        return field_shown(row.statement, row.alias, kind, visibility)
    if visibility is Visibility.OPEN:
        return TRUE
    government = visibility is Visibility.GOVERNMENT
    return TRUE if government and reads_all_firms(row.statement.scope.row) else FALSE


def _screened(alias: str, bound: JsonField, whole: str, shown: str) -> str:
    """Free text: as stored for offices, for open readers as the scanner let it pass."""
    stored, passed = f"({alias}.fields ->> '{bound.key}')", f"({alias}.screened ->> '{bound.key}')"
    if whole == TRUE:
        return stored
    arms = [] if whole == FALSE else [f"WHEN {whole} THEN {stored}"]
    if not arms and shown == TRUE:
        return passed
    arms.append(f"WHEN {any_of(shown)} THEN {passed}")
    return f"CASE {' '.join(arms)} END"


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
    raise UncompilableError(f"no binding and no routine for {selected.coordinate}")


def _bound(row: Row, selected: Selected, bound: binding.Binding, *, whole: bool) -> str:
    if isinstance(bound, Amount):
        return _amount(row, selected, bound)
    if isinstance(bound, Source):
        unit = _source(row, selected, bound)
        return unit.value() if whole else unit.json()
    if bound.mask == "account":
        # Access rules §6: the last four of an account, to every reader.
        return f"('****' || right({_raw(row.alias, bound)}, 4))"
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


def _source(row: Row, selected: Selected, bound: Source) -> Row:
    found = {
        "name": f"{row.alias}.{bound.name}",
        "uscc": f"{row.alias}.{bound.uscc}",
        "__typename": "'SourceUnit'::text",
    }
    unit = Row(row.statement, row.level, row.alias, selected.type)
    with row.statement.deeper():
        for inner in row.statement.select(selected.type, selected.details):
            unit.put(inner.key, found[inner.name])
    return unit
