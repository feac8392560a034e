"""Related parties 关联方 by 《企业会计准则第36号——关联方披露》 (art. 4; arts. 5 and 6 exclude).

Control, joint control and significant influence are read from the votes; joint control from equal
halves, or from an agreement to act in concert that makes more than one half. Kinship is not
stored, so close family is not found.
Firms are not related merely because the state controls both (art. 6, 公司法 265(四)); lenders,
utilities, government and single customers are not related by that alone, and no such tie is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from graph.control import Control, Controlled, Controllers, Votes
from graph.holding import ZERO, Holding
from graph.threshold import FIFTH, HALF, Number, borderline, reaches


class Tie(StrEnum):
    """How a party is related, in the order of art. 4."""

    PARENT = "PARENT"  # (一) 母公司
    SUBSIDIARY = "SUBSIDIARY"  # (二) 子公司
    SAME_PARENT = "SAME_PARENT"  # (三) 受同一母公司控制
    JOINT_CONTROLLER = "JOINT_CONTROLLER"  # (四) 实施共同控制的投资方
    SIGNIFICANT_INFLUENCE = "SIGNIFICANT_INFLUENCE"  # (五) 施加重大影响的投资方
    JOINT_VENTURE = "JOINT_VENTURE"  # (六) 合营企业
    ASSOCIATE = "ASSOCIATE"  # (七) 联营企业
    MAIN_INVESTOR = "MAIN_INVESTOR"  # (八) 主要投资者个人
    KEY_MANAGER = "KEY_MANAGER"  # (九) 关键管理人员
    MANAGER_OF_PARENT = "MANAGER_OF_PARENT"  # (九) 母公司的关键管理人员
    CONTROLLED_BY_PERSON = "CONTROLLED_BY_PERSON"  # (十) 上述个人控制的其他企业


_NOT_KEY = ("监事", "职工代表")


def is_key(position: str) -> bool:
    """Whether who has the position plans, directs and controls: supervisors 监事 do not."""
    return not any(word in position for word in _NOT_KEY)


@dataclass(frozen=True, slots=True)
class Related:
    """A related party: by which tie, through whom, with how many votes.

    `through` is the parent or the person that makes the tie, None when it is direct.
    """

    node: int
    tie: Tie
    through: int | None = None
    votes: Number | None = None
    position: str = ""
    borderline: bool = False
    holdings: tuple[Holding, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What is known around a firm.

    `controls` is what it, its controllers and the persons near it control; `managers` are key
    managers of it and of its parents, by firm.
    """

    company: int
    votes: Votes
    control: Controllers
    controls: Mapping[int, Control]
    managers: Mapping[int, tuple[tuple[int, str], ...]]
    persons: Collection[int]
    state: Collection[int]
    stakes: Mapping[int, tuple[Holding, ...]] = field(default_factory=dict)  # votes by holder


def related_parties(around: Surroundings) -> tuple[Related, ...]:
    """The related parties of a firm, in the order of art. 4; a party may have several ties."""
    found: dict[tuple[int, Tie], Related] = {}

    def add(one: Related) -> None:
        if one.node != around.company:
            found.setdefault((one.node, one.tie), one)

    parents = [
        one.node
        for one in around.control.controllers
        if one.node not in around.persons and one.node not in around.state
    ]
    for above in around.control.controllers:
        how = above.control.of(around.company)
        votes, voters = (how.votes, how.voters) if how else (None, ())
        if above.node in around.persons:
            add(Related(above.node, Tie.MAIN_INVESTOR, votes=votes, holdings=voters))
        elif above.node not in around.state:
            add(Related(above.node, Tie.PARENT, votes=votes, holdings=voters))
    group = {around.company}
    for below in _controlled(around, around.company):
        group.add(below.company)
        add(Related(below.company, Tie.SUBSIDIARY, votes=below.votes, holdings=below.voters))
    apart = group.union(parents)
    for parent in parents:
        for sister in _controlled(around, parent):
            if sister.company not in apart:
                add(Related(sister.company, Tie.SAME_PARENT, parent, sister.votes))
    for related in (*_influence(around), *_investments(around, group)):
        add(related)
    people = {one.node: None for one in found.values() if one.tie is Tie.MAIN_INVESTOR}
    for firm in (around.company, *parents):
        tie = Tie.KEY_MANAGER if firm == around.company else Tie.MANAGER_OF_PARENT
        through = None if firm == around.company else firm
        for person, position in around.managers.get(firm, ()):
            if is_key(position):
                add(Related(person, tie, through, position=position))
                people[person] = None
    for person in people:
        for held in _controlled(around, person):
            if held.company not in apart:
                add(Related(held.company, Tie.CONTROLLED_BY_PERSON, person, held.votes))
    order = list(Tie)
    return tuple(sorted(found.values(), key=lambda one: (order.index(one.tie), one.node)))


def _controlled(around: Surroundings, node: int) -> tuple[Controlled, ...]:
    control = around.controls.get(node)
    return control.companies if control else ()


def _influence(around: Surroundings) -> Iterable[Related]:
    """Who holds a fifth of the votes or more without control; equal halves control jointly, and so
    do those whose agreement to act in concert makes more than one half."""
    controlling = {one.node for one in around.control.controllers}
    jointly = {one.node for one in around.control.controllers if one.jointly}
    jointly.update(*(one.jointly for one in around.control.controllers))
    held = around.votes.holdings.of.get(around.company, ())
    halves = [one for one in held if borderline(one.low, HALF)]
    for one in held:
        if one.holder in controlling - jointly:
            continue
        if (len(halves) == 2 and one in halves) or one.holder in jointly:
            tie = Tie.JOINT_CONTROLLER
        elif reaches(one.low, FIFTH):
            tie = Tie.SIGNIFICANT_INFLUENCE
        else:
            continue
        near = borderline(one.low, FIFTH)
        yield Related(one.holder, tie, None, one.low, "", near, (one,))
        if one.holder in around.persons:
            yield Related(one.holder, Tie.MAIN_INVESTOR, None, one.low, "", near, (one,))


def _investments(around: Surroundings, group: Collection[int]) -> Iterable[Related]:
    """Firms in which the firm and what it controls have a fifth of the votes or more."""
    votes: dict[int, list[Holding]] = {}
    for member in sorted(group):
        for one in around.stakes.get(member, ()):
            if one.company not in group:
                votes.setdefault(one.company, []).append(one)
    for company, stakes in sorted(votes.items()):
        total = sum((one.low for one in stakes), ZERO)
        others = [
            one
            for one in around.votes.holdings.of.get(company, ())
            if one.holder not in group and borderline(one.low, HALF)
        ]
        if borderline(total, HALF) and others:
            yield Related(company, Tie.JOINT_VENTURE, None, total, "", True, tuple(stakes))
        elif reaches(total, FIFTH):
            near = borderline(total, FIFTH)
            yield Related(company, Tie.ASSOCIATE, None, total, "", near, tuple(stakes))
