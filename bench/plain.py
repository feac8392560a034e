"""A node's own answers, unsigned and unlogged: `python -m bench.plain PORT DSN`.

The same server, the same compiled questions on the same database, for one caller whose scope was
decided beforehand. What a request at the node costs more than one here is the price of its proof.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bench.peer import run_server
from resolvers.request import parse_request
from security.policy import Scope
from security.registry import Caller
from security.signature import VerifiedRequest
from service.app import incoming, read_body
from service.home import NodeHome, home
from service.neo4j import Neo4jAddress
from service.node import Node, open_node
from service.passage import Incoming, Outgoing
from service.protocol import Answer, NodeProtocol
from service.settings import load_settings
from service.standing import grounds_of

NODE, SIGNER, PURPOSE = "benxi", "shenyang", "P3"
Message = MutableMapping[str, Any]


class Plain:
    """An application that only reads and answers, by ASGI what does not arrive whole."""

    def __init__(self, node: Node, scope: Scope) -> None:
        self._node = node
        self._scope = scope

    def direct(self, path: str) -> Answer | None:
        """What answers requests at the path of questions."""
        return self._answer if path == "/graphql" else None

    def takes(self, _: Incoming) -> bool:
        """Every whole one."""
        return True

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body, _ = await read_body(receive, 1_000_000)
        outgoing = Outgoing(204, [], b"")  # to HEAD, which asks whether it serves
        if scope["method"] != "HEAD":
            outgoing = await self._answer(incoming(scope, body))
        start = {"status": outgoing.status, "headers": outgoing.headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": outgoing.body})

    async def _answer(self, asked: Incoming) -> Outgoing:
        kind = asked.header(b"content-type").decode()
        question = parse_request(asked.method, kind, asked.query, asked.body)
        node = self._node
        plan = node.operations.prepare(question.document, question.operation_name, self._scope)
        answer = await plan.run(node.context(self._scope), question.variables)
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(answer.body)).encode()),
        ]
        return Outgoing(answer.status, headers, answer.body)


async def _scope(node: Node) -> Scope:
    caller: Caller = next(
        key.caller for key in node.registry.keys.values() if key.caller.id == SIGNER
    )
    row = node.policy.row(caller.role)
    agreement = node.agreements.get(caller.region or "")
    grounds = await grounds_of(node, row, VerifiedRequest(caller, purpose=PURPOSE), agreement)
    return node.policy.scope(
        caller.id, row.role, PURPOSE, "", grounds, kinds=frozenset(node.kinds.by_name)
    )


async def serve(port: int, dsn: str) -> None:
    """Serve with the node's own server settings until SIGTERM."""
    settings = load_settings(NodeHome(home(), NODE))
    nowhere = Neo4jAddress("bolt://127.0.0.1:1", "", "")  # none of these questions asks the graph
    async with open_node(settings, home(), dsn, nowhere) as node:
        await run_server(Plain(node, await _scope(node)), port, NodeProtocol)


def main() -> None:
    """Serve on the port that is named."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), sys.argv[2]))


if __name__ == "__main__":
    main()
