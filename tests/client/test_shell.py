"""The client in shell, of docs/api.md, against who is no node."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.programs import need

SCRIPT = Path(__file__).parents[2] / "examples/shell/ask.sh"
COVERED = (
    '("@status" "content-type" "content-digest" "credit-receipt" "@method";req "@target-uri";req'
    ' "content-digest";req "signature";req)'
)


class Stranger(BaseHTTPRequestHandler):
    """Answers as a node does, with a key that is named as a program of sed."""

    def do_GET(self) -> None:
        self.answer(b'{"answers":{"x":"00"}}\n')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(b"{}")

    def answer(self, body: bytes) -> None:
        name = r"\|.*/touch pwned/e;s/x"
        self.send_response(200)
        for field, value in (
            ("content-length", str(len(body))),
            ("content-type", "application/json"),
            ("content-digest", f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"),
            ("credit-receipt", "x"),
            ("signature-input", f'credit={COVERED};created=1;keyid="{name}"'),
            ("signature", "credit=:AAAA:"),
        ):
            self.send_header(field, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_nothing_of_an_answer_is_run_before_it_holds(tmp_path: Path) -> None:
    need("curl", "openssl")
    key, question = tmp_path / "key.pem", tmp_path / "question.json"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    question.write_text('{"query":"{__typename}"}')
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        origin = f"http://127.0.0.1:{server.server_port}"
        done = subprocess.run(
            ["sh", SCRIPT, origin, key, "me-1", "none", question],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert (done.returncode, done.stdout) == (1, "")
    assert "names no key" in done.stderr
    assert not (tmp_path / "pwned").exists()
