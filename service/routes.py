"""What a node serves beside questions: its logs, receipts, public keys and state."""

from __future__ import annotations

import gzip
import json
import os
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from client.errors import ClientError
from security.errors import LogError
from security.receipt import receipt_status
from security.tlog.checkpoint import Checkpoint
from security.tlog.cosigned import served_checkpoint
from security.tlog.note import Note
from security.tlog.reader import TileReader
from security.tlog.tile import BUNDLE_LEVEL, Tile
from service.bulk_routes import bulk_routes, response_of
from service.enrolment import succession
from service.enrolment_routes import enrolment_routes
from service.metrics import CONTENT_TYPE, exposition
from service.passage import Incoming
from service.pipeline import Pipeline
from service.witness_routes import witness_routes

if TYPE_CHECKING:
    from service.node import Node
    from service.work import Work

_LOGS = frozenset({"access", "audit", "feed"})
_LASTING = "public, max-age=31536000, immutable"
_RECEIPTED = frozenset({"access", "audit"})


class LogRoutes:
    """A node's transparency logs over HTTP (C2SP tlog-tiles).

    Checkpoints, hash tiles and receipts are open. So are the feed's entry bundles, which tell
    nothing without their salts; those of the access log are an auditor's, who asks for each by a
    signed GET with purpose P14; for anybody else they are not there.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pipeline = Pipeline(node)

    async def checkpoint(self, request: Request) -> Response:
        log = request.path_params["log"]
        note = served_checkpoint(self._node.home.log / log) if log in _LOGS else None
        if note is None:
            return _nothing()
        headers = {"cache-control": "no-cache", "etag": _etag(note)}
        return _conditional(request, PlainTextResponse(note, headers=headers))

    async def tile(self, request: Request) -> Response:
        log = request.path_params["log"]
        try:
            tile = Tile.parse(f"tile/{request.path_params['path']}")
        except ValueError:
            return _nothing()
        if log not in _LOGS:
            return _nothing()
        if tile.level == BUNDLE_LEVEL and log != "feed":
            return await self._review(request, tile) if log == "access" else _nothing()
        data = self._read(log, tile)
        if data is None:
            return _nothing()
        headers = {"cache-control": _LASTING, "etag": _etag(data)}
        if tile.level == BUNDLE_LEVEL:
            headers["vary"] = "accept-encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                data = gzip.compress(data, 5, mtime=0)
                headers |= {"content-encoding": "gzip", "etag": _etag(data)}
        found = Response(data, media_type="application/octet-stream", headers=headers)
        return _conditional(request, found)

    def _read(self, log: str, tile: Tile) -> bytes | None:
        """A tile of the signed tree; what a seal has written beyond its head is not there yet."""
        reader = TileReader(self._node.home.log / log)
        note = reader.checkpoint()
        try:
            if note is None or not tile.within(Checkpoint.parse(Note.parse(note).text).size):
                return None
            return reader.tile(tile)
        except (ValueError, LogError, ClientError):
            return None

    async def _review(self, request: Request, tile: Tile) -> Response:
        """Entries of the access log for an auditor: signed, logged, answered signed."""
        if "signature-input" not in request.headers:
            return _nothing()
        target = request.scope["raw_path"].decode("ascii", "replace")
        query = request.scope["query_string"]
        if query:
            target = f"{target}?{query.decode('ascii', 'replace')}"
        asked = Incoming(
            request.method,
            target,
            query,
            request.scope["headers"],
            b"",
            request.client.host if request.client else "",
        )
        given = await self._pipeline.review(asked, partial(self._read, "access", tile), tile.width)
        return response_of(given)

    async def receipt(self, request: Request) -> Response:
        """What became of a receipt: pending, or sealed with index, proof and checkpoint."""
        log = request.path_params["log"]
        try:
            leaf = bytes.fromhex(request.path_params["leaf"])
        except ValueError:
            return _nothing()
        log = log.partition("-")[0]  # `access-2`: the successor of a log, as its origin names it
        if log not in _RECEIPTED or len(leaf) != 32:
            return _nothing()
        node = self._node
        *ended, origin = succession(node.home, log)
        folder = node.home.log / log
        status = await receipt_status(node.pool, folder, origin, leaf, ended=ended)
        found = status.to_json()
        return JSONResponse(found, 404 if found["state"] == "unknown" else 200)


def routes(node: Node, work: Work) -> list[BaseRoute]:
    """The routes of a node beside its questions."""
    logs = LogRoutes(node)

    async def ready(_: Request) -> Response:
        return JSONResponse({"node": node.settings.node, **await work.state()})

    async def metrics(_: Request) -> Response:
        text = exposition(node.operations.counts, os.getpid())
        return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    async def keys(_: Request) -> Response:
        path = node.root / "public" / f"{node.settings.node}.json"
        return JSONResponse(json.loads(path.read_text(encoding="utf-8")))

    return [
        Route("/ready", ready),
        Route("/metrics", metrics),
        Route("/keys", keys),
        Route("/log/{log}/checkpoint", logs.checkpoint),
        Route("/log/{log}/receipt/{leaf}", logs.receipt),
        Route("/log/{log}/tile/{path:path}", logs.tile),
        *witness_routes(node),
        *enrolment_routes(node),
        *bulk_routes(node),
    ]


def _nothing() -> Response:
    error = {"message": "there is nothing here", "extensions": {"code": "NOT_FOUND"}}
    return JSONResponse({"errors": [error]}, 404)


def _etag(data: bytes) -> str:
    return f'"{sha256(data).hexdigest()[:32]}"'


def _conditional(request: Request, response: Response) -> Response:
    """The response, or 304 when the asker has it (RFC 9110 §13.1.2)."""
    known = request.headers.get("if-none-match", "")
    if response.headers["etag"] not in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return response
    kept = ("cache-control", "etag", "vary")
    return Response(
        status_code=304,
        headers={name: response.headers[name] for name in kept if name in response.headers},
    )
