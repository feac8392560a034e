"""Lines of guarantees and loans (records.md 1.3): amounts in 元, possibly unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from store.identifiers.normalisation import compact
from store.intake.context import Context, Line
from store.intake.party import Named, judged
from store.intake.registry_line import (
    check_term,
    currency,
    party_of,
    require,
    source,
    stated,
    told_by,
)
from store.kind import Field
from store.loan import LoanStatement
from store.relation import RelationStatement
from store.statement import LOAN, NATURAL_PERSON, Party, plain_name


def loan_party(number: str, lender: str) -> Party:
    """A loan by its number within its lender; two lenders may use one number."""
    value = plain_name(number)
    return Party(LOAN, number, (("loan_no", f"{lender}:{value}" if lender else value),))


def read_guarantee(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A guarantee of one party for another, with the loan it secures if named."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    _require_numbers(row, "guarantor", "debtor")
    debtor = party_of(context, row, "debtor", None)
    guarantor = party_of(context, row, "guarantor", debtor)
    creditor = judged(context, row, "uscc", "creditor_code", mild=True)
    check_term(row, "from", "to")
    source_code = source(context, row, line)
    amount = values.get("amount")
    if isinstance(amount, Decimal) and not amount:
        row.note("amount", "NUMBER_RANGE")
    if line.rejected:
        return
    number = row.text("loan_no")
    creditor = creditor or compact(row.text("creditor_code"))
    columns = stated(
        row,
        amount="amount",
        guarantee_kind="guarantee_kind",
        creditor_name="creditor_name",
        loan_no="loan_no",
        reference_no="guarantee_no",
        valid_from="from",
        valid_to="to",
    )
    columns |= {"currency": currency(row), "creditor_code": creditor or None}
    reference = plain_name(row.text("guarantee_no"))
    start = str(columns.get("valid_from") or "")
    key = (reference,) if reference else (creditor, plain_name(number), start)
    line.statements.append(
        RelationStatement(
            "GUARANTEES",
            guarantor,
            debtor,
            context.order(line.number),
            context.region,
            key,
            columns | told_by(row, source_code),
            "G",
            loan_party(number, creditor) if number else None,
            {"status": row.text("status")} if row.text("status") else {},
            context.batch_id,
        )
    )


def read_loan(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A loan and its borrower."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    _require_numbers(row, "borrower")
    borrower = party_of(context, row, "borrower", None)
    lender = judged(context, row, "uscc", "lender_code", mild=True)
    check_term(row, "issued_on", "due_on")
    source_code = source(context, row, line)
    if line.rejected:
        return
    lender = lender or compact(row.text("lender_code"))
    loan = loan_party(row.text("loan_no"), lender)
    order = context.order(line.number)
    money = stated(row, amount="amount", balance="balance") | {"currency": currency(row)}
    columns = money | stated(row, lender_name="lender_name", issued_on="issued_on", due_on="due_on")
    line.statements.append(
        LoanStatement(loan, order, context.region, columns | {"lender_code": lender or None})
    )
    line.statements.append(
        RelationStatement(
            "BORROWS",
            borrower,
            loan,
            order,
            context.region,
            (),
            money
            | stated(row, loan_no="loan_no", valid_from="issued_on", creditor_name="lender_name")
            | {"creditor_code": lender or None}
            | told_by(row, source_code),
            "G",
            loan,
            batch_id=context.batch_id,
        )
    )


def _require_numbers(row: Named, *sides: str) -> None:
    """A person beside no firm is nobody without a number."""
    for side in sides:
        if row.text(f"{side}_category") != NATURAL_PERSON or row.text(f"{side}_id_no"):
            continue
        if side != "guarantor" or row.text("debtor_category") == NATURAL_PERSON:
            row.note(f"{side}_id_no", "REQUIRED")
