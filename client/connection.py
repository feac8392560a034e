"""Asking a node: `Client(url, key, node_keys).query(document)`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import orjson

from client.answer import VerifiedAnswer, verify_response
from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.key_change import changes_of, follow
from client.keys import NodeKeys
from client.merkle import verify_inclusion
from client.note import Note
from client.profile import Signer
from client.question import Question, sign_request, unsigned_question
from client.receipt import Receipt
from client.structured import parse_base64

_ACCEPT = "application/graphql-response+json, */*;q=0.5"  # with it the status says what went wrong


@dataclass(frozen=True, slots=True)
class Answer:
    """A node's answer; trust it only when `verified`, else `problem` says what does not hold.

    `message` is the whole response with its signed header fields: kept, it is evidence.
    """

    status: int
    data: Any
    errors: tuple[Any, ...]
    extensions: Any
    receipt: Receipt | None
    verified: bool
    problem: ClientError | None = None
    message: bytes = b""

    def require(self) -> Self:
        """Give the answer itself, or raise the ClientError that `problem` holds."""
        if self.problem is not None:
            raise self.problem
        return self


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Proof that a receipt was honoured: the entry's index and the log's signed head."""

    index: int
    checkpoint: Checkpoint


class Client:
    """Asks one node; without a key it is the public reader, whose answers are signed too.

    `url` is the node's origin, such as `http://127.0.0.1:8000`. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        url: str,
        key: Signer | None,
        node_keys: NodeKeys,
        *,
        http: httpx.Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ClientError("NODE_URL", "Name the node as http://host:port or https://host.")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._key = key
        self._node_keys = node_keys
        self._http = http or httpx.Client(timeout=30)
        self._clock = clock

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

    def query(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        purpose: str | None = None,
        case: str = "",
        actor: str | None = None,
        correlation: str | None = None,
        authorization: str | None = None,
        operation_name: str | None = None,
    ) -> Answer:
        """Ask a GraphQL question.

        Raises ClientError `QUESTION_MALFORMED` before sending and `NODE_UNREACHABLE`; an answer
        that does not verify is given back with its `problem`.
        """
        content: dict[str, Any] = {"query": document, "variables": dict(variables or {})}
        if operation_name is not None:
            content["operationName"] = operation_name
        body, target = orjson.dumps(content), f"{self.origin}/graphql"
        if self._key is None:
            question = unsigned_question("POST", target, body)
        else:
            question = sign_request(
                self._key,
                "POST",
                target,
                body,
                now=self._clock(),
                purpose=purpose,
                case=case,
                actor=actor,
                correlation=correlation,
                authorization=authorization,
            )
        return self._answer(question, self.send(question))

    def send(self, question: Question) -> httpx.Response:
        """Send a question as it was signed; ClientError `NODE_UNREACHABLE`."""
        try:
            return self._http.request(
                question.method,
                question.target_uri,
                headers=[*question.headers, ("accept", _ACCEPT)],
                content=question.body,
            )
        except httpx.HTTPError as error:
            raise ClientError(
                "NODE_UNREACHABLE", f"Start the node or check its URL: {type(error).__name__}."
            ) from None

    def verify(self, question: Question, response: httpx.Response) -> VerifiedAnswer:
        """Verify a response to a question, or raise ClientError.

        A key that is not known is looked for in the node's changes of keys, once.
        """
        try:
            return self._verify(question, response)
        except ClientError as error:
            if error.code != "ANSWER_KEY_UNKNOWN" or not self._follow():
                raise
        return self._verify(question, response)

    def _verify(self, question: Question, response: httpx.Response) -> VerifiedAnswer:
        return verify_response(
            question,
            response.status_code,
            response.headers.multi_items(),
            response.content,
            self._node_keys,
            now=self._clock(),
        )

    def _follow(self) -> bool:
        """Follow the node's changes of keys from those known; whether that gave others."""
        response = self.send(Question("GET", f"{self.origin}/keys", (), b"", b""))
        if response.status_code != 200:
            return False
        keys = follow(self._node_keys, changes_of(response.text), self._clock())
        changed = keys != self._node_keys
        self._node_keys = keys
        return changed

    def check_receipt(self, receipt: Receipt, patience: float = 10.0) -> Inclusion:
        """Wait until the log holds the receipt's entry, and verify the proof.

        `patience` is in seconds. Raises ClientError `RECEIPT_BROKEN` when the promised delay and
        the patience are over (keep the answer: it is proof against the node), `PROOF_INVALID`
        when the proof does not hold, `NOTE_SIGNATURE_INVALID` for a checkpoint of another key.
        """
        deadline = max(self._clock() + patience, receipt.time + receipt.delay)
        log = receipt.log.rpartition("/")[2]
        path = f"{self.origin}/log/{log}/receipt/{receipt.leaf.hex()}"
        while True:
            response = self.send(Question("GET", path, (), b"", b""))
            if response.status_code == 200:
                status = orjson.loads(response.content)
                if status.get("state") == "sealed":
                    return self._included(receipt, status)
            if self._clock() >= deadline:
                raise ClientError(
                    "RECEIPT_BROKEN", "Keep the answer and its receipt: the log lacks the entry."
                )
            time.sleep(0.1)

    def _included(self, receipt: Receipt, status: Mapping[str, Any]) -> Inclusion:
        try:
            note = str(status["checkpoint"]).encode()
            index, proof = int(status["index"]), [parse_base64(text) for text in status["proof"]]
            Note.parse(note)
        except (KeyError, TypeError, ValueError):
            raise ClientError(
                "PROOF_INVALID", "Ask for the proof again: it is malformed."
            ) from None
        log = str(status.get("log", receipt.log))
        if log not in self._node_keys.logs or not log.startswith(receipt.log):
            raise ClientError(
                "PROOF_INVALID", "Get the node's keys again: its log has a successor."
            )
        try:
            checkpoint = Checkpoint.open(note, self._node_keys.logs[log])
        except ClientError as error:
            if error.code != "NOTE_SIGNATURE_INVALID" or not self._follow():
                raise
            checkpoint = Checkpoint.open(note, self._node_keys.logs[log])
        if not verify_inclusion(receipt.leaf, index, checkpoint.size, proof, checkpoint.root):
            raise ClientError(
                "PROOF_INVALID", "Keep the answer and the proof: they contradict each other."
            )
        return Inclusion(index, checkpoint)

    def _answer(self, question: Question, response: httpx.Response) -> Answer:
        problem, verified = None, None
        try:
            verified = self.verify(question, response)
        except ClientError as error:
            problem = error
        try:
            content = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            content = {}
            problem = problem or ClientError("ANSWER_MALFORMED", "The answer is not GraphQL.")
        return Answer(
            response.status_code,
            content.get("data"),
            tuple(content.get("errors") or ()),
            content.get("extensions"),
            None if verified is None else verified.receipt,
            problem is None,
            problem,
            _message(response),
        )


def _message(response: httpx.Response) -> bytes:
    """Write a response as HTTP/1.1 shows it (RFC 9112 §2.1), its body decoded."""
    lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}".encode()]
    lines += [name + b": " + value for name, value in response.headers.raw]
    return b"\r\n".join([*lines, b"", response.content])
