"""Access entries 查询使用登记: what auditors and subjects read of the access log."""

from __future__ import annotations

import datetime as dt
import enum

import strawberry

from schema.binding import described
from schema.connection import PageInfo


@strawberry.enum(description="结论.")
class Outcome(enum.Enum):
    ALLOWED = strawberry.enum_value("ALLOWED", description="已答复")
    DENIED = strawberry.enum_value("DENIED", description="已拒绝")


@strawberry.enum(description="证据状态.")
class EvidenceState(enum.Enum):
    KEPT = strawberry.enum_value("KEPT", description="留存 the question can be shown again.")
    ERASED = strawberry.enum_value("ERASED", description="已销毁 its key was destroyed.")
    NONE = strawberry.enum_value("NONE", description="无 none was ever kept, as of events.")


@strawberry.type(description="见证 a cosignature of the checkpoint, as the node published it.")
class Witnessing:
    name: str = described("见证方 name of the witness's key.")
    time: dt.datetime = described("见证时间 by the witness's clock.")


@strawberry.type(description="查询登记 one sealed entry of the access log.")
class AccessEntry:
    log: str = described("日志 origin of the log; that of an ended log before its successor.")
    index: int = described("序号 position in the log.")
    leaf: str = described("叶哈希 hexadecimal.")
    time: dt.datetime = described("时间.")
    kind: str = described("类别.")
    caller: str = described("查询方; empty for the node's own doings.")
    caller_name: str | None = described("查询方名称 as registered today.")
    role: str | None = described("角色 under which it asked.")
    unit: str | None = described("所属单位 USCC of the caller's unit when the entry was indexed.")
    actor: str | None = described("经办人 acting person; not told to the subject.")
    key_id: str | None = described("密钥标识 not told to the subject.")
    purpose: str | None = described("用途.")
    legal_basis: str | None = described("法律依据 not told to the subject.")
    case: str | None = described("案由号 not told to the subject.")
    correlation: str | None = described("关联号 of the caller; not told to the subject.")
    outcome: Outcome = described("结果 answered or refused.")
    decision: str = described("结论 answered or denied, with the code.")
    status: int = described("状态 HTTP status.")
    rows: int = described("行数 disclosed.")
    subjects: int = described("主体数 disclosed.")
    persons: int = described("自然人数 disclosed, shown in clear or masked.")
    records: int = described("记录数 disclosed.")
    types: list[str] = described("数据类型 types of the API of which the answer showed a field.")
    policy_version: str = described("规则版本.")
    evidence_state: EvidenceState = described("证据状态 of the kept question.")
    proof: str | None = described(
        "存证证明 C2SP tlog-proof: place, inclusion proof, signed checkpoint; 20 a page at most."
    )
    witnesses: list[Witnessing] = described("见证 who cosigned the checkpoint of the proof.")
    entry: str | None = described(
        "登记原文 canonical JSON, RFC 8785; not told to the subject; null where the files of an"
        " ended log are lost."
    )


@strawberry.type(description="查询登记 one row of a page.")
class AccessEntryEdge:
    cursor: str = described("游标.")
    node: AccessEntry = described("登记.")


@strawberry.type(description="查询登记 one page of entries, newest first.")
class AccessEntryConnection:
    page_info: PageInfo = described("分页信息.")
    edges: list[AccessEntryEdge] = described("各登记.")
    nodes: list[AccessEntry] = described("各登记 without cursors.")
    sealed: int = described("已封存 entries of the present log; not told to the subject (0).")
    indexed: int = described(
        "已建索引 entries of it that this search covers; not told to the subject (0)."
    )


@strawberry.input(description="登记筛选 all given conditions hold.")
class AccessEntryFilter:
    caller: str | None = strawberry.field(default=strawberry.UNSET, description="查询方.")
    unit: str | None = strawberry.field(
        default=strawberry.UNSET, description="查询方所属单位 USCC."
    )
    actor: str | None = strawberry.field(default=strawberry.UNSET, description="经办人 in full.")
    purpose: str | None = strawberry.field(default=strawberry.UNSET, description="用途 P1…P17.")
    case: str | None = strawberry.field(default=strawberry.UNSET, description="案由号 in full.")
    correlation: str | None = strawberry.field(
        default=strawberry.UNSET, description="关联号 in full."
    )
    kind: str | None = strawberry.field(
        default=strawberry.UNSET, description="类别 QUERY, SHARE_OUT, UNMASK and so on."
    )
    outcome: Outcome | None = strawberry.field(default=strawberry.UNSET, description="结果.")
    reason: str | None = strawberry.field(
        default=strawberry.UNSET, description="拒绝代码 for example CASE_REQUIRED."
    )
    since: dt.datetime | None = strawberry.field(
        default=strawberry.UNSET, description="时间自 inclusive."
    )
    until: dt.datetime | None = strawberry.field(
        default=strawberry.UNSET, description="时间至 exclusive."
    )
    subject: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="主体 USCC or any other code, an identity card number, or an id.",
    )
    record: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="记录标识 that the answer disclosed."
    )
    record_type: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="记录类型 name of a kind (penalty), or a type of the API (Person).",
    )


@strawberry.type(description="本人被查询记录 one time that somebody read about the subject.")
class AccessHistoryItem:
    log: str = described("日志 origin of the log.")
    index: int = described("序号 position in the log.")
    leaf: str = described("叶哈希 hexadecimal: ask the log for its proof.")
    time: dt.datetime = described("查询时间.")
    caller: str = described("查询方.")
    caller_name: str | None = described("查询方名称; null for another subject of data.")
    unit: str | None = described("所属单位 USCC.")
    purpose: str | None = described("用途.")
    types: list[str] = described("数据类型 of which a field was shown.")


@strawberry.type(description="本人被查询记录 one page, newest first.")
class AccessHistory:
    page_info: PageInfo = described("分页信息.")
    nodes: list[AccessHistoryItem] = described("各次查询.")


@strawberry.type(description="知悉方 who saw it: one log, caller, acting person, purpose and case.")
class Exposure:
    log: str = described("日志 origin of the log that holds these entries.")
    caller: str = described("查询方.")
    caller_name: str | None = described("查询方名称.")
    role: str = described("角色.")
    unit: str | None = described("所属单位 USCC.")
    actor: str | None = described("经办人.")
    purpose: str | None = described("用途.")
    case: str | None = described("案由号.")
    entries: int = described("次数 entries of the log.")
    first_time: dt.datetime = described("首次.")
    last_time: dt.datetime = described("末次.")
    indexes: list[int] = described("序号 of the first 100 of these entries.")


@strawberry.type(description="知悉范围报告 who saw subjects or records in a period.")
class ExposureReport:
    since: dt.datetime = described("时间自 inclusive.")
    until: dt.datetime | None = described("时间至 exclusive; null: up to now.")
    callers: int = described("查询方数.")
    entries: int = described("登记数.")
    complete: bool = described("完整 false when there are more than 10,000 rows: ask by parts.")
    indexed: int = described("已建索引 entries of the present log that the report covers.")
    unknown: list[str] = described("未识别 codes and ids of the question that name nothing.")
    exposures: list[Exposure] = described("各知悉方, earliest first.")
