"""The console: only its own browser asks, the key stays inside, every answer is verified."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from graphql import get_introspection_query

from client.checkpoint import Checkpoint
from client.exchange import Answer, Inclusion
from client.receipt import Receipt
from service.console import Console, Gate
from service.console_assets import VENDORED, asset
from tests.service.browser import PROGRAM, Browser
from tests.service.cities import XINQIAO, Cities

pytestmark = pytest.mark.timeout(400)
ASSETS = Path(__file__).parents[2] / "service" / "console_assets"
QUESTION = "query Firm($code: String!) { organisation(code: $code) { name } }"


@dataclass
class Opened:
    """A console that runs, and the address it printed."""

    address: str
    process: subprocess.Popen[str]

    @property
    def origin(self) -> str:
        return self.address.partition("/open")[0]

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """An HTTP client that was let in."""
        with httpx.Client(base_url=self.origin, trust_env=False, timeout=120) as client:
            assert client.get(self.address).status_code == 200
            client.headers["origin"] = self.origin
            yield client


@pytest.fixture
def console(cities: Cities) -> Iterator[Opened]:
    process = subprocess.Popen(
        [XINQIAO, "console", "--as", "analyst", "--port", "0"],
        env=cities.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        shown = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"http://127\.0\.0\.1:\d+/open\?token=\S+", "".join(shown))
        assert found, shown
        yield Opened(found[0], process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def test_a_person_explores_with_a_signed_question_and_sees_it_verified(
    console: Opened, cities: Cities
) -> None:
    with console.browser() as browser:
        code = cities.golden["demo"]["uscc"]
        content = {
            "query": QUESTION,
            "variables": {"code": code},
            "purpose": "P12",
            "case": "控1号",
        }
        found = browser.post("/graphql", json=content).json()
        assert found["verified"]
        assert found["answer"]["data"]["organisation"]["name"]
        proof = browser.post("/proof", json={"leaf": found["receipt"]["leaf"]}).json()
        assert proof["verified"]
        assert proof["receipt"]["index"] < proof["receipt"]["treeSize"]
        # Without a purpose the analyst is refused, which shows that the key did sign.
        refused = browser.post("/graphql", json={**content, "purpose": ""}).json()
        assert refused["answer"]["errors"][0]["extensions"]["code"] == "PURPOSE_REQUIRED"
        assert refused["verified"]


def test_introspection_works_without_a_purpose(console: Opened) -> None:
    with console.browser() as browser:
        content = {"query": get_introspection_query(), "operationName": "IntrospectionQuery"}
        found = browser.post("/graphql", json=content).json()
        assert found["verified"]
        assert found["answer"]["data"]["__schema"]["queryType"]["name"] == "Query"


def test_nobody_but_the_admitted_browser_may_ask(console: Opened, cities: Cities) -> None:
    question = {"query": "{ __typename }"}
    with httpx.Client(base_url=console.origin, trust_env=False) as stranger:
        assert stranger.get("/").status_code == 403
        assert stranger.get("/assets/console.js").status_code == 403
        assert stranger.post("/graphql", json=question).status_code == 403
        assert stranger.get("/open", params={"token": "guessed"}).status_code == 403
    with console.browser() as browser:
        # The token was used: whoever reads it from a history or a log comes too late.
        assert httpx.get(console.address, trust_env=False).status_code == 403
        assert browser.post("/graphql", json=question).status_code == 200
        for headers, code in (
            ({"origin": "https://elsewhere.example"}, "CONSOLE_ORIGIN"),
            ({"origin": "null"}, "CONSOLE_ORIGIN"),
            ({"host": "elsewhere.example"}, "CONSOLE_HOST"),
            ({"host": f"elsewhere.example:{console.origin.rpartition(':')[2]}"}, "CONSOLE_HOST"),
            ({"sec-fetch-site": "cross-site"}, "CONSOLE_ORIGIN"),
        ):
            answer = browser.post("/graphql", json=question, headers=headers)
            assert answer.status_code == 403, headers
            assert answer.json()["errors"][0]["extensions"]["code"] == code
        del browser.headers["origin"]
        assert browser.post("/graphql", json=question).status_code == 403
        # A form of another site can send text, not JSON.
        form = {"content-type": "text/plain", "origin": console.origin}
        sent = browser.post("/graphql", content=json.dumps(question), headers=form)
        assert sent.status_code == 400


def test_headers_keep_the_page_to_itself(console: Opened) -> None:
    answer = httpx.get(console.address, trust_env=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "access-control-allow-origin" not in answer.headers
    assert console.address.rpartition("=")[2] not in answer.headers["set-cookie"]


def test_it_listens_on_loopback_only_and_ends_with_ctrl_c(console: Opened) -> None:
    port = int(console.origin.rpartition(":")[2])
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]
    console.process.send_signal(signal.SIGINT)
    assert console.process.wait(30) == 0


def test_an_identity_that_is_not_here_is_refused_before_anything_listens(cities: Cities) -> None:
    done = subprocess.run(
        [XINQIAO, "console", "--as", "nobody"],
        env=cities.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "IDENTITY_UNKNOWN" in done.stderr


@pytest.mark.skipif(
    PROGRAM is None and "XINQIAO_CI" not in os.environ, reason="chromium is not installed"
)
def test_a_real_browser_asks_and_shows_the_proof(
    console: Opened, cities: Cities, tmp_path: Path
) -> None:
    with Browser(tmp_path) as browser:
        browser.command("Page.navigate", url=console.address)
        browser.wait_for("document.querySelector('.graphiql-execute-button') !== null")
        # The editor knows the schema: introspection went through the proxy.
        browser.wait_for("document.querySelector('.graphiql-spinner') === null")
        browser.evaluate("document.getElementById('purpose').value = 'P12'")
        browser.evaluate("document.querySelector('.graphiql-execute-button').click()")
        state = "document.getElementById('strip').dataset.state === 'sealed'"
        browser.wait_for(state)
        shown = browser.evaluate("document.getElementById('strip').textContent")
        assert "xinqiao.benxi/access" in shown
        assert "包含证明已验证" in shown
        answer = browser.evaluate("document.querySelector('.result-window').textContent")
        assert "organisations" in answer
        # Who has no mouse leaves the editor by Tab, to the button that asks.
        editor = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
        browser.evaluate(f"{editor}.focus()")
        pressed = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        browser.command("Input.dispatchKeyEvent", type="keyDown", **pressed)
        browser.wait_for("document.activeElement.className.includes('graphiql-execute-button')")
        # On a narrow screen the answer stands below the question.
        answers = "document.querySelector('.graphiql-response').getBoundingClientRect()"
        browser.command("Emulation.setDeviceMetricsOverride", width=420, height=800,
                        deviceScaleFactor=1, mobile=False)  # fmt: skip
        browser.wait_for(f"{answers}.width > 250 && {answers}.top > 300")
        # Questions stay in the page.
        assert browser.evaluate("Object.keys(localStorage).length") == 0
        assert browser.complaints() == []
        assert browser.hosts() == {console.origin.removeprefix("http://")}
        place = os.environ.get("XINQIAO_SCREENSHOT")
        if place:
            import base64

            data = browser.command("Page.captureScreenshot")["data"]
            Path(place).write_bytes(base64.b64decode(data))


class Told:
    """A node's client that answers what it is told to, each answer with a receipt."""

    origin = "http://127.0.0.1:8000"

    def __init__(self) -> None:
        self.data: Any = {"nodes": [{"name": "甲"}]}
        self.asked = 0

    def query(self, *_: Any, operation_name: str | None = None, **__: Any) -> Answer[Any]:
        self.asked += 1
        leaf = self.asked.to_bytes(32, "big")
        receipt = Receipt(leaf, 0, 10, "xinqiao.benxi/access", bytes(32))
        return Answer(200, self.data, (), None, receipt, True, message=b"x" * 1000)

    def check_receipt(self, _: Receipt) -> Inclusion:
        return Inclusion(3, Checkpoint("xinqiao.benxi/access", 9, bytes(32)))


@contextmanager
def played(client: Told) -> Iterator[Console]:
    """A console whose node is played."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        console = Console(Gate(listener.getsockname()[1]), client, client, "benxi", "analyst")  # type: ignore[arg-type]
        config = uvicorn.Config(
            console.application(), ws="none", lifespan="off", log_level="warning"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield console
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.mark.skipif(
    PROGRAM is None and "XINQIAO_CI" not in os.environ, reason="chromium is not installed"
)
def test_the_page_calls_verified_what_the_open_tab_shows_and_nothing_else(tmp_path: Path) -> None:
    client = Told()
    strip = "document.getElementById('strip')"
    run = "document.querySelector('.graphiql-execute-button').click()"
    with played(client) as console, Browser(tmp_path) as browser:
        browser.command("Page.navigate", url=console.gate.address)
        browser.wait_for("document.querySelector('.graphiql-execute-button') !== null")
        client.data = {"name": "甲\u202e司公限有\u2066<img src=x>"}
        browser.evaluate(run)
        browser.wait_for(f"{strip}.dataset.state === 'sealed'")
        browser.wait_for("document.querySelectorAll('.result-window .cm-invalidchar').length == 2")
        browser.evaluate("document.querySelector('.graphiql-tab-add').click()")
        browser.wait_for(f"{strip}.dataset.state === 'none'")
        browser.evaluate("document.querySelector('.graphiql-tab-button').click()")
        browser.wait_for(f"{strip}.dataset.state === 'sealed'")
        # The console was started again, at the same port: this page is none of its own.
        asked, console.gate.session = client.asked, "another"
        browser.evaluate(run)
        browser.wait_for(f"{strip}.dataset.state === 'problem'")
        assert "CONSOLE_TOKEN" in browser.evaluate(f"{strip}.textContent")
        browser.wait_for(
            "document.querySelector('.result-window').textContent.includes('CONSOLE_TOKEN')"
        )
        assert client.asked == asked


def test_of_an_answer_the_console_keeps_what_its_proof_needs() -> None:
    client = Told()
    client.data = {"name": "x" * 1_000_000}
    console = Console(Gate(1), client, client, "benxi", "analyst")  # type: ignore[arg-type]
    found = console._ask({"query": "{ name }"})
    assert (found["answer"]["data"], found["verified"]) == (client.data, True)
    (kept,) = console._receipts.values()
    assert (kept.data, kept.message, kept.verified) == (None, b"", True)


def test_a_token_lets_in_once() -> None:
    gate = Gate(8090)
    assert not gate.admit("")
    assert not gate.admit(gate.token[:-1])
    assert gate.admit(gate.token)
    assert not gate.admit(gate.token)
    assert gate.token not in repr(gate)
    assert Gate(8090).token != gate.token


def test_vendored_files_are_those_whose_digests_stand_beside_them() -> None:
    sums = dict(
        reversed(line.split("  "))
        for line in (ASSETS / "vendor/SHA256SUMS.txt").read_text().splitlines()
    )
    assert set(sums) == set(VENDORED)
    total = 0
    for name, digest in sums.items():
        content = (ASSETS / "vendor" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        total += len(content)
    assert total < 2_000_000
    assert asset("../console.html") is None
    assert asset("package.json") is None
    licences = (ASSETS / "vendor/LICENSES.txt").read_text()
    assert "GraphQL Contributors" in licences
    assert "Meta Platforms" in licences or "Facebook" in licences


def test_the_lock_pins_by_digest_and_names_no_registry() -> None:
    lock = json.loads((ASSETS / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())
