"""The client for asyncio: what `client.connection` does, with `await`."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx

from client.connection import gather, reply_of, unreachable
from client.errors import ClientError
from client.event import Event, EventLines
from client.exchange import Answer, Conversation, Exchange, Inclusion, Reply, Wait, code_of
from client.job import Job, job_lines, job_state
from client.keys import NodeKeys
from client.profile import Signer
from client.question import Claims, Question
from client.receipt import Receipt
from client.receipt_store import ReceiptStore
from client.retry import CODES, STATUSES, Retry
from client.shape import shaped

_SILENCE = 30.0  # seconds; a node says something every 12
_LASTING = 30.0  # seconds that a stream must last for its end to be a new trouble
Data = TypeVar("Data")
Learnt = TypeVar("Learnt")


class _PassingError(ClientError):
    """What may be otherwise in a moment; `status` is 0 where it was not told over HTTP."""

    def __init__(
        self, code: str, message: str, status: int = 0, retry_after: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after


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
        **claims: Unpack[Claims],
    ) -> Answer[Data | None]: ...

    @overload
    async def query(
        self, document: str, variables: Mapping[str, Any] | None = None, **claims: Unpack[Claims]
    ) -> Answer[Any]: ...

    async def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Any] | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Any]:
        """Ask a GraphQL question; as `Client.query`."""
        answer = await self._carry(self._exchange.asking(document, variables, **claims))
        return self._kept(answer, into)

    @overload
    async def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Data],
        client_key: str | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Data | None]: ...

    @overload
    async def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        client_key: str | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Any]: ...

    async def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        client_key: str | None = None,
        into: type[Any] | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Any]:
        """Ask for a change, once however often it is sent; as `Client.mutate`."""
        changing = self._exchange.changing(document, variables, client_key, **claims)
        return self._kept(await self._carry(changing), into)

    def _kept(self, answer: Answer[Any], into: type[Any] | None) -> Answer[Any]:
        if self._receipts is not None:
            self._receipts.keep(answer, self.node_keys, self._exchange.clock())
        if into is None or answer.data is None or not answer.verified:
            return answer
        return replace(answer, data=shaped(answer.data, into))

    async def job(self, job_id: str, **claims: Unpack[Claims]) -> Job | None:
        """Give the state of a job of the caller, None when there is none."""
        return await self._carry(job_state(self._exchange, job_id, **claims))

    async def job_lines(
        self, job_id: str, *, poll: float = 1.0, **claims: Unpack[Claims]
    ) -> AsyncGenerator[Any]:
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
        **claims: Unpack[Claims],
    ) -> AsyncGenerator[Event]:
        """Give the events of a subscription, each verified, over server-sent events.

        When the connection is lost it is subscribed again, signed anew, behind the last event, or
        where it began: for that the document declares `$after: String`. An event may then come
        twice. Attempts are counted anew after each event and each half minute. Ends when the
        subscription does. Raises ClientError with the code of the node's refusal,
        `NODE_UNREACHABLE` when the client has no `retry`, or it does not help, and
        `QUESTION_MALFORMED` for an `after` that the document does not declare.
        """
        place, attempt, retry = after, 0, self._exchange.retry
        resumable = re.search(r"\$after\s*:", document) is not None
        if after is not None and not resumable:
            raise ClientError(
                "QUESTION_MALFORMED", "Declare $after: String and give it as `after` to the field."
            )
        while True:
            given = {**(variables or {}), **({"after": place} if resumable and place else {})}
            lines, begun = EventLines(), time.monotonic()
            try:
                async with aclosing(self._stream(document, given, claims, lines)) as events:
                    async for event in events:
                        if event is None:
                            return
                        place, attempt = event.position or place, 0
                        yield event
                lost = _PassingError("NODE_UNREACHABLE", "Subscribe again: the stream has ended.")
            except ClientError as error:
                if not isinstance(error, _PassingError):
                    if error.code != "NODE_UNREACHABLE":
                        raise
                    error = _PassingError(error.code, error.message)
                lost = error
            place = place or lines.place
            attempt = 1 if time.monotonic() - begun > _LASTING else attempt + 1
            told = (lost.status, (lost.code,), lost.retry_after)
            wait = None if retry is None else retry.wait(attempt, *told)
            if wait is None or not (resumable or place is None):
                raise lost
            await asyncio.sleep(wait)

    async def _stream(
        self,
        document: str,
        variables: Mapping[str, Any],
        claims: Mapping[str, Any],
        lines: EventLines,
    ) -> AsyncGenerator[Event | None]:
        """One connection: its events, and None when the subscription is complete."""
        question = self._exchange.question(document, variables, "/graphql/stream", **claims)
        headers = [*question.headers, ("accept", "text/event-stream")]
        try:
            async with self._http.stream(
                question.method,
                question.target_uri,
                headers=headers,
                content=question.body,
                timeout=_SILENCE,
            ) as response:
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    told = bytearray()
                    async for chunk in response.aiter_bytes():
                        gather(told, chunk)
                    raise await self._refusal(question, reply_of(response, bytes(told)))
                async for chunk in response.aiter_bytes():
                    for kind, payload in lines.take(chunk):
                        if kind == "complete":
                            yield None
                            return
                        ended = refused(payload.get("errors"))
                        if "data" not in payload and ended.code in CODES:
                            raise _PassingError(ended.code, ended.message)
                        event = await self._carry(self._exchange.event(question, payload))
                        if event.data is None and event.errors:
                            raise refused(event.errors)
                        yield event
        except httpx.HTTPError as error:
            raise unreachable(error) from None

    async def _refusal(self, question: Question, reply: Reply) -> ClientError:
        """A subscription that did not begin; what may pass is believed without a signature."""
        answer = await self._carry(self._exchange.heard(question, reply))
        told = refused(answer.errors)
        if reply.status not in STATUSES and told.code not in CODES:
            return answer.problem or told
        if answer.problem is not None and told.code not in CODES:
            told = ClientError("NODE_UNREACHABLE", f"Subscribe again: it answers {reply.status}.")
        return _PassingError(told.code, told.message, reply.status, reply.header("retry-after"))

    async def check_receipt(self, receipt: Receipt, patience: float = 10.0) -> Inclusion:
        """Wait until the log holds the receipt's entry; as `Client.check_receipt`."""
        return await self._carry(self._exchange.proving(receipt, patience))

    async def _reply(self, question: Question) -> Reply:
        told = bytearray()
        try:
            async with self._http.stream(
                question.method,
                question.target_uri,
                headers=list(question.headers),
                content=question.body,
            ) as response:
                async for chunk in response.aiter_bytes():
                    gather(told, chunk)
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        return reply_of(response, bytes(told))

    async def _carry(self, conversation: Conversation[Learnt]) -> Learnt:
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    step = conversation.send(None)
                    continue
                try:
                    reply = await self._reply(step)
                except ClientError as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(reply)
        except StopIteration as end:
            learnt: Learnt = end.value
            return learnt


def refused(errors: object) -> ClientError:
    """A node's refusal as an error of its code."""
    first = errors[0] if isinstance(errors, list | tuple) and errors else None
    error: Mapping[str, Any] = first if isinstance(first, Mapping) else {}
    return ClientError(
        code_of(error) or "ANSWER_MALFORMED", str(error.get("message", "The node gave no reason."))
    )
