"""Risk propagation through the API: stated decays, evidence, hidden ties carry nothing."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from tests.resolvers.test_guarantee import snapshots as snapshots  # the town's

A = "91210500XD00000011"
E = "91210500XD00000055"
RISK = """
query($seeds: [String!]!, $model: RiskModel! = DEBTRANK, $decays: [RiskDecayInput!],
    $steps: Int! = 3, $first: Int! = 100) {
  riskPropagation(seeds: $seeds, model: $model, decays: $decays, steps: $steps, first: $first) {
    model decays { course factor } missing totalCount truncated { reason stage } hubs
    nodes { key party { name } }
    impacts { key score seed party { name }
      via { source course weight relationId originRegion } } } }
"""


async def test_a_debtor_in_trouble_hits_who_stands_for_it(ask: Any, snapshots: Any) -> None:
    asked = await ask(RISK, "ANALYST", snapshots=snapshots, seeds=[E], steps=1)
    assert asked.errors == []
    found = asked.data["riskPropagation"]
    seed, *others = found["impacts"]
    assert (seed["seed"], seed["score"], seed["via"]) == (True, "1", None)
    hit = next(one for one in others if one["via"]["course"] == "DEBTOR_TO_GUARANTOR")
    assert (hit["party"]["name"], hit["score"]) == ("本溪甲制造有限公司", "0.8")
    assert hit["via"]["source"] == seed["key"]
    assert hit["via"]["relationId"] == str(uuid5(NAMESPACE_DNS, "GUARANTEESae"))
    assert {"course": "DEBTOR_TO_GUARANTOR", "factor": "0.8"} in found["decays"]
    assert {"reason": "LEVELS", "stage": 2} in found["truncated"]


async def test_decays_are_the_callers_to_choose(ask: Any, snapshots: Any) -> None:
    closed = [{"course": "DEBTOR_TO_GUARANTOR", "factor": "0"}]
    asked = await ask(RISK, "ANALYST", snapshots=snapshots, seeds=[E], decays=closed)
    courses = {one["via"]["course"] for one in asked.data["riskPropagation"]["impacts"][1:]}
    assert "DEBTOR_TO_GUARANTOR" not in courses
    wrong = [{"course": "DEBTOR_TO_GUARANTOR", "factor": "1.5"}]
    asked = await ask(RISK, "ANALYST", snapshots=snapshots, seeds=[E], decays=wrong)
    assert asked.codes == ["BAD_VALUE"]


async def test_hidden_ties_carry_nothing_and_hidden_seeds_are_unknown(
    ask: Any, snapshots: Any
) -> None:
    barred = {"barred": frozenset({uuid5(NAMESPACE_DNS, "e")})}
    for model in ("DEBTRANK", "PAGERANK"):
        asked = await ask(
            RISK, "ANALYST", snapshots=snapshots, seeds=[A, E], model=model, grounds=barred
        )
        found = asked.data["riskPropagation"]
        assert found["missing"] == [E]
        assert all(
            one["via"] is None or one["via"]["course"] != "DEBTOR_TO_GUARANTOR"
            for one in found["impacts"]
        )
    asked = await ask(RISK, "ANALYST", snapshots=snapshots, seeds=["nobody"])
    assert asked.data["riskPropagation"]["impacts"] == []
    assert asked.answer.disclosure.not_found == ("nobody",)


async def test_roles_and_budgets_are_checked(ask: Any, snapshots: Any) -> None:
    for role in ("PUB", "STEWARD", "AUDITOR"):
        asked = await ask(RISK, role, snapshots=snapshots, seeds=[A])
        assert asked.codes == ["FORBIDDEN"], role
    for given in ({"seeds": []}, {"seeds": [A], "steps": 7}, {"seeds": [A], "first": 0}):
        asked = await ask(RISK, "ANALYST", snapshots=snapshots, **given)
        assert asked.codes == ["BUDGET_LIMIT"]
