"""Asking a node from this machine: find it, start it when it does not run, sign, verify."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from client.connection import Answer, Client, Inclusion
from client.errors import ClientError
from security.keys import KeyFolder
from service.enrolment import EnrolmentError, establish, identity_key, node_keys
from service.home import NodeHome
from service.recognition import match_key
from service.settings import Settings, load_settings
from service.supervisor import start_node
from store.identifiers import id_number
from sync.agreement import read_agreement


@dataclass(frozen=True, slots=True)
class Found:
    """An answer and what could be verified of it."""

    answer: Answer[Any]
    inclusion: Inclusion | None
    problem: ClientError | None

    @property
    def verified(self) -> bool:
        """Signature, digest and receipt hold, and the log contains the entry."""
        return self.problem is None

    @property
    def refused(self) -> bool:
        return self.answer.data is None

    def to_json(self) -> dict[str, Any]:
        """{answer, receipt, verified}: `answer` is the GraphQL response."""
        answer: dict[str, Any] = {}
        if self.answer.errors:
            answer["errors"] = list(self.answer.errors)
        if not self.refused or not self.answer.errors:
            answer["data"] = self.answer.data
        if self.answer.extensions:
            answer["extensions"] = self.answer.extensions
        receipt: dict[str, Any] | None = None
        if self.answer.receipt is not None:
            receipt = {
                "leaf": self.answer.receipt.leaf.hex(),
                "time": self.answer.receipt.time,
                "maximumDelay": self.answer.receipt.delay,
                "log": self.answer.receipt.log,
                "body": self.answer.receipt.body.hex(),
                "index": self.inclusion.index if self.inclusion else None,
                "treeSize": self.inclusion.checkpoint.size if self.inclusion else None,
            }
        document: dict[str, Any] = {
            "answer": answer,
            "receipt": receipt,
            "verified": self.verified,
            "status": self.answer.status,
        }
        if self.problem is not None:
            document["problem"] = {"code": self.problem.code, "message": self.problem.message}
        return document


def ask(
    root: Path,
    node: str,
    identity: str | None,
    document: str,
    variables: Mapping[str, Any],
    *,
    purpose: str | None = None,
    case: str = "",
    actor: str | None = None,
    authorization: str | None = None,
    operation_name: str | None = None,
) -> Found:
    """Ask a node a question as an identity of this machine, or as the public reader.

    A node of this machine that does not run is started for the time of the question.
    Raises ClientError, EnrolmentError, NodeFailed, SettingsError.
    """
    establish(root)
    name, url = resolve(root, node)
    key = identity_key(root, identity) if identity else None
    http = httpx.Client(timeout=60, trust_env=False)
    with (
        running(root, name, url, http),
        Client(url, key, node_keys(root, name), http=http) as client,
    ):
        answer = client.query(
            document,
            variables,
            purpose=purpose,
            case=case,
            actor=actor,
            authorization=authorization,
            operation_name=operation_name,
        )
        return verify(client, answer)


def match_person(
    root: Path, node: str, own: str, number: str, *, purpose: str, case: str = ""
) -> Found:
    """Ask a partner's node whether it knows the person with this identity card number.

    Raises EnrolmentError NUMBER_INVALID or MATCH_KEY_MISSING, and as `ask` does. The number
    stays here; the token is made with the match key in the own node's key folder.
    """
    settings = _settings(root, own)
    judged = id_number(number, on=settings.domain_date(), demo=settings.demo)
    if not judged.valid:
        raise EnrolmentError("NUMBER_INVALID", "compare the number with the document, type again")
    folder = KeyFolder(NodeHome(root, own).keys)
    keys = [match_key(folder, agreement) for agreement in _agreements(root, settings)]
    key = next((one for one in keys if one is not None), None)
    if key is None:
        raise EnrolmentError(
            "MATCH_KEY_MISSING",
            "put the match key of the agreement, match-<agreement>.key, into the node's key folder",
        )
    return ask(
        root,
        node,
        own,
        "query($token: String!) { personMatch(token: $token) { matched recordTypes } }",
        {"token": key.token(judged.normalised)},
        purpose=purpose,
        case=case,
    )


def _agreements(root: Path, settings: Settings) -> list[str]:
    """The ids of the agreements in force to which the city is party, the latest begun first."""
    today = settings.domain_date()
    found = [read_agreement(path.read_bytes()) for path in (root / "public").glob("*.agreement")]
    return [
        one.id
        for one in sorted(found, key=lambda one: (one.valid_from, one.id), reverse=True)
        if one.in_force(today) and any(p.region == settings.region for p in one.parties)
    ]


def verify(client: Client, answer: Answer[Any]) -> Found:
    """Check that the log contains the answer's entry, as the receipt promises."""
    if answer.problem is not None or answer.receipt is None:
        return Found(answer, None, answer.problem)
    try:
        return Found(answer, client.check_receipt(answer.receipt), None)
    except ClientError as problem:
        return Found(answer, None, problem)


@contextmanager
def running(root: Path, name: str, url: str, http: httpx.Client) -> Iterator[None]:
    """A node that answers for the time of the block, started here when nobody runs it."""
    if answers(url, http):
        yield
        return
    settings = load_settings(NodeHome(root, name))
    if settings.url != url:
        raise ClientError("NODE_UNREACHABLE", "start the node or check its URL")
    loop = asyncio.new_event_loop()
    try:
        process = loop.run_until_complete(start_node(root, settings))
        try:
            loop.run_until_complete(process.wait_ready(180))
            yield
        finally:
            loop.run_until_complete(process.stop())
    finally:
        loop.close()


def answers(url: str, http: httpx.Client) -> bool:
    """Whether a node is ready at this origin."""
    try:
        return http.get(f"{url}/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def resolve(root: Path, node: str) -> tuple[str, str]:
    """The name and origin of a node given by either."""
    if "://" not in node:
        settings = _settings(root, node)
        return node, settings.url
    try:
        parts = urlsplit(node)
    except ValueError:
        raise ClientError("NODE_UNREACHABLE", "start the node or check its URL") from None
    url = f"{parts.scheme}://{parts.netloc}"
    for known in sorted((root / "public").glob("*.json")):
        here = known.stem != "identities" and (root / known.stem).is_dir()
        if here and _settings(root, known.stem).url == url:
            return known.stem, url
    try:
        name = httpx.get(f"{url}/ready", timeout=5, trust_env=False).json()["node"]
    except (httpx.HTTPError, ValueError, KeyError):
        raise ClientError("NODE_UNREACHABLE", "start the node or check its URL") from None
    return str(name), url


def _settings(root: Path, name: str) -> Settings:
    node_home = NodeHome(root, name)
    if not node_home.path.is_dir():
        raise EnrolmentError("NODE_UNKNOWN", "there is no node of that name on this machine")
    return load_settings(node_home)
