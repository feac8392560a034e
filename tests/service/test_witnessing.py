"""Witnessed logs on running nodes: the cities cosign each other; a fork is caught and told."""

from __future__ import annotations

import asyncio
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.checkpoint import Checkpoint
from client.merkle import verify_inclusion
from client.note import Note, VerifierKey, cosigned_at
from client.structured import parse_base64
from security.tlog.log import TileLog
from security.tlog.reader import TileReader
from security.witness.cosigner import Cosigner
from security.witness.submission import submission_of
from service.doctor.finding import State
from service.doctor.witness import judge_witnesses
from service.enrolment import log_origin, own_keys
from service.home import NodeHome
from service.postgres import PostgresServer
from service.settings import SettingsError, load_settings
from service.witnessing import policy_of, witness_keys
from tests.service.cities import Cities, LoneNode

QUESTION = "{ organisations(first: 1) { nodes { name } } }"


def papers(cities: Cities, node: str) -> dict[str, Any]:
    text = (cities.root / "public" / f"{node}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def fetched(url: str) -> Note:
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200, answer.text
    return Note.parse(answer.content)


def test_a_further_witness_is_named_by_key_and_url(tmp_path: Path) -> None:
    key = Cosigner("litewitness.example/w1", Ed25519PrivateKey.generate()).verifier
    home = NodeHome(tmp_path, "benxi")
    needed = {"label": "本溪市", "region": "210500", "port": 8000}

    def read(value: str) -> Any:
        environment = {"XINQIAO_BENXI_WITNESSES": value, "XINQIAO_WITNESS_QUORUM": "2"}
        return load_settings(home, environment, **needed)

    settings = read(f"{key.text} https://witness.example/ , {key.text} http://127.0.0.1:7380")
    assert [one.url for one in settings.witnesses] == [
        "https://witness.example",
        "http://127.0.0.1:7380",
    ]
    assert witness_keys(tmp_path, settings) == (key, key)
    assert policy_of(settings).quorum == 2
    log_key = VerifierKey("litewitness.example/w1", key.public).text
    for wrong in (key.text, f"{key.text} ftp://x", f"{log_key} http://x", "x http://x"):
        with pytest.raises(SettingsError, match="witnesses"):
            read(wrong)


@pytest.mark.parametrize(
    ("state", "witnesses", "code", "found"),
    [
        ("WITNESSED", ["w"], None, State.OK),
        ("NONE", [], None, State.OK),
        ("ALARM", ["w"], "LOG_UNWITNESSED", State.FAULT),
        ("ALARM", [], "LOG_UNWITNESSED", State.NOTICE),
        ("STOPPED", ["w"], "LOG_UNWITNESSED", State.FAULT),
        ("CONTRADICTED", ["w"], "LOG_CONTRADICTED", State.FAULT),
    ],
)
def test_the_doctor_tells_what_the_policy_wants_and_the_logs_lack(
    state: str, witnesses: list[str], code: str | None, found: State
) -> None:
    log = {"state": state, "unwitnessed": 7, "age": 90.2, "witnesses": witnesses}
    [finding] = judge_witnesses({"access": log}, 0)
    assert (finding.code, finding.state) == (code, found)
    assert [one.code for one in judge_witnesses({}, 2)] == [None, "LOG_FORKED"]


@pytest.mark.parametrize(("node", "witness"), [("benxi", "shenyang"), ("shenyang", "benxi")])
def test_each_city_cosigns_the_logs_of_the_other(cities: Cities, node: str, witness: str) -> None:
    key = VerifierKey.parse(papers(cities, witness)["witness"])
    for log in ("access", "feed"):
        vkey = VerifierKey.parse(papers(cities, node)["logs"][log_origin(node, log)])
        note = fetched(f"{cities.url(node)}/log/{log}/cosigned")
        assert set(note.verified_by([vkey, key])) == {vkey, key}
        assert note.signatures[0].name == log_origin(node, log), "the log's own line comes first"
        seen = sha256(log_origin(node, log).encode()).hexdigest()
        there = fetched(f"{cities.url(witness)}/witness/{seen}/checkpoint")
        assert set(there.verified_by([vkey, key])) == {vkey, key}


def test_an_answer_is_soon_proven_to_a_head_that_the_partner_cosigned(cities: Cities) -> None:
    with cities.client("benxi", "shenyang") as client:
        receipt = client.query(QUESTION, purpose="P1", case="沈审〔2026〕12号").require().receipt
    assert receipt is not None
    url = f"{cities.url('benxi')}/log/access/receipt/{receipt.leaf.hex()}"
    key = VerifierKey.parse(papers(cities, "shenyang")["witness"])
    found: dict[str, Any] = {}

    def cosigned() -> bool:
        found.update(httpx.get(url, trust_env=False).json())
        if found["state"] != "sealed":
            return False
        ids = {(s.name, s.id) for s in Note.parse(found["checkpoint"].encode()).signatures}
        return (key.name, key.id) in ids

    cities.wait_for(cosigned, 30)
    note = Note.parse(found["checkpoint"].encode())
    assert note.verified_by([key])
    head = Checkpoint.parse(note.text)
    proof = [parse_base64(one) for one in found["proof"]]
    assert verify_inclusion(receipt.leaf, found["index"], head.size, proof, head.root)
    line = next(s for s in note.signatures if s.id == key.id)
    assert abs(cosigned_at(line.signature) - receipt.time) < 60
    ready = httpx.get(f"{cities.url('benxi')}/ready", trust_env=False).json()
    assert ready["witnessed"]["access"]["state"] == "WITNESSED"
    assert ready["forks"] == 0


def test_the_witness_policy_stands_in_the_access_log(cities: Cities) -> None:
    home = NodeHome(cities.root, "benxi")
    reader = TileReader(home.log / "access")
    size = Checkpoint.parse(Note.parse(reader.checkpoint() or b"").text).size
    entries = [json.loads(one) for one in reader.entries(0, size)]
    [policy] = [one["detail"] for one in entries if one["kind"] == "WITNESS_CHANGE"]
    assert policy["witnesses"] == [papers(cities, "shenyang")["witness"]]
    assert (policy["quorum"], policy["alarm"], policy["stop"]) == (1, 60.0, 0.0)


def test_strangers_get_the_answers_of_the_specification(cities: Cities) -> None:
    url = f"{cities.url('benxi')}/witness/add-checkpoint"
    own = TileReader(NodeHome(cities.root, "benxi").log / "access").checkpoint() or b""
    for status, body in (
        (400, b""),
        (400, b"old 0\n"),
        (404, submission_of(0, (), own)),  # nobody witnesses himself
        (413, b"old 0\n" + bytes(100_000)),
    ):
        assert httpx.post(url, content=body, trust_env=False).status_code == status
    assert httpx.get(url, trust_env=False).status_code == 405
    for path in ("/witness/00/checkpoint", f"/witness/{'0' * 64}/checkpoint", "/log/x/cosigned"):
        assert httpx.get(cities.url("benxi") + path, trust_env=False).status_code == 404


async def _execute(node: LoneNode, *statements: str) -> None:
    connection = await asyncpg.connect(PostgresServer(NodeHome(node.root, "benxi")).dsn)
    try:
        for one in statements:
            await connection.execute(one)
    finally:
        await connection.close()


def test_a_fork_is_refused_told_and_proven_to_anybody(lone_node: LoneNode, tmp_path: Path) -> None:
    """Shenyang's node, restored from a copy of its files, seals other entries."""
    signer = own_keys(NodeHome(lone_node.root, "shenyang")).audit
    url = f"{lone_node.url('benxi')}/witness/add-checkpoint"
    true, fork = tmp_path / "true", tmp_path / "fork"

    def seal(folder: Path, *entries: bytes) -> None:
        with TileLog.open(folder, signer) as log:
            log.append(entries)

    def submit(folder: Path, old: int) -> httpx.Response:
        reader = TileReader(folder)
        note = reader.checkpoint() or b""
        size = Checkpoint.open(note, signer.verifier).size
        proof = reader.consistency(old, size) if 0 < old < size else ()
        return httpx.post(url, content=submission_of(old, proof, note), trust_env=False)

    seal(true, b"1", b"2", b"3")
    assert submit(true, 0).status_code == 200
    shutil.copytree(true, fork)
    seal(true, b"4", b"5")
    assert submit(true, 3).status_code == 200
    seal(fork, b"another 4")
    stale = submit(fork, 3)
    assert (stale.status_code, stale.text) == (409, "5\n")
    assert stale.headers["content-type"] == "text/x.tlog.size"
    seal(fork, b"another 5", b"6")
    try:
        assert submit(fork, 5).status_code == 422
        lone_node.wait_for(
            lambda: httpx.get(f"{lone_node.url('benxi')}/ready", trust_env=False).json()["forks"]
        )
        status, report = lone_node.xinqiao("audit", "witness", "--forks", str(tmp_path / "proofs"))
        assert status == 1
        [told] = report["forks"]
        assert told["origin"] == "xinqiao.shenyang/audit"
        status, text = lone_node.xinqiao_text("audit", "explain", told["file"])
        assert status == 0, text
        assert "分叉" in text or "矛盾" in text, text
        _, text = lone_node.xinqiao_text("doctor", "--node", "benxi")
        assert "LOG_FORKED" in text
    finally:
        asyncio.run(_execute(lone_node, "DELETE FROM log_fork", "DELETE FROM partner_state"))


def test_a_node_that_must_be_witnessed_stops_and_goes_on(lone_node: LoneNode) -> None:
    """The partner never answers here; the policy stops the node after a day."""
    url = lone_node.url("benxi")

    def ask() -> httpx.Response:
        body = {"query": QUESTION}
        return httpx.post(f"{url}/graphql", json=body, timeout=120, trust_env=False)

    def standing() -> Any:
        found = httpx.get(f"{url}/ready", timeout=120, trust_env=False).json()
        return found["witnessed"]["access"]

    assert ask().status_code == 200
    lone_node.wait_for(lambda: standing()["unwitnessed"] and standing()["age"])
    age = "UPDATE cosigned_log SET since = now() - interval '{} days' WHERE log LIKE '%/access'"
    try:
        asyncio.run(_execute(lone_node, age.format(2)))
        lone_node.wait_for(lambda: ask().status_code == 503)
        refused = ask()
        assert refused.json()["errors"][0]["extensions"]["code"] == "LOG_UNWITNESSED"
        assert refused.headers["retry-after"] == "1"
        assert standing()["state"] == "STOPPED"
        enrolling = httpx.post(f"{url}/enrol", json={"code": "x"}, trust_env=False)
        assert (enrolling.status_code, enrolling.json()) == (503, refused.json())
    finally:
        asyncio.run(_execute(lone_node, age.format(0)))
        lone_node.wait_for(lambda: ask().status_code == 200)
