"""The result of comparing the graph with the store: sums by bucket, then the ids that differ."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

_DIGEST_BYTES = 16


class Entity(StrEnum):
    """The two kinds of things that are compared."""

    NODE = "NODE"
    RELATIONSHIP = "RELATIONSHIP"


class Drift(StrEnum):
    """How the graph differs from the store in one id."""

    MISSING = "MISSING"  # in the store, not in the graph
    EXTRA = "EXTRA"  # in the graph, not in the store
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class Difference:
    """One id in which the graph is not what the store says."""

    entity: Entity
    id: str
    drift: Drift


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are on each side."""

    postgres: int
    neo4j: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of a comparison; `position` is what the graph showed when it began.

    `differing` lists the first 1,000 of `differences`; `in_flight` ids were changed meanwhile and
    not judged; `buckets` are the numbers of the buckets whose sums differed.
    """

    position: str
    nodes: Count
    relationships: Count
    buckets: tuple[int, ...]
    differences: int
    differing: tuple[Difference, ...]
    in_flight: int

    @property
    def ok(self) -> bool:
        """Whether no id differs."""
        return self.differences == 0

    def to_json(self) -> dict[str, Any]:
        """The form that `xinqiao graph verify --json` prints."""
        return {
            "ok": self.ok,
            "position": self.position,
            "nodes": {"postgres": self.nodes.postgres, "neo4j": self.nodes.neo4j},
            "relationships": {
                "postgres": self.relationships.postgres,
                "neo4j": self.relationships.neo4j,
            },
            "buckets": list(self.buckets),
            "differences": self.differences,
            "differing": [
                {"entity": one.entity.value, "id": one.id, "drift": one.drift.value}
                for one in self.differing
            ],
            "in_flight": self.in_flight,
        }


@dataclass(slots=True)
class Sums:
    """Count and sum of digests in each bucket; the order of adding does not matter."""

    counts: Counter[int] = field(default_factory=Counter)
    sums: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, id_: str, digest: int) -> None:
        bucket = bucket_of(id_)
        self.counts[bucket] += 1
        self.sums[bucket] += digest

    def total(self) -> int:
        return self.counts.total()

    def differing(self, other: Sums) -> set[int]:
        """The buckets in which the two sides are not equal."""
        return {
            bucket
            for bucket in self.counts.keys() | other.counts.keys()
            if self.counts[bucket] != other.counts[bucket]
            or self.sums[bucket] != other.sums[bucket]
        }


def bucket_of(id_: str) -> int:
    """The bucket of an id, 0 to 4,095."""
    return int(id_[:3], 16)


def node_digest(labels: Iterable[str], properties: dict[str, Any]) -> int:
    """Digest of all that the graph says of a node."""
    return _digest([sorted(labels), properties])


def edge_digest(kind: str, source_id: str, target_id: str, properties: dict[str, Any]) -> int:
    """Digest of all that the graph says of an edge."""
    return _digest([kind, source_id, target_id, properties])


def _digest(content: list[Any]) -> int:
    plain = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(plain, digest_size=_DIGEST_BYTES).digest(), "big")


def compare(
    store: dict[str, int], graph: dict[str, int], in_flight: frozenset[str], entity: Entity
) -> tuple[list[Difference], int]:
    """The ids that differ, in order, and how many of the others are in flight."""
    differing = [id_ for id_ in store.keys() | graph.keys() if store.get(id_) != graph.get(id_)]
    settled = sorted(id_ for id_ in differing if id_ not in in_flight)
    return [
        Difference(
            entity,
            id_,
            Drift.MISSING
            if id_ not in graph
            else Drift.EXTRA
            if id_ not in store
            else Drift.DIFFERENT,
        )
        for id_ in settled
    ], len(differing) - len(settled)
