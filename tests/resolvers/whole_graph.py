"""The handler of whole-graph jobs, run on a store and its snapshot; parts as the node gets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from resolvers.answer import Disclosure
from resolvers.context import Context
from resolvers.operation import Operations
from resolvers.whole_graph_work import analyse

DEFAULTS: dict[str, Any] = {"asOf": "2026-06-30", "first": 1000, "minSize": 2}
TIES = ["BRANCH_OF", "GUARANTEES", "HOLDS", "LEGAL_REP_OF"]


@dataclass
class Parts:
    """What a job hands over, under the framework's own limit of subjects."""

    most: int = 500
    lines: list[Any] = field(default_factory=list)
    disclosed: list[Disclosure] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)

    @property
    def parts(self) -> int:
        return len(self.disclosed)

    async def anew(self) -> None:
        self.lines.clear()
        self.disclosed.clear()

    async def told(self, done: int, total: int | None, stage: str = "") -> None:
        self.stages.append(stage)

    async def put(self, lines: list[Any], disclosure: Disclosure) -> None:
        assert len(disclosure.subjects) <= 16 * self.most
        self.lines += [orjson.loads(orjson.dumps(line)) for line in lines]
        self.disclosed.append(disclosure)

    async def compute(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)


async def analysed(
    operations: Operations, context: Context, kind: str, most: int = 500, **arguments: Any
) -> Parts:
    """The result of a job; its first line tells the snapshot, its last how much there is."""
    parts = Parts(most)
    given = DEFAULTS | arguments
    if kind == "CIRCLES":
        given["minSize"] = arguments.get("minSize", 1)
    await analyse(lambda: operations, kind, context, given, parts)
    assert parts.lines[0]["analysis"] == kind
    assert parts.lines[0]["snapshot"]
    return parts


def groups(parts: Parts) -> list[list[Any]]:
    """The members of each group, those in further lines too."""
    found: dict[int, list[Any]] = {}
    for line in parts.lines:
        if "group" in line:
            assert line.get("from", 0) == len(found.setdefault(line["group"], []))
            found[line["group"]] += line["members"]
    return list(found.values())
