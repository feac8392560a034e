"""The result of an analysis of the whole graph, handed over in parts that the log can take.

A line tells a group, or a subject that risk reaches; parties are read from the store as the
caller sees them when the part is full. A group whose members do not fit in one part goes on in
the next, with `from` counting the members told before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from resolvers.answer import Disclosure, distinct
from resolvers.graph_answer import Parties
from resolvers.graph_question import Question
from resolvers.job import Progress
from resolvers.projection import scalar

COORDINATE = "Mutation.startGraphAnalysis"
PARTIES = (
    '{ circularOwnership(subject: "") { nodes { party {'
    " __typename id name ... on Organisation { uscc } } } } }"
)
"""What is told of each party."""


@dataclass(slots=True)
class Result:
    """The lines that wait for the next part; `loans` are references of loans they tell of."""

    question: Question
    progress: Progress
    waiting: list[tuple[dict[str, Any], Sequence[UUID]]] = field(default_factory=list)
    ids: dict[UUID, int] = field(default_factory=dict)

    async def tell(
        self, line: dict[str, Any], ids: Sequence[UUID] = (), loans: bytes = b""
    ) -> None:
        """A line, with the members it names and the loans that its figures come from."""
        most = self.progress.most
        if loans:
            await self._log(loans)
        for begin in range(0, max(len(ids), 1), most):
            some = ids[begin : begin + most]
            if len(self.ids.keys() | set(some)) > most or len(self.waiting) >= most:
                await self.hand_over()
            for id_ in some:
                self.ids.setdefault(id_, len(self.ids))
            shown = line if begin == 0 else {"group": line["group"], "from": begin}
            self.waiting.append((shown, some))

    async def hand_over(self) -> None:
        """The part as it is."""
        if not self.waiting:
            return
        question = self.question
        parties = Parties.prepare(
            question.statement.anew(question.call.context.scope), question.selected
        )
        ids = list(self.ids)
        if ids:
            await parties.read(ids, question.call)
        shaped = parties.shape({"nodes": [{"id": id_} for id_ in ids]})["nodes"]
        by_id = {id_: one["party"] for id_, one in zip(ids, shaped, strict=True)}
        lines = [
            {**line, "members": [by_id[one] for one in members]} if members else line
            for line, members in self.waiting
        ]
        shown = parties.disclosure(len(lines))
        coordinates = (COORDINATE, *parties.statement.coordinates)
        await self.progress.put(
            [orjson.loads(orjson.dumps(line, default=scalar)) for line in lines],
            Disclosure(shown.subjects, shown.records, coordinates, shown.masked, rows=shown.rows),
        )
        self.waiting, self.ids = [], {}

    async def _log(self, loans: bytes) -> None:
        """Disclose loans in parts without lines, before what is told of them."""
        width = 16 * self.progress.most
        references = distinct(loans)
        for begin in range(0, len(references), width):
            some = references[begin : begin + width]
            await self.progress.put([], Disclosure(some, coordinates=(COORDINATE,)))
