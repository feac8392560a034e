"""What the commands of the graph that ask about one subject share: options, asking, showing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.output import console, explained, notices, print_json, print_table

if TYPE_CHECKING:
    from service.inquiry import Found

NODES = "nodes { key party { __typename id name ... on Organisation { uscc } } }"

SUBJECT = Annotated[str, typer.Argument(help="USCC, any other code, scheme:value or id.")]
AS_OF = Annotated[
    str | None, typer.Option("--as-of", help="Holdings in force on that day, YYYY-MM-DD.")
]
KNOWN_AT = Annotated[
    str | None,
    typer.Option("--known-at", help="As known then: RFC 3339, 2026-06-30T08:00:00+08:00."),
]
FIRST = Annotated[int, typer.Option("--first", min=1, max=1000, help="Rows at most.")]
NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
AS_NAME = Annotated[
    str | None, typer.Option("--as", help="Identity that signs.", autocompletion=identities)
]
PURPOSE = Annotated[str | None, typer.Option(help="Purpose, P1 to P17.", autocompletion=purposes)]
CASE = Annotated[str, typer.Option(help="Case number.")]
ACTOR = Annotated[str | None, typer.Option(help="Person who acts, for systems.")]
AUTHORISATION = Annotated[
    str | None, typer.Option("--authorization", help="Id of the subject's authorisation 授权.")
]


@dataclass(frozen=True, slots=True)
class Asker:
    """Which node is asked, by whom and why."""

    node: str
    as_name: str | None
    purpose: str | None
    case: str
    actor: str | None
    authorization: str | None

    def ask(self, document: str, variables: dict[str, Any]) -> Found:
        """The node's answer. Raises as `service.inquiry.ask`."""
        from service.home import home
        from service.inquiry import ask

        return ask(
            home(),
            self.node,
            self.as_name,
            document,
            variables,
            purpose=self.purpose,
            case=self.case,
            actor=self.actor,
            authorization=self.authorization,
        )


def refusal(found: Found) -> tuple[str, str]:
    """Code and message of a question that has no answer."""
    if found.answer.errors:
        first = found.answer.errors[0]
        return first["extensions"]["code"], first["message"]
    return "NOT_FOUND", "there is no such subject to see: name it by a code or an id, not by a name"


def ask_graph(
    asker: Asker,
    document: str,
    variables: dict[str, Any],
    rows: Callable[[dict[str, Any], dict[str, Any]], list[dict[str, Any]]],
    name: str,
    *,
    as_json: bool,
) -> None:
    with explained():
        found = asker.ask(document, variables)
    told = found.to_json()
    answer = (told["answer"].get("data") or {}).get("answer")
    if answer is None:
        code, message = refusal(found)
        if as_json:
            print_json(
                {"subject": variables["subject"], "error": code, "verified": told["verified"]}
            )
        notices().print(f"[bold red]{code}[/]: {message}")
        raise typer.Exit(2 if found.verified else 1)
    parties = {one["key"]: one["party"] or {} for one in answer["nodes"]}
    listed = rows(answer, parties)  # it may add to the answer
    shown = {
        **answer,
        "subject": parties.get("n0", {}),
        name: listed,
        "verified": told["verified"],
        "receipt": told["receipt"],
    }
    if (interests := told["answer"]["data"].get("declared")) is not None:
        shown["declared"] = [beside(one, listed) for one in interests]
    if name in ("controlled", "guaranteed"):
        shown["subjects"] = [one["subject"] for one in shown[name]]
    if as_json:
        print_json(shown)
    else:
        _show(shown, name)
    raise typer.Exit(0 if found.verified else 1)


def beside(interest: dict[str, Any], listed: list[dict[str, Any]]) -> dict[str, Any]:
    """A declared interest, and whether who declares it is among those computed."""
    party = interest.pop("party") or {}
    holder = party.get("uscc") or party.get("id")
    computed = holder is not None and any(one.get("holder") == holder for one in listed)
    return {"holder": holder, "name": party.get("name"), **interest, "computed": computed}


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
        "score",
    )
    print_table([{k: row[k] for k in plain if k in row} for row in shown[name]])
    if shown.get("declared"):
        out.print("申报 declared, beside what is computed")
        told = ("name", "type", "directness", "beneficial", "shareMin", "shareMax", "computed")
        print_table([{key: row[key] for key in told} for row in shown["declared"]])
    for cut in shown["truncated"]:
        out.print(f"截断 truncated: {cut['reason']} at {cut['stage']}")


def named(parties: dict[str, Any], key: str, end: str) -> dict[str, Any]:
    """Who is at a key, under the name of an end: the USCC, else the id that the caller is given."""
    party = parties.get(key) or {}
    return {
        end: party.get("uscc") or party.get("id"),
        "name": party.get("name"),
        "uscc": party.get("uscc"),
        "type": party.get("__typename"),
    }
