"""A log is verified by its URL, whoever answers there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from client.errors import ClientError
from security.tlog.verify import Witnessing
from service.log_site import verify_site


@contextmanager
def stranger(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/log/access"
    finally:
        server.shutdown()
        server.server_close()


def refusing(body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(401)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(bytes(1 << 20))
    except OSError:
        pass


def packed(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("content-encoding", "gzip")
    request.end_headers()
    request.wfile.write(b"\x1f\x8b")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusing(b""), "FORBIDDEN"),
        (refusing(b'{"errors":[]}'), "FORBIDDEN"),
        (refusing(b'{"errors":[{"extensions":{"code":"[red]\\n"}}]}'), "FORBIDDEN"),
        (refusing(b'{"errors":[{"extensions":{"code":"KEY_UNKNOWN"}}]}'), "KEY_UNKNOWN"),
        (endless, "NODE_UNREACHABLE"),
        (packed, "NODE_UNREACHABLE"),
    ],
)
def test_a_stranger_is_no_log(
    answer: Callable[[BaseHTTPRequestHandler], None], code: str, tmp_path: Path
) -> None:
    with stranger(answer) as url, pytest.raises(ClientError) as found:
        verify_site(tmp_path, url, None, [], Witnessing())
    assert found.value.code == code
