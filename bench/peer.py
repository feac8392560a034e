"""What a node is measured against: the least an HTTP server can do, and a query by hand behind it.

    python -m bench.peer PORT [DSN]

`/hello` answers a fixed text. With a DSN `/one`, `/twenty` and `/thousand` answer the statements
of `bench.graphql` written by hand: no GraphQL, no policy, no signature, no log.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
import orjson
import uvicorn

from bench.graphql import BY_HAND, arguments_by_hand
from service.app import read_body
from service.collecting import ANSWERING, seldom_collected
from store.pool import open_pool

Message = MutableMapping[str, Any]


class Peer:
    """An ASGI application without a framework."""

    def __init__(self, pool: asyncpg.Pool[Any] | None) -> None:
        self._pool = pool

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        asked, _ = await read_body(receive, 1_000_000)
        name = scope["path"][1:]
        body = b"hello XDBENCH"
        if name != "hello" and self._pool is not None:
            variables = orjson.loads(asked or b"{}").get("variables") or {}
            body = await self._pool.fetchval(
                BY_HAND[name], *arguments_by_hand(name, variables.get("c", ""))
            )
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def serve(port: int, dsn: str | None) -> None:
    """Serve with the node's own server settings until SIGTERM."""
    await run_server(Peer(await open_pool(dsn, answering=True) if dsn else None), port)


async def run_server(application: Any, port: int, http: Any = "httptools") -> None:
    """Serve an ASGI application with the node's own server settings until SIGTERM; `http` is
    uvicorn's protocol for it."""
    config = uvicorn.Config(
        application,
        port=port,
        loop="uvloop",
        http=http,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    with seldom_collected(ANSWERING):
        await uvicorn.Server(config).serve()


def main() -> None:
    """Serve on the port that is named."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))


if __name__ == "__main__":
    main()
