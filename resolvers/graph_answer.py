"""What the graph found, as the store shows it to the caller: parties by policy, edges rechecked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import orjson

from graph.errors import GraphUnavailable
from graph.neighbourhood import Neighbourhood
from graph.paths import Paths
from graph.walk import NeighbourEdge, Truncation
from resolvers.answer import Disclosure, distinct
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.party import party_json
from resolvers.projection import Shape, shaper
from resolvers.reading import fetch
from resolvers.relation import share_bound
from resolvers.statement import Level, Selected, Statement
from resolvers.visibility import relation_visible

_TRIES = 3  # searches: the graph may show what the store does not

Found = TypeVar("Found", Neighbourhood, Paths)


def truncated_value(cuts: Iterable[Truncation]) -> list[dict[str, Any]]:
    """What was cut off, as answers say it."""
    return [{"reason": str(cut.reason), "stage": cut.stage} for cut in cuts]


@dataclass(slots=True)
class Parties:
    """The parties that an answer shows: read once for all fields that select one."""

    statement: Statement
    selected: Selected
    columns: list[str]
    level: Level
    shape: Shape
    _read: dict[UUID, tuple[Any, ...]]
    _disclosed: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def prepare(cls, statement: Statement, selected: Selected) -> Parties:
        """What the selection wants of parties; the `party` of a mapping is that of its `id`."""
        level, found = Level(), dict[UUID, tuple[Any, ...]]()
        columns = [f"({party_json(level, statement, (), 's.id')})::json AS seen"]

        def fill(party: Selected) -> Shape:
            at = len(columns)
            shown = party_json(level, statement, party.details, "s.id")
            columns.append(f"({shown})::json AS j{at}")
            return lambda node: _fragment(found, node, at)

        shape = shaper(statement, selected, fill)
        return cls(statement, selected, columns, level, shape, found)

    async def read(self, ids: Sequence[UUID], call: Call) -> Mapping[UUID, Any]:
        """The parties among these ids that the store shows the caller."""
        bound = self.statement.bind(lambda _: list(ids), "uuid[]")
        empty = "''::bytea"
        columns = [*self.columns]
        columns += [f"{self.level.manifest(kind) or empty} AS {kind}" for kind in ("a", "r")]
        sql, binds = self.statement.finished(
            f"SELECT s.id, {', '.join(columns)} FROM unnest({bound}) s(id)"
            f" {' '.join(self.level.joins)}"
        )
        rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
        seen = [row for row in rows if row["seen"] is not None]
        self._read.update((row["id"], tuple(row)[1:]) for row in seen)
        for kind in ("a", "r"):
            self._disclosed[kind] = distinct(b"".join(row[kind] for row in seen))
        return self._read

    def disclosure(self, rows: int) -> Disclosure:
        """What the answer discloses."""
        return self._disclosing(self._disclosed.get("a", b""), self._disclosed.get("r", b""), rows)

    def disclosure_of(self, ids: Sequence[UUID], rows: int, records: bytes = b"") -> Disclosure:
        """What is disclosed by showing these of the parties, and records besides."""
        shown = [self._read[id_] for id_ in ids if id_ in self._read]
        return self._disclosing(
            distinct(b"".join(row[-2] for row in shown)),
            distinct(records + b"".join(row[-1] for row in shown)),
            rows,
        )

    def _disclosing(self, subjects: bytes, records: bytes, rows: int) -> Disclosure:
        statement = self.statement
        return Disclosure(
            subjects=subjects,
            records=records,
            coordinates=(self.selected.coordinate, *statement.coordinates),
            masked=tuple(statement.masked),
            rows=rows,
        )


def _fragment(parties: Mapping[UUID, tuple[Any, ...]], node: Mapping[str, Any], at: int) -> Any:
    party = parties.get(node["id"])
    found = None if party is None else party[at]
    return None if found is None else orjson.Fragment(found)


async def searched(
    search: Callable[[frozenset[UUID], frozenset[UUID]], Awaitable[Found]],
    parties: Parties,
    call: Call,
    barred: frozenset[UUID],
) -> tuple[Found, frozenset[UUID], Mapping[UUID, Decimal | None]]:
    """What a search finds, which of its nodes the caller does not see, and the edges that the store
    shows the caller, with the upper bounds of their shares.

    `search` is given the subjects and the edges that are as if they were not there: at first the
    `barred`. Of what is then not seen it is told as well and asked again, so that nothing said of
    the search tells that it is there. Raises QuestionError GRAPH_UNAVAILABLE.
    """
    statement, hidden = parties.statement, frozenset[UUID]()
    loans = "BORROWS" in statement.scope.row.relations
    for left in reversed(range(_TRIES)):
        try:
            found = await search(barred, hidden)
        except GraphUnavailable as error:
            raise QuestionError(
                "GRAPH_UNAVAILABLE", "the graph does not answer: try later"
            ) from error
        seen = await parties.read([node.id for node in found.nodes], call)
        stated = await edges_seen(statement, call, found.edges, found.as_of)
        unseen = frozenset(
            node.id
            for node in found.nodes
            if node.id not in seen and not (loans and node.category == "LOAN")
        )
        unstated = {edge.id for edge in found.edges} - stated.keys()
        if not left or not (unseen or unstated):
            break
        barred, hidden = barred | unseen, hidden | unstated
    return found, unseen, stated


async def edges_seen(
    statement: Statement, call: Call, edges: Sequence[NeighbourEdge], as_of: dt.date
) -> Mapping[UUID, Decimal | None]:
    """The edges that the store shows the caller, with the upper bounds of their shares."""
    check = statement.anew(call.context.scope)
    ids = check.bind(lambda _: [edge.id for edge in edges], "uuid[]")
    targets = check.bind(lambda _: [edge.target for edge in edges], "uuid[]")
    day = check.bind(lambda _: as_of, "date")
    visible = relation_visible(
        check, "e", tuple(sorted(statement.scope.row.relations)), walked=True
    )
    sql, binds = check.finished(
        f"SELECT e.relation_id, {share_bound(check, 'e', 'e.subject_id', day)} AS share_max"
        f" FROM relation e WHERE e.relation_id = ANY({ids}) AND e.subject_id = ANY({targets})"
        f" AND e.direction = 'IN' AND {visible}"
    )
    rows = await fetch(call.context.pool, sql, [bind(call) for bind in binds])
    return {row["relation_id"]: row["share_max"] for row in rows}


def edge_values(
    edges: Iterable[NeighbourEdge],
    stated: Mapping[UUID, Decimal | None],
    keys: Mapping[UUID, str],
    region: str,
) -> list[dict[str, Any]]:
    """Edges as an answer shows them: what both cities state is one edge with both statements.

    `stated` are the edges that the store shows, `keys` name the nodes of the answer; of several
    statements that of the node's own city, `region`, comes first.
    """
    told: dict[tuple[Any, ...], dict[str, list[NeighbourEdge]]] = {}
    for edge in edges:
        if edge.id in stated and edge.source in keys and edge.target in keys:
            what = (edge.kind, edge.source, edge.target, edge.position)
            told.setdefault(what, {}).setdefault(edge.origin, []).append(edge)
    values = []
    for cities in told.values():
        ordered = [
            sorted(cities[origin], key=lambda edge: (str(edge.valid_from or ""), edge.id))
            for origin in sorted(cities, key=lambda origin: (origin != region, origin))
        ]
        for place in range(max(map(len, ordered))):
            same = [city[place] for city in ordered if place < len(city)]
            values.append(_edge_value(same, stated, keys))
    return values


def _edge_value(
    same: Sequence[NeighbourEdge],
    stated: Mapping[UUID, Decimal | None],
    keys: Mapping[UUID, str],
) -> dict[str, Any]:
    statements = [
        {
            "relationId": str(edge.id),
            "originRegion": edge.origin,
            "shareMin": edge.share_min,
            "shareMax": stated[edge.id],
            "validFrom": edge.valid_from,
            "validTo": edge.valid_to,
        }
        for edge in same
    ]
    first = same[0]
    return {
        **statements[0],
        "kind": str(first.kind),
        "source": keys[first.source],
        "target": keys[first.target],
        "position": first.position,
        "statements": statements,
    }
