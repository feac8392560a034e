"""Bodies too long for a question, in and out: `PUT /upload/<name>`, `GET /job/<id>/result.…`.

Both are signed like questions, logged, and answered signed.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.job import disclosed, judged, opened
from resolvers.job_handler import JOB_HANDLERS
from security.claim import Claim
from security.entry import Lists
from security.policy import Role, Scope
from service.body import BodyTimeoutError, read_body
from service.csv_text import csv_header, csv_text
from service.pipeline import Incoming, Outgoing, Passage, Pipeline, Produced, Refusal, unlogged
from store import job as jobs
from store import upload as uploads
from store.errors import StoreError

if TYPE_CHECKING:
    from service.node import Node

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
_SECONDS = 600.0  # for an upload to arrive
_PARTS = 50  # parts that are read at once


class BulkRoutes:
    """Uploads and downloads of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pipeline = Pipeline(node)
        self._uploading = 0

    async def upload(self, request: Request) -> Response:
        """Keep a body under a name of the caller's; answers its size and SHA-256."""
        settings = self._node.settings
        uploads_nothing = Refusal(403, "FORBIDDEN", "the role uploads nothing")
        unread = _incoming(request, b"", None)
        refused = await self._pipeline.refuse_unread(unread, uploads_nothing)
        if refused is not None:
            return _response(refused)
        if self._uploading >= settings.uploads_at_once:
            return _response(unlogged(503, "BUSY", "another upload is under way: ask again"))
        self._uploading += 1
        try:
            body, cut = await read_body(request.receive, settings.max_upload, seconds=_SECONDS)
        except ClientDisconnect:
            return Response(b"", 400)
        except BodyTimeoutError:
            return _response(unlogged(408, "BODY_TIMEOUT", "send the whole body in time"))
        finally:
            self._uploading -= 1
        name = request.path_params["name"]

        async def produce(passage: Passage, scope: Scope) -> Produced:
            # What was uploaded is kept until it is used; its digest is in the signature.
            passage.incoming = Incoming(
                asked.method, asked.target, b"", asked.headers, b"", asked.peer
            )
            passage.kind, passage.document = "CHANGE", f"PUT /upload/{name}"
            if scope.role in (Role.PUB, Role.AUDITOR):
                raise uploads_nothing
            if not _NAME.fullmatch(name):
                raise Refusal(400, "BAD_VALUE", "name it with 1–64 letters, digits, . _ and -")
            await self._pipeline.claim(passage)
            digest = sha256(body)
            sealed = self._node.keeping.seal(body, uploads.place(scope.caller, name))
            try:
                async with self._node.work_pool.acquire() as connection:
                    await uploads.store(
                        connection, scope.caller, name, digest.digest(), len(body), sealed
                    )
            except StoreError as error:
                raise Refusal(409, error.code, error.message) from error
            told = {"name": name, "size": len(body), "sha256": digest.hexdigest()}
            return Produced(200, orjson.dumps(told), rows=1, media="application/json")

        asked = _incoming(request, body, cut)
        return _response(await self._pipeline.serve(asked, produce))

    async def result(self, request: Request) -> Response:
        """A job's whole result, or the part that `part` names, as CSV or JSON Lines."""
        form = request.path_params["form"]
        asked = _incoming(request, b"", None)

        async def produce(passage: Passage, scope: Scope) -> Produced:
            passage.kind, passage.document = "EXPORT", f"GET {asked.target}"
            return await self._result(passage, scope, request, form)

        return _response(await self._pipeline.serve(asked, produce))

    async def _result(
        self, passage: Passage, scope: Scope, request: Request, form: str
    ) -> Produced:
        node = self._node
        context = node.context(scope, Claim.of(passage.verified))
        nothing = Refusal(404, "JOB_UNKNOWN", "there is no such job of yours: it may have expired")
        try:
            id_ = UUID(request.path_params["id"])
        except ValueError:
            raise nothing from None
        found = await jobs.job_of(node.work_pool, scope.caller, id_)
        if found is None or context.desk is None or form not in _MEDIA:
            raise nothing
        kind = JOB_HANDLERS.get(found.kind)
        if form == "csv" and (kind is None or kind.columns is None):
            raise Refusal(404, "FORM_UNKNOWN", "this result is a document: ask for result.jsonl")
        try:
            judged(found, Call(context))
        except QuestionError as error:
            raise Refusal(409, error.code, error.message) from error
        count = await jobs.part_count(node.work_pool, id_)
        first, last = _range(request.query_params.get("part"), count)
        parts, content = [], bytearray()
        columns = kind.columns if kind is not None and form == "csv" else None
        if columns is not None:
            content += csv_header(columns)
        for start in range(first, last + 1, _PARTS):
            until = min(start + _PARTS - 1, last)
            for number, part in enumerate(
                await jobs.parts(node.work_pool, id_, start, until), start
            ):
                parts.append(part)
                lines = opened(context.desk, found, number, part)
                if columns is not None:
                    lines = csv_text(columns, map(orjson.loads, lines.splitlines()))
                content += lines
        shown = disclosed(parts, "Job.result")
        return Produced(
            200,
            bytes(content),
            Lists(shown.subjects, shown.records, shown.coordinates, shown.masked),
            shown.rows,
            media=_MEDIA[form],
        )


def _range(part: str | None, count: int) -> tuple[int, int]:
    if part is None:
        return 0, count - 1
    if part.isascii() and part.isdigit() and len(part) < 9 and int(part) < max(count, 1):
        return int(part), int(part)
    raise Refusal(400, "BAD_VALUE", f"`part` is 0 to {max(count - 1, 0)}")


def _incoming(request: Request, body: bytes, cut: bytes | None) -> Incoming:
    target = request.scope["raw_path"].decode("ascii", "replace")
    query: bytes = request.scope["query_string"]
    if query:
        target = f"{target}?{query.decode('ascii', 'replace')}"
    peer = request.client.host if request.client else ""
    return Incoming(request.method, target, query, request.scope["headers"], body, peer, cut)


def _response(outgoing: Outgoing) -> Response:
    response = Response(outgoing.body, outgoing.status)
    response.raw_headers = list(outgoing.headers)
    return response


def bulk_routes(node: Node) -> list[BaseRoute]:
    """The routes of uploads and results."""
    routes = BulkRoutes(node)
    return [
        Route("/upload/{name}", routes.upload, methods=["PUT"]),
        Route("/job/{id}/result.{form}", routes.result, methods=["GET"]),
    ]
