"""Trusted documents: what a system may ask in production was registered beforehand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from client.connection import Client
from client.keys import SigningKey
from client.question import Question, sign_request
from security.registry import RegisteredKey, enrol_key, load_registry
from service.enrolment import identity_key
from service.home import NodeHome
from service.postgres import PostgresServer
from tests.service.cities import LoneNode

WANTED = "query Wanted($c: String!) { organisation(code: $c) { name } }"
OTHER = "{ organisations { totalCount } }"
DIGEST = sha256(WANTED.encode()).hexdigest()
VARIABLES = {"c": "91210500XD00000011"}

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def ask(lone_node: LoneNode) -> Ask:
    """Ask the node as a system; the answer's status, and its data or the code of its error."""
    system = identity_key(lone_node.root, "shenyang")
    assert system is not None
    url = f"{lone_node.url('benxi')}/graphql"

    def asked(body: Any = None, key: Any = system, **parameters: str) -> tuple[int, Any]:
        target = f"{url}?{urlencode(parameters)}" if parameters else url
        method = "GET" if parameters else "POST"
        content = b"" if parameters else json.dumps(body).encode()
        question: Question = sign_request(
            key, method, target, content, now=time.time(), purpose="P1"
        )
        with lone_node.client() as client:
            response = client.send(question)
            client.verify(question, response)
        told = response.json()
        error = told["errors"][0]["extensions"]["code"] if "errors" in told else told["data"]
        return response.status_code, error

    return asked


def test_a_system_asks_what_was_registered_and_nothing_else(
    lone_node: LoneNode, ask: Ask, tmp_path: Path
) -> None:
    not_trusted, unknown = (403, "DOCUMENT_NOT_TRUSTED"), (403, "DOCUMENT_UNKNOWN")
    assert ask({"query": WANTED, "variables": VARIABLES}) == not_trusted
    assert ask({"query": "{"}) == not_trusted
    assert ask({"documentId": DIGEST}) == unknown
    file = tmp_path / "wanted.graphql"
    file.write_text(WANTED, encoding="utf-8")
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"a": WANTED, "b": "{ nobody }"}), encoding="utf-8")
    status, told = lone_node.xinqiao("trusted", "add", str(bad), "--caller=shenyang")
    assert (status, "DOCUMENT_INVALID" in str(told)) == (2, True)
    status, told = lone_node.xinqiao("trusted", "add", str(file), "--caller=nobody")
    assert (status, "CALLER_UNKNOWN" in str(told)) == (2, True)
    assert lone_node.xinqiao("trusted", "list")[1] == []  # a file is taken whole or not at all
    status, told = lone_node.xinqiao("trusted", "add", str(file), "--caller=shenyang")
    assert (status, told) == (0, [{"name": "wanted", "document": DIGEST}])

    given = {"variables": VARIABLES}
    lone_node.wait_for(lambda: ask({"query": WANTED, **given})[0] == 200, 30)
    answered = (200, {"organisation": None})
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": DIGEST}}
    assert ask({"documentId": f"sha256:{DIGEST}", **given}) == answered
    assert ask({"documentId": DIGEST, "query": WANTED, **given}) == answered
    assert ask({"extensions": persisted, **given}) == answered
    asked = {"variables": json.dumps(VARIABLES)}
    assert ask(documentId=f"sha256:{DIGEST}", **asked) == answered
    assert ask(extensions=json.dumps(persisted), **asked) == answered

    assert ask({"query": OTHER}) == not_trusted
    assert ask({"query": WANTED + " ", **given}) == not_trusted
    assert ask({"documentId": DIGEST, "query": OTHER}) == (400, "REQUEST_MALFORMED")
    assert ask({"documentId": "sha256:00"}) == (400, "REQUEST_MALFORMED")
    assert ask({"documentId": "0" * 64}) == unknown
    other = identity_key(lone_node.root, "department")  # another's documents are not its own
    assert ask({"documentId": DIGEST}, key=other)[0] == 403

    remove = ("trusted", "remove", DIGEST, "--caller=shenyang")
    assert lone_node.xinqiao_text(*remove)[0] == 0
    lone_node.wait_for(lambda: ask({"documentId": DIGEST})[0] == 403, 30)
    status, text = lone_node.xinqiao_text(*remove)
    assert (status, "DOCUMENT_UNKNOWN" in text) == (2, True)


def test_persons_on_their_devices_and_other_roles_ask_what_they_like(
    lone_node: LoneNode, ask: Ask
) -> None:
    device = SigningKey.generate(f"shenyang-device-{time.time_ns()}")

    async def enrol() -> None:
        connection = await asyncpg.connect(PostgresServer(NodeHome(lone_node.root, "benxi")).dsn)
        try:
            registry = await load_registry(connection)
            caller = next(k.caller for k in registry.keys.values() if k.caller.id == "shenyang")
            known = RegisteredKey(device.key_id, caller, device.algorithm, device.public)
            await enrol_key(connection, known, device="notebook")
        finally:
            await connection.close()

    asyncio.run(enrol())
    lone_node.wait_for(lambda: ask({"query": OTHER}, key=device)[0] == 200, 30)
    with lone_node.client() as public:
        assert isinstance(public, Client)
        assert public.query(OTHER).status == 200
    with lone_node.client(identity="analyst") as analyst:
        assert analyst.query(OTHER, purpose="P12").status == 200
