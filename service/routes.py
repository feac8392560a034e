"""What a node serves beside questions: its logs, receipts, public keys and state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from security.errors import LogError
from security.receipt import receipt_status
from security.tlog.reader import TileReader
from security.tlog.tile import BUNDLE_LEVEL, WIDTH, Tile
from service.enrolment import log_origin

if TYPE_CHECKING:
    from service.node import Node
    from service.work import Work

_LOGS = frozenset({"access", "audit", "feed"})
_RECEIPTED = frozenset({"access", "audit"})


class LogRoutes:
    """A node's transparency logs over HTTP (C2SP tlog-tiles).

    Checkpoints, hash tiles and receipts are open. So are the feed's entry bundles, which tell
    nothing without their salts; those of the access logs are not: who asked what is for auditors.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    async def checkpoint(self, request: Request) -> Response:
        log = request.path_params["log"]
        note = self._files(log).checkpoint() if log in _LOGS else None
        if note is None:
            return _nothing()
        return PlainTextResponse(note, headers={"cache-control": "no-cache"})

    async def tile(self, request: Request) -> Response:
        log = request.path_params["log"]
        try:
            tile = Tile.parse(f"tile/{request.path_params['path']}")
            if log not in _LOGS or (tile.level == BUNDLE_LEVEL and log != "feed"):
                return _nothing()
            data = self._files(log).tile(tile)
        except (ValueError, LogError):
            return _nothing()
        lasting = "public, max-age=31536000, immutable" if tile.width == WIDTH else "no-cache"
        return Response(
            data, media_type="application/octet-stream", headers={"cache-control": lasting}
        )

    def _files(self, log: str) -> TileReader:
        return TileReader(self._node.home.log / log)

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
