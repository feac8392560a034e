"""Control, beneficial owners and related parties: the planted cases as pure holdings."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import control
from graph.beneficial import (
    BeneficialOwners,
    Officer,
    Rights,
    Rule,
    beneficial_owners,
    exempted,
)
from graph.closure import Closure
from graph.control import Concert, Spread, Votes, chain, controlled_by, controllers_of
from graph.errors import GraphTooLarge
from graph.holding import Basis, Company, Finding, Holdings, Statement, together
from graph.ownership import integrated
from graph.related import Surroundings, Tie, related_parties

A, B, C, D, P, Q, R, S, T, M = range(10)
PERSONS = (P, Q, R, S, T, M)


def said(*edges: tuple[int, int, str] | tuple[int, int, str, str]) -> list[Statement]:
    found = []
    for n, (holder, company, share, *rest) in enumerate(edges):
        low, high = (share.split("..") * 2)[:2]
        found.append(
            Statement(
                UUID(int=n), holder, company, "x", Fraction(low), Fraction(high), "".join(rest)
            )
        )
    return found


def votes(
    told: list[Statement],
    companies: Mapping[int, Company] | None = None,
    concerts: tuple[Concert, ...] = (),
) -> Votes:
    return Votes.of(together(told, companies or {}, Basis.VOTES), concerts)


def nodes(told: list[Statement]) -> list[int]:
    return sorted({one.holder for one in told} | {one.company for one in told})


def ultimate(told: list[Statement], company: int, **more: object) -> list[int]:
    found = controllers_of(votes(told, **more), company, nodes(told))  # type: ignore[arg-type]
    return [one.node for one in found.ultimate]


PYRAMID = said((P, A, "0.6"), (Q, A, "0.4"), (A, B, "0.55"), (Q, B, "0.45"),
               (B, C, "0.51"), (Q, C, "0.49"), (C, D, "0.8"), (Q, D, "0.2"))  # fmt: skip


def test_w01_a_majority_controls_and_a_half_does_not() -> None:
    assert ultimate(said((P, A, "0.7"), (Q, A, "0.3")), A) == [P]
    halves = controllers_of(votes(said((P, A, "0.5"), (Q, A, "0.5"))), A, [P, Q])
    assert halves.controllers == ()
    assert halves.borderline == (P, Q)
    assert ultimate(said((P, A, "0.500000001"), (Q, A, "0.4")), A) == [P]


def test_w02_the_chain_of_control_is_unbroken() -> None:
    found = controllers_of(votes(PYRAMID), D, nodes(PYRAMID))
    assert [one.node for one in found.controllers] == [C, B, A, P]
    assert [one.node for one in found.ultimate] == [P]
    control = controlled_by(votes(PYRAMID), P)
    assert [one.company for one in control.companies] == [A, B, C, D]
    assert [one.company for one in chain(control, C)] == [A, B, C]


def test_votes_of_several_controlled_firms_add_up() -> None:
    told = said((P, A, "1"), (P, B, "0.6"), (A, C, "0.3"), (B, C, "0.3"), (Q, C, "0.4"))
    assert ultimate(told, C) == [P]


def test_w05_nobody_above_a_circle_is_told_as_the_circle() -> None:
    found = controllers_of(votes(said((A, B, "1"), (B, A, "1"), (B, C, "0.9"))), C, [A, B])
    assert {one.node: one.component for one in found.ultimate} == {A: (A, B), B: (A, B)}


def test_w07_the_general_partner_controls() -> None:
    told = said((P, A, "0.001", "普通合伙人"), (Q, A, "0.999", "有限合伙人"))
    firm = {A: Company(partnership=True)}
    assert ultimate(told, A, companies=firm) == [P]
    unnamed = said((P, A, "0.001"), (Q, A, "0.999"))
    managed = {A: Company(partnership=True, managers=(P,))}
    assert ultimate(unnamed, A, companies=managed) == [P]


@pytest.mark.parametrize("share", ["0.998999", "0..0.999", "0.4..0.999"])
def test_w07_a_general_partner_has_all_votes_only_where_all_partners_are_known(share: str) -> None:
    """Another who is not stated, or hidden from who asks, would share them."""
    told = said((P, A, "0.001", "普通合伙人"), (Q, A, share, "有限合伙人"))
    firm = {A: Company(partnership=True)}
    held = together(told, firm, Basis.VOTES)
    assert [(one.holder, one.low, one.high) for one in held.of[A]] == [(P, 0, 1)]
    assert held.findings[A] <= {Finding.SUM_BELOW_ONE, Finding.UNKNOWN_SHARE}
    found = controllers_of(votes(told, firm), A, [P, Q])
    assert (found.controllers, found.possible) == ((), (P,))
    unnamed = {A: Company(partnership=True, managers=(P,))}
    found = controllers_of(votes(said((Q, A, share)), unnamed), A, [P, Q])
    assert (found.controllers, found.possible) == ((), (P,))


def test_w07_rounded_shares_are_the_whole_to_who_sees_all_partners() -> None:
    told = said((P, A, "0.3333", "普通合伙人"), (Q, A, "0.3333"), (R, A, "0.3333"))
    assert ultimate(told, A, companies={A: Company(partnership=True, whole=True)}) == [P]
    assert ultimate(told, A, companies={A: Company(partnership=True)}) == []


def test_shares_that_may_have_no_vote_leave_more_to_the_others() -> None:
    told = said((P, A, "0.4"), (A, A, "0..1"), (Q, A, "0.3"))
    held = together(told, {}, Basis.VOTES).of[A]
    known = {one.holder: (one.low, one.high) for one in held}
    assert known == {P: (Fraction(2, 5), Fraction(4, 7)), Q: (Fraction(3, 10), Fraction(3, 7))}
    found = controllers_of(votes(told), A, [P, Q])
    assert (found.controllers, found.possible) == ((), (P,))
    mute = said((P, A, "0.4"), (Q, A, "0..1", "优先股"))  # whatever it is, Q has no vote
    found = controllers_of(votes(mute), A, [P, Q])
    assert (found.controllers, found.possible) == ((), (P,))


def test_w08_five_fifths_are_nobodys() -> None:
    told = said(*((p, A, "0.2") for p in (P, Q, R, S, T)))
    assert ultimate(told, A) == []


def test_parties_acting_in_concert_vote_as_one() -> None:
    told = said((P, A, "0.3"), (Q, A, "0.25"), (R, A, "0.45"))
    assert ultimate(told, A) == []
    together_ = (Concert(frozenset({P, Q}), A),)
    found = controllers_of(votes(told, concerts=together_), A, nodes(told))
    assert {one.node: one.jointly for one in found.controllers} == {
        P: frozenset({Q}),
        Q: frozenset({P}),
    }
    elsewhere = (Concert(frozenset({P, Q}), B),)
    assert ultimate(told, A, concerts=elsewhere) == []


def test_an_ally_of_who_comes_in_votes_where_it_was_not_enough_before() -> None:
    told = said((P, B, "1"), (P, C, "0.3"), (Q, C, "0.3"), (R, C, "0.4"),
                (P, A, "0.3"), (S, A, "0.3"), (T, A, "0.4"))  # fmt: skip
    network = votes(told, concerts=(Concert(frozenset({B, Q})), Concert(frozenset({C, S}))))
    assert sorted(controlled_by(network, P).by_company) == [A, B, C]


def test_allies_are_told_only_where_it_takes_their_votes() -> None:
    told = said((P, A, "0.6"), (Q, A, "0.1"), (R, A, "0.3"))
    network = votes(told, concerts=(Concert(frozenset({P, Q}), A),))
    found = controllers_of(network, A, nodes(told))
    assert {
        one.node: (one.jointly, one.control.companies[0].votes) for one in found.controllers
    } == {
        P: (frozenset(), Fraction(3, 5)),
        Q: (frozenset({P}), Fraction(7, 10)),
    }
    # P's own firm comes under control first and brings what it takes.
    told = said((P, A, "0.4"), (Q, A, "0.2"), (B, A, "0.2"), (P, B, "1"))
    network = votes(told, concerts=(Concert(frozenset({P, Q})),))
    assert controlled_by(network, P).by_company[A].allies == frozenset()


def test_joint_control_takes_more_than_one_half_together() -> None:
    told = said((P, A, "0.3"), (Q, A, "0.1"), (R, A, "0.6"))
    concerts = (Concert(frozenset({P, Q}), A), Concert(frozenset({R, S}), A))
    found = related(told, A, concerts=concerts)
    assert found == {Tie.SIGNIFICANT_INFLUENCE: [P], Tie.MAIN_INVESTOR: [P, R]}
    told = said((P, A, "0.3"), (Q, A, "0.25"), (R, A, "0.45"))
    found = related(told, A, concerts=concerts[:1])
    assert found[Tie.JOINT_CONTROLLER] == [P, Q]
    halves = related(said((P, A, "0.5"), (Q, A, "0.5")), A)
    assert halves[Tie.JOINT_CONTROLLER] == [P, Q]
    one = related(said((P, A, "0.5"), (Q, A, "0.3"), (R, A, "0.2")), A)
    assert one[Tie.SIGNIFICANT_INFLUENCE] == [P, Q, R]
    assert Tie.JOINT_CONTROLLER not in one


def test_control_that_depends_on_unknown_shares_is_only_possible() -> None:
    told = said((P, A, "0.4..1"), (Q, A, "0.3"))
    found = controllers_of(votes(told), A, [P, Q])
    assert (found.controllers, found.possible) == ((), (P,))


def test_unknown_votes_are_dealt_once_and_not_to_each() -> None:
    # P owns B; whatever A's unknown half is, both together have no more than one half.
    told = said((P, B, "1"), (P, A, "0..1"), (B, A, "0..1"), (Q, A, "0.5"))
    found = controllers_of(votes(told), A, nodes(told))
    assert (found.controllers, found.possible) == ((), ())
    twice = said((P, A, "0.6"), (Q, A, "0.6"))  # stated so: flagged, never normalised
    assert ultimate(twice, A) == [P, Q]


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 4), st.integers(1, 60)),
        max_size=14,
        unique_by=lambda edge: edge[:2],
    ),
    st.integers(0, 7),
    st.integers(0, 13),
)
@settings(max_examples=80)
def test_the_fixpoint_is_least_closed_and_monotone(
    edges: list[tuple[int, int, int]], controller: int, grown: int
) -> None:
    told = said(*((h, c, str(Fraction(share, 100))) for h, c, share in edges))
    network = votes(told)
    found = {one.company for one in controlled_by(network, controller).companies}
    members = found | {controller}
    for company, held in network.holdings.of.items():
        inside = sum(one.low for one in held if one.holder in members)
        assert company == controller or (min(inside, 1) > Fraction(1, 2)) == (company in found)
    before: set[int] = {controller}
    for one in controlled_by(network, controller).companies:  # each follows from what came first
        assert all(voter.holder in before for voter in one.voters)
        before.add(one.company)
    if edges:
        h, c, _ = edges[grown % len(edges)]
        more = [edge for edge in edges if edge[:2] != (h, c)] + [(controller, c, 90)]
        more = [edge for edge in more if edge[0] == controller or edge[:2] != (controller, c)]
        wider = votes(said(*((x, y, str(Fraction(s, 100))) for x, y, s in more)))
        if h == controller:
            after = {one.company for one in controlled_by(wider, controller).companies}
            assert found - {controller} <= after


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 4), st.sampled_from(("0.3", "0.6", "0..1"))),
        max_size=14,
        unique_by=lambda edge: edge[:2],
    ),
    st.integers(0, 7),
    st.permutations(range(5)),
    st.sets(st.integers(0, 7), max_size=3),
)
@settings(max_examples=60)
def test_companies_that_become_known_one_by_one_are_as_those_known_at_once(
    edges: list[tuple[int, int, str]], controller: int, order: list[int], together_: set[int]
) -> None:
    network = votes(said(*edges), concerts=(Concert(frozenset(together_)),))
    spread = Spread([controller, 6])
    found: set[int] = set()
    for company in order:
        met = {company: network.holdings.of[company]} if company in network.holdings.of else {}
        found |= spread.learn(Holdings(Basis.VOTES, met), network.concerts)
    whole = [controlled_by(network, one) for one in (controller, 6)]
    assert found == {one.company for each in whole for one in each.companies}.union(
        *(each.possible for each in whole)
    )


def test_a_star_of_two_thousand_holders_is_asked_once_for_each() -> None:
    told = said(*((n, 0, "0.0005") for n in range(1, 2001)))
    found = controllers_of(votes(told), 0, range(1, 2001))
    assert (found.controllers, found.possible, found.borderline) == ((), (), ())


def test_a_chain_without_end_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = said(*((n + 1, n, "1") for n in range(60)))
    assert len(controllers_of(votes(told), 0, range(61)).controllers) == 60
    monkeypatch.setattr(control, "MOST_STEPS", 1_000)
    with pytest.raises(GraphTooLarge, match="BUDGET_LIMIT"):
        controllers_of(votes(told), 0, range(61))


def test_the_persons_of_a_closure_are_gathered_once() -> None:
    ids, none = (UUID(int=1), UUID(int=2)), (0, 0)
    found = Closure("", "", ids, ("LEGAL_ENTITY", "NATURAL_PERSON"), none, ("", ""), ())
    assert found.persons == {1}
    assert (found.persons is found.persons, found.state is found.state) == (True, True)


def test_a_partner_whom_two_cities_name_is_one_manager() -> None:
    told = said((P, A, "0.5", "有限合伙人"), (Q, A, "0.5", "有限合伙人"))
    about = {A: Company(partnership=True, managers=(R, R, S))}
    assert [one.low for one in votes(told, about).holdings.of[A]] == [Fraction(1, 2)] * 2


def rights(
    told: list[Statement],
    company: int,
    officers: tuple[Officer, ...] = (),
    state: tuple[int, ...] = (),
    **about: Company,
) -> BeneficialOwners:
    return beneficial_owners(known(told, company, officers, state, **about))


def known(
    told: list[Statement],
    company: int,
    officers: tuple[Officer, ...] = (),
    state: tuple[int, ...] = (),
    **about: Company,
) -> Rights:
    companies = {company: about["about"]} if "about" in about else {}
    partnership = company in companies and companies[company].partnership
    seen = nodes(told)
    return Rights(
        equity=None
        if partnership
        else integrated(together(told, companies, Basis.EQUITY), company),
        income=integrated(together(told, companies, Basis.INCOME), company),
        votes=integrated(together(told, companies, Basis.VOTES), company),
        control=controllers_of(votes(told, companies), company, seen),
        persons=[p for p in PERSONS if p not in state],
        state=state,
        officers=officers,
    )


def test_a_quarter_is_enough_and_less_is_not() -> None:
    found = rights(said((P, A, "0.25"), (Q, A, "0.2499"), (R, A, "0.5001")), A)
    assert [(one.node, one.rule) for one in found.owners] == [(R, Rule.EQUITY), (P, Rule.EQUITY)]
    assert [one.borderline for one in found.owners] == [False, True]
    near = rights(said((P, A, "0.2499999995"), (Q, A, "0.249999998"), (R, A, "0.5000000025")), A)
    assert [(one.node, one.certain, one.borderline) for one in near.owners] == [
        (R, True, False),
        (P, False, True),
    ]


def test_w07_the_limited_partner_earns() -> None:
    told = said((P, A, "0.001", "普通合伙人"), (Q, A, "0.999", "有限合伙人"))
    found = rights(told, A, about=Company(partnership=True))
    assert [(one.node, one.rule) for one in found.owners] == [(Q, Rule.INCOME)]
    many = said((P, A, "0.001", "普通合伙人"), *((p, A, "0.2") for p in (Q, R, S, T)))
    found = rights(many, A, about=Company(partnership=True))
    assert [(one.node, one.rule) for one in found.owners] == [(P, Rule.VOTES)]


def test_w08_daily_management_is_the_fallback() -> None:
    told = said(*((p, A, "0.2") for p in (P, Q, R, S, T)))
    officers = (
        Officer(R, "法定代表人", True),
        Officer(P, "副经理", False),
        Officer(M, "经理", False),
    )
    found = rights(told, A, officers)
    assert [(one.node, one.rule) for one in found.owners] == [(M, Rule.DAILY_MANAGEMENT)]
    found = rights(told, A, officers[:2])
    assert [(one.node, one.rule) for one in found.owners] == [(R, Rule.DAILY_MANAGEMENT)]
    assert rights(told, A).rule is None


def test_w09_of_a_state_firm_the_legal_representative() -> None:
    told = said((S, A, "1"), (A, B, "0.8"), (P, B, "0.2"), (B, C, "0.6"), (P, C, "0.4"),
                (C, D, "0.51"), (P, D, "0.49"))  # fmt: skip
    found = rights(told, D, (Officer(R, "法定代表人", True),), state=(S,))
    assert [(one.node, one.rule) for one in found.owners] == [(R, Rule.STATE_OWNED)]


def test_control_below_a_quarter_is_the_third_rule() -> None:
    told = said((P, A, "0.51"), (Q, A, "0.49"), (A, B, "0.45"), (P, B, "0.02"), (P, C, "0.9"),
                (C, B, "0.05"), *((p, B, "0.12") for p in (R, S, T, M)))  # fmt: skip
    found = rights(told, B)
    assert [(one.node, one.rule) for one in found.owners] == [(P, Rule.EQUITY)]
    thin = said((P, A, "0.51"), (Q, A, "0.24"), (R, A, "0.25"), (A, B, "0.51"),
                (S, B, "0.245"), (T, B, "0.245"), (B, C, "0.51"), (S, C, "0.24"),
                (T, C, "0.25"))  # fmt: skip
    found = rights(thin, C)
    assert [(one.node, one.rule) for one in found.owners] == [
        (T, Rule.EQUITY),
        (S, Rule.EQUITY),
    ]
    deep = said((P, A, "0.6"), (Q, A, "0.4"), (A, B, "0.6"), (R, B, "0.4"), (B, C, "0.6"),
                (S, C, "0.2"), (T, C, "0.2"))  # fmt: skip
    assert [(o.node, o.rule) for o in rights(deep, C).owners] == [(P, Rule.CONTROL)]


def test_unknown_shares_leave_beneficial_owners_possible() -> None:
    found = rights(said((P, A, "0.6"), (Q, A, "0..1")), A)
    assert [(o.node, o.certain) for o in found.owners] == [(P, True), (Q, False)]
    assert not found.undetermined
    closed = rights(said((P, A, "0.6"), (B, A, "0.4"), (C, B, "1"), (B, C, "1")), A)
    assert closed.undetermined
    # P controls by 0.51 of each; what it may hold beside makes a quarter only possible.
    told = said((P, B, "0.51"), (S, B, "0.49"), (B, C, "0.51"), (T, C, "0.49"), (C, A, "0.51"),
                (P, A, "0..0.19"), (Q, A, "0.15"), (R, A, "0.15"))  # fmt: skip
    assert [(o.node, o.rule) for o in rights(told, A).owners] == [(P, Rule.CONTROL)]


MANAGER = (Officer(M, "经理", False),)


@pytest.mark.parametrize(
    ("edges", "certain"),
    [
        (((P, A, "0.2"), (Q, A, "0.2"), (R, A, "0.2"), (S, A, "0.151")), True),
        (((P, A, "0.2"), (Q, A, "0.2"), (R, A, "0.2"), (S, A, "0.15")), False),
        (((P, A, "0.2"), (Q, A, "0.2"), (B, A, "0.6"), (R, B, "0.4"), (S, B, "0.4")), True),
        (((P, A, "0.2"), (Q, A, "0.2"), (B, A, "0.6")), False),  # nobody knows who stands behind B
        (((P, A, "0.2"), (Q, A, "0.2..0.24"), (R, A, "0.2"), (S, A, "0.2")), True),
        (((P, A, "0.2"), (Q, A, "0.2..0.3"), (R, A, "0.2"), (S, A, "0.15")), False),
    ],
)
def test_a_fallback_is_certain_only_where_nobody_may_meet_what_comes_before(
    edges: tuple[tuple[int, int, str], ...], certain: bool
) -> None:
    found = rights(said(*edges), A, MANAGER)
    assert found.rule is Rule.DAILY_MANAGEMENT
    assert [one.certain for one in found.owners if one.node == M] == [certain]


def test_nobody_is_certain_where_the_state_may_control() -> None:
    found = rights(said((S, A, "0.4..0.7"), (P, A, "0.3")), A, MANAGER, state=(S,))
    assert [(one.node, one.rule, one.certain) for one in found.owners] == [(P, Rule.EQUITY, False)]


@pytest.mark.parametrize(
    ("edges", "persons_alone", "no_other"),
    [
        (((P, A, "0.6"), (Q, A, "0.4")), True, True),
        (((P, A, "0.6"), (Q, A, "0.3")), None, True),  # who holds the rest is not known
        (((P, A, "0.6"),), None, None),
        (((P, A, "0.6"), (B, A, "0.4"), (Q, B, "1")), False, False),
        (((P, A, "0.6"), (B, A, "0.4")), False, None),
        (((P, A, "0.6"), (B, A, "0.4"), (Q, B, "0..1")), False, None),
        (((P, A, "0..1"), (Q, A, "0..1")), None, None),
        ((), None, None),
    ],
)
def test_an_exemption_says_nothing_of_what_is_not_known(
    edges: tuple[tuple[int, int, str], ...], persons_alone: bool | None, no_other: bool | None
) -> None:
    told = said(*edges)
    held = together(told, {}, Basis.EQUITY)
    found = exempted(known(told, A), held.of.get(A, ()), small=True, committed=True)
    assert (found.persons_alone, found.no_other) == (persons_alone, no_other)
    assert found.applies is bool(persons_alone and no_other)


def related(told: list[Statement], company: int, **given: object) -> dict[Tie, list[int]]:
    network = votes(told, concerts=given.get("concerts", ()))  # type: ignore[arg-type]
    control = controllers_of(network, company, nodes(told))
    around = Surroundings(
        company,
        network,
        control,
        {node: controlled_by(network, node) for node in nodes(told)},
        given.get("managers", {}),  # type: ignore[arg-type]
        PERSONS,
        given.get("state", ()),  # type: ignore[arg-type]
        {
            holder: tuple(
                one for held in network.holdings.of.values() for one in held if one.holder == holder
            )
            for holder in nodes(told)
        },
    )
    found: dict[Tie, list[int]] = {}
    for one in related_parties(around):
        found.setdefault(one.tie, []).append(one.node)
    return found


def test_related_parties_by_each_tie_of_the_standard() -> None:
    told = said((A, B, "0.8"), (A, C, "0.9"), (B, D, "0.6"), (Q, B, "0.2"), (P, A, "1"),
                (B, 20, "0.3"), (B, 21, "0.5"), (C, 21, "0.5"), (R, 22, "0.7"))  # fmt: skip
    managers = {B: ((R, "董事"), (S, "监事")), A: ((T, "经理"),)}
    found = related(told, B, managers=managers)
    assert found == {
        Tie.PARENT: [A],
        Tie.SUBSIDIARY: [D],
        Tie.SAME_PARENT: [C, 21],
        Tie.SIGNIFICANT_INFLUENCE: [Q],
        Tie.JOINT_VENTURE: [21],
        Tie.ASSOCIATE: [20],
        Tie.MAIN_INVESTOR: [P, Q],
        Tie.KEY_MANAGER: [R],
        Tie.MANAGER_OF_PARENT: [T],
        Tie.CONTROLLED_BY_PERSON: [C, 21, 22],
    }


def test_firms_of_the_state_are_not_related_by_that_alone() -> None:
    told = said((30, A, "1"), (30, B, "1"))
    assert related(told, A, state=(30,)) == {}
