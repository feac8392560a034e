"""A small hand-made store: subjects and relations written as intake writes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from store import ids

STAMP = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
BENXI, SHENYANG = "210500", "210100"


class Town:
    """Writes subjects and relations, each change with its outbox row in one transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """One transaction of the store, which notifies the projection at its end."""
        async with self.connection.transaction():
            yield
            await self.connection.execute("NOTIFY outbox")

    async def company(
        self,
        code: str,
        name: str | None = None,
        *,
        origin: str = BENXI,
        region: str | None = None,
        stamp: dt.datetime = STAMP,
    ) -> UUID:
        """A legal entity named by its code; said again, its new name and region."""
        id_ = ids.subject_id("org_code", code)
        await self._subject(id_, "LEGAL_ENTITY")
        await self.connection.execute(
            "INSERT INTO organisation (subject_id, category, name, origin_region, registered,"
            " audit_ref, stamp, batch_sha, line_no, digest, region_id)"
            " VALUES ($1, 'LEGAL_ENTITY', $2, $3, true, '', $4, '', 1, '', $5)"
            " ON CONFLICT (subject_id) DO UPDATE SET name = excluded.name, stamp = excluded.stamp,"
            " region_id = excluded.region_id",
            id_,
            name or f"本溪{code}有限公司",
            origin,
            stamp,
            region,
        )
        await self.touch("SUBJECT", id_, id_)
        return id_

    async def person(self, number: str, name: str = "王伟") -> UUID:
        """A natural person."""
        id_ = ids.subject_id("finbench-person", number)
        await self._subject(id_, "NATURAL_PERSON")
        await self.connection.execute(
            "INSERT INTO person (subject_id, name, is_stub, origin_region, audit_ref, stamp,"
            " batch_sha, line_no) VALUES ($1, $2, false, $3, '', $4, '', 1)"
            " ON CONFLICT DO NOTHING",
            id_,
            name,
            BENXI,
            STAMP,
        )
        await self.touch("SUBJECT", id_, id_)
        return id_

    async def loan(self, number: str) -> UUID:
        """A loan."""
        id_ = ids.subject_id("finbench-loan", number)
        await self._subject(id_, "LOAN")
        await self.connection.execute(
            "INSERT INTO loan (subject_id, loan_no, amount, currency, origin_region, audit_ref,"
            " stamp, batch_sha, line_no) VALUES ($1, $2, 500000, 'CNY', $3, '', $4, '', 1)",
            id_,
            number,
            BENXI,
            STAMP,
        )
        await self.touch("SUBJECT", id_, id_)
        return id_

    async def relation(
        self,
        kind: str,
        source: UUID,
        target: UUID,
        *,
        origin: str = BENXI,
        key: str = "",
        stamp: dt.datetime = STAMP,
        **columns: Any,
    ) -> UUID:
        """A relation at both ends; said again, its new content."""
        id_ = ids.relation_id(origin, kind, str(source), str(target), (key,))
        await self.connection.execute("DELETE FROM relation WHERE relation_id = $1", id_)
        values = {
            "relation_id": id_,
            "kind": kind,
            "origin_region": origin,
            "class": "O",
            "status": "VALID",
            "source_unit_name": "登记机关",
            "source_unit_uscc": "",
            "stamp": stamp,
            "batch_sha": b"",
            "line_no": 1,
            "digest": b"",
            **columns,
        }
        for direction, near, far in (("OUT", source, target), ("IN", target, source)):
            row = {"subject_id": near, "other_id": far, "direction": direction, **values}
            await self.connection.execute(
                f"INSERT INTO relation ({', '.join(row)}) VALUES"
                f" ({', '.join(f'${n}' for n in range(1, len(row) + 1))})",
                *row.values(),
            )
        await self.touch("RELATION", id_, source)
        return id_

    async def holds(self, source: UUID, target: UUID, share: str, **columns: Any) -> UUID:
        """A holding of a known share, a fraction of 1."""
        exact = Decimal(share)
        return await self.relation(
            "HOLDS", source, target, share_min=exact, share_max=exact, **columns
        )

    async def withdraw(self, relation: UUID) -> None:
        """The relation is withdrawn by who stated it."""
        await self.connection.execute(
            "UPDATE relation SET status = 'WITHDRAWN' WHERE relation_id = $1", relation
        )
        await self.touch("RELATION", relation, relation)

    async def touch(self, entity: str, id_: UUID, subject: UUID) -> None:
        """The outbox row of a change."""
        await self.connection.execute(
            "INSERT INTO outbox (entity, entity_id, subject_id) VALUES ($1, $2, $3)",
            entity,
            id_,
            subject,
        )

    async def _subject(self, id_: UUID, category: str) -> None:
        await self.connection.execute(
            "INSERT INTO subject (subject_id, category) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            id_,
            category,
        )
