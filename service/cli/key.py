"""`xinqiao key`: identities of this machine and the keys a node knows."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.table import Table

from service.cli.completion import nodes, roles
from service.cli.output import JSON_OPTION, console, explained, print_json
from service.cli.subject import HELP, one_code

application = typer.Typer(
    help="密钥 keys: list, new, enrol, bind, publish, revoke.", no_args_is_help=True
)

NODE = Annotated[str, typer.Option("--node", help="Name of the node.", autocompletion=nodes)]
NAME = Annotated[str, typer.Argument(help="Name of the identity: lower-case letters.")]
ROLE = Annotated[str, typer.Option(help="Role of docs/access.md.", autocompletion=roles)]
LABEL = Annotated[str, typer.Option(help="Name for people.")]
UNIT = Annotated[str | None, typer.Option(help="USCC of the unit, for departments.")]
REGION = Annotated[str | None, typer.Option(help="Region id of a partner city.")]
DISTRICT = Annotated[
    str | None, typer.Option(help="Region id: government data of subjects there only.")
]
SUBJECT = Annotated[str | None, typer.Option(help=f"For SELF, its subject. {HELP}.")]
BARRED = Annotated[
    list[str] | None, typer.Option(help="Own or relatives' data: never shown; may be repeated.")
]


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
    name: NAME,
    role: ROLE,
    label: LABEL = "",
    unit: UNIT = None,
    region: REGION = None,
    district: DISTRICT = None,
    subject: SUBJECT = None,
    barred: BARRED = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Make an identity with a new key here and enrol it at a node."""
    from service.enrolled import Particulars, enrol_new
    from service.home import home

    told = Particulars(label, unit, region, district, one_code(subject), tuple(barred or ()))
    with explained():
        key_id = asyncio.run(enrol_new(home(), node, name, role, told))
    _show(name, key_id, as_json)


@application.command("enrol")
def enrol(
    name: NAME,
    role: ROLE,
    public: Annotated[str, typer.Option(help="Ed25519 public key, 64 hexadecimal digits.")],
    label: LABEL = "",
    unit: UNIT = None,
    region: REGION = None,
    district: DISTRICT = None,
    subject: SUBJECT = None,
    barred: BARRED = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Enrol a key that somebody else holds, for example a partner's, by its public half."""
    from service.enrolled import Particulars, enrol_foreign
    from service.home import home

    told = Particulars(label, unit, region, district, one_code(subject), tuple(barred or ()))
    with explained():
        key_id = asyncio.run(enrol_foreign(home(), node, name, role, public, told))
    _show(name, key_id, as_json)


@application.command("bind")
def bind(
    name: NAME,
    subject: Annotated[str, typer.Option(help=f"{HELP}.")],
    node: NODE = "benxi",
) -> None:
    """Say whom an identity of role SELF speaks for, after that one proved who it is."""
    from service.enrolled import bind_to_subject
    from service.home import home

    with explained():
        asyncio.run(bind_to_subject(home(), node, name, one_code(subject) or ""))
    console().print(f"{name} 已绑定 bound")


def _show(name: str, key_id: str, as_json: bool) -> None:
    if as_json:
        print_json({"caller": name, "keyId": key_id})
    else:
        console().print(f"{name}: {key_id}")


@application.command("publish")
def publish(node: NODE = "benxi") -> None:
    """Print the node's own papers 公钥文件, which partners put into their enrolment folder."""
    from service.enrolment import establish
    from service.home import home
    from service.partnership import publish_own

    with explained():
        establish(home())
        sys.stdout.write(publish_own(home(), node).read_text(encoding="utf-8"))


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
