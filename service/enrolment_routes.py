"""`POST /enrol`: a device's own key enrolled with a one-time code (docs/keys.md).

The request is not signed as questions are: the code says for whom it is, the proof of possession
that the key is the sender's. The answer is signed, and the access log has it, as `KEY`. Pages of
other origins may not send it: there are no CORS headers, and a foreign Origin is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from client.algorithm import Algorithm
from client.enrolment import PATH, read_public_key
from client.structured import parse_base64
from security.entry import timestamp
from security.invitation import Enrolled, InvitationError, accept
from security.keys import KeyFolder
from service.bulk_routes import response_of
from service.enrolment import node_directory
from service.key_life import INVITATION_SECRET
from service.passage import Incoming, Refusal
from service.pipeline import Pipeline

if TYPE_CHECKING:
    from service.node import Node

MAX_BODY = 8 * 1024
"""Longest message, in bytes."""
_FORM = "send a JSON object with code, algorithm, publicKey and proof, as application/json"


@dataclass(frozen=True, slots=True)
class _Message:
    code: str
    algorithm: Algorithm
    public: bytes
    proof: bytes


class EnrolmentRoutes:
    """Enrolment by code at one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pipeline = Pipeline(node)
        self._secret = KeyFolder(node.home.keys).secret(INVITATION_SECRET)

    async def enrol(self, request: Request) -> Response:
        """Answer a message: 200 with the key's id, else a refusal with its code."""
        body = b""
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY:
                    break
        except ClientDisconnect:
            return Response(b"", 400)
        asked = Incoming(
            request.method,
            PATH,
            b"",
            request.scope["headers"],
            body,
            request.client.host if request.client else "",
        )
        given = await self._pipeline.enrolment(asked, lambda: self._enrolled(asked))
        return response_of(given)

    async def _enrolled(self, asked: Incoming) -> bytes:
        node = self._node
        if asked.header(b"origin") not in (b"", node.settings.url.encode()):
            raise Refusal(403, "ENROLMENT_ORIGIN", "enrol from a page of the node's own origin")
        message = _read(asked)
        async with node.work_pool.acquire() as connection:
            try:
                enrolled = await accept(
                    node_directory(connection, node.home, "enrolment"),
                    self._secret,
                    node.settings.url,
                    message.code,
                    message.algorithm,
                    message.public,
                    message.proof,
                    datetime.now(UTC),
                )
            except InvitationError as error:
                status = 403 if error.code == "INVITATION_INVALID" else 400
                raise Refusal(status, error.code, error.message) from None
        # Other workers know the key within a second.
        await node.look_at_directory()
        return orjson.dumps(_told(enrolled))


def enrolment_routes(node: Node) -> list[BaseRoute]:
    """The routes of enrolment by code."""
    return [Route(PATH, EnrolmentRoutes(node).enrol, methods=["POST"])]


def _read(asked: Incoming) -> _Message:
    media = asked.header(b"content-type").partition(b";")[0].strip().lower()
    try:
        if media != b"application/json" or len(asked.body) > MAX_BODY:
            raise ValueError
        found = orjson.loads(asked.body)
        public = read_public_key(found["publicKey"])
        if str(public.algorithm) != found["algorithm"]:
            raise ValueError
        code = found["code"]
        if not isinstance(code, str) or not 12 <= len(code) <= 24 or not code.isascii():
            raise ValueError
        return _Message(code, public.algorithm, public.public, parse_base64(found["proof"]))
    except (ValueError, KeyError, TypeError):
        raise Refusal(400, "ENROLMENT_FORM", _FORM) from None


def _told(enrolled: Enrolled) -> dict[str, Any]:
    key = enrolled.key
    return {
        "caller": key.caller.id,
        "role": key.caller.role,
        "device": enrolled.device,
        "keyId": key.key_id,
        "algorithm": str(key.algorithm),
        "validFrom": timestamp(key.valid_from),
        "validTo": timestamp(key.valid_to),
    }
