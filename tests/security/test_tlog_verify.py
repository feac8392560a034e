"""Verification where others may write, where others serve, and with witnesses demanded."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.log_proof import LogProof
from client.merkle import leaf_hash
from security.errors import LogError
from security.tlog.cosigned import cosigned_checkpoint, keep_cosigned
from security.tlog.log import TileLog
from security.tlog.note import Note, NoteSigner
from security.tlog.proving import prove_entry
from security.tlog.reader import TileReader
from security.tlog.source import LiveFolder, Site
from security.tlog.verify import Status, Witnessing, export_log, verify_export, verify_log
from security.witness.cosigner import Cosigner

SIGNER = NoteSigner("xinqiao.benxi/access", Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = [SIGNER.verifier]
ONE, TWO, STRANGER = (
    Cosigner(f"xinqiao.{name}/witness", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32))
    for n, name in enumerate(("shenyang", "liaoyang", "dandong"), 1)
)


def entries(count: int, start: int = 0) -> list[bytes]:
    return [b"entry %d" % number for number in range(start, start + count)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 600 entries, sealed in three steps."""
    with TileLog.open(tmp_path / "log", SIGNER) as log:
        for start in (0, 200, 400):
            log.append(entries(200, start))
    return tmp_path / "log"


def cosign(log: Path, *witnesses: Cosigner) -> None:
    note = Note.parse((log / "checkpoint").read_bytes())
    lines = tuple([one.cosign(note.text, 1_780_000_000) for one in witnesses])
    keep_cosigned(log, Note(note.text, note.signatures + lines))


@pytest.mark.parametrize(
    ("demanded", "quorum", "status"),
    [
        ((), 0, Status.OK),
        ((ONE,), 1, Status.OK),
        ((ONE, TWO, STRANGER), 2, Status.OK),
        ((ONE, TWO, STRANGER), 3, Status.UNWITNESSED),
        ((STRANGER,), 1, Status.UNWITNESSED),
    ],
)
def test_an_export_is_unwitnessed_when_fewer_than_demanded_signed(
    log: Path, tmp_path: Path, demanded: tuple[Cosigner, ...], quorum: int, status: Status
) -> None:
    cosign(log, ONE, TWO, STRANGER)
    vkeys = [one.verifier.text for one in (SIGNER, ONE, TWO)]
    export_log(log, tmp_path / "export", vkeys)
    written = (tmp_path / "export/vkeys").read_text().split()
    assert written == vkeys  # the stranger's line is left out
    wanted = Witnessing(tuple(one.verifier for one in demanded), quorum)
    verdict = verify_export(tmp_path / "export", [SIGNER.verifier.text], wanted)
    assert verdict.status is status
    assert verdict.exit_status == (3 if status is Status.UNWITNESSED else 0)
    known = {one.name for one in demanded} & {ONE.name, TWO.name}
    assert set(verdict.witnesses) == known


def test_a_tampered_export_is_tampered_whoever_witnessed_it(log: Path, tmp_path: Path) -> None:
    cosign(log, ONE)
    export_log(log, tmp_path / "export", [SIGNER.verifier.text, ONE.verifier.text])
    path = tmp_path / "export/checkpoint"
    whole = path.read_bytes()
    for at in range(whole.rindex(b" ") + 1, len(whole)):  # every byte of the cosignature
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert verify_export(tmp_path / "export").exit_status == 1
    path.write_bytes(whole)
    bundle = tmp_path / "export/tile/entries/001"
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"x")
    verdict = verify_export(tmp_path / "export", None, Witnessing((TWO.verifier,), 1))
    assert (verdict.exit_status, verdict.first_bad_index) == (1, 511)


def test_an_older_witnessed_head_is_exported_as_of_its_size(log: Path, tmp_path: Path) -> None:
    cosign(log, ONE)
    with TileLog.open(log, SIGNER) as more:
        more.append(entries(500, 600))
    note = cosigned_checkpoint(log, SIGNER.name)
    assert note is not None
    vkeys = [SIGNER.verifier.text, ONE.verifier.text]
    assert export_log(log, tmp_path / "old", vkeys, note.bytes()).size == 600
    wanted = Witnessing((ONE.verifier,), 1)
    assert verify_export(tmp_path / "old", None, wanted).exit_status == 0
    assert export_log(log, tmp_path / "new", vkeys).size == 1100
    assert verify_export(tmp_path / "new", None, wanted).exit_status == 3


def test_a_log_that_is_being_written_raises_no_false_alarm(log: Path) -> None:
    with TileLog.open(log, SIGNER) as writer:
        (log / "checkpoint.part").write_bytes(b"half")
        staged = writer.stage(entries(700, 600))
        assert verify_log(LiveFolder(log), KEYS).size == 600
        verdict = verify_log(LiveFolder(log), KEYS)
        assert verdict.status is Status.OK, verdict.findings
        source = LiveFolder(log)
        listed = list(source.paths(600))
        writer.commit(staged)  # takes partial tiles away that were listed before
        assert {source.read(path) for path in listed}
        assert verify_log(LiveFolder(log), KEYS).size == 1300
    (log / "tile/0/notes").write_bytes(b"x")
    assert verify_log(LiveFolder(log), KEYS).exit_status == 1


def test_a_site_is_verified_with_and_without_its_entries(log: Path) -> None:
    def get(path: str) -> bytes | None:
        try:
            return (log / path).read_bytes()
        except FileNotFoundError:
            return None

    def hidden(path: str) -> bytes | None:
        return None if path.startswith("tile/entries") else get(path)

    assert verify_log(Site(get), KEYS).entries
    verdict = verify_log(Site(hidden, entries=False), KEYS)
    assert (verdict.exit_status, verdict.entries) == (0, False)
    assert verify_log(Site(hidden), KEYS).exit_status == 2
    other = NoteSigner(SIGNER.name, Ed25519PrivateKey.generate()).verifier
    assert verify_log(Site(get), [other]).exit_status == 1
    path = log / "tile/0/001"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert verify_log(Site(get), KEYS).first_bad_index == 511
    assert verify_log(Site(hidden, entries=False), KEYS).exit_status == 1


def test_a_site_may_claim_any_number_of_entries() -> None:
    head = SIGNER.sign(Checkpoint(SIGNER.name, 1 << 62, bytes(32)).text())
    asked: list[str] = []

    def get(path: str) -> bytes | None:
        asked.append(path)
        return head if path == "checkpoint" else None

    assert verify_log(Site(get), KEYS).status is Status.UNREADABLE
    assert len(asked) == 2


def test_a_broken_bundle_names_its_first_bad_entry(log: Path, tmp_path: Path) -> None:
    export_log(log, tmp_path / "export", [SIGNER.verifier.text])
    path = tmp_path / "export/tile/entries/001"
    whole = path.read_bytes()
    at = whole.index(b"entry 300") - 1  # the low byte of its length
    for value in (0, 200, 10):
        path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        assert verify_export(tmp_path / "export").first_bad_index == 300, value


@given(st.integers(0, 599), st.none() | st.binary(max_size=40))
def test_proofs_survive_writing_and_no_changed_line_does(index: int, extra: bytes | None) -> None:
    path = tuple([bytes([n]) * 32 for n in range(index % 11)])
    note = SIGNER.sign(f"{SIGNER.name}\n600\n{'A' * 43}=\n")
    proof = LogProof(index, path, note, extra)
    text = proof.text()
    assert LogProof.parse(text.encode()) == proof
    for wrong in (
        text.replace("index ", "index 0"),
        text.replace("index ", "index  "),
        text.replace("proof@v1", "proof@v2"),
        text.replace("\n\n", "\n", 1),
        text.rstrip("\n"),
        text.replace("\nindex", "\n\nindex"),
        text + "\n",
        "\n" + text,
    ):
        with pytest.raises(ClientError):
            LogProof.parse(wrong.encode())


def test_an_entry_is_proven_by_index_and_by_leaf(log: Path) -> None:
    note = (log / "checkpoint").read_bytes()
    for index in (0, 255, 256, 599):
        proof, leaf = prove_entry(log, note, str(index), with_entry=True)
        assert leaf == leaf_hash(b"entry %d" % index) == proof.leaf
        assert proof.verify(leaf, KEYS).size == 600
        assert prove_entry(log, note, leaf.hex())[0].index == index
        with pytest.raises(ClientError, match="PROOF_INVALID"):
            proof.verify(leaf_hash(b"another"), KEYS)
        with pytest.raises(ClientError, match="CHECKPOINT_ORIGIN"):
            proof.verify(leaf, [ONE.verifier])
    for wanted, code in (("600", "NOT_IN_LOG"), ("00" * 32, "NOT_IN_LOG"), ("x", "LEAF_INVALID")):
        with pytest.raises(LogError, match=code):
            prove_entry(log, note, wanted)
    with pytest.raises(LogError, match="NOT_IN_LOG"):
        prove_entry(log, None, "0")
    tile = (log / "tile/0/000").read_bytes()
    assert TileReader(log).find(tile[16:48], 600) is None  # across two hashes
