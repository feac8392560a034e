"""Strawberry with DataLoader and asyncpg, as its documentation builds a server: one process."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import asyncpg
import strawberry
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

from bench.peer import run_server
from bench.peers.question import KINDS

_ONE = "SELECT * FROM peers.organisation WHERE uscc = $1"
_MANY = "SELECT * FROM peers.organisation ORDER BY name, subject_id LIMIT $1"
_RECORDS = """
SELECT k.place, r.document_no, r.decision_date, r.issuer_name
FROM unnest($1::uuid[]) WITH ORDINALITY k (id, place) CROSS JOIN LATERAL
  (SELECT * FROM peers.{view} v WHERE v.subject_id = k.id
   ORDER BY v.decision_date DESC, v.record_id LIMIT $2) r
ORDER BY k.place, r.decision_date DESC, r.record_id
"""


@strawberry.type
class Record:
    document_no: str | None
    decision_date: date | None
    issuer_name: str | None


@strawberry.type
class Records:
    nodes: list[Record]


async def _records(info: strawberry.Info[Any, Any], view: str, row: Any, first: int) -> Records:
    return Records(nodes=await info.context["loaders"][view].load((row["subject_id"], first)))


@strawberry.type
class Organisation:
    row: strawberry.Private[Any]
    name: str
    uscc: str | None
    org_code: str | None
    entity_type: str | None
    reg_status: str | None
    established_on: date | None
    address: str | None
    industry: str | None
    reg_authority: str | None
    legal_rep_name: str | None

    @strawberry.field
    async def licences(self, info: strawberry.Info[Any, Any], first: int) -> Records:
        return await _records(info, "licence", self.row, first)

    @strawberry.field
    async def penalties(self, info: strawberry.Info[Any, Any], first: int) -> Records:
        return await _records(info, "penalty", self.row, first)

    @strawberry.field
    async def inspections(self, info: strawberry.Info[Any, Any], first: int) -> Records:
        return await _records(info, "inspection", self.row, first)

    @strawberry.field
    async def red_listings(self, info: strawberry.Info[Any, Any], first: int) -> Records:
        return await _records(info, "red_list", self.row, first)

    @strawberry.field
    async def abnormal_operations(self, info: strawberry.Info[Any, Any], first: int) -> Records:
        return await _records(info, "abnormal_operation", self.row, first)


@strawberry.type
class Organisations:
    nodes: list[Organisation]


def _record(row: Any) -> Record:
    return Record(
        document_no=row["document_no"],
        decision_date=row["decision_date"],
        issuer_name=row["issuer_name"],
    )


def _organisation(row: Any) -> Organisation:
    values = {name: value for name, value in row.items() if name != "subject_id"}
    return Organisation(row=row, **values)


@strawberry.type
class Query:
    @strawberry.field
    async def organisation(self, info: strawberry.Info[Any, Any], code: str) -> Organisation | None:
        row = await info.context["pool"].fetchrow(_ONE, code)
        return None if row is None else _organisation(row)

    @strawberry.field
    async def organisations(self, info: strawberry.Info[Any, Any], first: int) -> Organisations:
        rows = await info.context["pool"].fetch(_MANY, first)
        return Organisations(nodes=[_organisation(row) for row in rows])


class _Server(GraphQL[Any, Any]):
    def __init__(self, schema: strawberry.Schema, pool: asyncpg.Pool[Any]) -> None:
        super().__init__(schema, graphql_ide=None)
        self._pool = pool

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:  # noqa: ARG002 - Strawberry names them
        loaders = {view: DataLoader(load_fn=self._loader(view)) for view in KINDS.values()}
        return {"pool": self._pool, "loaders": loaders}

    def _loader(self, view: str) -> Any:
        async def load(keys: list[Any]) -> list[list[Record]]:
            found: list[list[Record]] = [[] for _ in keys]
            ids, first = [identity for identity, _ in keys], keys[0][1]
            for row in await self._pool.fetch(_RECORDS.format(view=view), ids, first):
                found[row["place"] - 1].append(_record(row))
            return found

        return load


async def _serve() -> None:
    pool = await asyncpg.create_pool(os.environ["PEER_DATABASE"], min_size=1, max_size=8)
    await run_server(_Server(strawberry.Schema(Query), pool), int(os.environ["PEER_PORT"]))


def main() -> None:
    """Serve on the port that is named."""
    import uvloop

    uvloop.run(_serve())


if __name__ == "__main__":
    main()
