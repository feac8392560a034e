"""The client for asyncio: what `client.connection` does, with `await`."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import httpx

from client.connection import reply_of, unreachable
from client.errors import ClientError
from client.exchange import Answer, Conversation, Exchange, Inclusion, Wait, once
from client.job import Job, job_lines, job_state
from client.keys import NodeKeys
from client.profile import Signer
from client.question import Question
from client.receipt import Receipt
from client.receipt_store import ReceiptStore
from client.retry import Retry
from client.shape import shaped

Data = TypeVar("Data")
Learnt = TypeVar("Learnt")


class AsyncClient:
    """Asks one node; its arguments, methods and errors are those of `Client`.

    Questions may be asked at once; receipts are kept one after another.
    """

    def __init__(
        self,
        url: str,
        key: Signer | None,
        node_keys: NodeKeys,
        *,
        http: httpx.AsyncClient | None = None,
        retry: Retry | None = None,
        receipts: ReceiptStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._exchange = Exchange(url, key, node_keys, retry=retry, clock=clock)
        self._http = http or httpx.AsyncClient(timeout=30)
        self._receipts = receipts

    @property
    def origin(self) -> str:
        """The node's origin."""
        return self._exchange.origin

    @property
    def node_keys(self) -> NodeKeys:
        """The node's keys as far as its changes were followed: keep them for the next time."""
        return self._exchange.node_keys

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @overload
    async def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Data],
        **claims: Any,
    ) -> Answer[Data | None]: ...

    @overload
    async def query(
        self, document: str, variables: Mapping[str, Any] | None = None, **claims: Any
    ) -> Answer[Any]: ...

    async def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Any] | None = None,
        **claims: Any,
    ) -> Answer[Any]:
        """Ask a GraphQL question; as `Client.query`."""
        answer = await self._carry(self._exchange.asking(document, variables, **claims))
        return self._kept(answer, into)

    async def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        client_key: str | None = None,
        into: type[Any] | None = None,
        **claims: Any,
    ) -> Answer[Any]:
        """Ask for a change, once however often it is sent; as `Client.mutate`."""
        given = once(variables, document, client_key or uuid.uuid4().hex)
        asking = self._exchange.asking(document, given, repeatable=True, **claims)
        return self._kept(await self._carry(asking), into)

    def _kept(self, answer: Answer[Any], into: type[Any] | None) -> Answer[Any]:
        if self._receipts is not None:
            self._receipts.keep(answer, self.node_keys)
        if into is None or answer.data is None or not answer.verified:
            return answer
        return replace(answer, data=shaped(answer.data, into))

    async def job(self, job_id: str, **claims: Any) -> Job | None:
        """Give the state of a job of the caller, None when there is none."""
        return await self._carry(job_state(self._exchange, job_id, **claims))

    async def job_lines(
        self, job_id: str, *, poll: float = 1.0, **claims: Any
    ) -> AsyncIterator[Any]:
        """Wait for a job and give the lines of its result; as `Client.job_lines`."""
        part: int | None = 0
        while part is not None:
            asking = job_lines(self._exchange, job_id, part, poll, **claims)
            lines, part = await self._carry(asking)
            for line in lines:
                yield line

    async def check_receipt(self, receipt: Receipt, patience: float = 10.0) -> Inclusion:
        """Wait until the log holds the receipt's entry; as `Client.check_receipt`."""
        return await self._carry(self._exchange.proving(receipt, patience))

    async def _send(self, question: Question) -> httpx.Response:
        try:
            return await self._http.request(
                question.method,
                question.target_uri,
                headers=list(question.headers),
                content=question.body,
            )
        except httpx.HTTPError as error:
            raise unreachable(error) from None

    async def _carry(self, conversation: Conversation[Learnt]) -> Learnt:
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    step = conversation.send(None)
                    continue
                try:
                    reply = reply_of(await self._send(step))
                except ClientError as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(reply)
        except StopIteration as end:
            learnt: Learnt = end.value
            return learnt
