"""Exposure 担保敞口: what a guarantor may have to pay when those it stands for cannot.

Definition: over all guarantees reached from the guarantor, through those it stands for as well,
each loan counts once however many guarantees secure it. A guarantee that names a loan counts that
loan; one that names none counts its own amount; one with neither counts what its debtor has
borrowed (FinBench TCR 11); what is left is counted as of unknown amount. Amounts are summed by
currency and never converted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple
from uuid import UUID

from graph.debt import Guarantees, Pledge

DEFAULT_CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan as the store shows it; amounts in its currency, None when nobody states them."""

    id: UUID
    amount: Decimal | None
    balance: Decimal | None
    currency: str


class Claim(NamedTuple):
    """One debt that the guarantor may have to pay.

    `loan` is None for a guarantee that stands by its own amount; `debtors` borrowed it or are
    stood for; `own` is true when the guarantor itself is the only debtor, as at the end of a ring.
    """

    loan: UUID | None
    debtors: tuple[int, ...]
    amount: Decimal | None
    balance: Decimal | None
    currency: str
    pledges: tuple[UUID, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class Total:
    """What claims of one currency come to; `unknown` counts those without a known amount."""

    currency: str
    claims: int
    amount: Decimal
    balance: Decimal
    unknown: int


@dataclass(frozen=True)
class Exposure:
    """The claims, greatest first, their sums by currency, and whom the guarantor stands for."""

    claims: tuple[Claim, ...]
    totals: tuple[Total, ...]
    guaranteed: tuple[int, ...]

    @property
    def loans(self) -> int:
        """Distinct loans."""
        return sum(1 for one in self.claims if one.loan is not None)


def exposure(
    guarantees: Guarantees,
    loans: Mapping[UUID, Loan],
    borrowed: Mapping[int, Sequence[UUID]],
    guarantor: int = 0,
) -> Exposure:
    """The exposure of a guarantor to guarantees that were gathered downwards from it.

    `loans` are the loans that the caller may see, `borrowed` those of each debtor.
    """
    by_loan: dict[UUID, list[Pledge]] = {}
    by_itself: dict[tuple[int, int, Decimal | None, str], dict[str, list[Pledge]]] = {}
    for pledge in guarantees.pledges:
        if pledge.loan is not None:
            by_loan.setdefault(pledge.loan, []).append(pledge)
        elif pledge.amount is None and borrowed.get(pledge.debtor):
            for loan in borrowed[pledge.debtor]:
                by_loan.setdefault(loan, []).append(pledge)
        else:
            # Two cities that state one guarantee without a loan state the same ends and amount;
            # two guarantees that one city states are two.
            key = (pledge.guarantor, pledge.debtor, pledge.amount, pledge.currency)
            said = by_itself.setdefault(key, {}).setdefault(pledge.origin, [])
            said.append(pledge)
    claims = [_of_loan(id_, said, loans.get(id_), guarantor) for id_, said in by_loan.items()]
    claims += [
        _by_itself([one for one in said if one is not None], guarantor)
        for cities in by_itself.values()
        for said in zip_longest(*cities.values())
    ]
    claims.sort(key=lambda one: (one.amount is None, -(one.amount or 0), one.pledges))
    guaranteed = {pledge.debtor for pledge in guarantees.pledges} - {guarantor}
    return Exposure(tuple(claims), tuple(_totals(claims)), tuple(sorted(guaranteed)))


def _of_loan(id_: UUID, said: Sequence[Pledge], loan: Loan | None, guarantor: int) -> Claim:
    amount = balance = None
    currency = said[0].currency
    if loan is not None:
        amount, balance, currency = loan.amount, loan.balance, loan.currency
    if amount is None:  # a guarantor stands for no more than it says
        stated = [one.amount for one in said if one.amount is not None]
        amount = max(stated, default=None)
    return _claim(id_, said, amount, balance, currency, guarantor)


def _by_itself(said: Sequence[Pledge], guarantor: int) -> Claim:
    return _claim(None, said[:1], said[0].amount, None, said[0].currency, guarantor, said)


def _claim(
    loan: UUID | None,
    said: Sequence[Pledge],
    amount: Decimal | None,
    balance: Decimal | None,
    currency: str,
    guarantor: int,
    evidence: Sequence[Pledge] | None = None,
) -> Claim:
    debtors: tuple[int, ...] = (said[0].debtor,)
    ids: tuple[UUID, ...] = (said[0].id,)
    if len(evidence or said) > 1:  # few
        debtors = tuple(sorted({one.debtor for one in said}))
        ids = tuple(sorted({one.id for one in evidence or said}))
    return Claim(loan, debtors, amount, balance, currency, ids, debtors == (guarantor,))


def _totals(claims: Iterable[Claim]) -> list[Total]:
    found: dict[str, list[Claim]] = {}
    for one in claims:
        found.setdefault(one.currency or DEFAULT_CURRENCY, []).append(one)
    return [
        Total(
            currency,
            len(of_it),
            sum((one.amount for one in of_it if one.amount is not None), Decimal(0)),
            sum((one.balance for one in of_it if one.balance is not None), Decimal(0)),
            sum(1 for one in of_it if one.amount is None),
        )
        for currency, of_it in sorted(found.items())
    ]
