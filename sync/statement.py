"""What a change in a partner's feed says, as a statement of the store."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from store.kind import INTEGERS, Field, FieldType, Kind, Kinds
from store.record import RecordStatement
from store.relation import RelationStatement
from store.statement import Order, Party
from sync.canonical import Value
from sync.catalogue import ENVELOPE, PARTY_SCHEMES, api_name, travelling_fields
from sync.errors import MirrorError
from sync.page import ReadChange
from sync.relation import relation_statement

_DATES = frozenset(
    {
        "decision_date",
        "display_from",
        "display_min_until",
        "display_until",
        "display_ended_on",
        "query_until",
        "valid_from",
        "valid_to",
    }
)


class Ending(NamedTuple):
    """What a tombstone says."""

    reason: str
    on: date
    order: Order


def ending_said(change: ReadChange, sha: bytes) -> Ending:
    """What a tombstone says; `sha` is of the feed. Raises LookupError, TypeError, ValueError."""
    reason = _text(change.fields["reason"])
    on = date.fromisoformat(_text(change.fields["endedOn"]))
    return Ending(reason, on, _order(change, sha))


def relation_said(change: ReadChange, region: str, sha: bytes) -> RelationStatement:
    """What a change says of a relation. Raises LookupError, TypeError, ValueError and, for
    numbers, ArithmeticError."""
    return relation_statement(change.fields, change.record_id, region, _order(change, sha))


def record_said(change: ReadChange, region: str, sha: bytes, kinds: Kinds) -> RecordStatement:
    """What a change says of a record. Raises as `relation_said` does, and MirrorError
    `KIND_UNKNOWN`."""
    told = change.fields
    kind = kinds.by_name.get(str(told["kind"]))
    if kind is None:
        raise MirrorError(
            "KIND_UNKNOWN", "Install a release that knows every record kind of the agreement."
        )
    row = {column: _column(column, told.get(api_name(column))) for column in ENVELOPE}
    fields = {
        field.api_name: _checked(field, told.get(f"fields.{field.api_name}"))
        for field in travelling_fields(kind)
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    statement = RecordStatement(
        kind=kind.name,
        party=Party(
            category=_text(told["subjectCategory"]),
            name=_text(told["reportedName"]),
            codes=tuple((_text(s), _text(v)) for s, v in _pairs(told["subjectCodes"])),
        ),
        party_key=_text(told["partyKey"]),
        order=_order(change, sha),
        origin_region=region,
        received_at=_moment(told["receivedAt"]),
        visibility=_text(told["class"]),
        status=_text(told["status"]),
        natural_key=_natural_key(kind, row, fields),
        fields=fields,
        **row,
    )
    codes = statement.party.codes
    if statement.visibility not in ("O", "G") or not codes:
        raise ValueError("not what travels")
    if any(scheme not in PARTY_SCHEMES for scheme, _ in codes):
        raise ValueError("an organisation travels under its open codes")
    if statement.record_id(kind) != change.record_id:
        raise ValueError("the id is not the record's")
    return statement


def _order(change: ReadChange, sha: bytes) -> Order:
    return Order(_moment(change.fields["statedAt"]), sha, change.index)


def _natural_key(kind: Kind, row: dict[str, Any], fields: dict[str, Any]) -> tuple[str, ...]:
    values = []
    for name in kind.natural_key:
        declared = kind.field(name)
        value = row[declared.envelope] if declared.envelope else fields.get(declared.api_name)
        values.append("" if value is None else str(value))
    return tuple(values)


def _column(column: str, value: Value) -> Any:
    if value is None:
        return False if column == "objection" else None
    if column == "objection":
        if not isinstance(value, bool):
            raise TypeError("an objection mark is true or false")
        return value
    text = _text(value)
    return date.fromisoformat(text) if column in _DATES else text


def _checked(field: Field, value: Value) -> Value:
    if value is None:
        return None
    allowed = None if field.codes is None else {code.value for code in field.codes.codes}
    match field.type:
        case FieldType.BOOLEAN if isinstance(value, bool):
            return value
        case FieldType.INTEGER if isinstance(value, int) and not isinstance(value, bool):
            if value in INTEGERS:
                return value
        case FieldType.CODES if isinstance(value, list):
            if allowed is None or all(member in allowed for member in value):
                return value
        case FieldType.DATE:
            date.fromisoformat(_text(value))
            return value
        case FieldType.DECIMAL:
            if Decimal(_text(value)).is_finite():
                return value
        case FieldType.CODE if allowed is None or value in allowed:
            return _text(value)
        case FieldType.TEXT:
            return _text(value)
    raise ValueError(f"{field.name} does not hold such a value")


def _text(value: Value) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("a text without NUL is due")
    return value


def _pairs(value: Value) -> list[tuple[Value, Value]]:
    if not isinstance(value, list):
        raise TypeError("a list of pairs is due")
    return [(pair[0], pair[1]) for pair in value if isinstance(pair, list)]


def _moment(value: Value) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time says its zone")
    return moment
