"""The node's own work beside answering: sealing, projecting, feeding, mirroring."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import httpx

from graph.errors import GraphError
from graph.projection import Projection
from graph.snapshot.keeping import Keeper
from security.registry import note_use
from security.sealer import Sealer
from security.tlog.note import NoteSigner
from service.bell import Bell
from service.changes import Changes
from service.enrolment import identity_key, node_keys
from service.grouping import grouping
from service.jobs import Jobs, handlers_of
from service.node import Node
from service.reviewing import reviewing
from service.settings import Partner
from service.witnessing import record_policy, standing_json, witness_standings, witnessing
from store.intake.party import NUMBER_CONTEXT
from store.kind import Kinds
from store.mutation import forget
from store.name import note_common_fragments, read_names
from store.rotation import rekey_chunk
from store.upload import forget as forget_uploads
from sync.errors import SyncError
from sync.mirror import Mirror
from sync.partner import partner_states
from sync.person_token import keep_tokens
from sync.publisher import Publisher
from sync.transport import SignedTransport

_log = logging.getLogger("xinqiao.work")

_FEED_INTERVAL = 0.5
_STATE_AGE = 0.2
_TOKEN_INTERVAL = 2.0
_USE_INTERVAL = 60.0
_REGISTRY_INTERVAL = 0.25  # so a revoked key is refused within a second, whatever else is slow
_FORGET_INTERVAL = 600.0
_REKEY_INTERVAL = 2.0
_NAMES_INTERVAL = 600.0
_REKEY_REST = 0.05  # between chunks: intake and answers go first
_FEED_STATE = """
SELECT f.size, EXISTS (
    SELECT FROM outbox o
     WHERE o.entity = 'RECORD' AND (p.xid IS NULL OR (o.xid, o.seq) > (p.xid, p.seq))
) AS behind
  FROM feed_state f LEFT JOIN outbox_position p ON p.consumer = 'feed'
"""
_SNAPSHOT_BEHIND = """
SELECT EXISTS (SELECT FROM outbox WHERE (xid, seq) > ($1::xid8, $2::bigint) AND entity <> 'RECORD')
"""


@dataclass(slots=True)
class Work:
    """What runs beside the requests of one node, and how far it is."""

    node: Node
    projection: Projection
    changes: Changes
    bell: Bell = field(default_factory=Bell)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seen: tuple[float, dict[str, Any]] = (float("-inf"), {})

    async def state(self) -> dict[str, Any]:
        """How far graph and mirrors are, at most 0.2 s old, because anybody may ask."""
        async with self._looking:
            seen, found = self._seen
            if time.monotonic() - seen > _STATE_AGE:
                found = await self._look()
                self._seen = (time.monotonic(), found)
            return found

    async def _look(self) -> dict[str, Any]:
        try:
            graph = await self.projection.status()
            graph_state = "CURRENT" if graph.behind == 0 and graph.stage else "BEHIND"
        except GraphError:
            graph_state = "UNAVAILABLE"
        pool = self.node.work_pool
        feed = await pool.fetchrow(_FEED_STATE)
        sizes = {
            row["region_id"]: row["size"]
            for row in await pool.fetch("SELECT region_id, size FROM mirror_cursor")
        }
        partners = {one.region: one for one in await partner_states(pool)}
        mirrors = {
            partner.name: {
                "state": (partners[region].code or "CURRENT") if region in partners else "NEW",
                "size": sizes.get(region, 0),
            }
            for region, partner in self.node.partners.items()
        }
        node = self.node
        logs = {
            standing.log.rpartition("/")[2]: standing_json(standing)
            for standing in await witness_standings(pool, node.root, node.settings)
        }
        return {
            "graph": graph_state,
            "snapshot": await self._snapshot_state(),
            "feed": dict(feed or {}),
            "mirrors": mirrors,
            "witnessed": logs,
            "forks": await pool.fetchval("SELECT count(*) FROM log_fork"),
        }

    async def _snapshot_state(self) -> str:
        try:
            position = self.node.snapshots.current().position
        except GraphError:
            return "UNAVAILABLE"
        behind = await self.node.work_pool.fetchval(_SNAPSHOT_BEHIND, position.xid, position.seq)
        return "BEHIND" if behind else "CURRENT"


@asynccontextmanager
async def looking_on(node: Node, dsn: str) -> AsyncIterator[Work]:
    """What a worker needs for the time of the block: the node read again, its work only seen."""
    stop = asyncio.Event()
    connect = partial(asyncpg.connect, dsn)
    work = Work(node, Projection(connect, node.graph), Changes(node.work_pool))
    tasks = [
        asyncio.ensure_future(one)
        for one in (*_keeping_up(node, stop), *_hearing(work, connect, stop))
    ]
    try:
        yield work
    finally:
        stop.set()
        await _ended(tasks, 5)


@asynccontextmanager
async def at_work(node: Node, dsn: str) -> AsyncIterator[Work]:
    """Run the node's own work for the time of the block."""
    stop = asyncio.Event()
    connect = partial(asyncpg.connect, dsn)
    projection = Projection(connect, node.graph)
    keeper = Keeper(connect, node.home.snapshot)
    work = Work(node, projection, Changes(node.work_pool))
    async with contextlib.AsyncExitStack() as opened:
        running: list[Awaitable[None]] = [
            *_keeping_up(node, stop),
            *_hearing(work, connect, stop),
            _again(stop, Jobs(node, work.bell, handlers_of(node)).run),
            _again(stop, partial(_forgetting, node)),
            _again(stop, partial(_publishing, node)),
            _again(stop, partial(_tokening, node)),
            _again(stop, partial(_rekeying, node)),
            _again(stop, partial(_reading_names, node)),
            _again(stop, partial(reviewing, node)),
            _again(stop, partial(grouping, node)),
            projection.run(stop, node.settings.graph_interval),
            _warming(node, stop),
            keeper.run(stop, node.settings.graph_interval),
        ]
        running += [_sealing(node, connect, name, stop) for name in ("access", "audit")]
        async with node.work_pool.acquire() as connection:
            await record_policy(connection, node.root, node.settings)
        http = await opened.enter_async_context(httpx.AsyncClient(trust_env=False))
        running.append(_being_witnessed(node, http, stop))
        for region, partner in node.partners.items():
            transport = _transport(node, partner)
            opened.push_async_callback(transport.close)
            running.append(_again(stop, partial(_mirroring, node, transport, region)))
        tasks = [asyncio.ensure_future(one) for one in running]
        try:
            yield work
        finally:
            stop.set()
            await _ended(tasks, 10)


async def _ended(tasks: Sequence[asyncio.Future[None]], seconds: float) -> None:
    """Wait for tasks that were told to stop, and cancel those that are late."""
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _keeping_up(node: Node, stop: asyncio.Event) -> list[Awaitable[None]]:
    """What has the node, or one of its workers, know what has changed."""
    return [_again(stop, partial(one, node)) for one in (_refreshing, _registering)]


def _hearing(
    work: Work, connect: Callable[[], Awaitable[Any]], stop: asyncio.Event
) -> list[Awaitable[None]]:
    """What has subscriptions of this process hear of changes."""
    return [
        work.bell.listen(connect, stop),
        _again(stop, partial(work.changes.run, work.bell)),
    ]


def _transport(node: Node, partner: Partner) -> SignedTransport:
    key = identity_key(node.root, node.settings.node)
    return SignedTransport(partner.url, key, node_keys(node.root, partner.name))


async def _warming(node: Node, stop: asyncio.Event) -> None:
    """Have the graph plan what callers will ask, before the first of them waits for it."""
    kinds = {one.relations for one in node.policy.rows.values() if one.hops and one.relations}
    while not stop.is_set():
        try:
            await node.reader.warm(sorted(kinds, key=sorted))
            return
        except GraphError:  # the projector says that it is down
            await _pause(stop, 1.0)


async def _tokening(node: Node, stop: asyncio.Event) -> None:
    """Keep the tokens by which partner cities may match persons."""
    while not stop.is_set():
        more = False
        for key in [
            node.match_keys[one.id] for one in node.agreements.values() if one.id in node.match_keys
        ]:
            async with node.work_pool.acquire() as connection:
                more |= await keep_tokens(connection, key, node.cipher, NUMBER_CONTEXT)
        if not more:
            await _pause(stop, _TOKEN_INTERVAL)


async def _forgetting(node: Node, stop: asyncio.Event) -> None:
    """Forget the keys of changes that were done long ago."""
    while not stop.is_set():
        while await forget(node.work_pool, node.settings.mutation_hours):
            pass
        await forget_uploads(node.work_pool)
        await _pause(stop, _FORGET_INTERVAL)


async def _rekeying(node: Node, stop: asyncio.Event) -> None:
    """Carry through what a rotation of the fields' keys has begun."""
    while not stop.is_set():
        async with node.work_pool.acquire() as connection:
            more = await rekey_chunk(connection, node.cipher)
        await _pause(stop, _REKEY_REST if more else _REKEY_INTERVAL)


async def _reading_names(node: Node, stop: asyncio.Event) -> None:
    """Note how the names sound that were stored before search knew of sounds, and what is common
    in names."""
    while not stop.is_set():
        async with node.work_pool.acquire() as connection:
            more = await read_names(connection)
            if not more:
                await note_common_fragments(connection)
        await _pause(stop, _REKEY_REST if more else _NAMES_INTERVAL)


@dataclass(frozen=True, slots=True)
class _Rekeyed:
    """Stops work that signs when the node stops or the key of that name is changed; with `kinds`
    also when the city declares kinds of its own."""

    node: Node
    use: str
    signer: NoteSigner
    stop: asyncio.Event
    kinds: Kinds | None = None

    def is_set(self) -> bool:
        return (
            self.stop.is_set()
            or getattr(self.node.keys, self.use) is not self.signer
            or (self.kinds is not None and self.kinds is not self.node.kinds)
        )

    async def wait(self) -> object:
        return await self.stop.wait()


async def _publishing(node: Node, stop: asyncio.Event) -> None:
    """Publish the feed, each time with the key that is the feed's and the kinds there are."""
    while not stop.is_set():
        signer, kinds = node.keys.feed, node.kinds
        publisher = Publisher(
            node.work_pool,
            node.home.log / "feed",
            signer,
            region=node.settings.region,
            kinds=kinds,
            today=node.settings.domain_date,
        )
        await publisher.run(_FEED_INTERVAL, _Rekeyed(node, "feed", signer, stop, kinds))


async def _mirroring(
    node: Node, transport: SignedTransport, region: str, stop: asyncio.Event
) -> None:
    """Mirror a partner's feed, acknowledging it each time with the key that is for that, by the
    kinds there are."""
    while not stop.is_set():
        signer, kinds = node.keys.acknowledgement, node.kinds
        mirror = Mirror(
            node.work_pool,
            transport,
            region=region,
            kinds=kinds,
            cipher=node.cipher,
            signer=signer,
            today=node.settings.domain_date,
        )
        await mirror.run(
            node.settings.mirror_interval, _Rekeyed(node, "acknowledgement", signer, stop, kinds)
        )


async def _sealing(
    node: Node, connect: Callable[[], Awaitable[Any]], log: str, stop: asyncio.Event
) -> None:
    """Seal a log, each time with the key that is the log's."""
    while not stop.is_set():
        signer: NoteSigner = getattr(node.keys, log)
        sealer = Sealer(connect, node.home.log / log, signer, node=node.settings.node)
        await sealer.run(_Rekeyed(node, log, signer, stop), node.settings.seal_interval)


async def _being_witnessed(node: Node, http: httpx.AsyncClient, stop: asyncio.Event) -> None:
    """Have the node's logs witnessed, each time with the keys that are theirs."""
    while not stop.is_set():
        keys, ended = node.keys, asyncio.Event()
        tasks = [asyncio.ensure_future(_again(ended, one.run)) for one in witnessing(node, http)]
        try:
            while not stop.is_set() and node.keys is keys:
                await _pause(stop, 1.0)
        finally:
            ended.set()
            await asyncio.gather(*tasks)


async def _registering(node: Node, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await node.look_at_directory()
        await _pause(stop, _REGISTRY_INTERVAL)


async def _refreshing(node: Node, stop: asyncio.Event) -> None:
    noted = time.monotonic()
    while not stop.is_set():
        await node.refresh()
        if time.monotonic() - noted >= _USE_INTERVAL:
            noted = time.monotonic()
            await note_use(node.work_pool, node.registry.used, time.time())
        await _pause(stop, 1.0)


async def _again(stop: asyncio.Event, work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run work until stopped; when it fails, say so once and start it again after a second."""
    complaint = ""
    while not stop.is_set():
        try:
            await work(stop)
        except Exception as error:
            if repr(error) != complaint:
                _log.warning(
                    "background work failed, trying again: %r",
                    error,
                    exc_info=not isinstance(error, SyncError),
                )
            complaint = repr(error)
            await _pause(stop, 1.0)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
