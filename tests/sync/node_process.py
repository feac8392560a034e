"""A city's half of the exchange as a process of its own, to be killed by the tests.

`origin` builds and serves the feed; `mirror` pulls it. What the service's pipeline does around the
exchange is done here in its plainest form: verify, answer, sign.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from client.keys import NodeKeys
from client.receipt import Receipt
from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.registry import load_registry
from security.signature import read_request, sign_response, verify_request
from security.tlog.reader import TileReader
from store.pool import open_pool
from sync.endpoints import Exchange
from sync.mirror import Mirror
from sync.publisher import Publisher
from sync.transport import SignedTransport


def origin(settings: dict[str, Any]) -> None:
    folder = Path(settings["folder"])
    keys = KeyFolder(folder / "keys")
    answer_key = keys.signing_key(settings["node"])
    access = keys.note_signer(f"xinqiao.{settings['node']}/access", "access")
    feed_key = keys.note_signer(f"xinqiao.{settings['node']}/feed", "feed")
    files = TileReader(folder / "feed")
    today = date.fromisoformat(settings["today"])
    state: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pool = await open_pool(settings["dsn"], max_size=3)
        state["registry"] = await load_registry(pool)
        state["exchange"] = Exchange(
            pool, files, feed_key.verifier, kinds(), lambda: today, region=settings["region"]
        )
        publisher = Publisher(
            pool,
            folder / "feed",
            feed_key,
            region=settings["region"],
            kinds=kinds(),
            today=lambda: today,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(publisher.run(0.05, stop))
        yield
        stop.set()
        await running

    async def exchange(request: Request) -> Response:
        body = await request.body()
        uri = settings["url"] + request.url.path
        if request.url.query:
            uri += f"?{request.url.query}"
        received = read_request(request.method, uri, request.headers.raw, body)
        verified = verify_request(received, state["registry"], time.time())
        shared = await state["exchange"].answer(
            request.method, request.url.path, request.query_params, body, verified.caller.region
        )
        receipt = Receipt(bytes(32), int(time.time()), 2, access.name, received.body_digest)
        headers = sign_response(
            received,
            answer_key,
            status=200,
            content_type=shared.content_type,
            body=shared.body,
            receipt=receipt,
            now=time.time(),
        )
        response = Response(shared.body)
        response.raw_headers = [
            *headers,
            (b"content-length", str(len(shared.body)).encode()),
        ]
        return response

    routes = [
        Route("/sync/feed", exchange),
        Route("/sync/ack", exchange, methods=["POST"]),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=settings["port"], log_level="error")


async def mirror(settings: dict[str, Any]) -> None:
    folder = Path(settings["folder"])
    keys = KeyFolder(folder / "keys")
    pool = await open_pool(settings["dsn"], max_size=2)
    transport = SignedTransport(
        settings["url"],
        keys.signing_key(settings["node"]),
        NodeKeys.from_json(settings["partner_keys"]),
    )
    today = date.fromisoformat(settings["today"])
    puller = Mirror(
        pool,
        transport,
        region=settings["partner"],
        kinds=kinds(),
        cipher=FieldCipher(keys),
        signer=keys.note_signer(f"xinqiao.{settings['node']}/acknowledgement", "acknowledgement"),
        today=lambda: today,
        page=5,
    )
    await puller.run(0.02, asyncio.Event())


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    if sys.argv[1] == "origin":
        origin(given)
    else:
        asyncio.run(mirror(given))
