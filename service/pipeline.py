"""The path of one request, from its bytes to the signed answer. Read `Pipeline.respond` first.

No log, no answer: an answer's entry is committed before its first byte leaves, and a refusal's
too. Only when the log itself cannot be written does a refusal leave without a receipt; it holds
no data.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import orjson

from client.profile import LABEL, body_digest
from client.subscription import METHOD
from resolvers.cost import OverspentError, unpaid
from resolvers.errors import NotFoundError, QuestionError
from resolvers.lookup import standard_code
from resolvers.plan import RefusedPlan
from resolvers.request import GraphQLRequest, parse_request
from resolvers.subscription import SubscriptionPlan, Taken
from security.approval import Question
from security.authorisation import use_authorisation
from security.claim import Claim
from security.entry import Entry, Lists
from security.errors import LogUnavailableError, ReplayedError, SignatureError
from security.evidence import Evidence
from security.pkcs11 import TokenError
from security.policy import Reach, Role, Scope
from security.signature import (
    ReceivedRequest,
    VerifiedRequest,
    claimed_key,
    read_request,
    sign_response,
    verify_request,
)
from service.media import GRAPHQL_RESPONSE, JSON
from service.passage import (
    Incoming,
    Outgoing,
    Passage,
    Produced,
    Refusal,
    error_body,
    refused,
    unlogged,
)
from service.standing import legal_basis, scope_of, with_approval
from service.trusted import trusted_document

if TYPE_CHECKING:
    from service.changes import Changes
    from service.node import Node

_LONG = 1_000_000  # bytes of a body whose digest would hold everybody up
UNWITNESSED = "ask again when the node's witnesses answer: its log is unwitnessed for too long"
_NOT_SUBSCRIBED = "subscribe to a subscription; ask queries and mutations by POST"
_NOT_ENCODED = (b"", b"identity")
_ENCODED = "send the body as it is, without a content encoding"
_TOO_LARGE = "send a shorter document or variables"


@dataclass(frozen=True, slots=True)
class Opened:
    """A subscription that was opened: what is known of its request, and its first step with the
    scope under which it was taken."""

    passage: Passage
    question: GraphQLRequest
    claim: Claim
    first: Taken
    scope: Scope


def missing_under(epoch_key: tuple[str, bytes], code: str) -> str:
    """What was asked for and not found: an HMAC under the node's epoch key, the same however the
    code was written."""
    epoch, key = epoch_key
    told = standard_code(code).encode("utf-8", "surrogatepass")
    return f"{epoch}:{hmac.digest(key, told, 'sha256').hex()[:32]}"


class Pipeline:
    """Answers the requests of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._unsigned = VerifiedRequest(node.public)

    async def respond(self, incoming: Incoming) -> Outgoing:
        """The signed answer, or the signed refusal, to a question at `/graphql`."""
        return await self._pass(incoming, self._question)

    async def exchange(self, incoming: Incoming) -> Outgoing:
        """The same for a partner's request at `/sync/…`."""
        return await self._pass(incoming, self._partner)

    async def serve(
        self, incoming: Incoming, produce: Callable[[Passage, Scope], Awaitable[Produced]]
    ) -> Outgoing:
        """The same for what is no question: `produce` gives the body."""
        received = None
        if incoming.body:  # it may be long, and its digest would hold everybody up
            received = await asyncio.to_thread(self._received, incoming)
        return await self._pass(incoming, produce, received)

    async def refuse_unread(self, incoming: Incoming, refusal: Refusal) -> Outgoing | None:
        """The refusal of what nobody signed who may be heard, with its body still to come; None
        when somebody did: then the body is worth its place.

        Who is known and has signed nothing gets `refusal`.
        """

        async def produce(_passage: Passage, _scope: Scope) -> Produced:
            raise refusal

        received, fault = self._received(incoming), None
        if received.is_signed:
            try:
                verify_request(received, self._node.registry, time.time(), unread=True)
            except SignatureError as error:
                fault = error
            else:
                return None
        return await self._pass(incoming, produce, received, unread=True, fault=fault)

    async def review(
        self, incoming: Incoming, read: Callable[[], bytes | None], rows: int
    ) -> Outgoing:
        """The same for an auditor's reading of the log itself: `rows` entries that `read` gives."""

        async def produce(passage: Passage, scope: Scope) -> Produced:
            passage.kind = "REVIEW"
            data = read() if scope.role is Role.AUDITOR else None
            if data is None:
                raise Refusal(404, "NOT_FOUND", "there is nothing here")
            return Produced(200, data, rows=rows, media="application/octet-stream")

        return await self._pass(incoming, produce)

    async def enrolment(
        self, incoming: Incoming, enrol: Callable[[], Awaitable[bytes]]
    ) -> Outgoing:
        """The same for a device's enrolment by a one-time code: `enrol` gives the body."""

        async def produce(passage: Passage, scope: Scope) -> Produced:
            passage.kind = "KEY"
            # The code in the body is nobody's to keep.
            passage.incoming = replace(incoming, body=b"")
            if scope.role is not Role.PUB:
                raise Refusal(400, "ENROLMENT_SIGNED", "send it without Signature: the proof is it")
            return Produced(200, await enrol())

        return await self._pass(incoming, produce)

    async def subscribe(
        self, incoming: Incoming, changes: Changes, received: ReceivedRequest | None = None
    ) -> tuple[Outgoing, Opened | None]:
        """Open a subscription: logged like a question. The outgoing of one that is refused says
        why; of one that is opened it is not to be sent."""
        opened: Opened | None = None

        async def produce(passage: Passage, scope: Scope) -> Produced:
            nonlocal opened
            question = self._parsed(passage)
            if not passage.verified.signature:  # else the body is kept
                passage.variables = orjson.dumps(dict(question.variables))
            plan = self._node.operations.prepare(question.document, question.operation_name, scope)
            if isinstance(plan, RefusedPlan):
                answer = await plan.run(self._node.context(scope), {})
                return Produced(400, answer.body, reason=answer.errors[0], media=JSON)
            if not isinstance(plan, SubscriptionPlan):
                raise Refusal(400, "OPERATION_NOT_SUPPORTED", _NOT_SUBSCRIBED)
            if plan.touches_persons:
                scope.demand_persons()
            if scope.grounds.authorisation is not None:
                await self._use_authorisation(passage, scope.grounds.authorisation)
            claim = Claim.of(passage.verified)
            context = replace(self._node.context(scope, claim, incoming.peer), changes=changes)
            try:
                taken = await plan.take(context, question.variables, None)
            except OverspentError as error:
                answer = unpaid(error)
                return Produced(
                    answer.status, answer.body, reason=error.code, media=JSON, wait=answer.wait
                )
            except NotFoundError as error:
                missing = (missing_under(self._node.missing_key, error.asked),)
                body = error_body(error.code, error.message)
                return Produced(400, body, reason=error.code, media=JSON, missing=missing)
            except QuestionError as error:
                raise Refusal(400, error.code, error.message) from error
            opened = Opened(passage, question, claim, taken, scope)
            return Produced(200, b"", media=JSON)

        outgoing = await self._pass(incoming, produce, received)
        return outgoing, opened if outgoing.status == 200 else None

    async def tell(
        self, opened: Opened, verified: VerifiedRequest, basis: str | None, produced: Produced
    ) -> Outgoing:
        """Log and sign one event of a subscription, whose caller is `verified` at this moment.

        Raises LogUnavailableError, TokenError.
        """
        whole = opened.passage
        passage = replace(
            whole,
            verified=verified,  # without the signature, whose time may be over
            variables=orjson.dumps(dict(opened.question.variables)),
            legal_basis=basis,
            claimed=True,
        )
        return await self._send(passage, produced, time.time())

    async def _pass(
        self,
        incoming: Incoming,
        produce: Callable[[Passage, Scope], Awaitable[Produced]],
        received: ReceivedRequest | None = None,
        *,
        unread: bool = False,
        fault: SignatureError | None = None,
    ) -> Outgoing:
        node, now = self._node, time.time()
        if node.unwitnessed:
            return unlogged(503, "LOG_UNWITNESSED", UNWITNESSED)
        received = received or self._received(incoming)
        passage = Passage(incoming, received, self._unsigned, unread=unread, fault=fault)
        with node.access_log.request():
            try:
                return await self._logged(passage, produce, now)
            except (LogUnavailableError, TokenError) as error:
                return unlogged(503, error.code, error.message)

    def _received(self, incoming: Incoming) -> ReceivedRequest:
        target_uri = self._node.settings.url + incoming.target
        return read_request(incoming.method, target_uri, incoming.headers, incoming.body)

    async def _logged(
        self, passage: Passage, produce: Callable[[Passage, Scope], Awaitable[Produced]], now: float
    ) -> Outgoing:
        """What is produced, or its refusal. Raises LogUnavailableError, TokenError."""
        incoming, received = passage.incoming, passage.received
        try:
            if incoming.cut is not None:
                passage.received = replace(received, body_digest=incoming.cut)
                raise Refusal(413, "BODY_TOO_LARGE", _TOO_LARGE)
            if passage.fault is not None:
                raise passage.fault
            passage.verified = verify_request(
                received, self._node.registry, now, unread=passage.unread
            )
            exchanging = produce == self._partner
            scope = await self._scope(passage.verified, incoming.peer, exchanging)
            passage.legal_basis = legal_basis(scope.grounds)
            produced = await produce(passage, scope)
        except Exception as error:
            produced = refused(error)
        try:
            return await self._send(passage, produced, now)
        except ReplayedError as error:
            passage.claimed = True
            return await self._send(passage, refused(error), now)

    async def _question(self, passage: Passage, scope: Scope) -> Produced:
        node, incoming = self._node, passage.incoming
        if incoming.media is None:
            accepted = "accept application/graphql-response+json or application/json"
            raise Refusal(406, "NOT_ACCEPTABLE", accepted)
        question = self._parsed(passage)
        if not (incoming.body and passage.verified.signature):  # else the body is kept
            passage.variables = orjson.dumps(dict(question.variables))
        if scope.row.clear is Reach.APPROVED:
            asked = Question(question.document, question.variables, question.operation_name)
            scope = await with_approval(node, scope, asked)
            passage.legal_basis = legal_basis(scope.grounds)
        plan = node.operations.prepare(
            question.document, question.operation_name, scope, may_mutate=question.may_mutate
        )
        if plan.touches_persons:
            scope.demand_persons()
        if scope.grounds.authorisation is not None and not isinstance(plan, RefusedPlan):
            await self._use_authorisation(passage, scope.grounds.authorisation)
        passage.kind = plan.kind
        if plan.kind == "CHANGE":
            await self.claim(passage)
        context = node.context(scope, Claim.of(passage.verified), incoming.peer)
        answer = await plan.run(context, question.variables)
        shown = answer.disclosure
        # GraphQL over HTTP: what could be read is answered with 200 in the older media type.
        old = answer.status == 400 and incoming.media != GRAPHQL_RESPONSE
        return Produced(
            200 if old else answer.status,
            answer.body,
            Lists(
                shown.subjects,
                shown.records,
                shown.coordinates,
                shown.masked,
            ),
            shown.rows,
            tuple([missing_under(node.missing_key, code) for code in shown.not_found]),
            answer.errors[0] if answer.errors and not shown.coordinates else None,
            data_version=answer.data_version,
            cost=answer.cost,
            wait=answer.wait,
        )

    def _parsed(self, passage: Passage) -> GraphQLRequest:
        """The question, its document found by its digest where only that was sent."""
        node, incoming = self._node, passage.incoming
        if incoming.method == METHOD:  # inside a WebSocket
            question = parse_request("POST", JSON, b"", incoming.body)
        else:
            if incoming.header(b"content-encoding") not in _NOT_ENCODED:
                raise Refusal(415, "CONTENT_TYPE_NOT_SUPPORTED", _ENCODED)
            question = parse_request(
                incoming.method,
                passage.received.fields.get("content-type")
                or b", ".join(incoming.all(b"content-type")).decode("latin-1")
                or None,
                incoming.query,
                incoming.body,
            )
        passage.document = question.document
        if question.digest is not None or node.demands_trusted:
            passage.by_digest = not question.document
            text = trusted_document(node, passage.verified, question.document, question.digest)
            question = replace(question, document=text)
            passage.document = text
        return question

    async def _use_authorisation(self, passage: Passage, authorisation: str) -> None:
        """Count a use durably before anything is read; a question that is sent again uses none."""
        node, verified = self._node, passage.verified
        await self.claim(passage)
        await use_authorisation(
            node.pool, authorisation, verified.caller.id, verified.purpose, datetime.now(UTC)
        )

    async def claim(self, passage: Passage) -> None:
        """Use the nonce up before anything is changed: the same signed bytes change nothing."""
        if passage.verified.once is not None and not passage.claimed:
            await self._node.access_log.claim(passage.verified.once)
            passage.claimed = True

    async def _partner(self, passage: Passage, scope: Scope) -> Produced:
        # An ended agreement still lets tombstones through: the exchange judges it by itself.
        incoming = passage.incoming
        passage.kind = "SHARE_OUT"
        caller = passage.verified.caller
        shared = await self._node.exchange.answer(
            incoming.method,
            incoming.target.partition("?")[0],
            dict(parse_qsl(incoming.query.decode("latin-1"))),
            incoming.body,
            caller.region if scope.role is Role.PCITY else None,
        )
        if shared is None:
            raise Refusal(404, "NOT_FOUND", "there is nothing here")
        return Produced(
            200,
            shared.body,
            Lists(
                shared.subjects,
                b"".join([record.bytes for record in shared.records]),
                shared.coordinates,
            ),
            shared.rows,
            media=shared.content_type,
        )

    async def _scope(self, verified: VerifiedRequest, peer: str, exchanging: bool) -> Scope:
        node = self._node
        unsigned = verified.caller.role == Role.PUB
        if unsigned and (wait := node.public_rate.wait(peer, time.monotonic())):
            slowly = "ask more slowly, or sign with an enrolled key"
            raise Refusal(429, "RATE_LIMITED", slowly, wait=wait)
        return await scope_of(node, verified, exchanging=exchanging)

    async def _send(self, passage: Passage, produced: Produced, now: float) -> Outgoing:
        """Log the access, then sign: the order is the promise."""
        node, verified = self._node, passage.verified
        if len(produced.body) < _LONG:
            digest = body_digest(produced.body)
        else:
            digest = await asyncio.to_thread(body_digest, produced.body)
        once = verified.once
        entry = Entry(
            kind=passage.kind,
            caller=verified.caller.id,
            role=verified.caller.role,
            decision="DENIED" if produced.reason else "ALLOWED",
            reason=produced.reason,
            status=produced.status,
            policy_version=node.policy.version,
            data_version=produced.data_version or node.data_version,
            request_body=passage.received.body_digest,
            response_body=digest,
            rows=produced.rows,
            actor=verified.actor,
            key_id=verified.key_id or claimed_key(passage.received),
            nonce=once.nonce if once else None,
            operation=sha256(passage.document.encode()).digest() if passage.document else None,
            request_signature=verified.signature or None,
            purpose=verified.purpose,
            legal_basis=passage.legal_basis,
            case=verified.case,
            correlation=verified.correlation,
            missing=produced.missing,
        )
        evidence = Evidence(
            signature_base=verified.signature_base,
            signature=verified.signature,
            document=passage.document,
            variables=passage.variables,
            lists=produced.lists,
            body=passage.incoming.body if verified.signature else b"",
            label=passage.received.fields.get("signature", LABEL).partition("=")[0],
            cost=produced.cost,
            by_digest=passage.by_digest,
        )
        log = node.audit_log if entry.role == Role.AUDITOR else node.access_log
        receipt = await log.append(entry, evidence, None if passage.claimed else once)
        headers = sign_response(
            passage.received,
            node.answer_key,
            status=produced.status,
            content_type=produced.media or passage.incoming.media or JSON,
            body=produced.body,
            receipt=receipt,
            now=now,
            digest=digest,
        )
        headers.append((b"content-length", str(len(produced.body)).encode()))
        headers.append((b"cache-control", b"no-store"))
        if produced.status == 405:
            refused_get = passage.incoming.method == "GET"
            headers.append((b"allow", b"POST" if refused_get else b"GET, POST"))
        if produced.status in (429, 503):
            headers.append((b"retry-after", str(ceil(produced.wait)).encode()))
        if produced.cost:
            headers.append((b"credit-cost", str(produced.cost).encode()))
        return Outgoing(produced.status, headers, produced.body)
