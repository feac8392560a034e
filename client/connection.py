"""Asking a node: `Client(url, key, node_keys).query(document)`."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import httpx

from client.answer import VerifiedAnswer
from client.errors import ClientError
from client.exchange import Answer, Conversation, Exchange, Inclusion, Reply, Wait, once
from client.job import Job, job_lines, job_state
from client.keys import NodeKeys
from client.profile import Signer
from client.question import Question
from client.receipt import Receipt
from client.receipt_store import ReceiptStore
from client.retry import Retry
from client.shape import shaped

__all__ = ["Answer", "Client", "Inclusion"]

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
        **claims: Any,
    ) -> Answer[Data | None]: ...

    @overload
    def query(
        self, document: str, variables: Mapping[str, Any] | None = None, **claims: Any
    ) -> Answer[Any]: ...

    def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        into: type[Any] | None = None,
        **claims: Any,
    ) -> Answer[Any]:
        """Ask a GraphQL question.

        `claims`: purpose, case, actor, correlation, authorization, operation_name. `into` is a
        dataclass for `data` (`client.shape`). Raises ClientError `QUESTION_MALFORMED` before
        sending, `NODE_UNREACHABLE` and `ANSWER_SHAPE`; an answer that does not verify is given
        back with its `problem`.
        """
        answer = self._carry(self._exchange.asking(document, variables, **claims))
        return self._kept(answer, into)

    def mutate(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        client_key: str | None = None,
        into: type[Any] | None = None,
        **claims: Any,
    ) -> Answer[Any]:
        """Ask for a change, once however often it is sent: the document declares `$clientKey`.

        `client_key` names the change, 8–64 characters, random when not given; give the same again
        to learn what became of a change whose answer was lost. Raises as `query`.
        """
        given = once(variables, document, client_key or uuid.uuid4().hex)
        asking = self._exchange.asking(document, given, repeatable=True, **claims)
        return self._kept(self._carry(asking), into)

    def _kept(self, answer: Answer[Any], into: type[Any] | None) -> Answer[Any]:
        if self._receipts is not None:
            self._receipts.keep(answer, self.node_keys)
        if into is None or answer.data is None or not answer.verified:
            return answer
        return replace(answer, data=shaped(answer.data, into))

    def job(self, job_id: str, **claims: Any) -> Job | None:
        """Give the state of a job of the caller, None when there is none."""
        return self._carry(job_state(self._exchange, job_id, **claims))

    def job_lines(self, job_id: str, *, poll: float = 1.0, **claims: Any) -> Iterator[Any]:
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
        return self._carry(self._exchange.verifying(question, reply_of(response)))

    def check_receipt(self, receipt: Receipt, patience: float = 10.0) -> Inclusion:
        """Wait until the log holds the receipt's entry, and verify the proof.

        `patience` is in seconds. Raises ClientError `RECEIPT_BROKEN` when the promised delay and
        the patience are over (keep the answer: it is proof against the node), `PROOF_INVALID`
        when the proof does not hold, `NOTE_SIGNATURE_INVALID` for a checkpoint of another key.
        """
        return self._carry(self._exchange.proving(receipt, patience))

    def _carry(self, conversation: Conversation[Learnt]) -> Learnt:
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Wait):
                    self._sleep(step.seconds)
                    step = conversation.send(None)
                    continue
                try:
                    reply = reply_of(self.send(step))
                except ClientError as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(reply)
        except StopIteration as end:
            learnt: Learnt = end.value
            return learnt


def reply_of(response: httpx.Response) -> Reply:
    """A response of httpx as a reply."""
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
    )
    return Reply(response.status_code, headers, response.content, response.reason_phrase)


def unreachable(error: Exception) -> ClientError:
    """What is said when a node does not answer at all."""
    return ClientError(
        "NODE_UNREACHABLE", f"Start the node or check its URL: {type(error).__name__}."
    )
