"""The npm clients graphql-ws and graphql-sse against a running node: every event verified."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from client.profile import body_digest
from client.question import Question
from client.subscription import verify_event
from service.enrolment import identity_key, node_keys
from tests.programs import node_path, npm_folder
from tests.resolvers.conftest import uid
from tests.service.inner_node import InnerNode
from tests.service.test_subscriptions import touch

HERE = Path(__file__).parent / "live"
DOCUMENT = """subscription($after: String) { recordChanged(kinds: ["penalty"], after: $after) {
    recordId position record { subject { ... on Organisation { codes { scheme value } } } } } }"""


async def _events(inner: InnerNode, road: str, events: int) -> list[Any]:
    """What the client received, one record touched for each event."""
    folder = await asyncio.to_thread(npm_folder, HERE)
    order = {
        "road": road,
        "url": inner.url,
        "pem": str(inner.root / "identities" / "analyst.pem"),
        "keyId": identity_key(inner.root, "analyst").key_id,
        "purpose": "P12",
        "document": DOCUMENT,
        "events": events,
        "restart": road == "ws",
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        str(folder / "subscribe.mjs"),
        json.dumps(order),
        stdout=asyncio.subprocess.PIPE,
        env=dict(node_path()),
    )
    assert process.stdout is not None
    try:
        for _ in range(400):
            if inner.work.changes.followed:
                break
            await asyncio.sleep(0.05)
        found = []
        for _ in range(events):
            await touch(inner, "罚1")
            found.append(json.loads(await asyncio.wait_for(process.stdout.readline(), 30)))
        return found
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("road", "events"), [("ws", 3), ("sse", 2)])
async def test_standard_clients_receive_signed_events(
    inner: InnerNode, road: str, events: int
) -> None:
    for told in await _events(inner, road, events):
        assert told["event"]["data"]["recordChanged"]["recordId"] == str(uid("罚1")), told
        asked = told["question"]
        body = asked["body"].encode()
        question = Question(
            asked["method"],
            asked["target"],
            tuple(asked["headers"].items()),
            body,
            body_digest(body),
        )
        verify_event(question, told["event"], node_keys(inner.root, "benxi"), now=time.time())
