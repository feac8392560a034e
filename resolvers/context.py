"""What a plan needs to run: handed to it, nothing is looked up."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from graph.walk import Limit
from resolvers.pseudonym import scope_key
from resolvers.reading import Store
from security.policy import Persons, Scope


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
    ) -> Any: ...


class AccessReader(Protocol):
    """Reads sealed entries of the access log, newest first."""

    async def entries(
        self, wanted: Mapping[str, Any], /, *, first: int, after: int | None
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """Up to `first` entries before index `after`, and whether more follow."""
        ...


@dataclass(frozen=True)
class Context:
    """One question's surroundings. `today` is the domain date, `token_key` 32 secret bytes."""

    pool: Store
    scope: Scope
    today: dt.date
    token_key: bytes
    graph: GraphReader | None = None
    access: AccessReader | None = None

    @cached_property
    def person_key(self) -> bytes:
        """The key of the person tokens that this caller sees.

        One per agreement for a partner city, one per role else; the public's is thrown away with
        the answer, so its tokens lead nowhere.
        """
        row = self.scope.row
        if row.persons in (Persons.MASK, Persons.ABSENT):
            return secrets.token_bytes(32)
        if self.scope.agreement is not None:
            return scope_key(self.token_key, f"agreement:{self.scope.agreement}")
        return scope_key(self.token_key, f"role:{row.role}")


@dataclass(frozen=True)
class Call:
    """One run of a compiled statement."""

    context: Context
    variables: Mapping[str, Any] = field(default_factory=dict)
