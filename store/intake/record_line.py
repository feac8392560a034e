"""A line of a record kind: licence, penalty, or any kind declared later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from store.intake.batch import SHANGHAI
from store.intake.context import Context, Line
from store.intake.finding import finding
from store.intake.party import Named, number_of, organisation, person, unit
from store.intake.value import EARLIEST, Open, plain
from store.kind import Field, FieldType, Kind
from store.record import RecordStatement
from store.reference import UnitMention
from store.rule_set import QUERY_YEARS, Publication, add_months, worst
from store.statement import LEGAL_ENTITY, NATURAL_PERSON, Party

_CODES = ("uscc", "org_code", "reg_no", "tax_no", "inst_cert_no", "social_cert_no")
_AMOUNT = re.compile(r"(\d[\d,，]*(?:\.\d+)?)\s*(万元|元)")
_FACTOR = 10_000
_RANGES = (("licence_valid_from", "licence_valid_to"), ("decision_date", "effective_until"))


def read_record(
    context: Context, kind: Kind, values: dict[str, object], headers: Mapping[str, str], line: Line
) -> None:
    """Judge a row of a kind and add its statement to the line unless an error was found."""
    row = Named(values, headers, line.findings)
    held = {f.envelope: f.name for f in kind.fields if f.envelope}
    category = _category(row, held)
    is_person = category == NATURAL_PERSON
    _require(kind, row, is_person)
    decided = _decision_date(context, row, held)
    party = _party(context, row, category, held)
    secrets = _secrets(context, row, party)
    issuer = unit(context, row, held.get("issuer_uscc", ""), organ=True)
    source = unit(context, row, held.get("source_unit_uscc", ""), organ=False)
    _check_amounts(row)
    severities = _severities(context, row) if kind.negative else ()
    clock = _clock(context, row, decided, severities) if kind.negative else None
    pulled = context.severity_rules.pulled_by_review.get(str(values.get("review_status")))
    if line.rejected:
        return
    code_type, code = next(((s, row.text(s)) for s in _CODES if row.text(s)), (None, None))

    def text(column: str) -> str:
        return row.text(held.get(column, ""))

    line.statements.append(
        RecordStatement(
            kind=kind.name,
            party=party,
            order=context.order(line.number),
            origin_region=context.region,
            origin_platform=context.platform,
            reported_name=text("reported_name"),
            reported_code=code,
            reported_code_type=code_type,
            natural_key=tuple(_key_text(values.get(name)) for name in kind.natural_key),
            document_no=text("document_no") or None,
            issuer_name=text("issuer_name") or None,
            issuer_uscc=issuer or None,
            source_unit_name=text("source_unit_name"),
            source_unit_uscc=source,
            decision_date=decided,
            received_at=context.stamp,
            visibility=_visibility(kind, row, is_person, clock),
            severity=worst(severities) if severities else None,
            rule_set_id=clock.rule_set_id if clock else None,
            display_from=(decided or _received(context)) if not clock or clock.displayed else None,
            display_min_until=clock.min_end if clock else None,
            display_until=clock.max_end if clock else None,
            display_ended_on=_received(context) if pulled else _ended(kind, values),
            display_end_reason=pulled,
            status="WITHDRAWN" if pulled else "VALID",
            query_until=add_months(decided, 12 * QUERY_YEARS) if decided and clock else None,
            fields=_fields(kind, values),
            secrets=secrets,
            remark=text("remark") or None,
            batch_id=context.batch_id,
        )
    )
    line.units.append((issuer, UnitMention(text("issuer_name"), False, True)))
    line.units.append((source, UnitMention(text("source_unit_name"), True, False)))


def _ended(kind: Kind, values: Mapping[str, object]) -> date | None:
    """The first day on which the record is no longer displayed, where a field of it says so."""
    days = (values.get(f.name) for f in kind.fields if f.ends_display)
    return next((day for day in days if isinstance(day, date)), None)


def _received(context: Context) -> date:
    return min(context.stamp.astimezone(SHANGHAI).date(), context.today)


def _category(row: Named, held: Mapping[str, str]) -> str:
    """The stated category; a kind that does not ask for it tells persons by their number."""
    if "subject_category" in held:
        return row.text(held["subject_category"])
    if row.text("person_id_no") and not any(row.text(code) for code in _CODES):
        return NATURAL_PERSON
    return LEGAL_ENTITY


def _require(kind: Kind, row: Named, is_person: bool) -> None:
    faulty = {found.field for found in row.findings if found.severity == "error"}
    needed = [f for f in kind.fields if _is_required(f, is_person)]
    for rule in kind.requirements:
        told = row.values.get(rule.when)
        if (set(told) if isinstance(told, tuple) else {told}) & rule.values:
            needed.append(kind.field(rule.field))
    for declared in needed:
        header = row.headers.get(declared.name, declared.label)
        if declared.name not in row.values and header not in faulty:
            row.findings.append(finding(header, "REQUIRED"))


def _is_required(declared: Field, is_person: bool) -> bool:
    if is_person and declared.required_of_persons is not None:
        return declared.required_of_persons
    return declared.required


def _decision_date(context: Context, row: Named, held: Mapping[str, str]) -> date | None:
    name = held.get("decision_date", "")
    decided = row.values.get(name)
    for start, end in _RANGES:
        first, last = row.values.get(start), row.values.get(end)
        if isinstance(first, date) and isinstance(last, date) and first > last:
            row.note(end, "DATE_ORDER")
    if not isinstance(decided, date):
        return None
    if decided > context.today:
        row.note(name, "DATE_FUTURE")
    elif decided < EARLIEST:
        row.note(name, "DATE_RANGE")
    return decided


def _party(context: Context, row: Named, category: str, held: Mapping[str, str]) -> Party:
    name = held.get("reported_name", "")
    if category == NATURAL_PERSON:
        if row.text("uscc"):
            row.note("uscc", "MUST_BE_EMPTY")
        return person(context, row, name, "person_id_type", "person_id_no")
    fields = {code: code for code in _CODES}
    fields["category"] = held.get("subject_category", "")
    return organisation(context, row, category, name, fields)


def _secrets(context: Context, row: Named, party: Party) -> dict[str, object] | None:
    secrets: dict[str, object] = {}
    if party.document is not None:
        secrets["personIdNo"] = {
            "number": party.document.id_number.hex(),
            "index": party.code("person_number"),
        }
    number = number_of(context, row, "legal_rep_id_type", "legal_rep_id_no")
    if number is not None:
        index, document = number
        secrets["legalRepIdNo"] = {"number": document.id_number.hex(), "index": index}
    return secrets or None


def _check_amounts(row: Named) -> None:
    content = row.text("content")
    fine = row.values.get("fine_amount")
    if not content or not isinstance(fine, Decimal) or not fine:
        return
    stated = fine * _FACTOR
    amounts = [
        Decimal(number.replace(",", "").replace("，", "")) * (_FACTOR if unit == "万元" else 1)
        for number, unit in _AMOUNT.findall(content)
    ]
    if stated not in amounts and any(
        amount * _FACTOR == stated or stated * _FACTOR == amount for amount in amounts
    ):
        row.note("fine_amount", "UNIT_SUSPECT")


def _severities(context: Context, row: Named) -> tuple[str, ...]:
    types = row.values.get("penalty_types")
    procedure = row.values.get("procedure")
    return context.severity_rules.severities(
        types if isinstance(types, tuple) else (),
        procedure=procedure if isinstance(procedure, str) else None,
        content=row.text("content"),
    )


def _clock(
    context: Context, row: Named, decided: date | None, severities: tuple[str, ...]
) -> Publication | None:
    if decided is None or decided > context.today:
        return None
    domain = context.severity_rules.domain(row.text("violation_type"), row.text("legal_basis"))
    clock = context.clock(decided, severities, domain)
    deadline = row.values.get("pub_deadline")
    if isinstance(deadline, Open):
        row.note("pub_deadline", "PUB_DEADLINE_OPEN")
    elif isinstance(deadline, date):
        if clock.displayed and deadline > clock.max_end:
            row.note("pub_deadline", "PUB_DEADLINE")
        elif deadline < decided:
            row.note("pub_deadline", "DATE_ORDER")
    return clock


def _visibility(kind: Kind, row: Named, is_person: bool, clock: Publication | None) -> str:
    if row.values.get("procedure") == "SIMPLE":
        return "I"
    if is_person:
        return kind.class_of_persons.value
    if clock is not None and not clock.displayed:
        return "G"
    return kind.class_of_organisations.value


def _fields(kind: Kind, values: Mapping[str, object]) -> dict[str, object]:
    """The kind's own fields in JSON form; numbers of persons are not among them."""
    told: dict[str, object] = {}
    for declared in kind.own_fields:
        value = values.get(declared.name)
        if value is None or declared.type is FieldType.SECRET:
            continue
        if isinstance(value, Open):
            continue
        if isinstance(value, Decimal):
            told[declared.api_name] = plain(value)
        elif isinstance(value, date):
            told[declared.api_name] = value.isoformat()
        elif isinstance(value, tuple):
            told[declared.api_name] = list(value)
        else:
            told[declared.api_name] = value
    return told


def _key_text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return "" if value is None or isinstance(value, Open) else str(value)
