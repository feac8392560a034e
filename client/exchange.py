"""What is said and heard between a client and a node, apart from how it travels.

A conversation is a generator: it yields the questions to send and the seconds to wait, is given the
replies, and returns what was learnt. `client.connection` and `client.async_connection` carry them.
"""

import re
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

import orjson

from client.answer import VerifiedAnswer, verify_response
from client.checkpoint import Checkpoint
from client.errors import ClientError, UnansweredChangeError
from client.event import Event
from client.key_change import changes_of, follow
from client.keys import NodeKeys
from client.merkle import verify_inclusion
from client.note import Note
from client.profile import Signer
from client.question import Question, sign_request, unsigned_question
from client.receipt import Receipt
from client.retry import Retry
from client.structured import parse_base64
from client.subscription import verify_event

Data = TypeVar("Data")
Learnt = TypeVar("Learnt")
_MUTATION = re.compile(r"(?<![\w$])mutation\b")


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as it was received."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    reason: str = ""

    def header(self, name: str) -> str | None:
        """Give one header field by its lower-case name."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def message(self) -> bytes:
        """Write it as HTTP/1.1 shows it (RFC 9112 §2.1), its body decoded."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}".encode()]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in self.headers]
        return b"\r\n".join([*lines, b"", self.body])


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds to let pass."""

    seconds: float


Conversation = Generator[Question | Wait, Reply | None, Learnt]


@dataclass(frozen=True, slots=True)
class Answer(Generic[Data]):
    """A node's answer; trust it only when `verified`, else `problem` says what does not hold.

    `message` is the whole response with its signed header fields: kept with its `question`, it is
    evidence (`client.receipt_store`). `attempts` says how often the question was sent.
    """

    status: int
    data: Data
    errors: tuple[Any, ...]
    extensions: Any
    receipt: Receipt | None
    verified: bool
    problem: ClientError | None = None
    message: bytes = b""
    question: Question | None = None
    reply: Reply | None = None
    attempts: int = 1

    def require(self) -> Self:
        """Give the answer itself, or raise the ClientError that `problem` holds."""
        if self.problem is not None:
            raise self.problem
        return self

    @property
    def codes(self) -> tuple[str, ...]:
        """The stable codes of its errors (docs/errors.md)."""
        return tuple(code_of(error) for error in self.errors if isinstance(error, Mapping))


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Proof that a receipt was honoured: the entry's index and the log's signed head."""

    index: int
    checkpoint: Checkpoint
    log: str = ""


class Exchange:
    """One node as one caller asks it: its origin, its keys as far as they were followed.

    `url` is the node's origin, such as `http://127.0.0.1:8000`; `clock` gives Unix seconds.
    Raises ClientError `NODE_URL`.
    """

    def __init__(
        self,
        url: str,
        key: Signer | None,
        node_keys: NodeKeys,
        *,
        retry: Retry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.origin = _origin(url)
        self.key = key
        self.node_keys = node_keys
        self.clock = clock
        self._retry = retry

    def question(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        path: str = "/graphql",
        **claims: Any,
    ) -> Question:
        """Sign a GraphQL question, or leave it unsigned where there is no key.

        `claims` are `operation_name` and those of `sign_request`: purpose, case, actor,
        correlation, authorization. Raises ClientError `QUESTION_MALFORMED`.
        """
        operation_name = claims.pop("operation_name", None)
        content: dict[str, Any] = {"query": document, "variables": dict(variables or {})}
        if operation_name is not None:
            content["operationName"] = operation_name
        try:
            body, target = orjson.dumps(content), f"{self.origin}{path}"
        except TypeError as error:
            raise ClientError("QUESTION_MALFORMED", f"It is no JSON: {error}.") from None
        if self.key is None:
            return unsigned_question("POST", target, body)
        return sign_request(self.key, "POST", target, body, now=self.clock(), **claims)

    def asking(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        *,
        repeatable: bool | None = None,
        **claims: Any,
    ) -> Conversation[Answer[Any]]:
        """Ask, and ask again where that is safe and may help.

        `repeatable` None: when the document changes nothing. Raises ClientError
        `QUESTION_MALFORMED` before sending and `NODE_UNREACHABLE`; an answer that does not verify
        is given back with its `problem`.
        """
        retry = self._retry
        if repeatable is False or (repeatable is None and _MUTATION.search(document)):
            retry = None
        attempt = 0
        while True:
            attempt += 1
            question = self.question(document, variables, **claims)
            try:
                reply = yield question
            except ClientError as error:
                wait = None if retry is None else retry.wait(attempt, 0, (), None)
                if wait is None or error.code != "NODE_UNREACHABLE":
                    raise
                yield Wait(wait)
                continue
            assert reply is not None
            answer = yield from self.heard(question, reply)
            answer = replace(answer, attempts=attempt)
            # A field that may be had in a moment is null beside those that stand.
            if retry is None or not (answer.errors or answer.status >= 400):
                return answer
            wait = retry.wait(attempt, answer.status, answer.codes, reply.header("retry-after"))
            if wait is None:
                return answer
            yield Wait(wait)

    def changing(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        client_key: str | None,
        **claims: Any,
    ) -> Conversation[Answer[Any]]:
        """Ask for a change under its client key, a random one when there is none.

        Raises as `asking`; `NODE_UNREACHABLE` is an UnansweredChangeError, which knows the key.
        """
        name = client_key or uuid.uuid4().hex
        given = once(variables, document, name)
        try:
            return (yield from self.asking(document, given, repeatable=True, **claims))
        except ClientError as error:
            if error.code != "NODE_UNREACHABLE":
                raise
            raise UnansweredChangeError(error, name) from None

    def heard(self, question: Question, reply: Reply) -> Conversation[Answer[Any]]:
        """Give a reply as an answer, with what of it does not hold."""
        problem, verified = None, None
        try:
            verified = yield from self.verifying(question, reply)
        except ClientError as error:
            problem = error
        content = _object(reply.body)
        if content is None:
            content = {}
            problem = problem or ClientError("ANSWER_MALFORMED", "The answer is not GraphQL.")
        errors = content.get("errors")
        return Answer(
            reply.status,
            content.get("data"),
            tuple(errors) if isinstance(errors, list) else (),
            content.get("extensions"),
            None if verified is None else verified.receipt,
            problem is None,
            problem,
            reply.message(),
            question,
            reply,
        )

    def verifying(self, question: Question, reply: Reply) -> Conversation[VerifiedAnswer]:
        """Verify a reply to a question, or raise ClientError.

        A key that is not known is looked for in the node's changes of keys, once.
        """
        try:
            return self._verified(question, reply)
        except ClientError as error:
            if error.code != "ANSWER_KEY_UNKNOWN" or not (yield from self._following()):
                raise
        return self._verified(question, reply)

    def _verified(self, question: Question, reply: Reply) -> VerifiedAnswer:
        return verify_response(
            question, reply.status, reply.headers, reply.body, self.node_keys, now=self.clock()
        )

    def _following(self) -> Conversation[bool]:
        """Follow the node's changes of keys from those known; whether that gave others."""
        reply = yield plain_get(f"{self.origin}/keys")
        if reply is None or reply.status != 200:
            return False
        told = changes_of(reply.body.decode("utf-8", "replace"))
        keys = follow(self.node_keys, told, self.clock())
        changed = keys != self.node_keys
        self.node_keys = keys
        return changed

    @property
    def retry(self) -> Retry | None:
        """After what a question is asked again."""
        return self._retry

    def event(self, question: Question, payload: Mapping[str, Any]) -> Conversation[Event]:
        """Verify an event of a subscription; raises ClientError as `verify_event`."""
        told = payload
        match payload:
            case {"errors": [Mapping() as first, *_]} if "data" not in payload:
                told = first  # a subscription that may not go on: the error itself is signed

        def verified() -> VerifiedAnswer:
            return verify_event(question, told, self.node_keys, now=self.clock())

        try:
            found = verified()
        except ClientError as error:
            if error.code != "ANSWER_KEY_UNKNOWN" or not (yield from self._following()):
                raise
            found = verified()
        errors = tuple(payload.get("errors") or ()) if told is payload else (told,)
        position = told["extensions"].get("position")
        return Event(payload.get("data"), errors, position, found.receipt)

    def proving(self, receipt: Receipt, patience: float = 10.0) -> Conversation[Inclusion]:
        """Wait until the log holds the receipt's entry, and verify the proof.

        `patience` is in seconds. Raises ClientError `RECEIPT_BROKEN` when the promised delay and
        the patience are over (keep the answer: it is proof against the node), `PROOF_INVALID`
        when the proof does not hold, `NOTE_SIGNATURE_INVALID` for a checkpoint of another key, and
        `NODE_UNREACHABLE` when nothing was told of the entry: that is no proof of anything.
        """
        deadline = max(self.clock() + patience, receipt.time + receipt.delay)
        log = receipt.log.rpartition("/")[2]
        path = f"{self.origin}/log/{log}/receipt/{receipt.leaf.hex()}"
        while True:
            reply = yield plain_get(path)
            if reply is not None and reply.status == 200:
                status = _object(reply.body)
                if status is not None and status.get("state") == "sealed":
                    return (yield from self._included(receipt, status))
            if self.clock() >= deadline:
                if reply is not None and (reply.status == 429 or reply.status >= 500):
                    raise ClientError(
                        "NODE_UNREACHABLE",
                        f"Check the receipt again: the node answers {reply.status}.",
                    )
                raise ClientError(
                    "RECEIPT_BROKEN", "Keep the answer and its receipt: the log lacks the entry."
                )
            yield Wait(0.1)

    def _included(self, receipt: Receipt, status: Mapping[str, Any]) -> Conversation[Inclusion]:
        try:
            note = str(status["checkpoint"]).encode()
            index, proof = int(status["index"]), [parse_base64(text) for text in status["proof"]]
            Note.parse(note)
        except (KeyError, TypeError, ValueError):
            raise ClientError(
                "PROOF_INVALID", "Ask for the proof again: it is malformed."
            ) from None
        log = str(status.get("log", receipt.log))
        if log not in self.node_keys.logs or not log.startswith(receipt.log):
            raise ClientError(
                "PROOF_INVALID", "Get the node's keys again: its log has a successor."
            )
        try:
            checkpoint = Checkpoint.open(note, self.node_keys.logs[log])
        except ClientError as error:
            if error.code != "NOTE_SIGNATURE_INVALID" or not (yield from self._following()):
                raise
            checkpoint = Checkpoint.open(note, self.node_keys.logs[log])
        if not verify_inclusion(receipt.leaf, index, checkpoint.size, proof, checkpoint.root):
            raise ClientError(
                "PROOF_INVALID", "Keep the answer and the proof: they contradict each other."
            )
        return Inclusion(index, checkpoint, log)


def _origin(url: str) -> str:
    """The origin in a URL as it is signed; ClientError `NODE_URL`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host or not parts.netloc.isascii():
            raise ValueError
        _ = parts.port, host.encode("idna")  # neither may be any text
    except ValueError:
        raise ClientError(
            "NODE_URL", "Name the node as http://host:port or https://host."
        ) from None
    return f"{parts.scheme}://{parts.netloc}"


def code_of(error: Mapping[str, Any]) -> str:
    """Give the code of a GraphQL error, empty when it has none."""
    extensions = error.get("extensions")
    return str(extensions.get("code", "")) if isinstance(extensions, Mapping) else ""


def _object(body: bytes) -> dict[str, Any] | None:
    """The JSON object of a body, None when it holds none: whoever answered may be no node."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def plain_get(url: str) -> Question:
    """A request for what a node publishes."""
    return Question("GET", url, (), b"", b"")


def once(variables: Mapping[str, Any] | None, document: str, client_key: str) -> dict[str, Any]:
    """Give the variables with the client key of a change; ClientError `QUESTION_MALFORMED`."""
    if not re.search(r"\$clientKey\s*:", document):
        raise ClientError(
            "QUESTION_MALFORMED",
            "Declare $clientKey: String! and give it as `clientKey` to each change.",
        )
    return {**(variables or {}), "clientKey": client_key}
