"""行政许可, administrative licence (双公示 forms of 2018 and 2015/16, records.md §2)."""

from __future__ import annotations

from schema.records.double_publicity import (
    USE_RULE,
    issuer_block,
    provincial_block,
    source_block,
    subject_block,
)
from schema.records.double_publicity_2015 import former_form
from store.kind import Code, CodeList, Field, FieldType, Kind

LICENCE_CATEGORY = CodeList(
    "LicenceCategory",
    "许可类别",
    (
        Code("ORDINARY", "普通"),
        Code("FRANCHISE", "特许"),
        Code("RECOGNITION", "认可"),
        Code("APPROVAL", "核准"),
        Code("REGISTRATION", "登记"),
        Code("OTHER", "其他"),
    ),
)

LICENCE_STATUS = CodeList(
    "LicenceStatus",
    "当前状态",
    (
        Code("IN_FORCE", "有效", ("1",)),
        Code("NOT_IN_FORCE", "无效", ("2",)),
        Code("OTHER", "其他"),  # the form of 2015/16 has it, explained in the remark
    ),
)

# 审批类别 by digit or word: the list of 2018 in another order of writing.
FORMER_CATEGORY = CodeList(
    "LicenceCategory",
    "审批类别",
    tuple(
        Code(code.value, code.label, (str(digit),))
        for digit, code in enumerate(LICENCE_CATEGORY.codes)
    ),
)

_FORMER = former_form(
    "XK",
    "XK_XDR",
    "许可",
    (
        Field(
            "document_no",
            "行政许可决定书文号",
            national_ids=("XK_WSH",),
            aliases=("行政许可决定文书号",),
            required=True,
            max_length=128,
            envelope="document_no",
        ),
        Field("project_name", "项目名称", national_ids=("XK_XMMC",), max_length=512),
        Field(
            "licence_category",
            "审批类别",
            FieldType.CODE,
            national_ids=("XK_SPLB",),
            codes=FORMER_CATEGORY,
        ),
        Field("content", "许可内容", national_ids=("XK_NR",), max_length=4000, screened=True),
    ),
    (
        Field(
            "decision_date",
            "许可决定日期",
            FieldType.DATE,
            national_ids=("XK_JDRQ",),
            required=True,
            envelope="decision_date",
        ),
        Field(
            "licence_valid_to",
            "许可截止期",
            FieldType.DATE,
            national_ids=("XK_JZQ",),
            open_ended=True,
        ),
    ),
)

KIND = Kind(
    name="licence",
    label="行政许可",
    type_name="Licence",
    plural="licences",
    description="A permission that an authority granted on application.",
    natural_key=("document_no",),
    includes_subject=True,
    report_within=7,  # 双公示: seven working days
    negative=False,
    fields=(
        *subject_block("XK"),
        Field(
            "document_name",
            "行政许可决定文书名称",
            national_ids=("XK_XKWS",),
            required=True,
            max_length=200,
            example="食品经营许可决定书",
        ),
        Field(
            "project_name",
            "项目名称",
            national_ids=("XK_XMMC",),
            max_length=512,
            description="of the form of 2015/16",
        ),
        Field(
            "document_no",
            "行政许可决定文书号",
            national_ids=("XK_WSH",),
            required=True,
            max_length=128,
            envelope="document_no",
            example="本示许〔2026〕1号",
        ),
        Field(
            "licence_category",
            "许可类别",
            FieldType.CODE,
            national_ids=("XK_XKLB",),
            required=True,
            codes=LICENCE_CATEGORY,
            hot=True,
        ),
        Field("certificate_name", "许可证书名称", national_ids=("XK_XKZS",), max_length=200),
        Field("certificate_no", "许可编号", national_ids=("XK_XKBH",), max_length=64),
        Field(
            "content",
            "许可内容",
            national_ids=("XK_NR",),
            required=True,
            max_length=4000,
            screened=True,
        ),
        Field(
            "decision_date",
            "许可决定日期",
            FieldType.DATE,
            national_ids=("XK_JDRQ",),
            required=True,
            envelope="decision_date",
        ),
        Field(
            "licence_valid_from",
            "有效期自",
            FieldType.DATE,
            national_ids=("XK_YXQZ",),
            required=True,
            hot=True,
        ),
        Field(
            "licence_valid_to",
            "有效期至",
            FieldType.DATE,
            national_ids=("XK_YXQZI",),
            required=True,
            open_ended=True,
            hot=True,
        ),
        *issuer_block("XK_XKJG", "XK_XKJGDM", "许可机关", "许可机关统一社会信用代码"),
        Field(
            "licence_status",
            "当前状态",
            FieldType.CODE,
            national_ids=("XK_ZT",),
            required=True,
            codes=LICENCE_STATUS,
            hot=True,
        ),
        *source_block("XK_LYDW", "XK_LYDWDM"),
        *provincial_block("XK"),
    ),
    class_rule=USE_RULE,
    generations=(_FORMER,),
)
