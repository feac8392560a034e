"""经营异常名录, directory of abnormal operations (records.md §8.1; 企业信息公示暂行条例)."""

from __future__ import annotations

from schema.records.block import severity
from schema.records.double_publicity import SUBJECT_CATEGORY
from store.kind import Code, CodeList, Field, FieldType, Kind

REASON = CodeList(
    "AbnormalOperationReason",
    "列入原因",
    (
        Code("NO_ANNUAL_REPORT", "未按期公示年报", ("未依照规定的期限公示年度报告",)),
        Code("NO_DISCLOSURE", "未在责令期限公示有关企业信息"),
        Code("FALSE_DISCLOSURE", "公示信息隐瞒真实情况、弄虚作假"),
        Code(
            "UNREACHABLE",
            "通过登记的住所（经营场所）无法联系",
            ("通过登记的住所或者经营场所无法联系",),
        ),
    ),
)

KIND = Kind(
    name="abnormal_operation",
    label="经营异常名录",
    type_name="AbnormalOperation",
    plural="abnormalOperations",
    description="A listing by the market regulator until the reason is mended.",
    natural_key=("included_on", "reason"),
    includes_subject=True,
    negative=True,
    severity="ORDINARY",
    until_removed=True,
    fields=(
        Field(
            "name",
            "企业名称",
            aliases=("主体名称", "名称"),
            required=True,
            max_length=200,
            envelope="reported_name",
        ),
        Field(
            "subject_category",
            "主体类别",
            FieldType.CODE,
            required=True,
            codes=SUBJECT_CATEGORY,
            envelope="subject_category",
        ),
        Field("uscc", "统一社会信用代码", max_length=18),
        Field("reg_no", "注册号", max_length=50),
        Field("org_code", "组织机构代码", max_length=10),
        Field(
            "reason", "列入经营异常名录原因", FieldType.CODE, required=True, codes=REASON, hot=True
        ),
        Field("included_on", "列入日期", FieldType.DATE, required=True, envelope="decision_date"),
        Field(
            "included_by",
            "作出决定机关（列入）",
            required=True,
            max_length=200,
            envelope="issuer_name",
        ),
        Field(
            "included_by_uscc",
            "作出决定机关（列入）代码",
            required=True,
            max_length=18,
            envelope="issuer_uscc",
        ),
        Field(
            "marked_abnormal",
            "标记为经营异常状态",
            FieldType.BOOLEAN,
            description="of individual businesses",
        ),
        severity(),
        Field("removed_on", "移出日期", FieldType.DATE, hot=True, ends_display=True),
        Field("removed_reason", "移出经营异常名录原因", max_length=500),
        Field("removed_by", "作出决定机关（移出）", max_length=200),
        Field(
            "source_unit_name",
            "数据来源单位",
            required=True,
            max_length=200,
            envelope="source_unit_name",
        ),
        Field(
            "source_unit_uscc",
            "数据来源单位代码",
            required=True,
            max_length=18,
            envelope="source_unit_uscc",
        ),
    ),
)
