"""A running node: its database, keys, policy, logs, graph and partners, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from graph.connection import GraphConnection
from graph.reader import GraphReader
from resolvers.context import Context
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from security.access_log import AccessLog
from security.evidence import EvidenceKeys
from security.field_encryption import FieldCipher
from security.keys import KeyFolder, SigningKey
from security.policy import Policy, Scope, load_policy
from security.registry import PUBLIC, Caller, Registry, load_registry
from security.review import LogReview
from security.tlog.reader import TileReader
from service.enrolment import (
    OwnKeys,
    enrol_identities,
    own_keys,
    partner_region,
    record_agreements,
)
from service.home import NodeHome
from service.neo4j import Neo4jAddress
from service.rate import RateLimit
from service.settings import Partner, Settings
from store.hot import ensure_hot_columns
from store.kind import Kinds
from store.migrations import migrate
from store.pool import Readers, open_pool, open_readers
from store.reference import load_reference
from sync.agreement import Agreement, active_agreement
from sync.endpoints import Exchange


@dataclass(slots=True)
class Node:
    """What a request needs of the node; only what `refresh` reads again ever changes."""

    settings: Settings
    root: Path
    home: NodeHome
    readers: Readers  # answer questions
    pool: asyncpg.Pool[Any]  # logs them, and answers partners
    work_pool: asyncpg.Pool[Any]  # the node's own work, which may take longer
    kinds: Kinds
    policy: Policy
    operations: Operations
    access_log: AccessLog
    audit_log: AccessLog
    review: LogReview
    keys: OwnKeys
    registry: Registry
    graph: GraphConnection
    reader: GraphReader
    exchange: Exchange
    partners: dict[str, Partner]  # by region
    public_rate: RateLimit
    missing_key: tuple[str, bytes]
    token_key: bytes
    cipher: FieldCipher
    agreements: dict[str, Agreement] = field(default_factory=dict)  # by region
    data_version: str = ""
    public: Caller = PUBLIC

    @property
    def answer_key(self) -> SigningKey:
        """The key that signs answers."""
        return self.keys.answer

    def context(self, scope: Scope) -> Context:
        """What resolvers get for one request."""
        return Context(
            pool=self.readers,
            scope=scope,
            today=self.settings.domain_date(),
            token_key=self.token_key,
            graph=self.reader,
            access=self.review if scope.row.log == "READ" else None,
        )

    async def refresh(self) -> None:
        """Read again what may change while the node runs: key registry, agreements, version.

        `data_version` is the outbox position that every answer from now on includes.
        """
        self.registry = await load_registry(self.work_pool, self.registry)
        today = self.settings.domain_date()
        found = {
            region: await active_agreement(self.work_pool, region, today)
            for region in self.partners
        }
        self.agreements = {region: one for region, one in found.items() if one is not None}
        self.data_version = str(
            await self.work_pool.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        )


async def prepare_database(dsn: str, root: Path, settings: Settings) -> None:
    """Bring a node's database up to this release: tables, reference data, who is known."""
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await ensure_hot_columns(connection, kinds())
        await load_reference(connection, demo=settings.demo)
        if settings.demo:
            await enrol_identities(connection, root)
        await record_agreements(connection, root)
    finally:
        await connection.close()


@asynccontextmanager
async def open_node(
    settings: Settings, root: Path, dsn: str, graph_address: Neo4jAddress
) -> AsyncIterator[Node]:
    """Open a node on a prepared database."""
    home = NodeHome(root, settings.node)
    keys, folder, declared = own_keys(home), KeyFolder(home.keys), kinds()
    evidence_keys = EvidenceKeys(folder)
    async with AsyncExitStack() as opened:
        readers = await open_readers(dsn)
        opened.push_async_callback(readers.close)
        pool = await open_pool(dsn, answering=True)
        opened.push_async_callback(pool.close)
        work_pool = await open_pool(dsn)
        opened.push_async_callback(work_pool.close)
        graph = await opened.enter_async_context(
            GraphConnection(graph_address.uri, graph_address.user, graph_address.password)
        )
        node = Node(
            settings=settings,
            root=root,
            home=home,
            readers=readers,
            pool=pool,
            work_pool=work_pool,
            kinds=declared,
            policy=load_policy(settings.policy),
            operations=Operations(CreditSchema(declared)),
            access_log=AccessLog(pool, keys.access.name, settings.node, evidence_keys),
            audit_log=AccessLog(pool, keys.audit.name, settings.node, evidence_keys),
            review=LogReview(pool, home.log / "access", keys.access.verifier),
            keys=keys,
            registry=await load_registry(pool),
            graph=graph,
            reader=GraphReader(graph, settings.graph_seconds),
            exchange=Exchange(
                pool,
                TileReader(home.log / "feed"),
                keys.feed.verifier,
                declared,
                settings.domain_date,
            ),
            partners={partner_region(root, one.name): one for one in settings.partners},
            public_rate=RateLimit(settings.public_per_minute, settings.public_burst),
            missing_key=("m1", folder.secret("missing-m1")),
            token_key=folder.secret("person-token-k1"),
            cipher=FieldCipher(folder),
        )
        await node.refresh()
        yield node
