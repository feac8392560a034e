"""A line of a record kind: licence, penalty, or any kind declared later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from store.intake.context import Context, Line
from store.intake.finding import finding
from store.intake.party import Named, number_of, organisation, person, unit
from store.intake.value import EARLIEST, Open, plain
from store.kind import Field, FieldType, Kind
from store.record import RecordStatement
from store.reference import UnitMention
from store.rule_set import QUERY_YEARS, Publication, add_months, publication, worst
from store.statement import NATURAL_PERSON, Party

_CODES = ("uscc", "org_code", "reg_no", "tax_no", "inst_cert_no", "social_cert_no")
_AMOUNT = re.compile(r"(\d[\d,，]*(?:\.\d+)?)\s*(万元|元)")
_FACTOR = 10_000
_RANGES = (("licence_valid_from", "licence_valid_to"), ("decision_date", "effective_until"))


def read_record(
    context: Context, kind: Kind, values: dict[str, object], headers: Mapping[str, str], line: Line
) -> None:
    """Judge a row of a kind and add its statement to the line unless an error was found."""
    row = Named(values, headers, line.findings)
    category = values.get("counterparty_category")
    is_person = category == NATURAL_PERSON
    _require(kind, row, is_person)
    _check_dates(context, kind, row)
    party = _party(context, row, str(category or ""), is_person)
    secrets = _secrets(context, row, party)
    issuer = unit(context, row, "issuer_uscc", organ=True)
    source = unit(context, row, "source_unit_uscc", organ=False)
    _check_amounts(kind, row)
    clock = _clock(context, kind, row)
    if line.rejected:
        return
    decision = values.get("decision_date")
    decided = decision if isinstance(decision, date) else None
    code_type, code = next(((s, row.text(s)) for s in _CODES if row.text(s)), (None, None))
    line.statements.append(
        RecordStatement(
            kind=kind.name,
            party=party,
            order=context.order(line.number),
            origin_region=context.region,
            origin_platform=context.platform,
            reported_name=row.text("counterparty_name"),
            reported_code=code,
            reported_code_type=code_type,
            natural_key=tuple(_key_text(values.get(name)) for name in kind.natural_key),
            document_no=row.text("document_no") or None,
            issuer_name=row.text("issuer_name") or None,
            issuer_uscc=issuer or None,
            source_unit_name=row.text("source_unit_name"),
            source_unit_uscc=source,
            decision_date=decided,
            received_at=context.stamp,
            visibility=_visibility(kind, row, is_person, clock),
            severity=_severity(context, row) if kind.negative else None,
            rule_set_id=clock.rule_set_id if clock else None,
            display_from=decided if clock is None or clock.displayed else None,
            display_min_until=clock.min_end if clock else None,
            display_until=clock.max_end if clock else None,
            query_until=add_months(decided, 12 * QUERY_YEARS) if decided and clock else None,
            fields=_fields(kind, values),
            secrets=secrets,
            remark=row.text("remark") or None,
            batch_id=context.batch_id,
        )
    )
    line.units.append((issuer, UnitMention(row.text("issuer_name"), False, True)))
    line.units.append((source, UnitMention(row.text("source_unit_name"), True, False)))


def _require(kind: Kind, row: Named, is_person: bool) -> None:
    faulty = {found.field for found in row.findings if found.severity == "error"}
    for declared in kind.fields:
        required = declared.required
        if is_person and declared.required_of_persons is not None:
            required = declared.required_of_persons
        if declared.name == "legal_rep_name" and is_person:
            required = False
        if required and declared.name not in row.values:
            if row.header(declared.name) not in faulty:
                row.findings.append(
                    finding(row.headers.get(declared.name, declared.label), "REQUIRED")
                )
    for rule in kind.requirements:
        held = row.values.get(rule.when)
        given = set(held) if isinstance(held, tuple) else {held}
        if given & rule.values and rule.field not in row.values:
            if row.header(rule.field) not in faulty:
                row.note(rule.field, "REQUIRED")


def _check_dates(context: Context, kind: Kind, row: Named) -> None:
    decided = row.values.get("decision_date")
    if isinstance(decided, date):
        if decided > context.today:
            row.note("decision_date", "DATE_FUTURE")
        elif decided < EARLIEST:
            row.note("decision_date", "DATE_RANGE")
    for start, end in _RANGES:
        first, last = row.values.get(start), row.values.get(end)
        if isinstance(first, date) and isinstance(last, date) and first > last:
            row.note(end, "DATE_ORDER")


def _party(context: Context, row: Named, category: str, is_person: bool) -> Party:
    if is_person:
        if row.text("uscc"):
            row.note("uscc", "MUST_BE_EMPTY")
        return person(context, row, "counterparty_name", "person_id_type", "person_id_no")
    return organisation(
        context,
        row,
        category,
        "counterparty_name",
        {code: code for code in _CODES} | {"category": "counterparty_category"},
    )


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


def _check_amounts(kind: Kind, row: Named) -> None:
    content = row.text("content")
    fine = row.values.get("fine_amount")
    if not content or not isinstance(fine, Decimal) or not fine or "fine_amount" not in (
        f.name for f in kind.fields
    ):
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


def _severity(context: Context, row: Named) -> str:
    return worst(_severities(context, row))


def _clock(context: Context, kind: Kind, row: Named) -> Publication | None:
    decided = row.values.get("decision_date")
    if not kind.negative or not isinstance(decided, date):
        return None
    rules = context.severity_rules
    domain = rules.domain(row.text("violation_type"), row.text("legal_basis"))
    clock = publication(context.rule_sets, decided, _severities(context, row), domain)
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

