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
    _Code(
        "DIGITS_LOST",
        ERROR,
        "电子表格把代码存成了数字，末位已丢失；请将该列设为文本后重新填写。",
        "A spreadsheet kept this code as a number and lost its last digits: make the column text"
        " and enter it again.",
    ),
    _Code(
        "CELL_ERROR",
        ERROR,
        "单元格是错误值（如#N/A、#REF!）或没有结果的公式，请改为值。",
        "The cell shows an error such as #N/A, or a formula without a result: enter the value.",
    ),
    _Code(
        "PERSON_NUMBER",
        WARNING,
        "代码栏中是自然人证件号码，未按代码保存；请改填证件号码栏。",
        "The column of codes holds a person's number: it was not kept as a code; use the column"
        " for it.",
    ),
    _Code(
        "OLD_FORM",
        INFO,
        "按旧版格式归集，该版没有的必填项已放宽；无须处理。",
        "Read as an older form, without what it has no column for; nothing to do.",
    ),
    _Code(
        "CATEGORY_ASSUMED",
        WARNING,
        "没有任何代码，按法人处理；请补报代码。",
        "Without any code it was taken for an organisation: send its code.",
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
    _Code(
        "DATE_SWAPPED",
        WARNING,
        "疑似日期写反（日与月或起与止），未作更正，请核实。",
        "The date may be the wrong way round (day and month, or start and end): check it.",
    ),
    _Code(
        "PERIOD_INVALID",
        ERROR,
        "所属期应为YYYY-MM，或以/连接的起止月份。",
        "Write the period as YYYY-MM, or as first and last month joined with /.",
    ),
    _Code(
        "COMMITMENT_CODE",
        ERROR,
        "承诺编码应为6位行政区划码、8位作出日期和6位顺序号。",
        "A commitment's code is six digits of region, eight of the day it was made, six of a"
        " serial.",
    ),
    _Code(
        "COMMITMENT_CODE_DIFFERS",
        WARNING,
        "承诺编码中的地区或日期与受理单位、承诺作出日期不一致，请核实。",
        "Region or day in the commitment's code are not those of the row: check them.",
    ),
    _Code(
        "PERSON_NOT_TAKEN",
        ERROR,
        "本节点不归集自然人的此类信息，请勿报送。",
        "This node takes no such records of natural persons: leave the line out.",
    ),
    _Code(
        "SCHEME_UNKNOWN",
        WARNING,
        "评价方案或版本未登记，等级无法核对。",
        "The scheme or its version is not known here: the grade could not be checked.",
    ),
    _Code(
        "EVALUATION_EMPTY",
        ERROR,
        "缺少该评价方案要求的得分或等级。",
        "The score or grade that the scheme has is missing: fill it in.",
    ),
    _Code(
        "GRADE_UNKNOWN",
        ERROR,
        "等级不属于该评价方案。",
        "The scheme has no such grade: correct it.",
    ),
    _Code(
        "SCORE_RANGE",
        ERROR,
        "得分超出该评价方案的范围。",
        "The score is beyond the scheme's scale: correct it.",
    ),
    _Code(
        "GRADE_SCORE_MISMATCH",
        ERROR,
        "等级与得分不一致。",
        "The grade is not that of the score: correct one of them.",
    ),
    _Code(
        "RED_AND_SERIOUS",
        WARNING,
        "该主体同时在守信激励名单和严重失信（失信被执行人）名单上，请核实后移出其一。",
        "The subject is on a list of the trustworthy and on one of the seriously dishonest: check"
        " and remove one.",
    ),
    _Code("NUMBER_INVALID", ERROR, "不是数字，请只填写数值。", "Write the number only."),
    _Code(
        "NUMBER_RANGE",
        ERROR,
        "数值超出允许范围，请更正。",
        "The number is out of range: correct it.",
    ),
    _Code(
        "REFERENCE_UNKNOWN",
        ERROR,
        "引用的记录不在本文件中，请一并报送。",
        "The statement refers to a record that is not in the file: send it in the same file.",
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
        "该项在此情形下应为空，已忽略（如自然人的统一社会信用代码）。",
        "This field must be empty here, as a natural person's USCC: it was ignored.",
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
        "SOURCE_UNIT_FOREIGN",
        ERROR,
        "数据来源单位不是报送单位，请由该单位报送。",
        "The source unit is not the one that submits: let that unit send the line.",
    ),
    _Code(
        "UNKNOWN_SHEET",
        INFO,
        "工作表已隐藏或表头不属于任何已知类型，已忽略。",
        "The sheet is hidden, or has the header of no known kind: ignored.",
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


def finding(field: str, code: str, severity: str | None = None, *, detail: str = "") -> Finding:
    """A finding with the sentence of its code and `detail`; KeyError for an undocumented code."""
    entry = CODES[code]
    reason = entry.chinese + entry.english + detail
    return Finding(field, code, severity or entry.severity, reason)
