"""What the commands of the graph that ask about one subject share: options, asking, showing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.output import console, explained, fail, print_json, print_table

if TYPE_CHECKING:
    from service.inquiry import Found

NODES = "nodes { key party { __typename id name ... on Organisation { uscc } } }"
_NAMED = 10  # of those whom a remark is about
_COLUMNS = (
    "name", "uscc", "share", "direct", "rule", "tie", "level", "ultimate", "certain", "borderline",
    "score",
)  # fmt: skip
_DECLARED = ("name", "type", "directness", "beneficial", "shareMin", "shareMax", "computed")

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
        fail(code, message, 2 if found.verified else 1)
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
        shown["declared"] = [beside(one, listed) for one in interests["nodes"]]
        shown["declaredMore"] = interests["pageInfo"]["hasNextPage"]
    if name in ("controlled", "guaranteed"):
        shown["subjects"] = [one["subject"] for one in shown[name]]
    if as_json:
        print_json(shown)
    else:
        _show(shown, name, parties)
    raise typer.Exit(0 if found.verified else 1)


def beside(interest: dict[str, Any], listed: list[dict[str, Any]]) -> dict[str, Any]:
    """A declared interest, and whether who declares it is among those computed."""
    party = interest.pop("party") or {}
    holder = party.get("uscc") or party.get("id")
    computed = holder is not None and any(one.get("holder") == holder for one in listed)
    return {"holder": holder, "name": party.get("name"), **interest, "computed": computed}


def remarks(shown: dict[str, Any], parties: dict[str, Any]) -> list[str]:
    """What a reader of the figures should know beside them: who else it might be, what is not
    known, and of which companies."""

    def names(keys: list[str]) -> str:
        told = [str((parties.get(key) or {}).get("name") or "—") for key in keys[:_NAMED]]
        return "、".join(told) + (" …" if len(keys) > _NAMED else "")

    found = []
    if float(shown.get("unknown") or 0):
        found.append(f"未知 held by nobody who is known: {shown['unknown']}")
    if shown.get("possible"):
        found.append(f"可能 possible, were unknown shares theirs: {names(shown['possible'])}")
    if shown.get("borderline"):
        found.append(f"临界 on one half: {names(shown['borderline'])}")
    said: dict[str, list[str]] = {}
    for one in shown.get("findings") or ():
        for finding in one["findings"]:
            said.setdefault(finding, []).append(one["company"])
    for one in shown.get("totals") or ():
        told = f"合计 total: {one['debts']} 笔 debts, 金额 amount {one['amount']} {one['currency']}"
        balance = f", 余额 balance {one['balance']}" if one["balance"] else ""
        unknown = f", {one['unknown']} 笔金额不明 of unknown amount" if one["unknown"] else ""
        found.append(told + balance + unknown)
    found += [f"提示 {finding}: {names(keys)}" for finding, keys in sorted(said.items())]
    return found


def _show(shown: dict[str, Any], name: str, parties: dict[str, Any]) -> None:
    out = console()
    subject = shown["subject"]
    state = shown.get("state") or shown.get("ruleText") or shown.get("rule") or ""
    out.print(f"{subject.get('name')} {subject.get('uscc') or ''} {state}")
    _table(shown[name], _COLUMNS)
    for remark in remarks(shown, parties):
        out.print(remark)
    if shown.get("declared"):
        out.print("申报 declared, beside what is computed")
        _table(shown["declared"], _DECLARED)
        if shown["declaredMore"]:
            out.print("未尽 more are declared: ask `declaredInterests` for the next page")
    for cut in shown["truncated"]:
        out.print(f"截断 truncated: {cut['reason']} at {cut['stage']}")


def _table(rows: list[dict[str, Any]], wanted: tuple[str, ...]) -> None:
    """Print what rows have of some columns, shares as one number or as the least and the most."""
    columns = [key for key in wanted if rows and key in rows[0]]
    print_table([{key: _figure(row[key]) for key in columns} for row in rows], whole=("uscc",))


def _figure(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    low, high, fraction = value["low"], value["high"], value["fraction"]
    if low != high:
        return f"{low} – {high}"
    return f"{low} ({fraction})" if fraction not in (None, low) else low


def named(parties: dict[str, Any], key: str, end: str) -> dict[str, Any]:
    """Who is at a key, under the name of an end: the USCC, else the id that the caller is given."""
    party = parties.get(key) or {}
    return {
        end: party.get("uscc") or party.get("id"),
        "name": party.get("name"),
        "uscc": party.get("uscc"),
        "type": party.get("__typename"),
    }
