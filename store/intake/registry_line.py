"""Lines of registry extracts: firms, holders, officers, branches (records.md 1.1–1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from store.industry import parse_industry
from store.intake.context import Context, Line
from store.intake.finding import Finding, finding
from store.intake.party import Named, by_any_code, organisation, person, unit
from store.intake.value import EARLIEST, half_width
from store.kind import Field
from store.organisation import STATED as FIRM_COLUMNS
from store.organisation import OrganisationStatement
from store.reference import UnitMention
from store.relation import RelationStatement
from store.statement import (
    INDIVIDUAL_BUSINESS,
    LEGAL_ENTITY,
    NATURAL_PERSON,
    Party,
    plain_name,
)

_STATUS = {"在营": "存续", "开业": "存续", "存续(在营/开业)": "存续", "在业": "存续"}
_MONEY = "货币"
_FIRM_CODES = {s: s for s in ("uscc", "org_code", "reg_no", "tax_no")} | {"category": "entity_type"}


# What tells that a later line is about the same body, relation or loan.
_NAMING = (
    "name",
    "uscc",
    "company_uscc",
    "holder_name",
    "holder_code",
    "person_name",
    "position",
    "parent_uscc",
    "branch_uscc",
    "guarantee_no",
    "guarantor_name",
    "debtor_name",
    "lender_code",
    "loan_no",
    "borrower_name",
    "from",
)


def require(fields: Iterable[Field], row: Named) -> None:
    """Note every required field that is empty and not faulty already."""
    faulty = {found.field for found in row.findings if found.severity == "error"}
    for declared in fields:
        header = row.headers.get(declared.name, declared.label)
        if declared.required and declared.name not in row.values and header not in faulty:
            row.findings.append(finding(header, "REQUIRED"))


def source(context: Context, row: Named, line: Line) -> str:
    """The code of the source unit, noted as a unit."""
    code = unit(context, row, "source_unit_uscc", organ=False)
    line.unit = code
    values = row.values
    line.matter = tuple([str(values[name]) for name in _NAMING if name in values])
    if code:
        line.units.append((code, UnitMention(row.text("source_unit_name"), True, False)))
    return code


def check_term(row: Named, start: str, end: str) -> None:
    """Note a start after its end, and a start before 1949-10-01."""
    first, last = row.values.get(start), row.values.get(end)
    if isinstance(first, date) and first < EARLIEST:
        row.note(start, "DATE_RANGE")
    if isinstance(first, date) and isinstance(last, date) and first > last:
        row.note(end, "DATE_ORDER")


def stated(row: Named, **renamed: str) -> dict[str, object]:
    """Values by column, with open ends as null."""
    values = {column: row.values.get(name) for column, name in renamed.items()}
    return {c: v for c, v in values.items() if isinstance(v, (str, date, Decimal))}


def currency(row: Named) -> str | None:
    """The currency as a code: 人民币 is CNY."""
    text = half_width(row.text("currency")).upper()
    return "CNY" if text in ("人民币", "人民币元", "RMB", "156") else text or None


def read_firm(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A row of the registry: the body itself and its legal representative."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    category = INDIVIDUAL_BUSINESS if row.text("entity_type") == "个体工商户" else LEGAL_ENTITY
    firm = organisation(context, row, category, "name", _FIRM_CODES)
    check_term(row, "established_on", "deregistered_on")
    check_term(row, "operating_from", "operating_to")
    for name in ("established_on", "approved_on", "deregistered_on", "revoked_on"):
        day = values.get(name)
        if isinstance(day, date) and day > context.today:
            row.note(name, "DATE_FUTURE")
    sector = parse_industry(row.text("industry")) if row.text("industry") else None
    if sector is not None:
        line.findings.extend(
            Finding(
                row.header("industry"),
                found.code,
                "warning" if found.severity == "error" else found.severity,
                found.message,
            )
            for found in sector.findings
        )
    source_code = source(context, row, line)
    rep = person(
        context, row, "legal_rep_name", "legal_rep_id_type", "legal_rep_id_no", stub_of=firm
    )
    if line.rejected:
        return
    columns = {
        c: values[c] for c in FIRM_COLUMNS if isinstance(values.get(c), (str, date, Decimal))
    }
    status = half_width(row.text("reg_status"))
    columns |= {
        "uscc": firm.code("uscc"),
        "org_code": firm.code("org_code"),
        "currency": currency(row),
        "reg_status": _STATUS.get(status, status),
        "region_id": half_width(row.text("region_code")) or None,
        "industry": (sector.normalised if sector else None) or row.text("industry") or None,
        "source_unit_uscc": source_code or None,
    }
    order = context.order(line.number)
    former = tuple(
        sorted({n.strip() for n in row.text("former_names").replace("；", ";").split(";")} - {""})
    )
    line.statements.append(OrganisationStatement(firm, order, context.region, columns, former))
    if rep.name:
        line.statements.append(
            RelationStatement(
                "LEGAL_REP_OF",
                rep,
                firm,
                order,
                context.region,
                (),
                {"position": "法定代表人", **told_by(row, source_code)},
                batch_id=context.batch_id,
            )
        )


def read_holder(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A holder and what it holds; an unknown share is the interval from 0 to 1."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    company = by_any_code(context, row, LEGAL_ENTITY, "company_name", "company_uscc", None)
    holder = party_of(context, row, "holder", company)
    check_term(row, "from", "to")
    source_code = source(context, row, line)
    ratio = values.get("ratio")
    share = (ratio / 100).normalize() if isinstance(ratio, Decimal) else None
    if share is not None and share > 1:
        row.note("ratio", "NUMBER_RANGE")
    if line.rejected:
        return
    columns = stated(
        row,
        share_class="share_class",
        subscribed="subscribed",
        paid="paid",
        contribution_form="contribution_form",
        subscribed_on="subscribed_on",
        paid_on="paid_on",
        valid_from="from",
        valid_to="to",
    )
    columns |= {
        "share_stated": share,
        "share_min": share if share is not None else Decimal(0),
        "share_max": share if share is not None else Decimal(1),
        **told_by(row, source_code),
    }
    key: tuple[str, ...] = (
        plain_name(row.text("share_class")),
        str(columns.get("valid_from") or ""),
    )
    form = plain_name(row.text("contribution_form"))
    if form and form != _MONEY:  # what is given beside money is a contribution of its own
        key = (*key, form)
    line.statements.append(
        RelationStatement(
            "HOLDS",
            holder,
            company,
            context.order(line.number),
            context.region,
            key,
            columns,
            batch_id=context.batch_id,
        )
    )


def read_officer(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A director, supervisor or manager; without a number a stub of this firm."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    company = by_any_code(context, row, LEGAL_ENTITY, "company_name", "company_uscc", None)
    officer = person(context, row, "person_name", "person_id_type", "person_id_no", stub_of=company)
    check_term(row, "from", "to")
    source_code = source(context, row, line)
    if line.rejected:
        return
    columns = stated(row, position="position", valid_from="from", valid_to="to")
    key = (plain_name(row.text("position")), str(columns.get("valid_from") or ""))
    line.statements.append(
        RelationStatement(
            "OFFICER_OF",
            officer,
            company,
            context.order(line.number),
            context.region,
            key,
            columns | told_by(row, source_code),
            batch_id=context.batch_id,
        )
    )


def read_branch(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A branch and the firm it belongs to."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    parent = by_any_code(context, row, LEGAL_ENTITY, "parent_name", "parent_uscc", None)
    branch = by_any_code(context, row, LEGAL_ENTITY, "branch_name", "branch_uscc", None)
    check_term(row, "from", "to")
    source_code = source(context, row, line)
    if line.rejected:
        return
    columns = stated(row, valid_from="from", valid_to="to")
    line.statements.append(
        RelationStatement(
            "BRANCH_OF",
            branch,
            parent,
            context.order(line.number),
            context.region,
            (),
            columns | told_by(row, source_code),
            batch_id=context.batch_id,
        )
    )


def party_of(context: Context, row: Named, side: str, beside: Party | None) -> Party:
    """A party that may be a person or an organisation, as `<side>_name`, `_category`, …."""
    category = row.text(f"{side}_category")
    if category == NATURAL_PERSON:
        return person(
            context, row, f"{side}_name", f"{side}_id_type", f"{side}_id_no", stub_of=beside
        )
    return by_any_code(context, row, category, f"{side}_name", f"{side}_code", beside)


def told_by(row: Named, code: str) -> dict[str, object]:
    """The source unit in the columns of a relation."""
    return {"source_unit_name": row.text("source_unit_name"), "source_unit_uscc": code}
