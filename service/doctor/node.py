"""What the doctor observes of one node: its servers and its partners; nothing is changed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from client.errors import ClientError
from client.key_change import changes_of, follow
from client.keys import NodeKeys
from service.doctor.files import examine_keys, examine_log
from service.doctor.finding import Finding, State, fault, fine
from service.doctor.machine import judge_folder, port
from service.doctor.node_judgement import (
    Offset,
    Server,
    judge_clock,
    judge_neo4j,
    judge_port,
    judge_postgres,
)
from service.doctor.witness import examine_witnesses
from service.enrolment import LOGS
from service.home import NodeHome
from service.settings import Partner, Settings
from service.supervisor import is_served

_PATIENCE = 3.0


def is_running(settings: Settings) -> bool:
    """Whether this very node answers at its address."""
    return _ready(_reachable_url(settings)) == settings.node


async def examine_node(root: Path, settings: Settings, *, own: bool) -> list[Finding]:
    """Check one node whose settings are valid; `own` tells that it runs now."""
    node_home = NodeHome(root, settings.node)
    found = port(settings.host, settings.port, own=own)
    if found.problem == errno.EADDRINUSE:
        found = replace(found, served=is_served(node_home))
    findings = [judge_port(found, settings.node)]
    if settings.postgres_url is not None:
        findings += await examine_postgres(settings.postgres_url)
    if settings.graph_uri is not None:
        findings.append(judge_neo4j(_neo4j(settings.graph_uri, *settings.graph_login)))
    if node_home.path.exists():
        findings.append(judge_folder(node_home.path))
    findings += examine_keys(
        node_home.keys, set_up=node_home.keys.is_dir(), in_token=bool(settings.answer_key)
    )
    findings += examine_keys(root / "identities", set_up=False)
    for log in LOGS:
        findings += examine_log(node_home, log, root / "public" / f"{settings.node}.json")
    for partner in settings.partners:
        findings += examine_partner(root, partner, own=own)
    if own:
        findings += examine_witnesses(_reachable_url(settings))
    else:
        findings += _last_start(node_home.logs / "node.log")
    return findings


async def examine_postgres(url: str) -> list[Finding]:
    """Check the PostgreSQL that a node is given, its clock too."""
    try:
        connection = await asyncpg.connect(url, timeout=_PATIENCE)
    except Exception as cause:
        return [judge_postgres(Server(_reason(cause)))]
    try:
        began = time.time()
        rows = await connection.fetch(
            "SELECT extract(epoch FROM clock_timestamp())::float8 AS now,"
            " current_setting('server_version') AS version,"
            " current_setting('server_version_num')::int AS number,"
            " current_setting('server_encoding') AS encoding,"
            " has_schema_privilege('public', 'CREATE') AS may_create",
            timeout=_PATIENCE,
        )
        ended = time.time()
    except Exception as cause:
        return [judge_postgres(Server(_reason(cause)))]
    finally:
        await connection.close(timeout=_PATIENCE)
    row = rows[0]
    server = Server(None, row["version"], row["number"], row["encoding"], row["may_create"])
    offset = Offset("PostgreSQL", row["now"] - (began + ended) / 2, (ended - began) / 2)
    return [judge_postgres(server), judge_clock(offset)]


def _neo4j(uri: str, user: str, password: str) -> Server:
    from neo4j import GraphDatabase

    try:
        with GraphDatabase.driver(
            uri, auth=(user, password), connection_timeout=_PATIENCE,
            connection_acquisition_timeout=_PATIENCE, max_transaction_retry_time=0,
        ) as driver:  # fmt: skip
            found = driver.execute_query(
                "CALL dbms.components() YIELD name, versions RETURN versions[0] AS version LIMIT 1"
            )
            version = str(found.records[0]["version"])
    except Exception as cause:
        return Server(_reason(cause))
    return Server(None, version, int(version.partition(".")[0]))


def examine_partner(root: Path, partner: Partner, *, own: bool) -> list[Finding]:
    """Check that a partner's papers are here and that it answers with them, at our time.

    A partner that does not answer is a fault only while our own node runs.
    """
    findings = []
    papers = root / "public" / f"{partner.name}.json"
    if not papers.exists() and own:
        findings.append(_papers_missing(partner.name))
    try:
        began = time.time()
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as client:
            answer = client.get(f"{partner.url}/keys")
        ended = time.time()
        given: Any = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError) as cause:
        return [*findings, _unreachable(partner, type(cause).__name__, own=own)]
    told = answer.headers.get("date")
    if told:
        # A proxy's own way of writing dates tells nothing of the node.
        with contextlib.suppress(ValueError):
            findings.append(judge_clock(_offset(partner.name, told, began, ended)))
    if not isinstance(given, dict) or "answers" not in given:
        return [*findings, _unreachable(partner, f"HTTP {answer.status_code}", own=own)]
    if papers.exists():
        known = json.loads(papers.read_text(encoding="utf-8"))
        if any(known.get(part) != given.get(part) for part in ("region", "agreement")) or (
            not _same_keys(papers.read_text(encoding="utf-8"), answer.text)
        ):
            return [*findings, _other_keys(partner.name)]
    return [
        *findings,
        fine("partner", f"伙伴节点 {partner.name} 可达", f"partner {partner.name} answers"),
    ]


def _same_keys(papers: str, given: str) -> bool:
    """Whether the shown keys are those of the papers, or follow from them by signed changes."""
    try:
        known, shown = NodeKeys.from_json(papers), NodeKeys.from_json(given)
        reached = follow(known, changes_of(given), time.time())
    except ClientError:
        return False
    return (
        shown.logs == reached.logs
        and shown.answers.items() <= {**known.answers, **reached.answers}.items()
    )


def _offset(name: str, told: str, began: float, ended: float) -> Offset:
    """How far a `Date` header is from ours; it gives whole seconds, cut off (RFC 9110 §6.6.1)."""
    moment = parsedate_to_datetime(told).timestamp() + 0.5
    return Offset(name, moment - (began + ended) / 2, 0.5 + (ended - began) / 2)


def _unreachable(partner: Partner, reason: str, *, own: bool) -> Finding:
    return fault(
        "partner",
        "PARTNER_UNREACHABLE",
        (
            f"伙伴节点 {partner.name}（{partner.url}）没有应答：{reason}",
            f"partner {partner.name} ({partner.url}) does not answer: {reason}",
        ),
        (
            "检查设置 partners 的地址、网络，或联系对方运维",
            "check the address in the setting `partners` and the network, or ask its operator",
        ),
        State.FAULT if own else State.NOTICE,
    )


def _papers_missing(name: str) -> Finding:
    return fault(
        "partner",
        "NODE_KEYS_MISSING",
        (f"没有伙伴节点 {name} 的公钥文件", f"the papers of partner {name} are not here"),
        (
            f"把对方 `xinqiao key publish` 的输出存为 public/{name}.json",
            f"save what its operator's `xinqiao key publish` prints as public/{name}.json",
        ),
    )


def _other_keys(name: str) -> Finding:
    return fault(
        "partner",
        "PARTNER_KEYS_DIFFER",
        (
            f"伙伴节点 {name} 出示的公钥与本机保存的不同",
            f"partner {name} shows other public keys than those kept here",
        ),
        (
            "先与对方运维当面或电话核对，再替换公钥文件；不要直接采用对方出示的公钥",
            "compare with its operator by voice before replacing the papers; do not just take them",
        ),
    )


def _last_start(output: Path) -> list[Finding]:
    """What the last start failed of, when it did."""
    try:
        with output.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 4096, 0))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return []
    last = lines[-1] if lines else ""
    _, critical, reason = last.partition(" CRITICAL xinqiao ")
    if not critical:
        return []
    return [
        fault(
            "start",
            "START_FAILED",
            (f"上次启动失败：{reason}", f"the last start failed: {reason}"),
            (
                f"按错误代码处理（docs/errors.md），再启动；详见 {output}",
                f"do what the code asks for (docs/errors.md) and start again; see {output}",
            ),
        )
    ]


def _reachable_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{host}:{settings.port}"


def _ready(url: str) -> str | None:
    try:
        return str(httpx.get(f"{url}/ready", timeout=_PATIENCE, trust_env=False).json()["node"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None


def _reason(cause: Exception) -> str:
    """What a driver says of a failure, one line; drivers do not quote passwords."""
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0][:200]}" if lines else type(cause).__name__
