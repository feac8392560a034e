"""Random readers: every role with the purposes it may have, on every kind of ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from hypothesis import strategies as st

from security.policy import Grounds, Policy, PolicyError, Role, Scope
from tests.resolvers.differential.world import REGIONS, World

Draw = Callable[[st.SearchStrategy[Any]], Any]
_READING = (Role.PUB, Role.AGENT, Role.ANALYST, Role.DEPT, Role.PCITY, Role.STEWARD)
_CATEGORIES = ("LEGAL_ENTITY", "INDIVIDUAL_BUSINESS", "NATURAL_PERSON")


def reader(draw: Draw, world: World, policy: Policy) -> Scope:
    """A scope as a node could give it."""
    role = draw(st.sampled_from([*_READING, *_READING, *Role]))
    row = policy.rows[role]
    purpose = draw(st.sampled_from([*sorted(row.purposes)] or [None]))
    served = frozenset(world.kinds.by_name)
    every = sorted(served)

    def some() -> frozenset[str]:
        if draw(st.booleans()):
            return served
        return frozenset(draw(st.sets(st.sampled_from(every), min_size=1, max_size=12)))

    def subjects(often: int = 2) -> frozenset[Any]:
        if draw(st.integers(0, often)) == 0:
            return frozenset()
        ids = st.sampled_from(world.ids("subject"))
        return frozenset(draw(st.sets(ids, max_size=4)))

    given: dict[str, Any] = {"government_kinds": some()}
    if draw(st.integers(0, 3)) == 0:
        pairs = st.tuples(st.sampled_from(every), st.sampled_from(_CATEGORIES))
        given["unshared"] = frozenset(draw(st.sets(pairs, max_size=8)))
    match role:
        case Role.SELF:
            given["own"] = frozenset([draw(st.sampled_from(world.ids("subject")))])
        case Role.AGENT:
            given |= {
                "authorisation": "a-1",
                "authorised": subjects(8),
                "authorised_kinds": some(),
            }
        case Role.DEPT:
            given |= {"application_kinds": some(), "actor": "李科员", "unit": "unit"}
            given |= {"matter": subjects()}
        case Role.PCITY:
            given |= {"agreement": "agreement-1", "partner": "210100", "shared_kinds": some()}
        case Role.ANALYST:
            given |= {"approved": subjects()}
        case Role.STEWARD:
            given |= {"matter": subjects(), "barred": subjects(1)}
    if role in (Role.DEPT, Role.STEWARD, Role.SUPERVISOR, Role.ANALYST):
        given["district"] = draw(st.sampled_from([None, None, None, *REGIONS]))
        given["barred"] = subjects(1)
    case = draw(st.sampled_from(["", "2026-1"]))
    try:
        return policy.scope(f"caller-{role}", role, purpose, case, Grounds(**given), kinds=served)
    except PolicyError:
        return policy.scope("public", Role.PUB, None, "", kinds=served)


def every_purpose(world: World, policy: Policy, readers: int) -> Iterator[Scope]:
    """Each role with each of its purposes: on every kind and a case, then on some of them, in a
    district, with subjects barred. The same readers each time."""
    random, every = Random(7), frozenset(world.kinds.by_name)

    def subjects(count: int) -> frozenset[Any]:
        return frozenset(random.sample(world.ids("subject"), count))

    for narrow in range(readers * 2):
        for role, row in policy.rows.items():
            for purpose in sorted(row.purposes) or [None]:
                kinds = frozenset(random.sample(sorted(every), 9)) if narrow % 2 else every
                given: dict[str, Any] = {"government_kinds": kinds}
                match role:
                    case Role.SELF:
                        given["own"] = subjects(4)
                    case Role.AGENT:
                        given |= {"authorisation": "a", "authorised": subjects(8)}
                        given["authorised_kinds"] = kinds
                    case Role.DEPT:
                        given |= {"application_kinds": kinds, "actor": "李科员", "unit": "unit"}
                        given["matter"] = subjects(8)
                    case Role.PCITY:
                        given |= {"agreement": "agreement-1", "shared_kinds": kinds}
                    case Role.ANALYST:
                        given["approved"] = subjects(8)
                    case Role.STEWARD:
                        given["matter"] = subjects(8)
                if narrow % 2:
                    pairs = [(kind, one) for kind in sorted(every) for one in _CATEGORIES]
                    given["unshared"] = frozenset(random.sample(pairs, 9))
                    if role in (Role.ANALYST, Role.DEPT, Role.STEWARD, Role.SUPERVISOR):
                        given["barred"] = subjects(5)
                        given["district"] = random.choice([None, "210500", "210504", "210100"])
                case = "" if narrow % 2 and random.random() < 0.5 else "2026-1"
                yield policy.scope("c", role, purpose, case, Grounds(**given), kinds=every)
