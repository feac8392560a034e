"""Asking witnesses for this node's own logs: cosigned heads, silent witnesses, policy, forks."""

import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from client.checkpoint import Checkpoint
from client.note import Note
from security.tlog.cosigned import cosigned_checkpoint, served_checkpoint
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import Tile
from security.witness.address import WitnessAddress
from security.witness.cosigner import Cosigner
from security.witness.fork import explain_fork
from security.witness.submission import submission_of
from security.witness.witness import Witness
from sync.fork import pursue
from sync.witness_policy import WitnessPolicy, WitnessState, is_stopped, judge, standings
from sync.witnessing import OwnLog, WitnessError, Witnessing, ask_witness

ORIGIN = "xinqiao.shenyang/access"
HASTY = WitnessPolicy(quorum=1, interval=0.0)


def new_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@dataclass
class Pair:
    """A log of one city and two witnesses: ours and, with a state of its own, another of ours."""

    pool: Any
    folder: Path
    signer: NoteSigner
    http: httpx.AsyncClient
    witnesses: list[WitnessAddress]
    answers: dict[str, Callable[[], Response] | None]

    @property
    def log(self) -> OwnLog:
        return OwnLog(self.signer.verifiers, self.folder)

    def seal(self, *entries: bytes) -> None:
        with TileLog.open(self.folder, self.signer) as log:
            log.append(entries)

    def asking(self, policy: WitnessPolicy = HASTY, count: int = 1) -> Witnessing:
        return Witnessing(self.pool, self.http, self.log, tuple(self.witnesses[:count]), policy)

    async def standing(self, policy: WitnessPolicy = HASTY) -> Any:
        size = self.log.head()
        keys = {one.key.text for one in self.witnesses}
        sizes = {ORIGIN: size[1].size if size else 0}
        [found] = await standings(self.pool, policy, sizes, witnesses=keys)
        return found

    async def ask(self, which: int = 0, old: int = 0) -> Any:
        note = TileReader(self.folder).checkpoint() or b""
        return await ask_witness(self.http, self.witnesses[which], self.log, note, old)


@pytest.fixture
async def pair(database: str, tmp_path: Path) -> AsyncIterator[Pair]:
    signer = NoteSigner(ORIGIN, new_key())
    cosigners = [Cosigner(f"xinqiao.witness{i}/witness", new_key()) for i in range(2)]
    answers: dict[str, Callable[[], Response] | None] = {}
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        # The second is a witness that forgets: it always says that it knows nothing yet.
        keys = {ORIGIN: [signer.verifier]}
        keeping = Witness(pool, cosigners[0], keys, tmp_path / "witness")

        async def add(request: Request) -> Response:
            which = int(request.path_params["which"])
            answer = answers.get(str(which))
            if answer is not None:
                return answer()
            body = await request.body()
            if which == 1:
                text = body.partition(b"\n\n")[2].decode()
                line = cosigners[1].cosign(Note.parse(text.encode()).text, int(time.time()))
                return Response(line.line())
            verdict = await keeping.add_checkpoint(body)
            return Response(verdict.body, verdict.status, media_type=verdict.media)

        app = Starlette(routes=[Route("/{which}/add-checkpoint", add, methods=["POST"])])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
            addresses = [
                WitnessAddress(one.verifier, f"http://witness/{i}")
                for i, one in enumerate(cosigners)
            ]
            yield Pair(pool, tmp_path / "log", signer, http, addresses, answers)


async def test_each_new_head_is_cosigned_served_and_known_as_witnessed(pair: Pair) -> None:
    asking = pair.asking()
    await asking.round()
    assert served_checkpoint(pair.folder) is None, "an unborn log is nothing to ask about"
    for size in range(1, 6):
        pair.seal(b"entry %d" % size)
        assert served_checkpoint(pair.folder) == TileReader(pair.folder).checkpoint()
        await asking.round()
        served = Note.parse(served_checkpoint(pair.folder) or b"")
        assert served.verified_by([pair.signer.verifier]), "the log's own line is still there"
        assert served.verified_by([pair.witnesses[0].key])
        standing = await pair.standing()
        assert (standing.cosigned, standing.tail, standing.age) == (size, 0, 0)
        assert standing.state is WitnessState.WITNESSED
        assert [one.code for one in standing.answers] == [None]
    pair.seal(b"more")
    await pair.asking().round()  # a new process goes on where the old one was
    assert (await pair.standing()).cosigned == 6


async def test_a_conflict_is_settled_with_the_size_of_the_witness(pair: Pair) -> None:
    pair.seal(b"1", b"2", b"3")
    await pair.ask()
    pair.seal(b"4", b"5")
    assert (await pair.ask(old=0)).name == pair.witnesses[0].key.name
    pair.seal(b"6")
    assert (await pair.ask(old=4)).name == pair.witnesses[0].key.name


async def test_a_cosignature_that_is_none_is_not_published(pair: Pair) -> None:
    pair.seal(b"1")
    stranger = Cosigner(pair.witnesses[0].key.name, new_key())
    text = Note.parse(TileReader(pair.folder).checkpoint() or b"").text
    now = int(time.time())
    bad = pair.witnesses[0].key
    good_id = Cosigner(bad.name, new_key()).cosign(text, now)
    for body in (
        stranger.cosign(text, now).line(),
        f"— {bad.name} {'A' * 100}\n",
        good_id.line() * 70,
        "",
        "ok",
        "x" * 70_000,
    ):
        pair.answers["0"] = lambda body=body: Response(body)
        with pytest.raises(WitnessError, match="WITNESS_ANSWER"):
            await pair.ask()
    for status, code in ((404, "REFUSED"), (500, "REFUSED"), (409, "ANSWER"), (422, "CONTRADICTS")):
        pair.answers["0"] = lambda status=status: Response("no", status)
        with pytest.raises(WitnessError, match=f"WITNESS_{code}"):
            await pair.ask()
    asking = pair.asking()
    await asking.round()
    assert cosigned_checkpoint(pair.folder) is None
    assert [one.code for one in (await pair.standing()).answers] == ["WITNESS_CONTRADICTS"]


async def test_a_quorum_of_two_wants_both_on_one_head(pair: Pair) -> None:
    policy = WitnessPolicy(quorum=2, interval=0.0)
    asking = pair.asking(policy, count=2)
    pair.seal(b"1")
    pair.answers["1"] = lambda: Response("", 503)
    await asking.round()
    assert cosigned_checkpoint(pair.folder) is None
    assert (await pair.standing(policy)).tail == 1
    pair.answers["1"] = None
    await pair.asking(policy, count=2).round()
    served = Note.parse(served_checkpoint(pair.folder) or b"")
    assert len(served.verified_by([one.key for one in pair.witnesses])) == 2
    assert (await pair.standing(policy)).tail == 0


async def test_silence_is_counted_sounded_and_stops_the_node_when_the_policy_says_so(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    policy = WitnessPolicy(quorum=1, interval=0.0, alarm=60, stop=120)
    asking = pair.asking(policy)
    pair.seal(b"1")
    await asking.round()
    pair.answers["0"] = lambda: Response("", 503)
    pair.seal(b"2", b"3", b"4")
    await asking.round()
    standing = await pair.standing(policy)
    assert (standing.tail, standing.state) == (3, WitnessState.WITNESSED)
    assert not await is_stopped(pair.pool, policy, [ORIGIN])
    for age, state in ((61, WitnessState.ALARM), (121, WitnessState.STOPPED)):
        await pair.pool.execute(
            "UPDATE cosigned_log SET since = now() - $1 * interval '1 s'", float(age)
        )
        standing = await pair.standing(policy)
        assert standing.state is state
        assert age <= standing.age < age + 5
    assert await is_stopped(pair.pool, policy, [ORIGIN])
    assert not await is_stopped(pair.pool, WitnessPolicy(stop=0), [ORIGIN])
    with caplog.at_level(logging.WARNING, "xinqiao.witnessing"):
        restarted = pair.asking(policy)  # reads the age again, and is not patient anew
        await restarted.round()
        await restarted.round()
        alarms = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        assert len(alarms) == 1
        assert "no quorum" in alarms[0]
        pair.answers["0"] = None
        for course in restarted._courses.values():
            course.next_at = 0
        await restarted.round()
        assert "again" in caplog.records[-1].getMessage()
    standing = await pair.standing(policy)
    assert (standing.tail, standing.age, standing.state) == (0, 0, WitnessState.WITNESSED)
    assert not await is_stopped(pair.pool, policy, [ORIGIN])


def test_the_policy_judges_by_the_age_of_the_tail() -> None:
    policy = WitnessPolicy(quorum=1, alarm=60, stop=600)
    assert judge(policy, 0) is WitnessState.WITNESSED
    assert judge(policy, 60) is WitnessState.WITNESSED
    assert judge(policy, 61) is WitnessState.ALARM
    assert judge(policy, 601) is WitnessState.STOPPED
    assert judge(WitnessPolicy(stop=0), 1e9) is WitnessState.ALARM
    assert judge(WitnessPolicy(quorum=0), 1e9) is WitnessState.NONE
    assert judge(policy, 0, {None, "WITNESS_UNREACHABLE"}) is WitnessState.WITNESSED
    assert judge(policy, 0, {None, "WITNESS_AHEAD"}) is WitnessState.CONTRADICTED


async def test_a_log_restored_from_a_copy_of_its_files_is_caught(
    pair: Pair, tmp_path: Path
) -> None:
    """W: the witness refuses, the node is told, and the proof needs nothing but SHA-256."""
    pair.seal(b"1", b"2", b"3", b"4")
    await pair.ask()
    shutil.copytree(pair.folder, tmp_path / "copy")
    pair.seal(b"5")
    await pair.ask(old=4)
    shutil.rmtree(pair.folder)
    shutil.copytree(tmp_path / "copy", pair.folder)
    with pytest.raises(WitnessError, match="WITNESS_AHEAD"):
        await pair.ask(old=4)
    await pair.asking().round()
    assert (await pair.standing()).state is WitnessState.CONTRADICTED
    pair.seal(b"another fifth")
    with pytest.raises(WitnessError, match="WITNESS_CONTRADICTS"):
        await pair.ask(old=5)
    pair.seal(b"6", b"7")
    with pytest.raises(WitnessError, match="WITNESS_CONTRADICTS"):
        await pair.ask(old=4)
    proofs = [r["proof"] for r in await pair.pool.fetch("SELECT proof FROM log_fork")]
    told = [explain_fork(one.encode(), [pair.signer.verifier.text]) for one in proofs]
    assert sorted(one.sizes for one in told) == [(5, 5), (5, 7)]
    assert all(one.holds for one in told)


@pytest.mark.parametrize("size", [1, 4, 256, 512])
async def test_a_fork_after_a_power_of_two_is_proven_from_the_tiles(
    pair: Pair, size: int, tmp_path: Path
) -> None:
    """Such a size's root is not in the proof that the log sends; its public tiles hold it."""
    common = [b"%d" % i for i in range(size - 1)]
    pair.seal(*common, b"true")
    await pair.ask()
    shutil.rmtree(pair.folder)
    pair.seal(*common, b"false", b"more")
    reader = TileReader(pair.folder)
    note, proof = reader.checkpoint() or b"", reader.consistency(size, size + 1)
    keys = {ORIGIN: [pair.signer.verifier]}
    witness = Witness(pair.pool, Cosigner("w", new_key()), keys, tmp_path / "other")
    verdict = await witness.add_checkpoint(submission_of(size, proof, note))
    assert verdict.status == 422
    assert verdict.contradiction is not None
    assert verdict.contradiction.fork is None

    def tile(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/log/access/")
        return httpx.Response(200, content=reader.tile(Tile.parse(path)))

    async with httpx.AsyncClient(transport=httpx.MockTransport(tile)) as http:
        found = await pursue(http, "http://shenyang/log/access", verdict.contradiction)
    assert found is not None
    assert explain_fork(found.to_json()).sizes == (size, size + 1)
    assert await witness.record_fork(found)
    assert not await witness.record_fork(found), "once is enough"
    assert Checkpoint.open(found.second, pair.signer.verifier).size == size + 1
