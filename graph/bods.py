"""A piece of the graph as declarations in the Beneficial Ownership Data Standard 0.4.

Holdings, representatives and officers are relationships with one interest each, declared interests
are as they were declared; guarantees, loans and branches have no place in the standard and are
left out, their number is said. Source: Open Ownership, standard.openownership.org, 0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from graph.export import Piece

VERSION = "0.4"
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:xinqiao:bods:v1")
_SEATS = {"董事": "boardMember", "董事长": "boardChair"}
_SCHEMES = {"uscc": "CN-SAIC", "lei": "XI-LEI"}
_RECORD, _FOREIGN = "bods-entity", "foreign"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes: the city's name, and the day as YYYY-MM-DD."""

    name: str
    day: str


def declarations(
    piece: Piece,
    subject: str,
    publisher: Publisher,
    interests: Sequence[Mapping[str, Any]] = (),
    beneficial: Iterable[str] = (),
) -> tuple[bytes, int]:
    """The JSON list of statements, and how many edges had no place in it.

    `subject` is the key of the node that the declaration is about; `interests` are declared ones
    with the keys of their nodes; `beneficial` the ids of relations that were declared to be
    beneficial ownership or control.
    """
    records = {node["key"]: _record(node) for node in piece.nodes if node.get("party")}
    controls = frozenset(beneficial)
    head: dict[str, Any] = {
        "declarationSubject": records.get(subject, subject),
        "statementDate": piece.as_of,
        "publicationDetails": {
            "publicationDate": publisher.day,
            "bodsVersion": VERSION,
            "publisher": {"name": publisher.name},
        },
        "recordStatus": "new",
        "source": {"type": ["officialRegister"]},
    }

    def statement(record: str, type_: str, details: dict[str, Any]) -> dict[str, Any]:
        number = uuid5(_NAMESPACE, f"{piece.as_of}/{piece.position}/{type_}/{record}")
        return {
            "statementId": str(number),
            **head,
            "recordId": record,
            "recordType": type_,
            "recordDetails": {"isComponent": False, **details},
        }

    told: list[dict[str, Any]] = [
        statement(records[node["key"]], *_party(node))
        for node in piece.nodes
        if node["key"] in records
    ]
    left_out = 0
    for said in piece.statements():
        interest = _interest(said)
        ends = (said["source"] in records, said["target"] in records)
        if interest is None or not all(ends):
            left_out += 1
            continue
        interest["beneficialOwnershipOrControl"] = said["relationId"] in controls
        tie: dict[str, Any] = {
            "subject": records[said["target"]],
            "interestedParty": records[said["source"]],
            "interests": [interest],
        }
        told.append(statement(said["relationId"], "relationship", tie))
    for one in interests:
        if one["subject"] not in records or (one["party"] and one["party"] not in records):
            left_out += 1
            continue
        party = records[one["party"]] if one["party"] else {"reason": one["unnamedReason"]}
        details: dict[str, Any] = {
            "subject": records[one["subject"]],
            "interestedParty": party,
            "interests": [_declared(one)],
        }
        told.append(statement(one["interestId"], "relationship", details))
    return orjson.dumps(told, option=orjson.OPT_INDENT_2), left_out


def _record(node: Mapping[str, Any]) -> str:
    """The record of a party: as it was declared here, else by its id."""
    party = node["party"]
    for code in party.get("codes") or ():
        if code["scheme"] == _RECORD:
            return str(code["value"])
    return str(uuid5(_NAMESPACE, str(party["id"])))


def _party(node: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    party = node["party"]
    if party["__typename"] == "Person":
        names = [{"type": "legal", "fullName": party["name"]}]
        return "person", {"personType": "knownPerson", "names": names}
    identifiers = []
    for code in party.get("codes") or ():
        scheme, value = str(code["scheme"]), str(code["value"])
        if scheme == _FOREIGN:
            scheme, _, value = value.partition(":")
            identifiers.append({"scheme": scheme, "id": value})
        elif scheme in _SCHEMES:
            identifiers.append({"scheme": _SCHEMES[scheme], "id": value})
        elif scheme != _RECORD:
            identifiers.append({"schemeName": scheme, "id": value})
    found: dict[str, Any] = {"entityType": {"type": "registeredEntity"}, "name": party["name"]}
    if identifiers:
        found["identifiers"] = identifiers
    return "entity", found


def _interest(said: Mapping[str, Any]) -> dict[str, Any] | None:
    dates = {
        name: said[ours]
        for name, ours in (("startDate", "validFrom"), ("endDate", "validTo"))
        if said[ours]
    }
    match said["kind"]:
        case "HOLDS":
            share = share_of(said["shareMin"], said["shareMax"], "[]")
            found = {"type": "shareholding", **({"share": share} if share else {})}
        case "OFFICER_OF":
            type_ = _SEATS.get(said["position"] or "", "seniorManagingOfficial")
            found = {"type": type_, **({"details": said["position"]} if said["position"] else {})}
        case "LEGAL_REP_OF":
            found = {"type": "seniorManagingOfficial", "details": said["position"] or "法定代表人"}
        case _:
            return None
    return {**found, "directOrIndirect": "direct", **dates}


def _declared(one: Mapping[str, Any]) -> dict[str, Any]:
    share = share_of(one["shareMin"], one["shareMax"], one["bounds"])
    optional = {
        "share": share,
        "startDate": one["validFrom"],
        "endDate": one["validTo"],
        "details": one["details"],
    }
    return {
        "type": one["type"],
        "directOrIndirect": one["directness"],
        "beneficialOwnershipOrControl": one["beneficial"],
        **{name: value for name, value in optional.items() if value},
    }


def share_of(low: str | None, high: str | None, bounds: str) -> dict[str, Any]:
    """A share in percent, exact digits: a number, or an interval; nothing when all is open."""
    if low is not None and low == high:
        return {"exact": _percent(low)}
    found = {}
    if low is not None:
        found["minimum" if bounds[0] == "[" else "exclusiveMinimum"] = _percent(low)
    if high is not None:
        found["maximum" if bounds[1] == "]" else "exclusiveMaximum"] = _percent(high)
    return found


def _percent(fraction: str) -> orjson.Fragment:
    number = (Decimal(fraction) * 100).normalize()
    return orjson.Fragment(f"{number:f}".encode())
