"""What bodies share: addresses and persons, damped by how many have them; investors in common.

Definition: weight of an attribute 1/ln(1 + degree); what more than `CROWD` bodies have is shown
with its degree, weighs nothing and leads nowhere (W26). Only what the caller may see counts.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from graph.walk import Limit
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties
from resolvers.graph_scope import closed, demand_search, given_to, subject_asked
from resolvers.reach import FALSE, all_of, any_of
from resolvers.reading import fetch
from resolvers.relation import in_force
from resolvers.statement import Selected, Statement
from resolvers.visibility import (
    home_address_shown,
    organisation_visible,
    person_followed,
    relation_visible,
)
from security.policy import Reach

CROWD = 20
MAX_ASSOCIATES = 100
_DEGREE_LIMIT = 10_000
_TIES = ("HOLDS", "LEGAL_REP_OF", "OFFICER_OF")


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that bodies have in common: an address, or a person by id."""

    address: str | None
    person: UUID | None
    carriers: frozenset[UUID]

    @property
    def degree(self) -> int:
        return len(self.carriers)

    @property
    def weight(self) -> Decimal:
        """1/ln(1 + degree), to six places."""
        return (1 / Decimal(1 + self.degree).ln()).quantize(Decimal("0.000001"))

    @property
    def crowded(self) -> bool:
        return self.degree > CROWD


def associates(
    subject: UUID, attributes: Sequence[Attribute]
) -> list[tuple[UUID, Decimal, list[int]]]:
    """Who shares what is not crowded: id, score and places of attributes, best first."""
    shared: dict[UUID, list[int]] = defaultdict(list)
    for place, attribute in enumerate(attributes):
        if not attribute.crowded:
            for carrier in attribute.carriers - {subject}:
                shared[carrier].append(place)
    scored = [
        (id_, sum((attributes[place].weight for place in places), Decimal(0)), places)
        for id_, places in shared.items()
    ]
    return sorted(scored, key=lambda one: (-one[1], one[0]))


async def shared(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """What the subject shares with other bodies, None when there is no subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED.
    """
    fresh, given = statement.anew(call.context.scope), given_to(selected, call)
    demand_search(fresh)
    if not 1 <= given["first"] <= MAX_ASSOCIATES:
        raise QuestionError("BUDGET_LIMIT", f"ask for 1 to {MAX_ASSOCIATES} associates")
    subject = await subject_asked(fresh, given["subject"], call)
    if subject is None:
        return None, Disclosure(not_found=(given["subject"],))
    as_of: dt.date = given.get("asOf") or call.context.today
    parties = Parties.prepare(fresh, selected)
    truncated = []
    found = await _addresses(fresh, subject, call)
    if _goes_on(fresh, call):
        found += await _persons(fresh, subject, as_of, call)
    elif await _has_persons(fresh, subject, as_of, call):
        truncated.append({"reason": str(_why_not(fresh, call)), "stage": 1})
    attributes = sorted(
        (one for one in found if one.degree > 1 or one.person == subject),
        key=lambda one: (one.crowded, -one.weight, one.address is None, one.person or subject),
    )
    ranked = associates(subject, attributes)
    if len(ranked) > given["first"]:
        truncated.append({"reason": str(Limit.NODES), "stage": 2})
    if any(one.crowded for one in attributes):
        truncated.append({"reason": str(Limit.FAN), "stage": 2})
    ranked = ranked[: given["first"]]
    people = [one.person for one in attributes if one.person is not None]
    seen = await parties.read([*people, *(id_ for id_, _, _ in ranked)], call)
    value: dict[str, Any] = {
        "asOf": as_of,
        "truncated": sorted(truncated, key=lambda cut: (cut["stage"], cut["reason"])),
        "attributes": [attribute_value(one, place) for place, one in enumerate(attributes)],
        "associates": [
            {"id": id_, "score": score, "attributes": [f"a{place}" for place in places]}
            for id_, score, places in ranked
            if id_ in seen
        ],
    }
    rows = len(value["attributes"]) + len(value["associates"])
    return parties.shape(value), parties.disclosure(rows)


async def addresses_of_both(
    statement: Statement, one: UUID, other: UUID, call: Call
) -> list[dict[str, Any]]:
    """The address that two bodies share, as an answer shows it; none when they do not."""
    found = await _addresses(statement, one, call)
    return [attribute_value(at, place) for place, at in enumerate(found) if other in at.carriers]


def attribute_value(attribute: Attribute, place: int) -> dict[str, Any]:
    """An attribute as an answer shows it."""
    return {
        "id": attribute.person,
        "key": f"a{place}",
        "kind": "ADDRESS" if attribute.person is None else "PERSON",
        "address": attribute.address,
        "degree": attribute.degree,
        "weight": attribute.weight,
        "crowded": attribute.crowded,
    }


async def similarity(
    statement: Statement, selected: Selected, call: Call
) -> tuple[Any, Disclosure]:
    """How alike the investors of two bodies are; None when one of them is none to see.

    Raises QuestionError FORBIDDEN, CASE_REQUIRED. Source: LDBC FinBench, TCR 10.
    """
    fresh, given = statement.anew(call.context.scope), given_to(selected, call)
    demand_search(fresh)
    asked = (given["a"], given["b"])
    ends = [
        await subject_asked(fresh, asked[0], call),
        await subject_asked(fresh, asked[1], call, reach=Reach.ALL),
    ]
    if None in ends:
        missing = [text for text, one in zip(asked, ends, strict=True) if one is None]
        return None, Disclosure(not_found=tuple(missing))
    as_of: dt.date = given.get("asOf") or call.context.today
    parties = Parties.prepare(fresh, selected)
    followed = _goes_on(fresh, call)
    investors, people = await _investors(fresh, [one for one in ends if one], as_of, call)
    if not followed:
        investors = {firm: held - people for firm, held in investors.items()}
    first, second = (investors.get(one, set()) for one in ends if one is not None)
    common, together = first & second, first | second
    await parties.read(sorted(common)[:100], call)
    ratio = Decimal(len(common)) / len(together) if together else Decimal(0)
    value: dict[str, Any] = {
        "asOf": as_of,
        "truncated": [{"reason": str(_why_not(fresh, call)), "stage": 1}]
        if people and not followed
        else [],
        "similarity": ratio.quantize(Decimal("0.000000000001")),
        "common": len(common),
        "together": len(together),
        "investors": [{"id": id_} for id_ in sorted(common)[:100]],
    }
    return parties.shape(value), parties.disclosure(len(value["investors"]) + 1)


def _goes_on(statement: Statement, call: Call) -> bool:
    """Whether the search goes on from persons to what else they hold and do."""
    return "NATURAL_PERSON" not in closed(statement, call)


def _why_not(statement: Statement, call: Call) -> Limit:
    return closed(statement, call)["NATURAL_PERSON"]


async def _addresses(statement: Statement, subject: UUID, call: Call) -> list[Attribute]:
    check = statement.anew(call.context.scope)
    own = check.bind(lambda _: subject, "uuid")
    # The hash is asked for first: a join would not use its index under row-level security.
    shown = _address_shown(check, "o")
    if shown == FALSE:
        return []
    sql, binds = check.finished(
        "SELECT o.address, o.address_hash FROM organisation o"
        f" WHERE o.subject_id = {own} AND o.address_hash IS NOT NULL AND {shown}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    if not rows:
        return []
    check = statement.anew(call.context.scope)
    hashed = check.bind(lambda _: rows[0]["address_hash"], "bigint")
    sql, binds = check.finished(
        f"SELECT o.subject_id FROM organisation o WHERE o.address_hash = {hashed}"
        f" AND {all_of(_address_shown(check, 'o'), organisation_visible(check, 'o'))}"
        f" LIMIT {_DEGREE_LIMIT}"
    )
    carriers = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return [Attribute(rows[0]["address"], None, frozenset(row[0] for row in carriers))]


def _address_shown(statement: Statement, organisation: str) -> str:
    return any_of(
        f"{organisation}.category <> 'INDIVIDUAL_BUSINESS'",
        home_address_shown(statement, f"{organisation}.subject_id"),
    )


def _tied(check: Statement, alias: str, day: str) -> str:
    kinds = tuple(kind for kind in _TIES if kind in check.scope.row.relations)
    return all_of(relation_visible(check, alias, kinds, walked=True), in_force(alias, day))


async def _persons(
    statement: Statement, subject: UUID, as_of: dt.date, call: Call
) -> list[Attribute]:
    check = statement.anew(call.context.scope)
    own = check.bind(lambda _: subject, "uuid")
    day = check.bind(lambda _: as_of, "date")
    sql, binds = check.finished(
        f"""
        WITH mine AS (
            SELECT {own} AS person WHERE EXISTS (SELECT FROM person x WHERE x.subject_id = {own})
            UNION SELECT e.other_id FROM relation e
            WHERE e.subject_id = {own} AND e.direction = 'IN' AND {_tied(check, "e", day)}
                AND EXISTS (SELECT FROM person x WHERE x.subject_id = e.other_id)
                AND {person_followed(check, "e.other_id")}
        )
        SELECT m.person, f.firm FROM mine m CROSS JOIN LATERAL (
            SELECT DISTINCT f.other_id AS firm FROM relation f
            WHERE f.subject_id = m.person AND f.direction = 'OUT' AND {_tied(check, "f", day)}
            LIMIT {_DEGREE_LIMIT}) f"""
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    firms: dict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        firms[row["person"]].add(row["firm"])
    return [Attribute(None, person, frozenset(carriers)) for person, carriers in firms.items()]


async def _has_persons(statement: Statement, subject: UUID, as_of: dt.date, call: Call) -> bool:
    check = statement.anew(call.context.scope)
    own = check.bind(lambda _: subject, "uuid")
    day = check.bind(lambda _: as_of, "date")
    sql, binds = check.finished(
        f"SELECT 1 FROM relation e WHERE e.subject_id = {own} AND e.direction = 'IN'"
        f" AND {_tied(check, 'e', day)}"
        " AND EXISTS (SELECT FROM person x WHERE x.subject_id = e.other_id) LIMIT 1"
    )
    return bool(await fetch(call.context.pool, sql, [bind(call) for bind in binds]))


async def _investors(
    statement: Statement, firms: Sequence[UUID], as_of: dt.date, call: Call
) -> tuple[Mapping[UUID, set[UUID]], set[UUID]]:
    """Who holds a share of each, and who of them all is a natural person.

    The caller may search from the first of them.
    """
    check = statement.anew(call.context.scope)
    asked = check.bind(lambda _: list(firms), "uuid[]")
    day = check.bind(lambda _: as_of, "date")
    seen = any_of(
        all_of(
            f"e.subject_id = ({asked})[1]", relation_visible(check, "e", ("HOLDS",), walked=True)
        ),
        relation_visible(check, "e", ("HOLDS",)),
    )
    visible = all_of(seen, in_force("e", day))
    sql, binds = check.finished(
        "SELECT DISTINCT e.subject_id, e.other_id, x.subject_id IS NOT NULL AS person"
        " FROM relation e LEFT JOIN person x ON x.subject_id = e.other_id"
        f" WHERE e.subject_id = ANY({asked}) AND e.direction = 'IN' AND {visible}"
    )
    found: dict[UUID, set[UUID]] = defaultdict(set)
    people: set[UUID] = set()
    for row in await fetch(call.context.pool, sql, [bind(call) for bind in binds]):
        found[row["subject_id"]].add(row["other_id"])
        if row["person"]:
            people.add(row["other_id"])
    return found, people
