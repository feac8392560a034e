"""`xinqiao trusted`: the documents that a partner's or a department's system may ask."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.cli.completion import nodes
from service.cli.output import JSON_OPTION, console, explained, fail, print_json, print_table

application = typer.Typer(
    help="受信文档 trusted documents: add, remove, list.", no_args_is_help=True
)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
CALLER = Annotated[str, typer.Option(help="The caller 调用方 whose documents they are.")]


@application.command("add")
def add_now(
    files: Annotated[
        list[Path], typer.Argument(help="Files of GraphQL, or JSON manifests of Relay or Apollo.")
    ],
    caller: CALLER,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Register documents 登记; the node knows them within a second."""
    from service.home import home
    from service.trusted import add_documents

    with explained():
        added = asyncio.run(add_documents(home(), node, caller, files))
    if as_json:
        print_json(added)
    else:
        print_table(added)


@application.command("remove")
def remove_now(
    digest: Annotated[str, typer.Argument(help="SHA-256 of the document, hexadecimal.")],
    caller: CALLER,
    node: NODE = "benxi",
) -> None:
    """Take a document back 撤销 from now on."""
    from service.home import home
    from service.trusted import remove_document

    with explained():
        found = asyncio.run(remove_document(home(), node, caller, digest))
    if not found:
        fail("DOCUMENT_UNKNOWN", "the caller has no document of this digest: see `list`")
    console().print(f"{digest} 已撤销 removed")


@application.command("list")
def list_now(
    caller: Annotated[str | None, typer.Option(help="Of one caller; of all without it.")] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """List the documents 清单 with who registered them."""
    from service.home import home
    from service.trusted import list_documents

    with explained():
        rows = asyncio.run(list_documents(home(), node, caller))
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
