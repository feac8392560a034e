"""W11 and W12: rings and chains of guarantees."""

from datetime import date
from typing import Any

from service.world.city import BENXI, SHENYANG, City
from service.world.party import TRADER
from service.world.planted.cast import Cast
from service.world.tie import Guarantee, Loan, Party

RING_AMOUNTS = (2_000_000, 3_000_000, 1_500_000, 2_500_000, 1_000_000)
CHAIN_LENGTH = 30


def plant_debt(cast: Cast) -> None:
    """Add the guarantee ring, the chain, and a loan with two guarantors."""
    _ring(cast)
    _chain(cast)


def _lend(cast: Cast, case: int, place: int, city: City, borrower: Party, amount: int) -> Loan:
    number = f"DK{city.division[:4]}20259{case:02d}{place:04d}"
    lender = cast.parties.unit(city, "lender-a")
    loan = Loan(number, borrower, lender, amount, amount, date(2025, 3, 3), date(2027, 3, 3), city,
                f"W{case:02d}")  # fmt: skip
    cast.loans.append(loan)
    return loan


def _guarantee(cast: Cast, case: int, place: int, guarantor: Party, loan: Loan, **given: Any
               ) -> None:  # fmt: skip
    plain: dict[str, Any] = {
        "number": f"DB{loan.city.division[:4]}20259{case:02d}{place:04d}",
        "guarantor": guarantor,
        "debtor": loan.borrower,
        "creditor": loan.lender,
        "loan": loan.number,
        "amount": loan.amount,
        "kind": "保证",
        "since": loan.issued,
        "until": loan.due,
        "status": "履行中",
        "city": loan.city,
        "case": f"W{case:02d}",
    }
    cast.guarantees.append(Guarantee(**(plain | given)))


def _ring(cast: Cast) -> None:
    cities = (BENXI, BENXI, SHENYANG, BENXI, SHENYANG)
    firms = [cast.body(11, city) for city in cities]
    for place, amount in enumerate(RING_AMOUNTS):
        guarantor, debtor = firms[place], firms[(place + 1) % 5]
        # The ring is known to both cities' nodes: Benxi's department reports all of it.
        _guarantee(cast, 11, place, guarantor, _lend(cast, 11, place, BENXI, debtor, amount))
    letters = "ABCDE"
    cast.expect(
        "W11",
        "guarantee ring of five firms, two of them in Shenyang",
        dict(zip(letters, firms, strict=True)),
        ring=[[letters[place], letters[(place + 1) % 5]] for place in range(5)],
        rings=1,
        exposureSum=str(sum(RING_AMOUNTS)),
        currency="CNY",
        contagion={letter: sorted(set(letters) - {letter}) for letter in letters},
    )


def _chain(cast: Cast) -> None:
    bodies: list[Party] = []
    for place in range(CHAIN_LENGTH + 1):
        if place % 2 == 0:
            bodies.append(cast.body(12, BENXI))
        else:
            bodies.append(cast.body(12, BENXI, TRADER))
    for place in range(CHAIN_LENGTH):
        loan = _lend(cast, 12, place, BENXI, bodies[place + 1], 500_000)
        _guarantee(cast, 12, place, bodies[place], loan, amount=None if place == 9 else 500_000)
    _guarantee(cast, 12, CHAIN_LENGTH, cast.person(12, SHENYANG), cast.loans[-1])
    cast.expect(
        "W12",
        "guarantee chain of 30 links; link 10 has no known amount, the last loan two guarantors",
        {f"{place:02d}": body for place, body in enumerate(bodies)},
        length=CHAIN_LENGTH,
        unknownAmounts=1,
        loanWithTwoGuarantors=cast.loans[-1].number,
    )
