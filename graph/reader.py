"""What resolvers ask the graph, within the time a node gives one question."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from graph.connection import GraphConnection
from graph.neighbourhood import Neighbourhood, neighbourhood, plan_neighbourhood
from graph.path import Budget
from graph.paths import Following, Paths, find_links, find_paths, plan_paths
from graph.walk import Limit


@dataclass(frozen=True, slots=True)
class GraphReader:
    """Questions to one graph; `seconds` is the longest time of one of them."""

    graph: GraphConnection
    seconds: float = 5.0

    async def warm(self, kinds: Iterable[frozenset[str]], seconds: float = 60.0) -> None:
        """Have the graph plan what is asked of it, over each of these sets of kinds: just after
        its start a plan takes it longer than a question may take.

        Raises GraphUnavailable, GraphTimeout.
        """
        for one in kinds:
            await plan_neighbourhood(self.graph, one, seconds)
            following = Following(dt.date.min, one, frozenset("O"), frozenset("O"))
            await plan_paths(self.graph, following, seconds)

    async def neighbourhood(
        self,
        subject_ids: Sequence[UUID],
        *,
        hops: int,
        kinds: frozenset[str] | None,
        as_of: dt.date,
        max_nodes: int,
        max_fan: int,
        allowed_kinds: frozenset[str],
        allowed_classes: frozenset[str],
        allowed_categories: frozenset[str] | None = None,
        closed: Mapping[str, Limit] | None = None,
        barred: frozenset[UUID] = frozenset(),
        hidden: frozenset[UUID] = frozenset(),
        regions: frozenset[str] | None = None,
    ) -> Neighbourhood:
        """See `graph.neighbourhood.neighbourhood`."""
        return await neighbourhood(
            self.graph,
            subject_ids,
            hops=hops,
            kinds=kinds,
            as_of=as_of,
            max_nodes=max_nodes,
            max_fan=max_fan,
            allowed_kinds=allowed_kinds,
            allowed_classes=allowed_classes,
            allowed_categories=allowed_categories,
            closed=closed,
            barred=barred,
            hidden=hidden,
            regions=regions,
            seconds=self.seconds,
        )

    async def paths(
        self, start: UUID, end: UUID, *, count: int, following: Following, budget: Budget
    ) -> Paths:
        """See `graph.paths.find_paths`."""
        return await find_paths(
            self.graph,
            start,
            end,
            count=count,
            following=following,
            budget=budget,
            seconds=self.seconds,
        )

    async def links(
        self,
        subjects: Sequence[UUID],
        *,
        centre: UUID | None,
        following: Following,
        budget: Budget,
    ) -> Paths:
        """See `graph.paths.find_links`."""
        return await find_links(
            self.graph,
            subjects,
            centre=centre,
            following=following,
            budget=budget,
            seconds=self.seconds,
        )
