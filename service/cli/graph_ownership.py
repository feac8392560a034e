"""`xinqiao graph owners|controllers|controlled|beneficial|related|circular`, through the API."""

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
    KNOWN_AT,
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

_SHARE = "{ low high fraction }"
_FRAME = "asOf position truncated { reason stage } findings { company findings }"
_KNOWN = f"knownAt snapshot {_FRAME}"
_STATEMENTS = "statements { relationId originRegion shareMin shareMax validFrom validTo }"
_STEP = f"holder company share {_SHARE} {_STATEMENTS}"
_CHAIN = f"company votes {_SHARE} allies voters {{ {_STEP} }}"
_DATED = "$asOf: Date, $knownAt: DateTime"
_DAYS = "asOf: $asOf, knownAt: $knownAt"

_DECLARED = """
  declared: declaredInterests(subject: $subject, asOf: $asOf, first: 200) {
    pageInfo { hasNextPage } nodes {
      party { __typename id name ... on Organisation { uscc } } unnamedReason type directness
      beneficial shareMin shareMax bounds details validFrom validTo originRegion source } }
"""

_OWNERS = f"""
query Owners($subject: String!, $first: Int!, $basis: ShareBasis!, {_DATED}) {{
  answer: owners(subject: $subject, first: $first, basis: $basis, {_DAYS}) {{
    {_KNOWN} basis state unknown circle undetermined totalCount {NODES}
    owners {{ key ultimate direct {_SHARE} integrated {_SHARE} pathsComplete
      paths {{ share {_SHARE} steps {{ {_STEP} }} }} }} }} }}
"""
_CONTROLLERS = f"""
query Controllers($subject: String!, {_DATED}) {{
  answer: controllers(subject: $subject, {_DAYS}) {{
    {_KNOWN} rule {NODES} possible borderline
    controllers {{ key label ultimate level component jointlyWith votes {_SHARE}
      chain {{ {_CHAIN} }} }} }}
  {_DECLARED} }}
"""
_CONTROLLED = f"""
query Controlled($subject: String!, $first: Int!, {_DATED}) {{
  answer: controlled(subject: $subject, first: $first, {_DAYS}) {{
    {_KNOWN} rule totalCount {NODES} possible borderline
    controlled {{ key label level votes {_SHARE} step {{ {_CHAIN} }} }} }} }}
"""
_BENEFICIAL = f"""
query Beneficial($subject: String!, {_DATED}) {{
  answer: beneficialOwners(subject: $subject, {_DAYS}) {{
    {_KNOWN} rule ruleText source undetermined {NODES}
    exemption {{ small personsAlone noOther committed applies }}
    owners {{ key rule label share {_SHARE} certain borderline position togetherWith
      paths {{ share {_SHARE} steps {{ {_STEP} }} }} }} }}
  {_DECLARED} }}
"""
_RELATED = f"""
query Related($subject: String!, $first: Int!, $asOf: Date) {{
  answer: relatedParties(subject: $subject, first: $first, asOf: $asOf) {{
    {_KNOWN} source totalCount {NODES}
    related {{ key tie label through votes {_SHARE} position borderline
      holdings {{ {_STEP} }} }} }} }}
"""
_CIRCULAR = f"""
query Circular($subject: String!, $first: Int!, $asOf: Date) {{
  answer: circularOwnership(subject: $subject, first: $first, asOf: $asOf) {{
    asOf snapshot position truncated {{ reason stage }} circular selfHeld size {NODES} members
    holdings {{ {_STEP} }} }} }}
"""


@application.command("owners")
def owners(
    subject: SUBJECT,
    basis: Annotated[str, typer.Option(help="EQUITY, PAID, VOTES or INCOME.")] = "EQUITY",
    as_of: AS_OF = None,
    known_at: KNOWN_AT = None,
    first: FIRST = 100,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Who finally owns a company 穿透持股: integrated shares, exact.

    Exit status: 0 answered, 1 the answer does not verify, 2 refused or no such subject to see.
    """
    variables = {
        "subject": subject,
        "first": first,
        "basis": basis.upper(),
        **_days(as_of, known_at),
    }
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _OWNERS, variables, _owner_rows, "owners", as_json=as_json)


@application.command("controllers")
def controllers(
    subject: SUBJECT,
    as_of: AS_OF = None,
    known_at: KNOWN_AT = None,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Who controls a company 疑似控制人: more than one half of the votes, with the chain."""
    variables = {"subject": subject, **_days(as_of, known_at)}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _CONTROLLERS, variables, _controller_rows, "controllers", as_json=as_json)


@application.command("controlled")
def controlled(
    subject: SUBJECT,
    as_of: AS_OF = None,
    known_at: KNOWN_AT = None,
    first: FIRST = 1000,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """What a subject controls 控制企业, in the order in which control follows."""
    variables = {"subject": subject, "first": first, **_days(as_of, known_at)}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _CONTROLLED, variables, _controlled_rows, "controlled", as_json=as_json)


@application.command("beneficial")
def beneficial(
    subject: SUBJECT,
    as_of: AS_OF = None,
    known_at: KNOWN_AT = None,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """The beneficial owners 受益所有人 of a firm, each with the rule that fired."""
    variables = {"subject": subject, **_days(as_of, known_at)}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _BENEFICIAL, variables, _beneficial_rows, "owners", as_json=as_json)


@application.command("related")
def related(
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
    """The related parties 关联方 of a firm by 企业会计准则第36号."""
    variables = {"subject": subject, "first": first, "asOf": as_of}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _RELATED, variables, _related_rows, "related", as_json=as_json)


@application.command("circular")
def circular(
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
    """The circle of holdings 循环持股 that a firm is in."""
    variables = {"subject": subject, "first": first, "asOf": as_of}
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    ask_graph(asker, _CIRCULAR, variables, _circle_rows, "members", as_json=as_json)


def _days(as_of: str | None, known_at: str | None) -> dict[str, str | None]:
    return {"asOf": as_of, "knownAt": known_at}


def _rows(
    answer: dict[str, Any], parties: dict[str, Any], name: str, figure: str, end: str
) -> list[dict[str, Any]]:
    """Each item with who it is, and its figure as `share` and beside it."""
    found = []
    for one in answer[name]:
        share = one[figure] or {"low": None, "high": None, "fraction": None}
        rest = {key: value for key, value in one.items() if key != figure}
        found.append({**named(parties, one["key"], end), "share": share, **share, **rest})
    return found


def _owner_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows(answer, parties, "owners", "integrated", "holder")


def _controller_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows(answer, parties, "controllers", "votes", "holder")


def _controlled_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows(answer, parties, "controlled", "votes", "subject")


def _beneficial_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows(answer, parties, "owners", "share", "holder")


def _related_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows(answer, parties, "related", "votes", "subject")


def _circle_rows(answer: dict[str, Any], parties: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**named(parties, key, "subject"), "key": key} for key in answer["members"]]
