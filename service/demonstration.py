"""What `xinqiao run` shows: Shenyang asks Benxi about a firm, and is once refused."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from client.checkpoint import Checkpoint
from client.connection import Client
from client.errors import ClientError
from client.note import Note
from service.cli.output import styled
from service.demo import BENXI
from service.enrolment import identity_key, node_keys
from service.inquiry import Found, verify
from service.settings import Settings
from service.witnessing import witness_keys

_PATIENCE = 20  # looks, four a second
IDENTITY = "shenyang"
PURPOSE = "P1"
CASE = "沈审〔2026〕12号"
REFUSED_PURPOSE = "P7"

QUESTION = """\
query Firm($code: String!) {
  organisation(code: $code) {
    name
    uscc
    regStatus
    region { name }
    legalRepName
    licences(first: 10) {
      totalCount
      nodes { documentNo documentName decisionDate licenceValidTo issuerName originRegion }
    }
    penalties(first: 10) {
      totalCount
      nodes {
        documentNo
        decisionDate
        violationType
        fineAmount { value unit }
        displayUntil
        originRegion
      }
    }
    holders {
      edges {
        shareMin
        shareMax
        originRegion
        holder {
          name
          ... on Organisation {
            uscc
            holders {
              edges { shareMin shareMax holder { name ... on Organisation { uscc } } }
            }
          }
        }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """The two exchanges of the demonstration."""

    answered: Found
    refused: Found
    witnessed_by: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Everything verified: the answer has data, the refusal none, both stand in the log."""
        return (
            self.answered.verified
            and not self.answered.refused
            and not self.answered.answer.errors
            and self.answered.answer.data["organisation"] is not None
            and self.refused.verified
            and self.refused.refused
        )


def demonstrate(root: Path, settings: Settings, code: str) -> Shown:
    """Ask the demo's two questions of the Benxi node, as Shenyang's system."""
    http = httpx.Client(timeout=60, trust_env=False)
    key = identity_key(root, IDENTITY)
    with Client(settings.url, key, node_keys(root, BENXI.node), http=http) as client:
        answer = client.query(QUESTION, {"code": code}, purpose=PURPOSE, case=CASE)
        refusal = client.query(QUESTION, {"code": code}, purpose=REFUSED_PURPOSE, case=CASE)
        shown = Shown(verify(client, answer), verify(client, refusal))
    return replace(shown, witnessed_by=_witnesses(root, settings, shown.refused))


def _witnesses(root: Path, settings: Settings, last: Found) -> tuple[str, ...]:
    """Who has cosigned a head that covers the last entry, within a few seconds; often a partner
    that still starts has not."""
    keys = witness_keys(root, settings)
    if last.inclusion is None or not keys:
        return ()
    for _ in range(_PATIENCE):
        with contextlib.suppress(httpx.HTTPError, ClientError):
            answer = httpx.get(f"{settings.url}/log/access/cosigned", timeout=5, trust_env=False)
            note = Note.parse(answer.raise_for_status().content)
            if Checkpoint.parse(note.text).size > last.inclusion.index:
                return tuple(key.name for key in note.verified_by(keys))
        time.sleep(0.25)
    return ()


def show(shown: Shown, code: str, out: Console) -> None:
    """Print both exchanges for people, Chinese first."""
    out.rule("沈阳问本溪 Shenyang asks Benxi")
    out.print(f"身份 as {IDENTITY}, 目的 purpose {PURPOSE}, 案号 case {CASE}, 主体 subject {code}")
    firm = (shown.answered.answer.data or {}).get("organisation")
    if firm:
        _show_firm(firm, out)
    else:
        out.print_json(json.dumps(shown.answered.to_json()["answer"], ensure_ascii=False))
    _show_proof(shown.answered, out)
    out.rule("被拒绝的一问 A question that is refused")
    out.print(f"目的 purpose {REFUSED_PURPOSE}")
    for error in shown.refused.answer.errors:
        out.print(styled("yellow", error["extensions"]["code"], f": {error['message']}"))
    _show_proof(shown.refused, out)
    if shown.witnessed_by:
        said = f" head cosigned by {', '.join(shown.witnessed_by)}"
        out.print(styled("green", "✔ 日志已由伙伴见证", said))


def _show_firm(firm: dict[str, object], out: Console) -> None:
    tree = Tree(styled("bold", str(firm["name"]), f" {firm['uscc']}"))
    for label, name in (("许可 licences", "licences"), ("处罚 penalties", "penalties")):
        found = firm[name]
        assert isinstance(found, dict)
        table = Table(title=f"{label} {found['totalCount']}", title_justify="left")
        columns = list(found["nodes"][0]) if found["nodes"] else []
        for column in columns:
            table.add_column(column, overflow="fold")
        for node in found["nodes"]:
            table.add_row(*(_cell(node[column]) for column in columns))
        if columns:
            tree.add(table)
    holders = tree.add("股东及其股东 holders and theirs")
    held = firm["holders"]
    assert isinstance(held, dict)
    for edge in held["edges"]:
        branch = holders.add(f"{edge['holder']['name']} {_share(edge)} {edge['originRegion']}")
        for above in edge["holder"].get("holders", {}).get("edges", ()):
            branch.add(f"{above['holder']['name']} {_share(above)}")
    out.print(tree)


def _share(edge: dict[str, str | None]) -> str:
    low, high = edge["shareMin"], edge["shareMax"]
    return f"{low}" if low == high else f"{low}–{high}"


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values())
    return "" if value is None else str(value)


def _show_proof(found: Found, out: Console) -> None:
    if not found.verified:
        out.print(styled("bold red", "✘ 未通过验证 not verified", f": {found.problem}"))
    elif found.inclusion is not None and found.answer.receipt is not None:
        place = (
            f" signature, receipt and proof verified: entry {found.inclusion.index}"
            f" of {found.inclusion.checkpoint.size} in {found.answer.receipt.log}"
        )
        out.print(styled("green", "✔ 签名、回执、日志证明均已验证", place))
