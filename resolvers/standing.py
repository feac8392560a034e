"""The parties that a question was opened for: the caller's own, those its case, authorisation or
approval names."""

from __future__ import annotations

from uuid import UUID

from resolvers.context import Call
from resolvers.party import party_json
from resolvers.statement import Level, Routine, Row, Selected
from security.policy import Reach

_REACHES = (Reach.OWN, Reach.AUTHORISED, Reach.MATTER, Reach.APPROVED)
_MOST = 100


def _named(call: Call) -> list[UUID]:
    scope = call.context.scope
    found = {subject for reach in _REACHES for subject in scope.subjects(reach)}
    return sorted(found)[:_MOST]


def _subjects(row: Row, selected: Selected) -> str:
    statement = row.statement
    statement.disclose(selected.coordinate)
    statement.count_list()
    alias, result, level = statement.alias("s"), statement.alias("n"), Level()
    ids = statement.bind(_named, "uuid[]", "named")
    with statement.deeper():
        value = party_json(level, statement, selected.details, f"{alias}.id")
    order = f"ORDER BY {alias}.id"
    shown = [
        f"coalesce(json_agg({value} {order}) FILTER (WHERE {value} IS NOT NULL), '[]'::json) AS j"
    ]
    for kind, target in (("a", row.level.subjects), ("r", row.level.records)):
        manifest = level.manifest(kind)
        if manifest is not None:
            shown.append(
                f"coalesce(string_agg({manifest}, ''::bytea {order}), ''::bytea) AS {kind}"
            )
            target[f"{result}.{kind}"] = None
    row.level.take(
        f"CROSS JOIN LATERAL (SELECT {', '.join(shown)} FROM"
        f" (SELECT DISTINCT coalesce(x.merged_into, x.subject_id) AS id FROM subject x"
        f" WHERE x.subject_id = ANY({ids})) {alias} {' '.join(level.joins)}) {result}"
    )
    return f"{result}.j"


ROUTINES: dict[str, Routine] = {"Query.subjects": _subjects}
