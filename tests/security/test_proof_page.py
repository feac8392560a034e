"""The worked example of docs/proof.md does what the page says, with the files that lie there.

With `XINQIAO_WRITE_EXAMPLE=1` the files are made again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.log_proof import LogProof
from client.note import Note, VerifierKey
from security.explanation import Form, Known, Outcome, explain
from security.package import packed
from security.timestamp import timestamp_request
from security.witness.cosigner import Cosigner
from tests.security.exhibit import exhibit
from tests.security.test_explanation import Authority

PAGE = Path(__file__).parents[2] / "docs/proof.md"
FILES = PAGE.with_suffix("")
BLOCK = re.compile(r"```sh proof(?: expect=(\d))?\n(.*?)```", re.DOTALL)


@pytest.mark.skipif("XINQIAO_WRITE_EXAMPLE" not in os.environ, reason="the files are there")
async def test_write_the_example(database: str, tmp_path: Path) -> None:
    async with exhibit(database, tmp_path / "node") as e:
        asked = await e.ask()
        for _ in range(6):
            await e.ask()
        await e.seal()
        package = await e.package(asked)
    witness = Cosigner("xinqiao.shenyang/witness", Ed25519PrivateKey.generate())
    note = Note.parse(package.proof.checkpoint)
    cosigned = Note(note.text, (*note.signatures, witness.cosign(note.text, int(e.now) + 3)))
    authority = Authority(tmp_path / "tsa")
    head = cosigned.bytes()
    package = replace(
        package,
        proof=LogProof(package.proof.index, package.proof.path, head),
        vkeys=(*package.vkeys, witness.verifier),
        timestamp=authority.stamp(timestamp_request(head)),
    )
    FILES.mkdir(exist_ok=True)
    (FILES / "package.zip").write_bytes(packed(package.files()))
    (FILES / "keys.txt").write_text("".join(f"{key.text}\n" for key in package.vkeys))
    (FILES / "authority.pem").write_bytes(authority.root)


def test_the_commands_of_the_worked_example_do_what_the_page_says(tmp_path: Path) -> None:
    work = tmp_path / "proof"
    shutil.copytree(FILES, work)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) == 3
    printed = []
    for expected, commands in blocks:
        done = subprocess.run(
            ["bash", "-euc", commands],
            cwd=work, env={"PATH": path, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == int(expected or 0), done.stdout + done.stderr
        printed.append(done.stdout)
    # Every line that the page explains is printed, with the mark that it shows.
    shown = re.findall(r"^([✔✘·] \w+):", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(shown) == 12
    for line in shown:
        assert line in printed[2 if line.startswith("✘") else 0]
    leaf = printed[1].split()[0]
    assert f'"leaf": "{leaf}"' in printed[1]


def test_explain_reads_the_example_as_the_page_says() -> None:
    data = (FILES / "package.zip").read_bytes()
    keys = tuple(VerifierKey.parse(line) for line in (FILES / "keys.txt").read_text().split())
    anchor = (FILES / "authority.pem").read_bytes()
    found = explain(data, Known(keys, (anchor,)))
    assert (found.form, found.outcome) == (Form.PACKAGE, Outcome.HOLDS)
    assert all(check.holds for check in found.checks)
    assert explain(data, Known()).outcome is Outcome.UNVOUCHED
