"""The blocks that record kinds outside 双公示 share: subject, deciding and reporting unit."""

from __future__ import annotations

from schema.records.double_publicity import DOCUMENT_TYPE, SUBJECT_CATEGORY
from store.kind import Code, CodeList, Field, FieldType, Visibility

SEVERITY = CodeList(
    "Severity",
    "失信程度",
    (
        Code("MINOR", "轻微", ("轻微失信",)),
        Code("ORDINARY", "一般", ("一般失信",)),
        Code("SERIOUS", "严重", ("严重失信",)),
        Code("NOT_APPLICABLE", "不适用"),
    ),
)


def subject(
    name: str = "subject_name",
    label: str = "主体名称",
    *,
    aliases: tuple[str, ...] = (),
    codes: tuple[str, ...] = (),
) -> tuple[Field, ...]:
    """Who the record is about: name, category, codes, and the number of a natural person.

    `codes` are further headers of the column with the code.
    """
    return (
        Field(
            name,
            label,
            aliases=tuple(a for a in ("主体名称", "企业名称", *aliases) if a != label),
            required=True,
            max_length=200,
            envelope="reported_name",
            mask="person_name",
        ),
        Field(
            "subject_category",
            "主体类别",
            FieldType.CODE,
            required=True,
            codes=SUBJECT_CATEGORY,
            envelope="subject_category",
        ),
        Field("uscc", "统一社会信用代码", aliases=codes, max_length=18),
        Field("reg_no", "注册号", max_length=50),
        Field("org_code", "组织机构代码", max_length=10),
        Field(
            "person_id_type",
            "证件类型",
            FieldType.CODE,
            codes=DOCUMENT_TYPE,
            required_of_persons=True,
            visibility=Visibility.RESTRICTED,
        ),
        Field(
            "person_id_no",
            "证件号码",
            FieldType.SECRET,
            required_of_persons=True,
            max_length=64,
            visibility=Visibility.RESTRICTED,
        ),
    )


def decided_by(name: str, label: str, *, aliases: tuple[str, ...] = ()) -> tuple[Field, ...]:
    """The unit that decided, under the kind's own word for it."""
    return (
        Field(name, label, aliases=aliases, required=True, max_length=200, envelope="issuer_name"),
        Field(
            f"{name}_uscc",
            f"{label}代码",
            aliases=(f"{label}统一社会信用代码",),
            required=True,
            max_length=18,
            envelope="issuer_uscc",
        ),
    )


def reported_by() -> tuple[Field, ...]:
    """The reporting unit 数据来源单位 and the remark."""
    return (
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
            aliases=("数据来源单位统一社会信用代码",),
            required=True,
            max_length=18,
            envelope="source_unit_uscc",
        ),
        Field(
            "remark",
            "备注",
            max_length=512,
            visibility=Visibility.GOVERNMENT,
            envelope="remark",
        ),
    )


def severity(example: str = "一般") -> Field:
    """失信程度 as the department's own standard has it; without it the kind's rule decides."""
    return Field(
        "severity",
        "失信程度",
        FieldType.CODE,
        codes=SEVERITY,
        envelope="severity",
        example=example,
    )


def removal(verb: str = "移出", on: str = "removed_on") -> tuple[Field, ...]:
    """The day and the reason of leaving a list; display ends with it."""
    return (
        Field(on, f"{verb}日期", FieldType.DATE, hot=True, ends_display=True),
        Field("removed_reason", f"{verb}原因", max_length=500),
    )


def owed() -> tuple[Field, ...]:
    """The period of arrears and what is owed for it, 元 (records.md §8.2)."""
    return (
        Field(
            "period",
            "欠缴所属期",
            aliases=("所属期", "费款所属期"),
            required=True,
            max_length=21,
            description="a month YYYY-MM, or the first and the last one joined with /",
            example="2026-02",
        ),
        Field(
            "owed_amount",
            "欠缴金额（元）",
            FieldType.DECIMAL,
            aliases=(
                "欠缴金额(元)",
                "欠缴金额",
                "欠费金额（元）",
                "欠税金额（元）",
                "欠费金额",
                "欠税余额",
            ),
            required=True,
            unit="元",
            hot=True,
        ),
    )


def cleared() -> Field:
    """The day on which arrears were paid: it closes them, display and use end."""
    return Field(
        "cleared_on",
        "缴清日期",
        FieldType.DATE,
        aliases=("清缴日期",),
        hot=True,
        ends_display=True,
    )
