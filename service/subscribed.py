"""One subscription under way: woken, judged again, its events logged, signed and handed on.

Who asks is judged anew before every step: a revoked key, an agreement that ended or a closed case
ends the subscription, with the code that a question would get.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from resolvers.errors import QuestionError
from resolvers.subscription import Event, SubscriptionPlan, Taken
from security.entry import Lists
from security.errors import LogUnavailableError
from security.pkcs11 import TokenError
from security.policy import Scope
from security.signature import VerifiedRequest
from service.changes import Changes
from service.media import JSON
from service.passage import Outgoing, Produced, Refusal, error_body, refused
from service.pipeline import UNWITNESSED, Opened, Pipeline
from service.standing import legal_basis, scope_of
from service.trusted import trusted_document
from store.outbox import Place

if TYPE_CHECKING:
    from service.bell import Bell
    from service.node import Node

_LOOK = 5.0  # seconds between two looks without a wake, and that the caller counts as judged
_JOB_LOOK = 1.0
_TURNS = 8  # subscriptions that take a step at once: all are woken by one change
_AT_ONCE = 32  # events that are logged in one commit


@dataclass(frozen=True, slots=True)
class Told:
    """What a subscriber is sent: a result, or the errors that end the subscription."""

    payload: bytes
    failed: bool = False


class Places:
    """How many subscriptions or connections each caller or address has in this process."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, whose: str, most: int) -> Iterator[bool]:
        """A place for the time of the block; False when there is none left."""
        free = self._taken[whose] < most
        self._taken[whose] += free
        try:
            yield free
        finally:
            self._taken[whose] -= free
            if not self._taken[whose]:
                del self._taken[whose]


class Subscriptions:
    """The subscriptions of one process."""

    def __init__(self, node: Node, pipeline: Pipeline, changes: Changes, bell: Bell) -> None:
        self.node = node
        self.pipeline = pipeline
        self.changes = changes
        self._bell = bell
        self._places = Places()
        self._turns = asyncio.Semaphore(_TURNS)

    async def events(self, opened: Opened) -> AsyncGenerator[Told]:
        """What the subscriber is to be sent, until it ends or is refused."""
        whole = opened.passage
        public = opened.claim.key_id is None
        whose = f"address {whole.incoming.peer}" if public else opened.claim.caller
        limit = self.node.settings.subscriptions_per_caller
        with self._places.taken(whose, limit) as free:
            if not free:
                full = f"end one of your {limit} subscriptions before you begin another"
                yield self._unlogged("SUBSCRIPTION_LIMIT", full)
                return
            self.changes.follow()
            try:
                async with aclosing(self._events(opened)) as events:
                    async for told in events:
                        yield told
            finally:
                self.changes.leave()

    async def _events(self, opened: Opened) -> AsyncGenerator[Told]:
        taken, scope, place = opened.first, opened.scope, None
        try:
            while True:
                async with aclosing(self._handed_on(opened, taken.events, scope)) as handed_on:
                    async for event, told in handed_on:
                        yield told
                        place = event.position
                if taken.events and place != taken.events[-1].position:
                    async with self._turns:
                        taken, scope = await self._step(opened, place)
                    continue
                if taken.ended:
                    return
                if not taken.more:
                    await self._woken(taken)
                if taken.events or taken.more:  # what is read to go on costs as an event does
                    await self._afforded(opened)
                place = taken.position
                async with self._turns:
                    taken, scope = await self._step(opened, place)
        except (LogUnavailableError, TokenError) as error:
            yield self._unlogged(error.code, error.message)
        except Exception as error:
            yield await self._refused(opened, error)

    async def _handed_on(
        self, opened: Opened, events: Sequence[Event], scope: Scope
    ) -> AsyncGenerator[tuple[Event, Told]]:
        """Events of a step that was taken under a scope, as fast as they are received.

        Ends before the last when the caller may see something else by now, or has received them
        so slowly that what they show may be something else.
        """
        made = judged = time.monotonic()
        for start in range(0, len(events), _AT_ONCE):
            some = events[start : start + _AT_ONCE]
            async with self._turns:
                verified, present = await self._judged(opened)
                late = start > 0 and time.monotonic() - made > _LOOK
                if late or present.digest != scope.digest:
                    return
                judged = time.monotonic()
                all_told = await asyncio.gather(
                    *(self._told(opened, verified, present, event) for event in some)
                )
            self._owe(opened, len(some))
            for event, told in zip(some, all_told, strict=True):
                if time.monotonic() - judged > _LOOK:
                    _, present = await self._judged(opened)
                    judged = time.monotonic()
                    if present.digest != scope.digest:
                        return
                yield event, told

    def _owe(self, opened: Opened, events: int) -> None:
        """Have the public pay for its events, each of which is an entry of the log for ever."""
        if opened.claim.key_id is None:
            peer = opened.passage.incoming.peer
            self.node.public_events.owe(peer, events, time.monotonic())

    async def _afforded(self, opened: Opened) -> None:
        """Wait until the public has paid for what it was told: nothing is left out by that."""
        peer = opened.passage.incoming.peer
        while opened.claim.key_id is None:
            wait = self.node.public_events.spend(peer, 1, time.monotonic())
            if not wait:
                break
            await asyncio.sleep(min(wait, _LOOK))

    async def _step(self, opened: Opened, position: str | None) -> tuple[Taken, Scope]:
        node, question = self.node, opened.question
        _, scope = await self._judged(opened)
        plan = node.operations.prepare(question.document, question.operation_name, scope)
        if not isinstance(plan, SubscriptionPlan):  # the schema has changed since
            raise Refusal(400, "OPERATION_NOT_SUPPORTED", "subscribe again: the schema has changed")
        if plan.touches_persons:
            scope.demand_persons()
        peer = opened.passage.incoming.peer
        context = replace(node.context(scope, opened.claim, peer), changes=self.changes)
        return await plan.take(context, question.variables, position), scope

    async def _judged(self, opened: Opened) -> tuple[VerifiedRequest, Scope]:
        if self.node.unwitnessed:
            raise Refusal(503, "LOG_UNWITNESSED", UNWITNESSED)
        verified = opened.claim.judged(self.node.registry, time.time())
        trusted_document(self.node, verified, opened.question.document, None)
        return verified, await scope_of(self.node, verified, counted=True)

    async def _woken(self, taken: Taken) -> None:
        if "JOB" in taken.wakes:
            await self._bell.wait(asyncio.Event(), _JOB_LOOK, "job")
        else:
            await self.changes.wait(taken.wakes, Place.parse(taken.position), _LOOK)

    async def _told(
        self, opened: Opened, verified: VerifiedRequest, scope: Scope, event: Event
    ) -> Told:
        """Log and sign one event; its position is part of what is signed."""
        extensions = b',"extensions":{"position":' + orjson.dumps(event.position)
        body = event.body[:-1] + extensions + b"}}"
        shown = event.disclosure
        lists = Lists(shown.subjects, shown.records, shown.coordinates, shown.masked)
        produced = Produced(200, body, lists, shown.rows, media=JSON)
        basis = legal_basis(scope.grounds)
        outgoing = await self.pipeline.tell(opened, verified, basis, produced)
        return Told(body[:-2] + b',"credit":' + credit(outgoing) + b"}}")

    async def _refused(self, opened: Opened, error: Exception) -> Told:
        """The end of a subscription that may not go on, logged and signed."""
        if isinstance(error, QuestionError):
            error = Refusal(400, error.code, error.message)
        try:
            produced = replace(refused(error), media=JSON)
            kept = opened.passage.verified
            verified = replace(kept, once=None, signature=b"", signature_base=b"")
            outgoing = await self.pipeline.tell(
                opened, verified, opened.passage.legal_basis, produced
            )
        except (LogUnavailableError, TokenError) as unwritten:
            return self._unlogged(unwritten.code, unwritten.message)
        return Told(failure(outgoing), failed=True)

    def _unlogged(self, code: str, message: str) -> Told:
        return Told(orjson.dumps(orjson.loads(error_body(code, message))["errors"]), failed=True)


def credit(outgoing: Outgoing) -> bytes:
    """The signed fields of an event, and its body as they sign it."""
    fields = {name.decode(): value.decode() for name, value in outgoing.headers}
    kept = ("content-type", "content-digest", "credit-receipt", "signature-input", "signature")
    signed = {name: fields[name] for name in kept if name in fields}
    return orjson.dumps({**signed, "body": outgoing.body.decode()})


def failure(outgoing: Outgoing) -> bytes:
    """The errors of a refusal, the first with its signed fields."""
    errors = orjson.loads(outgoing.body)["errors"]
    signed = orjson.loads(credit(outgoing))
    if "signature" in signed:
        signed["status"] = outgoing.status
        errors[0].setdefault("extensions", {})["credit"] = signed
    return orjson.dumps(errors)
