"""Declarations in the Beneficial Ownership Data Standard 0.4, as one JSON list of statements.

Source: Open Ownership, standard.openownership.org, 0.4. Records are named by their `recordId`; a
later statement of a record replaces the earlier, and an interest that it no longer has ended on
its day. Direct shareholdings are holdings, seats on boards positions; every other interest is
kept as declared (`store.interest`) and enters no computation. Numbers and birth dates of persons
are not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import orjson

from store.intake.context import SHANGHAI, Context, Line, PartyStatement
from store.intake.finding import finding
from store.intake.layout import Layout
from store.intake.value import Invalid, read_decimal
from store.interest import InterestStatement
from store.kind import Field
from store.relation import RelationStatement
from store.statement import LEGAL_ENTITY, NATURAL_PERSON, Order, Party

NAME = "bods"
ENTITY, PERSON, FOREIGN = "bods-entity", "bods-person", "foreign"
_CREDIT_CODES = frozenset({"CN-SAIC", "CN-USCC", "CHN-USCC", "CN-SAMR"})
_SEATS = {"boardMember": "董事", "boardChair": "董事长", "seniorManagingOfficial": "高级管理人员"}
TYPES = frozenset(
    {
        *_SEATS,
        "shareholding",
        "votingRights",
        "appointmentOfBoard",
        "otherInfluenceOrControl",
        "settlor",
        "trustee",
        "protector",
        "beneficiaryOfLegalArrangement",
        "rightsToSurplusAssetsOnDissolution",
        "rightsToProfitOrIncome",
        "rightsGrantedByContract",
        "conditionalRightsGrantedByContract",
        "controlViaCompanyRulesOrArticles",
        "controlByLegalFramework",
        "unknownInterest",
        "unpublishedInterest",
        "enjoymentAndUseOfAssets",
        "rightToProfitOrIncomeFromAssets",
        "nominee",
        "nominator",
    }
)
_MEMBERS = (
    ("statement_id", "statementId"),
    ("statement_date", "statementDate"),
    ("record_id", "recordId"),
    ("record_type", "recordType"),
    ("record_status", "recordStatus"),
    ("declaration_subject", "declarationSubject"),
    ("record_details", "recordDetails"),
    ("publication_details", "publicationDetails"),
    ("source", "source"),
    ("annotations", "annotations"),
    ("declaration", "declaration"),
)
LAYOUT = Layout(
    NAME,
    "受益所有权声明 BODS 0.4",
    tuple(Field(name, header, max_length=1_000_000) for name, header in _MEMBERS),
    frozenset({"statement_id", "record_id", "record_type", "record_details"}),
)


@dataclass(slots=True)
class Records:
    """What a file says of its records before its lines are read: their types, and when an
    interest is in a statement and not in the next one of its record."""

    types: dict[str, str] = field(default_factory=dict)
    ended: dict[tuple[str, str], date] = field(default_factory=dict)
    read: bool = False

    def learn(self, statements: Iterable[Mapping[str, Any]]) -> None:
        """Read every statement of the file once."""
        told: dict[str, list[tuple[datetime, str, frozenset[str]]]] = {}
        for one in statements:
            self.types.setdefault(one["record_id"], one["record_type"])
            stamp, details = stamp_of(one["statement_date"]), _object(one["record_details"])
            if one["record_type"] == "relationship" and stamp is not None and details is not None:
                keys = frozenset(key for key, _ in keyed_interests(details))
                told.setdefault(one["record_id"], []).append((stamp, one["statement_id"], keys))
        for said in told.values():
            # Of equal dates the later one of the file counts.
            said.sort(key=lambda one: one[0])
            for (_, number, keys), (stamp, _, following) in pairwise(said):
                day = stamp.astimezone(SHANGHAI).date()
                self.ended |= {(number, key): day for key in keys - following}
        self.read = True


def read_bods(
    context: Context,
    values: Mapping[str, object],
    headers: Mapping[str, str],
    line: Line,
    records: Records,
) -> None:
    """A statement of the file; `records` are those of all its lines."""
    text = {name: str(values.get(name) or "") for name, _ in _MEMBERS}
    for name in ("statement_id", "record_id", "record_type"):
        if not text[name]:
            line.findings.append(finding(headers.get(name, name), "REQUIRED"))
    details, stamp = _object(text["record_details"]), stamp_of(text["statement_date"])
    if details is None:
        line.findings.append(finding(headers["record_details"], "JSON_INVALID"))
    if stamp is None:
        line.findings.append(finding(headers.get("statement_date", ""), "DATE_INVALID"))
    if details is None or stamp is None or line.rejected:
        return
    order = Order(min(stamp, context.stamp), context.sha256, line.number)
    match text["record_type"]:
        case "entity" | "person":
            party = _party(context, text["record_id"], text["record_type"], details)
            line.statements.append(PartyStatement(party, order, context.region))
        case "relationship":
            _relationship(context, text, details, order, headers, line, records)
        case _:
            line.findings.append(finding(headers["record_type"], "CODE_UNKNOWN"))


def _party(context: Context, record: str, kind: str, details: Mapping[str, Any]) -> Party:
    if kind == "person":
        names = [one for one in _list(details.get("names")) if one.get("fullName")]
        legal = [one for one in names if one.get("type") == "legal"] or names
        name = str(legal[0]["fullName"]) if legal else "未知"
        return Party(NATURAL_PERSON, name[:50], ((PERSON, record),))
    codes: list[tuple[str, str]] = []
    for one in _list(details.get("identifiers")):
        scheme, value = str(one.get("scheme") or ""), str(one.get("id") or "")
        if scheme in _CREDIT_CODES:
            judged = context.judge("uscc", value)
            if judged.valid:
                codes.append(("uscc", judged.normalised))
        elif scheme == "XI-LEI" and value:
            codes.append(("lei", value.upper()))
        elif scheme and value:
            codes.append((FOREIGN, f"{scheme}:{value}"))
    return Party(
        LEGAL_ENTITY,
        str(details.get("name") or "未具名 unnamed")[:200],
        tuple(dict.fromkeys([*codes, (ENTITY, record)])),
    )


def _relationship(
    context: Context,
    text: Mapping[str, str],
    details: Mapping[str, Any],
    order: Order,
    headers: Mapping[str, str],
    line: Line,
    records: Records,
) -> None:
    subject = _end(details.get("subject"), records)
    if subject is None or subject.category != LEGAL_ENTITY:
        line.findings.append(finding(headers["record_details"], "REFERENCE_UNKNOWN"))
        return
    told = details.get("interestedParty")
    unnamed = str(told.get("reason") or "unknown") if isinstance(told, dict) else None
    party = None if unnamed else _end(told, records)
    if unnamed is None and party is None:
        line.findings.append(finding(headers["record_details"], "REFERENCE_UNKNOWN"))
        return
    publisher = _object(text["publication_details"]) or {}
    unit = publisher.get("publisher") if isinstance(publisher.get("publisher"), dict) else {}
    source = str((unit or {}).get("name") or "BODS")[:200]
    closed = order.stamp.astimezone(SHANGHAI).date() if text["record_status"] == "closed" else None
    for key, interest in keyed_interests(details):
        share = _share(interest.get("share"))
        if share is None:
            line.findings.append(finding(headers["record_details"], "NUMBER_RANGE"))
            continue
        try:
            begins, ends = _day(interest.get("startDate")), _day(interest.get("endDate"))
        except ValueError:
            line.findings.append(finding(headers["record_details"], "DATE_INVALID"))
            continue
        ends = ends or records.ended.get((text["statement_id"], key)) or closed
        type_ = str(interest.get("type") or "unknownInterest")
        direct = str(interest.get("directOrIndirect") or "unknown")
        if type_ not in TYPES or direct not in ("direct", "indirect", "unknown"):
            line.findings.append(finding(headers["record_details"], "CODE_UNKNOWN"))
            continue
        low, high, bounds = share
        beneficial = interest.get("beneficialOwnershipOrControl") is True
        if direct == "direct" and party is not None and _is_relation(type_, party):
            columns: dict[str, Any] = {
                "valid_from": begins,
                "valid_to": ends,
                "source_unit_name": source,
                "source_unit_uscc": "",
            }
            if type_ == "shareholding":
                columns |= {
                    "share_stated": low if low is not None and low == high else None,
                    "share_min": Decimal(0) if low is None else low,
                    "share_max": Decimal(1) if high is None else high,
                }
            else:
                columns["position"] = _SEATS[type_]
            line.statements.append(
                RelationStatement(
                    "HOLDS" if type_ == "shareholding" else "OFFICER_OF",
                    party,
                    subject,
                    order,
                    context.region,
                    (text["record_id"], key),
                    columns,
                    "O" if party.category == LEGAL_ENTITY else "G",
                    fields={
                        "bodsRecord": text["record_id"],
                        "bodsType": type_,
                        "beneficialOwnershipOrControl": beneficial,
                        **_interval(type_, low, high),
                    },
                    batch_id=context.batch_id,
                )
            )
            continue
        line.statements.append(
            InterestStatement(
                subject,
                party,
                order,
                context.region,
                text["record_id"],
                key,
                type_,
                direct,
                beneficial,
                low,
                high,
                bounds,
                str(interest["details"])[:1000] if interest.get("details") else None,
                begins,
                ends,
                unnamed,
                tuple(str(one) for one in _texts(details.get("componentRecords"))),
                source_unit_name=source,
                batch_id=context.batch_id,
            )
        )


def _interval(type_: str, low: Decimal | None, high: Decimal | None) -> dict[str, str]:
    """An interval that was declared of a holding, as its fields keep it."""
    if type_ != "shareholding" or low == high:
        return {}
    ends = {"shareFrom": low, "shareUpTo": high}
    return {name: f"{end:f}" for name, end in ends.items() if end is not None}


def _is_relation(type_: str, party: Party) -> bool:
    return type_ == "shareholding" or (type_ in _SEATS and party.category == NATURAL_PERSON)


def keyed_interests(details: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The interests of a relationship, each under what tells it apart; one of unknown type when
    none is told."""
    seen: dict[str, int] = {}
    found: list[tuple[str, Mapping[str, Any]]] = []
    for one in _list(details.get("interests")) or [{}]:
        name = f"{one.get('type') or 'unknownInterest'}/{one.get('directOrIndirect') or 'unknown'}"
        seen[name] = seen.get(name, 0) + 1
        found.append((name if seen[name] == 1 else f"{name}/{seen[name]}", one))
    return found


def _end(told: Any, records: Records) -> Party | None:
    kind = records.types.get(told) if isinstance(told, str) else None
    match kind:
        case "entity":
            return Party(LEGAL_ENTITY, "", ((ENTITY, told),))
        case "person":
            return Party(NATURAL_PERSON, "", ((PERSON, told),))
    return None


def _share(told: Any) -> tuple[Decimal | None, Decimal | None, str] | None:
    """The interval of a share as fractions, None when it is none."""
    if told is None:
        return None, None, "[]"
    if not isinstance(told, dict):
        return None
    try:
        ends = {
            name: read_decimal(str(told[name])) / 100
            for name in ("exact", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
            if told.get(name) not in (None, "")
        }
    except Invalid:
        return None
    low = ends.get("exact", ends.get("minimum", ends.get("exclusiveMinimum")))
    high = ends.get("exact", ends.get("maximum", ends.get("exclusiveMaximum")))
    if any(not 0 <= one <= 1 for one in ends.values()) or (
        low is not None and high is not None and low > high
    ):
        return None
    opens = "(" if "exclusiveMinimum" in ends and low == ends["exclusiveMinimum"] else "["
    closes = ")" if "exclusiveMaximum" in ends and high == ends["exclusiveMaximum"] else "]"
    return low, high, opens + closes


def _day(told: Any) -> date | None:
    """A day; of a month or year the first. Raises ValueError."""
    if told in (None, ""):
        return None
    text = str(told)
    return date.fromisoformat((text + "-01-01")[:10] if len(text) < 10 else text[:10])


def stamp_of(text: str) -> datetime | None:
    """When a statement was made: of a date its beginning in Shanghai."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), SHANGHAI)
        stamp = datetime.fromisoformat(text)
    except ValueError:
        return None
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _list(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
