"""LDBC FinBench folders as they are: their own ids, no USCC, a synthetic source unit.

Source: LDBC Financial Benchmark (FinBench) data generator, CSV with `|`; times are Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from store.intake.context import Context, Line, PartyStatement
from store.intake.finding import finding
from store.intake.layout import Layout
from store.intake.party import Named
from store.intake.value import Invalid, read_decimal
from store.kind import Field
from store.loan import LoanStatement
from store.reference import UnitMention
from store.relation import RelationStatement
from store.statement import LEGAL_ENTITY, LOAN, NATURAL_PERSON, Party

# A synthetic unit of class 12: organisation block XD, demo division of Benxi.
UNIT_NAME = "演示数据来源单位（FinBench）"
UNIT_USCC = "12210590XDFB00005C"

_SCHEMES = {
    LEGAL_ENTITY: "finbench-company",
    NATURAL_PERSON: "finbench-person",
    LOAN: "finbench-loan",
}


@dataclass(frozen=True, slots=True)
class _Edge:
    kind: str
    source: tuple[str, str]  # header, category
    target: tuple[str, str]
    visibility: str


_EDGES = {
    "CompanyInvestCompany": _Edge(
        "HOLDS", ("investorId", LEGAL_ENTITY), ("companyId", LEGAL_ENTITY), "O"
    ),
    "PersonInvestCompany": _Edge(
        "HOLDS", ("investorId", NATURAL_PERSON), ("companyId", LEGAL_ENTITY), "O"
    ),
    "CompanyGuaranteeCompany": _Edge(
        "GUARANTEES", ("fromId", LEGAL_ENTITY), ("toId", LEGAL_ENTITY), "G"
    ),
    "PersonGuaranteePerson": _Edge(
        "GUARANTEES", ("fromId", NATURAL_PERSON), ("toId", NATURAL_PERSON), "G"
    ),
    "CompanyApplyLoan": _Edge("BORROWS", ("companyId", LEGAL_ENTITY), ("loanId", LOAN), "G"),
    "PersonApplyLoan": _Edge("BORROWS", ("personId", NATURAL_PERSON), ("loanId", LOAN), "G"),
}
_HEADERS = {
    "Company": ("companyId", "companyName", "isBlocked", "createTime"),
    "Person": ("personId", "personName", "isBlocked", "createTime"),
    "Loan": ("loanId", "loanAmount", "balance", "createTime"),
    "CompanyInvestCompany": ("investorId", "companyId", "ratio", "createTime"),
    "PersonInvestCompany": ("investorId", "companyId", "ratio", "createTime"),
    "CompanyGuaranteeCompany": ("fromId", "toId", "createTime"),
    "PersonGuaranteePerson": ("fromId", "toId", "createTime"),
    "CompanyApplyLoan": ("companyId", "loanId", "createTime"),
    "PersonApplyLoan": ("personId", "loanId", "createTime"),
}
_PREFIX = "finbench-"


def layout_of(stem: str, headers: tuple[str, ...]) -> Layout | None:
    """The layout of a FinBench file by its name and header, None when it is none."""
    if _HEADERS.get(stem) != headers:
        return None
    return layout(stem)


def layout(stem: str) -> Layout:
    """The layout of the FinBench file of that name."""
    fields = tuple(Field(_snake(h), h, required=h != "isBlocked") for h in _HEADERS[stem])
    return Layout(_PREFIX + stem, f"FinBench {stem}", fields, frozenset(f.name for f in fields))


def stem_of(layout_name: str) -> str | None:
    """The file name that a FinBench layout stands for, None for other layouts."""
    return layout_name.removeprefix(_PREFIX) if layout_name.startswith(_PREFIX) else None


def precedence(stem: str) -> int:
    """Companies, persons and loans before what ties them."""
    return list(_HEADERS).index(stem) if stem in _HEADERS else len(_HEADERS)


def read_finbench(
    context: Context, stem: str, values: dict[str, object], headers: Mapping[str, str], line: Line
) -> None:
    """A row of a FinBench file."""
    row = Named(values, headers, line.findings)
    for header in _HEADERS[stem]:
        if header != "isBlocked" and not row.text(_snake(header)):
            line.findings.append(finding(header, "REQUIRED"))
    created = row.text("create_time")
    day = _day(created)
    if created and day is None:
        line.findings.append(finding("createTime", "DATE_INVALID"))
    numbers = {
        header: _number(row, header, line)
        for header in ("ratio", "loanAmount", "balance")
        if header in _HEADERS[stem]
    }
    ratio = numbers.get("ratio")
    if ratio is not None and not 0 <= ratio <= 1:
        line.findings.append(finding("ratio", "NUMBER_RANGE"))
    if line.rejected:
        return
    order = context.order(line.number)
    line.units.append((UNIT_USCC, UnitMention(UNIT_NAME, True, False)))
    if stem == "Loan":
        number = row.text("loan_id")
        line.statements.append(
            LoanStatement(
                Party(LOAN, number, ((_SCHEMES[LOAN], number),)),
                order,
                context.region,
                {
                    "amount": numbers["loanAmount"],
                    "balance": numbers["balance"],
                    "issued_on": day,
                },
            )
        )
        return
    edge = _EDGES.get(stem)
    if edge is None:
        category = LEGAL_ENTITY if stem == "Company" else NATURAL_PERSON
        party = _party(category, row.text(f"{stem.lower()}_id"), row.text(f"{stem.lower()}_name"))
        line.statements.append(PartyStatement(party, order, context.region))
        return
    target = _party(edge.target[1], row.text(_snake(edge.target[0])))
    line.statements.append(
        RelationStatement(
            edge.kind,
            _party(edge.source[1], row.text(_snake(edge.source[0]))),
            target,
            order,
            context.region,
            (created,),
            {
                "share_min": ratio,
                "share_max": ratio,
                "share_stated": ratio,
                "valid_from": day,
                "source_unit_name": UNIT_NAME,
                "source_unit_uscc": UNIT_USCC,
            },
            edge.visibility,
            target if edge.kind == "BORROWS" else None,
            {"createTime": created},
            context.batch_id,
        )
    )


def _party(category: str, identity: str, name: str = "") -> Party:
    if category == LOAN:
        name = identity
    return Party(category, name, ((_SCHEMES[category], identity),))


def _number(row: Named, header: str, line: Line) -> Decimal | None:
    text = row.text(_snake(header))
    if not text:
        return None
    try:
        return read_decimal(text)
    except Invalid as fault:
        line.findings.append(finding(header, fault.code))
        return None


def _day(created: str) -> date | None:
    try:
        return date.fromisoformat(created[:10])
    except ValueError:
        return None


def _snake(header: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in header)
