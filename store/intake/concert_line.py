"""Lines of agreements to act in concert 一致行动人: one line a member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from store.concert import ConcertStatement
from store.intake.context import Context, Line
from store.intake.party import Named, by_any_code
from store.intake.registry_line import check_term, party_of, require, source
from store.kind import Field
from store.statement import LEGAL_ENTITY


def read_concert(
    context: Context, fields: Iterable[Field], values: dict[str, object],
    headers: Mapping[str, str], line: Line,
) -> None:  # fmt: skip
    """A member of an agreement, and the company in which it votes with the others."""
    row = Named(values, headers, line.findings)
    require(fields, row)
    company = by_any_code(context, row, LEGAL_ENTITY, "company_name", "company_uscc", None)
    member = party_of(context, row, "member", company)
    check_term(row, "from", "to")
    code = source(context, row, line)
    if line.rejected:
        return
    since, until = values.get("from"), values.get("to")
    line.statements.append(
        ConcertStatement(
            party=member,
            company=company,
            agreement_no=row.text("agreement_no"),
            order=context.order(line.number),
            origin_region=context.region,
            valid_from=since if isinstance(since, date) else None,
            valid_to=until if isinstance(until, date) else None,
            source_unit_name=row.text("source_unit_name"),
            source_unit_uscc=code,
        )
    )
