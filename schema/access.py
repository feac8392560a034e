"""Access entries 查询使用登记: what auditors and subjects read of the access log."""

from __future__ import annotations

import datetime as dt

import strawberry

from schema.binding import described
from schema.connection import PageInfo


@strawberry.type(description="查询登记 one sealed entry of the access log.")
class AccessEntry:
    index: int = described("序号 position in the log.")
    leaf: str = described("叶哈希 hexadecimal.")
    time: dt.datetime = described("时间.")
    kind: str = described("类别.")
    caller: str = described("查询方.")
    actor: str | None = described("经办人 acting person; not told to the subject.")
    key_id: str | None = described("密钥标识 not told to the subject.")
    purpose: str | None = described("用途.")
    case: str | None = described("案由号 not told to the subject.")
    decision: str = described("结论 answered or denied, with the code.")
    status: int = described("状态 HTTP status.")
    rows: int = described("行数 disclosed.")
    subjects: int = described("主体数 disclosed.")
    records: int = described("记录数 disclosed.")
    policy_version: str = described("规则版本.")
    entry: str | None = described("登记原文 canonical JSON, RFC 8785; not told to the subject.")


@strawberry.type(description="查询登记 one row of a page.")
class AccessEntryEdge:
    cursor: str = described("游标.")
    node: AccessEntry = described("登记.")


@strawberry.type(description="查询登记 one page of entries, newest first.")
class AccessEntryConnection:
    page_info: PageInfo = described("分页信息.")
    edges: list[AccessEntryEdge] = described("各登记.")
    nodes: list[AccessEntry] = described("各登记 without cursors.")


@strawberry.input(description="登记筛选 all given conditions hold.")
class AccessEntryFilter:
    caller: str | None = strawberry.field(default=strawberry.UNSET, description="查询方.")
    purpose: str | None = strawberry.field(default=strawberry.UNSET, description="用途 P1…P17.")
    case: str | None = strawberry.field(default=strawberry.UNSET, description="案由号 in full.")
    since: dt.datetime | None = strawberry.field(
        default=strawberry.UNSET, description="时间自 inclusive."
    )
    until: dt.datetime | None = strawberry.field(
        default=strawberry.UNSET, description="时间至 exclusive."
    )
    subject: str | None = strawberry.field(
        default=strawberry.UNSET, description="主体 USCC or any other code."
    )
