"""The planted cases of ownership and control, worked out from what both cities' registries file.

Every answer comes through the API's own plan on a store that intake filled and on its snapshot;
what is expected is the world's own golden file, under two seeds.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import asyncpg
import orjson
import pytest

from graph.snapshot.keeping import Keeper, SnapshotReader
from resolvers.context import Context
from resolvers.operation import Operations
from resolvers.pseudonym import token_of
from security.policy import Scope
from store.subject import NUMBER
from tests.resolvers.conftest import Known
from tests.resolvers.whole_graph import Parts, analysed, groups
from tests.store.conftest import FixedCipher

TODAY = dt.date(2026, 6, 30)

OWNERS = """
query($s: String!, $basis: ShareBasis! = EQUITY) { owners(subject: $s, basis: $basis, first: 1000) {
  state circle findings { company findings } unknown
  nodes { key party { id ... on Organisation { uscc } } }
  owners { key ultimate direct { low } integrated { low high fraction }
    paths { share { low } steps { statements { originRegion } } } } } }
"""
CONTROL = """
query($s: String!) {
  controllers(subject: $s) { nodes { key party { id ... on Organisation { uscc } } }
  controllers { key ultimate level chain { company } } }
  beneficialOwners(subject: $s) { rule nodes { key party { id ... on Organisation { uscc } } }
    owners { key rule position } }
  circularOwnership(subject: $s) { circular size
    nodes { key party { id ... on Organisation { uscc } } } members } }
"""


@dataclass(frozen=True)
class Town:
    """A node that knows what both registries filed, and the answers."""

    golden: dict[str, Any]
    pool: asyncpg.Pool[Any]
    scope: Scope
    snapshots: SnapshotReader
    operations: Operations
    cipher: FixedCipher

    async def ask(self, document: str, **variables: Any) -> Any:
        plan = self.operations.prepare(document, None, self.scope)
        context = Context(
            self.pool, self.scope, TODAY, b"k" * 32, snapshots=self.snapshots, region="210500"
        )
        told = orjson.loads((await plan.run(context, variables)).body)
        assert "errors" not in told, told["errors"]
        return told["data"]

    async def analysed(self, kind: str, **arguments: Any) -> Parts:
        """The result of a job over the whole graph."""
        context = Context(
            self.pool, self.scope, TODAY, b"k" * 32, snapshots=self.snapshots, region="210500"
        )
        return await analysed(self.operations, context, kind, **arguments)

    async def labels(self, case: str) -> dict[str, str]:
        """The label of each party of a case, by its USCC or its id in answers."""
        key = Context(self.pool, self.scope, TODAY, b"k" * 32).person_key
        found = {}
        for label, party in self.golden[case]["parties"].items():
            if party.get("uscc"):
                found[party["uscc"]] = label
                continue
            index = self.cipher.blind_index(NUMBER, party["idNumber"])
            person = await self.pool.fetchval(
                "SELECT subject_id FROM identifier WHERE scheme = $1 AND value = $2", NUMBER, index
            )
            assert person is not None, (case, label)
            token = f"Person:{token_of(key, person)}"
            found[base64.b64encode(token.encode()).decode()] = label
        return found

    def code(self, case: str, label: str) -> str:
        return str(self.golden[case]["parties"][label]["uscc"])

    async def named(self, case: str, answer: Any) -> Callable[[str], str]:
        """From a key of an answer to the label of the case."""
        labels = await self.labels(case)
        parties = {
            node["key"]: node["party"].get("uscc") or node["party"]["id"]
            for node in answer["nodes"]
        }
        return lambda key: labels.get(parties[key], "?")

    async def owners(self, case: str, label: str, **options: Any) -> dict[str, Any]:
        found = (await self.ask(OWNERS, s=self.code(case, label), **options))["owners"]
        name = await self.named(case, found)
        return found | {"by": {name(one["key"]): one for one in found["owners"]}, "name": name}


@pytest.fixture(scope="module", params=[20201022, 7])
async def both(
    request: pytest.FixtureRequest,
    known_worlds: Callable[[int], Awaitable[Known]],
    tmp_path_factory: pytest.TempPathFactory,
    operations: Operations,
    scope_of: Callable[..., Scope],
) -> Town:
    known = await known_worlds(request.param)
    folder = tmp_path_factory.mktemp("snapshot")
    await Keeper(partial(asyncpg.connect, known.dsn), folder).catch_up()
    scope = scope_of("ANALYST", case="演1号")
    return Town(known.golden, known.pool, scope, SnapshotReader(folder), operations, FixedCipher())


async def control(town: Town, case: str, label: str) -> tuple[Any, Any, Any, Any]:
    """Ultimate controllers, all of them, rule and beneficial owners, by the labels of a case."""
    found = await town.ask(CONTROL, s=town.code(case, label))
    name = await town.named(case, found["controllers"])
    controllers = found["controllers"]["controllers"]
    own = await town.named(case, found["beneficialOwners"])
    return (
        [name(one["key"]) for one in controllers if one["ultimate"]],
        [name(one["key"]) for one in controllers],
        found["beneficialOwners"]["rule"],
        [own(one["key"]) for one in found["beneficialOwners"]["owners"]],
    )


async def test_w01_direct_majority(both: Town) -> None:
    assert (await control(both, "W01", "A"))[0] == [both.golden["W01"]["controller"]]
    found = await both.owners("W01", "A")
    assert found["by"]["P"]["direct"]["low"] == "0.7"


async def test_w02_pyramid_over_both_cities(both: Town) -> None:
    case = both.golden["W02"]
    found = await both.owners("W02", case["effective"]["company"])
    owner = found["by"][case["effective"]["holder"]]
    (way,) = [way for way in owner["paths"] if len(way["steps"]) == 4]
    assert way["share"]["low"] == case["effective"]["share"]
    assert owner["integrated"]["low"] == case["effective"]["share"]
    cities = {s["originRegion"] for step in way["steps"] for s in step["statements"]}
    assert cities == {"210500", "210100"}
    ultimate, chain, _, _ = await control(both, "W02", "D")
    assert ultimate == [case["controller"]]
    assert ["D", *chain] == case["controlChain"][::-1]


@pytest.mark.parametrize("case", ["W03", "W04"])
async def test_w03_w04_x28_circles_are_exact(both: Town, case: str) -> None:
    told = both.golden[case]["integrated"]
    for company, owners in told.items():
        found = await both.owners(case, company)
        assert found["state"] == "DETERMINED"
        for owner, share in owners.items():
            shown = found["by"][owner]["integrated"]
            assert Fraction(shown["fraction"]) == Fraction(share)
            assert shown["low"] == shown["high"]
        assert sum(Fraction(found["by"][o]["integrated"]["fraction"]) for o in owners) == 1
        circle = (await both.ask(CONTROL, s=both.code(case, company)))["circularOwnership"]
        name = await both.named(case, circle)
        assert circle["circular"]
        assert {name(key) for key in circle["members"]} == set(told)


async def test_w05_a_closed_circle_is_undetermined(both: Town) -> None:
    found = await both.owners("W05", "A")
    assert found["state"] == both.golden["W05"]["result"] == "CIRCULAR_UNDETERMINED"
    assert {found["name"](key) for key in found["circle"]} == {"A", "B"}
    assert found["owners"] == []


async def test_w06_treasury_shares(both: Town) -> None:
    told = both.golden["W06"]
    found = await both.owners("W06", "A")
    owner = found["by"]["P"]
    assert owner["direct"]["low"] == told["direct"]["P"]
    assert owner["integrated"]["low"] == told["integrated"]["P"]
    votes = await both.owners("W06", "A", basis="VOTES")
    assert votes["by"]["P"]["integrated"]["low"] == told["votes"]["P"]


async def test_w07_partnership(both: Town) -> None:
    ultimate, _, rule, owners = await control(both, "W07", "A")
    assert ultimate == [both.golden["W07"]["controller"]]
    assert (rule, owners) == ("INCOME", [both.golden["W07"]["beneficialOwner"]])


async def test_w08_dispersed(both: Town) -> None:
    ultimate, _, rule, owners = await control(both, "W08", "A")
    assert ultimate == []
    assert (rule, owners) == ("DAILY_MANAGEMENT", [both.golden["W08"]["beneficialOwner"]])


async def test_w09_state_root(both: Town) -> None:
    ultimate, _, rule, owners = await control(both, "W09", "D")
    assert ultimate == [both.golden["W09"]["controller"]]
    assert (rule, owners) == ("STATE_OWNED", [both.golden["W09"]["beneficialOwner"]])


async def test_w10_sums(both: Town) -> None:
    for label in both.golden["W10"]["result"]:
        found = await both.owners("W10", label)
        told = [f for one in found["findings"] for f in one["findings"]]
        warned = both.golden["W10"]["result"][label] == "warned"
        assert ("SUM_ABOVE_ONE" in told) is warned
        total = sum(Fraction(one["direct"]["low"]) for one in found["owners"])
        assert total == Fraction(both.golden["W10"]["sums"][label])


async def test_x27_who_owns_across_the_border(both: Town) -> None:
    found = await both.owners("X27", "A")
    owner = found["by"]["P"]
    assert owner["ultimate"]
    assert Fraction(owner["integrated"]["fraction"]) == Fraction(60 * 51, 10_000)
    assert [len(way["steps"]) for way in owner["paths"]] == [2]


async def test_w03_w04_w05_w06_whole_graph_circles(both: Town) -> None:
    found = {
        frozenset(member["uscc"] for member in members)
        for members in groups(await both.analysed("CIRCLES"))
    }
    for case, inside in (("W03", None), ("W04", None), ("W05", "AB"), ("W06", "A")):
        members = inside or both.golden[case]["integrated"]
        assert frozenset(both.code(case, one) for one in members) in found, case
    (own,) = [
        line for line in (await both.analysed("CIRCLES")).lines
        if line.get("members") and line["members"][0]["uscc"] == both.code("W06", "A")
    ]  # fmt: skip
    assert (own["size"], own["selfHeld"]) == (1, 1)


async def test_w11_whole_graph_guarantee_circles(both: Town) -> None:
    told = both.golden["W11"]
    ring = {both.code("W11", one) for pair in told["ring"] for one in pair}
    parts = await both.analysed("GUARANTEE_CIRCLES")
    (line,) = [
        one for one in parts.lines
        if ring <= {member.get("uscc") for member in one.get("members", ())}
    ]  # fmt: skip
    uscc = [member.get("uscc") for member in line["members"]]
    assert [{uscc[at] for at in one} for one in line["rings"]] == [ring]
    (total,) = line["totals"]
    assert (total["currency"], total["amount"]) == ("CNY", told["exposureSum"])
