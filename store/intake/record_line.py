"""A line of a record kind: licence, penalty, or any kind declared later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from store.intake.chronology import check_decision, check_order
from store.intake.clock import read_clock, record_class
from store.intake.context import Context, Line
from store.intake.kind_plan import KindPlan
from store.intake.party import Named, number_of, organisation, person, unit
from store.intake.row_check import check_row, require
from store.intake.value import Open, plain
from store.kind import Kind
from store.record import RecordStatement
from store.reference import UnitMention
from store.statement import LEGAL_ENTITY, NATURAL_PERSON, Party

_CODES = ("uscc", "org_code", "reg_no", "tax_no", "inst_cert_no", "social_cert_no")


def read_record(
    context: Context, kind: Kind, values: dict[str, object], headers: Mapping[str, str], line: Line
) -> None:
    """Judge a row of a kind and add its statement to the line unless an error was found."""
    plan = context.plan(kind)
    held = plan.held
    row = Named(values, headers, line.findings)
    category = _category(row, held)
    is_person = category == NATURAL_PERSON
    if is_person and plan.consented and not context.rules.person_utility_arrears:
        row.note(held["reported_name"], "PERSON_NOT_TAKEN")
    require(plan, row, values, is_person=is_person)
    decided = values.get(held.get("decision_date", ""))
    if not isinstance(decided, date):
        decided = None
    else:
        check_decision(
            row, held["decision_date"], decided, today=context.today, received=context.received
        )
    check_order(row, plan.pairs)
    party = _party(context, row, category, held)
    secrets = _secrets(context, row, party)
    issuer = unit(context, row, held.get("issuer_uscc", ""), organ=plan.by_organ)
    source = unit(context, row, held.get("source_unit_uscc", ""), organ=False)
    check_row(plan, row, values, demo=context.demo)
    clock = read_clock(context, plan, row, decided, context.received)

    def text(column: str) -> str:
        return row.text(held.get(column, ""))

    issuer_name = text("issuer_name")
    natural_key = tuple([_key_text(values.get(name)) for name in kind.natural_key])
    reported_name = text("reported_name")
    line.unit = source or issuer
    named = (issuer or issuer_name, *natural_key)
    line.matter = (kind.name, *named, reported_name) if all(named) else ()
    if line.rejected:
        return
    pulled = context.severity_rules.pulled_by_review.get(row.text("review_status"))
    code_type, code = next(((s, row.text(s)) for s in _CODES if row.text(s)), (None, None))
    line.statements.append(
        RecordStatement(
            kind=kind.name,
            party=party,
            order=context.order(line.number),
            origin_region=context.region,
            origin_platform=context.platform,
            reported_name=reported_name,
            reported_code=code,
            reported_code_type=code_type,
            natural_key=natural_key,
            document_no=text("document_no") or None,
            issuer_name=issuer_name or None,
            issuer_uscc=issuer or None,
            source_unit_name=text("source_unit_name"),
            source_unit_uscc=source,
            decision_date=decided,
            received_at=context.stamp,
            visibility=record_class(kind, row, clock, is_person=is_person),
            severity=clock.severity,
            rule_set_id=clock.rule_set_id,
            display_from=clock.display_from,
            display_min_until=clock.display_min_until,
            display_until=clock.display_until,
            display_ended_on=context.received if pulled else clock.display_ended_on,
            display_end_reason=pulled,
            status="WITHDRAWN" if pulled else "VALID",
            query_until=clock.query_until,
            fields=_fields(plan, values),
            secrets=secrets,
            remark=text("remark") or None,
            batch_id=context.batch_id,
        )
    )
    line.units.append((issuer, UnitMention(issuer_name, False, True)))
    line.units.append((source, UnitMention(text("source_unit_name"), True, False)))


def _category(row: Named, held: Mapping[str, str]) -> str:
    """The stated category; a kind that does not ask for it tells persons by their number."""
    if "subject_category" in held:
        return row.text(held["subject_category"])
    if row.text("person_id_no") and not any(row.text(code) for code in _CODES):
        return NATURAL_PERSON
    return LEGAL_ENTITY


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
        (index, *_), document = number
        secrets["legalRepIdNo"] = {"number": document.id_number.hex(), "index": index}
    return secrets or None


def _fields(plan: KindPlan, values: Mapping[str, object]) -> dict[str, object]:
    """The kind's own fields in JSON form; numbers of persons are not among them."""
    told: dict[str, object] = {}
    own = plan.own
    for name, value in values.items():
        api_name = own.get(name)
        if api_name is None or value is None:
            continue
        if isinstance(value, str):
            told[api_name] = value
        elif isinstance(value, Open):
            continue
        elif isinstance(value, Decimal):
            told[api_name] = plain(value)
        elif isinstance(value, date):
            told[api_name] = value.isoformat()
        elif isinstance(value, tuple):
            told[api_name] = list(value)
        else:
            told[api_name] = value
    return told


def _key_text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return "" if value is None or isinstance(value, Open) else str(value)
