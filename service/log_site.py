"""A log over HTTP: verified where it is served, with an auditor's key for its entries."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.note import Note, VerifierKey
from client.question import sign_request
from security.tlog.source import Site
from security.tlog.verify import Verdict, Witnessing, verify_log
from service.enrolment import EnrolmentError, identity_key, node_keys

_BUNDLES = "tile/entries/"


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
    with httpx.Client(timeout=30, trust_env=False) as http:

        def get(path: str) -> bytes | None:
            headers: list[tuple[str, str]] = []
            if key is not None and path.startswith(_BUNDLES) and not open_log:
                asked = sign_request(
                    key, "GET", f"{url}/{path}", b"", now=time.time(), purpose="P14"
                )
                headers = list(asked.headers)
            try:
                answer = http.get(f"{url}/{path}", headers=headers)
            except httpx.HTTPError as error:
                raise ClientError(
                    "NODE_UNREACHABLE", f"Start the node or check its URL: {type(error).__name__}."
                ) from None
            if answer.status_code in (401, 403):
                code = answer.json()["errors"][0]["extensions"]["code"]
                raise ClientError(
                    code, "Name an identity of an auditor: the node refuses this one."
                )
            return answer.content if answer.status_code == 200 else None

        note = get("checkpoint")
        if note is None:
            raise ClientError("NODE_UNREACHABLE", "Check the URL: no log is served there.")
        origin = Checkpoint.parse(Note.parse(note).text).origin
        trusted = [VerifierKey.parse(one) for one in vkeys or known_keys(root, origin)]
        site = Site(get, entries=open_log or key is not None)
        return verify_log(site, trusted, witnessing)


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
