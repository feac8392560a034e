"""`xinqiao graph paths` and `links`: how subjects hang together, asked through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.graph_asking import (
    ACTOR,
    AS_NAME,
    AUTHORISATION,
    CASE,
    NODE,
    PURPOSE,
    Asker,
    named,
    refusal,
)
from service.cli.output import JSON_OPTION, console, explained, fail, print_json
from service.cli.query import show

application = typer.Typer()

_ANSWER = """{
    asOf position missing truncated { reason stage } shared { kind address degree crowded }
    nodes { key hub party { __typename id name ... on Organisation { uscc } } }
    paths { length nodes steps { source target edges {
      kind source target shareMin shareMax position originRegion relationId validFrom validTo
      statements { relationId originRegion shareMin shareMax validFrom validTo } } } }
  }"""
_PATHS = f"""\
query Paths($from: String!, $to: String!, $first: Int!, $maxLength: Int!, $kinds: [RelationKind!],
    $meaning: LinkMeaning, $asOf: Date, $maxFan: Int!, $hubs: Boolean!) {{
  paths(from: $from, to: $to, first: $first, maxLength: $maxLength, kinds: $kinds,
      meaning: $meaning, asOf: $asOf, maxFan: $maxFan, hubs: $hubs) {_ANSWER}
}}
"""
_LINKS = f"""\
query Links($subjects: [String!]!, $from: String, $maxLength: Int!, $kinds: [RelationKind!],
    $meaning: LinkMeaning, $asOf: Date, $maxFan: Int!, $hubs: Boolean!) {{
  links(subjects: $subjects, from: $from, maxLength: $maxLength, kinds: $kinds,
      meaning: $meaning, asOf: $asOf, maxFan: $maxFan, hubs: $hubs) {_ANSWER}
}}
"""

_EXPORT = """\
query Export($format: ExportFormat!, $subject: String!, $to: String, $hops: Int!, $maxLength: Int!,
    $asOf: Date) {
  graphExport(format: $format, subject: $subject, to: $to, hops: $hops, maxLength: $maxLength,
      asOf: $asOf) {
    mediaType content sha256 asOf position nodes edges leftOut truncated { reason stage } }
}
"""

_LENGTH = Annotated[int, typer.Option(min=1, max=8, help="Steps of a path at most.")]
_KINDS = Annotated[
    list[str] | None, typer.Option("--kind", help="Kind of relation to follow; may be repeated.")
]
_MEANING = Annotated[
    str | None, typer.Option(help="OWNERSHIP, CONTROL, MANAGEMENT or DEBT edges only.")
]
_AS_OF = Annotated[str | None, typer.Option(help="Relations in force on that day, YYYY-MM-DD.")]
_FAN = Annotated[int, typer.Option(min=1, max=1000, help="A node with more relations is a hub.")]
_HUBS = Annotated[bool, typer.Option("--hubs", help="Pass hubs.")]


@application.command("paths")
def paths(
    source: Annotated[str, typer.Argument(metavar="A", help="A code, scheme:value or id.")],
    target: Annotated[str, typer.Argument(metavar="B", help="A code, scheme:value or id.")],
    first: Annotated[int, typer.Option("-k", "--first", min=1, max=10, help="How many.")] = 3,
    max_length: _LENGTH = 4,
    kinds: _KINDS = None,
    meaning: _MEANING = None,
    as_of: _AS_OF = None,
    max_fan: _FAN = 100,
    hubs: _HUBS = False,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show the shortest paths 路径 between two subjects.

    Exit status: 0 answered, 1 the answer does not verify, 2 refused or no such subject to see.
    """
    variables = {
        "from": source,
        "to": target,
        "first": first,
        "maxLength": max_length,
        "kinds": kinds or None,
        "meaning": meaning,
        "asOf": as_of,
        "maxFan": max_fan,
        "hubs": hubs,
    }
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    _ask(asker, _PATHS, variables, as_json=as_json)


@application.command("links")
def links(
    subjects: Annotated[list[str], typer.Argument(help="2 to 50 codes or ids.")],
    centre: Annotated[
        str | None, typer.Option("--from", help="Only paths from this one to each other.")
    ] = None,
    max_length: _LENGTH = 4,
    kinds: _KINDS = None,
    meaning: _MEANING = None,
    as_of: _AS_OF = None,
    max_fan: _FAN = 100,
    hubs: _HUBS = False,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show a shortest path 关联 between each two subjects of a group."""
    variables = {
        "subjects": subjects,
        "from": centre,
        "maxLength": max_length,
        "kinds": kinds or None,
        "meaning": meaning,
        "asOf": as_of,
        "maxFan": max_fan,
        "hubs": hubs,
    }
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    _ask(asker, _LINKS, variables, as_json=as_json)


@application.command("export")
def export(
    subject: Annotated[str, typer.Argument(help="A code, scheme:value or id.")],
    out: Annotated[Path, typer.Option("--out", help="New file to write.")],
    form: Annotated[str, typer.Option("--format", help="graphml, csv or bods.")] = "graphml",
    target: Annotated[
        str | None, typer.Option("--to", help="The paths to it, not the neighbourhood.")
    ] = None,
    hops: Annotated[int, typer.Option(min=1, max=4, help="Levels around the subject.")] = 1,
    max_length: _LENGTH = 4,
    as_of: _AS_OF = None,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Export 导出 what is seen around a subject, or the paths to another, to a file. Exit
    status: 0 written and the answer verifies, 1 it does not, 2 not asked or nothing to see."""
    if out.exists():
        fail("FILE_EXISTS", f"{out} is there already: name a new file")
    variables = {
        "format": form.upper(),
        "subject": subject,
        "to": target,
        "hops": hops,
        "maxLength": max_length,
        "asOf": as_of,
    }
    with explained():
        found = Asker(node, as_name, purpose, case, actor, authorization).ask(_EXPORT, variables)
        told = found.to_json()
        export = (told["answer"].get("data") or {}).get("graphExport")
        if export is not None and found.verified:
            out.write_text(export.pop("content"), encoding="utf-8", newline="")
    if as_json:
        print_json(told)
    elif export is None:
        show(told)
    else:
        console().print(f"已导出 written: {out} ({export['nodes']} 节点, {export['edges']} 关系)")
    if export is None:
        raise typer.Exit(2)
    raise typer.Exit(0 if found.verified else 1)


def _ask(asker: Asker, document: str, variables: dict[str, Any], *, as_json: bool) -> None:
    with explained():
        found = asker.ask(document, variables)
    told = found.to_json()
    answer = next(iter((told["answer"].get("data") or {}).values()), None)
    if answer is None:
        code, message = refusal(found)
        if as_json:
            print_json({**told, "error": code})
        fail(code, message, 2 if found.verified else 1)
    if as_json:
        print_json({**told, **_told(answer)})
    else:
        _draw(answer)
        show(told)
    raise typer.Exit(0 if found.verified else 1)


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    """What a script reads: the subjects of each path by USCC or id, and what is left out."""
    parties = {one["key"]: one["party"] or {} for one in answer["nodes"]}
    return {
        "paths": [
            {
                "length": one["length"],
                "subjects": [named(parties, key, "subject")["subject"] for key in one["nodes"]],
                "steps": one["steps"],
            }
            for one in answer["paths"]
        ],
        "truncated": answer["truncated"],
        "missing": answer["missing"],
    }


def _draw(value: dict[str, Any]) -> None:
    """Each path on a line: names, and the kinds of relation between them."""
    out = console()
    if not value["paths"]:
        out.print("没有可见的路径 no visible path")
        return
    names = {one["key"]: (one["party"] or {}).get("name", "借款 loan") for one in value["nodes"]}
    for path in value["paths"]:
        line = names[path["nodes"][0]]
        for step in path["steps"]:
            kinds = ", ".join(sorted({edge["kind"] for edge in step["edges"]}))
            forward = step["edges"][0]["source"] == step["source"]
            arrow = f"—{kinds}→" if forward else f"←{kinds}—"
            line += f" {arrow} {names[step['target']]}"
        out.print(line)
