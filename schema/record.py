"""Records 信用记录: the envelope that every kind shares (records.md §0)."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from schema.binding import Column, Form, Source, bound, described, stored
from schema.direction import Direction
from schema.node import Node
from schema.reference import SourceUnit
from schema.timeliness import Timeliness
from store.kind import Visibility

if TYPE_CHECKING:
    from schema.party import Party
    from schema.search import MatchKind


@strawberry.enum(description="主体类别 category of a subject.")
class SubjectCategory(Enum):
    LEGAL_ENTITY = strawberry.enum_value("LEGAL_ENTITY", description="法人及非法人组织")
    INDIVIDUAL_BUSINESS = strawberry.enum_value("INDIVIDUAL_BUSINESS", description="个体工商户")
    NATURAL_PERSON = strawberry.enum_value("NATURAL_PERSON", description="自然人")


@strawberry.enum(description="失信程度 severity of a negative record.")
class Severity(Enum):
    MINOR = strawberry.enum_value("MINOR", description="轻微")
    ORDINARY = strawberry.enum_value("ORDINARY", description="一般")
    SERIOUS = strawberry.enum_value("SERIOUS", description="严重")


@strawberry.enum(description="记录状态 state of a record.")
class RecordStatus(Enum):
    DRAFT = strawberry.enum_value("DRAFT", description="草稿")
    VALID = strawberry.enum_value("VALID", description="有效")
    REPAIRED = strawberry.enum_value("REPAIRED", description="已修复")
    WITHDRAWN = strawberry.enum_value("WITHDRAWN", description="已撤销")
    ARCHIVED = strawberry.enum_value("ARCHIVED", description="已归档")
    DELETED = strawberry.enum_value("DELETED", description="已删除")


@strawberry.interface(description="信用记录 one record, whatever its kind.")
class Record(Node):
    kind: str = stored("kind", "记录类型 name of the kind, see `kinds`.")
    subject: Annotated[Party, strawberry.lazy("schema.party")] | None = described(
        "信用主体 the resolved party."
    )
    subject_category: SubjectCategory = stored("subject_category", "主体类别 as reported.")
    reported_name: str | None = described(
        "上报主体名称 as received; a person's name is masked; null where no more may be known than"
        " that the record exists."
    )
    reported_code: str | None = described("上报主体代码 as received; never a person's number.")
    matched_by: Annotated[MatchKind, strawberry.lazy("schema.search")] | None = described(
        "匹配方式 by which reported code the record came to its subject; null by name or number."
    )
    document_no: str | None = stored("document_no", "文书号.")
    issuer_name: str | None = stored("issuer_name", "作出机关.")
    issuer_uscc: str | None = stored("issuer_uscc", "作出机关代码.")
    source_unit: SourceUnit | None = bound(
        Source("source_unit_name", "source_unit_uscc"), "数据来源单位 who reported the record."
    )
    decision_date: dt.date | None = stored(
        "decision_date", "决定日期 publication periods run from this day."
    )
    received_at: dt.datetime | None = stored(
        "received_at",
        "归集时间 when the record first came; sent again, or corrected, it keeps it.",
        Form.TIMESTAMP,
    )
    timeliness: Timeliness = described(
        "及时性 working days from the decision to its first receipt."
    )
    origin_region: str = stored(
        "origin_region", "来源地区 the record keeps its home city for ever."
    )
    origin_platform: str | None = stored("origin_platform", "来源平台.")
    severity: Severity | None = stored("severity", "失信程度 negative records only.")
    rule_set_id: str | None = stored("rule_set_id", "规则集 regime that gave the dates below.")
    display_from: dt.date | None = stored("display_from", "公示起.")
    display_min_until: dt.date | None = stored(
        "display_min_until", "最短公示期止 repair is possible from this day."
    )
    display_until: dt.date | None = stored(
        "display_until", "最长公示期止 not displayed on and after this day."
    )
    status: RecordStatus = stored("status", "状态.")
    objection: bool = stored("objection", "异议标注 an objection is being examined.")
    remark: str | None = bound(
        Column("remark", visibility=Visibility.GOVERNMENT), "备注 government readers only."
    )


@strawberry.enum(description="记录排序 what records are ordered by.")
class RecordOrderField(Enum):
    DECISION_DATE = strawberry.enum_value("DECISION_DATE", description="决定日期")
    RECEIVED_AT = strawberry.enum_value(
        "RECEIVED_AT",
        description="归集时间; records of which the caller may not see it are left out",
    )


@strawberry.input(description="记录排序; ties are broken by id.")
class RecordOrder:
    field: RecordOrderField = strawberry.field(
        default=RecordOrderField.DECISION_DATE, description="排序项."
    )
    direction: Direction = strawberry.field(
        default=Direction.DESC, description="顺序 the newest first, if none is given."
    )


RecordOrderArgument = Annotated[
    RecordOrder | None,
    strawberry.argument(
        name="orderBy", description="排序 newest decision first, if none is given."
    ),
]

AS_OF = (
    "时点 decided by this day, and open or shared by the catalogue of this day; never more than"
    " today."
)


@strawberry.input(description="记录筛选 all given conditions hold.")
class RecordFilter:
    kinds: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="记录类型 names of kinds, see `kinds`."
    )
    subject: str | None = strawberry.field(
        default=strawberry.UNSET, description="主体 USCC, any other code, or scheme:value."
    )
    subject_category: SubjectCategory | None = strawberry.field(
        default=strawberry.UNSET, description="主体类别."
    )
    decided_from: dt.date | None = strawberry.field(
        default=strawberry.UNSET, description="决定日期自 inclusive."
    )
    decided_to: dt.date | None = strawberry.field(
        default=strawberry.UNSET, description="决定日期至 inclusive."
    )
    as_of: dt.date | None = strawberry.field(default=strawberry.UNSET, description=AS_OF)
    issuer: str | None = strawberry.field(
        default=strawberry.UNSET, description="作出机关 its USCC, or its name in full."
    )
    origin_region: str | None = strawberry.field(
        default=strawberry.UNSET, description="来源地区 region id, for example 210500."
    )
    document_no: str | None = strawberry.field(
        default=strawberry.UNSET, description="文书号 in full."
    )
