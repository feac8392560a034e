"""The checker of packages against forged and hostile ones; it stands alone, so it repeats rules."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.keys import SigningKey
from client.log_proof import LogProof
from client.note import Note
from security.directory import Directory
from security.key_event import answer_key, log_key, state_change
from security.key_standing import StandingReason, standing_of
from security.package import Package, packed, verify_by_algorithm
from security.package_check import UNREADABLE, check_package, main, printable, read_package_bytes
from security.tlog.note import NoteSigner
from security.tlog.reader import TileReader
from security.witness.cosigner import Cosigner
from tests.security.exhibit import ORIGIN, Exhibit, exhibit


def judged(files: Mapping[str, bytes], trusted: list[str]) -> dict[str, bool | None]:
    return {c.name: c.holds for c in check_package(files, trusted, verify_by_algorithm)}


def listed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with a manifest that fits them, as a forger would write it."""
    kept = {name: data for name, data in files.items() if name != "MANIFEST.sha256"}
    lines = [f"{sha256(data).hexdigest()}  {name}\n" for name, data in kept.items()]
    return {**kept, "MANIFEST.sha256": "".join(lines).encode()}


async def one_package(e: Exhibit) -> Package:
    asked = await e.ask()
    await e.seal()
    return await e.package(asked)


async def test_no_question_counts_without_the_evidence_that_the_entry_names(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e:
        files = (await one_package(e)).files()
    trusted = [e.signer.verifier.text]
    thief = SigningKey.generate("x")
    base = files["request/signature-base.txt"]
    about = json.loads(files["about.json"])
    about["callerKeys"][0]["public"] = thief.public.hex()
    forged = {
        **files, "about.json": json.dumps(about).encode(), "request/signature.bin": thief.sign(base)
    }  # fmt: skip
    del forged["evidence.bin"], forged["entry.key"]
    assert judged(forged, trusted)["evidence"] is False
    about["evidence"] = "ERASED"
    assert (
        judged({**forged, "about.json": json.dumps(about).encode()}, trusted)["evidence"] is False
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"actor": "张三"},
        {"case": "沈审〔2026〕13号"},
        {"caller": "dalian"},
        {"correlation": "x"},
    ],
)
async def test_an_entry_that_says_what_the_caller_did_not_sign_is_found(
    database: str, tmp_path: Path, claims: dict[str, str]
) -> None:
    async with exhibit(database, tmp_path) as e:
        asked = await e.ask(**claims)
        await e.seal()
        package = await e.package(asked)
    found = judged(package.files(), [e.signer.verifier.text])
    # The node may give an access a reference of its own, where the caller gave none.
    assert found["question"] is ("correlation" in claims)


async def test_what_was_signed_is_compared_without_identity_numbers(
    database: str, tmp_path: Path
) -> None:
    number = "210502198801011234"
    wide = number.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    async with exhibit(database, tmp_path) as e:
        asked = await e.ask(sign={"actor": f"王五 {number} {wide}", "correlation": f"r-{number}"})
        await e.seal()
        package = await e.package(asked)
    assert json.loads(package.place.entry)["actor"] == "王五 [id] [id]"
    assert judged(package.files(), [e.signer.verifier.text])["question"] is True
    about = json.loads(package.files()["about.json"])
    other = {**package.files(), "about.json": json.dumps({**about, "node": "dalian"}).encode()}
    assert judged(other, [])["inclusion"] is False


def test_no_file_steers_the_terminal_that_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "package"
    (folder / "keys").mkdir(parents=True)
    (folder / "MANIFEST.sha256").write_bytes(b"")
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="gbk", write_through=True))
    assert main([str(folder)]) == 2  # no check mark in GBK either
    assert rb"\u2718" in shown.getvalue()
    assert printable("日志 a\x1b[2K\r\nb\u202e\x85") == r"日志 a\x1b[2K\r\nb\u202e\x85"


async def test_a_package_by_keys_that_nobody_named_exits_with_3(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with exhibit(database, tmp_path / "node") as e:
        package = await one_package(e)
    file = tmp_path / "package.zip"
    file.write_bytes(packed(package.files()))
    log = e.signer.verifier.text
    witness = Cosigner("xinqiao.shenyang/witness", Ed25519PrivateKey.generate()).verifier.text
    assert main([str(file)]) == 3
    assert main([str(file), "--vkey", log]) == 0
    assert main([str(file), "--vkey", log, "--vkey", witness]) == 3
    assert main([str(file), "--vkey", "no key"]) == 2
    assert "✘ 无法读取" in capsys.readouterr().out


async def test_a_key_compromised_later_is_judged_as_the_registry_judges_it(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e:
        package = await one_package(e)
    witness = Cosigner("xinqiao.shenyang/witness", Ed25519PrivateKey.generate())
    (key,) = package.caller_keys
    key = replace(key, compromised_at=e.now + 60, revoked_at=e.now + 90)
    for seen, holds in ((None, None), (3, True), (59, True), (60, False), (200, False)):
        shown = replace(package, caller_keys=[key])
        if seen is not None:
            note = Note.parse(package.proof.checkpoint)
            line = witness.cosign(note.text, int(e.now) + seen)
            head = Note(note.text, (*note.signatures, line)).bytes()
            shown = replace(
                shown,
                proof=LogProof(package.proof.index, package.proof.path, head),
                vkeys=(*package.vkeys, witness.verifier),
            )
            found = standing_of(key, e.now, None, e.now + seen)
            assert (found.reason is StandingReason.BEFORE_COMPROMISE) is holds
        trusted = [one.text for one in shown.vkeys]
        assert judged(shown.files(), trusted)["key"] is holds, seen
        if holds:  # a witness that nobody vouches for proves no time
            assert judged(shown.files(), trusted[:1])["key"] is None


async def test_the_log_itself_tells_of_the_keys_in_a_package(database: str, tmp_path: Path) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        asked = await e.ask()
        (key,) = e.callers.values()
        directory = Directory(connection, ORIGIN, "benxi", "operator test")
        await directory.enrol(key)
        await directory.revoke(key, e.now + 100)
        await e.seal()
        package = await e.package(asked)
    told = [entry["kind"] for entry in e.entries()]
    reader, size = TileReader(e.folder / "log"), e.size()
    history = []
    for index in range(size):
        if json.loads(reader.entry(index, size)).get("detail", {}).get("keyId"):
            path = reader.inclusion(index, size)
            note = package.proof.checkpoint
            history.append(LogProof(index, path, note, reader.entry(index, size)))
    assert len(history) == 2, told
    trusted = [e.signer.verifier.text]
    revoked = replace(key, revoked_at=e.now + 100)
    whole = replace(package, caller_keys=[revoked], history=history)
    assert judged(whole.files(), trusted)["history"] is True
    # The registry may not hide what the log tells, nor name another key.
    assert judged(replace(whole, caller_keys=[key]).files(), trusted)["history"] is False
    other = replace(revoked, public=bytes(32))
    assert judged(replace(whole, caller_keys=[other]).files(), trusted)["history"] is False
    moved = [replace(history[0], index=history[1].index), history[1]]
    assert judged(replace(whole, history=moved).files(), trusted)["history"] is False


async def test_the_nodes_changes_of_keys_must_be_signed_by_both(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e:
        package = await one_package(e)
    keys = [SigningKey.generate(f"benxi-{number}") for number in range(2)]
    old, new = [answer_key(key.key_id, key.public_key, key.sign) for key in keys]
    change: dict[str, Any] = state_change(
        "benxi", "answer", old, new, since=e.now, overlap=60
    ).to_json()
    for altered, holds in (({}, True), ({"until": "2027-01-01T00:00:00Z"}, False)):
        files = replace(package, changes=[{**change, **altered}]).files()
        assert judged(files, [])["changes"] is holds


async def test_a_former_key_of_the_log_is_known_by_the_one_that_followed_it(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e:
        package = await one_package(e)
    new = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    for compromised, known in ((None, True), (e.now, None)):
        change = state_change(
            "benxi", "access", log_key(e.signer), log_key(new),
            since=e.now, overlap=60, compromised=compromised,
        ).to_json()  # fmt: skip
        files = replace(package, changes=[change]).files()
        assert judged(files, [new.verifier.text])["checkpoint"] is known
        forged = {**change, "newSignature": change["oldSignature"]}
        files = replace(package, changes=[forged]).files()
        assert judged(files, [new.verifier.text])["checkpoint"] is None


async def test_hostile_zips_are_unreadable(database: str, tmp_path: Path) -> None:
    async with exhibit(database, tmp_path) as e:
        files = (await one_package(e)).files()
    assert read_package_bytes(packed(files)) == files

    def twice() -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            target.writestr("request/body", b"forged")
            for name, data in files.items():
                if name != "request/body":
                    target.writestr(name, data)
            with pytest.warns(UserWarning, match="Duplicate"):
                target.writestr("request/body", files["request/body"])
        return out.getvalue()

    def bzip() -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as target:
            for name, data in files.items():
                target.writestr(name, data)
        return out.getvalue()

    whole = packed(files)
    hostile = [packed(listed({**files, name: b"x"})) for name in ("../evil", "/etc/x", "note.txt")]
    for data in (*hostile, twice(), bzip(), b"junk" + whole, whole[:-1], whole[: len(whole) // 2]):
        with pytest.raises(ValueError, match="package"):
            read_package_bytes(data)
    deep = {"about.json": b"[" * 100_000, "entry.json": b"[" * 100_000}
    for name, data in (*deep.items(), ("about.json", b"null"), ("answer/headers.txt", b"")):
        with pytest.raises(UNREADABLE):
            check_package({**files, name: data})
