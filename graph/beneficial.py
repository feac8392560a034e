"""Beneficial owners 受益所有人 by 人民银行、市场监管总局令〔2024〕第3号.

The natural persons who (1) finally hold 25 % or more of the equity; failing that (2) are entitled
to 25 % or more of income or votes; failing that (3) control, alone or together; failing that the
persons in charge of daily management. Of a firm that the state controls the legal representative.
What a partnership gives its partners are rights to income. Art. 3 exempts small firms of persons
alone. Every answer names the rule that fired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from graph.control import Controllers
from graph.holding import ONE, TOLERANCE, ZERO, Holding
from graph.ownership import Owner, Ownership
from graph.threshold import QUARTER, Number, borderline, reaches

CAPITAL_LIMIT = Fraction(1000)  # 万元, 不超过1000万元 (art. 3)
# Who is in charge of daily management, first found first; else the legal representative.
MANAGER_POSITIONS = ("总经理", "经理", "首席执行官", "总裁", "厂长", "行长", "负责人", "执行董事")
_DEPUTY = ("副", "助理", "财务", "部门", "客户", "项目", "产品")


class Rule(StrEnum):
    """Why somebody is a beneficial owner."""

    EQUITY = "EQUITY"  # (1) 25 % or more of the equity
    INCOME = "INCOME"  # (2) of the income
    VOTES = "VOTES"  # (2) of the votes
    CONTROL = "CONTROL"  # (3) alone
    JOINT_CONTROL = "JOINT_CONTROL"  # (3) together with others
    DAILY_MANAGEMENT = "DAILY_MANAGEMENT"  # nobody meets (1) to (3)
    STATE_OWNED = "STATE_OWNED"  # the legal representative


@dataclass(frozen=True, slots=True)
class Officer:
    """A person who holds a position in the firm; a legal representative has `represents`."""

    node: int
    position: str
    represents: bool


@dataclass(frozen=True, slots=True)
class BeneficialOwner:
    """A person and the rule; `share` is of equity, income or votes, None for other rules.

    `certain` is false where it depends on shares that are not known, its own or those by which
    somebody may meet an earlier rule, or on the rounding of one that stands just below.
    `borderline`: on 25 %.
    """

    node: int
    rule: Rule
    low: Number | None = None
    high: Number | None = None
    certain: bool = True
    borderline: bool = False
    position: str = ""
    together: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Exemption:
    """The conditions of art. 3, each by itself; None where it is not known.

    A firm that meets all may commit instead of filing; the commitment itself is `committed`.
    """

    small: bool | None  # registered capital of at most 10 million 元
    persons_alone: bool | None  # every holder is a natural person
    no_other: bool | None  # nobody else controls it or has 25 % of its income
    committed: bool

    @property
    def applies(self) -> bool:
        return bool(self.small and self.persons_alone and self.no_other and self.committed)


@dataclass(frozen=True)
class Rights:
    """What is known of a firm; `equity` is None of a partnership, which has none."""

    equity: Ownership | None
    income: Ownership
    votes: Ownership
    control: Controllers
    persons: Collection[int]  # natural persons among all who hold
    state: Collection[int]  # state organs among them
    officers: Sequence[Officer]


@dataclass(frozen=True)
class BeneficialOwners:
    """The answer; `rule` is the one that fires by what is known, None when nobody is found.

    `undetermined`: circles nobody outside owns keep shares from being determined.
    """

    owners: tuple[BeneficialOwner, ...]
    rule: Rule | None
    undetermined: bool = False


def exempted(
    rights: Rights, direct: Collection[Holding], *, small: bool | None, committed: bool
) -> Exemption:
    """The conditions of art. 3 of a firm that these hold directly."""
    holders = {one.holder for one in direct if one.high > 0 and one.holder != one.company}
    known = sum((one.low for one in direct), ZERO) >= ONE - TOLERANCE
    others = [one for one in rights.income.owners if one.node not in holders]
    controlling = [one.node for one in rights.control.controllers]
    may = {one.node for one in others if reaches(one.high, QUARTER)} | {*rights.control.possible}
    persons_alone: bool | None = known or None
    no_other: bool | None = None if may - holders or _open(rights, rights.income) else True
    if not holders <= {*rights.persons}:
        persons_alone = False
    if any(reaches(one.low, QUARTER) for one in others) or not holders.issuperset(controlling):
        no_other = False
    if not holders:
        persons_alone = no_other = None
    return Exemption(small, persons_alone, no_other, committed)


def beneficial_owners(rights: Rights) -> BeneficialOwners:
    """The beneficial owners of a firm."""
    undetermined = any(
        one is not None and (not one.determined or one.undetermined)
        for one in (rights.equity, rights.income)
    )
    if any(one.node in rights.state for one in rights.control.controllers):
        found = tuple(_representatives(rights, Rule.STATE_OWNED))
        return BeneficialOwners(found, Rule.STATE_OWNED, undetermined)
    possible: dict[int, BeneficialOwner] = {}
    # Whether all is known by which somebody could meet a rule that comes before.
    settled = not any(node in rights.state for node in rights.control.possible)
    stages: list[tuple[tuple[Rule, Ownership], ...]] = []
    if rights.equity is not None:
        stages.append(((Rule.EQUITY, rights.equity),))
    stages.append(((Rule.INCOME, rights.income), (Rule.VOTES, rights.votes)))
    for stage in stages:
        certain: dict[int, BeneficialOwner] = {}
        for rule, ownership in stage:
            for owner in _persons(ownership, rights.persons):
                if reaches(owner.low, QUARTER):
                    certain.setdefault(owner.node, _by_share(rule, owner, True))
                elif reaches(owner.high, QUARTER) or borderline(owner.high, QUARTER):
                    possible.setdefault(owner.node, _by_share(rule, owner, False))
        if stage[0][0] is Rule.INCOME and rights.equity is None:
            # Votes of a partnership are its management: rule 3, for want of rights to income.
            earning = {n: one for n, one in certain.items() if one.rule is Rule.INCOME}
            if not earning:
                settled = settled and not possible and not _open(rights, rights.income)
            certain = earning or certain
        if certain:
            return _answer(certain, possible, undetermined, settled)
        settled = settled and not possible
        settled = settled and not any(_open(rights, ownership) for _, ownership in stage)
    controlling: dict[int, BeneficialOwner] = {}
    for one in rights.control.controllers:
        if one.node in rights.persons:
            rule = Rule.JOINT_CONTROL if one.jointly else Rule.CONTROL
            controlling[one.node] = BeneficialOwner(one.node, rule, together=one.jointly)
    for node in rights.control.possible:
        if node in rights.persons:
            possible.setdefault(node, BeneficialOwner(node, Rule.CONTROL, certain=False))
    if controlling:
        return _answer(controlling, possible, undetermined, settled)
    managing = {one.node: one for one in _managers(rights)}
    return _answer(managing, possible, undetermined, settled and not possible)


def _open(rights: Rights, ownership: Ownership) -> bool:
    """Whether somebody who is not known may have a quarter: what neither persons nor the state,
    behind whom nobody stands, are known to hold."""
    ends = {*rights.persons, *rights.state}
    left = ONE - sum((one.low for one in ownership.owners if one.node in ends), ZERO)
    return reaches(left, QUARTER)


def _answer(
    certain: dict[int, BeneficialOwner],
    possible: dict[int, BeneficialOwner],
    undetermined: bool,
    settled: bool,
) -> BeneficialOwners:
    first = [one if settled else replace(one, certain=False) for one in certain.values()]
    rest = [one for node, one in possible.items() if node not in certain]
    found = sorted(first, key=_rank)
    rule = found[0].rule if found else None
    return BeneficialOwners((*found, *sorted(rest, key=_rank)), rule, undetermined)


def _rank(one: BeneficialOwner) -> tuple[int, float, int]:
    return list(Rule).index(one.rule), -float(one.low or 0), one.node


def _persons(ownership: Ownership, persons: Collection[int]) -> list[Owner]:
    return [owner for owner in ownership.owners if owner.node in persons]


def _by_share(rule: Rule, owner: Owner, certain: bool) -> BeneficialOwner:
    near = borderline(owner.low, QUARTER) or borderline(owner.high, QUARTER)
    return BeneficialOwner(owner.node, rule, owner.low, owner.high, certain, near)


def _representatives(rights: Rights, rule: Rule) -> list[BeneficialOwner]:
    return [
        BeneficialOwner(one.node, rule, position=one.position)
        for one in _once(one for one in rights.officers if one.represents)
    ]


def _managers(rights: Rights) -> list[BeneficialOwner]:
    for title in MANAGER_POSITIONS:
        found = [
            one
            for one in rights.officers
            if title in one.position and not any(word in one.position for word in _DEPUTY)
        ]
        if found:
            return [
                BeneficialOwner(one.node, Rule.DAILY_MANAGEMENT, position=one.position)
                for one in _once(found)
            ]
    return _representatives(rights, Rule.DAILY_MANAGEMENT)


def _once(officers: Iterable[Officer]) -> list[Officer]:
    found: dict[int, Officer] = {}
    for one in officers:
        found.setdefault(one.node, one)
    return [found[node] for node in sorted(found)]
