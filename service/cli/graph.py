"""`xinqiao graph`: the relationship graph compared, rebuilt, asked."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli import graph_guarantee, graph_ownership, graph_paths
from service.cli.graph_asking import (
    ACTOR,
    AS_NAME,
    AUTHORISATION,
    CASE,
    NODE,
    PURPOSE,
    Asker,
)
from service.cli.output import JSON_OPTION, console, explained, print_json, styled
from service.cli.query import show

application = typer.Typer(help="关系图谱 the relationship graph.", no_args_is_help=True)
application.add_typer(graph_paths.application)
application.add_typer(graph_ownership.application)
application.add_typer(graph_guarantee.application)

_NEIGHBOURHOOD = """\
query Neighbourhood($subject: String!, $hops: Int!) {
  neighbourhood(subject: $subject, hops: $hops) {
    asOf
    position
    truncated { reason stage }
    nodes { distance degree expanded party { __typename id name } }
    edges { kind source target shareMin shareMax position originRegion relationId }
  }
}
"""
_COMPARED = ("nodes", "relationships")


@application.command("verify")
def verify(
    node: NODE = "benxi",
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs.")] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Compare 核对 the graph with the store.

    Exit status: 0 equal, 1 they differ, 2 not comparable.
    """
    from service.home import home
    from service.projecting import repair_graph, verify_graph

    with explained():
        if repair:
            before, report = asyncio.run(repair_graph(home(), node))
            if not as_json:
                console().print(f"已修补 mended: {before.differences - report.differences}")
        else:
            report = asyncio.run(verify_graph(home(), node))
    found = report.to_json()
    if as_json:
        print_json(found)
    else:
        state = ("green", "✔ 一致 equal") if report.ok else ("bold red", "✘ 不一致 they differ")
        nodes, ties = ("{postgres:,} / {neo4j:,}".format(**found[k]) for k in _COMPARED)
        counts = f": 节点 nodes {nodes}, 关系 relationships {ties} (PostgreSQL / Neo4j)"
        console().print(styled(*state, counts))
        for one in found["differing"]:
            console().print(f"  {one}")
    raise typer.Exit(0 if report.ok else 1)


@application.command("rebuild")
def rebuild(node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """Empty 重建 the graph and fill it again from the store; safe while the node runs."""
    from service.home import home
    from service.projecting import rebuild_graph

    with explained():
        counts = asyncio.run(rebuild_graph(home(), node))
    if as_json:
        print_json(counts)
    else:
        console().print(
            f"已重建 rebuilt: {counts['nodes']:,} 节点 nodes,"
            f" {counts['relationships']:,} 关系 relationships"
        )


@application.command("neighbourhood")
def neighbourhood(
    subject: Annotated[str, typer.Argument(help="USCC, any other code, or scheme:value.")],
    hops: Annotated[int, typer.Option(min=1, max=4, help="Levels around the subject.")] = 1,
    node: NODE = "benxi",
    as_name: AS_NAME = None,
    purpose: PURPOSE = None,
    case: CASE = "",
    actor: ACTOR = None,
    authorization: AUTHORISATION = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show 邻域 who is around a subject, through the API with the identity's scope."""
    asker = Asker(node, as_name, purpose, case, actor, authorization)
    with explained():
        found = asker.ask(_NEIGHBOURHOOD, {"subject": subject, "hops": hops})
    if as_json:
        print_json(found.to_json())
    else:
        show(found.to_json())
    raise typer.Exit(0 if found.verified else 1)
