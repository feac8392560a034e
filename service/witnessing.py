"""Witnesses of a node: whom it asks to cosign its logs, and whose logs it cosigns."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from client.errors import ClientError
from client.key_change import changes_of, follow
from client.note import COSIGNATURE, VerifierKey
from security.event import append_event
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note
from security.tlog.reader import TileReader
from security.witness.address import WitnessAddress
from service.enrolment import LOGS, EnrolmentError, current_origin, log_origin, node_keys
from service.home import NodeHome
from service.settings import Settings
from store.connection import Connection
from sync.line import LineError, hear
from sync.transport import MAX_FILE
from sync.witness_policy import LogStanding, WitnessPolicy, standings
from sync.witnessing import OwnLog, Witnessing

if TYPE_CHECKING:
    from service.node import Node

_LOOK = 5.0
"""Seconds for a partner to show its keys."""
PATH = "/witness"
"""Where a node serves as a witness: the submission and the monitoring prefix."""


def policy_of(settings: Settings) -> WitnessPolicy:
    """What the settings want of witnesses."""
    return WitnessPolicy(
        settings.witness_quorum,
        settings.witness_interval,
        settings.witness_alarm,
        settings.witness_stop,
    )


def witnesses_of(root: Path, settings: Settings) -> tuple[WitnessAddress, ...]:
    """Whom a node asks: its partners, as far as their papers name a witness key, and others."""
    found = []
    for partner in settings.partners:
        with contextlib.suppress(OSError, ValueError, KeyError, ClientError):
            text = (root / "public" / f"{partner.name}.json").read_text(encoding="utf-8")
            key = VerifierKey.parse(json.loads(text)["witness"])
            if key.type == COSIGNATURE:
                found.append(WitnessAddress(key, partner.url + PATH))
    return (*found, *settings.witnesses)


def witness_keys(root: Path, settings: Settings) -> tuple[VerifierKey, ...]:
    """The keys of a node's witnesses, for whoever verifies its heads."""
    return tuple(one.key for one in witnesses_of(root, settings))


def partner_logs(root: Path, settings: Settings) -> dict[str, Sequence[VerifierKey]]:
    """The logs that a node witnesses: its partners', with the keys of their papers."""
    found: dict[str, Sequence[VerifierKey]] = {}
    for partner in settings.partners:
        with contextlib.suppress(OSError, ClientError, EnrolmentError):
            found |= {o: (key,) for o, key in node_keys(root, partner.name).logs.items()}
    return found


async def followed_logs(root: Path, settings: Settings) -> dict[str, Sequence[VerifierKey]]:
    """The partners' logs with the keys to which their signed changes lead from their papers.

    A partner that does not answer, or whose changes do not hold or tell of a compromise, is left
    out: what its papers say goes on to count (docs/keys.md).
    """
    found: dict[str, Sequence[VerifierKey]] = {}
    async with httpx.AsyncClient(timeout=_LOOK, trust_env=False) as http:
        for partner in settings.partners:
            with contextlib.suppress(OSError, LineError, ClientError, EnrolmentError):
                url = f"{partner.url}/keys"
                heard = await hear(http, "GET", url, most=MAX_FILE, seconds=_LOOK)
                if heard.status != 200:
                    continue
                changes = changes_of(heard.body.decode("utf-8", "replace"))
                keys = follow(node_keys(root, partner.name), changes, time.time())
                found |= {origin: (key,) for origin, key in keys.logs.items()}
    return found


def own_logs(node: Node) -> list[OwnLog]:
    """The logs that a node has witnessed."""
    signers = zip(LOGS, (node.keys.access, node.keys.audit, node.keys.feed), strict=True)
    return [OwnLog(signer.verifiers, node.home.log / name) for name, signer in signers]


def witnessing(node: Node, http: httpx.AsyncClient) -> list[Witnessing]:
    """What asks the witnesses of each of a node's logs."""
    witnesses = witnesses_of(node.root, node.settings)
    policy = policy_of(node.settings)
    return [Witnessing(node.work_pool, http, log, witnesses, policy) for log in own_logs(node)]


async def witness_standings(connection: Any, root: Path, settings: Settings) -> list[LogStanding]:
    """How each log of a node stands with its witnesses."""
    home = NodeHome(root, settings.node)
    return await standings(
        connection,
        policy_of(settings),
        {current_origin(home, log): _size(home.log / log) for log in LOGS},
        witnesses={key.text for key in witness_keys(root, settings)},
    )


def standing_json(standing: LogStanding) -> dict[str, Any]:
    """A log's standing as JSON values: for /ready, the doctor and the command line."""
    return {
        "state": str(standing.state),
        "size": standing.size,
        "cosigned": standing.cosigned,
        "unwitnessed": standing.tail,
        "age": round(standing.age, 1),
        "witnesses": [
            {
                "name": one.witness.partition("+")[0],
                "size": one.size,
                "cosignedAt": one.cosigned_at.isoformat() if one.cosigned_at else None,
                "code": one.code,
                "message": one.message,
                "failures": one.failures,
            }
            for one in standing.answers
        ],
    }


async def record_policy(connection: Connection, root: Path, settings: Settings) -> bool:
    """Write the witness policy into the access log when it is not the one there; whether it was.

    So an auditor sees when a node began to be content with fewer witnesses.
    """
    detail: Mapping[str, object] = {
        "quorum": settings.witness_quorum,
        "alarm": settings.witness_alarm,
        "stop": settings.witness_stop,
        "witnesses": sorted(key.text for key in witness_keys(root, settings)),
    }
    policy = orjson.dumps(detail, option=orjson.OPT_SORT_KEYS).decode()
    async with connection.transaction():
        changed = await connection.fetchval(
            "INSERT INTO witness_policy AS p (policy) VALUES ($1) ON CONFLICT (one) DO UPDATE"
            " SET policy = excluded.policy WHERE p.policy <> excluded.policy RETURNING true",
            policy,
        )
        if changed:
            origin = log_origin(settings.node, "access")
            await append_event(connection, origin, settings.node, "WITNESS_CHANGE", detail)
    return bool(changed)


def _size(directory: Path) -> int:
    note = TileReader(directory).checkpoint()
    return 0 if note is None else Checkpoint.parse(Note.parse(note).text).size
