"""From the root fields of an operation to one SQL statement that returns their JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from resolvers import (
    entity,
    matching,
    node,
    party,
    recognition,
    record,
    reference,
    relation,
    search,
    standing,
)
from resolvers.answer import Disclosure, distinct
from resolvers.context import Call
from resolvers.errors import QuestionError, UncompilableError
from resolvers.reading import fetch_one
from resolvers.statement import Level, Row, Selected, Statement
from resolvers.visibility import registration_decides
from store.kind import Kinds

MAX_SQL = 2_000_000  # characters: what is longer takes PostgreSQL longer to plan than to answer
_LOOKUPS = {
    "organisation": ("code",),
    "person": ("id", "code"),
    "node": ("id",),
    "_entities": ("representations",),
}


def routines(kinds: Kinds) -> Mapping[str, Any]:
    """Every routine of stored data by coordinate."""
    return {
        **entity.ROUTINES,
        **matching.ROUTINES,
        **node.ROUTINES,
        **party.ROUTINES,
        **relation.ROUTINES,
        **recognition.ROUTINES,
        **reference.ROUTINES,
        **search.ROUTINES,
        **standing.ROUTINES,
        **record.routines(kinds),
    }


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement ready to run: its first columns are the json of each response key.

    An object that is told member by member has a column for each, and in `parted` what stands
    before them; None for a key of one column.
    """

    sql: str
    parted: tuple[tuple[bytes, ...] | None, ...]
    binds: tuple[Callable[[Call], Any], ...]
    checks: tuple[Callable[[Call], None], ...]
    lookups: tuple[tuple[int, Callable[[Call], Any]], ...]
    coordinates: tuple[str, ...]
    masked: tuple[str, ...]
    has_subjects: bool
    has_records: bool
    direct: Compiled | None = None
    """What is asked first: the same question of a registered organisation whose code stands as
    written. It looks at no relation or record to know whether the caller may see it, and what it
    does not find this statement still may."""

    @property
    def size(self) -> int:
        """Characters of SQL."""
        return len(self.sql) + (self.direct.size if self.direct else 0)

    def values(self, call: Call) -> list[Any]:
        """What is asked with. Raises QuestionError: what the checks refuse, BAD_VALUE."""
        if self.direct is not None:
            return self.direct.values(call)
        for check in self.checks:
            check(call)
        return self.bound(call)

    def bound(self, call: Call) -> list[Any]:
        """The parameters of this very statement. Raises QuestionError BAD_VALUE."""
        values = [bind(call) for bind in self.binds]
        for value in values:
            if isinstance(value, str) and "\x00" in value:
                raise QuestionError("BAD_VALUE", "texts cannot hold the character U+0000")
        return values

    async def run(self, call: Call, values: list[Any]) -> tuple[tuple[bytes, ...], Disclosure, str]:
        """The JSON of each key, what all of it discloses, and the data version of the read.

        Raises QuestionError TIMEOUT, STORE_UNAVAILABLE, INTERNAL. No error carries SQL or data.
        """
        if self.direct is not None:
            answer = await self.direct.run(call, values)
            if answer[0] != (b"null",):
                return answer
            values = self.bound(call)
        row = await fetch_one(call.context.pool, self.sql, values)
        told = iter(row)
        found = self.found(told)
        return found, self._disclosure(call, told, found), row[-1]

    def found(self, told: Iterator[Any]) -> tuple[bytes, ...]:
        """The JSON of each key, of the columns of a row that come first."""
        return tuple([_joined(before, told) for before in self.parted])

    def _disclosure(self, call: Call, told: Iterator[Any], found: Sequence[bytes]) -> Disclosure:
        subjects = (next(told) or b"") if self.has_subjects else b""
        records = (next(told) or b"") if self.has_records else b""
        return Disclosure(
            subjects=distinct(subjects),
            records=distinct(records),
            coordinates=self.coordinates,
            masked=self.masked,
            rows=(len(subjects) + len(records)) // 16,
            not_found=tuple(
                code
                for index, read in self.lookups
                if b"null" in found[index]
                for code in _missing(found[index], read(call))
            ),
        )


def compile_fields(statement: Statement, selected: Sequence[Selected]) -> Compiled:
    """The statement that answers these root fields.

    Raises QuestionError for what the limits refuse, UncompilableError for what is for the executor.
    """
    whole = _compile(statement, selected)
    if [one.name for one in selected] == ["organisation"] and registration_decides(
        statement.scope.row
    ):
        direct = statement.anew(statement.scope, direct=True)
        return replace(whole, direct=_compile(direct, selected))
    return whole


def _compile(statement: Statement, selected: Sequence[Selected]) -> Compiled:
    level = Level()
    query = statement.schema.query_type
    assert query is not None
    root = Row(statement, level, "", query)
    lookups: list[tuple[int, Callable[[Call], Any]]] = []
    shown: list[str] = []
    parted: list[tuple[bytes, ...] | None] = []
    for index, field in enumerate(selected):
        if field.name in _LOOKUPS:
            statement.count_list()
        with statement.deeper():
            routine = statement.routines[field.coordinate]
            whole = routine(root, field)
        members = statement.parted.get(whole)
        if members is None:
            parted.append(None)
            shown.append(f"{_as_json(whole)} AS j{index}")
        else:
            # Put together by PostgreSQL, a long list would be copied into the object that holds it.
            parted.append(_before([key for key, _ in members]))
            shown += [f"{_as_json(one)} AS j{index}_{n}" for n, (_, one) in enumerate(members)]
        for argument in _LOOKUPS.get(field.name, ()):
            given = field.given(argument)
            if given is not None:
                lookups.append((index, given.read))
    manifests = {kind: level.manifest(kind) for kind in ("a", "r")}
    shown += [f"{found} AS {kind}" for kind, found in manifests.items() if found is not None]
    shown.append("pg_snapshot_xmin(pg_current_snapshot())::text AS v")
    sql, binds = statement.finished(
        f"SELECT {', '.join(shown)} FROM (SELECT 1) one {' '.join(level.joins)}"
    )
    if len(sql) > MAX_SQL:
        raise UncompilableError("the statement is too long")
    return Compiled(
        sql=sql,
        parted=tuple(parted),
        binds=binds,
        checks=tuple(statement.checks),
        lookups=tuple(lookups),
        coordinates=tuple(statement.coordinates),
        masked=tuple(statement.masked),
        has_subjects=manifests["a"] is not None,
        has_records=manifests["r"] is not None,
    )


def _before(keys: Sequence[str]) -> tuple[bytes, ...]:
    """What stands before each member of an object, whose keys are GraphQL names."""
    return tuple([b'%b"%b":' % (b"," if n else b"{", key.encode()) for n, key in enumerate(keys)])


def _joined(before: tuple[bytes, ...] | None, told: Iterator[Any]) -> bytes:
    """The json of one key, of its columns."""
    if before is None:
        value = next(told)
        return b"null" if value is None else value
    parts: list[bytes] = []
    for one in before:
        value = next(told)
        parts += (one, b"null" if value is None else value)
    return b"".join([*parts, b"}"])


def _missing(found: bytes, asked: Any) -> list[str]:
    """What was asked for and not found: one code, or those of a list whose places are null."""
    if isinstance(asked, list):
        places = zip(orjson.loads(found), asked, strict=True)
        return [entity.named(one) for place, one in places if place is None]
    return [str(asked)] if found == b"null" else []


def _as_json(expression: str) -> str:
    return f"({expression})::json"
