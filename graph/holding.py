"""Holdings 出资 as analyses use them: what cities state about one stake becomes one share.

A share is a fraction of the whole company, an interval where it is unknown. Four bases: equity
(认缴, what is subscribed or stated), paid-in capital 实缴, votes 表决权, income 收益权.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from uuid import UUID

ZERO, ONE = Fraction(0), Fraction(1)
TOLERANCE = Fraction(5, 10_000)  # shares of a company that add up to 1 this nearly are rounded ones
_ALL_PARTNERS = Fraction(1, 10**9)  # a general partner often has a ten-thousandth, seldom less
GENERAL_PARTNER = "普通合伙人"
_WITHOUT_VOTE = ("优先股", "无表决权")


class Basis(StrEnum):
    """Of what a share is a share."""

    EQUITY = "EQUITY"
    PAID = "PAID"
    VOTES = "VOTES"
    INCOME = "INCOME"


class Finding(StrEnum):
    """What a reader of the figures should know about a company's holdings."""

    SUM_ABOVE_ONE = "SUM_ABOVE_ONE"  # flagged, never normalised
    SUM_BELOW_ONE = "SUM_BELOW_ONE"  # nobody states who holds the rest
    UNKNOWN_SHARE = "UNKNOWN_SHARE"
    STATEMENTS_DIFFER = "STATEMENTS_DIFFER"  # two cities state one holding differently
    TREASURY_SHARES = "TREASURY_SHARES"  # the company holds itself
    CIRCULAR_UNDETERMINED = "CIRCULAR_UNDETERMINED"
    PAID_UNKNOWN = "PAID_UNKNOWN"  # income counted by equity, because paid-in capital is not known


@dataclass(frozen=True, slots=True)
class Statement:
    """A holding as one city states it; shares are fractions, capital in 万元, None when unknown."""

    id: UUID
    holder: int
    company: int
    origin: str
    low: Fraction
    high: Fraction
    share_class: str = ""
    subscribed: Fraction | None = None
    paid: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """What decides how shares of a company count; `home` is the city whose registry keeps it.

    `whole` says that the reader is shown all its holders whom the store knows: what they lack of
    the whole by less than `TOLERANCE` is rounding then, and else may be a general partner's.
    """

    home: str = ""
    partnership: bool = False
    managers: tuple[int, ...] = ()  # executive partners 执行事务合伙人 of a partnership
    whole: bool = False

    @property
    def all_shares(self) -> Fraction:
        """What shares add up to where no holder is missing."""
        rounded = TOLERANCE if self.whole or not self.partnership else _ALL_PARTNERS
        return ONE - rounded


@dataclass(frozen=True, slots=True)
class Holding:
    """What a holder has of a company, from low to high; equal when known.

    `shown` are the statements that count, `others` those of another city about the same holding.
    """

    holder: int
    company: int
    low: Fraction
    high: Fraction
    shown: tuple[Statement, ...] = ()
    others: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Holdings:
    """The holdings of a closure on one basis, one for each holder and company."""

    basis: Basis
    of: Mapping[int, tuple[Holding, ...]]  # by company
    findings: Mapping[int, frozenset[Finding]] = field(default_factory=dict)

    @cached_property
    def held(self) -> Mapping[int, tuple[int, ...]]:
        """The companies by holder."""
        found: dict[int, list[int]] = {}
        for company, of in self.of.items():
            for one in of:
                found.setdefault(one.holder, []).append(company)
        return {holder: tuple(companies) for holder, companies in found.items()}

    @cached_property
    def _by_holder(self) -> Mapping[int, Mapping[int, Holding]]:
        return {company: {one.holder: one for one in of} for company, of in self.of.items()}

    def by(self, company: int, holders: Collection[int]) -> list[Holding]:
        """What these have of a company, in the order of their numbers."""
        held = self._by_holder.get(company, {})
        if len(holders) < len(held):
            return [held[one] for one in sorted(holders) if one in held]
        return [one for holder, one in held.items() if holder in holders]

    @property
    def exact(self) -> bool:
        """Whether every share is known."""
        return all(one.low == one.high for held in self.of.values() for one in held)


def together(
    statements: Iterable[Statement], companies: Mapping[int, Company], basis: Basis
) -> Holdings:
    """The holdings that statements tell of, each once.

    Several statements of one city about a holder and a company add up (parallel holdings); of two
    cities those of the company's own registry count (X37: 登记机关 before others), else those of
    the city with the lowest code.
    """
    stated: dict[int, dict[int, dict[str, list[Statement]]]] = {}
    for one in statements:
        by_origin = stated.setdefault(one.company, {}).setdefault(one.holder, {})
        by_origin.setdefault(one.origin, []).append(one)
    of: dict[int, tuple[Holding, ...]] = {}
    findings: dict[int, frozenset[Finding]] = {}
    for company, holders in stated.items():
        about = companies.get(company, Company())
        found, noted = _held(company, holders, about)
        of[company] = _on(basis, found, about, noted)
        total = sum((one.low for one in found), ZERO)
        if total > 1 + TOLERANCE / 1000:
            noted.add(Finding.SUM_ABOVE_ONE)
        unknown = any(said.low < said.high for one in found for said in one.shown)
        if unknown:
            noted.add(Finding.UNKNOWN_SHARE)
        elif total < about.all_shares:
            noted.add(Finding.SUM_BELOW_ONE)
        if noted:
            findings[company] = frozenset(noted)
    return Holdings(basis, of, findings)


def _held(
    company: int, holders: Mapping[int, Mapping[str, Sequence[Statement]]], about: Company
) -> tuple[list[Holding], set[Finding]]:
    found: list[Holding] = []
    noted: set[Finding] = set()
    for holder, by_origin in sorted(holders.items()):
        origin = about.home if about.home in by_origin else min(by_origin)
        shown = tuple(sorted(by_origin[origin], key=lambda one: one.id))
        others = tuple(
            one for city in sorted(by_origin) if city != origin for one in by_origin[city]
        )
        low = sum((one.low for one in shown), ZERO)
        high = min(ONE, sum((one.high for one in shown), ZERO)) if low <= 1 else low
        for city, theirs in by_origin.items():
            if city != origin and sum((one.low for one in theirs), ZERO) != low:
                noted.add(Finding.STATEMENTS_DIFFER)
        if holder == company:
            noted.add(Finding.TREASURY_SHARES)
        found.append(Holding(holder, company, low, max(low, high), shown, others))
    return _capped(found), noted


def _capped(found: Sequence[Holding]) -> list[Holding]:
    """With unknown shares at most what the known ones leave of the company."""
    left = max(ZERO, ONE - sum((one.low for one in found), ZERO))
    return [
        one
        if one.low == one.high
        else Holding(
            one.holder, one.company, one.low, min(one.high, one.low + left), one.shown, one.others
        )
        for one in found
    ]


def _on(
    basis: Basis, found: list[Holding], about: Company, noted: set[Finding]
) -> tuple[Holding, ...]:
    match basis:
        case Basis.EQUITY:
            return tuple(found)
        case Basis.PAID:
            return tuple(_paid(found) or [_with(one, ZERO, ONE) for one in found])
        case Basis.INCOME:
            if about.partnership:
                return tuple(found)
            paid = _paid(found)
            if paid is None:
                noted.add(Finding.PAID_UNKNOWN)
            return tuple(paid or found)
    return tuple(_voting(found, about))


def _paid(found: Sequence[Holding]) -> list[Holding] | None:
    """Shares of the paid-in capital, None where it is not known of every holder (公司法 210)."""
    amounts = []
    for one in found:
        paid = [said.paid for said in one.shown]
        if not paid or any(said is None for said in paid):
            return None
        amounts.append(sum((said for said in paid if said is not None), ZERO))
    total = sum(amounts, ZERO)
    # Where holders are missing, unstated or not to be seen, what these paid in is not all of it.
    if not total or sum((one.high for one in found), ZERO) < ONE - TOLERANCE:
        return None
    return [
        _with(one, paid / total, paid / total) for one, paid in zip(found, amounts, strict=True)
    ]


def _voting(found: Sequence[Holding], about: Company) -> list[Holding]:
    """Votes: not of the company's own shares (公司法 116), nor of shares without a vote."""
    if about.partnership:
        return _managing(found, about)
    left = max(ZERO, ONE - sum((one.low for one in found), ZERO))
    least = most = ZERO  # without a vote
    voting = []
    for one in found:
        mute = [s for s in one.shown if one.holder == one.company or _is_mute(s.share_class)]
        silent = sum((s.low for s in mute), ZERO)
        least += silent
        most += max(silent, min(sum((s.high for s in mute), ZERO), silent + left))
        low = one.low - silent
        high = sum((s.high for s in one.shown if s not in mute), ZERO)
        high = max(low, min(high, low + left))
        if high > 0:
            voting.append((one, low, high))
    whole = ONE - least
    if whole <= 0:
        return []
    # The more have no vote, the more the votes of the others are.
    fewest = ONE - min(most, least + left)
    return _capped(
        [_with(one, low / whole, high / fewest if fewest else ONE) for one, low, high in voting]
    )


def _managing(found: Sequence[Holding], about: Company) -> list[Holding]:
    """Votes in a partnership: one for each general partner (合伙企业法 26, 30).

    Those known have at least nothing where other partners may be, who are not known: how many share
    the votes is not known then.
    """
    general = {
        one.holder: one
        for one in found
        if any(GENERAL_PARTNER in said.share_class for said in one.shown)
    }
    company = found[0].company if found else 0
    holders = sorted(general) or sorted(set(about.managers))
    each = Fraction(1, len(holders)) if holders else ZERO
    known = sum((one.low for one in found), ZERO) >= about.all_shares
    least = each if known else ZERO
    return [
        _with(general[holder], least, each)
        if holder in general
        else Holding(holder, company, least, each)
        for holder in holders
    ]


def _is_mute(share_class: str) -> bool:
    return any(word in share_class for word in _WITHOUT_VOTE)


def _with(one: Holding, low: Fraction, high: Fraction) -> Holding:
    return Holding(one.holder, one.company, low, high, one.shown, one.others)
