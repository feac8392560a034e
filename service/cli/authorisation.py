"""`xinqiao authorisation`: a subject lets an agent read its data, and takes it back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.output import JSON_OPTION, console, explained, print_json, print_table
from service.cli.subject import HELP, one_code

application = typer.Typer(help="授权 authorisations: grant, revoke, list.", no_args_is_help=True)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
AS = Annotated[
    str,
    typer.Option("--as", help="The subject's identity, or a steward's.", autocompletion=identities),
]


@application.command("grant")
def grant_now(
    as_name: AS,
    to: Annotated[str, typer.Option(help="The agent 被授权机构, an enrolled caller.")],
    kinds: Annotated[str, typer.Option(help="Kinds of records, comma separated.")],
    purpose: Annotated[
        str, typer.Option(help="P9 credit, or P11 report.", autocompletion=purposes)
    ] = "P9",
    days: Annotated[int, typer.Option(help="Days that it holds, 1 to 90.")] = 90,
    uses: Annotated[int, typer.Option(help="Questions that it allows.")] = 1,
    subject: Annotated[
        str | None, typer.Option(help=f"Over the counter, whose data. {HELP}.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Over the counter: the signed paper.", exists=True)
    ] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Grant 授权 by the subject itself, or by a steward with the signed paper.

    The agent sends the id that this prints in credit-authorization.
    """
    from service.home import home
    from service.permission import grant

    listed = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    with explained():
        found = asyncio.run(
            grant(
                home(),
                node,
                as_name,
                to=to,
                kinds=listed,
                purpose=purpose,
                days=days,
                uses=uses,
                subject=one_code(subject),
                evidence=evidence,
            )
        )
    if as_json:
        print_json(found)
    else:
        console().print(f"{found['id']} 授权至 holds until {found['validTo']}")


@application.command("revoke")
def revoke_now(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The authorisation's id.")],
    as_name: AS,
    node: NODE = "benxi",
) -> None:
    """Revoke 撤回 from this moment on."""
    from service.home import home
    from service.permission import revoke

    with explained():
        asyncio.run(revoke(home(), node, as_name, id_))
    console().print(f"{id_} 已撤回 revoked")


@application.command("list")
def list_now(as_name: AS, node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List 列出 authorisations: a subject its own, stewards and supervisors all."""
    from service.home import home
    from service.permission import listed_authorisations

    with explained():
        rows = asyncio.run(listed_authorisations(home(), node, as_name))
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
