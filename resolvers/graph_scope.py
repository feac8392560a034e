"""What a caller may reach in the graph: categories, classes and ends of a search, by its scope.

The graph is searched with these as parameters; what it finds is rechecked in the store
(`resolvers.graph_answer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graph.snapshot.column import FIRMS
from graph.walk import Limit
from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.global_id import read_global_id, read_uuid
from resolvers.lookup import read_code, subject_named
from resolvers.pseudonym import person_of
from resolvers.reach import FALSE, present, within
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from resolvers.visibility import organisation_visible, person_followed, persons_visible
from security.policy import Reach, Row
from store.regions import inside


def demand_search(statement: Statement, kind: str | None = None) -> None:
    """Raise QuestionError FORBIDDEN when the role does not search the graph, or not this kind."""
    row = statement.scope.row
    if row.hops == 0 or (kind is not None and kind not in row.relations):
        raise QuestionError("FORBIDDEN", "the role does not search the graph")


def demand_hops(statement: Statement, hops: int) -> None:
    """Raise QuestionError FORBIDDEN, or HOPS_LIMIT when the role does not search so many levels."""
    demand_search(statement)
    most = statement.scope.row.hops
    if not 1 <= hops <= most:
        raise QuestionError("HOPS_LIMIT", f"ask for 1 to {most} levels")


def given_to(selected: Selected, call: Call) -> dict[str, Any]:
    """The arguments of a field that are given, defaults included, as this call has them."""
    found = {name: selected.given(name) for name in selected.arguments}
    return {name: value.read(call) for name, value in found.items() if value is not None}


def categories(statement: Statement) -> frozenset[str] | None:
    """The categories to which edges may lead: an agent sees the firms around its subject."""
    firms_only = statement.scope.row.walk is Reach.AUTHORISED
    if firms_only or not persons_visible(statement):
        return frozenset({*FIRMS, "LOAN"})
    return None


def classes(row: Row) -> frozenset[str]:
    """The classes of relations that the search may follow."""
    return frozenset({"O"} if row.closed_relations is Reach.NONE else {"O", "G"})


def closed(statement: Statement, call: Call) -> Mapping[str, Limit]:
    """Who is shown and not expanded: what leads on from persons needs a role that may start from
    any of them, and the case number of such questions."""
    row = statement.scope.row
    if row.hops == 1:  # what lies beyond is not even counted
        beyond = dict.fromkeys((*FIRMS, "LOAN"), Limit.LEVELS)
        return {**beyond, "NATURAL_PERSON": Limit.PERSONS}
    if row.start is not Reach.ALL:
        return {"NATURAL_PERSON": Limit.PERSONS}
    return {} if names_case(call) else {"NATURAL_PERSON": Limit.CASE_REQUIRED}


async def barred_now(statement: Statement, call: Call) -> frozenset[UUID]:
    """Whom the caller may not meet, also as what they have become part of since."""
    barred = statement.scope.grounds.barred
    if not barred:
        return barred
    check = statement.anew(call.context.scope)
    ids = check.bind(lambda _: list(barred), "uuid[]")
    sql, binds = check.finished(present(check, ids))
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return barred.union(row[0] for row in rows)


async def district_now(statement: Statement, call: Call) -> frozenset[str] | None:
    """The regions of the caller's district, None when it has none."""
    district = statement.scope.grounds.district
    if district is None:
        return None
    rows = await fetch(call.context.pool, inside("$1::text"), [district])
    return frozenset(row[0] for row in rows)


def names_case(call: Call) -> bool:
    """Whether the question names its case, where questions about persons need one."""
    scope = call.context.scope
    return bool(scope.case) or not scope.row.case_for_persons


async def subject_asked(
    statement: Statement, asked: str, call: Call, *, reach: Reach | None = None
) -> UUID | None:
    """The subject asked for, None when there is none that the caller may start from.

    `reach` are the subjects that it may be; those from which the caller may search if None.
    Raises QuestionError CASE_REQUIRED when the question names a person as such without a case.
    """
    told = read_global_id(asked) or ("", asked)
    code = read_code(asked)
    check = statement.anew(call.context.scope)
    persons = person_followed(check, "p.subject_id") != FALSE
    if told[0] == "Person":
        start = check.bind(lambda _: person_of(call.context.person_key, told[1]), "uuid")
    elif told[0] == "Organisation":
        start = check.bind(lambda _: read_uuid(told[1]), "uuid")
        persons = False
    else:
        start = subject_named(check, Given(asked, lambda _: asked, False))
        persons = persons and statement.scope.row.person_search
    if persons and (told[0] == "Person" or code.is_of_person) and not names_case(call):
        raise QuestionError("CASE_REQUIRED", "name the case in credit-case to start from a person")
    open_ = organisation_visible(check, "o")
    seen = f"EXISTS (SELECT FROM organisation o WHERE o.subject_id = s.id AND {open_})"
    if persons:
        followed = person_followed(check, "p.subject_id")
        seen += f" OR EXISTS (SELECT FROM person p WHERE p.subject_id = s.id AND {followed})"
    seen = f"({seen}) AND {within(check, reach or statement.scope.row.walk, 's.id')}"
    sql, binds = check.finished(f"SELECT s.id FROM (SELECT {start} AS id) s WHERE {seen}")
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return rows[0]["id"] if rows else None
