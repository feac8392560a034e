"""信用承诺, credit commitment (records.md §5; task 21 of the plan)."""

from __future__ import annotations

from schema.records.block import reported_by, subject
from store.kind import ClassRule, Code, CodeList, Field, FieldType, Kind, Requirement, Visibility

COMMITMENT_TYPE = CodeList(
    "CommitmentType",
    "承诺类型",
    (
        Code("APPROVAL_SUBSTITUTE", "审批替代型"),
        Code("DEFERRED_MATERIALS", "容缺受理型"),
        Code("PROOF", "证明事项型"),
        Code("CREDIT_REPAIR", "信用修复型"),
        Code("SELF_DISCIPLINE", "行业自律型"),
        Code("VOLUNTARY", "主动型", ("主动公示型",)),
        Code("OTHER", "其他"),
    ),
)

FULFILMENT = CodeList(
    "Fulfilment",
    "承诺履行状态",
    (
        Code("FULL", "全部履行"),
        Code("PART", "部分履行"),
        Code("NONE", "全部未履行"),
        Code("ONGOING", "履行中"),
    ),
)

PUBLICATION_TYPE = CodeList(
    "PublicationType",
    "公开类型",
    (
        Code("PUBLIC", "可向社会公开"),
        Code("LIMITED", "特定范围内公开"),
        Code("NOT_PUBLIC", "不可公开"),
    ),
)

_BROKEN = frozenset({"PART", "NONE"})
_KEPT = frozenset({"FULL"})

KIND = Kind(
    name="commitment",
    label="信用承诺",
    type_name="Commitment",
    plural="commitments",
    description="A promise made to an authority and whether it was kept.",
    natural_key=("code",),
    includes_subject=False,
    negative=False,
    class_rule=ClassRule(
        "publication_type",
        (
            ("PUBLIC", Visibility.OPEN),
            ("LIMITED", Visibility.GOVERNMENT),
            ("NOT_PUBLIC", Visibility.INTERNAL),
        ),
    ),
    fields=(
        Field(
            "code",
            "承诺编码",
            required=True,
            max_length=20,
            envelope="document_no",
            description="region (6), day made (8), serial (6)",
            example="21050420260302000001",
        ),
        *subject("subject_name", "承诺人名称", aliases=("承诺人",), codes=("承诺人代码",)),
        Field(
            "commitment_type",
            "承诺类型",
            FieldType.CODE,
            required=True,
            codes=COMMITMENT_TYPE,
            hot=True,
        ),
        Field("reason", "承诺事由", required=True, max_length=512, screened=True),
        Field("content", "承诺内容", required=True, max_length=4000, screened=True),
        Field("liability", "违诺责任", required=True, max_length=4000, screened=True),
        Field("made_on", "承诺作出日期", FieldType.DATE, required=True, envelope="decision_date"),
        Field("valid_until", "承诺有效期", FieldType.DATE, open_ended=True),
        Field(
            "fulfilment",
            "承诺履行状态",
            FieldType.CODE,
            required=True,
            codes=FULFILMENT,
            hot=True,
        ),
        Field("unperformed", "未履行的承诺内容", max_length=4000, screened=True),
        Field("liability_taken", "违诺责任追究内容", max_length=4000, screened=True),
        Field("assessed_on", "认定日期", FieldType.DATE),
        Field("assessor", "认定单位", max_length=200),
        Field("assessor_uscc", "认定单位代码", max_length=18),
        Field(
            "acceptor",
            "受理单位",
            required=True,
            max_length=200,
            envelope="issuer_name",
        ),
        Field(
            "acceptor_uscc",
            "受理单位代码",
            aliases=("受理单位统一社会信用代码",),
            required=True,
            max_length=18,
            envelope="issuer_uscc",
        ),
        Field(
            "publication_type",
            "公开类型",
            FieldType.CODE,
            required=True,
            codes=PUBLICATION_TYPE,
        ),
        *reported_by(),
    ),
    requirements=(
        Requirement("unperformed", "fulfilment", _BROKEN),
        Requirement("liability_taken", "fulfilment", _BROKEN),
        Requirement("unperformed", "fulfilment", _KEPT, forbids=True),
        Requirement("liability_taken", "fulfilment", _KEPT, forbids=True),
    ),
)
