"""Matching of persons across cities as SQL: by token, yes or no, and kinds of records (X08)."""

from __future__ import annotations

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.statement import Level, Routine, Row, Selected, sub_object
from store.display import government


def _match(row: Row, selected: Selected) -> str:
    statement = row.statement
    statement.disclose(selected.coordinate)
    token = selected.arguments["token"]
    assert isinstance(token, Given)

    def digest(call: Call) -> bytes:
        matcher = call.context.matcher
        if matcher is None:
            raise QuestionError(
                "MATCH_NOT_ALLOWED",
                "persons are matched for partner cities under an agreement with a match key only",
            )
        return matcher.read(token.read(call))

    agreement = statement.bind(lambda call: call.context.scope.agreement, "text", "agreement")
    kinds = statement.bind(
        lambda call: sorted(call.context.scope.match_kinds), "text[]", "match kinds"
    )
    alias, level = statement.alias("m"), Level()
    statement.count_list()
    with statement.deeper():
        level.subjects[f"{alias}.audit_ref"] = None
        item = Row(statement, level, alias, selected.type)
        found = {
            "matched": f"{alias}.subject_id IS NOT NULL",
            "recordTypes": f"{alias}.kinds",
            "__typename": "'PersonMatch'::text",
        }
        for inner in statement.select(selected.type, selected.details):
            statement.disclose(inner.coordinate)
            item.put(inner.key, found[inner.name])
        value = item.json()
    source = (
        f"(SELECT s.subject_id, coalesce(s.audit_ref, ''::bytea) AS audit_ref, coalesce((SELECT"
        f" array_agg(DISTINCT r.kind ORDER BY r.kind) FROM record r"
        f" WHERE r.subject_id = coalesce(s.merged_into, s.subject_id) AND r.kind = ANY ({kinds})"
        f" AND {government('r', statement.today)}), '{{}}'::text[]) AS kinds"
        f" FROM (SELECT 1) one LEFT JOIN (person_token t JOIN subject s USING (subject_id))"
        f" ON t.agreement_id = {agreement} AND t.token = {statement.bind(digest, 'bytea')}) {alias}"
    )
    return sub_object(row.level, statement, level, value, source, "true")


ROUTINES: dict[str, Routine] = {"Query.personMatch": _match}
