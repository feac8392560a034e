"""Organisations, persons and loans: their fields, and what stands behind a subject id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from resolvers.executor.manifest import Mentions
from resolvers.executor.place import Asked, Item, Question, global_id
from resolvers.executor.reference import region
from resolvers.executor.rows import Fields
from resolvers.pseudonym import masked, partly_masked, token_of
from security.policy import Names, Number

_CODES, _FORMER = 200, 200  # rows of a short list


def organisation_item(mentions: Mentions, row: Fields) -> Item:
    """An organisation; the answer names it as a subject."""
    mentions.subject(row["audit_ref"])
    return Item("Organisation", row, mentions)


def person_item(mentions: Mentions, row: Fields) -> Item:
    """A person; the answer names it as a subject."""
    mentions.subject(row["audit_ref"])
    return Item("Person", row, mentions)


def loan_item(mentions: Mentions, row: Fields) -> Item:
    """A loan; the answer names it as a subject."""
    mentions.subject(row["audit_ref"])
    return Item("Loan", row, mentions)


async def organisation(question: Question, place: Mentions, subject: UUID | None) -> Item | None:
    """The organisation, if the caller may see it."""
    row = await question.rows.organisation(subject)
    if row is None or not await question.sight.organisation(row):
        return None
    return organisation_item(place, row)


async def person(question: Question, place: Mentions, subject: UUID | None) -> Item | None:
    """The person, if the caller may see that there is one."""
    if not question.sight.persons_appear:
        return None
    row = await question.rows.person(subject)
    if row is None or question.sight.barred(row["subject_id"]):
        return None
    return person_item(place, row)


async def party(
    question: Question,
    place: Mentions,
    subject: UUID | None,
    *,
    organisations: bool = True,
    persons: bool = True,
) -> Item | None:
    """The party behind a subject id; None when the caller may not see it."""
    found = await organisation(question, place, subject) if organisations else None
    if found is None and persons:
        found = await person(question, place, subject)
    return found


async def loan(question: Question, place: Mentions, subject: UUID | None) -> Item | None:
    """The loan behind its id, for who was led there by a relation."""
    row = await question.rows.loan(subject)
    return None if row is None else loan_item(place, row)


def shown_name(question: Question, subject: UUID, name: str) -> str:
    """A person's name as the caller may see it (access rules §6)."""
    if question.sight.clear(subject):
        return name
    if question.context.scope.row.names in (Names.PARTIAL, Names.ABSENT):
        return partly_masked(name)
    return masked(name)


def _organisation_id(asked: Asked) -> str:
    return global_id("Organisation", asked.item.row["subject_id"])


def _column(name: str) -> Any:
    return lambda asked: asked.item.row[name]


async def _address(asked: Asked) -> Any:
    shown = await asked.question.sight.home_address(asked.item.row)
    return asked.item.row["address"] if shown else None


def _region(asked: Asked) -> Any:
    return region(asked, asked.item.row["region_id"])


async def _codes(asked: Asked) -> list[Item]:
    rows = [
        r for r in await asked.question.rows.codes(asked.item.row["subject_id"]) if r["is_open"]
    ]
    rows.sort(key=lambda row: (row["scheme"], row["value"]))
    return [Item("Code", row, asked.item.mentions) for row in rows[:_CODES]]


async def _former_names(asked: Asked) -> list[Item]:
    rows = await asked.question.rows.names(asked.item.row["subject_id"])
    former = sorted((row for row in rows if row["is_former"]), key=_given_up)
    return [Item("FormerName", row, asked.item.mentions) for row in former[:_FORMER]]


def _given_up(row: Fields) -> tuple[bool, int, str]:
    """The name that was given up last comes first, undated ones at the end."""
    day = row["valid_to"]
    return (day is None, 0 if day is None else -day.toordinal(), row["name"])


def _person_id(asked: Asked) -> str:
    key = asked.question.context.person_key
    return global_id("Person", token_of(key, asked.item.row["subject_id"]))


def _person_name(asked: Asked) -> str:
    row = asked.item.row
    return shown_name(asked.question, row["subject_id"], row["name"])


def _in_clear(column: str) -> Any:
    """A fact about a person, for those to whom the person is clear."""

    def resolve(asked: Asked) -> Any:
        row = asked.item.row
        return row[column] if asked.question.sight.clear(row["subject_id"]) else None

    return resolve


def _id_number(asked: Asked) -> str | None:
    """The document number, sealed as the compiled lane seals it: the plan opens both alike."""
    row, context = asked.item.row, asked.question.context
    treatment = context.scope.row.number
    if treatment is Number.NONE or row["id_number"] is None:
        return None
    if not asked.question.sight.clear(row["subject_id"]):
        return None
    return f"{context.seal.mark}{treatment.value}:{row['id_number'].hex()};"


RESOLVERS: Mapping[str, Any] = {
    "Organisation.id": _organisation_id,
    "Organisation.name": _column("name"),
    "Organisation.category": _column("category"),
    "Organisation.address": _address,
    "Organisation.region": _region,
    "Organisation.codes": _codes,
    "Organisation.formerNames": _former_names,
    "Person.id": _person_id,
    "Person.name": _person_name,
    "Person.category": lambda _: "NATURAL_PERSON",
    "Person.idType": _in_clear("id_type"),
    "Person.idNumber": _id_number,
    "Person.birthYear": _in_clear("birth_year"),
    "Person.gender": _in_clear("gender"),
    "Loan.id": lambda asked: global_id("Loan", asked.item.row["subject_id"]),
}
