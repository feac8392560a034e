"""Callers that keep asking through a fault and keep whatever they get."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import httpx

from client.answer import verify_response
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.question import Question, sign_request, unsigned_question
from tests.faults.judge import Reply

BODY = b'{"query":"{ regions(first: 3) { nodes { name } } }"}'


class Asking:
    """Threads that ask one node, each as an identity of its own; None is the public."""

    def __init__(
        self,
        url: str,
        keys: NodeKeys,
        identities: Sequence[SigningKey | None],
        *,
        threads: int = 4,
        pause: float = 0.02,
        timeout: float = 12.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.replies: list[Reply] = []
        self._url = f"{url}/graphql"
        self._keys = keys
        self._pause = pause
        self._timeout = timeout
        self._clock = clock
        self._stop = threading.Event()
        given = itertools.islice(itertools.cycle(identities), threads)
        self._threads = [threading.Thread(target=self._ask, args=(one,)) for one in given]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def first_answer(self, since: float, seconds: float) -> float:
        """When the first good answer to a question sent after `since` came; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            came = [
                reply.came for reply in list(self.replies) if reply.sent >= since and reply.data
            ]
            if came:
                return min(came)
            time.sleep(0.01)
        raise TimeoutError(f"no answer within {seconds} s after the fault was lifted")

    def _ask(self, key: SigningKey | None) -> None:
        with httpx.Client(timeout=self._timeout, trust_env=False) as http:
            while not self._stop.is_set():
                self.replies.append(self._once(http, key))
                self._stop.wait(self._pause)

    def _once(self, http: httpx.Client, key: SigningKey | None) -> Reply:
        question = self.question(key)
        sent = time.time()
        try:
            response = http.request(
                "POST", self._url, headers=list(question.headers), content=question.body
            )
        except httpx.HTTPError:
            return Reply(sent, time.time(), 0)
        return self.reply(question, response, sent)

    def question(self, key: SigningKey | None) -> Question:
        """A question signed now by the callers' clock, or the public's."""
        if key is None:
            return unsigned_question("POST", self._url, BODY)
        purpose = "P12" if key.key_id.startswith("analyst") else "P1"
        return sign_request(key, "POST", self._url, BODY, now=self._clock(), purpose=purpose)

    def reply(self, question: Question, response: httpx.Response, sent: float) -> Reply:
        """What came, and whether it verifies."""
        came = time.time()
        try:
            content = response.json()
        except ValueError:
            content = {}
        errors = content.get("errors") or [{}]
        code = errors[0].get("extensions", {}).get("code", "")
        receipt = None
        try:
            receipt = verify_response(
                question,
                response.status_code,
                response.headers.multi_items(),
                response.content,
                self._keys,
                now=self._clock(),
            ).receipt
        except ClientError as error:
            code = code or error.code
        return Reply(
            sent,
            came,
            response.status_code,
            verified=receipt is not None,
            data=bool(content.get("data")),
            code=code,
            retry_after="retry-after" in response.headers,
            receipt=receipt,
        )
