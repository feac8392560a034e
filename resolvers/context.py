"""What a plan needs to run: handed to it, nothing is looked up."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from client.value import value_class
from graph.path import Budget
from graph.paths import Following, Paths
from graph.snapshot.view import Snapshot
from graph.walk import Limit
from resolvers.answer import Answer
from resolvers.desk import Desk
from resolvers.pseudonym import scope_key
from resolvers.reading import Store
from resolvers.seal import Seal
from security.policy import Names, Role, Scope
from security.review import LogReview
from store.catalogue import Catalogues
from store.outbox import Place, Row


class GraphReader(Protocol):
    """Reads the graph; raises an exception with `code` GRAPH_UNAVAILABLE when it cannot."""

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
        allowed_categories: frozenset[str] | None,
        closed: Mapping[str, Limit],
        barred: frozenset[UUID],
        hidden: frozenset[UUID],
        regions: frozenset[str] | None,
    ) -> Any: ...

    async def paths(
        self, start: UUID, end: UUID, *, count: int, following: Following, budget: Budget
    ) -> Paths: ...

    async def links(
        self,
        subjects: Sequence[UUID],
        *,
        centre: UUID | None,
        following: Following,
        budget: Budget,
    ) -> Paths: ...


class Snapshots(Protocol):
    """Gives the graph's snapshot; raises GraphUnavailable while there is none."""

    def current(self) -> Snapshot: ...


class Allowance(Protocol):
    """What a caller may still spend, and on one question (`resolvers.cost`)."""

    @property
    def ceiling(self) -> int: ...

    def spend(self, cost: int, /) -> float:
        """Take the cost; the seconds to wait when there is not enough, else 0."""

    def settle(self, cost: int, /) -> None:
        """Take what the question, whose cost is taken, has turned out to cost beyond it."""


class Matcher(Protocol):
    """Reads the keyed token of a person; raises QuestionError for what is none."""

    def read(self, token: str, /) -> bytes: ...


class Changes(Protocol):
    """The outbox as subscriptions follow it; `pool` reads past the walls."""

    @property
    def pool(self) -> Any: ...

    async def now(self) -> Place: ...

    async def after(
        self, place: Place, entities: frozenset[str], limit: int, /
    ) -> tuple[Sequence[Row], Place, bool]: ...


@dataclass(eq=False)
class Context:
    """One question's surroundings. `today` is the domain date, `token_key` 32 secret bytes.

    Never changed, and not frozen: one is made for each question, and freezing so many fields would
    cost two thirds of that.
    """

    pool: Store
    scope: Scope
    today: dt.date
    token_key: bytes
    graph: GraphReader | None = None
    snapshots: Snapshots | None = None
    graph_job_memory: int = 4_000_000_000  # bytes that an analysis of the whole graph may hold
    access: LogReview | None = None
    read_number: Callable[[bytes], str] | None = None  # decrypts a person's document number
    # Under what a person's identity card number is indexed.
    number_indexes: Callable[[str], Sequence[str]] | None = None
    region: str = ""  # the node's own city
    matcher: Matcher | None = None
    catalogues: Catalogues = field(default_factory=Catalogues)  # of the node's own city
    # What agreements let each partner city send here, by region.
    partner_kinds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    desk: Desk | None = None  # for callers that sign
    changes: Changes | None = None  # for subscriptions
    kept: Store | None = None  # reads the statements that the store keeps, past the walls
    # Asks a question under the same scope: what a job's handler reads, it reads as its caller.
    ask: Callable[[str, Mapping[str, Any]], Awaitable[Answer]] | None = None
    allowance: Allowance | None = None  # what the caller may spend; None: any number of questions

    @cached_property
    def person_key(self) -> bytes:
        """The key of the person tokens that this caller sees.

        One per agreement for a partner city, per unit for a department, per caller for subjects
        and their agents, one per role else; the public's is thrown away with the answer, so its
        tokens lead nowhere.
        """
        scope = self.scope
        row = scope.row
        if scope.agreement is not None:
            return scope_key(self.token_key, f"agreement:{scope.agreement}")
        if row.role in (Role.SELF, Role.AGENT):
            return scope_key(self.token_key, f"caller:{scope.caller}")
        if row.names in (Names.MASK, Names.ABSENT):
            return secrets.token_bytes(32)
        if row.role is Role.DEPT:
            return scope_key(self.token_key, f"unit:{scope.grounds.unit}")
        return scope_key(self.token_key, f"role:{row.role}")

    @cached_property
    def seal(self) -> Seal:
        """The seal of the document numbers in this answer."""
        return Seal(self.read_number)

    def opened(self, body: bytes) -> bytes:
        """The body with the document numbers that the statement sealed."""
        return self.seal.opened(body) if "seal" in self.__dict__ else body


@value_class
class Call:
    """One run of a compiled statement."""

    context: Context
    variables: Mapping[str, Any] = field(default_factory=dict)
