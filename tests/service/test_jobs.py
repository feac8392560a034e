"""Jobs at a node: judged, logged before they can be read, cancelled, gone on with after a kill."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from client.async_connection import AsyncClient
from client.connection import Answer
from client.question import sign_request
from resolvers.answer import Disclosure
from resolvers.context import Context
from resolvers.job import Progress
from resolvers.job_handler import JobKind
from security.claim import Claim
from service.enrolment import identity_key, node_keys
from service.jobs import LEASE, Execution
from store import job as store
from tests.resolvers.conftest import ref
from tests.service.computations import spin
from tests.service.inner_node import InnerNode

JOB = """query($id: ID!) { job(id: $id) {
    id kind state rows progress { done total stage } error { code message } } }"""
RESULT = """query($id: ID!, $part: Int! = 0) { jobResult(id: $id, part: $part) {
    part parts lines job { state } } }"""
FOLLOW = """subscription($id: ID!, $after: String) {
    jobProgress(id: $id, after: $after) { state } }"""
CANCEL = """mutation($id: ID!, $k: String!) { cancelJob(id: $id, clientKey: $k) { state } }"""


async def counted(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
    """Hand over one line for each part."""
    for number in range(progress.parts, arguments["parts"]):
        await progress.told(number, arguments["parts"], "counting")
        await progress.put([{"number": number}], Disclosure(subjects=ref(f"job{number}"), rows=1))
    await progress.told(arguments["parts"], arguments["parts"], "counted")


async def waiting(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
    """Compute for ever in a process of its own."""
    await progress.compute(spin, arguments["folder"])


async def asking(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
    """Read as the caller does."""
    assert context.ask is not None
    for _ in range(arguments["times"]):
        answer = await context.ask("{ records(first: 5) { nodes { documentNo } } }", {})
        told = orjson.loads(answer.body)["data"]["records"]["nodes"]
        await progress.put(told, answer.disclosure)
        if arguments["times"] > 1:
            await asyncio.sleep(0.3)


HANDLERS = {
    "COUNTED": JobKind(counted),
    "WAITING": JobKind(waiting),
    "ASKING": JobKind(asking),
}


async def _enter(inner: InnerNode, identity: str, kind: str, purpose: str, **given: Any) -> UUID:
    """Enter a job as a mutation does."""
    claim = Claim(identity, identity_key(inner.root, identity).key_id, purpose)
    job_id = uuid4()
    content = orjson.dumps({"claim": claim.to_json(), "arguments": given})
    async with inner.node.work_pool.acquire() as connection, connection.transaction():
        sealed = inner.node.keeping.seal(content, job_id.bytes)
        assert await store.enqueue(connection, job_id, identity, kind, sealed, limit=9)
    return job_id


async def _job(inner: InnerNode, id_: UUID, identity: str = "analyst", purpose: str = "P12") -> Any:
    answer = await inner.ask(JOB, identity, {"id": str(id_)}, purpose=purpose)
    return answer.require().data["job"]


async def _until(
    inner: InnerNode, id_: UUID, *states: str, identity: str = "analyst", purpose: str = "P12"
) -> Any:
    for _ in range(100):
        job = await _job(inner, id_, identity, purpose)
        if job["state"] in states:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError(f"the job is {job}")


async def _pending(inner: InnerNode) -> bytes:
    rows = await inner.node.work_pool.fetch("SELECT payload FROM access_batch ORDER BY id")
    return b"".join(row["payload"] for row in rows)


def code(answer: Answer) -> str:
    return str(answer.errors[0]["extensions"]["code"])


async def test_a_result_is_logged_before_it_can_be_read(inner: InnerNode) -> None:
    id_ = await _enter(inner, "analyst", "COUNTED", "P12", parts=3)
    early = await inner.ask(RESULT, "analyst", {"id": str(id_)}, purpose="P12")
    assert code(early) == "JOB_UNFINISHED"
    async with inner.jobs(HANDLERS):
        job = await _until(inner, id_, "DONE")
    assert job["rows"] == 3
    assert job["progress"] == {"done": 3, "total": 3, "stage": "counted"}
    told = await _pending(inner)
    assert told.count(b'"kind":"EXPORT"') >= 3
    assert all(ref(f"job{number}") in told for number in range(3))
    answer = await inner.ask(RESULT, "analyst", {"id": str(id_), "part": 2}, purpose="P12")
    assert answer.require().data["jobResult"] == {
        "part": 2,
        "parts": 3,
        "lines": [{"number": 2}],
        "job": {"state": "DONE"},
    }
    kept = await inner.node.work_pool.fetch("SELECT content FROM job_part WHERE job_id = $1", id_)
    assert all(b"number" not in row["content"] for row in kept)


async def test_a_job_is_followed_to_its_end_and_over_a_lost_connection(inner: InnerNode) -> None:
    id_ = await _enter(inner, "analyst", "COUNTED", "P12", parts=3)
    key, keys = identity_key(inner.root, "analyst"), node_keys(inner.root, "benxi")
    given = {"id": str(id_)}
    async with AsyncClient(inner.url, key, keys) as client:
        async with aclosing(client.subscribe(FOLLOW, given, purpose="P12")) as events:
            first = await anext(events)
        assert first.data["jobProgress"]["state"] == "QUEUED"
        told, last = [], None
        async with inner.jobs(HANDLERS):
            async for event in client.subscribe(FOLLOW, given, after=first.position, purpose="P12"):
                told.append(event.data["jobProgress"]["state"])
                last = event.position
        assert (told[-1], "QUEUED" in told) == ("DONE", False)
        again = client.subscribe(FOLLOW, given, after=last, purpose="P12")
        assert [event async for event in again] == []


async def test_nobody_else_and_no_other_purpose_reads_a_result(inner: InnerNode) -> None:
    id_ = await _enter(inner, "analyst", "COUNTED", "P12", parts=1)
    async with inner.jobs(HANDLERS):
        await _until(inner, id_, "DONE")
    assert await _job(inner, id_, "steward", "P13") is None
    stranger = await inner.ask(RESULT, "steward", {"id": str(id_)}, purpose="P13")
    assert stranger.data == {"jobResult": None}
    other = await inner.ask(RESULT, "analyst", {"id": str(id_)}, purpose="P3")
    assert code(other) == "JOB_SCOPE_CHANGED"
    unsigned = await inner.ask(JOB, None, {"id": str(id_)})
    assert unsigned.data == {"job": None}
    await inner.node.work_pool.execute(
        "UPDATE job SET expires_at = clock_timestamp() WHERE job_id = $1", id_
    )
    over = await inner.ask(RESULT, "analyst", {"id": str(id_)}, purpose="P12")
    assert over.data == {"jobResult": None}  # before it is deleted, within a minute


@pytest.mark.parametrize("from_part", [0, 1])
async def test_a_result_that_expires_while_it_is_read_is_none_and_not_shorter(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch, from_part: int
) -> None:
    monkeypatch.setattr("service.bulk_routes._PARTS", 1)
    read = store.parts

    async def expiring(pool: Any, job_id: UUID, first: int, last: int) -> list[store.Part]:
        if first == from_part:
            await pool.execute("UPDATE job SET expires_at = now() WHERE job_id = $1", job_id)
            async with pool.acquire() as connection:
                await store.expire(connection)
        return await read(pool, job_id, first, last)

    ids = []
    async with inner.jobs(HANDLERS):
        for _ in range(2):
            ids.append(await _enter(inner, "analyst", "COUNTED", "P12", parts=3))
            await _until(inner, ids[-1], "DONE")
    monkeypatch.setattr(store, "parts", expiring)
    variables = {"id": str(ids[0]), "part": from_part}
    part = await inner.ask(RESULT, "analyst", variables, purpose="P12")
    assert part.data == {"jobResult": None}
    url = f"{inner.url}/job/{ids[1]}/result.jsonl"
    key = identity_key(inner.root, "analyst")
    question = sign_request(key, "GET", url, b"", now=time.time(), purpose="P12")
    async with httpx.AsyncClient() as http:
        whole = await http.get(url, headers=dict(question.headers))
    assert (whole.status_code, whole.json()["errors"][0]["extensions"]["code"]) == (
        404,
        "JOB_UNKNOWN",
    )


async def test_a_job_ends_when_its_caller_is_no_longer_trusted(inner: InnerNode) -> None:
    key = await inner.enrol("leaving", "ANALYST")
    id_ = await _enter(inner, "leaving", "ASKING", "P12", times=50)
    async with inner.jobs(HANDLERS):
        await _until(inner, id_, "RUNNING", identity="leaving")
        await inner.revoke(key)
        for _ in range(50):
            row = await inner.node.work_pool.fetchrow("SELECT * FROM job WHERE job_id = $1", id_)
            if row["state"] == "FAILED":
                break
            await asyncio.sleep(0.1)
    assert (row["state"], row["code"]) == ("FAILED", "KEY_REVOKED")
    parts = "SELECT count(*) FROM job_part WHERE job_id = $1"
    assert await inner.node.work_pool.fetchval(parts, id_) == 0


async def test_a_job_of_a_killed_process_goes_on_behind_its_last_part(inner: InnerNode) -> None:
    id_ = await _enter(inner, "analyst", "COUNTED", "P12", parts=3)
    pool = inner.node.work_pool
    dead = await store.take(pool, lease=LEASE, per_caller=9)
    assert dead is not None
    async with pool.acquire() as connection:
        digest = await _shape(inner)
        sealed = inner.node.keeping.seal(b'{"number":0}\n', id_.bytes + bytes(4))
        assert await store.keep_part(connection, dead, 0, store.Part(sealed, 1), digest)
    await pool.execute("UPDATE job SET lease_until = now() - interval '1 s' WHERE job_id = $1", id_)
    async with inner.jobs(HANDLERS):
        job = await _until(inner, id_, "DONE")
    assert job["rows"] == 3
    # Who was thought dead and comes back writes nothing.
    async with pool.acquire() as connection:
        assert not await store.keep_part(connection, dead, 3, store.Part(sealed, 1), digest)
        assert not await store.end(connection, dead, "FAILED", hours=1)
    assert await store.renew(pool, dead, LEASE) is None


async def _shape(inner: InnerNode) -> bytes:
    """The digest of the analyst's scope, as a job that ran has it."""
    id_ = await _enter(inner, "analyst", "COUNTED", "P12", parts=1)
    # The one under test is held by nobody's process: another kind of caller would be in its way.
    held = None
    while held is None or held.job.id != id_:
        held = await store.take(inner.node.work_pool, lease=LEASE, per_caller=9)
        assert held is not None
    await Execution(inner.node, held, HANDLERS).run()
    query = "SELECT shape FROM job WHERE job_id = $1"
    return bytes(await inner.node.work_pool.fetchval(query, id_))


async def test_cancelling_ends_a_job_and_its_computation_at_once(
    inner: InnerNode, tmp_path: Any
) -> None:
    id_ = await _enter(inner, "analyst", "WAITING", "P12", folder=str(tmp_path))
    async with inner.jobs(HANDLERS):
        await _until(inner, id_, "RUNNING")
        for _ in range(100):
            if list(tmp_path.iterdir()):
                break
            await asyncio.sleep(0.1)
        (began,) = tmp_path.iterdir()
        variables = {"id": str(id_), "k": f"cancel-{id_.hex[:8]}"}
        assert (await inner.ask(CANCEL, "analyst", variables, purpose="P12")).data["cancelJob"]
        await _until(inner, id_, "CANCELLED")
    with pytest.raises(ProcessLookupError):
        os.kill(int(began.name), 0)
    stranger = await inner.ask(CANCEL, "steward", variables, purpose="P13")
    assert code(stranger) == "JOB_UNKNOWN"


def test_a_computation_ends_with_its_node_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from service.computing import computed;"
        "from tests.service.computations import spin; asyncio.run(computed(spin, sys.argv[1]))"
    )
    deadline = time.monotonic() + 60
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as node:
        try:
            while not (begun := list(tmp_path.iterdir())):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            node.kill()
    while Path(f"/proc/{begun[0].name}/exe").exists():
        assert time.monotonic() < deadline, "it computes on"
        time.sleep(0.02)


async def test_a_queued_job_is_cancelled_without_being_begun(inner: InnerNode) -> None:
    id_ = await _enter(inner, "analyst", "COUNTED", "P12", parts=1)
    variables = {"id": str(id_), "k": f"cancel-{id_.hex[:8]}"}
    answer = await inner.ask(CANCEL, "analyst", variables, purpose="P12")
    assert answer.data["cancelJob"] == {"state": "CANCELLED"}


async def test_a_handler_that_fails_says_nothing_of_what_it_read(inner: InnerNode) -> None:
    async def failing(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
        raise RuntimeError("91210500XD00000011")

    id_ = await _enter(inner, "analyst", "FAILING", "P12")
    other = await _enter(inner, "analyst", "MANY", "P12")
    unknown = await _enter(inner, "analyst", "FORMER", "P12")
    async with inner.jobs({"FAILING": JobKind(failing), "MANY": JobKind(_too_many)}):
        job = await _until(inner, id_, "FAILED")
        assert (await _until(inner, other, "FAILED"))["error"]["code"] == "INTERNAL"
        assert (await _until(inner, unknown, "FAILED"))["error"]["code"] == "JOB_KIND_UNKNOWN"
    assert job["error"] == {"code": "INTERNAL", "message": "the node failed: tell its operator"}


async def _too_many(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
    subjects = b"".join(ref(str(number)) for number in range(4))
    await progress.put([1], Disclosure(subjects=subjects, rows=4))
