"""Counts of organisations and records by attributes, as one statement.

The statement gives the finest cells; totals over attributes of organisations are sums of them. An
organisation may have records of several kinds or months, so that cells of every set of the
records' own attributes are counted by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any
from uuid import UUID

from resolvers.argument import Given
from resolvers.as_of import as_of
from resolvers.context import Call
from resolvers.reach import TRUE
from resolvers.relation import in_force
from resolvers.statement import Statement
from resolvers.visibility import organisation_visible, record_seen, record_visible, relation_visible

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
class Tally:
    """The statement, and its tables: each row begins with the number of its table, then has the
    values of all levels of all attributes, then what is counted.

    A table says how far it is divided along each attribute of records; along those of
    organisations it is divided all the way.
    """

    sql: str
    binds: tuple[Callable[[Call], Any], ...]
    tables: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A range of subject ids, both ends in it: what one statement of several counts."""

    low: UUID
    high: UUID


def parts(count: int) -> list[Part]:
    """All subject ids in so many ranges of the same length."""
    edges = [(1 << 128) * i // count for i in range(count + 1)]
    return [Part(UUID(int=low), UUID(int=high - 1)) for low, high in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class _Divided:
    """An attribute of organisations: by what of `organisation o` rows are grouped, and what of the
    groups `f` says the value of each level. `joins` come before grouping, `after` behind it."""

    grouped: Mapping[str, str]
    told: tuple[str, ...]
    joins: str = ""
    after: str = ""


def of_organisations(
    statement: Statement, attributes: Sequence[Attribute], day: Given | None, *, sums: bool
) -> Tally:
    """Cells of organisations: bodies; with `sums` those with a capital in CNY, and its sum.

    The statement reads the index `organisation_tally` alone where all that the caller sees is
    registered.
    """
    where = ["o.registered", organisation_visible(statement, "o"), *_established(statement, day)]
    divided = _divided(statement, attributes, day)
    capital = "FILTER (WHERE o.currency IS NULL OR o.currency IN ('CNY', '人民币'))"
    grouped = {name: one for found in divided.values() for name, one in found.grouped.items()}
    summed = (
        f"count(o.registered_capital) {capital} AS owners,"
        f" sum(o.registered_capital) {capital} AS amount"
        if sums
        else "0::bigint AS owners, NULL::numeric AS amount"
    )
    inner = "".join([f"{expression} AS {name}, " for name, expression in grouped.items()])
    joins = "".join([one.joins for one in divided.values()])
    shown = "".join([f"{one}, " for found in divided.values() for one in found.told])
    after = "".join([one.after for one in divided.values()])
    sql = (
        f"SELECT 0 AS counted, {shown}f.bodies, 0::bigint AS records, f.owners, f.amount,"
        f" 0::bigint AS amounts FROM (SELECT {inner}count(*) AS bodies, {summed}"
        f" FROM organisation o{joins} WHERE {' AND '.join(where)}"
        f"{_grouped([str(i + 1) for i in range(len(grouped))])}) f{after}"
    )
    return Tally(*statement.finished(sql), tables=(tuple([one.depth for one in attributes]),))


def of_records(
    statement: Statement,
    attributes: Sequence[Attribute],
    day: Given | None,
    *,
    sums: bool,
    part: Part | None = None,
) -> Tally:
    """Cells of records: bodies and records; with `sums` bodies with an amount, its sum, and
    records with an amount.

    Amounts are fines and arrears, in 元. The statement reads the indexes `record_tally` and
    `organisation_tally` alone; without attributes of organisations no organisation. Both are in
    the order of subjects. With `part` the statement counts the subjects of one part: cells of parts
    that have no subject in common add up.
    """
    seen = record_seen(statement, "r")
    where = [seen.visible, "r.subject_category <> 'NATURAL_PERSON'"]
    of_part = "{}.subject_id BETWEEN {} AND {}"
    if part is not None:
        low = statement.bind(lambda _: part.low, "uuid")
        high = statement.bind(lambda _: part.high, "uuid")
        where.append(of_part.format("r", low, high))
    if day is not None:
        where += as_of(statement, "r", day)
    own = {
        one: [f"r{i}_{level}" for level in range(one.depth)]
        for i, one in enumerate(attributes)
        if one.of_records
    }
    divided = _divided(statement, attributes, day)
    inner = [
        f"{_of_record(statement, LEVELS[one.name][level], seen.whole, day)} AS {name}"
        for one, names in own.items()
        for level, name in enumerate(names)
    ]
    by_all = "".join([f", {i + 2}" for i in range(len(inner))])
    if not divided:
        where.append(
            "r.subject_id NOT IN (SELECT subject_id FROM organisation WHERE NOT registered)"
        )
    fine = (
        f"SELECT r.subject_id, {''.join([f'{one}, ' for one in inner])}count(*)::integer AS records"
        f"{_amounts(seen.whole) if sums else ''} FROM record r"
        f" WHERE {' AND '.join(where)} GROUP BY 1{by_all}"
    )
    if divided:
        told = "".join(
            [
                f", {expression} AS {name}"
                for one in divided.values()
                for name, expression in one.grouped.items()
            ]
        )
        joins = "".join([one.joins for one in divided.values()])
        within = "" if part is None else f" AND {of_part.format('o', low, high)}"
        fine = (
            f"SELECT * FROM ({fine}) f JOIN (SELECT o.subject_id{told} FROM organisation o{joins}"
            f" WHERE o.registered{within}) b USING (subject_id)"
        )
    cuts = list(product(*[range(one.depth + 1) for one in own]))
    tables = []
    rows = []
    for number, cut in enumerate(cuts):
        kept = dict(zip(own, cut, strict=True))
        tables.append(tuple([kept.get(one, one.depth) for one in attributes]))
        rows.append(_counted(number, attributes, own, divided, kept, sums=sums))
    sql = f"WITH fine AS MATERIALIZED ({fine}) " + " UNION ALL ".join(rows)
    return Tally(*statement.finished(sql), tables=tuple(tables))


def _amounts(whole: str) -> str:
    amount = "CASE r.kind WHEN 'penalty' THEN r.x_fine_amount * 10000 ELSE r.x_owed_amount END"
    amount = _where_whole(whole, amount)
    return f", sum({amount}) AS amount, count({amount})::integer AS amounts"


def _where_whole(whole: str, column: str) -> str:
    """What is not told of a record of which only that it exists is seen."""
    return column if whole == TRUE else f"CASE WHEN {whole} THEN {column} END"


def _counted(
    number: int,
    attributes: Sequence[Attribute],
    own: Mapping[Attribute, list[str]],
    divided: Mapping[Attribute, _Divided],
    kept: Mapping[Attribute, int],
    *,
    sums: bool,
) -> str:
    """The cells divided so far by the records' own attributes, and by all of organisations."""
    by = [name for one, names in own.items() for name in names[: kept[one]]]
    by_bodies = [name for one in divided.values() for name in one.grouped]
    shown = ""
    for one in attributes:
        if not one.of_records:
            shown += "".join([f"{told}, " for told in divided[one].told])
        for level, name in enumerate(own.get(one, ())):
            told = _told(one, own[one], level) if name in by else "NULL::text"
            shown += f"{told} AS {name}, "
    source = "fine"
    if any(kept[one] < one.depth for one in own):
        # Of one body all rows say the same of the body itself.
        of_body = "".join([f", any_value({name}) AS {name}" for name in by_bodies])
        own_by = "".join([f", {name}" for name in by])
        summed = ", sum(amount) AS amount, sum(amounts)::integer AS amounts" if sums else ""
        source = (
            f"(SELECT subject_id{of_body}{own_by}, sum(records)::integer AS records{summed}"
            f" FROM fine GROUP BY subject_id{own_by})"
        )
    summed = (
        "count(amount) AS owners, sum(amount) AS amount, sum(amounts) AS amounts"
        if sums
        else "0::bigint AS owners, NULL::numeric AS amount, 0::bigint AS amounts"
    )
    columns = "".join([f"{name}, " for name in (*by_bodies, *by)])
    after = "".join([one.after for one in divided.values()])
    return (
        f"SELECT {number} AS counted, {shown}f.bodies, f.records, f.owners, f.amount, f.amounts"
        f" FROM (SELECT {columns}count(*) AS bodies, sum(records) AS records, {summed}"
        f" FROM {source} s{_grouped([*by_bodies, *by])}) f{after}"
    )


def _told(attribute: Attribute, names: Sequence[str], level: int) -> str:
    """The value of a level; years and months are numbers until they are told."""
    if attribute.name != "TIME":
        return f"f.{names[level]}"
    if level == 0:
        return f"to_char(make_date(f.{names[0]}, 1, 1)::timestamp, 'YYYY')"
    return f"to_char(make_date(f.{names[0]}, f.{names[1]}, 1)::timestamp, 'YYYY-MM')"


def _grouped(columns: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(columns)}" if columns else " HAVING count(*) > 0"


def _established(statement: Statement, day: Given | None) -> list[str]:
    if day is None:
        return []
    return [f"(o.established_on IS NULL OR o.established_on <= {statement.given(day, 'date')})"]


def _divided(
    statement: Statement, attributes: Sequence[Attribute], day: Given | None
) -> dict[Attribute, _Divided]:
    """The attributes of organisations; what a region is part of is looked up of groups."""
    found: dict[Attribute, _Divided] = {}
    for number, one in enumerate(attributes):
        name = f"b{number}"
        if one.of_records:
            continue
        if one.party is not None:
            met = {name: f"(p{number}.subject_id IS NOT NULL)::text"}
            joins = _party(statement, one.party, f"p{number}", day)
            found[one] = _Divided(met, (f"f.{name}",), joins)
        elif one.name == "PLACE":
            # Who moved out 迁出 is under the jurisdiction of where it went.
            here = "o.reg_status IS DISTINCT FROM '迁出'"
            told = [_place(level, f"f.{name}_here") for level in LEVELS["PLACE"][: one.depth]]
            found[one] = _Divided(
                {f"{name}_region": "o.region_id", f"{name}_here": here},
                tuple([f"{told} AS {name}_{level}" for level, told in enumerate(told)]),
                after=f" LEFT JOIN region g ON g.region_id = f.{name}_region"
                " LEFT JOIN region h ON h.region_id = g.parent_id",
            )
        else:
            names = [f"{name}_{level}" for level in range(one.depth)]
            stated = [_stated(statement, level, day) for level in LEVELS[one.name][: one.depth]]
            found[one] = _Divided(
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


def _of_record(statement: Statement, name: str, whole: str, day: Given | None) -> str:
    match name:
        case "KIND":
            return "r.kind"
        case "MONTH":
            return _where_whole(whole, "date_part('month', r.decision_date)::integer")
        case "YEAR":
            return _where_whole(whole, "date_part('year', r.decision_date)::integer")
    later = record_visible(statement, "n", ("evaluation",))
    if day is not None:
        later += f" AND n.decision_date <= {statement.given(day, 'date')}"
    lists = " ".join(
        [f"WHEN '{kind}' THEN r.{column}" for kind, column in LISTS.items() if column is not None]
    )
    return _where_whole(
        whole,
        f"CASE r.kind {lists} WHEN 'evaluation' THEN CASE WHEN NOT EXISTS"
        " (SELECT FROM record n WHERE n.subject_id = r.subject_id AND n.kind = 'evaluation'"
        " AND n.x_scheme = r.x_scheme"
        " AND (n.decision_date, n.record_id) > (r.decision_date, r.record_id)"
        f" AND {later}) THEN r.x_scheme || '@' || coalesce(r.x_scheme_version, '') || ':'"
        " || coalesce(r.x_grade, trim_scale(r.x_score)::text, '') END END",
    )


def _party(statement: Statement, party: Party, name: str, day: Given | None) -> str:
    """A join with the organisations that have such a party, each once."""
    kind, direction = PARTIES[party.side]
    on = statement.today if day is None else statement.given(day, "date")
    where = [
        f"e.direction = '{direction}'",
        relation_visible(statement, "e", (kind,)),
        in_force("e", on),
        organisation_visible(statement, "x"),
    ]
    if party.region is not None:
        region = statement.given(party.region, "text")
        where.append(
            # Where another city keeps its registration, its code says where it is.
            "coalesce(x.region_id, CASE WHEN NOT x.registered THEN substr(x.uscc, 3, 6) END)"
            f" IN (WITH RECURSIVE inside AS (SELECT {region} AS region_id"
            " UNION SELECT g.region_id FROM region g, inside i WHERE g.parent_id = i.region_id)"
            " SELECT region_id FROM inside) AND x.reg_status IS DISTINCT FROM '迁出'"
        )
    if party.list is not None:
        where.append(
            "x.subject_id IN (SELECT q.subject_id FROM record q WHERE"
            f" q.kind = {statement.given(party.list, 'text')} AND {record_visible(statement, 'q')}"
            " AND q.subject_category <> 'NATURAL_PERSON')"
        )
    return (
        f" LEFT JOIN (SELECT DISTINCT e.subject_id FROM relation e"
        f" JOIN organisation x ON x.subject_id = e.other_id WHERE {' AND '.join(where)}) {name}"
        f" ON {name}.subject_id = o.subject_id"
    )
