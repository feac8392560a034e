"""The connection to Neo4j: quick to say that it is down, back by itself when Neo4j is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import neo4j
from neo4j.exceptions import (
    AuthError,
    ClientError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from graph.errors import GraphTimeout, GraphUnavailable
from graph.layout import CONSTRAINTS

_CONNECT_SECONDS = 2.0
_CONSTRAINT_TRIES = 5
_WRITE_SECONDS = 300.0  # a projector that hangs gives up its lock after this


class GraphConnection:
    """A pool of Bolt connections to one Neo4j, opened at first use.

    `uri` is `bolt://` for one server, `neo4j://` for a cluster; without `user` none is named.
    """

    def __init__(self, uri: str, user: str = "", password: str = "") -> None:
        self._driver = neo4j.AsyncGraphDatabase.driver(
            uri,
            auth=(user, password) if user else None,
            connection_timeout=_CONNECT_SECONDS,
            connection_acquisition_timeout=2 * _CONNECT_SECONDS,
            max_connection_pool_size=32,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._driver.close()

    async def __aenter__(self) -> GraphConnection:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def create_constraints(self) -> None:
        """Create what makes ids unique, if it is not there.

        Raises GraphUnavailable.
        """
        for statement in (*CONSTRAINTS, "CALL db.awaitIndexes(60)"):
            for tried in range(_CONSTRAINT_TRIES):
                # Two processes that create it at once pass IF NOT EXISTS together.
                try:
                    await self.read(statement, {}, seconds=90, access=neo4j.WRITE_ACCESS)
                    break
                except ClientError as error:
                    if "AlreadyExists" in (error.code or ""):
                        break
                    raise
                except GraphUnavailable as error:
                    deadlock = isinstance(error.__cause__, TransientError)
                    if not deadlock or tried + 1 == _CONSTRAINT_TRIES:
                        raise
                    await asyncio.sleep(random.uniform(0, 0.1 * 2**tried))

    async def read(
        self,
        statement: str,
        parameters: Mapping[str, Any],
        *,
        seconds: float,
        access: str = neo4j.READ_ACCESS,
    ) -> list[neo4j.Record]:
        """Every row of one statement, within `seconds`.

        Asks a second time at once when a pooled connection has died, as after a restart of Neo4j.
        Raises GraphUnavailable, GraphTimeout.
        """
        if seconds <= 0:
            raise GraphTimeout
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await self._run(statement, parameters, seconds, access)
                except (ServiceUnavailable, SessionExpired):
                    return await self._run(statement, parameters, seconds, access)
        except TimeoutError as cause:
            raise GraphTimeout from cause
        except (Neo4jError, DriverError, OSError) as cause:
            raise _translated(cause) from cause

    async def _run(
        self, statement: str, parameters: Mapping[str, Any], seconds: float, access: str
    ) -> list[neo4j.Record]:
        query = neo4j.Query(statement, timeout=seconds)
        async with self._driver.session(default_access_mode=access, fetch_size=-1) as session:
            result = await session.run(query, dict(parameters))
            return [record async for record in result]

    async def stream(
        self, statement: str, parameters: Mapping[str, Any]
    ) -> AsyncGenerator[neo4j.Record, None]:
        """The rows of one statement as they come, for readings of the whole graph.

        Raises GraphUnavailable.
        """
        try:
            async with self._driver.session(
                default_access_mode=neo4j.READ_ACCESS, fetch_size=10_000
            ) as session:
                result = await session.run(statement, dict(parameters))
                async for record in result:
                    yield record
        except (Neo4jError, DriverError, OSError) as cause:
            raise _translated(cause) from cause

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[neo4j.AsyncTransaction]:
        """A transaction that is committed at the end of the block, or rolled back by an error.

        Raises GraphUnavailable; whether a commit that failed was done is then unknown.
        """
        try:
            async with (
                self._driver.session() as session,
                await session.begin_transaction(timeout=_WRITE_SECONDS) as transaction,
            ):
                yield transaction
                await transaction.commit()
        except (Neo4jError, DriverError, OSError) as cause:
            raise _translated(cause) from cause


def _translated(cause: Exception) -> Exception:
    if isinstance(cause, AuthError):
        return GraphUnavailable("Neo4j refuses the password: check the node's Neo4j settings.")
    if isinstance(cause, ClientError):
        code = cause.code or ""
        if code.startswith("Neo.ClientError.Transaction.TransactionTimedOut"):
            return GraphTimeout()
        if not code.startswith("Neo.ClientError.Database."):
            return cause
    return GraphUnavailable()
