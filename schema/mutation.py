"""Mutation 变更: what signed callers can have the node do."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry

from schema.connection import compiled
from schema.decision import DecisionAct, RecordDecision
from schema.investigation import (
    Investigation,
    InvestigationDeletion,
    deletion_arguments,
    saving_arguments,
)
from schema.job import Job
from schema.screening import JobReview, ListKinds
from schema.submission import Submission
from schema.whole_graph import whole_graph_arguments

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


ManyCodes = Annotated[
    list[str] | None,
    strawberry.argument(description="代码 of organisations; or give `upload`."),
]
Upload = Annotated[
    str | None, strawberry.argument(description="上传 name of an uploaded text, one code a line.")
]


def _lookup(
    client_key: ClientKey, codes: ManyCodes = strawberry.UNSET, upload: Upload = strawberry.UNSET
) -> Any: ...


def _screening(
    client_key: ClientKey,
    codes: ManyCodes = strawberry.UNSET,
    upload: Upload = strawberry.UNSET,
    kinds: ListKinds = strawberry.UNSET,
) -> Any: ...


def _submission(
    client_key: ClientKey,
    file_name: Annotated[
        str, strawberry.argument(description="文件名 with its suffix, as a department names it.")
    ],
    content: Annotated[
        str | None, strawberry.argument(description="内容 of a text file: CSV or JSON.")
    ] = strawberry.UNSET,
    content_base64: Annotated[
        str | None, strawberry.argument(description="内容 of any file, XLSX too, as base64.")
    ] = strawberry.UNSET,
    upload: Annotated[
        str | None, strawberry.argument(description="上传 name of an uploaded file.")
    ] = strawberry.UNSET,
    kind: Annotated[
        str | None, strawberry.argument(description="类型 told by the header if null.")
    ] = strawberry.UNSET,
    sent_on: Annotated[
        dt.date | None, strawberry.argument(description="报送日期 if not in the name.")
    ] = strawberry.UNSET,
) -> Any: ...


@strawberry.type(description="异议标注 as it stands after the change.")
class ObjectionMark:
    record_id: str = strawberry.field(description="记录标识.")
    objection: bool = strawberry.field(description="异议.")
    changed: bool = strawberry.field(description="已变更 false when it stood so before.")


@strawberry.type(description="变更 what signed callers can have this node do; each by a clientKey.")
class Mutation:
    save_investigation: Investigation | None = compiled(
        saving_arguments, "保存研判 a question about subjects, with its drawing, to open it again."
    )
    delete_investigation: InvestigationDeletion | None = compiled(
        deletion_arguments, "删除研判 one of the caller's own."
    )
    cancel_job: Job | None = compiled(
        _job,
        "取消任务 of the caller; one that has ended stays as it is.",
    )
    start_lookup: Job | None = compiled(
        _lookup, "批量查询任务 whose codes these are; 100,000 at most, large ones once approved."
    )
    start_screening: Job | None = compiled(
        _screening, "批量筛查任务 on which lists they stand; 100,000 at most, as above."
    )
    start_graph_analysis: Job | None = compiled(
        whole_graph_arguments,
        "全图分析任务 circles, components, risk and communities of the whole graph; for analysts.",
    )
    approve_job: JobReview | None = compiled(
        _job, "批准任务 let somebody else's large job begin; for supervisors."
    )
    refuse_job: JobReview | None = compiled(_job, "不批准任务 for supervisors.")
    submit_batch: Submission | None = compiled(
        _submission, "报送 a file of the caller's unit; read by a job, reported by line."
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
