"""The roots of stored data in the executor lane: one subject or object, and lists of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from resolvers.errors import QuestionError
from resolvers.executor.code import subject_named, subjects_named
from resolvers.executor.connection import Chunks, Edges, connection
from resolvers.executor.manifest import Mentions
from resolvers.executor.name import best, holding
from resolvers.executor.paging import Key, Order, Window
from resolvers.executor.party import (
    loan_item,
    organisation,
    organisation_item,
    party,
    person_item,
)
from resolvers.executor.place import Asked, Item, Question
from resolvers.executor.record import record_item
from resolvers.executor.reference import reference
from resolvers.executor.rows import Fields
from resolvers.executor.sight import in_force, of_government
from resolvers.global_id import read_global_id, read_text_key, read_uuid
from resolvers.pseudonym import person_of, shown_part
from security.policy import Reach
from store.identifiers.normalisation import compact
from store.industry import parse_industry

_ORDERS = {
    "NAME": Key("name", "text"),
    "ESTABLISHED_ON": Key("established_on", "date", nullable=True),
    "USCC": Key("uscc", "text", nullable=True),
}
_PERSONS = Order("person", (Key("subject_id", "person"),))
_NAMED = (Reach.OWN, Reach.AUTHORISED, Reach.MATTER, Reach.APPROVED)
_MOST_SUBJECTS = 100
_POSITIONS = ("HOLDS", "LEGAL_REP_OF", "OFFICER_OF")


def _organisation(asked: Asked) -> Any:
    place, question = asked.item.mentions.within(), asked.question

    async def find() -> Item | None:
        subject = await subject_named(question.rows, asked.arguments["code"])
        return await organisation(question, place, subject)

    return find()


def _person(asked: Asked) -> Any:
    id_, code = asked.arguments.get("id"), asked.arguments.get("code")
    if (id_ is None) == (code is None):
        raise QuestionError("FILTER_REQUIRED", "name the person by `id` or by `code`")
    place, question = asked.item.mentions.within(), asked.question

    async def find() -> Item | None:
        if id_ is not None:
            return await _person_of_id(question, place, id_)
        if not question.context.scope.row.person_search:
            return None
        return await _person_from(question, place, await subject_named(question.rows, code or ""))

    return find()


async def _person_of_id(question: Question, place: Mentions, id_: str) -> Item | None:
    told = read_global_id(id_)
    if told is None or told[0] != "Person":
        return None
    named = person_of(question.context.person_key, told[1])
    return await _person_from(question, place, await _present(question, named))


async def _person_from(question: Question, place: Mentions, subject: UUID | None) -> Item | None:
    """The person, for who may start a question from it."""
    if subject is None or not question.sight.followed(subject):
        return None
    row = await question.rows.person(subject)
    return None if row is None else person_item(place, row)


async def _present(question: Question, subject: UUID | None) -> UUID | None:
    """The subject that an id names today: what was merged is what it became."""
    row = await question.rows.subject(subject)
    return None if row is None else row["merged_into"] or row["subject_id"]


def _node(asked: Asked) -> Any:
    return behind(asked.question, asked.item.mentions.within(), asked.arguments["id"])


async def behind(question: Question, place: Mentions, id_: str) -> Item | None:
    """The object behind a global id; None when the caller may not see it."""
    told = read_global_id(id_)
    if told is None:
        return None
    if told[0] == "Person":
        return await _person_of_id(question, place, id_)
    if told[0] in ("Region", "Unit"):
        return await reference(question, place, told[0], read_text_key(told[0], id_))
    key = read_uuid(told[1])
    if key is None:
        return None
    if told[0] == "Organisation":
        return await organisation(question, place, await _present(question, key))
    if told[0] == "Loan":
        return await _loan(question, place, key)
    for row in await question.rows.records_by_id(key):
        kind = question.kinds.by_name.get(row["kind"])
        if kind is None or kind.type_name != told[0]:
            continue
        grounds = await question.sight.record(row)
        if grounds.visible:
            subject = await question.rows.subject(row["subject_id"])
            place.subject(None if subject is None else subject["audit_ref"])
            return record_item(question, place, row, grounds)
    return None


async def _loan(question: Question, place: Mentions, key: UUID) -> Item | None:
    """A loan is seen by who sees that somebody borrowed it; that a person did, with a case."""
    row = await question.rows.loan(key)
    if row is None:
        return None
    for relation in await question.rows.relations(key):
        if relation["kind"] != "BORROWS" or not await question.sight.relation(relation):
            continue
        borrower = await question.rows.organisation(relation["other_id"])
        if question.sight.case_given or borrower is not None:
            return loan_item(place, row)
    return None


def _subjects(asked: Asked) -> Any:
    return _opened_for(asked.question, asked.item.mentions.within())


async def _opened_for(question: Question, place: Mentions) -> list[Item]:
    """The parties that the question was opened for."""
    scope = question.context.scope
    named = {subject for reach in _NAMED for subject in scope.subjects(reach)}
    rows = [await question.rows.subject(one) for one in sorted(named)[:_MOST_SUBJECTS]]
    present = {row["merged_into"] or row["subject_id"] for row in rows if row is not None}
    found = [await party(question, place.within(), subject) for subject in sorted(present)]
    return [item for item in found if item is not None]


# Lists.


def _organisations(asked: Asked) -> Any:
    told = asked.arguments.get("orderBy") or {}
    by, descending = told.get("field", "NAME"), told.get("direction") == "DESC"
    key = _ORDERS[by]
    keys = (
        Key(key.column, key.type, descending, key.nullable),
        Key("subject_id", "uuid", descending),
    )
    order = Order(f"{by}{'-' if descending else '+'}", keys)
    given = {k: v for k, v in (asked.arguments.get("filter") or {}).items() if v is not None}

    async def more(row: Fields) -> Mapping[str, Any]:
        if "name" not in given:
            return {"matched": None, "matchedBy": None}
        return await best(asked.question, row["subject_id"], given["name"])

    def node(mentions: Mentions, row: Fields) -> Item:
        return organisation_item(mentions, row)

    edges = Edges("OrganisationEdge", node, more=more)
    return connection(asked, order, edges, _found(asked, given, by, descending))


def _why(asked: Asked) -> Any:
    """Why the organisation is found; it is named thereby."""
    asked.item.mentions.subject(asked.item.row["audit_ref"])
    return asked.item.more[asked.info.field_name]


async def _found(
    asked: Asked, given: Mapping[str, Any], by: str, descending: bool
) -> Sequence[Fields] | Chunks:
    question = asked.question
    conditions = await _Conditions.of(question, given)
    if conditions.candidates is not None:
        rows = [await question.rows.organisation(subject) for subject in conditions.candidates]
        return await conditions.seen([row for row in rows if row is not None])

    async def chunks(window: Window, bounded: bool) -> AsyncIterator[Sequence[Fields]]:
        start = window.start.values if bounded and window.start is not None else None
        backward = descending != (bounded and window.backward)
        async for rows in question.rows.organisations(by, backward, start):
            yield await conditions.seen(rows)

    return chunks


class _Conditions:
    """What a list of organisations is asked for; all conditions hold."""

    def __init__(self, question: Question, given: Mapping[str, Any]) -> None:
        self._question = question
        self._given = given
        self._inside: frozenset[str] = frozenset()
        self._codes: frozenset[str] = frozenset()
        self._industry: str | None = None
        self.candidates: list[UUID] | None = None  # None: all of them

    @classmethod
    async def of(cls, question: Question, given: Mapping[str, Any]) -> _Conditions:
        """Raises QuestionError NAME_TOO_SHORT, NAME_TOO_LONG, LIST_LIMIT."""
        made = cls(question, given)
        if "region" in given:
            made._inside = await question.sight.inside(given["region"])
        if "industry" in given:
            made._industry = parse_industry(given["industry"]).normalised
        if "uscc" in given:
            limit = question.context.scope.row.list_limit
            if len(given["uscc"]) > limit:
                raise QuestionError("LIST_LIMIT", f"ask for at most {limit} codes at once")
            made._codes = frozenset(compact(code) for code in given["uscc"])
            rows = [await question.rows.organisations_of_uscc(code) for code in made._codes]
            made.candidates = [row["subject_id"] for of_code in rows for row in of_code]
        if "name" in given:
            found = await holding(question, given["name"])
            if made.candidates is None:
                made.candidates = sorted(found)
            else:
                made.candidates = [one for one in made.candidates if one in found]
        return made

    async def seen(self, rows: Sequence[Fields]) -> list[Fields]:
        return [
            row for row in rows if self._holds(row) and await self._question.sight.organisation(row)
        ]

    def _holds(self, row: Fields) -> bool:
        given, day = self._given, row["established_on"]
        if "uscc" in given and row["uscc"] not in self._codes:
            return False
        if "region" in given and row["region_id"] not in self._inside:
            return False
        if "industry" in given and not (
            self._industry is not None
            and (row["industry"] or "").startswith(self._industry)
            and row["industry"] is not None
        ):
            return False
        if "establishedFrom" in given and not (day and day >= given["establishedFrom"]):
            return False
        if "establishedTo" in given and not (day and day <= given["establishedTo"]):
            return False
        columns = {"entityType": "entity_type", "regStatus": "reg_status", "category": "category"}
        return all(row[column] == given[name] for name, column in columns.items() if name in given)


def _persons(asked: Asked) -> Any:
    given = {k: v for k, v in asked.arguments["filter"].items() if v is not None}
    if not given:
        raise QuestionError("FILTER_REQUIRED", "search persons by `name`, `surname` or `firm`")

    def node(mentions: Mentions, row: Fields) -> Item:
        return person_item(mentions, row)

    return connection(asked, _PERSONS, Edges("PersonEdge", node), _persons_found(asked, given))


async def _persons_found(asked: Asked, given: Mapping[str, Any]) -> Sequence[Fields]:
    question = asked.question
    if not question.context.scope.row.person_search:
        return []
    at_firm: set[UUID] | None = None
    if "firm" in given:
        at_firm = await _people_of(question, given["firm"])
    if "name" in given:
        rows = list(await question.rows.persons_named(given["name"]))
    elif at_firm is not None:
        people = [await question.rows.person(subject) for subject in sorted(at_firm)]
        rows = [row for row in people if row is not None]
    else:
        rows = await question.rows.persons_beginning(given["surname"])
    return [
        row
        for row in rows
        if question.sight.followed(row["subject_id"])
        and (at_firm is None or row["subject_id"] in at_firm)
        and ("surname" not in given or shown_part(row["name"]) == given["surname"])
    ]


async def _people_of(question: Question, firm: str) -> set[UUID]:
    """Who holds a firm, represents or manages it today."""
    found = set()
    for subject in sorted(await subjects_named(question.rows, firm)):
        for row in await question.rows.relations(subject):
            if (
                row["direction"] == "IN"
                and row["kind"] in _POSITIONS
                and in_force(row, question.today)
                and await question.sight.relation(row)
            ):
                found.add(row["other_id"])
    return found


def _person_match(asked: Asked) -> Any:
    return _matched(asked, asked.item.mentions.within())


async def _matched(asked: Asked, place: Mentions) -> Item:
    """Whether a partner city's token meets a person, and which kinds there are of it (X08)."""
    question, matcher = asked.question, asked.question.context.matcher
    if matcher is None:
        raise QuestionError(
            "MATCH_NOT_ALLOWED",
            "persons are matched for partner cities under an agreement with a match key only",
        )
    digest, scope = matcher.read(asked.arguments["token"]), question.context.scope
    found = await question.rows.persons_of_token(scope.agreement, digest)
    kinds = set()
    for row in found[:1]:
        place.subject(row["audit_ref"])
        for record in await question.rows.records(row["merged_into"] or row["subject_id"]):
            if record["kind"] in scope.match_kinds and of_government(record, question.today):
                kinds.add(record["kind"])
    told = {"matched": bool(found), "recordTypes": sorted(kinds)}
    return Item("PersonMatch", told, place)


RESOLVERS: Mapping[str, Any] = {
    "Query.node": _node,
    "Query.organisation": _organisation,
    "Query.organisations": _organisations,
    "Query.person": _person,
    "Query.persons": _persons,
    "Query.personMatch": _person_match,
    "Query.subjects": _subjects,
    "OrganisationEdge.matched": _why,
    "OrganisationEdge.matchedBy": _why,
}
