"""What tables of counts are divided by: attributes of organisations and of records, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resolvers.argument import Given
from resolvers.reach import TRUE, all_of
from resolvers.relation import in_force
from resolvers.statement import Statement
from resolvers.visibility import (
    organisation_visible,
    record_visible,
    registered_visible,
    relation_visible,
)
from store.regions import inside

Holds = Callable[[str], str]

LISTS = {
    "serious_list": "x_list_code",
    "red_list": "x_list_code",
    "watch_list": "x_watch_code",
    "abnormal_operation": "x_reason",
    "court_defaulter": None,
}
"""The kinds that are lists, and where each says which list it is."""

LEVELS = {
    "PLACE": ("PROVINCE", "REGION", "DISTRICT"),
    "INDUSTRY": ("INDUSTRY",),
    "BODY": ("CATEGORY", "ENTITY_TYPE"),
    "STATUS": ("STATUS",),
    "MATTER": ("KIND", "DETAIL"),
    "TIME": ("YEAR", "MONTH"),
}
"""Attributes and their levels, from the widest to the narrowest: a district tells its city."""

OF_RECORDS = frozenset({"MATTER", "TIME"})
PARTIES = {
    "holder": ("HOLDS", "IN"),
    "holding": ("HOLDS", "OUT"),
    "guarantor": ("GUARANTEES", "IN"),
    "guaranteed": ("GUARANTEES", "OUT"),
    "branch": ("BRANCH_OF", "IN"),
    "headOffice": ("BRANCH_OF", "OUT"),
}


@dataclass(frozen=True, slots=True)
class Party:
    """Another organisation in a relation: where it is, and a kind of record that it has."""

    side: str
    region: Given | None
    list: Given | None


@dataclass(frozen=True, slots=True)
class Attribute:
    """What cells are divided by, down to a level; or the party that a filter names."""

    name: str
    depth: int
    party: Party | None = None

    @property
    def of_records(self) -> bool:
        return self.name in OF_RECORDS


@dataclass(frozen=True, slots=True)
class Divided:
    """An attribute of organisations: by what of `organisation o` rows are grouped, and what of the
    groups `f` says the value of each level. `joins` come before grouping, `after` behind it;
    `met` is what they join, a query with a name that stands before all."""

    grouped: Mapping[str, str]
    told: tuple[str, ...]
    joins: str = ""
    after: str = ""
    met: tuple[str, ...] = ()


def divided(
    statement: Statement,
    attributes: Sequence[Attribute],
    day: Given | None,
    holds: Holds = lambda _: TRUE,
) -> dict[Attribute, Divided]:
    """The attributes of organisations; what a region is part of is looked up of groups.

    `holds` says of an alias whether its subject is among those that are divided.
    """
    found: dict[Attribute, Divided] = {}
    for number, one in enumerate(attributes):
        name = f"b{number}"
        if one.of_records:
            continue
        if one.party is not None:
            party = f"p{number}"
            found[one] = Divided(
                {name: f"({party}.subject_id IS NOT NULL)::text"},
                (f"f.{name}",),
                f" LEFT JOIN {party} ON {party}.subject_id = o.subject_id",
                met=(f"{party} AS ({_party(statement, one.party, day, holds)})",),
            )
        elif one.name == "PLACE":
            # Who moved out 迁出 is under the jurisdiction of where it went.
            here = "o.reg_status IS DISTINCT FROM '迁出'"
            told = [_place(level, f"f.{name}_here") for level in LEVELS["PLACE"][: one.depth]]
            found[one] = Divided(
                {f"{name}_region": "o.region_id", f"{name}_here": here},
                tuple([f"{told} AS {name}_{level}" for level, told in enumerate(told)]),
                after=f" LEFT JOIN region g ON g.region_id = f.{name}_region"
                " LEFT JOIN region h ON h.region_id = g.parent_id",
            )
        else:
            names = [f"{name}_{level}" for level in range(one.depth)]
            stated = [_stated(statement, level, day) for level in LEVELS[one.name][: one.depth]]
            found[one] = Divided(
                dict(zip(names, stated, strict=True)), tuple([f"f.{each}" for each in names])
            )
    return found


def _place(level: str, here: str) -> str:
    match level:
        case "PROVINCE":
            return (
                "CASE WHEN g.kind = 'PROVINCE' THEN g.region_id"
                " WHEN h.kind = 'PROVINCE' THEN h.region_id ELSE h.parent_id END"
            )
        case "REGION":
            return (
                f"CASE WHEN {here} THEN CASE WHEN g.kind = 'PREFECTURE' THEN g.region_id"
                " WHEN h.kind = 'PREFECTURE' THEN h.region_id END END"
            )
    return f"CASE WHEN {here} AND g.kind IN ('COUNTY', 'FUNCTIONAL_ZONE') THEN g.region_id END"


def _stated(statement: Statement, name: str, day: Given | None) -> str:
    match name:
        case "INDUSTRY":
            return "left(o.industry, 1)"
        case "ENTITY_TYPE":
            return "o.entity_type"
        case "CATEGORY":
            return "o.category"
    if day is None:
        return "o.reg_status"
    on = statement.given(day, "date")
    return (
        f"CASE WHEN o.deregistered_on > {on} OR o.revoked_on > {on} THEN '存续'"
        " ELSE o.reg_status END"
    )


def _party(statement: Statement, party: Party, day: Given | None, holds: Holds) -> str:
    """The organisations that have such a party, each once."""
    kind, direction = PARTIES[party.side]
    on = statement.today if day is None else statement.given(day, "date")
    where = [
        holds("e"),
        f"e.direction = '{direction}'",
        relation_visible(statement, "e", (kind,)),
        in_force("e", on),
    ]
    return (
        f"SELECT DISTINCT e.subject_id FROM relation e"
        f" JOIN ({_others(statement, party)}) x ON x.subject_id = e.other_id"
        f" WHERE {all_of(*where)}"
    )


def _others(statement: Statement, party: Party) -> str:
    """The organisations that are such a party. Registered ones are read from `organisation_tally`
    alone; where another city keeps the registration, the code says where one is."""
    registered = ["x.registered", registered_visible(statement, "x")]
    others = ["NOT x.registered", organisation_visible(statement, "x")]
    if party.region is not None:
        region = statement.given(party.region, "text")
        there = f" IN ({inside(region)}) AND x.reg_status IS DISTINCT FROM '迁出'"
        registered.append(f"x.region_id{there}")
        others.append(f"coalesce(x.region_id, substr(x.uscc, 3, 6)){there}")
    if party.list is not None:
        listed = (
            "x.subject_id IN (SELECT q.subject_id FROM record q WHERE"
            f" q.kind = {statement.given(party.list, 'text')} AND {record_visible(statement, 'q')}"
            " AND q.subject_category <> 'NATURAL_PERSON')"
        )
        registered.append(listed)
        others.append(listed)
    return " UNION ALL ".join(
        [
            f"SELECT x.subject_id FROM organisation x WHERE {all_of(*where)}"
            for where in (registered, others)
        ]
    )
