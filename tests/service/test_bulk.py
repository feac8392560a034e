"""Many subjects at once, and files by the API: screened, reviewed, downloaded, submitted."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from client.answer import verify_response
from client.connection import Answer
from client.question import sign_request
from security.signature import ReceivedRequest, VerifiedRequest, verify_request
from service.demo import MARKET_REGULATION
from service.enrolment import identity_key, node_keys
from service.jobs import handlers_of
from store import submission as submissions
from tests.resolvers.conftest import ref, uid
from tests.service.inner_node import InnerNode

FIRM, OTHER = "91210500XD00000011", "91210100XD00000022"
LOOKUP = "query($c: [String!]!) { lookup(codes: $c) { name uscc } }"
SCREEN = """query($c: [String!]!, $k: [String!]) { screen(codes: $c, kinds: $k) {
    code organisation { name } total kinds hits { documentNo decisionDate } } }"""
START = """mutation($k: String!, $c: [String!], $u: String, $n: [String!]) {
    startScreening(clientKey: $k, codes: $c, upload: $u, kinds: $n) { id state } }"""
JOB = "query($id: ID!) { job(id: $id) { state rows error { code } } }"
SUBMIT = """mutation($k: String!, $n: String!, $c: String, $u: String) {
    submitBatch(clientKey: $k, fileName: $n, content: $c, upload: $u) { id state jobId unit } }"""
BATCH = """query($id: ID!) { batch(id: $id) { state code lines accepted withFindings rejected unit }
    batchFindings(id: $id, first: 1) { totalCount pageInfo { hasNextPage endCursor }
        nodes { line field code severity reason } } }"""
HEADER = (
    "企业名称,主体类别,统一社会信用代码,列入经营异常名录原因,列入日期,作出决定机关（列入）,"
    "作出决定机关（列入）代码,数据来源单位,数据来源单位代码\n"
)


PART = "query($id: ID!) { jobResult(id: $id, part: 0) { lines } }"


def line(unit: str, code: str = "91210503XDXBLPC747") -> str:
    return (
        f"本溪某某有限公司,法人及非法人组织,{code},未按期公示年报,2026-05-06,"
        f"本溪市市场监督管理局,{MARKET_REGULATION},本溪市市场监督管理局,{unit}\n"
    )


def code(answer: Answer) -> str:
    return str(answer.errors[0]["extensions"]["code"])


async def _done(inner: InnerNode, id_: str, identity: str = "analyst", **claims: Any) -> Any:
    for _ in range(900):
        answer = await inner.ask(JOB, identity, {"id": id_}, **(claims or {"purpose": "P12"}))
        job = answer.require().data["job"]
        if job["state"] in ("DONE", "FAILED"):
            return job
        await asyncio.sleep(0.1)
    raise AssertionError(job)


async def _send(
    inner: InnerNode, method: str, path: str, identity: str, body: bytes = b"", **claims: Any
) -> tuple[httpx.Response, Any]:
    """A signed request that is no question, and its verified answer."""
    target = inner.url + path
    key = identity_key(inner.root, identity)
    asked = sign_request(
        key, method, target, body, now=time.time(), content_type="text/plain", **claims
    )
    async with httpx.AsyncClient(timeout=120, verify=inner.trust) as http:
        answer = await http.request(method, target, content=body, headers=dict(asked.headers))
    headers = list(answer.headers.items())
    keys = node_keys(inner.root, "benxi")
    verified = verify_response(
        asked, answer.status_code, headers, answer.content, keys, now=time.time()
    )
    return answer, verified


async def test_codes_of_any_kind_are_looked_up_in_their_order(inner: InnerNode) -> None:
    codes = ["reg_no:210500000000001", "nothing", OTHER, "91210500xd-00000011", FIRM, FIRM]
    answer = await inner.ask(LOOKUP, "analyst", {"c": codes}, purpose="P12")
    found = answer.require().data["lookup"]
    assert [one and one["uscc"] for one in found] == [FIRM, None, OTHER, FIRM, FIRM, FIRM]
    for identity, purpose in ((None, None), ("auditor", "P14"), ("firm", "P10")):
        claims = {"purpose": purpose} if purpose else {}
        refused = await inner.ask(LOOKUP, identity, {"c": codes}, **claims)
        assert (refused.data, code(refused)) == ({"lookup": None}, "FORBIDDEN")
    many = await inner.ask(LOOKUP, "analyst", {"c": [FIRM] * 501}, purpose="P12")
    assert code(many) == "LIST_LIMIT"
    none = await inner.ask(LOOKUP, "analyst", {"c": []}, purpose="P12")
    assert none.require().data == {"lookup": []}


async def test_screening_says_what_the_caller_may_see_and_logs_no_more(inner: InnerNode) -> None:
    variables = {"c": [FIRM, "nothing", OTHER], "k": ["penalty"]}
    answer = await inner.ask(SCREEN, "analyst", variables, purpose="P12")
    firm, missing, other = answer.require().data["screen"]
    assert missing is None
    assert (other["total"], other["kinds"], other["hits"]) == (0, [], [])
    seen = {hit["documentNo"] for hit in firm["hits"]}
    assert {"罚1", "罚2", "罚3"} <= seen
    assert seen.isdisjoint({"罚4", "罚6", "罚7"})
    assert (firm["kinds"], firm["total"]) == (["penalty"], len(firm["hits"]))
    single = await inner.ask(
        'query($c: String!) { organisation(code: $c) { penalties { totalCount } } }',
        "analyst", {"c": FIRM}, purpose="P12",
    )  # fmt: skip
    assert single.data["organisation"]["penalties"]["totalCount"] == firm["total"]
    unknown = await inner.ask(SCREEN, "analyst", {"c": [FIRM], "k": ["nonsense"]}, purpose="P12")
    assert code(unknown) == "KIND_UNKNOWN"


async def test_many_codes_are_screened_by_a_job_and_downloaded_signed(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [FIRM, "=cmd()", OTHER, "nothing", FIRM]
    variables = {"k": "screen-00001", "c": codes, "n": ["penalty"]}
    started = await inner.ask(START, "analyst", variables, purpose="P12")
    job = started.require().data["startScreening"]
    assert job["state"] == "QUEUED"
    async with inner.jobs(handlers_of(inner.node)):
        ended = await _done(inner, job["id"])
    assert ended["state"] == "DONE", ended
    path = f"/job/{job['id']}/result"
    answer, _ = await _send(inner, "GET", f"{path}.jsonl", "analyst", purpose="P12")
    lines = [json.loads(one) for one in answer.text.splitlines()]
    assert [one["code"] for one in lines if not one["found"]] == ["=cmd()", "nothing"]
    assert {one["documentNo"] for one in lines if one["found"] and "recordId" in one} >= {"罚1"}
    answer, _ = await _send(inner, "GET", f"{path}.csv", "analyst", purpose="P12")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == len(lines) == ended["rows"]
    assert "'=cmd()" in {row["code"] for row in rows}
    part, _ = await _send(inner, "GET", f"{path}.jsonl?part=1", "analyst", purpose="P12")
    assert answer.status_code == part.status_code == 200
    assert part.text in "\n".join(json.dumps(one) for one in lines) or part.text
    # What a download holds is disclosed once more, to whoever reads it.
    payloads = await inner.node.work_pool.fetch("SELECT payload FROM access_batch ORDER BY id")
    assert uid("罚1").bytes in payloads[-1]["payload"] + payloads[-2]["payload"]
    assert ref("a") in b"".join(row["payload"] for row in payloads[-3:])
    for identity, purpose, wanted in (
        ("steward", "P13", "JOB_UNKNOWN"),
        ("analyst", "P3", "JOB_SCOPE_CHANGED"),
    ):
        refused, _ = await _send(inner, "GET", f"{path}.csv", identity, purpose=purpose)
        assert refused.json()["errors"][0]["extensions"]["code"] == wanted
        assert refused.status_code in (404, 409)
    pool = inner.node.work_pool
    ending = "UPDATE record SET status = $2, recorded_from = $3 WHERE record_id = $1"
    since = "SELECT recorded_from FROM record WHERE record_id = $1"
    stated_at = await pool.fetchval(since, uid("罚1"))
    await pool.execute(ending, uid("罚1"), "REPAIRED", datetime.now(UTC))
    for form in ("csv", "jsonl?part=0"):  # X20: results that were kept show it no longer either
        refused, _ = await _send(inner, "GET", f"{path}.{form}", "analyst", purpose="P12")
        assert refused.json()["errors"][0]["extensions"]["code"] == "JOB_OUTDATED"
    told = await inner.ask(PART, "analyst", {"id": job["id"]}, purpose="P12")
    assert code(told) == "JOB_OUTDATED"
    await pool.execute(ending, uid("罚1"), "VALID", stated_at)
    # Without what a restriction does to relations: those of this town have no statements to go by.
    await pool.execute("INSERT INTO restriction (subject_id, reason) VALUES ($1, '演示')", uid("a"))
    refused, _ = await _send(inner, "GET", f"{path}.csv", "analyst", purpose="P12")
    await pool.execute("DELETE FROM restriction WHERE subject_id = $1", uid("a"))
    assert refused.json()["errors"][0]["extensions"]["code"] == "JOB_OUTDATED"
    monkeypatch.setattr("service.bulk_routes._LONGEST", 100)
    long, _ = await _send(inner, "GET", f"{path}.csv", "analyst", purpose="P12")
    assert long.json()["errors"][0]["extensions"]["code"] == "RESULT_TOO_LONG"
    alone, _ = await _send(inner, "GET", f"{path}.csv?part=0", "analyst", purpose="P12")
    assert (long.status_code, alone.status_code) == (400, 200)


async def test_large_jobs_begin_when_a_supervisor_approves_them(inner: InnerNode) -> None:
    body = "\r\n".join(["\ufeff" + FIRM, *[f"nothing{n}" for n in range(11)]]).encode()
    answer, _ = await _send(inner, "PUT", "/upload/codes.txt", "analyst", body, purpose="P12")
    assert answer.json()["size"] == len(body)
    kept = await inner.node.work_pool.fetchval("SELECT content FROM upload WHERE name='codes.txt'")
    assert FIRM.encode() not in kept
    variables = {"k": "screen-00002", "u": "codes.txt", "n": ["penalty"]}
    started = await inner.ask(START, "analyst", variables, purpose="P12")
    job = started.require().data["startScreening"]
    assert job["state"] == "REVIEW"
    used = await inner.ask(START, "analyst", {**variables, "k": "screen-00003"}, purpose="P12")
    assert code(used) == "UPLOAD_UNKNOWN"
    listed = await inner.ask("{ jobReviews { id size caller } }", "supervisor", purpose="P14")
    assert {"id": job["id"], "size": 12, "caller": "analyst"} in listed.data["jobReviews"]
    approve = "mutation($k: String!, $i: ID!) { approveJob(clientKey: $k, id: $i) { id } }"
    variables = {"k": "approve-0001", "i": job["id"]}
    own = await inner.ask(approve, "analyst", variables, purpose="P12")
    assert code(own) == "FORBIDDEN"
    done = await inner.ask(approve, "supervisor", variables, purpose="P14")
    assert done.require().data["approveJob"]["id"] == job["id"]
    async with inner.jobs(handlers_of(inner.node)):
        assert (await _done(inner, job["id"]))["state"] == "DONE"
    refused, _ = await _send(inner, "PUT", "/upload/.hidden", "analyst", b"x", purpose="P12")
    assert refused.status_code == 400


async def test_who_may_not_upload_holds_no_place_by_sending_slowly(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []

    def verify(received: ReceivedRequest, *given: Any, **named: Any) -> VerifiedRequest:
        looked.append(received.is_signed)
        return verify_request(received, *given, **named)

    monkeypatch.setattr("service.pipeline.verify_request", verify)
    host, _, port = inner.url.removeprefix("http://").partition(":")
    unsigned = b"PUT /upload/slow.txt HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n%b\r\n"
    forged = (
        b'signature-input: sig1=("@method");keyid="nobody"\r\nsignature: sig1=:AAAA:\r\n'
        b"content-digest: sha-256=:AAAA:\r\n"
    )
    slow = []
    for fields, status, reason in ((b"", 403, b"FORBIDDEN"), (forged, 401, b"SIGNATURE_")) * 2:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(unsigned % fields)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        body = await asyncio.wait_for(reader.readexactly(int(length[1])), 60)
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert reason in body
        slow.append(writer)
    assert looked.count(True) == 2, "a signature that does not hold is looked at once"
    answer, _ = await _send(inner, "PUT", "/upload/fast.txt", "analyst", b"x", purpose="P12")
    assert answer.json()["size"] == 1
    for writer in slow:
        writer.close()
    async with httpx.AsyncClient(timeout=120, verify=inner.trust) as http:
        refused = await http.put(f"{inner.url}/upload/long.txt", content=bytes(5_000_000))
    assert refused.status_code == 403


async def test_a_department_submits_its_file_and_reads_the_report(inner: InnerNode) -> None:
    content = HEADER + line(MARKET_REGULATION) + line("11210500XDPT4GNG23") + line("x" * 18, "1")
    claims = {"purpose": "P3", "actor": "李科员"}
    variables = {"k": "submit-00001", "n": "20260601_异常.csv", "c": content}
    sent = await inner.ask(SUBMIT, "department", variables, **claims)
    told = sent.require().data["submitBatch"]
    assert (told["state"], told["unit"]) == ("RECEIVED", MARKET_REGULATION)
    again = await inner.ask(SUBMIT, "department", variables, **claims)
    assert again.require().data["submitBatch"] == told
    async with inner.jobs(handlers_of(inner.node)):
        job = await _done(inner, told["jobId"], "department", **claims)
    assert job["state"] == "DONE", job
    report = await inner.ask(BATCH, "department", {"id": told["id"]}, **claims)
    batch, findings = report.require().data["batch"], report.data["batchFindings"]
    assert (batch["lines"], batch["rejected"], batch["state"]) == (3, 2, "DONE")
    assert findings["pageInfo"]["hasNextPage"]
    rows = await inner.node.work_pool.fetch(
        "SELECT line_no, f.code FROM batch_finding f"
        " JOIN submission s ON f.batch_id = ANY(s.batches)"
        " WHERE s.submission_id::text = $1 AND severity = 'error'",
        told["id"],
    )
    assert (3, "SOURCE_UNIT_FOREIGN") in {tuple(row) for row in rows}
    stranger = await inner.ask(BATCH, "district", {"id": told["id"]}, purpose="P3", actor="王科员")
    assert stranger.data == {"batch": None, "batchFindings": None}
    steward = await inner.ask(BATCH, "steward", {"id": told["id"]}, purpose="P13")
    assert steward.data["batch"]["lines"] == 3
    left = inner.node.home.path / "submissions"
    assert list(left.iterdir()) == []


async def test_a_file_that_is_in_stays_done_when_its_sender_is_no_longer_trusted(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await inner.enrol("leaving-unit", "DEPT", unit_uscc=MARKET_REGULATION)
    claims = {"purpose": "P3", "actor": "李科员"}
    variables = {"k": "submit-00005", "n": "离任.csv", "c": HEADER + line(MARKET_REGULATION)}
    sent = await inner.ask(SUBMIT, "leaving-unit", variables, **claims)
    told = sent.require().data["submitBatch"]
    settle = submissions.settle

    async def settled(pool: Any, id_: Any, state: str, *more: Any) -> None:
        await settle(pool, id_, state, *more)
        if state == "READING":
            await inner.revoke(key)

    monkeypatch.setattr(submissions, "settle", settled)
    assert await _job_end(inner, told["jobId"]) == ("DONE", None)
    report = await inner.ask(BATCH, "steward", {"id": told["id"]}, purpose="P13")
    batch = report.require().data["batch"]
    assert (batch["state"], batch["code"], batch["lines"]) == ("DONE", None, 1)
    kept = "SELECT count(*) FROM upload WHERE name = $1"
    assert await inner.node.work_pool.fetchval(kept, f".submission-{told['id']}") == 0


async def test_a_job_whose_file_is_in_ends_done_after_a_kill_and_a_change_of_scope(
    inner: InnerNode,
) -> None:
    claims = {"purpose": "P3", "actor": "李科员"}
    variables = {"k": "submit-00006", "n": "复工.csv", "c": HEADER + line(MARKET_REGULATION)}
    sent = await inner.ask(SUBMIT, "department", variables, **claims)
    job = sent.require().data["submitBatch"]["jobId"]
    assert await _job_end(inner, job) == ("DONE", None)
    await inner.node.work_pool.execute(
        "UPDATE job SET state = 'QUEUED', shape = 'of before', finished_at = NULL,"
        " expires_at = NULL WHERE job_id::text = $1",
        job,
    )
    assert await _job_end(inner, job) == ("DONE", None)


async def test_a_submitted_file_may_have_the_name_of_what_its_reading_writes(
    inner: InnerNode,
) -> None:
    claims = {"purpose": "P3", "actor": "李科员"}
    variables = {"k": "submit-00007", "n": "report", "c": HEADER + line(MARKET_REGULATION)}
    sent = await inner.ask(SUBMIT, "department", variables, **claims)
    assert await _job_end(inner, sent.require().data["submitBatch"]["jobId"]) == ("DONE", None)


async def _job_end(inner: InnerNode, id_: str) -> tuple[str, str | None]:
    ended = "SELECT state, code FROM job WHERE job_id::text = $1 AND finished_at IS NOT NULL"
    async with inner.jobs(handlers_of(inner.node)):
        for _ in range(900):
            if row := await inner.node.work_pool.fetchrow(ended, id_):
                return row["state"], row["code"]
            await asyncio.sleep(0.1)
    raise AssertionError("the job does not end")


async def test_a_submission_ends_with_its_job(inner: InnerNode) -> None:
    claims = {"purpose": "P3", "actor": "李科员"}
    variables = {
        "k": "submit-00003",
        "n": "20260601_异常.csv",
        "c": HEADER + line(MARKET_REGULATION),
    }
    sent = await inner.ask(SUBMIT, "department", variables, **claims)
    told = sent.require().data["submitBatch"]
    cancel = """mutation($id: ID!) { cancelJob(clientKey: "cancel-00003", id: $id) { state } }"""
    ended = await inner.ask(cancel, "department", {"id": told["jobId"]}, **claims)
    assert ended.require().data == {"cancelJob": {"state": "CANCELLED"}}
    report = await inner.ask(BATCH, "department", {"id": told["id"]}, **claims)
    batch = report.require().data["batch"]
    assert (batch["state"], batch["code"]) == ("REFUSED", "JOB_CANCELLED")
    kept = await inner.node.work_pool.fetchval(
        "SELECT count(*) FROM upload WHERE name = $1", f".submission-{told['id']}"
    )
    assert kept == 0
    variables = {**variables, "k": "submit-00004", "n": "本" * 100 + ".csv"}
    assert code(await inner.ask(SUBMIT, "department", variables, **claims)) == "BAD_VALUE"


async def test_what_a_unit_does_not_report_is_refused_whole(inner: InnerNode) -> None:
    claims = {"purpose": "P3", "actor": "李科员"}
    content = "区划代码,名称\n1,2\n"
    variables = {"k": "submit-00002", "n": "x.csv", "c": content}
    sent = await inner.ask(SUBMIT, "department", variables, **claims)
    told = sent.require().data["submitBatch"]
    async with inner.jobs(handlers_of(inner.node)):
        job = await _done(inner, told["jobId"], "department", **claims)
    assert (job["state"], job["error"]["code"]) == ("FAILED", "KIND_UNKNOWN")
    report = await inner.ask(BATCH, "department", {"id": told["id"]}, **claims)
    assert (report.data["batch"]["state"], report.data["batch"]["code"]) == (
        "REFUSED",
        "KIND_UNKNOWN",
    )
    analyst = await inner.ask(SUBMIT, "analyst", variables, purpose="P12")
    assert code(analyst) == "FORBIDDEN"


async def test_no_more_of_bodies_is_held_than_there_is_room_for(
    inner: InnerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _, port = inner.url.removeprefix("http://").partition(":")
    body = json.dumps({"query": "{ __typename }", "x": "x" * 600_000}).encode()
    head = b"POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)

    async def asked() -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + body)
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return answer.split(b" ")[1]

    assert await asked() == b"200"
    monkeypatch.setattr("service.app.MOST_HELD", len(body) + 1)
    assert {*await asyncio.gather(*[asked() for _ in range(20)])} == {b"200", b"503"}
    for limit in ("MOST_ARRIVING", "MOST_OF_ADDRESS"):
        with monkeypatch.context() as narrow:
            narrow.setattr(f"service.app.{limit}", len(body) - 1)
            assert await asked() == b"503"
    monkeypatch.undo()
    assert await asked() == b"200"
