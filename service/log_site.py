"""A log over HTTP: verified where it is served, with an auditor's key for its entries."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import closing
from pathlib import Path

import httpx

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.note import Note, VerifierKey
from client.question import sign_request
from security.tlog.source import Site
from security.tlog.verify import Verdict, Witnessing, verify_log
from service.enrolment import EnrolmentError, identity_key, node_keys
from sync.line import Heard, LineError, hear

_BUNDLES = "tile/entries/"
_LONGEST = 17 * 1024 * 1024  # bytes of a bundle of the longest entries that C2SP allows, and more
_SECONDS = 300.0  # for a whole file
_CODE = re.compile(r"[A-Z_]{1,64}")


def verify_site(
    root: Path, url: str, identity: str | None, vkeys: list[str] | None, witnessing: Witnessing
) -> Verdict:
    """Verify a log over HTTP, such as `http://host:8000/log/access`.

    With an auditor's `identity` its bundles are read too, each by a signed question. `vkeys` are
    those trusted, else the ones that this machine knows for the log. Raises ClientError
    NODE_UNREACHABLE, EnrolmentError LOG_KEY_UNKNOWN.
    """
    url = url.rstrip("/")
    key = None if identity is None else identity_key(root, identity)
    open_log = url.endswith("/feed")
    with asyncio.Runner() as runner, closing(_Line(runner)) as line:

        def get(path: str) -> bytes | None:
            headers: list[tuple[str, str]] = []
            if key is not None and path.startswith(_BUNDLES) and not open_log:
                asked = sign_request(
                    key, "GET", f"{url}/{path}", b"", now=time.time(), purpose="P14"
                )
                headers = list(asked.headers)
            heard = line.hear(f"{url}/{path}", headers)
            if heard.status in (401, 403):
                raise ClientError(
                    _code(heard.body), "Name an identity of an auditor: the node refuses this one."
                )
            return heard.body if heard.status == 200 else None

        note = get("checkpoint")
        if note is None:
            raise ClientError("NODE_UNREACHABLE", "Check the URL: no log is served there.")
        origin = Checkpoint.parse(Note.parse(note).text).origin
        trusted = [VerifierKey.parse(one) for one in vkeys or known_keys(root, origin)]
        site = Site(get, entries=open_log or key is not None)
        return verify_log(site, trusted, witnessing)


class _Line:
    """The line to whoever answers there, a stranger perhaps, for who reads file after file."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._http = httpx.AsyncClient(timeout=30, trust_env=False)

    def close(self) -> None:
        self._runner.run(self._http.aclose())

    def hear(self, url: str, headers: list[tuple[str, str]]) -> Heard:
        try:
            return self._runner.run(
                hear(self._http, "GET", url, most=_LONGEST, seconds=_SECONDS, headers=headers)
            )
        except LineError as error:
            raise ClientError(
                "NODE_UNREACHABLE", f"Start the node or check its URL: {error}."
            ) from error


def _code(body: bytes) -> str:
    try:
        code = json.loads(body)["errors"][0]["extensions"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        code = None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "FORBIDDEN"


def known_keys(root: Path, origin: str) -> list[str]:
    """The keys that this machine knows for a log. Raises EnrolmentError LOG_KEY_UNKNOWN."""
    found = []
    for path in sorted((root / "public").glob("*.json")):
        if path.stem != "identities":
            key = node_keys(root, path.stem).logs.get(origin)
            if key is not None:
                found.append(key.text)
    if not found:
        raise EnrolmentError(
            "LOG_KEY_UNKNOWN", "give the log's key with --vkey: this machine knows none for it"
        )
    return found
