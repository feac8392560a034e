"""Timeliness of records as SQL: a subtraction in the working calendar."""

from __future__ import annotations

from resolvers.reach import FALSE, TRUE
from resolvers.statement import Row, Selected
from resolvers.visibility import field_shown
from store.kind import Visibility
from store.working_day import add_working_days_sql, working_days_sql

_TELLING = frozenset({"workingDays", "onTime"})


def timeliness(row: Row, selected: Selected) -> str:
    """The object of one record; its row's context names the kind, whose term decides.

    It tells when the record was received, so it is shown to whom the time of receipt is.
    """
    statement, alias, kind = row.statement, row.alias, row.context["kind"]
    shown = field_shown(statement, alias, kind, Visibility.OPEN)
    statement.disclose(selected.coordinate, masked=shown == FALSE)
    if shown not in (TRUE, FALSE):
        statement.disclose(selected.coordinate, masked=True)
    limit = statement.kinds.by_name[kind].report_within
    received = f"({alias}.received_at AT TIME ZONE 'Asia/Shanghai')::date"
    spent = working_days_sql(f"{alias}.decision_date", received)
    found = {
        "workingDays": spent,
        "limit": "NULL::integer",
        "onTime": "NULL::boolean",
        "dueOn": "NULL::date",
        "__typename": "'Timeliness'::text",
    }
    if limit is not None:
        found["limit"] = f"{limit:d}"
        found["onTime"] = f"{spent} <= {limit:d}"
        found["dueOn"] = add_working_days_sql(f"{alias}.decision_date", f"{limit:d}")
    told = Row(statement, row.level, alias, selected.type)
    with statement.deeper():
        for inner in statement.select(selected.type, selected.details):
            value = found[inner.name]
            if shown != TRUE and inner.name in _TELLING:
                value = f"CASE WHEN {shown} THEN {value} END"
            told.put(inner.key, value)
    return told.value()
