"""Values as files write them: dates, decimals, codes, in full width or not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as _derived
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from store.intake.finding import Finding, finding
from store.kind import INTEGERS, Field, FieldType

_SHANGHAI = ZoneInfo("Asia/Shanghai")
OPEN_END = date(2099, 12, 31)
EARLIEST = date(1949, 10, 1)
_OPEN_WORDS = frozenset({"长期", "永久", "长期有效", "永久有效", "无固定期限"})
_DATE = re.compile(
    r"(\d{4})(?:[-/.年])(\d{1,2})(?:[-/.月])(\d{1,2})日?"
    r"(?:(?:T|\s+)([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d(?:[.,]\d+)?)?"
    r"(?:\s*(?:[AP]M|(Z|[-+]\d{2}(?::?\d{2})?)))?)?",
    re.ASCII,
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")
_TRUE = frozenset({"是", "true", "1", "y", "yes", "已履行", "已全部履行"})
_FALSE = frozenset({"否", "false", "0", "n", "no", "未履行"})
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LARGEST = Decimal(10) ** 12
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
# A number that a spreadsheet showed with its exponent: its last digits are gone.
_LOST = re.compile(r"\d(?:\.\d+)?[eE]\+\d{1,3}")
# What a spreadsheet shows where it has no value, or no room for it.
_CELL_ERROR = re.compile(
    r"#(?:N/A|[A-Z]{3,8}[!?]|DIV/0!|GETTING_DATA|#{2,})|(?:Err|错误)[:：][0-9]{3}"
)
_OF_CELL_ERROR = frozenset("#E错")
# 其他 with what it is, as the national forms ask for: 其他-补发, 其他（备案）.
_EXPLAINED = re.compile(r"其他\s*(?:[-—:]+[^;|]*|\([^;|)]*\))")
# Their own checks find a wrong length, after blanks and hyphens are taken out.
_JUDGED = frozenset({"uscc", "org_code", "issuer_uscc", "source_unit_uscc"})


class Invalid(Exception):
    """A cell that cannot be read; `code` is the finding."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Open:
    """An end that was stated as open: 长期 or 2099-12-31."""


OPEN = Open()


def half_width(text: str) -> str:
    """The text in its standard form (NFKC) without outer blanks."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()


def read_date(text: str) -> date:
    """YYYY-MM-DD, YYYY/MM/DD, YYYYMMDD or YYYY年M月D日, with or without a time.

    A time that names its zone is of the day that it is then in Shanghai: 2025-06-13T16:00:00Z, as
    programs write the 14th. Raises Invalid `DATE_INVALID`.
    """
    if len(text) == 10 and text[4] == text[7] == "-":
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Invalid("DATE_INVALID") from None
    match = _DATE.fullmatch(text) or _COMPACT.fullmatch(text)
    if match is None:
        raise Invalid("DATE_INVALID")
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
        if match.re is _DATE and match[6]:
            return _in_shanghai(day, int(match[4]), int(match[5]), match[6])
    except (ValueError, OverflowError):
        raise Invalid("DATE_INVALID") from None
    return day


def _in_shanghai(day: date, hour: int, minute: int, zone: str) -> date:
    digits = "0000" if zone == "Z" else zone[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=hour, minutes=minute
    )
    moment += ahead if zone.startswith("-") else -ahead
    return moment.astimezone(_SHANGHAI).date()


def serial_or(read: Callable[[str], object], since: date) -> Callable[[str], object]:
    """What reads a date, or a spreadsheet's number of days since a day, with five digits."""

    def read_either(text: str) -> object:
        if _SERIAL.fullmatch(text):
            return read(str(since + timedelta(days=int(text[:5]))))
        return read(text)

    return read_either


def read_end(text: str) -> date | Open:
    """A date, or OPEN for 长期 and 2099-12-31."""
    if text in _OPEN_WORDS:
        return OPEN
    day = read_date(text)
    return OPEN if day >= OPEN_END else day


def read_decimal(text: str) -> Decimal:
    """An exact decimal, thousands separated by commas or not; Invalid `NUMBER_INVALID`."""
    if not text or not _NUMBER.fullmatch(text):
        raise Invalid("NUMBER_INVALID")
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise Invalid("NUMBER_INVALID") from None
    if abs(value) > _LARGEST or (value and value.adjusted() < -20):
        raise Invalid("NUMBER_RANGE")
    return value


def plain(value: Decimal) -> str:
    """The canonical text of a decimal: no exponent, no trailing zeros, no minus zero."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def is_cell_error(text: str) -> bool:
    """Whether a text is what a spreadsheet shows for an error: #N/A, #REF!, Err:502, ####."""
    return text[:1] in _OF_CELL_ERROR and _CELL_ERROR.fullmatch(text) is not None


def reader(declared: Field) -> Callable[[str], object]:
    """The function that reads a cell of a field; it raises Invalid."""
    match declared.type:
        case FieldType.DATE:
            return read_end if declared.open_ended else read_date
        case FieldType.DECIMAL:
            return _amount(declared)
        case FieldType.INTEGER:
            return _integer
        case FieldType.BOOLEAN:
            return _boolean
        case FieldType.CODE:
            return _code(declared)
        case FieldType.CODES:
            return _codes(declared)
        case _:
            return str


def _amount(declared: Field) -> Callable[[str], Decimal]:
    places = 6 if declared.unit == "万元" else 8

    def read(text: str) -> Decimal:
        value = read_decimal(text.removesuffix(declared.unit or "").rstrip())
        exponent = value.normalize().as_tuple().exponent
        if value < 0 or (isinstance(exponent, int) and exponent < -places):
            raise Invalid("NUMBER_RANGE")
        return value

    return read


def _integer(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Invalid("NUMBER_INVALID")
    if len(text) > len(str(INTEGERS.stop)) or int(text) not in INTEGERS:
        raise Invalid("NUMBER_RANGE")
    return int(text)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Invalid("CODE_UNKNOWN")


def _spellings(declared: Field) -> dict[str, str]:
    if declared.codes is None:
        raise ValueError(f"field {declared.name} has no code list")
    return {half_width(s): value for s, value in declared.codes.spellings().items()}


def _code(declared: Field) -> Callable[[str], str]:
    spellings = _spellings(declared)

    def read(text: str) -> str:
        found = spellings.get(text)
        if found is None and _EXPLAINED.fullmatch(text):
            found = spellings.get("其他")
        if found is None:
            raise Invalid("CODE_UNKNOWN")
        return found

    return read


def _codes(declared: Field) -> Callable[[str], tuple[str, ...]]:
    spellings = _spellings(declared)
    # Spellings may hold 、 and 或者 themselves: the longest one that fits is taken each time.
    longest_first = sorted(spellings, key=lambda text: (-len(text), text))
    word = "|".join(map(re.escape, longest_first))
    several = re.compile(rf"(?>(?:{word})(?:[;|、,/\s]+|$))++")  # never tried twice
    each = re.compile(rf"({word})(?:[;|、,/\s]+|$)")

    def read(text: str) -> tuple[str, ...]:
        whole = spellings.get(text)
        if whole is not None:
            return (whole,)
        text = _EXPLAINED.sub("其他", text).strip(";|、,/ ")
        if not text:
            raise Invalid("REQUIRED")
        if several.fullmatch(text) is None:
            raise Invalid("CODE_UNKNOWN")
        return tuple(dict.fromkeys(spellings[found] for found in each.findall(text)))

    return read


@dataclass(frozen=True, slots=True)
class Column:
    """A recognised column of a file: where it stands, under which header, how it is read."""

    index: int
    header: str
    field: Field
    read: Callable[[str], object]
    name: str = _derived(init=False)
    is_text: bool = _derived(init=False)  # kept as written
    is_code: bool = _derived(init=False)
    longest: int | None = _derived(init=False)

    def __post_init__(self) -> None:
        told, kind = self.field, self.field.type
        object.__setattr__(self, "name", told.name)
        object.__setattr__(self, "is_text", kind in (FieldType.TEXT, FieldType.SECRET))
        object.__setattr__(self, "is_code", kind in (FieldType.CODE, FieldType.CODES))
        longest = None if told.name in _JUDGED else told.max_length
        object.__setattr__(self, "longest", longest)


def read_row(
    columns: Sequence[Column], cells: Sequence[str]
) -> tuple[dict[str, object], list[Finding]]:
    """The values of a row by field name, empty cells left out, and all findings.

    Text keeps its own wide characters (names have them); codes, dates and numbers are read half
    width, which is noted as NORMALISED.
    """
    values: dict[str, object] = {}
    findings: list[Finding] = []
    for column in columns:
        text = cells[column.index]
        if not text:
            continue
        if text[0] in _OF_CELL_ERROR and is_cell_error(text.rstrip()):
            findings.append(finding(column.header, "CELL_ERROR"))
            continue
        if column.is_text:
            text = text.strip()
            if not text:
                continue
            if "+" in text and _LOST.fullmatch(text):
                findings.append(finding(column.header, "DIGITS_LOST"))
                continue
            longest = column.longest
            if longest is not None and len(text) > longest:
                findings.append(finding(column.header, "TOO_LONG"))
            values[column.name] = text
            continue
        standard = half_width(text)
        if not standard:
            continue
        try:
            values[column.name] = column.read(standard)
        except Invalid as fault:
            findings.append(finding(column.header, fault.code))
            continue
        if column.is_code:
            if "其他" in standard and _EXPLAINED.search(standard):
                findings.append(finding(column.header, "NORMALISED"))
        elif standard != text.strip():
            findings.append(finding(column.header, "NORMALISED"))
    return values, findings
