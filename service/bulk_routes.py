"""Bodies too long for a question, in and out: `PUT /upload/<name>`, `GET /job/<id>/result.…`.

Both are signed like questions, logged, and answered signed.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from resolvers.context import Call
from resolvers.desk import Desk
from resolvers.errors import QuestionError
from resolvers.job import demand_standing, disclosed, judged, opened
from resolvers.job_handler import JOB_HANDLERS
from security.claim import Claim
from security.entry import Lists
from security.policy import Role, Scope
from service.body import BodyTimeoutError, read_body
from service.csv_text import csv_header, csv_text
from service.passage import Incoming, Outgoing, Passage, Produced, Refusal, unlogged
from service.pipeline import Pipeline
from store import job as jobs
from store import upload as uploads
from store.errors import StoreError
from store.job import Part

if TYPE_CHECKING:
    from service.node import Node

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
_SECONDS = 600.0  # for an upload to arrive
_PARTS = 10  # parts that are read at once
_LONGEST = 64_000_000  # bytes of a result that is given whole: it is signed whole, in memory


class BulkRoutes:
    """Uploads and downloads of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pipeline = Pipeline(node)
        self._uploading = 0

    async def upload(self, request: Request) -> Response:
        """Keep a body under a name of the caller's; answers its size and SHA-256."""
        settings = self._node.settings
        name = request.path_params["name"]
        unread = _incoming(request, b"", None)
        refused = await self._pipeline.refuse_unread(unread, _uploads_nothing())
        if refused is not None:
            return response_of(refused)
        if self._uploading >= settings.uploads_at_once:
            return response_of(unlogged(503, "BUSY", "another upload is under way: ask again"))
        self._uploading += 1
        try:
            body, cut = await read_body(request.receive, settings.max_upload, seconds=_SECONDS)
            return response_of(await self._keep(_incoming(request, body, cut), name))
        except ClientDisconnect:
            return Response(b"", 400)
        except BodyTimeoutError:
            return response_of(unlogged(408, "BODY_TIMEOUT", "send the whole body in time"))
        finally:
            self._uploading -= 1

    async def _keep(self, asked: Incoming, name: str) -> Outgoing:
        body = asked.body

        async def produce(passage: Passage, scope: Scope) -> Produced:
            # What was uploaded is kept until it is used; its digest is in the signature.
            passage.incoming = replace(asked, query=b"", body=b"", cut=None)
            passage.kind, passage.document = "CHANGE", f"PUT /upload/{name}"
            if scope.role in (Role.PUB, Role.AUDITOR):
                raise _uploads_nothing()
            if not _NAME.fullmatch(name):
                raise Refusal(400, "BAD_VALUE", "name it with 1–64 letters, digits, . _ and -")
            await self._pipeline.claim(passage)
            digest, seal = passage.received.body_digest, self._node.keeping.seal
            # A long body takes longer to encrypt than all others may wait.
            sealed = await asyncio.to_thread(seal, body, uploads.place(scope.caller, name))
            try:
                async with self._node.work_pool.acquire() as connection:
                    await uploads.store(connection, scope.caller, name, digest, len(body), sealed)
            except StoreError as error:
                raise Refusal(409, error.code, error.message) from error
            told = {"name": name, "size": len(body), "sha256": digest.hex()}
            return Produced(200, orjson.dumps(told), rows=1, media="application/json")

        return await self._pipeline.serve(asked, produce)

    async def result(self, request: Request) -> Response:
        """A job's whole result, or the part that `part` names, as CSV or JSON Lines."""
        form = request.path_params["form"]
        asked = _incoming(request, b"", None)

        async def produce(passage: Passage, scope: Scope) -> Produced:
            passage.kind, passage.document = "EXPORT", f"GET {asked.target}"
            return await self._result(passage, scope, request, form)

        return response_of(await self._pipeline.serve(asked, produce))

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
        if first < last and await jobs.length(node.work_pool, id_) > _LONGEST:
            by_part = f"ask for it by parts, `?part=0` to `?part={last}`"
            raise Refusal(400, "RESULT_TOO_LONG", by_part)
        columns = kind.columns if kind is not None and form == "csv" else None

        def written(desk: Desk, number: int, part: Part) -> bytes:
            lines = opened(desk, found, number, part)
            if columns is None:
                return lines
            return csv_text(columns, map(orjson.loads, lines.splitlines()))

        parts, content = [], [] if columns is None else [csv_header(columns)]
        for start in range(first, last + 1, _PARTS):
            until = min(start + _PARTS - 1, last)
            stored = await jobs.parts(node.work_pool, id_, start, until)
            try:
                await demand_standing(context.desk, found, stored)
            except QuestionError as error:
                raise Refusal(409, error.code, error.message) from error
            for number, part in enumerate(stored, start):
                parts.append(replace(part, content=b""))
                content.append(await asyncio.to_thread(written, context.desk, number, part))
        if await jobs.job_of(node.work_pool, scope.caller, id_) is None:
            raise nothing  # it expired, and what had not been read yet with it
        shown = disclosed(parts, "Job.result")
        return Produced(
            200,
            b"".join(content),
            Lists(shown.subjects, shown.records, shown.coordinates, shown.masked),
            shown.rows,
            media=_MEDIA[form],
        )


def _uploads_nothing() -> Refusal:
    return Refusal(403, "FORBIDDEN", "the role uploads nothing")


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


def response_of(outgoing: Outgoing) -> Response:
    """What leaves, for Starlette to send."""
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
