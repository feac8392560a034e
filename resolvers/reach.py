"""The subjects of a reach as SQL conditions, and conditions put together.

A condition that is the same for every row is decided here and not by PostgreSQL.
"""

from __future__ import annotations

from resolvers.statement import Statement
from security.policy import Reach
from store.regions import inside

TRUE, FALSE = "true", "false"


def any_of(*conditions: str) -> str:
    """The disjunction, without what is certain."""
    found = [one for one in dict.fromkeys(conditions) if one != FALSE]
    if TRUE in found:
        return TRUE
    if not found:
        return FALSE
    return found[0] if len(found) == 1 else f"({' OR '.join(found)})"


def all_of(*conditions: str) -> str:
    """The conjunction, without what is certain."""
    found = [one for one in dict.fromkeys(conditions) if one != TRUE]
    if FALSE in found:
        return FALSE
    if not found:
        return TRUE
    return found[0] if len(found) == 1 else f"({' AND '.join(found)})"


def case_given(statement: Statement) -> str:
    """True when the question names the case that questions about persons need."""
    if not statement.scope.row.case_for_persons:
        return TRUE
    return statement.bind(lambda call: bool(call.context.scope.case), "boolean", "case")


def within(statement: Statement, reach: Reach, subject: str) -> str:
    """Whether a subject id is in the reach; subjects that were merged count as what they became."""
    if reach in (Reach.NONE, Reach.ALL):
        return TRUE if reach is Reach.ALL else FALSE
    if not statement.scope.subjects(reach):
        return FALSE
    ids = statement.bind(lambda call: list(call.context.scope.subjects(reach)), "uuid[]", reach)
    return f"{subject} IN ({present(statement, ids)})"


def not_barred(statement: Statement, subject: str) -> str:
    """Whether the caller may ask about the subject at all: not its own or relatives' data."""
    if not statement.scope.grounds.barred:
        return TRUE
    ids = statement.bind(lambda call: list(call.context.scope.grounds.barred), "uuid[]", "barred")
    return f"{subject} NOT IN ({present(statement, ids)})"


def present(statement: Statement, ids: str) -> str:
    one = statement.alias("b")
    return (
        f"SELECT coalesce({one}.merged_into, {one}.subject_id) FROM subject {one}"
        f" WHERE {one}.subject_id = ANY({ids})"
    )


def in_district(statement: Statement, subject: str) -> str:
    """Whether a subject is under the jurisdiction of a caller who has a district."""
    if statement.scope.grounds.district is None:
        return TRUE
    region = statement.bind(lambda call: call.context.scope.grounds.district, "text", "district")
    one = statement.alias("b")
    return (
        f"EXISTS (SELECT FROM organisation {one} WHERE {one}.subject_id = {subject}"
        f" AND {one}.region_id IN ({inside(region)}))"
    )
