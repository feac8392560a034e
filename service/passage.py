"""What a request is while it passes through the node: as it came in, what is known of it on
its way, what was produced for it, and what goes out. The way itself is in `service/pipeline.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import orjson

from client.value import value_class
from resolvers.reading import STORE_AWAY
from resolvers.request import RequestError
from security.entry import Lists
from security.errors import LogUnavailableError, ReplayedError, SignatureError
from security.policy import PolicyError
from security.signature import ReceivedRequest, VerifiedRequest
from service.media import JSON, media_type
from store.outage import is_outage
from sync.errors import AgreementError, FeedError

_log = logging.getLogger("xinqiao.pipeline")


class Refusal(Exception):
    """A request that gets no data: HTTP status, stable code, what to do next; of one that may be
    asked again after how many seconds."""

    def __init__(self, status: int, code: str, message: str, *, wait: float = 1) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.wait = wait


@dataclass(frozen=True)
class Incoming:
    """A request as it came in; `target` is path and query as sent, `peer` the sender's address.

    Of a body that is too long `cut` is the digest, and `body` is empty.
    """

    method: str
    target: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    peer: str
    cut: bytes | None = None

    def header(self, name: bytes) -> bytes:
        """The value of a header by its lower-case name, empty when it was not sent."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    def all(self, name: bytes) -> list[bytes]:
        """The values of a header by its lower-case name, as often as it was sent."""
        return [value for key, value in self.headers if key == name]

    @cached_property
    def media(self) -> str | None:
        """The media type that the answer is asked for in; None when it is one we have not."""
        return media_type(b",".join(self.all(b"accept")))


@value_class
class Outgoing:
    """An answer ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(slots=True)
class Passage:
    """What is known of a request while it passes: enough to log it wherever it stops."""

    incoming: Incoming
    received: ReceivedRequest
    verified: VerifiedRequest
    kind: str = "QUERY"
    legal_basis: str | None = None
    document: str = ""
    by_digest: bool = False  # the body names the document, and does not hold it
    variables: bytes = b"{}"
    claimed: bool = False  # the nonce was used up before
    unread: bool = False  # the body is still to come
    fault: SignatureError | None = None  # of the signature, where it was looked at before


@value_class
class Produced:
    """A finished body and what it discloses; `reason` is a code when the body says no."""

    status: int
    body: bytes
    lists: Lists = field(default_factory=Lists)
    rows: int = 0
    missing: tuple[str, ...] = ()
    reason: str | None = None
    media: str | None = None
    data_version: str = ""  # of what was read; empty: the node's at the time
    cost: int = 0  # what it could cost at most; 0: not reckoned
    wait: float = 1.0  # seconds until it is worth asking again


def refused(error: Exception) -> Produced:
    """The refusal that an error of a room becomes; what is nobody's refusal is INTERNAL."""
    match error:
        case SignatureError() | ReplayedError():
            status = 401
        case PolicyError() | AgreementError():
            status = 403
        case Refusal() | RequestError():
            status = error.status
        case FeedError():
            status = 503 if error.code == "FEED_UNAVAILABLE" else 400
        case LogUnavailableError():
            raise error
        case _ if is_outage(error):
            return Produced(
                503, error_body("STORE_UNAVAILABLE", STORE_AWAY), reason="STORE_UNAVAILABLE"
            )
        case _:
            _log.error("a request failed: %s", type(error).__name__, exc_info=error)
            message = "the node failed: ask again, and tell its operator when it stays"
            return Produced(500, error_body("INTERNAL", message), reason="INTERNAL")
    wait = error.wait if isinstance(error, Refusal) else 1.0
    return Produced(status, error_body(error.code, error.message), reason=error.code, wait=wait)


def error_body(code: str, message: str) -> bytes:
    """A refusal as a GraphQL response without data."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})


def unlogged(status: int, code: str, message: str) -> Outgoing:
    """A refusal that the log could not take: no data, no receipt, unsigned."""
    body = error_body(code, message)
    return Outgoing(
        status,
        [
            (b"content-type", JSON.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"1"),
        ],
        body,
    )
