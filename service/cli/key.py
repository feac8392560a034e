"""`xinqiao key`: identities of this machine and the keys a node knows."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from service.cli.output import JSON_OPTION, console, explained, print_json

application = typer.Typer(help="密钥 keys: list, new, revoke.", no_args_is_help=True)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.")]


@application.command("list")
def list_keys(node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List the callers and keys that a node knows."""
    from service.enrolled import enrolled_keys
    from service.home import home

    with explained():
        rows = asyncio.run(enrolled_keys(home(), node))
    if as_json:
        print_json(rows)
        return
    table = Table("查询方 caller", "角色 role", "密钥 key", "算法 algorithm", "状态 state")
    for row in rows:
        table.add_row(row["caller"], row["role"], row["keyId"], row["algorithm"], row["state"])
    console().print(table)


@application.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the identity: lower-case letters.")],
    role: Annotated[str, typer.Option(help="PCITY, ANALYST or AUDITOR.")],
    label: Annotated[str, typer.Option(help="Name for people.")] = "",
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Make an identity with a new key here and enrol it at a node."""
    from service.enrolled import enrol_new
    from service.home import home

    with explained():
        key_id = asyncio.run(enrol_new(home(), node, name, role, label or name))
    if as_json:
        print_json({"caller": name, "keyId": key_id})
    else:
        console().print(f"{name}: {key_id}")


@application.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Key id, as `list` shows it.")],
    node: NODE = "benxi",
) -> None:
    """Revoke a key from now on."""
    from service.enrolled import revoke_now
    from service.home import home

    with explained():
        asyncio.run(revoke_now(home(), node, key_id))
    console().print(f"{key_id} 已吊销 revoked")
