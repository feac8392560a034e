"""Analysis 多维分析: organisations and records counted by several attributes at once."""

from __future__ import annotations

import datetime as dt
import decimal
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.record import SubjectCategory


@strawberry.enum(description="分析维度 what a table is divided by.")
class AnalysisDimension(Enum):
    PROVINCE = strawberry.enum_value("PROVINCE", description="省 of the organisation")
    REGION = strawberry.enum_value("REGION", description="市 of the organisation")
    DISTRICT = strawberry.enum_value("DISTRICT", description="区县 of the organisation")
    INDUSTRY = strawberry.enum_value("INDUSTRY", description="行业门类 GB/T 4754 section")
    ENTITY_TYPE = strawberry.enum_value("ENTITY_TYPE", description="主体类型 as registered")
    CATEGORY = strawberry.enum_value("CATEGORY", description="主体类别")
    STATUS = strawberry.enum_value("STATUS", description="登记状态")
    KIND = strawberry.enum_value("KIND", description="记录类型")
    MONTH = strawberry.enum_value("MONTH", description="月份 of the decision, YYYY-MM")
    YEAR = strawberry.enum_value("YEAR", description="年份 of the decision")
    LIST = strawberry.enum_value("LIST", description="名单 which list, of records of lists")
    GRADE = strawberry.enum_value(
        "GRADE", description="等级 scheme@version:grade, of the latest evaluation under the scheme"
    )


@strawberry.enum(description="分析指标 what is counted or summed.")
class AnalysisMeasure(Enum):
    ORGANISATIONS = strawberry.enum_value(
        "ORGANISATIONS", description="主体数 distinct organisations"
    )
    RECORDS = strawberry.enum_value("RECORDS", description="记录数 records")
    SHARE = strawberry.enum_value(
        "SHARE", description="占比 share of the organisations of the whole answer, a fraction"
    )
    CAPITAL_SUM = strawberry.enum_value("CAPITAL_SUM", description="注册资本合计 万元, CNY only")
    CAPITAL_AVERAGE = strawberry.enum_value("CAPITAL_AVERAGE", description="注册资本均值 万元")
    AMOUNT_SUM = strawberry.enum_value("AMOUNT_SUM", description="金额合计 fines and arrears, 元")
    AMOUNT_AVERAGE = strawberry.enum_value("AMOUNT_AVERAGE", description="金额均值 per record, 元")


@strawberry.enum(description="合计方式 which totals stand beside the cells.")
class AnalysisTotals(Enum):
    NONE = strawberry.enum_value("NONE", description="无 cells only")
    TOTAL = strawberry.enum_value("TOTAL", description="总计 and one grand total")
    ROLLUP = strawberry.enum_value(
        "ROLLUP", description="逐级小计 from the last dimension to the first"
    )
    CUBE = strawberry.enum_value("CUBE", description="全部小计 over every set of dimensions")


_UNSET: Any = strawberry.UNSET


@strawberry.input(description="关联方条件 another organisation in a relation that is in force.")
class AnalysisParty:
    region: str | None = strawberry.field(
        default=_UNSET, description="所在区划 region id; regions inside it count."
    )
    list_: str | None = strawberry.field(
        default=_UNSET, name="list", description="名单 kind of a record that it has (serious_list)."
    )


@strawberry.input(description="分析筛选 all given conditions hold; each counts as a dimension.")
class AnalysisFilter:
    region: str | None = strawberry.field(
        default=_UNSET, description="区划 region id of a province, city or district."
    )
    industry: str | None = strawberry.field(default=_UNSET, description="行业门类 a letter, A–T.")
    entity_type: str | None = strawberry.field(default=_UNSET, description="主体类型.")
    category: SubjectCategory | None = strawberry.field(default=_UNSET, description="主体类别.")
    status: str | None = strawberry.field(default=_UNSET, description="登记状态.")
    kind: str | None = strawberry.field(default=_UNSET, description="记录类型.")
    month: str | None = strawberry.field(default=_UNSET, description="月份 YYYY-MM.")
    year: int | None = strawberry.field(default=_UNSET, description="年份.")
    list_: str | None = strawberry.field(
        default=_UNSET, name="list", description="名单 as in the dimension (serious_list:TAX)."
    )
    grade: str | None = strawberry.field(
        default=_UNSET, description="等级 as in the dimension (BX-ABCD@2025:A)."
    )
    holder: AnalysisParty | None = strawberry.field(
        default=_UNSET, description="股东 an organisation that holds shares of it."
    )
    holding: AnalysisParty | None = strawberry.field(
        default=_UNSET, description="对外投资 an organisation of which it holds shares."
    )
    guarantor: AnalysisParty | None = strawberry.field(
        default=_UNSET, description="担保人 an organisation that guarantees for it."
    )
    guaranteed: AnalysisParty | None = strawberry.field(
        default=_UNSET, description="被担保人 an organisation for which it guarantees."
    )
    branch: AnalysisParty | None = strawberry.field(
        default=_UNSET, description="分支机构 a branch of it."
    )
    head_office: AnalysisParty | None = strawberry.field(
        default=_UNSET, description="总机构 of which it is a branch."
    )


@strawberry.type(description="维度值 where a cell stands on one dimension.")
class AnalysisKey:
    dimension: AnalysisDimension = described("维度.")
    value: str | None = described("值 null when unknown, or when `total`.")
    label: str | None = described("名称 of the value.")
    total: bool = described("是否合计 the cell is a total over this dimension.")


@strawberry.type(description="指标值 one figure of a cell.")
class AnalysisValue:
    measure: AnalysisMeasure = described("指标.")
    value: decimal.Decimal | None = described(
        "数值 null when suppressed, of nothing, or of what is not even named."
    )
    suppressed: bool = described(
        "是否隐去 too few stand behind it, or it would give such a figure away."
    )


@strawberry.type(description="单元格 one cell of the table, or a total.")
class AnalysisCell:
    keys: list[AnalysisKey] = described("维度值 one for each dimension, in the order asked.")
    values: list[AnalysisValue] = described("指标值 one for each measure, in the order asked.")
    suppressed: bool = described("是否隐去 no figure of the cell is told.")


@strawberry.enum(description="统计对象 of what the cells are made.")
class AnalysisBase(Enum):
    ORGANISATIONS = strawberry.enum_value("ORGANISATIONS", description="主体")
    RECORDS = strawberry.enum_value(
        "RECORDS", description="记录, and the organisations that have them"
    )


@strawberry.type(
    description="多维分析 a table of counts over what the caller may see; never of persons."
)
class Analysis:
    as_of: dt.date = described("时点.")
    base: AnalysisBase = described("统计对象.")
    suppressed: int = described("隐去数 cells of the answer that are named without a figure.")
    cells: list[AnalysisCell] = described("单元格 totals before their parts.")


def analysis_arguments(
    measures: Annotated[
        list[AnalysisMeasure], strawberry.argument(description="指标 one to seven.")
    ],
    dimensions: Annotated[
        list[AnalysisDimension] | None,
        strawberry.argument(description="维度 up to three; none for one total."),
    ] = strawberry.UNSET,
    filter_: Annotated[
        AnalysisFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    totals: Annotated[
        AnalysisTotals, strawberry.argument(description="合计方式.")
    ] = AnalysisTotals.CUBE,
    as_of: Annotated[
        dt.date | None,
        strawberry.argument(description="时点 established and decided by that day; else today."),
    ] = strawberry.UNSET,
) -> Any: ...
