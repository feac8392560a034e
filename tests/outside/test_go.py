"""Programs that others wrote verify what we write: Go's sumdb, transparency-dev, tessera's fsck."""

from __future__ import annotations

import random
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.log_proof import LogProof
from client.merkle import leaf_hash
from security.tlog.log import TileLog
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.tlog.tile import tiles_of
from security.tlog.verify import export_log
from tests.outside.go import GoTools

SIGNER = NoteSigner("xinqiao.benxi/access", Ed25519PrivateKey.from_private_bytes(bytes(32)))
VKEY = SIGNER.verifier.text
SIZES = (0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 70_777)

pytestmark = pytest.mark.timeout(700)  # a first build downloads and compiles modules


def grown(folder: Path, size: int) -> Path:
    """An export of a log of this size, sealed in three unequal steps."""
    with TileLog.open(folder / "log", SIGNER) as log:
        for start, end in ((0, size // 3), (size // 3, size - size // 4), (size - size // 4, size)):
            if start < end:
                log.append([b"entry %d" % number for number in range(start, end)])
    export_log(folder / "log", folder / "export", [VKEY])
    return folder / "export"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, bytes]]:
    """One log exported at each size, with the root that it had then."""
    folder = tmp_path_factory.mktemp("sizes")
    found = {}
    with TileLog.open(folder / "log", SIGNER) as log:
        for size in SIZES:
            if size > log.size:
                log.append([b"entry %d" % number for number in range(log.size, size)])
            export_log(folder / "log", folder / str(size), [VKEY])
            found[size] = (folder / str(size), log.root)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_outside_verifiers_accept_an_export(
    go_tools: GoTools, exports: dict[int, tuple[Path, bytes]], tmp_path: Path, size: int
) -> None:
    export, root = exports[size]
    found = go_tools.verified("-vkey", VKEY, export)
    assert (found["origin"], found["size"], found["entries"]) == (SIGNER.name, size, size)
    assert b64decode(found["root"]) == root
    assert found["tiles"] == sum(1 for tile in tiles_of(size) if tile.level >= 0)
    assert go_tools.fsck(f"file://{export}", VKEY, tmp_path)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with two levels of tiles, full and partial."""
    return grown(tmp_path_factory.mktemp("go"), 600)


def test_outside_verifiers_refuse_every_changed_file(
    go_tools: GoTools, export: Path, tmp_path: Path
) -> None:
    rng = random.Random(6962)
    changed = tmp_path / "changed"
    files = sorted(p.relative_to(export) for p in export.rglob("*") if p.is_file())
    assert len(files) == 9
    for path in files:
        for _ in range(3):
            shutil.rmtree(changed, ignore_errors=True)
            shutil.copytree(export, changed)
            data = bytearray((export / path).read_bytes())
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            (changed / path).write_bytes(data)
            arguments = [] if path.name == "vkeys" else ["-vkey", VKEY]
            assert go_tools.asked(*arguments, changed).returncode == 1, path
    entry = bytearray((export / "tile/entries/001").read_bytes())
    entry[-1] ^= 1
    (changed / "tile/entries/001").write_bytes(entry)
    assert not go_tools.fsck(f"file://{changed}", VKEY, tmp_path, limit=2)


def test_a_log_key_of_somebody_else_is_refused(go_tools: GoTools, export: Path) -> None:
    other = NoteSigner(SIGNER.name, Ed25519PrivateKey.generate()).verifier.text
    assert go_tools.asked("-vkey", other, export).returncode == 1


@pytest.mark.parametrize("extra", [None, b"", b"\x00\xff the entry"])
@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 600), (511, 512), (599, 600), (256, 257)])
def test_our_proofs_are_tlog_proofs(
    go_tools: GoTools, tmp_path: Path, export: Path, index: int, size: int, extra: bytes | None
) -> None:
    if size != 600:
        export = grown(tmp_path, size)
    reader = TileReader(export)
    note = (export / "checkpoint").read_bytes()
    proof = LogProof(index, reader.inclusion(index, size), note, extra)
    path = tmp_path / "entry.tlog-proof"
    path.write_text(proof.text())
    leaf = leaf_hash(reader.entry(index, size))
    go_tools.verified("-vkey", VKEY, "-proof", path, "-leaf", leaf.hex())
    assert LogProof.parse(path.read_bytes()) == proof
    assert proof.verify(leaf, [SIGNER.verifier]).size == size
    other = leaf_hash(b"another").hex()
    assert go_tools.asked("-vkey", VKEY, "-proof", path, "-leaf", other).returncode == 1
