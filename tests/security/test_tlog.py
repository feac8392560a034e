"""The transparency log against published vectors, a plain model, and every changed byte."""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from client.errors import ClientError
from security.errors import LogError
from security.tlog.checkpoint import Checkpoint, sign_checkpoint
from security.tlog.log import TileLog
from security.tlog.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from security.tlog.note import Note, NoteSigner, VerifierKey
from security.tlog.tile import BUNDLE_LEVEL, Tile, pack_entries, split_entries, tiles_of
from security.tlog.verify import Status, export_log, verify_export

SIGNER = NoteSigner("xinqiao.benxi/access", Ed25519PrivateKey.from_private_bytes(bytes(32)))
VKEY = SIGNER.verifier.text

# The reference tree of Certificate Transparency (google/certificate-transparency,
# merkletree tests, Apache-2.0): eight inputs and the roots of their prefixes.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]


def model_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1 word for word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(model_root(hashes[:k]), model_root(hashes[k:]))


def entries(count: int, start: int = 0) -> list[bytes]:
    return [b"entry %d" % number for number in range(start, start + count)]


def test_roots_are_those_of_the_reference_tree() -> None:
    hashes = [leaf_hash(entry) for entry in INPUTS]
    assert [root_hash(hashes[: n + 1]) for n in range(8)] == ROOTS
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")


@given(st.integers(0, 200))
def test_roots_are_those_of_the_definition(size: int) -> None:
    hashes = [leaf_hash(entry) for entry in entries(size)]
    assert root_hash(hashes) == model_root(hashes)


@given(st.data())
def test_proofs_verify_and_no_changed_proof_does(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 130))
    hashes = [leaf_hash(entry) for entry in entries(size)]

    def read(level: int, index: int) -> bytes:
        return model_root(hashes[index << level : (index + 1) << level])

    root = model_root(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, read)
    assert verify_inclusion(hashes[index], index, size, proof, root)
    assert not verify_inclusion(hashes[index], index, size, (*proof, root), root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    for other in {index - 1, index + 1, size} - {index}:
        assert not verify_inclusion(hashes[index], other, size, proof, root)
    if proof:
        assert not verify_inclusion(hashes[index], index, size, proof[1:], root)
        assert not verify_inclusion(hashes[index], index, size, (root, *proof[1:]), root)
    old = data.draw(st.integers(0, size))
    old_root, path = model_root(hashes[:old]), consistency_proof(old, size, read)
    assert verify_consistency(old, old_root, size, root, path)
    assert not verify_consistency(old, leaf_hash(b"fork"), size, root, path)
    assert old == 0 or not verify_consistency(old, old_root, size, leaf_hash(b"fork"), path)
    assert not verify_consistency(old, old_root, size, root, (*path, root))


def test_signed_note_of_the_go_checksum_database_verifies() -> None:
    # The example of golang.org/x/mod/sumdb/note.
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
        "otpRZb6KE6RyyBwJnAM=\n"
    ).encode()
    assert Note.parse(note).verified_by([key]) == (key,)
    assert Note.parse(note).bytes() == note


def test_checkpoint_opens_with_its_own_key_only() -> None:
    note = sign_checkpoint(7, ROOTS[6], SIGNER)
    assert Checkpoint.open(note, SIGNER.verifier) == Checkpoint(SIGNER.name, 7, ROOTS[6])
    other = NoteSigner(SIGNER.name, Ed25519PrivateKey.generate())
    with pytest.raises(ClientError, match="NOTE_SIGNATURE_INVALID"):
        Checkpoint.open(note, other.verifier)


@given(st.data())
def test_no_changed_byte_of_a_checkpoint_or_key_is_accepted(data: st.DataObject) -> None:
    note = sign_checkpoint(7, ROOTS[6], SIGNER)
    at = data.draw(st.integers(0, len(note) - 1))
    changed = bytes([*note[:at], note[at] ^ data.draw(st.integers(1, 255)), *note[at + 1 :]])
    with pytest.raises(ClientError):
        Checkpoint.open(changed, SIGNER.verifier)
    at = data.draw(st.integers(0, len(VKEY) - 1))
    text = VKEY[:at] + chr(ord(VKEY[at]) ^ data.draw(st.integers(1, 127))) + VKEY[at + 1 :]
    with pytest.raises(ClientError, match="VKEY_MALFORMED"):
        VerifierKey.parse(text)


def test_tile_paths_are_those_of_the_specification() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(BUNDLE_LEVEL, 5, 112).path == "tile/entries/005.p/112"
    # C2SP tlog-tiles, "Partial Tiles": a tree of 70,000.
    tiles = [tile for tile in tiles_of(70_000) if tile.level != BUNDLE_LEVEL]
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert [tile for tile in tiles if tile.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert Tile(1, 0) in tiles
    assert len(tiles) == 277
    assert [t.path for t in tiles_of(256)][1:] == ["tile/0/000", "tile/1/000.p/1"]


@given(st.integers(-1, 63), st.integers(0, 10**10), st.integers(1, 256))
def test_tile_paths_read_back(level: int, index: int, width: int) -> None:
    assert Tile.parse(Tile(level, index, width).path) == Tile(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/00/001",
        "tile/0/x000/001",
        "tile/0/000.p/256",
        "tile/64/000",
        "tile/0/000.p/01",
        "tile/0/000.p/0",
        "tile/0",
        "tile/x/000",
        "tiles/0/000",
    ],
)
def test_other_spellings_of_tile_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tile.parse(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_read_back(content: list[bytes]) -> None:
    assert split_entries(pack_entries(content)) == content


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([1, 2, 100, 255, 256, 257, 700]), min_size=1, max_size=8))
def test_log_grown_in_batches_is_the_tree_of_its_entries(batches: list[int]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        total = 0
        for batch in batches:  # a new writer each time: state comes from the files
            with TileLog.open(folder, SIGNER) as log:
                log.append(entries(batch, total))
            total += batch
        hashes = [leaf_hash(entry) for entry in entries(total)]
        assert log.root == root_hash(hashes)
        assert log.size == total
        assert log.head() == Checkpoint(SIGNER.name, total, log.root)
        for index in {0, total // 2, total - 1}:
            proof = log.reader.inclusion(index, total)
            assert verify_inclusion(hashes[index], index, total, proof, log.root)
            assert log.reader.entry(index, total) == b"entry %d" % index
        old = batches[0]
        path = log.reader.consistency(old, total)
        assert verify_consistency(old, root_hash(hashes[:old]), total, log.root, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_uncommitted_stage_leaves_no_trace(tmp_path: Path) -> None:
    with TileLog.open(tmp_path, SIGNER) as log:
        log.append(entries(300))
        log.stage(entries(700, 5000))
    with TileLog.open(tmp_path, SIGNER) as log:
        assert log.size == 300
        log.append(entries(5, 300))
    export_log(tmp_path, tmp_path / "export", [VKEY])
    assert verify_export(tmp_path / "export").size == 305
    shutil.rmtree(tmp_path / "export")
    log_files = {p.relative_to(tmp_path).as_posix() for p in (tmp_path / "tile").rglob("*")}
    assert "tile/0/001" not in log_files


def test_second_writer_is_refused(tmp_path: Path) -> None:
    with TileLog.open(tmp_path, SIGNER), pytest.raises(LogError, match="LOG_BUSY"):
        TileLog.open(tmp_path, SIGNER)


def test_log_is_not_continued_on_changed_files_or_another_head(tmp_path: Path) -> None:
    with TileLog.open(tmp_path, SIGNER) as log:
        log.append(entries(300))
    with pytest.raises(LogError, match="LOG_DIVERGED"):
        TileLog.open(tmp_path, SIGNER, 300, leaf_hash(b"x"))
    with pytest.raises(LogError, match="LOG_FILES_LOST"):
        TileLog.open(tmp_path, SIGNER, 400, leaf_hash(b"x"))
    path = tmp_path / "tile/0/001.p/44"
    path.write_bytes(bytes(32) + path.read_bytes()[32:])
    with pytest.raises(LogError, match="LOG_DIVERGED"):
        TileLog.open(tmp_path, SIGNER)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with full, partial and redundant partial tiles on two levels."""
    folder = tmp_path_factory.mktemp("log")
    with TileLog.open(folder / "log", SIGNER) as log:
        log.append(entries(257))
        log.append(entries(60, 257))
    export_log(folder / "log", folder / "export", [VKEY])
    for name in ("tile/0/001.p/1", "tile/entries/001.p/1"):
        path = folder / "export" / name
        assert not path.exists()
        path.write_bytes((folder / "log" / name).read_bytes())
    assert verify_export(folder / "export", [VKEY]).status is Status.OK
    return folder / "export"


def test_any_changed_byte_or_bit_of_any_file_is_detected(export: Path) -> None:
    rng = random.Random(6962)
    for path in sorted(p for p in export.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        small = len(whole) <= 400
        places = range(len(whole)) if small else sorted(rng.sample(range(len(whole)), 60))
        for at in places:
            for mask in (1 << rng.randrange(8), rng.randrange(1, 256)):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
                verdict = verify_export(export)
                assert verdict.exit_status in (1, 2), (path, at, mask)
                assert verdict.findings
        for other in (b"", whole[:-1], whole + b"\n", whole + whole):
            path.write_bytes(other)
            assert verify_export(export).exit_status == 1, path
        path.write_bytes(whole)
    assert verify_export(export).exit_status == 0


def test_missing_and_extra_files_are_detected(export: Path) -> None:
    for path in sorted(p for p in export.rglob("*") if p.is_file()):
        hidden = path.with_name(path.name + ".away")
        path.rename(hidden)
        assert verify_export(export).exit_status in (1, 2)
        hidden.rename(path)
    required = export / "tile/0/000"
    content = required.read_bytes()
    required.unlink()
    assert verify_export(export).findings[0].path == "tile/0/000"
    required.write_bytes(content)
    for name in ("tile/0/002", "tile/0/001.p/62", "notes.txt", "tile/2/000.p/1", "tile/0/.x"):
        (export / name).parent.mkdir(parents=True, exist_ok=True)
        (export / name).write_bytes(bytes(32))
        assert verify_export(export).exit_status == 1, name
        (export / name).unlink()
        if name.startswith("tile/2"):
            shutil.rmtree(export / "tile/2")
    assert verify_export(export).exit_status == 0


def test_first_bad_entry_is_named(export: Path) -> None:
    path = next((export / "tile/0").glob("001.p/6*"))
    whole = path.read_bytes()
    path.write_bytes(whole[:64] + bytes(32) + whole[96:])
    verdict = verify_export(export)
    assert (verdict.status, verdict.first_bad_index) == (Status.TAMPERED, 258)
    path.write_bytes(whole)


def test_export_re_signed_with_another_key_is_not_ours(export: Path, tmp_path: Path) -> None:
    other = NoteSigner(SIGNER.name, Ed25519PrivateKey.generate())
    with TileLog.open(tmp_path / "log", other) as log:
        log.append(entries(3))
    export_log(tmp_path / "log", tmp_path / "export", [other.verifier.text])
    assert verify_export(tmp_path / "export").status is Status.OK
    assert verify_export(tmp_path / "export", [VKEY]).status is Status.TAMPERED


def test_what_is_no_export_is_unreadable(tmp_path: Path) -> None:
    assert verify_export(tmp_path / "nothing").exit_status == 2
    assert verify_export(tmp_path).exit_status == 2
