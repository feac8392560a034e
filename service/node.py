"""A running node: its database, keys, policy, logs, graph and partners, put together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from graph.connection import GraphConnection
from graph.reader import GraphReader
from graph.snapshot.keeping import SnapshotReader
from resolvers.context import Context
from resolvers.desk import Desk, Limits
from resolvers.lane_count import LaneCount
from resolvers.operation import Operations
from resolvers.turn import Turns
from resolvers.wall import wall_of
from schema.definition import CreditSchema
from schema.records import kinds
from security.access_log import AccessLog
from security.claim import Claim
from security.event import append_event
from security.evidence import EvidenceKeys
from security.field_encryption import FieldCipher
from security.keeping import Keeping
from security.keys import KeyFolder
from security.policy import Policy, Role, Scope, load_policy
from security.registry import PUBLIC, Caller, Registry, load_registry
from security.review import LogReview
from security.tlog.reader import TileReader
from security.trusted import TrustedDocuments, load_trusted
from service.enrolment import (
    AnswerKey,
    OwnKeys,
    former_logs,
    keys_stamp,
    own_keys,
    partner_region,
)
from service.home import NodeHome
from service.kinds import kinds_with
from service.neo4j import Neo4jAddress
from service.rate import Allowance, Budget, RateLimit, RateTable
from service.recognition import AgreementMatcher, match_key
from service.settings import Partner, Settings
from service.standing import Sharing
from service.witnessing import policy_of
from store.catalogue import Catalogues, load_catalogues
from store.catalogue_kind import declarations
from store.intake.party import NUMBER_CONTEXT
from store.kind import Kinds
from store.pool import Clock, Readers, open_pool, open_readers
from store.subject import NUMBER
from store.wall import Wall, walls_stand
from sync.agreement import Agreement, agreements_in_force
from sync.endpoints import Exchange
from sync.person_token import MatchKey
from sync.witness_policy import is_stopped


@dataclass(slots=True)
class Node:
    """What a request needs of the node; only what `refresh` reads again ever changes."""

    settings: Settings
    root: Path
    home: NodeHome
    dsn: str = field(repr=False)
    readers: Mapping[Wall, Readers]  # answer questions
    pool: asyncpg.Pool[Any]  # logs them, and answers partners
    work_pool: asyncpg.Pool[Any]  # the node's own work, which may take longer
    kinds: Kinds
    policy: Policy
    operations: Operations
    access_log: AccessLog
    audit_log: AccessLog
    review: LogReview
    keys: OwnKeys
    keys_stamp: int
    registry: Registry
    graph: GraphConnection
    reader: GraphReader
    snapshots: SnapshotReader
    exchange: Exchange
    partners: dict[str, Partner]  # by region
    public_rate: RateLimit
    public_budget: Budget
    public_events: Budget
    caller_budget: Budget
    missing_key: tuple[str, bytes]
    token_key: bytes
    cipher: FieldCipher
    keeping: Keeping
    match_rate: RateLimit
    match_keys: dict[str, MatchKey] = field(default_factory=dict)  # by agreement
    trusted: TrustedDocuments = field(default_factory=TrustedDocuments)
    agreements: dict[str, Agreement] = field(default_factory=dict)  # by region
    partner_kinds: dict[str, frozenset[str]] = field(default_factory=dict)  # sent to, by region
    items: Mapping[str, str] = field(default_factory=dict)  # declarations of the city's own kinds
    sharing: dict[tuple[str, str | None, str], Sharing] = field(default_factory=dict)
    catalogues: Catalogues = field(default_factory=Catalogues)  # of this node's region
    data_version: str = ""
    turns: Turns = field(default_factory=Turns)  # of changes
    unwitnessed: bool = False  # for so long that the witness policy forbids to answer
    public: Caller = PUBLIC
    _named: tuple[Kinds | None, frozenset[str]] = (None, frozenset())

    @property
    def kind_names(self) -> frozenset[str]:
        """The names of all kinds that the node serves, which seldom change."""
        if self._named[0] is not self.kinds:
            self._named = (self.kinds, frozenset(self.kinds.by_name))
        return self._named[1]

    @property
    def demands_trusted(self) -> bool:
        """Whether systems may ask only what was registered for them."""
        wanted = self.settings.trusted_documents
        return wanted == "required" or (wanted == "auto" and not self.settings.demo)

    async def look_at_directory(self) -> None:
        """Read keys and trusted documents again when either has changed."""
        self.registry = await load_registry(
            self.work_pool, self.registry, sandbox=self.settings.demo
        )
        self.trusted = await load_trusted(self.work_pool, self.trusted, self.registry.version)

    @property
    def answer_key(self) -> AnswerKey:
        """The key that signs answers."""
        return self.keys.answer

    def context(self, scope: Scope, claim: Claim | None = None, peer: str = "") -> Context:
        """What resolvers get for one request; `claim` is what a caller signed for it, `peer` the
        address of one that did not sign."""
        public = scope.role is Role.PUB
        asker, budget = (peer, self.public_budget) if public else (scope.caller, self.caller_budget)
        clock = Clock(self.readers[wall_of(scope.role)], asker)
        return Context(
            allowance=Allowance(budget, asker, clock),
            pool=clock,
            kept=self.work_pool,
            scope=scope,
            today=self.settings.domain_date(),
            token_key=self.token_key,
            region=self.settings.region,
            catalogues=self.catalogues,
            partner_kinds=self.partner_kinds,
            graph=self.reader,
            snapshots=self.snapshots,
            graph_job_memory=self.settings.graph_job_memory * 1_000_000,
            access=self.review if scope.row.log != "NONE" else None,
            matcher=self._matcher(scope),
            read_number=self._read_number,
            number_indexes=partial(self.cipher.blind_indexes, NUMBER),
            desk=None if claim is None or claim.key_id is None else self._desk(claim),
        )

    def _desk(self, claim: Claim) -> Desk:
        return Desk(
            claim,
            self.work_pool,
            self.keeping,
            partial(self._tell, self.access_log.origin),
            Limits(
                self.settings.job_limit,
                review=self.settings.bulk_review,
                partner_review=self.settings.partner_bulk_review,
            ),
            self.turns,
        )

    async def _tell(
        self, log: str, connection: Any, kind: str, detail: Mapping[str, object]
    ) -> object:
        return await append_event(connection, log, self.settings.node, kind, detail)

    def _read_number(self, sealed: bytes) -> str:
        return self.cipher.decrypt(sealed, NUMBER_CONTEXT)

    def _matcher(self, scope: Scope) -> AgreementMatcher | None:
        key = self.match_keys.get(scope.agreement or "")
        if key is None:
            return None
        # Counted for the whole city: further keys of the same partner match no more persons.
        partner = scope.grounds.partner or scope.caller
        return AgreementMatcher(key, partner, self.match_rate)

    async def refresh(self) -> None:
        """Read again what may change while the node runs: keys, catalogues, agreements, version.

        `data_version` is the outbox position that every answer from now on includes.
        """
        for log in (self.access_log, self.audit_log):
            await log.look_at_sealing(self.work_pool, time.monotonic())
        if (stamp := keys_stamp(self.home)) != self.keys_stamp:
            self.keys_stamp, self.keys = stamp, own_keys(self.home)
            self.review = _review(self.work_pool, self.home, self.keys)
            self.exchange = _exchange(self.settings, self.home, self.pool, self.keys, self.kinds)
        items = await declarations(self.work_pool)
        if items != self.items:
            self.items, self.kinds = items, kinds_with(items)
            counts = self.operations.counts
            self.operations = _operations(self.settings, self.kinds, counts)
        self.catalogues = await load_catalogues(
            self.work_pool, self.settings.region, self.catalogues
        )
        today = self.settings.domain_date()
        self.agreements = {
            party.region: one
            for one in await agreements_in_force(self.work_pool, self.settings.region, today)
            for party in one.parties
            if party.region != self.settings.region
        }
        self.partner_kinds = {to: one.shared_kinds for to, one in self.agreements.items()}
        folder = KeyFolder(self.home.keys)
        for one in self.agreements.values():
            key = self.match_keys.get(one.id) or match_key(folder, one.id)
            if key is not None:
                self.match_keys[one.id] = key
        self.unwitnessed = await is_stopped(
            self.work_pool,
            policy_of(self.settings),
            [self.keys.access.name, self.keys.audit.name],
        )
        self.data_version = str(
            await self.work_pool.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        )


def _operations(settings: Settings, declared: Kinds, counts: LaneCount | None = None) -> Operations:
    return Operations(
        CreditSchema(declared), counts=counts, public_introspection=settings.public_introspection
    )


def _review(pool: asyncpg.Pool[Any], home: NodeHome, keys: OwnKeys) -> LogReview:
    return LogReview(pool, home.log / "access", keys.access.verifier, former_logs(home, "access"))


@asynccontextmanager
async def open_node(
    settings: Settings,
    root: Path,
    dsn: str,
    graph_address: Neo4jAddress,
    rates: RateTable | None = None,
) -> AsyncIterator[Node]:
    """Open a node on a prepared database; `rates` are those that its workers share."""
    home = NodeHome(root, settings.node)
    stamp, keys = keys_stamp(home), own_keys(home)
    folder, declared = KeyFolder(home.keys), kinds()
    evidence_keys, rates = EvidenceKeys(folder), rates or RateTable()
    async with AsyncExitStack() as opened:
        pool = await open_pool(dsn, answering=True)
        opened.push_async_callback(pool.close)
        walled = await walls_stand(pool)
        readers = {}
        for wall in Wall:
            readers[wall] = await open_readers(
                dsn,
                wall=wall if walled else None,
                day=None if settings.today == "system" else settings.today,
            )
            opened.push_async_callback(readers[wall].close)
        work_pool = await open_pool(dsn)
        opened.push_async_callback(work_pool.close)
        graph = await opened.enter_async_context(
            GraphConnection(graph_address.uri, graph_address.user, graph_address.password)
        )
        node = Node(
            settings=settings,
            root=root,
            home=home,
            dsn=dsn,
            readers=readers,
            pool=pool,
            work_pool=work_pool,
            kinds=declared,
            policy=load_policy(settings.policy),
            operations=_operations(settings, declared),
            access_log=AccessLog(pool, keys.access.name, settings.node, evidence_keys),
            audit_log=AccessLog(pool, keys.audit.name, settings.node, evidence_keys),
            review=_review(work_pool, home, keys),
            keys=keys,
            keys_stamp=stamp,
            registry=await load_registry(pool, sandbox=settings.demo),
            graph=graph,
            reader=GraphReader(graph, settings.graph_seconds),
            snapshots=SnapshotReader(home.snapshot),
            exchange=_exchange(settings, home, pool, keys, declared),
            partners={partner_region(root, one.name): one for one in settings.partners},
            public_rate=RateLimit(
                "public", settings.public_per_minute, settings.public_burst, rates
            ),
            public_budget=Budget(
                "public cost", settings.public_cost_per_minute, settings.public_cost, rates
            ),
            public_events=Budget("events", settings.public_events, settings.public_events, rates),
            caller_budget=Budget(
                "cost", settings.caller_cost_per_minute, settings.caller_cost, rates
            ),
            match_rate=RateLimit(
                "match", settings.match_per_minute, settings.match_per_minute, rates
            ),
            missing_key=("m1", folder.secret("missing-m1")),
            token_key=folder.secret("person-token-k1"),
            cipher=FieldCipher(folder),
            keeping=Keeping(folder.secret("keeping-k1")),
        )
        await node.refresh()
        await node.look_at_directory()
        yield node


def _exchange(
    settings: Settings, home: NodeHome, pool: asyncpg.Pool[Any], keys: OwnKeys, declared: Kinds
) -> Exchange:
    return Exchange(
        pool,
        TileReader(home.log / "feed"),
        keys.feed.verifier,
        declared,
        settings.domain_date,
        region=settings.region,
    )
