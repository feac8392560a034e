"""The road to a partner's node: signed questions over HTTP, answers verified before they are used.

What is asked and answered is exactly the profile of every other question (docs/formats.md), so a
partner's exchange stands in its access log like any other.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import httpx
import orjson

from client.answer import VerifiedAnswer, verify_response
from client.errors import ClientError
from client.key_change import changes_of, follow
from client.keys import NodeKeys
from client.profile import Signer
from client.question import Question, sign_request
from sync.errors import MirrorError, PartnerUnavailableError, SyncError
from sync.line import Heard, LineError, hear

TIMEOUT = 10.0
"""Seconds for a connection, between two pieces of an answer, and for a whole public file."""
LONGEST = 120.0
"""Seconds for a whole answer."""
MAX_ANSWER = 64 * 1024 * 1024
"""Longest answer, in bytes: a page of the feed has at most 1,024 entries."""
MAX_FILE = 1024 * 1024
"""Longest public file, in bytes."""


class Transport(Protocol):
    """Whatever brings a partner's answers."""

    async def get(self, path: str) -> bytes:
        """The verified body of a successful answer; PartnerUnavailableError, SyncError."""
        ...

    async def post(self, path: str, body: bytes, content_type: str) -> bytes:
        """The same for a message with a body."""
        ...

    async def look(self, path: str) -> bytes:
        """A public file as it is, neither asked nor answered signed; PartnerUnavailableError."""
        ...


class SignedTransport:
    """Questions to one node, signed with this node's key at that node."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        keys: NodeKeys,
        *,
        purpose: str = "P8",
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """`url` is the partner's origin without a trailing slash; `keys` are its public keys."""
        self._url = url.rstrip("/")
        self._signer = signer
        self._keys = keys
        self._purpose = purpose
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str) -> bytes:
        """Ask with GET."""
        return await self._exchange("GET", path, b"", "application/json")

    async def post(self, path: str, body: bytes, content_type: str) -> bytes:
        """Send a message with POST."""
        return await self._exchange("POST", path, body, content_type)

    async def look(self, path: str) -> bytes:
        """Read a public file."""
        heard = await self._hear("GET", self._url + path, most=MAX_FILE, seconds=TIMEOUT)
        if heard.status != 200:
            raise PartnerUnavailableError(f"The partner's node answered {heard.status}.")
        return heard.body

    async def _exchange(self, method: str, path: str, body: bytes, content_type: str) -> bytes:
        uri = self._url + path
        question = sign_request(
            self._signer,
            method,
            uri,
            body,
            now=time.time(),
            content_type=content_type,
            purpose=self._purpose,
        )
        answer = await self._hear(
            method, uri, most=MAX_ANSWER, seconds=LONGEST, headers=question.headers, body=body
        )
        try:
            try:
                verified = self._verify(question, answer)
            except ClientError as error:
                if error.code != "ANSWER_KEY_UNKNOWN":
                    raise
                changes = changes_of((await self.look("/keys")).decode("utf-8", "replace"))
                self._keys = follow(self._keys, changes, time.time())
                verified = self._verify(question, answer)
        except ClientError as error:
            if answer.status >= 500:
                raise PartnerUnavailableError(
                    f"The partner's node answered {answer.status}: ask again later."
                ) from error
            raise MirrorError(error.code, error.message) from error
        if verified.status == 200:
            return verified.body
        raise _refusal(verified.status, verified.body)

    async def _hear(self, method: str, uri: str, **bounds: Any) -> Heard:
        try:
            return await hear(self._http, method, uri, **bounds)
        except LineError as error:
            raise PartnerUnavailableError(
                f"Check the line to the partner's node: {error}."
            ) from error

    def _verify(self, question: Question, answer: Heard) -> VerifiedAnswer:
        return verify_response(
            question, answer.status, answer.headers, answer.body, self._keys, now=time.time()
        )


def _refusal(status: int, body: bytes) -> SyncError:
    code = ""
    try:
        document = orjson.loads(body)
        error = document["errors"][0] if "errors" in document else document["error"]
        code = str(error.get("code") or error["extensions"]["code"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        code = f"HTTP_{status}"
    if status >= 500 or status == 429:
        return PartnerUnavailableError(f"The partner's node answers {code}: ask again later.")
    return SyncError("PARTNER_REFUSED", f"Ask the partner why it answers {code}.")
