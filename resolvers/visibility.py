"""What a scope may see, as SQL predicates: compiled into every statement, evaluated when read.

Access rules §2 and §3. Counts, cursors and relations use the same predicates, so what the caller
may not see is never counted, sorted or hinted at.
"""

from __future__ import annotations

from resolvers.statement import Statement
from security.policy import Government, Persons
from store.display import displayed, government
from store.kind import Visibility


def case_given(statement: Statement) -> str:
    """True when the question names the case that questions about persons need."""
    if not statement.scope.row.case_for_persons:
        return "true"
    return statement.bind(lambda call: bool(call.context.scope.case), "boolean", "case")


def record_visible(statement: Statement, record: str) -> str:
    """The records the caller may see: `record` is an alias of table record."""
    row = statement.scope.row
    today = statement.today
    allowed = []
    if row.open:
        allowed.append(displayed(record, today))
    if row.government is Government.ALL:
        allowed.append(government(record, today))
    elif row.government is Government.SHARED and statement.scope.shared_kinds:
        kinds = statement.bind(
            lambda call: sorted(call.context.scope.shared_kinds), "text[]", "shared_kinds"
        )
        allowed.append(f"({record}.kind = ANY({kinds}) AND {government(record, today)})")
    if not allowed:
        return "false"
    persons = f"{record}.subject_category <> 'NATURAL_PERSON'"
    if row.person_records:
        persons = f"({persons} OR {case_given(statement)})"
    return f"({' OR '.join(allowed)}) AND {persons}"


def relation_visible(statement: Statement, relation: str, kinds: tuple[str, ...]) -> str:
    """The relations of these kinds the caller may see, whatever their period."""
    row = statement.scope.row
    seen = [kind for kind in kinds if kind in row.relations]
    if not seen:
        return "false"
    names = ", ".join(f"'{kind}'" for kind in seen)
    classes = "('O')" if row.government is Government.NONE else "('O', 'G')"
    return (
        f"{relation}.kind IN ({names}) AND {relation}.class IN {classes}"
        f" AND {relation}.status = 'VALID'"
    )


def organisation_visible(statement: Statement, organisation: str) -> str:
    """The organisations the caller may see: registered ones, and others only through a record or
    relation that the caller may see."""
    row = statement.scope.row
    if not row.open:
        return "false"
    if row.government is Government.ALL:
        return "true"
    relation, record = statement.alias("v"), statement.alias("v")
    seen = relation_visible(statement, relation, tuple(sorted(row.relations)))
    return (
        f"({organisation}.registered"
        f" OR EXISTS (SELECT FROM relation {relation} WHERE"
        f" {relation}.subject_id = {organisation}.subject_id AND {seen})"
        f" OR EXISTS (SELECT FROM record {record} WHERE"
        f" {record}.subject_id = {organisation}.subject_id"
        f" AND {record_visible(statement, record)}))"
    )


def persons_visible(statement: Statement) -> bool:
    """Whether natural persons appear at all, masked or not."""
    return statement.scope.row.persons is not Persons.ABSENT


def persons_resolvable(statement: Statement) -> bool:
    """Whether a person's id can be asked for again."""
    return statement.scope.row.persons in (Persons.TOKEN, Persons.CLEAR)


def field_visible(statement: Statement, visibility: Visibility, kind: str | None) -> bool:
    """Whether a field of that class is shown to the caller, in a record it may see.

    `kind` is the record's kind, None for what is no record.
    """
    if visibility is Visibility.OPEN:
        return True
    if visibility is Visibility.GOVERNMENT:
        share = statement.scope.row.government
        return share is Government.ALL or (
            share is Government.SHARED and kind in statement.scope.shared_kinds
        )
    return False
