"""Records as of a day 时点: never more than today, and of class G what that day's catalogue shared.

Source: cross-region requirement X03. A partner city is answered from the catalogue of the day
alone, also of what is open: it asks what the agreement shared with it.
"""

from __future__ import annotations

import datetime as dt

from resolvers.argument import Given
from resolvers.context import Context
from resolvers.statement import Statement
from security.policy import KindsOf
from store.display import displayed

_UNBOUND = (KindsOf.ALL, KindsOf.NONE)


def as_of(statement: Statement, record: str, day: Given) -> list[str]:
    """The conditions on an alias of table record for the day that the question names."""
    decided = f"{record}.decision_date <= {statement.given(day, 'date')}"
    basis = statement.scope.row.kinds
    if basis in _UNBOUND:
        return [decided]
    kinds = statement.bind(lambda call: sorted(kinds_on(call.context, day.read(call))), "text[]")
    shared = f"{record}.kind = ANY({kinds})"
    if basis is not KindsOf.AGREEMENT:
        shared = f"({shared} OR {displayed(record, statement.today)})"
    return [decided, shared]


def kinds_on(context: Context, day: dt.date) -> frozenset[str]:
    """The kinds that the catalogues of a day shared with the caller, as its role reads them."""
    scope = context.scope
    catalogue = context.catalogues.on(day)
    match scope.row.kinds:
        case KindsOf.AGREEMENT:
            return catalogue.travelling(scope.grounds.partner or "")
        case KindsOf.APPLICATION:
            listed = catalogue.application_kinds(scope.grounds.unit or "", scope.purpose or "")
            return listed & catalogue.government_kinds()
    return catalogue.government_kinds()
