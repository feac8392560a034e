"""Mutation 变更: what signed callers can have the node do."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from schema.connection import compiled
from schema.decision import DecisionAct, RecordDecision
from schema.job import Job

ClientKey = Annotated[
    str,
    strawberry.argument(
        description="幂等键 8–64 characters of the caller's choice, one for each change: sent again"
        " with the same input it gives the first answer and changes nothing."
    ),
]


def _job(
    client_key: ClientKey,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="任务标识.")],
) -> Any: ...


def _proposal(
    client_key: ClientKey,
    record_id: Annotated[
        strawberry.ID, strawberry.argument(description="记录标识 as a query shows it.")
    ],
    act: Annotated[DecisionAct, strawberry.argument(description="决定 what is to be done.")],
    reason: Annotated[str, strawberry.argument(description="理由 up to 500 characters.")],
) -> Any: ...


def _decision(
    client_key: ClientKey,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="决定标识.")],
) -> Any: ...


def _objection(
    client_key: ClientKey,
    record_id: Annotated[
        strawberry.ID, strawberry.argument(description="记录标识 as a query shows it.")
    ],
    objection: Annotated[
        bool, strawberry.argument(description="异议 whether one is being examined.")
    ],
) -> Any: ...


@strawberry.type(description="异议标注 as it stands after the change.")
class ObjectionMark:
    record_id: str = strawberry.field(description="记录标识.")
    objection: bool = strawberry.field(description="异议.")
    changed: bool = strawberry.field(description="已变更 false when it stood so before.")


@strawberry.type(description="变更 what signed callers can have this node do; each by a clientKey.")
class Mutation:
    cancel_job: Job | None = compiled(
        _job,
        "取消任务 of the caller; one that has ended stays as it is.",
    )
    propose_record_decision: RecordDecision | None = compiled(
        _proposal,
        "拟办 have a record of this city withdrawn or repaired; another steward must confirm it.",
    )
    confirm_record_decision: RecordDecision | None = compiled(
        _decision, "复核通过 carry out what another steward proposed."
    )
    refuse_record_decision: RecordDecision | None = compiled(
        _decision, "复核退回 do not carry it out; the proposer may take it back this way."
    )
    mark_objection: ObjectionMark | None = compiled(
        _objection, "异议标注 mark a record of this city, or take the mark away; for stewards."
    )
