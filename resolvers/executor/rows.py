"""Plain rows for the executor lane: fixed statements, read in batches, each row once.

No statement here knows who asks: rows come by subject, by id, by code, or in the order of a key,
and `sight` decides what of them is seen. The database role behind the pool is the second wall.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from strawberry.dataloader import DataLoader

from resolvers.executor.budget import CHUNK, Budget
from resolvers.reading import Store, fetch
from store.kind import Kinds
from store.name import bigrams, common_sql
from store.simplified import searched_name
from store.sound import Sounding

Fields = Mapping[str, Any]  # a row by column name

_RECORD = (
    "subject_id, record_id, kind, origin_region, origin_platform, subject_category,"
    " reported_name, reported_code, reported_code_type, document_no, issuer_name, issuer_uscc,"
    " source_unit_name, source_unit_uscc, decision_date, received_at, class, severity,"
    " rule_set_id, display_from, display_min_until, display_until, display_ended_on,"
    " display_end_reason, query_until, status, objection, remark, fields, screened"
)
_WHOLE = {
    "agreement": "agreement_id, parties, valid_from, valid_to",
    "grade_mapping": "mapping_id, agreement_id, scheme, version, purposes, valid_from, valid_to",
}
_ORGANISATION_KEYS = {"NAME": "name", "ESTABLISHED_ON": "established_on", "USCC": "uscc"}


class Rows:
    """The rows of one question: what was read stays, and is counted once."""

    def __init__(self, pool: Store, kinds: Kinds, budget: Budget) -> None:
        self._pool = pool
        self._budget = budget
        self._turn = asyncio.Semaphore(2)  # connections that one question may hold
        hot = sorted({f"x_{field.name}" for kind in kinds for field in kind.hot_fields})
        self._record = ", ".join((_RECORD, *hot))
        self._loaders: dict[str, DataLoader[Any, Any]] = {}

    async def read(self, sql: str, *values: Any) -> list[Any]:
        """The rows of a statement; raises QuestionError as `resolvers.reading`, and COST_LIMIT."""
        room = f"{sql} LIMIT {self._budget.left + 1}" if " LIMIT " not in sql else sql
        async with self._turn:
            rows = await fetch(self._pool, room, values)
        self._budget.spend(len(rows))
        return rows

    # By id: one row each, None where there is none.

    async def organisation(self, subject: UUID | None) -> Fields | None:
        return await self._one("organisation", "organisation", "*", "subject_id", "uuid", subject)

    async def person(self, subject: UUID | None) -> Fields | None:
        return await self._one("person", "person", "*", "subject_id", "uuid", subject)

    async def loan(self, subject: UUID | None) -> Fields | None:
        return await self._one("loan", "loan", "*", "subject_id", "uuid", subject)

    async def region(self, region: str | None) -> Fields | None:
        return await self._one("region", "region", "*", "region_id", "text", region)

    async def unit(self, unit: str | None) -> Fields | None:
        return await self._one("unit", "unit", "*", "unit_id", "text", unit)

    async def working_day(self, day: Any) -> Fields | None:
        return await self._one("working day", "working_day", "*", "day", "date", day)

    async def working_ordinal(self, ordinal: int) -> Sequence[Fields]:
        return await self._several("ordinal", "working_day", "*", "ordinal", "integer", ordinal)

    async def subject(self, subject: UUID | None) -> Fields | None:
        columns = "subject_id, merged_into, audit_ref"
        return await self._one("subject", "subject", columns, "subject_id", "uuid", subject)

    # By key: every row with it.

    async def relations(self, subject: UUID) -> Sequence[Fields]:
        return await self._several("relations", "relation", "*", "subject_id", "uuid", subject)

    async def records(self, subject: UUID) -> Sequence[Fields]:
        return await self._several("records", "record", self._record, "subject_id", "uuid", subject)

    async def records_by_id(self, record: UUID) -> Sequence[Fields]:
        return await self._several("record", "record", self._record, "record_id", "uuid", record)

    async def records_of_document(self, number: str) -> Sequence[Fields]:
        return await self._several(
            "document", "record", self._record, "document_no", "text", number
        )

    async def organisations_of_uscc(self, code: str) -> Sequence[Fields]:
        return await self._several("uscc", "organisation", "*", "uscc", "text", code)

    async def persons_named(self, name: str) -> Sequence[Fields]:
        return await self._several("person name", "person", "*", "name", "text", name)

    async def persons_beginning(self, surname: str) -> list[Fields]:
        sql = "SELECT * FROM person WHERE name >= $1 AND name < $1 || chr(1114111)"
        return await self.read(sql, surname)

    async def names_holding(self, text: str, most: int) -> list[Fields]:
        """Names of organisations that hold a text, found by its fragments of two characters."""
        sql = (
            "SELECT * FROM organisation_name WHERE bigrams @> $1::text[]"
            f" AND position($2 in plain) > 0 LIMIT {most:d}"
        )
        return await self.read(sql, bigrams(text), searched_name(text))

    async def common(self, fragments: list[str]) -> bool:
        """Whether a large part of all names hold each of these fragments."""
        [row] = await self.read(f"SELECT {common_sql('$1::text[]')} AS common", fragments)
        return bool(row["common"])

    async def names_in_order(self, most: int) -> list[Fields]:
        """The first names of all."""
        sql = f"SELECT * FROM organisation_name ORDER BY plain, subject_id LIMIT {most:d}"
        return await self.read(sql)

    async def names_sounding(self, way: Sounding, most: int) -> list[Fields]:
        """Names that sound so, found by the fragments."""
        sql = (
            "SELECT * FROM organisation_name WHERE sounds @> $1::text[]"
            f" AND spelt ~ $2 LIMIT {most:d}"
        )
        return await self.read(sql, list(way.fragments), way.pattern)

    async def names_beginning(self, text: str, most: int) -> list[Fields]:
        """Names of organisations that begin with a text, in order."""
        sql = (
            "SELECT * FROM organisation_name WHERE plain >= $1 AND plain < $1 || chr(1114111)"
            f" ORDER BY plain, subject_id LIMIT {most:d}"
        )
        return await self.read(sql, text)

    async def persons_of_token(self, agreement: str | None, token: bytes) -> list[Fields]:
        sql = (
            "SELECT s.subject_id, s.merged_into, s.audit_ref FROM person_token t"
            " JOIN subject s USING (subject_id) WHERE t.agreement_id = $1 AND t.token = $2"
        )
        return await self.read(sql, agreement, token)

    async def codes(self, subject: UUID) -> Sequence[Fields]:
        return await self._several("codes", "identifier", "*", "subject_id", "uuid", subject)

    async def names(self, subject: UUID) -> Sequence[Fields]:
        return await self._several("names", "organisation_name", "*", "subject_id", "uuid", subject)

    async def carriers(self, value: str) -> Sequence[Fields]:
        """The identifiers of this value, of any scheme."""
        return await self._several("carriers", "identifier", "*", "value", "text", value)

    async def mapping_rows(self, mapping: str) -> Sequence[Fields]:
        return await self._several(
            "mapping rows", "grade_mapping_row", "*", "mapping_id", "text", mapping
        )

    # Small tables, whole.

    @cached_property
    def _whole(self) -> DataLoader[str, list[Fields]]:
        async def load(tables: list[str]) -> list[list[Fields]]:
            return [
                await self.read(f"SELECT {_WHOLE.get(table, '*')} FROM {table}") for table in tables
            ]

        return DataLoader(load)

    async def table(self, name: str) -> list[Fields]:
        """All rows of a small table of published facts."""
        return await asyncio.shield(self._whole.load(name))

    @cached_property
    def _repairs(self) -> DataLoader[tuple[UUID, str, Any, Any], bool]:
        async def load(asked: list[tuple[UUID, str, Any, Any]]) -> list[bool]:
            rows = await self.read(
                "SELECT repaired_within(u.s, u.o, u.a, u.d) AS found"
                " FROM unnest($1::uuid[], $2::text[], $3::date[], $4::date[])"
                " WITH ORDINALITY u(s, o, a, d, n) ORDER BY u.n",
                *map(list, zip(*asked, strict=True)),
            )
            return [row["found"] for row in rows]

        return DataLoader(load, max_batch_size=CHUNK)

    async def repaired(self, subject: UUID, origin: str, after: Any, until: Any) -> bool:
        """Whether a record of the subject and city was repaired in those days: repaired records
        stand behind every reader's wall, and the store says no more than yes or no."""
        return await asyncio.shield(self._repairs.load((subject, origin, after, until)))

    # Long tables, in the order of a key.

    async def organisations(
        self, order: str, backward: bool, start: Sequence[Any] | None
    ) -> AsyncIterator[list[Fields]]:
        """All organisations by an order and id, in chunks; nulls are the greatest."""
        column = _ORGANISATION_KEYS[order]
        async for rows in self._scan("organisation", column, "subject_id", backward, start):
            yield rows

    async def all_records(
        self, kind: str, date: str, backward: bool, start: Sequence[Any] | None
    ) -> AsyncIterator[list[Fields]]:
        """All records of a kind by one of their dates, newest first unless `backward`."""
        scan = self._scan(
            "record", date, "record_id", backward, start,
            columns=self._record, key_descends=True, kind=kind,
        )  # fmt: skip
        async for rows in scan:
            yield rows

    async def _scan(
        self,
        table: str,
        key: str,
        tie: str,
        backward: bool,
        start: Sequence[Any] | None,
        *,
        columns: str = "*",
        key_descends: bool = False,
        kind: str | None = None,
    ) -> AsyncIterator[list[Fields]]:
        """Chunks after a (key, tie); `key_descends` turns the key against its tie."""
        last = None if start is None else tuple(start)
        down, tied_down = backward != key_descends, backward
        order = f"{key} {'DESC' if down else 'ASC'}, {tie} {'DESC' if tied_down else 'ASC'}"
        of_kind = "kind = $1" if kind is not None else "$1::text IS NULL"
        size = 100
        while True:
            # Each of the three statements reads a range of one index.
            for condition, bound in _ranges(key, tie, down, tied_down, last):
                sql = (
                    f"SELECT {columns} FROM {table} WHERE {of_kind} AND {condition}"
                    f" ORDER BY {order} LIMIT {size}"
                )
                rows = await self.read(sql, kind, *bound)
                if rows:
                    break
            else:
                return
            yield rows
            last = (rows[-1][key], rows[-1][tie])
            size = CHUNK

    # How keys are gathered into reads. A read is shared by all who wait for it, so it is shielded:
    # an error elsewhere ends one field's waiting, and must not end the others'.

    async def _one(
        self, name: str, table: str, columns: str, key: str, cast: str, value: Any
    ) -> Fields | None:
        if value is None:
            return None
        rows = await self._several(name, table, columns, key, cast, value)
        return rows[0] if rows else None

    async def _several(
        self, name: str, table: str, columns: str, key: str, cast: str, value: Any
    ) -> Sequence[Fields]:
        loader = self._loaders.get(name)
        if loader is None:
            sql = f"SELECT {columns} FROM {table} WHERE {key} = ANY($1::{cast}[])"
            loader = DataLoader(partial(self._load, sql, key), max_batch_size=CHUNK)
            self._loaders[name] = loader
        found: Sequence[Fields] = await asyncio.shield(loader.load(value))
        return found

    async def _load(self, sql: str, key: str, values: list[Any]) -> list[list[Fields]]:
        found: dict[Any, list[Fields]] = defaultdict(list)
        for row in await self.read(sql, values):
            found[row[key]].append(row)
        return [found[value] for value in values]


def _ranges(
    key: str, tie: str, down: bool, tied_down: bool, last: tuple[Any, ...] | None
) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """The ranges after a position, in order; nulls of the key are the greatest."""
    if last is None:
        yield "true", ()
        return
    value, tied = last
    tied_after = f"{tie} {'<' if tied_down else '>'}"
    if value is None:
        yield f"{key} IS NULL AND {tied_after} $2", (tied,)
        if down:
            yield f"{key} IS NOT NULL", ()
        return
    yield f"{key} = $2 AND {tied_after} $3", (value, tied)
    yield f"{key} {'<' if down else '>'} $2", (value,)
    if not down:
        yield f"{key} IS NULL", ()
