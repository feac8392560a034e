"""Asking a node: `Client(url, key, node_keys).query(document)`."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx

from client.answer import VerifiedAnswer
from client.errors import ClientError
from client.exchange import Answer, Conversation, Exchange, Inclusion, Reply, Wait
from client.job import Job, job_lines, job_state
from client.keys import NodeKeys
from client.profile import Signer
from client.question import Claims, Question
from client.receipt import Receipt
from client.receipt_store import ReceiptStore
from client.retry import Retry
from client.shape import shaped

__all__ = ["Answer", "Client", "Inclusion"]

MOST = 128_000_000
"""Bytes of an answer: whoever stands before a node may send without end."""
Data = TypeVar("Data")
Learnt = TypeVar("Learnt")


class Client:
    """Asks one node; without a key it is the public reader, whose answers are signed too.

    `url` is the node's origin, such as `http://127.0.0.1:8000`. With `retry` questions are asked
    again where that is safe; with `receipts` every answer is kept. `clock` gives Unix seconds.
    Not for several threads at once; `client.async_connection` has the same for asyncio.
    """

    def __init__(
        self,
        url: str,
        key: Signer | None,
        node_keys: NodeKeys,
        *,
        http: httpx.Client | None = None,
        retry: Retry | None = None,
        receipts: ReceiptStore | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = Exchange(url, key, node_keys, retry=retry, clock=clock)
        self._http = http or httpx.Client(timeout=30)
        self._receipts = receipts
        self._sleep = sleep

    @property
    def origin(self) -> str:
        """The node's origin."""
        return self._exchange.origin

    @property
    def node_keys(self) -> NodeKeys:
        """The node's keys as far as its changes were followed: keep them for the next time."""
        return self._exchange.node_keys

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @overload
    def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Data],
        **claims: Unpack[Claims],
    ) -> Answer[Data | None]: ...

    @overload
    def query(
        self, document: str, variables: Mapping[str, Any] | None = None, **claims: Unpack[Claims]
    ) -> Answer[Any]: ...

    def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Any] | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Any]:
        """Ask a GraphQL question.

        `claims`: purpose, case, actor, correlation, authorization, operation_name. `into` is a
        dataclass for `data` (`client.shape`). Raises ClientError `QUESTION_MALFORMED` before
        sending, `NODE_UNREACHABLE`, `ANSWER_SHAPE` and, where an answer could not be kept,
        `RECEIPT_STORE`; one that does not verify is given back with its `problem`.
        """
        answer = self._carry(self._exchange.asking(document, variables, **claims))
        return self._kept(answer, into)

    @overload
    def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Data],
        client_key: str | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Data | None]: ...

    @overload
    def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        client_key: str | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Any]: ...

    def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        client_key: str | None = None,
        into: type[Any] | None = None,
        **claims: Unpack[Claims],
    ) -> Answer[Any]:
        """Ask for a change, once however often it is sent: the document declares `$clientKey`.

        `client_key` names the change, 8–64 characters, random when not given; give the same again
        to learn what became of a change whose answer was lost. Raises as `query`; the error
        `NODE_UNREACHABLE` is an UnansweredChangeError, which knows the key.
        """
        changing = self._exchange.changing(document, variables, client_key, **claims)
        return self._kept(self._carry(changing), into)

    def _kept(self, answer: Answer[Any], into: type[Any] | None) -> Answer[Any]:
        if self._receipts is not None:
            self._receipts.keep(answer, self.node_keys, self._exchange.clock())
        if into is None or answer.data is None or not answer.verified:
            return answer
        return replace(answer, data=shaped(answer.data, into))

    def job(self, job_id: str, **claims: Unpack[Claims]) -> Job | None:
        """Give the state of a job of the caller, None when there is none."""
        return self._carry(job_state(self._exchange, job_id, **claims))

    def job_lines(
        self, job_id: str, *, poll: float = 1.0, **claims: Unpack[Claims]
    ) -> Iterator[Any]:
        """Wait for a job and give the lines of its result, part by part.

        `poll` is in seconds. Raises ClientError `JOB_UNKNOWN`, or with the code of the job's own
        error when it failed or was cancelled.
        """
        part: int | None = 0
        while part is not None:
            lines, part = self._carry(job_lines(self._exchange, job_id, part, poll, **claims))
            yield from lines

    def send(self, question: Question) -> httpx.Response:
        """Send a question as it was signed; ClientError `NODE_UNREACHABLE`."""
        try:
            return self._http.request(
                question.method,
                question.target_uri,
                headers=list(question.headers),
                content=question.body,
            )
        except httpx.HTTPError as error:
            raise unreachable(error) from None

    def verify(self, question: Question, response: httpx.Response) -> VerifiedAnswer:
        """Verify a response to a question, or raise ClientError.

        A key that is not known is looked for in the node's changes of keys, once.
        """
        return self._carry(self._exchange.verifying(question, reply_of(response, response.content)))

    def check_receipt(self, receipt: Receipt, patience: float = 10.0) -> Inclusion:
        """Wait until the log holds the receipt's entry, and verify the proof.

        `patience` is in seconds. Raises ClientError `RECEIPT_BROKEN` when the promised delay and
        the patience are over (keep the answer: it is proof against the node), `PROOF_INVALID`
        when the proof does not hold, `NOTE_SIGNATURE_INVALID` for a checkpoint of another key.
        """
        return self._carry(self._exchange.proving(receipt, patience))

    def _reply(self, question: Question) -> Reply:
        told = bytearray()
        try:
            with self._http.stream(
                question.method,
                question.target_uri,
                headers=list(question.headers),
                content=question.body,
            ) as response:
                for chunk in response.iter_bytes():
                    gather(told, chunk)
        except httpx.HTTPError as error:
            raise unreachable(error) from None
        return reply_of(response, bytes(told))

    def _carry(self, conversation: Conversation[Learnt]) -> Learnt:
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Wait):
                    self._sleep(step.seconds)
                    step = conversation.send(None)
                    continue
                try:
                    reply = self._reply(step)
                except ClientError as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(reply)
        except StopIteration as end:
            learnt: Learnt = end.value
            return learnt


def gather(told: bytearray, chunk: bytes) -> None:
    """Take a piece of an answer; ClientError `ANSWER_MALFORMED` for one that is no node's."""
    told += chunk
    if len(told) > MOST:
        raise ClientError("ANSWER_MALFORMED", f"Do not use it: it is longer than {MOST} bytes.")


def reply_of(response: httpx.Response, body: bytes) -> Reply:
    """A response of httpx as a reply."""
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
    )
    return Reply(response.status_code, headers, body, response.reason_phrase)


def unreachable(error: Exception) -> ClientError:
    """What is said when a node does not answer at all."""
    return ClientError(
        "NODE_UNREACHABLE", f"Start the node or check its URL: {type(error).__name__}."
    )
