"""Recognition of grades 评价结果互认: schemes, mappings, and what a grade counts as here."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum

import strawberry

from schema.binding import Column, Form, bound, described, stored
from schema.purpose import Purpose


@strawberry.enum(description="公共等次 common band of recognised grades.")
class CommonBand(Enum):
    EXCELLENT = strawberry.enum_value("EXCELLENT", description="优")
    GOOD = strawberry.enum_value("GOOD", description="良")
    FAIR = strawberry.enum_value("FAIR", description="中")
    POOR = strawberry.enum_value("POOR", description="差")
    UNRATED = strawberry.enum_value("UNRATED", description="未评 never the same as 中")


@strawberry.enum(description="不予互认的原因 why a grade is not recognised as it stands.")
class RecognitionReason(Enum):
    UNRATED = strawberry.enum_value("UNRATED", description="未评 no evaluation to see")
    NO_AGREEMENT = strawberry.enum_value(
        "NO_AGREEMENT", description="无协议 no agreement maps the scheme"
    )
    EXPIRED = strawberry.enum_value("EXPIRED", description="映射已失效 mapping not in force")
    SCHEME_VERSION_UNKNOWN = strawberry.enum_value(
        "SCHEME_VERSION_UNKNOWN", description="方案版本未映射 another version is mapped"
    )
    PURPOSE_NOT_COVERED = strawberry.enum_value(
        "PURPOSE_NOT_COVERED", description="用途不在互认范围"
    )
    STALE = strawberry.enum_value(
        "STALE",
        description="评价已过期 past its validity, or a record was repaired after it",
    )
    VETO = strawberry.enum_value("VETO", description="一票否决 on a serious list: at most 差")


@strawberry.enum(description="评价尺度 scale of a scheme.")
class GradingScale(Enum):
    ORDINAL = strawberry.enum_value("ORDINAL", description="等级")
    NUMERIC = strawberry.enum_value("NUMERIC", description="分数")


@strawberry.type(description="原始评价 the evaluation as its issuer gave it, never rescaled.")
class OriginalGrade:
    record_id: strawberry.ID = described("记录标识 global id of the evaluation.")
    scheme: str | None = stored("x_scheme", "评价方案.")
    version: str | None = stored("x_scheme_version", "方案版本.")
    grade: str | None = stored("x_grade", "评价等级 means something only with its scheme.")
    score: Decimal | None = bound(Column("x_score", Form.DECIMAL), "评价得分.")
    evaluated_on: dt.date | None = stored("decision_date", "评价日期.")
    valid_until: dt.date | None = stored("x_valid_until", "有效期至 inclusive.")
    origin_region: str | None = stored("origin_region", "来源地区 whose evaluation it is.")


@strawberry.type(description="映射依据 the signed mapping that was used or failed.")
class MappingReference:
    id: str = stored("mapping_id", "映射标识.")
    agreement: str = stored("agreement_id", "所属协议.")
    purposes: list[Purpose] = bound(Column("purposes", Form.SEVERAL), "互认用途.")
    valid_from: dt.date = stored("mapping_from", "生效日期.")
    valid_to: dt.date | None = stored("mapping_to", "失效日期 not in force on and after it.")


@strawberry.type(description="否决记录 the record that holds the band down.")
class Veto:
    record_id: strawberry.ID = described("记录标识 global id of the record.")
    kind: str = stored("veto_kind", "记录类型.")
    label: str = stored("veto_label", "名单名称.")
    origin_region: str = stored("veto_region", "来源地区.")


@strawberry.type(
    description="互认结果 what an evaluation counts as under the agreement, and the whole chain."
)
class RecognisedGrade:
    recognised: bool = stored("recognised", "是否互认.")
    band: CommonBand | None = stored("band", "公共等次 null where none may be given.")
    reason: RecognitionReason | None = stored("reason", "原因 null when recognised.")
    purpose: Purpose | None = stored("purpose", "用途 for which it was asked.")
    chain: str = stored("chain", "认定链条 SY-1000 v2 872 → 优 (mapping …).")
    objection: bool = stored("objection", "异议标注 the evaluation is objected to; the band stays.")
    original: OriginalGrade | None = described("原始评价 null where the caller may not see it.")
    mapping: MappingReference | None = described("映射依据.")
    veto: Veto | None = described("否决记录.")


@strawberry.type(description="评价方案 one version of a grading scheme.")
class GradingScheme:
    id: str = stored("scheme", "方案标识.")
    version: str = stored("version", "版本.")
    name: str = stored("name", "名称.")
    region: str | None = stored("region_id", "所属城市 region id; null for a sector's scheme.")
    scale: GradingScale = stored("scale", "尺度.")
    grades: list[str] = bound(Column("grades", Form.SEVERAL), "等级 from best to worst.")
    minimum: Decimal | None = bound(Column("minimum", Form.DECIMAL), "最低分.")
    maximum: Decimal | None = bound(Column("maximum", Form.DECIMAL), "最高分.")


@strawberry.type(description="映射行 one grade or score interval and its band.")
class GradeMappingRow:
    grade: str | None = stored("grade", "等级.")
    low: Decimal | None = bound(Column("low", Form.DECIMAL), "分数自 inclusive.")
    below: Decimal | None = bound(
        Column("below", Form.DECIMAL), "分数至 exclusive; null: up to the scale's maximum."
    )
    band: CommonBand = stored("band", "公共等次.")


@strawberry.type(description="评价映射 a signed mapping of a scheme's grades to common bands.")
class GradeMapping:
    id: str = stored("mapping_id", "映射标识.")
    agreement: str = stored("agreement_id", "所属协议.")
    scheme: str = stored("scheme", "评价方案.")
    version: str = stored("version", "方案版本.")
    purposes: list[Purpose] = bound(Column("purposes", Form.SEVERAL), "互认用途.")
    valid_from: dt.date = stored("valid_from", "生效日期.")
    valid_to: dt.date | None = stored("valid_to", "失效日期.")
    rows: list[GradeMappingRow] = described("映射表.")
