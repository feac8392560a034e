"""Relations in the sharing feed: what of a relation travels, and how a partner's copy is kept.

A relation is one record of the item `relation`, named by its relation id. Ends are organisations
by their open codes; a natural person is a random alias of this city and the masked name, so the
partner sees that two relations are of one person and not of whom (access rules §3, PCITY: persons
as tokens). Relations of class R, loans, and relations between persons never travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from store.connection import Connection
from store.relation import STATED, RelationStatement
from store.screening_word import COMPOUND_SURNAMES
from store.statement import NATURAL_PERSON, Order, Party
from sync.canonical import Value
from sync.catalogue import CATEGORIES, PARTY_SCHEMES, RELATION, api_name
from sync.leaf import item_tag
from sync.offer import moment

PERSON_SCHEME = "partner-person"
KINDS = ("HOLDS", "LEGAL_REP_OF", "OFFICER_OF", "BRANCH_OF", "GUARANTEES")
_LEFT_OUT = frozenset({"loan_no", "balance", "reference_no"})
TRAVELLING = tuple(column for column in STATED if column not in _LEFT_OUT)
INTERVAL = ("shareFrom", "shareUpTo")
"""Keys of `fields` that hold the interval of a share that is not known exactly."""
BOUNDS = frozenset({"share_min", "share_max"})
"""Columns that follow from a share as it was stated."""
_DATES = frozenset({"subscribed_on", "paid_on", "valid_from", "valid_to"})
_NUMBERS = BOUNDS | {"share_stated", "subscribed", "paid", "amount"}


@dataclass(frozen=True, slots=True)
class StatedRelation:
    """A relation of this city as it stands, its ends as the partner may know them."""

    record_id: UUID
    kind: str
    visibility: str
    status: str
    stamp: datetime
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    row: Mapping[str, Any]

    @property
    def item(self) -> str:
        return item_tag(RELATION, self.target["category"])

    def withheld(self, items: frozenset[str], _: date) -> str | None:
        """Give the reason for which it does not travel, None when it does."""
        if self.status != "VALID":
            return self.status
        named = all(
            end["codes"] and end["category"] in (*CATEGORIES, NATURAL_PERSON)
            for end in (self.source, self.target)
        )
        shared = (
            self.kind in KINDS
            and self.visibility in ("O", "G")
            and self.target["category"] in CATEGORIES
            and self.item in items
        )
        return None if named and shared else "NOT_SHARED"

    def offered(self, region: str, stamp: datetime) -> dict[str, Value]:
        """Give every field that travels, null where there is none."""
        codes = self.target["codes"]
        told: dict[str, Value] = {
            "recordId": str(self.record_id),
            "originRegion": region,
            "kind": RELATION,
            "class": self.visibility,
            "status": self.status,
            "subjectCategory": self.target["category"],
            "subjectCodes": codes,
            "partyKey": f"{codes[0][0]}:{codes[0][1]}",
            "statedAt": moment(stamp),
            "receivedAt": moment(self.row["recorded_from"]),
            "relationKind": self.kind,
            "source": dict(self.source),
            "target": dict(self.target),
        }
        told |= {f"stated.{api_name(c)}": _plain(self.row[c]) for c in TRAVELLING}
        return told


async def stated_relations(
    connection: Connection, ids: Sequence[UUID], region: str
) -> dict[UUID, StatedRelation]:
    """The relations of the region among these ids."""
    await connection.execute(
        "INSERT INTO person_alias (subject_id)"
        " SELECT DISTINCT p.subject_id FROM relation r JOIN person p"
        " ON p.subject_id IN (r.subject_id, r.other_id)"
        " WHERE r.relation_id = ANY($1) AND r.direction = 'OUT' AND r.origin_region = $2"
        " AND r.class IN ('O', 'G') ON CONFLICT DO NOTHING",
        list(ids),
        region,
    )
    columns = ", ".join(f"r.{column}" for column in TRAVELLING)
    ends = ", ".join(
        _end(at, name) for at, name in (("subject_id", "source"), ("other_id", "target"))
    )
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT ON (r.relation_id) r.relation_id, r.kind, r.class, r.status, r.stamp,
            r.recorded_from, r.other_id, {columns}, {ends}
        FROM relation r
        WHERE r.relation_id = ANY($1) AND r.direction = 'OUT' AND r.origin_region = $2
        ORDER BY r.relation_id, r.stamp DESC, r.batch_sha DESC, r.line_no DESC
        """,
        list(ids),
        region,
    )
    found = {}
    for row in rows:
        source, target = (_end_told(orjson.loads(row[end]), region) for end in ("source", "target"))
        found[row["relation_id"]] = StatedRelation(
            row["relation_id"],
            row["kind"],
            row["class"],
            row["status"],
            row["stamp"],
            source,
            target,
            dict(row),
        )
    return found


def _end(column: str, name: str) -> str:
    return f"""(SELECT json_build_object(
        'category', s.category,
        'name', coalesce(o.name, p.name, ''),
        'alias', a.alias,
        'codes', (SELECT json_agg(json_build_array(i.scheme, i.value) ORDER BY
            i.scheme <> 'uscc', i.scheme, i.value) FROM identifier i
            WHERE i.subject_id = s.subject_id AND i.is_open)
        ) FROM subject s LEFT JOIN organisation o USING (subject_id)
        LEFT JOIN person p USING (subject_id) LEFT JOIN person_alias a USING (subject_id)
        WHERE s.subject_id = r.{column})::text AS {name}"""


def _end_told(end: Mapping[str, Any], region: str) -> dict[str, Any]:
    if end["category"] != NATURAL_PERSON:
        return {"category": end["category"], "name": end["name"], "codes": end["codes"] or []}
    alias = end["alias"]
    return {
        "category": NATURAL_PERSON,
        "name": surname_shown(end["name"]),
        "codes": [[PERSON_SCHEME, f"{region}:{alias}"]] if alias else [],
    }


def surname_shown(name: str) -> str:
    """A name as it travels: the surname and an asterisk (access rules §6)."""
    compound = len(name) > 2 and name[:2] in COMPOUND_SURNAMES
    return f"{name[:2] if compound else name[:1]}*"


def relation_statement(
    told: Mapping[str, Value], record_id: UUID, region: str, order: Order
) -> RelationStatement:
    """The statement of a partner's relation.

    Raises KeyError, TypeError, ValueError, decimal.InvalidOperation for what is none.
    """
    kind, visibility = told["relationKind"], told["class"]
    if kind not in KINDS or visibility not in ("O", "G") or told["status"] != "VALID":
        raise ValueError("not what travels")
    source, target = (_party(told[end], region) for end in ("source", "target"))
    if target.category not in CATEGORIES:
        raise ValueError("a relation leads to an organisation")
    values = {c: _value(c, told.get(f"stated.{api_name(c)}")) for c in TRAVELLING}
    if values["share_stated"] is None and values["share_min"] == values["share_max"]:
        # Derived from amounts there, where the capital is known: here it is a statement.
        values["share_stated"] = values["share_min"]
    for unit in ("source_unit_name", "source_unit_uscc"):
        values[unit] = values[unit] or ""
    return RelationStatement(
        kind=str(kind),
        source=source,
        target=target,
        order=order,
        origin_region=region,
        natural_key=(str(record_id),),
        stated=values,
        visibility=str(visibility),
        fields=_interval(values),
        identity=record_id,
    )


def _interval(values: Mapping[str, Any]) -> dict[str, str]:
    """The interval of a share that is not known exactly; that from 0 to 1 says nothing."""
    low, high = values["share_min"], values["share_max"]
    if low is None or high is None or low == high:
        return {}
    return dict(zip(INTERVAL, (f"{low:f}", f"{high:f}"), strict=True))


def _party(told: Value, region: str) -> Party:
    if not isinstance(told, dict):
        raise TypeError("an end is an object")
    category, name = _text(told["category"]), _text(told["name"])
    pairs = told["codes"]
    if not isinstance(pairs, list) or not pairs:
        raise TypeError("an end has codes")
    codes = tuple((_text(pair[0]), _text(pair[1])) for pair in pairs if isinstance(pair, list))
    if category == NATURAL_PERSON:
        [(scheme, value)] = codes
        if scheme != PERSON_SCHEME or not value.startswith(f"{region}:"):
            raise ValueError("a person travels under an alias of its city")
        return Party(category, name, codes)
    if category not in CATEGORIES or any(s not in PARTY_SCHEMES for s, _ in codes):
        raise ValueError("an organisation travels under its open codes")
    return Party(category, name, codes)


def _value(column: str, value: Value) -> Any:
    if value is None:
        return None
    text = _text(value)
    if column in _DATES:
        return date.fromisoformat(text)
    if column in _NUMBERS:
        number = Decimal(text)
        if not number.is_finite():
            raise ValueError("a number is due")
        return number
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("a text without NUL is due")
    return value


def _plain(value: Any) -> Value:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else str(value)
