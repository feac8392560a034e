"""docs/api.md from a key to a verified answer, as it stands; the examples and a Hive gateway."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.programs import lacks, need, node_path, npm_folder
from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
STEPS = PAGE[PAGE.index("## From a key") : PAGE.index("**What goes wrong**")]
FIRM = "91210503XDXBLPC747"
NAME = "本溪筠泓萱建筑工程有限公司"
EXAMPLE = ROOT / "examples/typescript"


@pytest.fixture(scope="module")
def typescript() -> Path:
    folder = npm_folder(EXAMPLE)
    found = subprocess.run(
        ["node", "-p", "process.versions.node"], env=node_path(), capture_output=True, check=True
    )
    if int(found.stdout.split(b".")[0]) < 22:
        lacks("Node 22.18 or newer runs TypeScript as it stands")
    return folder


def run(*words: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        list(words),
        cwd=cwd,
        env={**node_path(), **environment},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_leads_from_a_key_to_a_verified_answer(cities: Cities, tmp_path: Path) -> None:
    need("openssl", "curl")
    for name in (".venv", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/xinqiao").symlink_to(Path(sys.executable).parent / "xinqiao")
    blocks = re.findall(r"```sh\n(.*?)```", STEPS, re.DOTALL)
    shell = "\n".join(block for block in blocks if "npm ci" not in block)
    assert len(blocks) >= 6
    script = shell.replace("http://127.0.0.1:8000", cities.url("benxi"))
    told = run("bash", "-euc", script, cwd=tmp_path, **cities.environment)
    assert told.count(NAME) >= 2  # the public reader's answer, and the signed one
    (python,) = re.findall(r"```python\n(.*?)```", STEPS, re.DOTALL)
    (tmp_path / "ask.py").write_text(
        python.replace("http://127.0.0.1:8000", cities.url("benxi")), encoding="utf-8"
    )
    told = run(sys.executable, "ask.py", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert f"200 {{'organisation': {{'name': '{NAME}'" in told
    assert re.search(r"^\d+ None$", told, re.MULTILINE)
    assert (tmp_path / "receipts.db").exists()


def test_the_typescript_example_asks_and_verifies(cities: Cities, typescript: Path) -> None:
    (block,) = [b for b in re.findall(r"```sh\n(.*?)```", STEPS, re.DOTALL) if "npm ci" in b]
    assert "node examples/typescript/ask.ts" in block
    key = str(cities.root / "identities/analyst.pem")
    for extra in ([], [key, key_id(cities, "analyst"), "P12", "辽案〔2026〕1号"]):
        told = json.loads(run("node", "ask.ts", cities.url("benxi"), FIRM, *extra, cwd=typescript))
        assert told["data"]["organisation"]["name"] == NAME
        assert told["errors"] == []
        assert told["log"]["index"] < told["log"]["size"]


def test_the_typescript_example_is_typed_strictly(typescript: Path) -> None:
    run("node", "node_modules/typescript/bin/tsc", "-p", ".", cwd=typescript)


def test_the_typescript_example_refuses_what_was_changed(
    cities: Cities, typescript: Path, tmp_path: Path
) -> None:
    """The same program with the keys of the other city: it must not believe the answer."""
    program = (typescript / "ask.ts").read_text(encoding="utf-8")
    other = program.replace("`${origin}/keys`", f"'{cities.url('shenyang')}/keys'")
    assert other != program
    changed = typescript / f"ask.{os.getpid()}.ts"
    changed.write_text(other, encoding="utf-8")
    try:
        done = subprocess.run(
            ["node", changed.name, cities.url("benxi"), FIRM],
            cwd=typescript, env=node_path(), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    finally:
        changed.unlink()
    assert done.returncode != 0
    assert "not one of the node" in done.stderr


def key_id(cities: Cities, name: str) -> str:
    from service.enrolment import identity_key

    return identity_key(cities.root, name).key_id


@contextmanager
def gateway(folder: Path, *arguments: str) -> Iterator[str]:
    """A Hive gateway over the node and a second subgraph, while it is needed; its address."""
    process = subprocess.Popen(
        ["node", "gateway.ts", *arguments],
        cwd=folder, env=node_path(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read()
        yield address
    finally:
        # The group: Node may stand behind a launcher, and told to end it waits for connections.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=120)


def asked(address: str, query: str) -> Any:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(address, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


QUESTION = """{ projects { name contractor { uscc name id penalties { totalCount } } }
                organisation(code: "91210503XDXBLPC747") { id loans { totalCount } } }"""


def test_a_gateway_joins_the_node_with_another_subgraph(cities: Cities, typescript: Path) -> None:
    with gateway(typescript, cities.url("benxi")) as address:
        public = asked(address, QUESTION)["data"]
    key = str(cities.root / "identities/analyst.pem")
    signed_as = (key, key_id(cities, "analyst"), "P12")
    with gateway(typescript, cities.url("benxi"), *signed_as) as address:
        signed = asked(address, QUESTION)["data"]
    for answer in (public, signed):
        first, second = answer["projects"]
        assert first["contractor"]["name"] == NAME
        assert first["contractor"]["id"] == answer["organisation"]["id"]
        assert second["contractor"] is None  # an unknown USCC
    seen = [answer["projects"][0]["contractor"]["penalties"]["totalCount"]
            for answer in (public, signed)]  # fmt: skip
    assert seen[0] < seen[1]  # the signed gateway sees what only analysts see
    status, entries = cities.ask(
        "{ accessEntries(filter: {caller: \"analyst\"}, first: 5) { nodes { purpose types } } }",
        as_="auditor", purpose="P14",
    )  # fmt: skip
    assert status == 0
    found = entries["answer"]["data"]["accessEntries"]["nodes"]
    assert any(one["purpose"] == "P12" and "Organisation" in one["types"] for one in found)
