"""The witness (C2SP tlog-witness): what it cosigns, what it refuses and how, and fork proofs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.merkle import EMPTY_ROOT, leaf_hash, root_hash, verify_consistency
from client.note import COSIGNATURE, Note, VerifierKey, cosigned_at
from security.errors import LogError
from security.tlog.checkpoint import sign_checkpoint
from security.tlog.cosigned import cosigned_checkpoint, keep_cosigned, merged, served_checkpoint
from security.tlog.log import TileLog
from security.tlog.merkle import consistency_proof
from security.tlog.note import NoteSigner
from security.witness.cosigner import Cosigner
from security.witness.fork import ForkProof, explain_fork, is_fork_proof, prove_fork
from security.witness.submission import Submission, SubmissionError, submission_of
from security.witness.witness import SIZE_TYPE, Verdict, Witness

ORIGIN = "xinqiao.shenyang/access"
NOW = 1_790_000_000
ROOT = Path(__file__).parents[2]


def new_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def entries(count: int, mark: str = "") -> list[bytes]:
    return [f"{mark}{i}".encode() for i in range(count)]


@dataclass
class Log:
    """A log in memory."""

    signer: NoteSigner
    leaves: list[bytes] = field(default_factory=list)

    def checkpoint(self, size: int) -> bytes:
        return sign_checkpoint(size, root_hash(self.leaves[:size]), self.signer)

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        return consistency_proof(
            old, size, lambda level, i: root_hash(self.leaves[i << level : (i + 1) << level])
        )

    def submission(self, old: int, size: int) -> bytes:
        proof = self.proof(old, size) if 0 < old < size else ()
        return submission_of(old, proof, self.checkpoint(size))

    def forked(self, at: int, count: int) -> "Log":
        """A log of the same key whose entries differ from index `at` on."""
        return Log(
            self.signer, self.leaves[:at] + [leaf_hash(e) for e in entries(count - at, "other ")]
        )


def new_log(count: int, signer: NoteSigner | None = None) -> Log:
    return Log(signer or NoteSigner(ORIGIN, new_key()), [leaf_hash(e) for e in entries(count)])


@dataclass
class Witnessed:
    pool: Any
    log: Log
    cosigner: Cosigner
    folder: Path
    now: float = NOW

    @property
    def witness(self) -> Witness:
        """A new one every time: nothing is kept but in the database."""
        keys = {ORIGIN: [self.log.signer.verifier]}
        return Witness(self.pool, self.cosigner, keys, self.folder, clock=lambda: self.now)

    async def submit(self, body: bytes) -> Verdict:
        return await self.witness.add_checkpoint(body)


@pytest.fixture
async def witnessed(database: str, tmp_path: Path) -> AsyncIterator[Witnessed]:
    async with asyncpg.create_pool(database, min_size=1, max_size=8) as pool:
        cosigner = Cosigner("xinqiao.benxi/witness", new_key())
        yield Witnessed(pool, new_log(40), cosigner, tmp_path / "witness")


def test_a_cosignature_is_what_c2sp_tlog_cosignature_says() -> None:
    # Ed25519 test 1 of RFC 8032 §7.1 as the witness's key; the message is put together by hand
    # from the section "Ed25519 signed message".
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    cosigner = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(seed))
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    line = cosigner.cosign(text, 1679315147)
    public = cosigner.private.public_key()
    assert line.signature[:8] == bytes.fromhex("00000000641850cb")
    public.verify(
        line.signature[8:],
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    )
    raw = b"witness.example/w1\n\x04" + public.public_bytes_raw()
    assert line.id == sha256(raw).digest()[:4]
    assert cosigned_at(line.signature) == 1679315147


def test_a_cosignature_verifies_over_its_own_text_and_time_alone() -> None:
    cosigner = Cosigner("w", new_key())
    key = VerifierKey.parse(cosigner.verifier.text)
    assert key == cosigner.verifier
    assert key.type == COSIGNATURE
    text = Checkpoint(ORIGIN, 3, bytes(32)).text()
    signature = cosigner.cosign(text, NOW).signature
    assert key.verifies(text.encode(), signature)
    assert not key.verifies(text.replace("3", "4").encode(), signature)
    assert not key.verifies(text.encode(), (NOW + 1).to_bytes(8, "big") + signature[8:])
    assert not key.verifies(text.encode(), bytes(8) + signature[8:])
    assert not key.verifies(text.encode(), signature[8:])
    plain = VerifierKey(key.name, key.public)
    assert not plain.verifies(text.encode(), signature[8:])


def test_a_witness_key_is_no_log_key() -> None:
    cosigner = Cosigner(ORIGIN, new_key())
    text = Checkpoint(ORIGIN, 0, EMPTY_ROOT).text()
    note = Note(text, (cosigner.cosign(text, NOW),)).bytes()
    with pytest.raises(ClientError, match="CHECKPOINT_ORIGIN"):
        Checkpoint.open(note, cosigner.verifier)


async def test_a_new_log_an_extension_and_a_repetition_are_cosigned(witnessed: Witnessed) -> None:
    log = witnessed.log
    for old, size in ((0, 0), (0, 3), (3, 8), (8, 8), (8, 33)):
        witnessed.now += 10
        verdict = await witnessed.submit(log.submission(old, size))
        assert verdict.status == 200, (old, size, verdict)
        note = Note.parse(log.checkpoint(size))
        whole = Note.parse(note.bytes() + verdict.body.encode())
        [_] = whole.verified_by([witnessed.cosigner.verifier])
        assert cosigned_at(whole.signatures[-1].signature) == witnessed.now
        kept = await witnessed.witness.checkpoint(sha256(ORIGIN.encode()).digest())
        assert kept == whole.bytes().decode(), "the monitor sees both signatures"
    assert await witnessed.witness.checkpoint(bytes(32)) is None


async def test_a_repetition_within_seconds_costs_no_write(witnessed: Witnessed) -> None:
    body = witnessed.log.submission(0, 5)
    first = await witnessed.submit(body)
    again = witnessed.log.submission(5, 5)
    before = await witnessed.pool.fetchval("SELECT xmin::text FROM witnessed_log")
    assert (await witnessed.submit(again)).body == first.body
    assert await witnessed.pool.fetchval("SELECT xmin::text FROM witnessed_log") == before
    witnessed.now += 6
    assert (await witnessed.submit(again)).body != first.body


async def test_a_stale_size_gets_the_size_that_was_cosigned(witnessed: Witnessed) -> None:
    log = witnessed.log
    assert await witnessed.submit(log.submission(3, 8)) == Verdict(409, "0\n", SIZE_TYPE)
    assert (await witnessed.submit(log.submission(0, 8))).status == 200
    for old, size in ((0, 9), (3, 9), (9, 12), (0, 8), (3, 3)):
        verdict = await witnessed.submit(log.submission(old, size))
        assert verdict == Verdict(409, "8\n", SIZE_TYPE), (old, size)


async def test_refusals_have_the_status_of_the_specification(witnessed: Witnessed) -> None:
    log = witnessed.log
    other = new_log(9, NoteSigner("xinqiao.fushun/access", new_key()))
    forged = new_log(9, NoteSigner(ORIGIN, new_key()))
    good = log.submission(0, 8)
    spoilt = good.replace(b"\n8\n", b"\n9\n")
    bad_empty = sign_checkpoint(0, bytes(32), log.signer)
    surplus = submission_of(0, (bytes(32),), log.checkpoint(8))
    for status, body in (
        (404, other.submission(0, 8)),
        (403, forged.submission(0, 8)),
        (403, spoilt),
        (400, submission_of(9, (), log.checkpoint(8))),
        (422, submission_of(0, (), bad_empty)),
        (422, surplus),
    ):
        assert (await witnessed.submit(body)).status == status
    assert (await witnessed.submit(good)).status == 200
    assert (await witnessed.submit(submission_of(8, (), log.checkpoint(12)))).status == 422
    wrong = (*log.proof(8, 12)[:-1], bytes(32))
    assert (await witnessed.submit(submission_of(8, wrong, log.checkpoint(12)))).status == 422
    assert await witnessed.pool.fetchval("SELECT count(*) FROM log_fork") == 0


@pytest.mark.parametrize(
    ("found", "replaced"),
    [
        (b"old 3\n", b"old 03\n"),
        (b"old 3\n", b"old -3\n"),
        (b"old 3\n", b"old  3\n"),
        (b"old 3\n", b"old 3\r\n"),
        (b"old 3\n", b"Old 3\n"),
        (b"old 3\n", b""),
        (b"old 3\n", b"old 3\nAAAA\n"),
        (b"old 3\n", b"old 3\n" + (b"A" * 43 + b"=\n") * 64),
        (b"\n\n", b"\n"),
        (b"old 3\n", b"old 9223372036854775808\n"),
        ("\n— ".encode(), "\n– ".encode()),
    ],
)
def test_a_message_in_another_form_is_refused(found: bytes, replaced: bytes) -> None:
    body = new_log(9).submission(3, 9)
    assert Submission.parse(body).old == 3
    spoilt = body.replace(found, replaced, 1)
    assert spoilt != body
    with pytest.raises(SubmissionError):
        Submission.parse(spoilt)


async def test_extension_lines_are_cosigned_with_the_rest(witnessed: Witnessed) -> None:
    text = Checkpoint(ORIGIN, 5, root_hash(witnessed.log.leaves[:5])).text() + "extra 1\n"
    note = witnessed.log.signer.sign(text)
    verdict = await witnessed.submit(submission_of(0, (), note))
    assert verdict.status == 200
    Note.parse(note + verdict.body.encode()).verified_by([witnessed.cosigner.verifier])


async def test_of_many_at_once_one_history_is_cosigned(witnessed: Witnessed) -> None:
    """The race of the specification: no answer may roll the witness back."""
    log = witnessed.log
    assert (await witnessed.submit(log.submission(0, 10))).status == 200
    forked = log.forked(10, 40)
    bodies = [one.submission(10, size) for size in range(11, 31) for one in (log, forked)]
    verdicts = await asyncio.gather(*(witnessed.submit(body) for body in bodies))
    cosigned = [v for v in verdicts if v.status == 200]
    assert len(cosigned) == 1
    assert {v.status for v in verdicts} == {200, 409}
    size = await witnessed.pool.fetchval("SELECT size FROM witnessed_log")
    assert {v.body for v in verdicts if v.status == 409} == {f"{size}\n"}


async def test_the_database_itself_lets_nothing_go_back(witnessed: Witnessed) -> None:
    assert (await witnessed.submit(witnessed.log.submission(0, 10))).status == 200
    for change in (
        "UPDATE witnessed_log SET size = 9",
        "UPDATE witnessed_log SET root = sha256('')",
        "UPDATE witnessed_log SET origin = 'x'",
        "DELETE FROM witnessed_log",
    ):
        with pytest.raises(asyncpg.RaiseError, match="witnessed"):
            await witnessed.pool.execute(change)


async def test_a_restored_database_does_not_make_the_witness_forget(witnessed: Witnessed) -> None:
    log = witnessed.log
    assert (await witnessed.submit(log.submission(0, 10))).status == 200
    backup = await witnessed.pool.fetchrow("SELECT * FROM witnessed_log")
    witnessed.now += 60
    assert (await witnessed.submit(log.submission(10, 20))).status == 200
    await witnessed.pool.execute("TRUNCATE witnessed_log")
    await witnessed.pool.execute("INSERT INTO witnessed_log VALUES ($1, $2, $3, $4, $5)", *backup)
    forked = log.forked(12, 40)
    assert (await witnessed.submit(forked.submission(10, 30))) == Verdict(409, "20\n", SIZE_TYPE)
    assert (await witnessed.submit(forked.submission(20, 30))).status == 422
    await witnessed.pool.execute("TRUNCATE witnessed_log")
    assert (await witnessed.submit(forked.submission(0, 30))) == Verdict(409, "20\n", SIZE_TYPE)
    assert (await witnessed.submit(log.submission(20, 30))).status == 200


async def submit_forever(dsn: str, folder: str, log_seed: bytes, witness_seed: bytes) -> None:
    """A witness that is asked for every size from what it knows on, and says what it cosigned."""
    log = new_log(600, NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(log_seed)))
    cosigner = Cosigner("w", Ed25519PrivateKey.from_private_bytes(witness_seed))
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        begun = await pool.fetchval("SELECT max(size) FROM witnessed_log") or 0
        for size in range(begun + 1, 600):
            verdict = await Witnessed(pool, log, cosigner, Path(folder)).submit(
                log.submission(size - 1, size)
            )
            assert verdict.status == 200
            print(size, flush=True)


async def test_a_killed_witness_has_forgotten_nothing_that_it_said(
    database: str, tmp_path: Path
) -> None:
    seeds = bytes(range(32)), bytes(range(32, 64))
    code = (
        "import asyncio; from tests.security.test_witness import submit_forever as submit;"
        f" asyncio.run(submit({database!r}, {str(tmp_path)!r}, *{seeds!r}))"
    )
    said = 0
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        for kill in range(3):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT
            )
            assert process.stdout is not None
            for _ in range(5 + 17 * kill):
                said = int(await process.stdout.readline())
            process.kill()
            rest = (await process.stdout.read()).split(b"\n")[:-1]
            said = max([said, *map(int, rest)])
            await process.wait()
            assert await pool.fetchval("SELECT size FROM witnessed_log") >= said
    assert said > 60


async def test_a_fork_is_refused_and_its_proof_kept(witnessed: Witnessed) -> None:
    """A log restored from a copy of its files that then seals other entries."""
    log = witnessed.log
    forked = log.forked(6, 40)
    assert (await witnessed.submit(log.submission(0, 10))).status == 200
    assert (await witnessed.submit(forked.submission(6, 10))).status == 409
    same = await witnessed.submit(submission_of(10, (), forked.checkpoint(10)))
    larger = await witnessed.submit(forked.submission(10, 23))
    assert (same.status, larger.status) == (422, 422)
    proofs = await witnessed.pool.fetch("SELECT origin, proof FROM log_fork")
    assert [row["origin"] for row in proofs] == [ORIGIN, ORIGIN]
    for verdict, sizes in ((same, (10, 10)), (larger, (10, 23))):
        assert verdict.contradiction is not None
        assert verdict.contradiction.fork is not None
        data = verdict.contradiction.fork.to_json()
        assert data.decode() in [row["proof"] for row in proofs]
        assert is_fork_proof(data)
        told = explain_fork(data, [log.signer.verifier.text])
        assert (told.holds, told.origin, told.sizes) == (True, ORIGIN, sizes)
        assert not explain_fork(data, [witnessed.cosigner.verifier.text]).holds
    assert (await witnessed.submit(log.submission(10, 12))).status == 200, "the true one goes on"


@given(st.integers(2, 40), st.data())
def test_a_fork_proof_holds_for_every_pair_of_sizes(first: int, data: st.DataObject) -> None:
    second = data.draw(st.integers(first, 41))
    at = data.draw(st.integers(0, first - 1))
    log = new_log(41)
    forked = log.forked(at, 41)
    one, other = log.checkpoint(first), forked.checkpoint(second)
    proof = forked.proof(first, second) if first < second else ()
    root = root_hash(forked.leaves[:first])
    assert first == second or verify_consistency(
        first, root, second, root_hash(forked.leaves[:second]), proof
    )
    key = log.signer.verifier
    is_power = first & (first - 1) == 0
    found = prove_fork(key, one, other, proof)
    assert (found is None) == (is_power and first != second)
    found = prove_fork(key, other, one, proof, root)
    assert found is not None
    assert explain_fork(found.to_json()).sizes == (first, second)
    assert prove_fork(key, one, log.checkpoint(second), proof, root) is None
    honest = log.proof(first, second) if first < second else ()
    assert (
        prove_fork(key, one, log.checkpoint(second), honest, root_hash(log.leaves[:first])) is None
    )


def test_a_fork_proof_that_proves_nothing_accuses_nobody() -> None:
    log = new_log(20)
    forked = log.forked(5, 20)
    found = prove_fork(log.signer.verifier, log.checkpoint(11), forked.checkpoint(11), ())
    assert found is not None
    stranger = NoteSigner(ORIGIN, new_key())
    for spoilt in (
        ForkProof(found.key, found.first, found.first),
        ForkProof(stranger.verifier, found.first, found.second),
        ForkProof(found.key, found.first, new_log(11, stranger).checkpoint(11)),
        ForkProof(found.key, found.first, forked.checkpoint(12), bytes(32), (bytes(32),)),
    ):
        with pytest.raises(LogError, match="FORK_UNPROVEN"):
            explain_fork(spoilt.to_json())
    for malformed in (b"", b"{}", b"[1]", found.to_json().replace(b"first", b"frist")):
        with pytest.raises(LogError, match="FORK_MALFORMED"):
            explain_fork(malformed)
    assert not is_fork_proof(b'{"type":"receipt"}')


@contextmanager
def opened(folder: Path) -> Iterator[TileLog]:
    with TileLog.open(folder, NoteSigner(ORIGIN, new_key())) as log:
        yield log


def test_a_cosigned_head_is_served_only_while_it_is_the_newest(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        assert served_checkpoint(tmp_path) == log.reader.checkpoint()
        log.append(entries(3))
        own = Note.parse(log.reader.checkpoint() or b"")
        lines = [Cosigner(name, new_key()).cosign(own.text, NOW) for name in ("a", "b")]
        note = merged(Note(own.text, (lines[0], *own.signatures)), None, log.signer.verifier)
        keep_cosigned(tmp_path, note)
        keep_cosigned(tmp_path, merged(Note(own.text, (lines[1],)), note, log.signer.verifier))
        served = Note.parse(served_checkpoint(tmp_path) or b"")
        assert [one.name for one in served.signatures] == [ORIGIN, "b", "a"]
        log.append(entries(1))
        assert served_checkpoint(tmp_path) == log.reader.checkpoint()
        kept = cosigned_checkpoint(tmp_path, ORIGIN)
        assert kept is not None
        assert Checkpoint.parse(kept.text).size == 3
        assert cosigned_checkpoint(tmp_path, "another") is None
