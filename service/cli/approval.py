"""`xinqiao approval`: a supervisor opens restricted data to one question for 24 hours."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from service.cli.completion import identities, nodes
from service.cli.document import DOCUMENT_HELP, document_text, variables_given
from service.cli.output import JSON_OPTION, console, explained, print_json, print_table
from service.cli.subject import codes_given

application = typer.Typer(
    help="审批 approvals: request, show, grant, refuse, list.", no_args_is_help=True
)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
AS = Annotated[
    str, typer.Option("--as", help="Identity of this machine.", autocompletion=identities)
]
ID = Annotated[str, typer.Argument(metavar="ID", help="The request's id, as `list` shows it.")]


@application.command("request")
def request(
    as_name: AS,
    case: Annotated[str, typer.Option(help="Case number 案号 that questions will name.")],
    subject: Annotated[
        list[str], typer.Option(help="A code, or the id of a person as shown; may be repeated.")
    ],
    reason: Annotated[str, typer.Option(help="Why 申请理由.")],
    document: Annotated[str, typer.Option(help=f"The question 查询. {DOCUMENT_HELP}")],
    variables: Annotated[str, typer.Option(help="Its variables as a JSON object.")] = "{}",
    operation_name: Annotated[str | None, typer.Option(help="Its operation to run.")] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Ask 申请 for restricted data in the answer to one question, as an analyst.

    The approval opens that question only, to the letter, with those variables.
    """
    from security.approval import Question
    from service.home import home
    from service.permission import ask_approval

    question = Question(document_text(document), variables_given(variables), operation_name)
    with explained():
        id_ = asyncio.run(
            ask_approval(
                home(), node, as_name, case=case, subjects=codes_given(subject), reason=reason,
                question=question,
            )
        )  # fmt: skip
    if as_json:
        print_json({"id": id_, "question": question.digest.hex()})
    else:
        console().print(f"{id_} 待审批 waiting\n  问题 question {question.digest.hex()}")


@application.command("show")
def show(id_: ID, as_name: AS, node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """Show 查看 a request with the question it asks: read it before you grant."""
    from service.home import home
    from service.permission import shown_approval

    with explained():
        found = asyncio.run(shown_approval(home(), node, as_name, id_))
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if value is not None:
            console().print(f"{name}: {value}")


@application.command("grant")
def grant(
    id_: ID,
    as_name: AS,
    note: Annotated[str, typer.Option(help="The supervisor's word 意见.")] = "",
    node: NODE = "benxi",
) -> None:
    """Grant 同意 the question for 24 hours, as a supervisor who did not ask."""
    _decide(id_, as_name, note, node, granted=True)
    console().print(f"{id_} 已同意 granted")


@application.command("refuse")
def refuse(
    id_: ID,
    as_name: AS,
    note: Annotated[str, typer.Option(help="The supervisor's word 意见.")] = "",
    node: NODE = "benxi",
) -> None:
    """Refuse 不同意."""
    _decide(id_, as_name, note, node, granted=False)
    console().print(f"{id_} 未同意 refused")


def _decide(id_: str, as_name: str, note: str, node: str, *, granted: bool) -> None:
    from service.home import home
    from service.permission import decide

    with explained():
        asyncio.run(decide(home(), node, as_name, id_, granted=granted, decision=note))


@application.command("list")
def list_now(as_name: AS, node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List 列出 requests: supervisors all, analysts their own."""
    from service.home import home
    from service.permission import listed_approvals

    with explained():
        rows = asyncio.run(listed_approvals(home(), node, as_name))
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
