"""`xinqiao query`: ask a node a signed question and verify the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.document import DOCUMENT_HELP, document_text, variables_given
from service.cli.output import JSON_OPTION, console, explained, fail, print_json, styled


def query(
    document: Annotated[str, typer.Argument(help=DOCUMENT_HELP)],
    as_name: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Identity that signs; without it the public reader.",
            autocompletion=identities,
        ),
    ] = None,
    node: Annotated[
        str, typer.Option(help="Name of a node, or its URL.", autocompletion=nodes)
    ] = "benxi",
    purpose: Annotated[
        str | None, typer.Option(help="Purpose 查询目的, P1 to P17.", autocompletion=purposes)
    ] = None,
    case: Annotated[str, typer.Option(help="Case number 案号.")] = "",
    actor: Annotated[str | None, typer.Option(help="Person who acts, for systems.")] = None,
    authorization: Annotated[
        str | None, typer.Option(help="Id of the subject's authorisation 授权.")
    ] = None,
    variables: Annotated[str, typer.Option(help="Variables as a JSON object.")] = "{}",
    operation_name: Annotated[str | None, typer.Option(help="Operation to run.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="New file for the signed answer, for `audit package --answer`."),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Ask a question 查询, verify the answer's signature, its receipt and the receipt's proof.

    Exit status: 0 the answer verifies (a refusal is an answer: look at `errors`), 1 it does not,
    2 unusable call or node out of reach.
    """
    from security.approval import Question
    from service.home import home
    from service.inquiry import ask

    values, text = variables_given(variables), document_text(document)
    if keep is not None and keep.exists():
        fail("FILE_EXISTS", f"{keep} is there already: name a new file")
    with explained():
        found = ask(
            home(),
            node,
            as_name,
            text,
            values,
            purpose=purpose,
            case=case,
            actor=actor,
            authorization=authorization,
            operation_name=operation_name,
        )
        if keep is not None:
            keep.write_bytes(found.answer.message)
    if as_json:
        print_json(found.to_json())
    else:
        show(found.to_json())
        if case:  # by this an approval knows the question
            digest = Question(text, values, operation_name).digest.hex()
            console().print(f"  问题 question {digest}")
    raise typer.Exit(0 if found.verified else 1)


def show(found: dict[str, Any]) -> None:
    """Print an answer for people."""
    out = console()
    out.print_json(json.dumps(found["answer"], ensure_ascii=False))
    receipt = found["receipt"]
    if found["verified"]:
        out.print(styled("green", "✔ 签名与回执已验证", " signature and receipt verified"))
        if receipt and receipt.get("index") is not None:
            out.print(
                f"  日志 log {receipt['log']}  序号 index {receipt['index']}"
                f"  检查点 checkpoint size {receipt['treeSize']}\n  叶 leaf {receipt['leaf']}"
            )
    else:
        out.print(styled("bold red", "✘ 未通过验证", f" not verified: {found.get('problem')}"))
