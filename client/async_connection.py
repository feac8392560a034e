"""The client for asyncio: what `client.connection` does, with `await`."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import httpx

from client.connection import reply_of, unreachable
from client.errors import ClientError
from client.event import Event, EventLines
from client.exchange import Answer, Conversation, Exchange, Inclusion, Wait, once
from client.job import Job, job_lines, job_state
from client.keys import NodeKeys
from client.profile import Signer
from client.question import Question
from client.receipt import Receipt
from client.receipt_store import ReceiptStore
from client.retry import CODES, Retry
from client.shape import shaped

_SILENCE = 30.0  # seconds; a node says something every 12
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

    async def subscribe(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        after: str | None = None,
        **claims: Any,
    ) -> AsyncIterator[Event]:
        """Give the events of a subscription, each verified, over server-sent events.

        When the connection is lost it is subscribed again, signed anew, behind the last event: for
        that the document declares `$after: String`. An event may then come twice. Ends when the
        subscription does. Raises ClientError with the code of the node's refusal, and
        `NODE_UNREACHABLE` when the client has no `retry`, or it does not help.
        """
        place, attempt, retry = after, 0, self._exchange.retry
        resumable = re.search(r"\$after\s*:", document) is not None
        while True:
            given = {**(variables or {}), **({"after": place} if resumable and place else {})}
            try:
                async for event in self._stream(document, given, claims):
                    if event is None:
                        return
                    place, attempt = event.position or place, 0
                    yield event
                lost = ClientError("NODE_UNREACHABLE", "Subscribe again: the stream has ended.")
            except ClientError as error:
                if error.code not in {"NODE_UNREACHABLE", *CODES}:
                    raise
                lost = error
            attempt += 1
            wait = None if retry is None else retry.wait(attempt, 0, (), None)
            if wait is None or not (resumable or place is None):
                raise lost
            await asyncio.sleep(wait)

    async def _stream(
        self, document: str, variables: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> AsyncIterator[Event | None]:
        """One connection: its events, and None when the subscription is complete."""
        question = self._exchange.question(document, variables, "/graphql/stream", **claims)
        headers = [*question.headers, ("accept", "text/event-stream")]
        lines = EventLines()
        try:
            async with self._http.stream(
                question.method,
                question.target_uri,
                headers=headers,
                content=question.body,
                timeout=_SILENCE,
            ) as response:
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    await response.aread()
                    raise await self._refusal(question, response)
                async for line in response.aiter_lines():
                    told = lines.take(line)
                    if told is None:
                        continue
                    if told[0] == "complete":
                        yield None
                        return
                    event = await self._carry(self._exchange.event(question, told[1]))
                    if event.data is None and event.errors:
                        raise refused(event.errors)
                    yield event
        except httpx.HTTPError as error:
            raise unreachable(error) from None

    async def _refusal(self, question: Question, response: httpx.Response) -> ClientError:
        answer = await self._carry(self._exchange.heard(question, reply_of(response)))
        return answer.problem or refused(answer.errors)

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


def refused(errors: Sequence[Any]) -> ClientError:
    """A node's refusal as an error of its code."""
    error = errors[0] if errors and isinstance(errors[0], Mapping) else {}
    code = error.get("extensions", {}).get("code", "ANSWER_MALFORMED")
    return ClientError(str(code), str(error.get("message", "The node gave no reason.")))
