"""After-review 事后审查: findings, weekly samples and statistics, for auditors and supervisors."""

from __future__ import annotations

import datetime as dt
import enum

import strawberry

from schema.binding import described
from schema.connection import PageInfo


@strawberry.enum(description="审查状态.")
class ReviewState(enum.Enum):
    OPEN = strawberry.enum_value("OPEN", description="待审查")
    IN_REVIEW = strawberry.enum_value("IN_REVIEW", description="审查中")
    CLOSED_JUSTIFIED = strawberry.enum_value("CLOSED_JUSTIFIED", description="办结：正当")
    CLOSED_VIOLATION = strawberry.enum_value("CLOSED_VIOLATION", description="办结：违规")


@strawberry.enum(description="审查规则.")
class ReviewRule(enum.Enum):
    VOLUME = strawberry.enum_value("VOLUME", description="查询量异常")
    PERSONS = strawberry.enum_value("PERSONS", description="单日自然人过多")
    NIGHT = strawberry.enum_value("NIGHT", description="夜间查询")
    NO_CASE = strawberry.enum_value("NO_CASE", description="无案由号")
    PROBING = strawberry.enum_value("PROBING", description="反复查无结果")
    OWN_SUBJECT = strawberry.enum_value("OWN_SUBJECT", description="涉本人、亲属或本单位")
    SAME_SURNAME = strawberry.enum_value("SAME_SURNAME", description="与经办人同姓")
    VIP = strawberry.enum_value("VIP", description="重点主体")
    SAMPLE = strawberry.enum_value("SAMPLE", description="每周抽查")
    DIRECT_READ = strawberry.enum_value("DIRECT_READ", description="绕过接口读取数据库")
    DIRECT_CHANGE = strawberry.enum_value("DIRECT_CHANGE", description="绕过接口改动数据库")


@strawberry.type(description="审查事项 a matter that a rule found, or that the sample drew.")
class ReviewFinding:
    number: int = described("编号.")
    rule: ReviewRule = described("规则.")
    rules_version: str = described("规则版本.")
    caller: str = described("查询方; empty for what bypassed the API.")
    caller_name: str | None = described("查询方名称.")
    actor: str | None = described("经办人, or the database user.")
    unit: str | None = described("所属单位 USCC.")
    log: str | None = described("日志 origin of the log; null for what bypassed the API.")
    indexes: list[int] = described("序号 of the first 20 entries that show it.")
    signs: int = described("次数 entries or statements that show it.")
    detail: str = described("详情 JSON, by rule.")
    first_time: dt.datetime = described("首次.")
    last_time: dt.datetime = described("末次.")
    found_at: dt.datetime = described("发现时间.")
    deadline: dt.date = described("期限 last day for closing it.")
    overdue: bool = described("超期.")
    state: ReviewState = described("状态.")
    reviewer: str | None = described("审查人.")
    closed_at: dt.datetime | None = described("办结时间.")
    reason: str | None = described("办结理由.")


@strawberry.type(description="审查事项 one row of a page.")
class ReviewFindingEdge:
    cursor: str = described("游标.")
    node: ReviewFinding = described("事项.")


@strawberry.type(description="审查事项 one page, newest first.")
class ReviewFindingConnection:
    page_info: PageInfo = described("分页信息.")
    edges: list[ReviewFindingEdge] = described("各事项 with their cursors.")
    nodes: list[ReviewFinding] = described("各事项.")


@strawberry.input(description="审查事项筛选 all given conditions hold.")
class ReviewFindingFilter:
    state: ReviewState | None = strawberry.field(default=strawberry.UNSET, description="状态.")
    rule: ReviewRule | None = strawberry.field(default=strawberry.UNSET, description="规则.")
    caller: str | None = strawberry.field(default=strawberry.UNSET, description="查询方.")
    overdue: bool | None = strawberry.field(
        default=strawberry.UNSET, description="超期 only what is open after its deadline, if true."
    )


@strawberry.type(description="每周抽查 what draws the sample of a week again.")
class ReviewSample:
    log: str = described("日志 origin of the log.")
    week: str = described("周 ISO 8601.")
    first: int = described("起始序号 of the week.")
    size: int = described("日志长度 when the week had ended.")
    root: str = described("根哈希 of the log at that size, hexadecimal.")
    seed: str = described("种子 hexadecimal.")
    population: int = described("总体 entries to draw from.")
    chosen: int = described("抽取 entries drawn.")


@strawberry.type(description="查询统计 accesses of one role, purpose and outcome.")
class AccessCount:
    role: str | None = described("角色; null for the node's own doings.")
    purpose: str | None = described("用途.")
    decision: str = described("结果 ALLOWED or DENIED.")
    callers: int = described("查询方数.")
    entries: int = described("登记数.")
    subjects: int = described("主体数 disclosed, counted per entry.")
    persons: int = described("自然人数 disclosed, counted per entry.")
    records: int = described("记录数 disclosed, counted per entry.")


@strawberry.type(description="审查统计 findings of one rule and state.")
class ReviewCount:
    rule: ReviewRule = described("规则.")
    state: ReviewState = described("状态.")
    findings: int = described("事项数.")
    overdue: int = described("超期数.")


@strawberry.type(description="半年统计 for the half-year assessment.")
class AccessStatistics:
    since: dt.datetime = described("时间自 inclusive.")
    until: dt.datetime = described("时间至 exclusive.")
    entries: int = described("登记数.")
    denied: int = described("拒绝数.")
    findings: int = described("审查事项数.")
    overdue: int = described("超期数.")
    accesses: list[AccessCount] = described("查询, by role, purpose and outcome.")
    reviews: list[ReviewCount] = described("审查, by rule and state.")
    samples: list[ReviewSample] = described("抽查 of the last 60 weeks, newest first.")
