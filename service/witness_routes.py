"""A node as a witness of its partners' logs, over HTTP (C2SP tlog-witness), and its own heads
as far as they are witnessed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import httpx
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from security.tlog.cosigned import cosigned_checkpoint
from security.witness.fork import ForkProof
from security.witness.witness import Contradiction, Witness
from service.enrolment import LOGS, current_origin, log_origin
from service.witnessing import PATH, followed_logs, partner_logs
from sync.fork import pursue
from sync.partner import record_failure
from sync.witnessing import TIMEOUT

if TYPE_CHECKING:
    from service.node import Node

MAX_SUBMISSION = 64 * 1024
"""Longest message of `add-checkpoint`, in bytes."""
_PURSUED = 60.0
_log = logging.getLogger("xinqiao.witness")


class WitnessRoutes:
    """The witness of one node. Whoever brings a partner's signed head is heard: the head's
    signature is all the authentication that the protocol has."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._witness = Witness(
            node.work_pool,
            node.keys.witness,
            partner_logs(node.root, node.settings),
            node.home.path / "witness",
        )
        self._pursued: dict[str, float] = {}
        self._looked_at = float("-inf")

    async def add_checkpoint(self, request: Request) -> Response:
        body = b""
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_SUBMISSION:
                    return PlainTextResponse("The message is too long.\n", 413)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        verdict = await self._witness.add_checkpoint(body)
        if verdict.status == 403 and await self._look_for_keys():
            verdict = await self._witness.add_checkpoint(body)
        task = None
        if verdict.contradiction is not None:
            task = BackgroundTask(self._follow, verdict.contradiction)
        return Response(
            verdict.body,
            verdict.status,
            {"content-type": verdict.media, "cache-control": "no-store"},
            background=task,
        )

    async def _look_for_keys(self) -> bool:
        """Follow the partners' changes of keys, once a minute at most; whether it was done now."""
        now = time.monotonic()
        if now - self._looked_at < _PURSUED:
            return False
        self._looked_at = now
        self._witness.trust(await followed_logs(self._node.root, self._node.settings))
        return True

    async def checkpoint(self, request: Request) -> Response:
        """The last head of a partner's log that was cosigned here."""
        try:
            digest = bytes.fromhex(request.path_params["digest"])
        except ValueError:
            digest = b""
        found = await self._witness.checkpoint(digest) if len(digest) == 32 else None
        return _note(found)

    async def cosigned(self, request: Request) -> Response:
        """The newest head of an own log that enough witnesses cosigned."""
        log = request.path_params["log"]
        if log not in LOGS:
            return _note(None)
        node = self._node
        note = cosigned_checkpoint(node.home.log / log, current_origin(node.home, log))
        return _note(None if note is None else note.bytes().decode())

    async def _follow(self, contradiction: Contradiction) -> None:
        """Call the operator when a log forked; look for the proof where the message has none.

        Anybody may send an old head with a bad proof, so it is looked for once a minute at most.
        """
        fork, origin = contradiction.fork, contradiction.origin
        now = time.monotonic()
        if fork is None and now - self._pursued.get(origin, float("-inf")) >= _PURSUED:
            self._pursued[origin] = now
            fork = await self._pursue(contradiction)
            if fork is not None:
                await self._witness.record_fork(fork)
        if fork is None:
            _log.warning("a signed head of %s came with a proof that does not hold", origin)
        else:
            await self._accuse(fork)

    async def _pursue(self, contradiction: Contradiction) -> ForkProof | None:
        prefix, _, log = contradiction.origin.rpartition("/")
        for partner in self._node.settings.partners:
            if prefix == log_origin(partner.name, log).rpartition("/")[0]:
                async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
                    return await pursue(http, f"{partner.url}/log/{log}", contradiction)
        return None

    async def _accuse(self, fork: ForkProof) -> None:
        origin = fork.key.name
        _log.critical(
            "%s FORKED: its key signed two histories; the proof is kept, see `xinqiao audit"
            " witness --forks`",
            origin,
        )
        for region, partner in self._node.partners.items():
            if origin.startswith(log_origin(partner.name, "")):
                message = "Ask the partner: its log has two histories, and the proof is here."
                await record_failure(
                    self._node.work_pool, region, "LOG_FORKED", message, fork.to_json()
                )


def witness_routes(node: Node) -> list[BaseRoute]:
    """The routes of a node as a witness."""
    routes = WitnessRoutes(node)
    return [
        Route(f"{PATH}/add-checkpoint", routes.add_checkpoint, methods=["POST"]),
        Route(PATH + "/{digest}/checkpoint", routes.checkpoint),
        Route("/log/{log}/cosigned", routes.cosigned),
    ]


def _note(text: str | None) -> Response:
    if text is None:
        return PlainTextResponse("There is nothing here.\n", 404)
    return PlainTextResponse(text, headers={"cache-control": "no-cache"})
