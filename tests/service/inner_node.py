"""A node inside the test's own process: the town's data, real PostgreSQL, HTTP and signatures.

It has no Neo4j and no partner, and starts in about a second.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from client.connection import Answer, Client
from resolvers.job_handler import JobKind
from schema.records import kinds
from security.keys import KeyFolder
from security.registry import (
    Caller,
    RegisteredKey,
    enrol_caller,
    enrol_key,
    load_registry,
    revoke_key,
)
from service.answering import Ending
from service.enrolment import establish, identity_key, node_keys
from service.home import NodeHome
from service.jobs import Jobs
from service.neo4j import Neo4jAddress
from service.node import Node, open_node
from service.preparation import prepare_database
from service.settings import load_settings
from service.work import Work, looking_on
from store.hot import ensure_hot_columns
from tests.resolvers.conftest import _fill
from tests.service.cities import free_port

NO_GRAPH = Neo4jAddress("bolt://127.0.0.1:1", "neo4j", "none")


@dataclass
class InnerNode:
    """The node with its work, and how to ask it as an identity of the demo."""

    root: Path
    dsn: str
    node: Node
    work: Work
    # Clients share it: to make one for each takes longer than most of their questions.
    trust: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)

    @property
    def url(self) -> str:
        return self.node.settings.url

    def client(self, identity: str | None) -> Client:
        key = identity_key(self.root, identity) if identity else None
        http = httpx.Client(timeout=120, verify=self.trust)
        return Client(self.url, key, node_keys(self.root, "benxi"), http=http)

    async def ask(
        self,
        document: str,
        identity: str | None = None,
        variables: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> Answer:
        """Ask over HTTP and verify the answer; `claims` are purpose, case and the like."""

        def asked() -> Answer:
            with self.client(identity) as client:
                return client.query(document, variables or {}, **claims)

        return await asyncio.to_thread(asked)

    async def enrol(self, name: str, role: str, **more: Any) -> str:
        """Enrol a further identity and give its key's id; `more` is of its Caller."""
        key = KeyFolder(self.root / "identities").signing_key(name)
        public = key.public_key
        caller = Caller(name, name, role, **more)
        async with self.node.work_pool.acquire() as connection:
            await enrol_caller(connection, caller)
            await enrol_key(
                connection, RegisteredKey(key.key_id, caller, public.algorithm, public.public)
            )
        self.node.registry = await load_registry(self.node.pool)
        return key.key_id

    async def revoke(self, key_id: str) -> None:
        """Revoke a key from now on."""
        async with self.node.work_pool.acquire() as connection:
            await revoke_key(connection, key_id, time.time())
        self.node.registry = await load_registry(self.node.pool)

    @asynccontextmanager
    async def jobs(self, handlers: Mapping[str, JobKind]) -> AsyncIterator[None]:
        """Jobs are worked on for the time of the block, as the node's own process does."""
        stop = asyncio.Event()
        task = asyncio.create_task(Jobs(self.node, self.work.bell, handlers).run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


@asynccontextmanager
async def inner_node(root: Path, dsn: str, **settings: str) -> AsyncIterator[InnerNode]:
    """Open a node on a migrated database and answer over HTTP; `settings` are of its settings."""
    establish(root)
    environment = {
        f"XINQIAO_{name.upper()}": value
        for name, value in {
            "PORT": str(free_port()),
            "WITNESS_QUORUM": "0",
            "PUBLIC_BURST": "100000",
            **settings,
        }.items()
    }
    configured = load_settings(NodeHome(root, "benxi"), environment)
    connection = await asyncpg.connect(dsn)
    try:
        await ensure_hot_columns(connection, kinds())
        await _fill(connection)
        await connection.execute("UPDATE record SET salt = 'salt'")
    finally:
        await connection.close()
    await prepare_database(dsn, root, configured)
    async with open_node(configured, root, dsn, NO_GRAPH) as node, looking_on(node, dsn) as work:
        ending = Ending()
        answering = asyncio.create_task(ending.answer(node, work))
        try:
            while not ending.started:
                await asyncio.sleep(0.01)
                assert not answering.done()
            yield InnerNode(root, dsn, node, work)
        finally:
            ending.end()
            await answering
