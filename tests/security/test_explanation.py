"""Files of evidence explain themselves offline, and timestamps of a real authority verify."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from client.errors import ClientError
from client.log_proof import LogProof
from security.errors import SecurityError
from security.explanation import Form, Known, Outcome, explain
from security.package import packed
from security.receipt import receipt_status
from security.timestamp import attach, request_over, stamped, timestamp_request, verify_timestamp
from tests.programs import need
from tests.security.exhibit import ORIGIN, exhibit

_CONFIG = """
[tsa]
default_tsa = t
[t]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = no
ess_cert_id_alg = sha256
[v3]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
"""


class Authority:
    """A time-stamping authority of OpenSSL's, with a root of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "tsa.cnf").write_text(_CONFIG)
        (folder / "serial").write_text("01\n")
        curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl("req", "-x509", "-newkey", "ec", *curve, "-keyout", "ca.key",
                      "-out", "ca.pem", "-days", "36500", "-subj", "/CN=Test Root")  # fmt: skip
        self._openssl("req", "-newkey", "ec", *curve, "-keyout", "tsa.key", "-out", "tsa.csr",
                      "-subj", "/CN=Test Authority")  # fmt: skip
        self._openssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-CAcreateserial", "-days", "36500", "-extfile", "tsa.cnf",
                      "-extensions", "v3", "-out", "tsa.pem")  # fmt: skip

    @property
    def root(self) -> bytes:
        return (self.folder / "ca.pem").read_bytes()

    def stamp(self, request: bytes, *chain: str) -> bytes:
        """Stamp a request; the names of certificates to put into the answer, in this order."""
        (self.folder / "q.tsq").write_bytes(request)
        more = []
        if chain:
            several = b"".join((self.folder / name).read_bytes() for name in chain)
            (self.folder / "chain.pem").write_bytes(several)
            more = ["-chain", "chain.pem"]
        self._openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", *more,
                      "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "r.tsr")  # fmt: skip
        return (self.folder / "r.tsr").read_bytes()

    def verify(self, token: bytes, data: bytes) -> bool:
        """What `openssl ts -verify` says, as the package's README tells to ask it."""
        (self.folder / "t.tsr").write_bytes(token)
        (self.folder / "data").write_bytes(data)
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-data", "data", "-in", "t.tsr", "-CAfile", "ca.pem"],
            cwd=self.folder, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, timeout=60, check=True
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    need("openssl")
    return Authority(tmp_path_factory.mktemp("authority") / "tsa")


async def test_every_form_is_told_by_its_content(database: str, tmp_path: Path) -> None:
    async with exhibit(database, tmp_path) as e:
        asked = await e.ask()
        await e.ask()
        await e.seal()
        package = await e.package(asked)
        status = await receipt_status(e.pool, tmp_path / "log", ORIGIN, asked.leaf)
    known, stranger = Known(e.signer.verifiers), Known()
    with_entry = LogProof(0, package.proof.path, package.proof.checkpoint, package.place.entry)
    receipt = json.dumps(status.to_json()).encode()
    for form, data, leaf in (
        (Form.PACKAGE, packed(package.files()), None),
        (Form.PROOF, package.proof.text().encode(), asked.leaf),
        (Form.PROOF, with_entry.text().encode(), None),
        (Form.CHECKPOINT, package.proof.checkpoint, None),
        (Form.RECEIPT, receipt, None),
    ):
        found = explain(data, known, leaf=leaf)
        assert (found.form, found.outcome) == (form, Outcome.HOLDS), found
        assert explain(data, stranger, leaf=leaf).outcome is Outcome.UNVOUCHED
    wrong = LogProof(1, package.proof.path, package.proof.checkpoint)
    assert explain(wrong.text().encode(), known, leaf=asked.leaf).outcome is Outcome.BROKEN
    forged = receipt.replace(asked.leaf.hex().encode(), bytes(32).hex().encode())
    assert explain(forged, known).outcome is Outcome.BROKEN
    head = package.proof.checkpoint
    assert explain(head.replace(b"\n2\n", b"\n3\n"), known).outcome is Outcome.BROKEN
    promise = (
        f"leaf=:{b64encode(asked.leaf).decode()}:, time=@1780000000, delay=2, "
        f'log="{ORIGIN}", body=:{b64encode(bytes(32)).decode()}:'
    )
    assert explain(promise.encode(), known).form is Form.RECEIPT
    for junk in (b"", b"hello\n", b"PK\x03\x04", b"{", b"[1]", b"\x30\x00", b"\xff\xfe", b"{}"):
        with pytest.raises(SecurityError, match=r"EXPLAIN_|TIMESTAMP_UNREADABLE"):
            explain(junk, known)


async def test_a_timestamp_dates_every_entry_below_its_checkpoint(
    database: str, tmp_path: Path, authority: Authority
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        asked = await e.ask()
        await e.seal()
        place = await e.place(asked.leaf)
        request = await request_over(connection, ORIGIN, place.checkpoint)
        token = authority.stamp(request)
        other = authority.stamp(timestamp_request(b"something else"))
        with pytest.raises(SecurityError, match="TIMESTAMP_UNASKED"):
            await attach(connection, other, [authority.root])
        assert await stamped(connection, ORIGIN, 0) is None
        size, stamp = await attach(connection, token, [authority.root])
        assert (size, stamp.authority) == (1, "CN=Test Root")
        await e.ask()
        await e.seal()
        assert await stamped(connection, ORIGIN, 0) == (place.checkpoint, token)
        assert await stamped(connection, ORIGIN, 1) is None  # sealed after it
        package = await e.package(asked)
    assert authority.verify(token, place.checkpoint)
    assert not authority.verify(token, b"something else")
    files = {**package.files(), "timestamp.tsr": token}
    files["checkpoint"] = place.checkpoint
    known = Known(e.signer.verifiers, (authority.root,))
    alone = explain(token, known, stamped=place.checkpoint)
    assert (alone.form, alone.outcome) == (Form.TIMESTAMP, Outcome.HOLDS)
    assert explain(token, known, stamped=b"x").outcome is Outcome.BROKEN
    assert explain(token, Known()).outcome is Outcome.UNVOUCHED


def test_a_timestamp_may_bring_its_certificates_in_any_order(authority: Authority) -> None:
    request = timestamp_request(b"a head")
    for chain in (("ca.pem", "tsa.pem"), ("tsa.pem", "ca.pem")):
        token = authority.stamp(request, *chain)
        assert verify_timestamp(token, b"a head", [authority.root]).authority == "CN=Test Root"
        for cut in (len(token) // 2, len(token) - 1, 20):
            with pytest.raises(SecurityError, match="TIMESTAMP_UNREADABLE"):
                verify_timestamp(token[:cut], b"a head", [authority.root])


def test_a_timestamp_of_another_authority_or_of_other_data_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    token = authority.stamp(timestamp_request(b"data"))
    assert verify_timestamp(token, b"data", [authority.root]).authority == "CN=Test Root"
    stranger = Authority(tmp_path / "stranger")
    for data, anchors, code in (
        (b"data!", [authority.root], "TIMESTAMP_INVALID"),
        (b"data", [stranger.root], "TIMESTAMP_INVALID"),
        (b"data", [], "TIMESTAMP_ANCHOR"),
        (b"data", [b"no certificate"], "TIMESTAMP_ANCHOR"),
    ):
        with pytest.raises(SecurityError, match=code):
            verify_timestamp(token, data, anchors)
    for at in range(0, len(token), 97):
        changed = bytearray(token)
        changed[at] ^= 1
        try:
            stamp = verify_timestamp(bytes(changed), b"data", [authority.root])
        except (SecurityError, ClientError):
            continue
        assert stamp == verify_timestamp(token, b"data", [authority.root])
    with pytest.raises(SecurityError, match="TIMESTAMP_UNREADABLE"):
        verify_timestamp(b"not DER", b"data", [authority.root])
