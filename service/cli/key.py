"""`xinqiao key`: identities of this machine and the keys a node knows."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Column, Table

from service.cli.completion import algorithms, key_uses, nodes, roles
from service.cli.output import JSON_OPTION, console, explained, fail, print_json, print_table
from service.cli.subject import HELP, one_code

if TYPE_CHECKING:
    from client.algorithm import Algorithm

application = typer.Typer(
    help="密钥 keys: list, show, new, enrol, invite, rotate, fields, revoke, judge, bind, publish.",
    no_args_is_help=True,
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
KEY_ID = Annotated[str, typer.Argument(help="Key id, as `list` shows it.")]
ALGORITHM = Annotated[
    str | None,
    typer.Option(help="ed25519, ecdsa-p256-sha256 or sm2-sm3.", autocompletion=algorithms),
]
PUBLIC_HELP = "Public key: 64 digits of Ed25519, or ecdsa-p256-sha256:… or sm2-sm3:…."
BARRED = Annotated[
    list[str] | None, typer.Option(help="Own or relatives' data: never shown; may be repeated.")
]


@application.command("list")
def list_keys(node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """List 列出 the callers and keys that a node knows."""
    from service.enrolled import enrolled_keys
    from service.home import home

    with explained():
        rows = asyncio.run(enrolled_keys(home(), node))
    if as_json:
        print_json(rows)
        return
    # Nothing of it is cut off on a narrow screen: ids and names are what the next command takes.
    table = Table(Column("密钥 key", no_wrap=True), box=box.SIMPLE)
    for title in (
        "查询方 caller", "角色 role", "状态 state", "设备 device", "止于 valid to",
        "最近使用 last used",
    ):  # fmt: skip
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(
            row["keyId"], row["caller"], row["role"], row["state"],
            row["device"] or "", (row["validTo"] or "")[:10], (row["lastUsed"] or "")[:10],
        )  # fmt: skip
    console().print(table)


@application.command("show")
def show(key_id: KEY_ID, node: NODE = "benxi", as_json: bool = JSON_OPTION) -> None:
    """Show 查看 one key's whole life: who enrolled it and ended it, what followed, its last use."""
    from service.home import home
    from service.key_life import show

    with explained():
        row = asyncio.run(show(home(), node, key_id))
    _show_row(row, as_json)


def _show_row(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        if value is not None:
            console().print(f"{name:14} {value}")


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
    algorithm: ALGORITHM = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Make 新建 an identity with a new key here and enrol it at a node."""
    from client.algorithm import Algorithm
    from service.enrolled import Particulars, enrol_new
    from service.home import home

    told = Particulars(label, unit, region, district, one_code(subject), tuple(barred or ()))
    with explained():
        kind = _algorithm(algorithm) or Algorithm.ED25519
        key_id = asyncio.run(enrol_new(home(), node, name, role, told, kind))
    _show(name, key_id, as_json)


@application.command("enrol")
def enrol(
    name: NAME,
    role: ROLE,
    public: Annotated[str, typer.Option(help=PUBLIC_HELP)],
    label: LABEL = "",
    unit: UNIT = None,
    region: REGION = None,
    district: DISTRICT = None,
    subject: SUBJECT = None,
    barred: BARRED = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Enrol 登记 a key that somebody else holds, for example a partner's, by its public half."""
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
    """Bind 绑定: say whom an identity of role SELF speaks for, after that one proved who it is."""
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


@application.command("rotate")
def rotate(
    name: Annotated[str | None, typer.Argument(help="Caller whose key is followed.")] = None,
    of: Annotated[
        str | None,
        typer.Option(
            help="A key of the node itself: answer, access, audit, feed, acknowledgement; field or"
            " blind for the keys that encrypt and index numbers of persons.",
            autocompletion=key_uses,
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Key id, where the caller has several.")] = None,
    public: Annotated[str | None, typer.Option(help=f"{PUBLIC_HELP} Held elsewhere.")] = None,
    algorithm: ALGORITHM = None,
    overlap_days: Annotated[
        float, typer.Option(help="Days for which both keys are good, 0 to 366.")
    ] = 7.0,
    compromised_from: Annotated[
        str | None, typer.Option(help="With --of: since when the old key may be a thief's.")
    ] = None,
    in_file: Annotated[
        bool, typer.Option("--file", help="With --of answer: a file, no token.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --of field or blind: carry it through here.")
    ] = False,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Rotate 轮换: let a key be followed by a new one, both good for a while."""
    from service.home import home
    from service.key_life import rotate_identity, rotate_own

    with explained():
        if (name is None) == (of is None):
            fail("KEY_NAMED", "name a caller, or a key of the node with --of")
        if of in ("field", "blind"):
            _rotate_fields(of, wait, node, as_json)
            return
        kind = _algorithm(algorithm)
        if of is not None:
            done = asyncio.run(
                rotate_own(
                    home(), node, of, algorithm=kind, overlap_days=overlap_days,
                    compromised_from=compromised_from, in_file=in_file,
                )
            )  # fmt: skip
        else:
            if compromised_from is not None:
                fail("KEY_NAMED", "say of a caller's key with `key revoke` that it is compromised")
            done = asyncio.run(
                rotate_identity(
                    home(), node, name or "", old=key, public=public, algorithm=kind,
                    overlap_days=overlap_days,
                )
            )  # fmt: skip
    until = _time(done.until)
    if as_json:
        print_json({"of": done.of, "old": done.old, "new": done.new, "oldGoodUntil": until})
    else:
        console().print(
            f"{done.of}: {done.old} → {done.new}，旧密钥用至 old key good until {until}"
        )


def _rotate_fields(of: str, wait: bool, node: str, as_json: bool) -> None:
    from service.home import home
    from service.rekeying import rotate_fields
    from store.rekeying import KeyUse

    row = asyncio.run(rotate_fields(home(), node, KeyUse(of), wait=wait))
    if as_json:
        print_json(row)
    else:
        console().print(f"{of}: k{row['number']} {row['state']}，已换 changed {row['changed']}")


@application.command("fields")
def fields(
    destroy_former: Annotated[
        str | None,
        typer.Option(help="Destroy the keys before the newest: of field or blind, once unused."),
    ] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Show 查看 how far rotations of the keys for numbers of persons are."""
    from service import rekeying
    from service.home import home
    from store.rekeying import KeyUse

    with explained():
        if destroy_former is None:
            rows = asyncio.run(rekeying.listed_rotations(home(), node))
        elif destroy_former not in tuple(KeyUse):
            fail("KEY_USE", f"name one of {', '.join(KeyUse)}")
        else:
            use = KeyUse(destroy_former)
            gone = asyncio.run(rekeying.destroy_former(home(), node, use))
            rows = [{"of": use.value, "destroyed": gone}]
    if as_json:
        print_json(rows)
    else:
        print_table(rows)


@application.command("revoke")
def revoke(
    key_id: KEY_ID,
    compromised_from: Annotated[
        str | None,
        typer.Option(help="Since when somebody else may have held it: RFC 3339 or a day."),
    ] = None,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Revoke 吊销 a key from now on; with a compromise, what it signed since is no evidence."""
    from service.home import home
    from service.key_life import revoke

    with explained():
        row = asyncio.run(revoke(home(), node, key_id, compromised_from))
    if as_json:
        print_json(row)
    else:
        console().print(f"{key_id} 已吊销 {row['state']}")


@application.command("invite")
def invite(
    name: NAME,
    device: Annotated[str, typer.Option(help="Name of the device, for people.")],
    minutes: Annotated[int, typer.Option(help="How long the code is good, minutes.")] = 15,
    days: Annotated[int, typer.Option(help="How long the device's key is good, days.")] = 365,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Invite 邀请: print a one-time code by which a caller enrols a browser or device."""
    from service.home import home
    from service.key_life import invite_device

    with explained():
        code = asyncio.run(invite_device(home(), node, name, device, minutes, days))
    if as_json:
        print_json({"caller": name, "device": device, "code": code, "minutes": minutes})
    else:
        console().print(f"{code}  {minutes} 分钟内有效 good for {minutes} minutes, once")


@application.command("judge")
def judge(
    key_id: KEY_ID,
    signed: Annotated[str, typer.Option(help="When it was signed, as `created` says: RFC 3339.")],
    sealed: Annotated[
        str | None, typer.Option(help="Time of the first checkpoint over the entry.")
    ] = None,
    cosigned: Annotated[
        str | None, typer.Option(help="Earliest time of a witness's cosignature over it.")
    ] = None,
    witnesses: Annotated[
        bool, typer.Option("--witnesses", help="The log had witnesses: its own seal is no proof.")
    ] = False,
    node: NODE = "benxi",
    as_json: bool = JSON_OPTION,
) -> None:
    """Judge 评判 whether a key's signature counts as evidence.

    Exit status: 0 it does, 1 it does not.
    """
    from service.home import home
    from service.key_life import judge

    with explained():
        found = asyncio.run(
            judge(home(), node, key_id, signed, sealed, cosigned, witnesses=witnesses)
        )
    _show_row(found, as_json)
    raise typer.Exit(0 if found["counts"] else 1)


def _algorithm(name: str | None) -> Algorithm | None:
    from client.algorithm import Algorithm

    try:
        return None if name is None else Algorithm(name)
    except ValueError:
        fail("ALGORITHM_UNKNOWN", f"the algorithm is one of {', '.join(Algorithm)}")


def _time(seconds: float) -> str:
    """A time as JSON values have it."""
    from security.entry import timestamp

    return timestamp(seconds)
