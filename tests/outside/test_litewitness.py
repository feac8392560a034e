"""An unmodified outside witness (filippo.io/torchwood/cmd/litewitness v0.8.0) cosigns our logs, and
Go libraries verify what our witness cosigns."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from client.merkle import EMPTY_ROOT
from client.note import COSIGNATURE, Note, VerifierKey
from security.tlog.cosigned import merged
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.witness.address import WitnessAddress
from security.witness.cosigner import Cosigner
from security.witness.submission import submission_of
from sync.witnessing import OwnLog, WitnessError, ask_witness
from tests.outside.conftest import GoTools
from tests.programs import need

ORIGIN = "xinqiao.benxi/access"
NAME = "litewitness.example/w1"


@dataclass(frozen=True)
class Outside:
    """A running litewitness that knows one log, and the log."""

    address: WitnessAddress
    signer: NoteSigner
    http: httpx.AsyncClient

    def log(self, folder: Path) -> OwnLog:
        return OwnLog(self.signer.verifiers, folder)

    def seal(self, folder: Path, *entries: bytes) -> None:
        with TileLog.open(folder, self.signer) as log:
            log.append(entries)

    async def ask(self, folder: Path, old: int) -> Note:
        note = TileReader(folder).checkpoint() or b""
        line = await ask_witness(self.http, self.address, self.log(folder), note, old)
        own = Note.parse(note)
        return merged(Note(own.text, (*own.signatures, line)), None, self.signer.verifier)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[tuple[Path, Ed25519PrivateKey]]:
    """An ssh-agent that holds the witness's key, because litewitness takes it from nowhere else."""
    need("ssh-agent", "ssh-add")
    key = Ed25519PrivateKey.generate()
    pem = tmp_path / "witness.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    pem.chmod(0o600)
    with tempfile.TemporaryDirectory() as short:  # a socket's path is at most 107 bytes long
        place = Path(short) / "agent"
        process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(place.exists)
            subprocess.run(
                ["ssh-add", "-q", pem],
                env={**os.environ, "SSH_AUTH_SOCK": str(place)},
                check=True,
                timeout=120,
            )
            yield place, key
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def litewitness(
    go_tools: GoTools, agent: tuple[Path, Ed25519PrivateKey], tmp_path: Path
) -> Iterator[tuple[WitnessAddress, NoteSigner]]:
    place, key = agent
    program = go_tools.path("litewitness")
    signer = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    database = tmp_path / "witness.db"
    # witnessctl does not build from the module proxy: these are the rows that it writes.
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.executescript(
            "CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL,"
            " tree_hash TEXT NOT NULL);"
            "CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL,"
            " FOREIGN KEY(origin) REFERENCES log(origin));"
        )
        rows.execute("INSERT INTO log VALUES (?, 0, ?)", (ORIGIN, b64encode(EMPTY_ROOT).decode()))
        rows.execute("INSERT INTO key VALUES (?, ?)", (ORIGIN, signer.verifier.text))
    blob = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
    raw = b64decode(blob)
    fingerprint = "SHA256:" + b64encode(sha256(raw).digest()).decode().rstrip("=")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {"-db": database, "-name": NAME, "-key": fingerprint, "-ssh-agent": place}
    options = [part for pair in told.items() for part in pair]
    process = subprocess.Popen(
        [program, *options, "-listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: _listens(port))
        vkey = VerifierKey(NAME, key.public_key().public_bytes_raw(), COSIGNATURE)
        yield WitnessAddress(vkey, f"http://127.0.0.1:{port}"), signer
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def outside(litewitness: tuple[WitnessAddress, NoteSigner]) -> AsyncIterator[Outside]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Outside(*litewitness, http)


async def test_litewitness_cosigns_refuses_the_stale_and_catches_a_fork(
    outside: Outside, go_tools: GoTools, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    outside.seal(folder, b"1", b"2", b"3")
    note = await outside.ask(folder, 0)  # new
    _judge(go_tools, note, outside.signer.verifier, outside.address.key)
    shutil.copytree(folder, tmp_path / "fork")
    outside.seal(folder, *(b"%d" % i for i in range(400)))

    url = f"{outside.address.url}/add-checkpoint"
    stale = submission_of(0, (), TileReader(folder).checkpoint() or b"")
    answer = await outside.http.post(url, content=stale)
    assert (answer.status_code, answer.text) == (409, "3\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"

    note = await outside.ask(folder, 0)  # told the size, our side proves from it: extended
    _judge(go_tools, note, outside.signer.verifier, outside.address.key)

    other = tmp_path / "fork"
    outside.seal(other, *(b"other %d" % i for i in range(400)))
    with pytest.raises(WitnessError, match="WITNESS_CONTRADICTS"):
        await outside.ask(other, 403)  # one size, another root: 422
    outside.seal(other, b"more")
    with pytest.raises(WitnessError, match="WITNESS_CONTRADICTS"):
        await outside.ask(other, 403)  # a proof from another tree: 422
    outside.seal(folder, b"the true log goes on")
    await outside.ask(folder, 403)

    stranger = NoteSigner("xinqiao.fushun/access", Ed25519PrivateKey.generate())
    with TileLog.open(tmp_path / "stranger", stranger) as log:
        log.append([b"1"])
    unknown = OwnLog(stranger.verifiers, tmp_path / "stranger")
    note_of = TileReader(tmp_path / "stranger").checkpoint() or b""
    with pytest.raises(WitnessError, match="WITNESS_REFUSED"):
        await ask_witness(outside.http, outside.address, unknown, note_of, 0)


def test_go_libraries_verify_what_our_witness_cosigns(go_tools: GoTools, tmp_path: Path) -> None:
    signer = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    cosigner = Cosigner("xinqiao.shenyang/witness", Ed25519PrivateKey.generate())
    with TileLog.open(tmp_path, signer) as log:
        log.append([b"1", b"2"])
    own = Note.parse(TileReader(tmp_path).checkpoint() or b"")
    line = cosigner.cosign(own.text, int(time.time()))
    note = merged(Note(own.text, (*own.signatures, line)), None, signer.verifier)
    _judge(go_tools, note, signer.verifier, cosigner.verifier)
    late = cosigner.cosign(own.text, int(time.time()) + 1)
    forged = line.signature[:8] + late.signature[8:]
    broken = Note(own.text, (own.signatures[0], type(line)(line.name, line.id, forged)))
    with pytest.raises(AssertionError, match="refused"):
        _judge(go_tools, broken, signer.verifier, cosigner.verifier)


def _judge(go_tools: GoTools, note: Note, log: VerifierKey, witness: VerifierKey) -> None:
    """Both Go verifiers accept the cosigned checkpoint, or AssertionError says why not."""
    done = subprocess.run(
        [go_tools.path("cosigned"), "-log", log.text, "-witness", witness.text],
        input=note.bytes(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(holds: object, seconds: float = 60) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)
