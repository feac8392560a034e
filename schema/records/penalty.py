"""行政处罚, administrative penalty (records.md §3; 行政处罚法 2021 art. 9).

双公示 forms of 2018 and 2015/16.
"""

from __future__ import annotations

from schema.records.block import severity
from schema.records.double_publicity import (
    USE_RULE,
    issuer_block,
    provincial_block,
    source_block,
    subject_block,
)
from schema.records.double_publicity_2015 import former_form
from store.kind import Code, CodeList, Field, FieldType, Kind, Requirement, Visibility

PENALTY_TYPE = CodeList(
    "PenaltyType",
    "处罚类别",
    (
        Code("WARNING", "警告"),
        Code("PUBLIC_CRITICISM", "通报批评"),
        Code("FINE", "罚款"),
        Code("CONFISCATION_OF_GAINS", "没收违法所得"),
        Code("CONFISCATION_OF_PROPERTY", "没收非法财物"),
        Code("CONFISCATION", "没收违法所得、没收非法财物"),
        Code("SUSPENSION_OF_PERMIT", "暂扣许可证件"),
        Code("DOWNGRADE_OF_QUALIFICATION", "降低资质等级"),
        Code("REVOCATION_OF_PERMIT", "吊销许可证件"),
        Code("SUSPENSION_OR_REVOCATION", "暂扣或者吊销许可证、执照"),
        Code("RESTRICTION_OF_BUSINESS", "限制开展生产经营活动"),
        Code("SUSPENSION_OF_BUSINESS", "责令停产停业"),
        Code("CLOSURE", "责令关闭"),
        Code("RESTRICTION_OF_EMPLOYMENT", "限制从业"),
        Code("DETENTION", "行政拘留"),
        Code("OTHER", "其他"),
    ),
)

PROCEDURE = CodeList(
    "PenaltyProcedure",
    "程序种类",
    (Code("SIMPLE", "简易程序"), Code("ORDINARY", "普通程序")),
)

REVIEW_STATUS = CodeList(
    "ReviewStatus",
    "复议/诉讼状态",
    (
        Code("NONE", "无"),
        Code("UNDER_REVIEW", "复议中"),
        Code("IN_COURT", "诉讼中"),
        Code("UPHELD", "维持"),
        Code("CHANGED", "变更"),
        Code("ANNULLED", "撤销"),
        Code("FOUND_UNLAWFUL", "确认违法"),
        Code("FOUND_VOID", "确认无效"),
    ),
)

_CONFISCATION = frozenset({"CONFISCATION_OF_GAINS", "CONFISCATION_OF_PROPERTY", "CONFISCATION"})
_PERMIT = frozenset({"SUSPENSION_OF_PERMIT", "REVOCATION_OF_PERMIT", "SUSPENSION_OR_REVOCATION"})

# 处罚类别1 and 2 by digit or word.
FORMER_TYPE = CodeList(
    "PenaltyType",
    "处罚类别",
    (
        Code("WARNING", "警告", ("0",)),
        Code("FINE", "罚款", ("1",)),
        Code("CONFISCATION", "没收违法所得、没收非法财物", ("2", "没收违法所得", "没收非法财物")),
        Code("SUSPENSION_OF_BUSINESS", "责令停产停业", ("3",)),
        Code(
            "SUSPENSION_OR_REVOCATION",
            "暂扣或者吊销许可证、暂扣或者吊销执照",
            ("4", "暂扣或者吊销许可证、执照"),
        ),
        Code("DETENTION", "行政拘留", ("5",)),
        Code("OTHER", "其他", ("6",)),
    ),
)

_FORMER = former_form(
    "CF",
    "CF_XDR_MC",
    "处罚",
    (
        Field(
            "document_no",
            "行政处罚决定书文号",
            national_ids=("CF_WSH",),
            required=True,
            max_length=128,
            envelope="document_no",
        ),
        Field("penalty_name", "处罚名称", national_ids=("CF_CFMC",), max_length=512),
        Field(
            "penalty_types",
            "处罚类别1",
            FieldType.CODES,
            national_ids=("CF_CFLB1",),
            aliases=("处罚类别",),
            required=True,
            codes=FORMER_TYPE,
        ),
        Field(
            "further_types",
            "处罚类别2",
            FieldType.CODES,
            national_ids=("CF_CFLB2",),
            codes=FORMER_TYPE,
        ),
        Field(
            "facts",
            "处罚事由",
            national_ids=("CF_SY",),
            aliases=("违法事实",),
            max_length=5000,
            screened=True,
        ),
        Field("legal_basis", "处罚依据", national_ids=("CF_YJ",), max_length=4000),
    ),
    (
        Field(
            "content",
            "处罚结果",
            national_ids=("CF_JG",),
            aliases=("处罚内容",),
            required=True,
            max_length=4000,
            screened=True,
        ),
        Field(
            "decision_date",
            "处罚决定日期",
            FieldType.DATE,
            national_ids=("CF_JDRQ",),
            aliases=("处罚生效期",),
            required=True,
            envelope="decision_date",
        ),
        Field(
            "effective_until",
            "处罚截止期",
            FieldType.DATE,
            national_ids=("CF_JZQ",),
            open_ended=True,
        ),
    ),
)

KIND = Kind(
    name="penalty",
    label="行政处罚",
    type_name="Penalty",
    plural="penalties",
    description="A sanction that an authority imposed for a breach of administrative law.",
    natural_key=("document_no",),
    includes_subject=True,
    report_within=7,  # 双公示: seven working days
    negative=True,
    fields=(
        *subject_block("CF"),
        Field(
            "document_no",
            "行政处罚决定书文号",
            national_ids=("CF_WSH",),
            required=True,
            max_length=128,
            envelope="document_no",
            example="本示罚〔2026〕1号",
        ),
        Field(
            "penalty_name",
            "处罚名称",
            national_ids=("CF_CFMC",),
            max_length=512,
            description="of the form of 2015/16",
        ),
        Field(
            "violation_type",
            "违法行为类型",
            national_ids=("CF_WFXW",),
            required=True,
            max_length=2000,
            screened=True,
        ),
        # Free text names third persons and their numbers: the public gets what was screened.
        Field(
            "facts",
            "违法事实",
            national_ids=("CF_SY",),
            required=True,
            max_length=5000,
            screened=True,
        ),
        Field("legal_basis", "处罚依据", national_ids=("CF_YJ",), required=True, max_length=2000),
        Field(
            "penalty_types",
            "处罚类别",
            FieldType.CODES,
            national_ids=("CF_CFLB",),
            required=True,
            codes=PENALTY_TYPE,
            hot=True,
            example="罚款",
        ),
        Field(
            "content",
            "处罚内容",
            national_ids=("CF_NR",),
            required=True,
            max_length=4000,
            screened=True,
            example="罚款2000元",
        ),
        Field(
            "fine_amount",
            "罚款金额（万元）",
            FieldType.DECIMAL,
            national_ids=("CF_NR_FK",),
            aliases=("罚款金额(万元)", "罚款金额"),
            unit="万元",
            hot=True,
            example="0.2",
        ),
        Field(
            "confiscated_amount",
            "没收违法所得、没收非法财物的金额（万元）",
            FieldType.DECIMAL,
            national_ids=("CF_NR_WFFF",),
            aliases=("没收违法所得、没收非法财物的金额(万元)", "没收金额"),
            unit="万元",
        ),
        Field(
            "licence_affected",
            "暂扣或吊销证照名称及编号",
            national_ids=("CF_NR_ZKDX",),
            max_length=200,
        ),
        Field(
            "decision_date",
            "处罚决定日期",
            FieldType.DATE,
            national_ids=("CF_JDRQ",),
            required=True,
            envelope="decision_date",
        ),
        Field(
            "effective_until",
            "处罚有效期",
            FieldType.DATE,
            national_ids=("CF_YXQ",),
            open_ended=True,
        ),
        Field(
            "pub_deadline",
            "公示截止期",
            FieldType.DATE,
            national_ids=("CF_GSJZQ",),
            required=True,
            open_ended=True,
            example="2027-03-01",
        ),
        *issuer_block("CF_CFJG", "CF_CFJGDM", "处罚机关", "处罚机关统一社会信用代码"),
        *source_block("CF_SJLY", "CF_SJLYDM"),
        Field(
            "procedure",
            "程序种类",
            FieldType.CODE,
            codes=PROCEDURE,
            visibility=Visibility.INTERNAL,
            example="普通程序",
        ),
        severity(),
        Field("performed", "履行情况", FieldType.BOOLEAN, visibility=Visibility.GOVERNMENT),
        Field("performed_on", "履行日期", FieldType.DATE, visibility=Visibility.GOVERNMENT),
        Field(
            "evidence_ref",
            "履行证明材料",
            max_length=200,
            visibility=Visibility.GOVERNMENT,
        ),
        Field(
            "review_status",
            "复议/诉讼状态",
            FieldType.CODE,
            codes=REVIEW_STATUS,
            visibility=Visibility.GOVERNMENT,
        ),
        *provincial_block("CF"),
    ),
    class_rule=USE_RULE,
    generations=(_FORMER,),
    requirements=(
        Requirement("fine_amount", "penalty_types", frozenset({"FINE"})),
        Requirement("confiscated_amount", "penalty_types", _CONFISCATION),
        Requirement("licence_affected", "penalty_types", _PERMIT),
    ),
)
