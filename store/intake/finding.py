"""Findings of a line: field, code, severity, and what the department should do."""

from __future__ import annotations

from dataclasses import dataclass

INFO, WARNING, ERROR = "info", "warning", "error"


@dataclass(frozen=True, slots=True)
class _Code:
    code: str
    severity: str
    chinese: str
    english: str


# Every code intake itself gives, with its severity and sentence; docs/intake.md explains them.
# Codes of identifiers (CHECKSUM, LENGTH, …) come from store.identifiers.
_CODES = (
    _Code(
        "ENCODING",
        ERROR,
        "含无法解码的字节，请用UTF-8另存后重报。",
        "Save the file as UTF-8, send again.",
    ),
    _Code(
        "CONTROL_CHARACTER", ERROR, "含不可见控制字符，请删除。", "Remove the control characters."
    ),
    _Code(
        "COLUMN_COUNT",
        ERROR,
        "列数与表头不符，请检查引号和分隔符。",
        "The number of columns is not the header's: check quotes and separators.",
    ),
    _Code(
        "COLUMN_TWICE",
        ERROR,
        "同一字段有两列且内容不同，请保留一列。",
        "Two columns give this field different values: keep one.",
    ),
    _Code("EMPTY_ROW", ERROR, "整行为空，请删除该行。", "Every cell is empty: delete the row."),
    _Code(
        "JSON_INVALID",
        ERROR,
        "不是JSON对象，或成员重复，请检查格式。",
        "The line is no JSON object, or names a member twice: correct it.",
    ),
    _Code("REQUIRED", ERROR, "必填项为空，请填写。", "A required field is empty: fill it in."),
    _Code("TOO_LONG", ERROR, "超过最大长度，请缩短。", "The text is too long: shorten it."),
    _Code(
        "DATE_INVALID", ERROR, "日期无法识别，请按YYYY-MM-DD填写。", "Write the date as YYYY-MM-DD."
    ),
    _Code(
        "DATE_FUTURE",
        ERROR,
        "日期晚于当前日期，请更正（注意日月颠倒）。",
        "The date is in the future: look for day and month exchanged.",
    ),
    _Code(
        "DATE_RANGE",
        ERROR,
        "日期早于1949-10-01，请更正。",
        "The date is before 1949-10-01: correct it.",
    ),
    _Code(
        "DATE_ORDER",
        ERROR,
        "起始日期晚于终止日期，请更正。",
        "The start is after the end: correct one.",
    ),
    _Code("NUMBER_INVALID", ERROR, "不是数字，请只填写数值。", "Write the number only."),
    _Code(
        "NUMBER_RANGE",
        ERROR,
        "数值超出允许范围，请更正。",
        "The number is out of range: correct it.",
    ),
    _Code(
        "CODE_UNKNOWN",
        ERROR,
        "不在代码表内，请按代码表填写。",
        "The value is not in the code list.",
    ),
    _Code(
        "NORMALISED", INFO, "已规范为半角；无须处理。", "Read in its standard form; nothing to do."
    ),
    _Code(
        "MUST_BE_EMPTY",
        WARNING,
        "自然人不应有统一社会信用代码，已忽略。",
        "A natural person has no USCC: it was ignored.",
    ),
    _Code(
        "USCC_MISSING",
        WARNING,
        "缺少统一社会信用代码，已按旧代码归集；请补报。",
        "The USCC is missing: found by an old code; send the USCC.",
    ),
    _Code(
        "ORG_CODE_DIFFERS",
        WARNING,
        "组织机构代码与统一社会信用代码第9至17位不一致，请核实。",
        "The organisation code is not characters 9–17 of the USCC: check both.",
    ),
    _Code(
        "ISSUER_CLASS",
        WARNING,
        "该代码不是机关或其他机构编制单位，请核实。",
        "The code is not that of a state organ (11, 12, 13): check it.",
    ),
    _Code(
        "UNIT_SUSPECT",
        WARNING,
        "金额与文书内容相差一万倍，疑似元与万元混用，请核实。",
        "The amount is 10,000 times off the text: was it 元 for 万元?",
    ),
    _Code(
        "PUB_DEADLINE",
        ERROR,
        "公示截止期超过法定最长公示期，请更正。",
        "The deadline is after the longest lawful display: correct it.",
    ),
    _Code(
        "PUB_DEADLINE_OPEN",
        WARNING,
        "公示截止期不能为长期，已按规则计算；请更正。",
        "Display cannot be open-ended: the rule's end is used; correct it.",
    ),
    _Code(
        "DOCUMENT_PAIR",
        WARNING,
        "证件类型与证件号码应同时填写，请补充。",
        "Give document type and number together.",
    ),
    _Code(
        "RATIO_MISMATCH",
        WARNING,
        "出资比例与认缴额除以注册资本不一致，请核实。",
        "The ratio is not subscribed by registered capital: check both.",
    ),
    _Code(
        "SHARE_SUM",
        WARNING,
        "该企业现有出资比例合计超过100%，请核对各股东的出资。",
        "The shares held in this firm add up to more than 100 %: check its holders.",
    ),
    _Code(
        "CATEGORY_DIFFERS",
        WARNING,
        "主体类别与代码不一致，请核实。",
        "The category does not fit the code: check both.",
    ),
    _Code(
        "UNKNOWN_COLUMN",
        INFO,
        "表头中有未识别的列，已忽略。",
        "The header has an unknown column: ignored.",
    ),
)
CODES = {entry.code: entry for entry in _CODES}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of one line; `field` is the header as in the file."""

    field: str
    code: str
    severity: str
    reason: str


def finding(field: str, code: str, severity: str | None = None) -> Finding:
    """A finding with the sentence of its code; KeyError for an undocumented code."""
    entry = CODES[code]
    return Finding(field, code, severity or entry.severity, entry.chinese + entry.english)
