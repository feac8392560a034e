"""Guarantee circles and exposure through the API: scope, evidence, what hidden relations leave."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
import pytest

from graph.snapshot.keeping import Keeper, SnapshotReader

A = "91210500XD00000011"
E = "91210500XD00000055"
CIRCLE = """
query($s: String!, $first: Int! = 100, $cycles: Int! = 10) {
  guaranteeCircle(subject: $s, first: $first, maxCycles: $cycles) {
    asOf position truncated { reason stage } totalCount totals { currency debts amount unknown }
    rings { members } ringCount cycles cyclesComplete chainDown chainDownLength chainUp contagion
    nodes { key party { name } }
    steps { guarantor debtor statements { relationId originRegion amount currency loanNo } } } }
"""
EXPOSURE = """
query($s: String!, $first: Int! = 100) {
  guaranteeExposure(subject: $s, first: $first) {
    truncated { reason stage }
    rule guaranteed guaranteedCount loanCount totals { currency debts amount balance unknown }
    debts { loanNo debtors amount currency own relationIds } nodes { key party { name } } } }
"""


@pytest.fixture(scope="module")
async def snapshots(
    town: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> SnapshotReader:
    """The town's snapshot."""
    path: Path = tmp_path_factory.mktemp("snapshot")
    await Keeper(partial(asyncpg.connect, town), path).catch_up()
    return SnapshotReader(path)


async def test_a_guarantee_is_told_with_its_evidence(ask: Any, snapshots: Any) -> None:
    asked = await ask(CIRCLE, "ANALYST", snapshots=snapshots, s=A)
    assert asked.errors == []
    found = asked.data["guaranteeCircle"]
    names = {node["key"]: node["party"]["name"] for node in found["nodes"]}
    assert (found["totalCount"], found["chainDown"], found["chainUp"]) == (2, ["n0", "n1"], ["n0"])
    assert (found["rings"], found["cycles"], found["cyclesComplete"]) == ([], [], True)
    assert found["contagion"] == []
    (step,) = found["steps"]
    assert (step["guarantor"], step["debtor"]) == ("n0", "n1")
    assert step["statements"][0]["relationId"] == str(uuid5(NAMESPACE_DNS, "GUARANTEESae"))
    (total,) = found["totals"]
    assert (total["debts"], total["amount"], total["unknown"]) == (1, "0", 1)
    assert len(asked.answer.disclosure.subjects) == 2 * 16
    below = await ask(CIRCLE, "ANALYST", snapshots=snapshots, s=E)
    other = below.data["guaranteeCircle"]
    assert other["contagion"] == ["n1"]
    assert {node["key"]: node["party"]["name"] for node in other["nodes"]} == {
        "n0": names["n1"],
        "n1": names["n0"],
    }
    asked = await ask(EXPOSURE, "ANALYST", snapshots=snapshots, s=A)
    found = asked.data["guaranteeExposure"]
    assert found["guaranteed"] == ["n1"]
    (debt,) = found["debts"]
    assert (debt["amount"], debt["own"], debt["debtors"]) == (None, False, ["n1"])


async def test_what_may_not_be_seen_is_as_if_it_were_not(ask: Any, snapshots: Any) -> None:
    barred = {"barred": frozenset({uuid5(NAMESPACE_DNS, "e")})}
    asked = await ask(EXPOSURE, "ANALYST", snapshots=snapshots, s=A, grounds=barred)
    found = asked.data["guaranteeExposure"]
    assert (found["guaranteedCount"], found["debts"], found["totals"]) == (0, [], [])
    alone = await ask(CIRCLE, "ANALYST", snapshots=snapshots, s=A, grounds=barred)
    assert alone.data["guaranteeCircle"]["totalCount"] == 1
    assert alone.data["guaranteeCircle"]["truncated"] == []
    hidden = await ask(CIRCLE, "ANALYST", snapshots=snapshots, s=E, grounds=barred)
    unknown = await ask(CIRCLE, "ANALYST", snapshots=snapshots, s="nobody")
    assert hidden.data == unknown.data == {"guaranteeCircle": None}


async def test_a_firm_is_not_told_whether_its_debtor_stands_for_others(
    ask: Any, snapshots: Any
) -> None:
    """X29: what is cut off at the role's last level is said without a look beyond it."""
    own = {"own": frozenset({uuid5(NAMESPACE_DNS, "a")})}
    asked = await ask(EXPOSURE, "SELF", snapshots=snapshots, s=A, grounds=own)
    found = asked.data["guaranteeExposure"]
    assert (found["guaranteed"], found["truncated"]) == (
        ["n1"],
        [{"reason": "LEVELS", "stage": 2}],
    )


async def test_roles_and_budgets_are_checked(ask: Any, snapshots: Any) -> None:
    for role in ("PUB", "STEWARD", "AUDITOR"):
        asked = await ask(EXPOSURE, role, snapshots=snapshots, s=A)
        assert asked.codes == ["FORBIDDEN"], role
    for given in ({"first": 0}, {"first": 1001}, {"cycles": 0}, {"cycles": 21}):
        asked = await ask(CIRCLE, "ANALYST", snapshots=snapshots, s=A, **given)
        assert asked.codes == ["BUDGET_LIMIT"]
