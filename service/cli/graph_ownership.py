"""`xinqiao graph owners|controllers|controlled|beneficial|related|circular`, through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.output import JSON_OPTION, console, explained, notices, print_json, print_table

application = typer.Typer()

_SHARE = "{ low high fraction }"
_FRAME = "asOf position truncated { reason stage } findings { company findings }"
_KNOWN = f"knownAt snapshot {_FRAME}"
_NODES = "nodes { key party { __typename id name ... on Organisation { uscc } } }"
_STATEMENTS = "statements { relationId originRegion shareMin shareMax validFrom validTo }"
_STEP = f"holder company share {_SHARE} {_STATEMENTS}"
_CHAIN = f"company votes {_SHARE} allies voters {{ {_STEP} }}"
_DATED = "$asOf: Date, $knownAt: DateTime"
_DAYS = "asOf: $asOf, knownAt: $knownAt"

_OWNERS = f"""
query Owners($subject: String!, $first: Int!, $basis: ShareBasis!, {_DATED}) {{
  answer: owners(subject: $subject, first: $first, basis: $basis, {_DAYS}) {{
    {_KNOWN} basis state unknown circle undetermined totalCount {_NODES}
    owners {{ key ultimate direct {_SHARE} integrated {_SHARE} pathsComplete
      paths {{ share {_SHARE} steps {{ {_STEP} }} }} }} }} }}
"""
_CONTROLLERS = f"""
query Controllers($subject: String!, {_DATED}) {{
  answer: controllers(subject: $subject, {_DAYS}) {{
    {_KNOWN} rule {_NODES} possible borderline
    controllers {{ key label ultimate level component jointlyWith votes {_SHARE}
      chain {{ {_CHAIN} }} }} }} }}
"""
_CONTROLLED = f"""
query Controlled($subject: String!, $first: Int!, {_DATED}) {{
  answer: controlled(subject: $subject, first: $first, {_DAYS}) {{
    {_KNOWN} rule totalCount {_NODES} possible borderline
    controlled {{ key label level votes {_SHARE} step {{ {_CHAIN} }} }} }} }}
"""
_BENEFICIAL = f"""
query Beneficial($subject: String!, {_DATED}) {{
  answer: beneficialOwners(subject: $subject, {_DAYS}) {{
    {_KNOWN} rule ruleText source undetermined {_NODES}
    exemption {{ small personsAlone noOther committed applies }}
    owners {{ key rule label share {_SHARE} certain borderline position togetherWith
      paths {{ share {_SHARE} steps {{ {_STEP} }} }} }} }} }}
"""
_RELATED = f"""
query Related($subject: String!, $first: Int!, $asOf: Date) {{
  answer: relatedParties(subject: $subject, first: $first, asOf: $asOf) {{
    {_KNOWN} source totalCount {_NODES}
    related {{ key tie label through votes {_SHARE} position borderline
      holdings {{ {_STEP} }} }} }} }}
"""
_CIRCULAR = f"""
query Circular($subject: String!, $first: Int!, $asOf: Date) {{
  answer: circularOwnership(subject: $subject, first: $first, asOf: $asOf) {{
    asOf snapshot position truncated {{ reason stage }} circular selfHeld size {_NODES} members
    holdings {{ {_STEP} }} }} }}
"""

_PLAIN = ("name", "uscc", "low", "high", "fraction", "rule", "tie", "level", "ultimate")

_SUBJECT = Annotated[str, typer.Argument(help="USCC, any other code, scheme:value or id.")]
_AS_OF = Annotated[
    str | None, typer.Option("--as-of", help="Holdings in force on that day, YYYY-MM-DD.")
]
_KNOWN_AT = Annotated[
    str | None,
    typer.Option("--known-at", help="As known then: RFC 3339, 2026-06-30T08:00:00+08:00."),
]
_FIRST = Annotated[int, typer.Option("--first", min=1, max=1000, help="Rows at most.")]
_NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
_AS = Annotated[
    str | None, typer.Option("--as", help="Identity that signs.", autocompletion=identities)
]
_PURPOSE = Annotated[str | None, typer.Option(help="Purpose, P1 to P17.", autocompletion=purposes)]
_CASE = Annotated[str, typer.Option(help="Case number.")]


@application.command("owners")
def owners(
    subject: _SUBJECT,
    basis: Annotated[str, typer.Option(help="EQUITY, PAID, VOTES or INCOME.")] = "EQUITY",
    as_of: _AS_OF = None,
    known_at: _KNOWN_AT = None,
    first: _FIRST = 100,
    node: _NODE = "benxi",
    as_name: _AS = None,
    purpose: _PURPOSE = None,
    case: _CASE = "",
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
    _ask(node, as_name, purpose, case, _OWNERS, variables, _owner_rows, "owners", as_json=as_json)


@application.command("controllers")
def controllers(
    subject: _SUBJECT,
    as_of: _AS_OF = None,
    known_at: _KNOWN_AT = None,
    node: _NODE = "benxi",
    as_name: _AS = None,
    purpose: _PURPOSE = None,
    case: _CASE = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """Who controls a company 疑似控制人: more than one half of the votes, with the chain."""
    variables = {"subject": subject, **_days(as_of, known_at)}
    _ask(
        node, as_name, purpose, case, _CONTROLLERS, variables, _controller_rows, "controllers",
        as_json=as_json,
    )  # fmt: skip


@application.command("controlled")
def controlled(
    subject: _SUBJECT,
    as_of: _AS_OF = None,
    known_at: _KNOWN_AT = None,
    first: _FIRST = 1000,
    node: _NODE = "benxi",
    as_name: _AS = None,
    purpose: _PURPOSE = None,
    case: _CASE = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """What a subject controls 控制企业, in the order in which control follows."""
    variables = {"subject": subject, "first": first, **_days(as_of, known_at)}
    _ask(
        node, as_name, purpose, case, _CONTROLLED, variables, _controlled_rows, "controlled",
        as_json=as_json,
    )  # fmt: skip


@application.command("beneficial")
def beneficial(
    subject: _SUBJECT,
    as_of: _AS_OF = None,
    known_at: _KNOWN_AT = None,
    node: _NODE = "benxi",
    as_name: _AS = None,
    purpose: _PURPOSE = None,
    case: _CASE = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """The beneficial owners 受益所有人 of a firm, each with the rule that fired."""
    variables = {"subject": subject, **_days(as_of, known_at)}
    _ask(
        node, as_name, purpose, case, _BENEFICIAL, variables, _beneficial_rows, "owners",
        as_json=as_json,
    )  # fmt: skip


@application.command("related")
def related(
    subject: _SUBJECT,
    as_of: _AS_OF = None,
    first: _FIRST = 1000,
    node: _NODE = "benxi",
    as_name: _AS = None,
    purpose: _PURPOSE = None,
    case: _CASE = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """The related parties 关联方 of a firm by 企业会计准则第36号."""
    variables = {"subject": subject, "first": first, "asOf": as_of}
    _ask(
        node, as_name, purpose, case, _RELATED, variables, _related_rows, "related",
        as_json=as_json,
    )  # fmt: skip


@application.command("circular")
def circular(
    subject: _SUBJECT,
    as_of: _AS_OF = None,
    first: _FIRST = 1000,
    node: _NODE = "benxi",
    as_name: _AS = None,
    purpose: _PURPOSE = None,
    case: _CASE = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """The circle of holdings 循环持股 that a firm is in."""
    variables = {"subject": subject, "first": first, "asOf": as_of}
    _ask(
        node, as_name, purpose, case, _CIRCULAR, variables, _circle_rows, "members",
        as_json=as_json,
    )  # fmt: skip


def _days(as_of: str | None, known_at: str | None) -> dict[str, str | None]:
    return {"asOf": as_of, "knownAt": known_at}


def _ask(
    node: str,
    as_name: str | None,
    purpose: str | None,
    case: str,
    document: str,
    variables: dict[str, Any],
    rows: Callable[[dict[str, Any], dict[str, Any]], list[dict[str, Any]]],
    name: str,
    *,
    as_json: bool,
) -> None:
    from service.home import home
    from service.inquiry import ask

    with explained():
        found = ask(home(), node, as_name, document, variables, purpose=purpose, case=case)
    told = found.to_json()
    answer = (told["answer"].get("data") or {}).get("answer")
    errors = told["answer"].get("errors") or []
    if answer is None:
        code = errors[0]["extensions"]["code"] if errors else "NOT_FOUND"
        message = errors[0]["message"] if errors else "there is no such subject to see"
        if as_json:
            print_json(
                {"subject": variables["subject"], "error": code, "verified": told["verified"]}
            )
        notices().print(f"[bold red]{code}[/]: {message}")
        raise typer.Exit(2 if found.verified else 1)
    parties = {one["key"]: one["party"] or {} for one in answer["nodes"]}
    shown = {
        **answer,
        "subject": parties["n0"],
        name: rows(answer, parties),
        "verified": told["verified"],
        "receipt": told["receipt"],
    }
    if name == "controlled":
        shown["subjects"] = [one["subject"] for one in shown[name]]
    if as_json:
        print_json(shown)
    else:
        _show(shown, name)
    raise typer.Exit(0 if found.verified else 1)


def _show(shown: dict[str, Any], name: str) -> None:
    out = console()
    subject = shown["subject"]
    state = shown.get("state") or shown.get("ruleText") or shown.get("rule") or ""
    out.print(f"{subject.get('name')} {subject.get('uscc') or ''} {state}", markup=False)
    plain = (
        "name",
        "uscc",
        "low",
        "high",
        "fraction",
        "direct",
        "rule",
        "tie",
        "level",
        "ultimate",
    )
    print_table([{k: row[k] for k in plain if k in row} for row in shown[name]])
    for cut in shown["truncated"]:
        out.print(f"截断 truncated: {cut['reason']} at {cut['stage']}")


def _named(parties: dict[str, Any], key: str, end: str) -> dict[str, Any]:
    """Who is at a key, under the name of an end: the USCC, else the id that the caller is given."""
    party = parties.get(key) or {}
    return {
        end: party.get("uscc") or party.get("id"),
        "name": party.get("name"),
        "uscc": party.get("uscc"),
        "type": party.get("__typename"),
    }


def _rows(
    answer: dict[str, Any], parties: dict[str, Any], name: str, figure: str, end: str
) -> list[dict[str, Any]]:
    """Each item with who it is, and its figure as `share` and beside it."""
    found = []
    for one in answer[name]:
        share = one[figure] or {"low": None, "high": None, "fraction": None}
        rest = {key: value for key, value in one.items() if key != figure}
        found.append({**_named(parties, one["key"], end), "share": share, **share, **rest})
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
    return [{**_named(parties, key, "subject"), "key": key} for key in answer["members"]]
