"""`xinqiao graph exposure|circle|risk`: guarantees and how far trouble reaches, through the API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli.graph_asking import (
    ACTOR,
    AS_NAME,
    AS_OF,
    AUTHORISATION,
    CASE,
    FIRST,
    NODE,
    NODES,
    PURPOSE,
    SUBJECT,
    Asker,
    ask_graph,
    named,
)
from service.cli.output import JSON_OPTION

application = typer.Typer()

_FRAME = "asOf snapshot position truncated { reason stage }"
_TOTALS = "totals { currency debts amount balance unknown }"
_STEPS = (
    "steps { guarantor debtor statements"
    " { relationId originRegion amount currency loanNo validFrom validTo } }"
)
_EXPOSURE = f"""
query Exposure($subject: String!, $first: Int!, $asOf: Date) {{
  answer: guaranteeExposure(subject: $subject, first: $first, asOf: $asOf) {{
    {_FRAME} rule guaranteed guaranteedCount loanCount {_TOTALS} {NODES}
    debts {{ loanNo debtors amount balance currency own relationIds }} }} }}
"""
_CIRCLE = f"""
query Circle($subject: String!, $first: Int!, $cycles: Int!, $asOf: Date) {{
  answer: guaranteeCircle(subject: $subject, first: $first, maxCycles: $cycles, asOf: $asOf) {{
    {_FRAME} totalCount {_TOTALS} ringCount rings {{ members {_TOTALS} }} cycles cyclesComplete
    chainDown chainDownLength chainUp chainUpLength contagion {NODES} {_STEPS} }} }}
"""
_RISK = f"""
query Risk($seeds: [String!]!, $first: Int!, $model: RiskModel!, $steps: Int!, $asOf: Date) {{
  answer: riskPropagation(seeds: $seeds, first: $first, model: $model, steps: $steps,
      asOf: $asOf) {{
    {_FRAME} model missing totalCount hubs decays {{ course factor }} {NODES}
    impacts {{ key score seed via {{ source course weight relationId originRegion }} }} }} }}
"""


@application.command("exposure")
def exposure(
    subject: SUBJECT,
    as_of: AS_OF = None,
    first: FIRST = 1000,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """What a guarantor may have to pay 担保敞口: whom it stands for, each loan once.

    Exit status: 0 answered, 1 the answer does not verify, 2 refused or no such subject to see.
    """
    variables = {"subject": subject, "first": first, "asOf": as_of}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _EXPOSURE, variables, _exposure_rows, "guaranteed", as_json=as_json)


@application.command("circle")
def circle(
    subject: SUBJECT,
    as_of: AS_OF = None,
    first: FIRST = 100,
    cycles: Annotated[int, typer.Option(min=1, max=20, help="Cycles at most.")] = 10,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Who is tied to a subject by guarantees 担保圈, with rings, cycles and chains."""
    variables = {"subject": subject, "first": first, "cycles": cycles, "asOf": as_of}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _CIRCLE, variables, _circle_rows, "members", as_json=as_json)


@application.command("risk")
def risk(
    seeds: Annotated[list[str], typer.Argument(help="1 to 50 codes or ids.")],
    model: Annotated[str, typer.Option(help="DEBTRANK or PAGERANK.")] = "DEBTRANK",
    steps: Annotated[int, typer.Option(min=1, max=6, help="Steps from the seeds.")] = 3,
    as_of: AS_OF = None,
    first: FIRST = 100,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """How far trouble of some subjects reaches 风险传导, by a stated model."""
    variables = {
        "subject": seeds[0],
        "seeds": seeds,
        "first": first,
        "model": model.upper(),
        "steps": steps,
        "asOf": as_of,
    }
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _RISK, variables, _risk_rows, "impacts", as_json=as_json)


def _exposure_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    answer["amounts"] = {one["currency"]: one["amount"] for one in answer["totals"]}
    answer["loans"] = answer["loanCount"]
    return [{**named(parties, key, "subject"), "key": key} for key in answer["guaranteed"]]


def _circle_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    answer["amounts"] = {one["currency"]: one["amount"] for one in answer["totals"]}
    return [{**named(parties, key, "subject"), "key": key} for key in parties]


def _risk_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**named(parties, one["key"], "subject"), **one} for one in answer["impacts"]]
