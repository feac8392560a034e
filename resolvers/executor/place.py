"""What the resolvers of the executor lane are handed: one row of the answer, and one question."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLResolveInfo
from graphql.execution.collect_fields import FragmentDetails

from resolvers.context import Context
from resolvers.executor.manifest import Mentions
from resolvers.executor.rows import Fields, Rows
from resolvers.executor.sight import Grounds, Sight
from store.kind import Kinds


@dataclass(frozen=True, slots=True)
class Item:
    """One object of the answer: its type, the row it is read from, and what it names.

    `grounds` are those of a record; `more` is what only this type needs.
    """

    type: str
    row: Fields
    mentions: Mentions
    grounds: Grounds | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One question while it is answered."""

    context: Context
    rows: Rows
    sight: Sight
    kinds: Kinds
    fragments: dict[str, FragmentDetails] = field(default_factory=dict)

    @property
    def today(self) -> dt.date:
        return self.context.today


class Asked(NamedTuple):
    """A field that is asked for: what it stands in, its question and its arguments."""

    item: Item
    info: GraphQLResolveInfo[Question]
    question: Question
    arguments: Mapping[str, Any]  # without nulls


def global_id(type_name: str, key: object) -> str:
    """A Relay id: base64 of `Type:key`."""
    return base64.b64encode(f"{type_name}:{key}".encode()).decode()
