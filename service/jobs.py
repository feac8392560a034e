"""Jobs at work: taken up, judged, run, logged and stored by the node's own process.

What a part of a result discloses is in the access log before the part is stored, and a result can
be read only when all its parts are: no log, no answer. Who asked is judged again before every
part, so that a revoked key or an agreement that ended stops the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from resolvers.answer import Answer, Disclosure
from resolvers.context import Context
from resolvers.errors import QuestionError
from resolvers.job import part_place
from resolvers.job_handler import JOB_HANDLERS, JobKind
from resolvers.whole_graph_work import ANALYSES, analyse
from security.claim import Claim
from security.entry import Entry, Lists
from security.errors import LogUnavailableError, SecurityError
from security.evidence import Evidence
from security.policy import PolicyError, Scope
from service.bell import Bell
from service.computing import computed
from service.standing import legal_basis, scope_of
from service.submission import intake
from store import job as store
from store.job import Held, Part
from sync.errors import AgreementError

if TYPE_CHECKING:
    from service.node import Node

_log = logging.getLogger("xinqiao.jobs")

LEASE = 30.0
"""Seconds after which a job whose process is silent is taken up by another."""
_LOOK = 1.0  # seconds between two looks at lease and cancellation
_TELL = 0.5  # and between two reports of progress
_REST = 60.0  # and between two looks for what has expired
_PASSING = (LogUnavailableError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


def handlers_of(node: Node) -> Mapping[str, JobKind]:
    """Every kind of job that a node works on; those of the service are added here."""
    whole_graph = {
        f"GRAPH_{kind}": JobKind(partial(analyse, lambda: node.operations, kind))
        for kind in ANALYSES
    }
    return {**JOB_HANDLERS, **whole_graph, "INTAKE": intake(node)}


class Jobs:
    """Works on the jobs of one node until stopped."""

    def __init__(self, node: Node, bell: Bell, handlers: Mapping[str, JobKind]) -> None:
        self._node = node
        self._bell = bell
        self._handlers = handlers
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Take jobs up until stopped; those at work are given back to whoever comes next."""
        pool, settings = self._node.work_pool, self._node.settings
        swept = float("-inf")
        try:
            while not stop.is_set():
                if time.monotonic() - swept > _REST:
                    swept = time.monotonic()
                    await self._sweep()
                while len(self._running) < settings.jobs_at_once:
                    held = await store.take(pool, lease=LEASE, per_caller=settings.jobs_per_caller)
                    if held is None:
                        break
                    task = asyncio.create_task(self._work(held))
                    self._running.add(task)
                    task.add_done_callback(self._ended)
                await self._bell.wait(stop, _LOOK, "job")
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._bell.ring("job")

    async def _sweep(self) -> None:
        pool = self._node.work_pool
        await store.abandon_failed(pool)
        async with pool.acquire() as connection:
            while await store.expire(connection):
                pass

    async def _work(self, held: Held) -> None:
        execution = Execution(self._node, held, self._handlers)
        try:
            await execution.run()
        except asyncio.CancelledError:
            with contextlib.suppress(*_PASSING):
                await store.give_back(self._node.work_pool, held)
            raise


class Execution:
    """One attempt at one job; what its handler is given as `Progress`."""

    def __init__(self, node: Node, held: Held, handlers: Mapping[str, JobKind]) -> None:
        self._node = node
        self._held = held
        self._handlers = handlers
        self._parts = held.parts
        self._content = orjson.loads(node.keeping.opened(held.job.content, held.job.id.bytes))
        self._claim = Claim.from_json(self._content["claim"])
        self._scope: Scope | None = None
        self._told = float("-inf")
        self._progress: tuple[int, int | None, str] = (held.job.done, held.job.total, "")

    async def run(self) -> None:
        """Bring the job to an end, or leave it to another attempt."""
        handling = asyncio.create_task(self._handle())
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({handling, watching}, return_when=asyncio.FIRST_COMPLETED)
            if handling.done():
                if not handling.cancelled():  # else the lease is lost
                    await self._settle(handling)
                return
            handling.cancel()
            await asyncio.gather(handling, return_exceptions=True)
            if watching.result():
                await self._end("CANCELLED")
        except _PASSING as error:
            # Its lease runs out, and then it is taken up again.
            _log.warning("job %s was interrupted: %r", self._held.job.id, error)
        finally:
            for task in (handling, watching):
                task.cancel()
            await asyncio.gather(handling, watching, return_exceptions=True)

    async def _settle(self, handling: asyncio.Task[None]) -> None:
        error = handling.exception()
        match error:
            case None:
                await store.tell(self._node.work_pool, self._held, *self._progress)
                await self._end("DONE")
            case QuestionError() | PolicyError() | AgreementError() | SecurityError() if not (
                isinstance(error, LogUnavailableError)
            ):
                await self._end("FAILED", error.code, error.message)
            case _ if isinstance(error, _PASSING):
                raise error
            case _:
                _log.error("job %s failed", self._held.job.id, exc_info=error)
                await self._end("FAILED", "INTERNAL", "the node failed: tell its operator")

    async def _handle(self) -> None:
        kind = self._handlers.get(self._held.job.kind)
        if kind is None:
            raise QuestionError("JOB_KIND_UNKNOWN", "this release has no such job: start another")
        scope = await self._judged()
        if self._parts and self._held.job.shape != scope.digest:
            await self.anew()
        self._scope = scope
        await kind.handler(self._context(scope), self._content["arguments"], self)

    async def _watch(self) -> bool:
        """Keep the lease until the caller cancels (True) or the lease is lost (False)."""
        missed = 0.0
        while True:
            await asyncio.sleep(_LOOK)
            try:
                asked = await store.renew(self._node.work_pool, self._held, LEASE)
            except _PASSING:
                missed += _LOOK
                if missed < LEASE:
                    continue
                return False
            missed = 0.0
            if asked is not False:
                return asked is True

    async def _end(self, state: str, code: str | None = None, message: str | None = None) -> None:
        async with self._node.work_pool.acquire() as connection:
            await store.end(
                connection,
                self._held,
                state,
                hours=self._node.settings.job_hours,
                code=code,
                message=message,
            )

    async def _judged(self) -> Scope:
        """The caller's scope at this moment; raises when it may not ask any more."""
        verified = self._claim.judged(self._node.registry, time.time())
        if verified.caller.id != self._held.job.caller:
            raise QuestionError("JOB_SCOPE_CHANGED", "the key is another caller's now")
        scope = await scope_of(self._node, verified, counted=True)
        if self._scope is not None and scope.digest != self._scope.digest:
            raise QuestionError(
                "JOB_SCOPE_CHANGED", "what you may see has changed since: start the job again"
            )
        return scope

    def _context(self, scope: Scope) -> Context:
        return replace(self._node.context(scope, self._claim), ask=self._ask, allowance=None)

    async def _ask(self, document: str, variables: Mapping[str, Any]) -> Answer:
        """Answer a question under the caller's scope of this moment."""
        scope = await self._judged()
        plan = self._node.operations.prepare(document, None, scope)
        if plan.touches_persons:
            scope.demand_persons()
        return await plan.run(self._context(scope), variables)

    @property
    def parts(self) -> int:
        """Parts that are stored."""
        return self._parts

    @property
    def most(self) -> int:
        """Most subjects that one part may disclose."""
        return self._node.settings.job_part_subjects

    async def told(self, done: int, total: int | None, stage: str = "") -> None:
        """Say how far the job is."""
        self._progress = (done, total, stage)
        if time.monotonic() - self._told >= _TELL:
            self._told = time.monotonic()
            await store.tell(self._node.work_pool, self._held, done, total, stage)

    async def anew(self) -> None:
        """Forget what an earlier attempt has stored."""
        if self._parts:
            async with self._node.work_pool.acquire() as connection:
                await store.begin_anew(connection, self._held)
            self._parts = 0

    async def put(self, lines: list[Any], disclosure: Disclosure) -> None:
        """Log what a part discloses, then store it."""
        most = self._node.settings.job_part_subjects
        if len(disclosure.subjects) > 16 * most:
            raise ValueError(f"a part discloses at most {most} subjects")
        scope = await self._judged()
        content = b"".join([orjson.dumps(line) + b"\n" for line in lines])
        await self._log(scope, content, len(lines), disclosure)
        job, number = self._held.job, self._parts
        part = Part(
            self._node.keeping.seal(content, part_place(job.id, number)),
            len(lines),
            disclosure.subjects,
            disclosure.records,
            disclosure.coordinates,
            disclosure.masked,
        )
        async with self._node.work_pool.acquire() as connection:
            if not await store.keep_part(connection, self._held, number, part, scope.digest):
                raise asyncio.CancelledError
        self._parts += 1

    async def compute(self, function: Any, *arguments: Any) -> Any:
        """Run a function in a process of its own."""
        return await computed(function, *arguments)

    async def _log(self, scope: Scope, content: bytes, rows: int, disclosure: Disclosure) -> None:
        node, claim, job = self._node, self._claim, self._held.job
        asked = orjson.dumps(self._content["arguments"])
        document = f"# job {job.id} {job.kind} part {self._parts}"
        entry = Entry(
            kind="EXPORT",
            caller=claim.caller,
            role=scope.role,
            decision="ALLOWED",
            status=200,
            policy_version=scope.policy_version,
            data_version=node.data_version,
            request_body=sha256(asked).digest(),
            response_body=sha256(content).digest(),
            rows=rows,
            actor=claim.actor,
            key_id=claim.key_id,
            operation=sha256(document.encode()).digest(),
            purpose=claim.purpose,
            legal_basis=legal_basis(scope.grounds),
            case=claim.case,
            correlation=claim.correlation,
        )
        lists = Lists(
            disclosure.subjects, disclosure.records, disclosure.coordinates, disclosure.masked
        )
        # The arguments may be long: those of the whole job are evidence of the request itself.
        evidence = Evidence(document=document, variables=b"{}", lists=lists)
        await node.access_log.append(entry, evidence)
