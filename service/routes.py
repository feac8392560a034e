"""What a node serves beside questions: its logs, receipts, public keys and state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from security.receipt import receipt_status
from security.tlog.tile import BUNDLE_LEVEL, Tile
from service.enrolment import log_origin

if TYPE_CHECKING:
    from service.node import Node
    from service.work import Work

_LOGS = frozenset({"access", "audit", "feed"})
_RECEIPTED = frozenset({"access", "audit"})


class LogRoutes:
    """A node's transparency logs over HTTP (C2SP tlog-tiles).

    Checkpoints, hash tiles and receipts are open; entry bundles are not, because who asked what
    is for auditors.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    async def checkpoint(self, request: Request) -> Response:
        log = request.path_params["log"]
        return self._file(log, "checkpoint", "no-cache") if log in _LOGS else _nothing()

    async def tile(self, request: Request) -> Response:
        log, path = request.path_params["log"], f"tile/{request.path_params['path']}"
        try:
            tile = Tile.parse(path)
        except ValueError:
            return _nothing()
        if log not in _LOGS or tile.level == BUNDLE_LEVEL:
            return _nothing()
        return self._file(log, tile.path, "public, max-age=31536000, immutable")

    async def receipt(self, request: Request) -> Response:
        """What became of a receipt: pending, or sealed with index, proof and checkpoint."""
        log = request.path_params["log"]
        try:
            leaf = bytes.fromhex(request.path_params["leaf"])
        except ValueError:
            return _nothing()
        if log not in _RECEIPTED or len(leaf) != 32:
            return _nothing()
        node = self._node
        origin = log_origin(node.settings.node, log)
        status = await receipt_status(node.pool, node.home.log / log, origin, leaf)
        found = status.to_json()
        return JSONResponse(found, 404 if found["state"] == "unknown" else 200)

    def _file(self, log: str, path: str, caching: str) -> Response:
        try:
            data = (self._node.home.log / log / path).read_bytes()
        except OSError:
            return _nothing()
        kind = "text/plain; charset=utf-8" if path == "checkpoint" else "application/octet-stream"
        return Response(data, media_type=kind, headers={"cache-control": caching})


def routes(node: Node, work: Work) -> list[BaseRoute]:
    """The routes of a node beside its questions."""
    logs = LogRoutes(node)

    async def ready(_: Request) -> Response:
        return JSONResponse({"node": node.settings.node, **await work.state()})

    async def keys(_: Request) -> Response:
        path = node.root / "public" / f"{node.settings.node}.json"
        return JSONResponse(json.loads(path.read_text(encoding="utf-8")))

    return [
        Route("/ready", ready),
        Route("/keys", keys),
        Route("/log/{log}/checkpoint", logs.checkpoint),
        Route("/log/{log}/receipt/{leaf}", logs.receipt),
        Route("/log/{log}/tile/{path:path}", logs.tile),
    ]


def _nothing() -> Response:
    error = {"message": "there is nothing here", "extensions": {"code": "NOT_FOUND"}}
    return JSONResponse({"errors": [error]}, 404)
