"""Relations as SQL: each end reads its own, in force on a day, the caller's classes and kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resolvers.field import put_all
from resolvers.global_id import global_id
from resolvers.page import Key, Page, Source
from resolvers.party import object_type, organisation_json, party_json
from resolvers.statement import Level, Routine, Row, Selected, Statement, sub_object
from resolvers.visibility import (
    person_followed,
    persons_visible,
    relation_visible,
)

_BY_SHARE = (
    Key("share_max", "numeric", descending=True, nullable=True),
    Key("relation_id", "uuid"),
)
_BY_ID = (Key("kind", "text"), Key("relation_id", "uuid"))


def in_force(relation: str, day: str) -> str:
    """True where the relation is in force on the day; open ends are in force."""
    return (
        f"({relation}.valid_from IS NULL OR {relation}.valid_from <= {day})"
        f" AND ({relation}.valid_to IS NULL OR {day} < {relation}.valid_to)"
    )


def _followed(row: Row) -> str:
    """Whether the relations of the row's subject may be followed: what leads on from a person
    needs a role that may start from it, and the case number that such questions need."""
    if row.type.name != "Person":
        return "true"
    return person_followed(row.statement, row.context["subject"])


def _connection(kinds: tuple[str, ...], direction: str, edge_type: str) -> Routine:
    keys = _BY_SHARE if kinds == ("HOLDS",) else _BY_ID

    def compile_(row: Row, selected: Selected) -> str:
        statement = row.statement
        statement.disclose(selected.coordinate)
        alias = statement.alias("e")
        as_of = selected.given("asOf")
        day = statement.given(as_of, "date") if as_of is not None else statement.today
        where = [
            f"{alias}.subject_id = {row.context['subject']}",
            f"{alias}.direction = '{direction}'",
            relation_visible(statement, alias, kinds),
            in_force(alias, day),
            _followed(row),
        ]
        if not persons_visible(statement):
            where.append(f"NOT EXISTS (SELECT FROM person x WHERE x.subject_id = {alias}.other_id)")
        source = Source("relation", alias, " AND ".join(where), keys, f"{edge_type}{direction}")

        def edge(level: Level) -> Row:
            made = Row(statement, level, alias, object_type(statement, edge_type))
            made.context["day"] = day
            made.context["other"] = f"{alias}.other_id"
            ends = (f"{alias}.subject_id", f"{alias}.other_id")
            made.context["source"], made.context["target"] = (
                ends if direction == "OUT" else ends[::-1]
            )
            return made

        def node(level: Level, details: Sequence[Any]) -> str:
            if edge_type == "LoanEdge":
                return _loan_json(level, statement, details, f"{alias}.other_id")
            return party_json(level, statement, details, f"{alias}.other_id")

        return Page(statement, selected, source, edge, node, relation=True).compile(row.level)

    return compile_


def _share_max(row: Row, selected: Selected) -> str:
    """The share, or the upper bound of an unknown one: what the same city's other statements in
    force leave of the company (records.md §1.3, ratioMax)."""
    row.statement.disclose(selected.coordinate)
    bound = share_bound(row.statement, row.alias, row.context["target"], row.context["day"])
    return f"trim_scale({bound})::text"


def share_bound(statement: Statement, relation: str, company: str, day: str) -> str:
    """The upper bound of the share that a holding on the day gives of the company."""
    other = statement.alias("x")
    stated = (
        f"SELECT sum({other}.share_min) FROM relation {other}"
        f" WHERE {other}.subject_id = {company} AND {other}.direction = 'IN'"
        f" AND {relation_visible(statement, other, ('HOLDS',))}"
        f" AND {in_force(other, day)}"
        f" AND {other}.origin_region = {relation}.origin_region"
        f" AND {other}.relation_id <> {relation}.relation_id"
    )
    left = f"greatest({relation}.share_min, 1 - coalesce(({stated}), 0))"
    return (
        f"CASE WHEN {relation}.share_min < {relation}.share_max"
        f" THEN least({relation}.share_max, {left}) ELSE {relation}.share_max END"
    )


def _end(which: str, **ends: bool) -> Routine:
    def compile_(row: Row, selected: Selected) -> str:
        row.statement.disclose(selected.coordinate)
        return party_json(row.level, row.statement, selected.details, row.context[which], **ends)

    return compile_


def _loan_json(parent: Level, statement: Statement, details: Sequence[Any], subject: str) -> str:
    alias, level = statement.alias("l"), Level()
    level.subjects[f"{alias}.audit_ref"] = None
    with statement.deeper():
        row = Row(statement, level, alias, object_type(statement, "Loan"))
        put_all(row, statement.select(row.type, list(details)))
    return sub_object(
        parent, statement, level, row.json(), f"loan {alias}", f"{alias}.subject_id = {subject}"
    )


def _loan(which: str) -> Routine:
    def compile_(row: Row, selected: Selected) -> str:
        row.statement.disclose(selected.coordinate)
        return _loan_json(row.level, row.statement, selected.details, row.context[which])

    return compile_


def _loan_id(row: Row, _: Selected) -> str:
    return global_id("Loan", f"{row.alias}.subject_id")


def _head_office(row: Row, selected: Selected) -> str:
    statement = row.statement
    statement.disclose(selected.coordinate)
    relation = statement.alias("e")
    condition = (
        f"{{o}}.subject_id = (SELECT {relation}.other_id FROM relation {relation}"
        f" WHERE {relation}.subject_id = {row.context['subject']} AND {relation}.direction = 'OUT'"
        f" AND {relation_visible(statement, relation, ('BRANCH_OF',))}"
        f" AND {in_force(relation, statement.today)}"
        f" ORDER BY {relation}.valid_from DESC NULLS LAST, {relation}.relation_id LIMIT 1)"
    )
    with statement.deeper():
        return organisation_json(row.level, statement, selected.details, condition)


_POSITIONS = ("LEGAL_REP_OF", "OFFICER_OF")

ROUTINES: dict[str, Routine] = {
    "Party.holdings": _connection(("HOLDS",), "OUT", "HoldingEdge"),
    "Party.guaranteesGiven": _connection(("GUARANTEES",), "OUT", "GuaranteeEdge"),
    "Party.guaranteesReceived": _connection(("GUARANTEES",), "IN", "GuaranteeEdge"),
    "Party.loans": _connection(("BORROWS",), "OUT", "LoanEdge"),
    "Organisation.holders": _connection(("HOLDS",), "IN", "HoldingEdge"),
    "Organisation.legalRepresentatives": _connection(("LEGAL_REP_OF",), "IN", "PositionEdge"),
    "Organisation.officers": _connection(("OFFICER_OF",), "IN", "PositionEdge"),
    "Organisation.branches": _connection(("BRANCH_OF",), "IN", "BranchEdge"),
    "Organisation.headOffice": _head_office,
    "Person.positions": _connection(_POSITIONS, "OUT", "PositionEdge"),
    "HoldingEdge.shareMax": _share_max,
    "HoldingEdge.node": _end("other"),
    "HoldingEdge.holder": _end("source"),
    "HoldingEdge.company": _end("target", persons=False),
    "PositionEdge.node": _end("other"),
    "PositionEdge.person": _end("source"),
    "PositionEdge.organisation": _end("target", persons=False),
    "BranchEdge.node": _end("other", persons=False),
    "BranchEdge.branch": _end("source", persons=False),
    "BranchEdge.headOffice": _end("target", persons=False),
    "GuaranteeEdge.node": _end("other"),
    "GuaranteeEdge.guarantor": _end("source"),
    "GuaranteeEdge.debtor": _end("target"),
    "LoanEdge.node": _loan("other"),
    "LoanEdge.loan": _loan("target"),
    "LoanEdge.borrower": _end("source"),
    "Loan.id": _loan_id,
}
