"""How far the graph has come: the whole state of the projection, kept in the graph itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from uuid import uuid4

from graph.layout import LAYOUT

_POSITION = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,16})\Z")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the outbox, ordered by transaction, then by row."""

    xid: int = 0
    seq: int = 0

    def __str__(self) -> str:
        """The opaque form that answers carry."""
        return f"{self.xid:x}-{self.seq:x}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position of an opaque form. Raises ValueError."""
        match = _POSITION.match(text)
        if match is None:
            raise ValueError("a position looks like 2f1-9c: give one that an answer carried")
        return cls(int(match[1], 16), int(match[2], 16))


class Stage(StrEnum):
    """What the projection does next: empty the graph, fill it, then follow the outbox."""

    EMPTYING = "EMPTYING"
    FILLING_NODES = "FILLING_NODES"
    FILLING_EDGES = "FILLING_EDGES"
    FOLLOWING = "FOLLOWING"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The position the graph shows, of which store, and what comes next.

    While it is filled, `position` is where following will start and `cursor` the last key that
    was copied. `source` names the database, so that a graph is never continued from another;
    `generation` is new each time the graph is emptied.
    """

    source: str
    stage: Stage
    position: Position = Position()
    cursor: str = ""
    generation: str = ""
    layout: int = LAYOUT

    @classmethod
    def fresh(cls, source: str) -> Self:
        """The start of a new filling."""
        return cls(source, Stage.EMPTYING, generation=uuid4().hex)

    @classmethod
    def of(cls, properties: dict[str, Any]) -> Self:
        """The checkpoint that a node of the graph holds. Raises KeyError, ValueError."""
        return cls(
            source=properties["source"],
            stage=Stage(properties["stage"]),
            position=Position(properties["xid"], properties["seq"]),
            cursor=properties["cursor"],
            generation=properties["generation"],
            layout=properties["layout"],
        )

    def properties(self) -> dict[str, Any]:
        """What the node of the graph holds."""
        return {
            "source": self.source,
            "stage": self.stage.value,
            "xid": self.position.xid,
            "seq": self.position.seq,
            "cursor": self.cursor,
            "generation": self.generation,
            "layout": self.layout,
        }


# Writing takes the node's lock, so one projector works at a time and each sees the last commit.
LOCK = """
MERGE (c:Checkpoint {name: 'graph'})
SET c.locked = true
REMOVE c.locked
RETURN properties(c) AS checkpoint
"""

READ = "MATCH (c:Checkpoint {name: 'graph'}) RETURN properties(c) AS checkpoint"

WRITE = "MATCH (c:Checkpoint {name: 'graph'}) SET c += $checkpoint"
