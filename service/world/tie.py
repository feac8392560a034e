"""Relations of the world: holdings, officers, branches, guarantees, loans."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from service.world.chance import Draw
from service.world.city import BENXI, CITIES, City, Unit
from service.world.day import WORLD_NOW, months_after
from service.world.party import (
    BRANCH,
    FIRM,
    TRADER,
    Organisation,
    Parties,
    Person,
    companion,
    place_of,
    serial_of,
)
from service.world.size import Size, population_of

Party = Organisation | Person | Unit
PERCENT = 10_000  # shares are counted in millionths: 1 % is 10,000
_HOLDERS = ((1, 42), (2, 38), (3, 10), (4, 4), (6, 3), (8, 2), (14, 1))
_PLANTED_HOLDERS = ((1, 30), (2, 35), (3, 25), (4, 10))


@dataclass(frozen=True, slots=True)
class Holding:
    """A share of a company; money in 元, `share` in millionths, None where nobody said."""

    company: Organisation
    holder: Party
    subscribed: int | None
    paid: int | None
    share: int | None
    since: date
    until: date | None = None
    form: str = "货币"
    share_class: str = "普通股"
    numbered: bool = True  # False: the holder is a name without a number
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """A position of a person in an organisation; legal representatives included."""

    company: Organisation
    person: Person
    position: str
    since: date
    until: date | None = None
    numbered: bool = True
    case: str | None = None


@dataclass(frozen=True, slots=True)
class BranchTie:
    """A branch and the firm it belongs to."""

    parent: Organisation
    branch: Organisation
    since: date
    until: date | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Guarantee:
    """Somebody answers for a debt; amount in 元, None if unknown."""

    number: str
    guarantor: Party
    debtor: Party
    creditor: Unit
    loan: str | None
    amount: int | None
    kind: str
    since: date
    until: date
    status: str
    city: City  # whose department reports it
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Loan:
    """Money lent; amounts in 元."""

    number: str
    borrower: Party
    lender: Unit
    amount: int
    balance: int
    issued: date
    due: date
    city: City
    case: str | None = None


def rep_position(body: Organisation) -> str:
    """Return what the legal representative of a body is called."""
    return {
        "个体工商户": "经营者",
        "合伙": "执行事务合伙人",
        "分支机构": "负责人",
        "个人独资": "投资人",
    }.get(body.entity_type, "法定代表人")


def holdings_of(parties: Parties, firm: Organisation) -> Iterator[Holding]:
    """Draw the holders of a firm; ordinary firms may be held by older ones, never in a circle."""
    draw = parties.chance.of("holding", firm.serial)
    capital = firm.capital or 0
    wanted = draw.weighted("holders", _HOLDERS if firm.case is None else _PLANTED_HOLDERS)
    if firm.entity_type == "个人独资":
        wanted = 1
    holders = list(_holders(parties, firm, draw, wanted))
    weights = [1 + draw.below(f"weight {place}", 9) for place in range(len(holders))]
    left = capital
    silent = draw.hits("silent", 20)
    since = firm.established
    if firm.case is None and draw.hits("transfer", 40):
        days = (firm.ended - firm.established).days
        sold = since + timedelta(days=draw.below("sold", max(1, days - 10)))
        founder = parties.person(companion(firm.serial, 7))
        yield Holding(firm, founder, capital, capital, 1_000_000, since, until=sold)
        since = sold + timedelta(days=1)
    for place, (holder, numbered) in enumerate(holders):
        last = place == len(holders) - 1
        amount = left if last else capital * weights[place] // sum(weights) // 100 * 100
        left -= amount
        share = (amount * 1_000_000 * 2 + capital) // (2 * capital)
        quiet = silent or draw.hits(f"unsaid {place}", 30)
        yield Holding(
            company=firm,
            holder=holder,
            subscribed=None if silent else amount,
            paid=None if silent else amount * draw.below(f"paid {place}", 11) // 10,
            share=None if quiet else share,
            since=since,
            form=draw.weighted(f"form {place}", (("货币", 88), ("实物", 7), ("知识产权", 5))),
            numbered=numbered,
            case=firm.case,
        )


def _holders(
    parties: Parties, firm: Organisation, draw: Draw, wanted: int
) -> Iterator[tuple[Party, bool]]:
    seen: set[int] = set()
    for place in range(wanted):
        found = _holder(parties, firm, draw, place)
        if found is None:
            continue
        holder, numbered = found
        if isinstance(holder, Unit) or holder.serial not in seen:
            if not isinstance(holder, Unit):
                seen.add(holder.serial)
            yield holder, numbered


def _holder(
    parties: Parties, firm: Organisation, draw: Draw, place: int
) -> tuple[Party, bool] | None:
    if firm.case is None:
        city, _, index = place_of(firm.serial)
        if city is BENXI and place == 0 and index > 0 and draw.hits("shenyang owner", 60):
            other = draw.below("shenyang owner index", index * 4 + 1)
            return parties.organisation(serial_of(CITIES[1], FIRM, other)), True
        if place == 0 and 0 < index < 13_000 and draw.hits("state", 13):
            return parties.unit(city, "assets"), True
        if index > 0 and draw.hits(f"firm {place}", 110):
            older = min(draw.below(f"older {place}", index), draw.below(f"oldest {place}", index))
            return parties.organisation(serial_of(city, FIRM, older)), True
        reach = index * 3 // 2 + 8
    else:
        city, reach = firm.city, 20
    if place == 0:
        return parties.person(firm.legal_rep), True
    if place < 7 and draw.hits(f"own {place}", 180):
        return parties.person(companion(firm.serial, place)), not draw.hits(f"stub {place}", 260)
    trader = min(draw.below(f"trader {place}", reach), draw.below(f"trader two {place}", reach))
    return parties.person(companion(serial_of(city, TRADER, trader), 0)), True


def offices_of(parties: Parties, body: Organisation) -> Iterator[Office]:
    """Draw the legal representative and the officers of a body."""
    rep = parties.person(body.legal_rep)
    yield Office(body, rep, rep_position(body), body.established, case=body.case)
    if body.entity_type != "公司":
        return
    draw = parties.chance.of("office", body.serial)
    count = draw.weighted("officers", ((0, 46), (1, 38), (2, 16)))
    if count:
        position = draw.pick("position", ("执行董事", "经理", "执行董事兼总经理"))
        yield Office(body, rep, position, body.established, case=body.case)
    if count > 1:
        position = draw.pick("second position", ("监事", "财务负责人"))
        other = parties.person(companion(body.serial, 6))
        numbered = not draw.hits("stub", 250)
        yield Office(body, other, position, body.established, None, numbered, body.case)


def has_branch(index: int) -> bool:
    """Return whether a Benxi firm runs a branch in Shenyang (3 %)."""
    return index % 33 == 7


def branches(parties: Parties, size: Size) -> Iterator[BranchTie]:
    """Yield the branches that ordinary Benxi firms run in Shenyang."""
    for index in range(size.firms[0]):
        if has_branch(index):
            parent = parties.organisation(serial_of(BENXI, FIRM, index))
            branch = parties.organisation(serial_of(CITIES[1], BRANCH, index))
            yield BranchTie(parent, branch, branch.established)


def some_body(
    parties: Parties, draw: Draw, field: str, kind: str, index: int, city: City, firms: int = 500
) -> Organisation:
    """Draw an ordinary body of a city that the row's size knows; `firms` per mille are firms."""
    size = population_of(kind, index)
    if draw.hits(f"{field} sort", firms):
        return parties.organisation(
            serial_of(city, FIRM, draw.below(field, size.firms[city.index]))
        )
    known = size.traders[city.index]
    return parties.organisation(serial_of(city, TRADER, draw.below(field, known)))


def loans(parties: Parties, count: int, first: int) -> Iterator[Loan]:
    """Yield ordinary loans `first` up to `count`."""
    for index in range(first, count):
        draw = parties.chance.of("loan", index)
        city = CITIES[draw.weighted("city", ((0, 35), (1, 65)))]
        body = some_body(parties, draw, "borrower", "loan", index, city, 700)
        lender = parties.unit(city, draw.pick("lender", ("lender-a", "lender-b")))
        issued = WORLD_NOW - timedelta(days=30 + draw.below("issued", 1000))
        amount = draw.pick("amount", (20, 50, 80, 100, 300, 500, 900)) * 10_000
        yield Loan(
            number=f"DK{city.division[:4]}{issued.year}{index:07d}",
            borrower=parties.person(body.legal_rep) if draw.hits("person", 200) else body,
            lender=lender,
            amount=amount,
            balance=amount * draw.below("balance", 11) // 10,
            issued=issued,
            due=months_after(issued, draw.pick("term", (12, 24, 36))),
            city=city,
        )


def guarantees(parties: Parties, count: int, first: int) -> Iterator[Guarantee]:
    """Yield ordinary guarantees `first` up to `count`; some amounts are unknown."""
    for index in range(first, count):
        draw = parties.chance.of("guarantee", index)
        city = CITIES[draw.weighted("city", ((0, 35), (1, 65)))]
        debtor = some_body(parties, draw, "debtor", "guarantee", index, city, 800)
        guarantor = some_body(parties, draw, "guarantor", "guarantee", index, city, 600)
        owner = guarantor.serial == debtor.serial or draw.hits("person", 300)
        since = WORLD_NOW - timedelta(days=30 + draw.below("since", 1000))
        until = months_after(since, draw.pick("term", (12, 24, 36)))
        amount = draw.pick("amount", (30, 50, 100, 200, 600)) * 10_000
        yield Guarantee(
            number=f"DB{city.division[:4]}{since.year}{index:07d}",
            guarantor=parties.person(guarantor.legal_rep) if owner else guarantor,
            debtor=debtor,
            creditor=parties.unit(city, draw.pick("creditor", ("lender-a", "lender-b"))),
            loan=None,
            amount=None if draw.hits("unknown", 150) else amount,
            kind=draw.weighted("kind", (("保证", 70), ("抵押", 20), ("质押", 10))),
            since=since,
            until=until,
            status="履行中" if until > WORLD_NOW else "已解除",
            city=city,
        )
