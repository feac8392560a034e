"""Long numbers in a text: identity numbers, bank cards, accounts and phones by shape and check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from store.identifiers.check_characters import id_check, uscc_check
from store.screening_span import ACCOUNT, BANK_CARD, HELD, ID_NUMBER, PHONE, Span

_SEVEN = re.compile(r"[0-9](?:[\W_]*[0-9]){6}")
# Digits with whatever but letters between them; the check character may be an X.
_CLUSTER = re.compile(r"[0-9](?:[\W_]*[0-9]){6,}(?:[\W_]*[Xx](?![A-Za-z0-9]))?")
_TIGHT = re.compile(r"(?:[0-9Xx][ \-－—.·_/]?)+")
_PROVINCES = frozenset(
    {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55)}
    | {*range(61, 66), 71, 81, 82, 83}
)  # GB/T 2260
_MOBILE = re.compile(
    r"(?<![0-9A-Za-z.])(?:\+?86[- ]?)?(1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4})(?![0-9A-Za-z元万])"
)
_ELEVEN = re.compile(r"(?<![0-9A-Za-z.〕\]第])1[0-2][0-9]{9}(?![0-9A-Za-z元万号])")
_LANDLINE = re.compile(
    r"(?<![0-9A-Za-z.])[(（]?0(?:10|2[0-9]|[3-9][0-9]{2})[)）]?[-－— ]?[0-9]{3,4}[- ]?[0-9]{4}"
    r"(?![0-9A-Za-z元万])"
)
_CALLED = re.compile(
    r"(?:电话|手机|联系方式|传真|[Tt][Ee][Ll])[^0-9，。；,;]{0,6}"
    r"([+0-9][0-9 ()（）\-]{5,16}[0-9])(?![0-9])"
)
_ACCOUNT = re.compile(
    r"(?:账号|帐号|账户|帐户|卡号)[^0-9，。；,;]{0,10}([0-9](?:[ \-]?[0-9]){7,29})(?![0-9*])"
)
_CARD = re.compile(r"(?<![0-9A-Za-z])[3-69][0-9]{3}(?:[ -]?[0-9]){12,15}(?![0-9A-Za-z])")
_LONG_TOKEN = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{18}(?![0-9A-Za-z])")
_SAID_TO_BE_ONE = re.compile(
    r"(?:身份证|公民身份|证件号)[^0-9，。；,;]{0,12}((?:[0-9Xx][\W_]?){8,})"
)
_SERIAL_LABEL = re.compile(
    r"(?:编号|文号|单号|批号|案号|序号|档号|流水号|票号|报告号|合同号|编码)[为是：: ]{0,3}$"
)
_YOUNGEST = "2012"  # a number of a later year behind a serial's label is no person's
_HAN_DIGITS = "〇零○一二三四五六七八九壹贰叁肆伍陆柒捌玖"
_STARS = re.compile("[*＊×✱●]")  # somebody has hidden a part already
_SPELLED = re.compile(f"[0-9{_HAN_DIGITS}]{{11}}")


def numbers(flat: str) -> list[Span]:
    """Every number of a person in a half-width text, and HELD where one cannot be made out."""
    spans: list[Span] = []
    spelled = _SPELLED.findall(flat)
    if spelled and any(set(found) & set(_HAN_DIGITS) for found in spelled):
        spans.append(Span(0, 0, HELD))
    if not _SEVEN.search(flat):
        return spans
    taken: list[Span] = []
    for cluster in _CLUSTER.finditer(flat):
        taken += _of_cluster(flat, cluster)
    for card in _CARD.finditer(flat):
        if _luhn(card.group()) and not _is_valid_uscc(flat, card.start()):
            taken.append(Span(card.start(), card.end(), BANK_CARD))
    for account in _ACCOUNT.finditer(flat):
        taken.append(Span(account.start(1), account.end(1), ACCOUNT))
    held = [span for span in taken if span.kind == HELD]
    known = [span for span in taken if span.kind != HELD]
    spans += known
    # What is known to be a card or an account is no broken identity number.
    if any(not _covered(span, known) for span in held):
        spans.append(Span(0, 0, HELD))
    for said in _SAID_TO_BE_ONE.finditer(flat):
        span = Span(said.start(1), said.end(1), HELD)
        hidden = _STARS.search(flat, span.start, min(span.end + 2, len(flat)))
        if hidden is None and not _covered(span, known):
            spans.append(Span(0, 0, HELD))
    for pattern in (_MOBILE, _ELEVEN, _LANDLINE):
        for phone in pattern.finditer(flat):
            spans.append(Span(phone.start(), phone.end(), PHONE))
    for called in _CALLED.finditer(flat):
        spans.append(Span(called.start(1), called.end(1), PHONE))
    return spans


def _of_cluster(flat: str, cluster: re.Match[str]) -> Iterator[Span]:
    places = [at for at in range(cluster.start(), cluster.end()) if flat[at] in "0123456789Xx"]
    digits = "".join(flat[at] for at in places).upper()
    found = False
    for first in range(len(digits) - 17):
        if _is_id_number(digits[first : first + 18]):
            start, end = places[first], places[first + 17] + 1
            if not (first == 0 and len(digits) == 18 and _is_valid_uscc(flat, start)):
                found = True
                yield Span(start, end, ID_NUMBER)
    if found:
        return
    for run in _TIGHT.finditer(flat, cluster.start(), cluster.end()):
        yield from _of_run(flat, run)


def _of_run(flat: str, run: re.Match[str]) -> Iterator[Span]:
    """Digits with at most one sign between them, none of them a whole identity number."""
    places = [at for at in range(run.start(), run.end()) if flat[at] in "0123456789Xx"]
    digits = "".join(flat[at] for at in places).upper()
    if not digits:
        return
    start, end = places[0], places[-1] + 1
    before, after = flat[start - 1 : start], flat[end : end + 1]
    if (before.isascii() and before.isalnum()) or (after.isascii() and after.isalnum()):
        return
    count = len(digits)
    if count == 15 and digits.isdigit() and _is_old_number(digits):
        yield Span(start, end, ID_NUMBER)
    elif 17 <= count <= 19 and _is_province(digits) and digits[6:8] in ("19", "20"):
        if not (_is_valid_uscc(flat, start) or _is_serial(flat, start, digits)):
            yield Span(start, end, HELD)
    elif (
        count == 11
        and digits[0] == "1"
        and digits[1] in "3456789"
        and not set(flat[start:end]) & set("./,")
        and after not in ("元", "万")
    ):
        yield Span(start, end, PHONE)


def _is_serial(flat: str, start: int, digits: str) -> bool:
    """Whether a label says that the digits number a matter, and they are of a recent year."""
    before = flat[max(0, start - 8) : start]
    return "证件" not in before and digits[6:10] >= _YOUNGEST and bool(_SERIAL_LABEL.search(before))


def _is_province(text: str) -> bool:
    return text[:2].isdigit() and int(text[:2]) in _PROVINCES


def _is_id_number(digits: str) -> bool:
    if not _is_province(digits) or not _is_day(digits[6:14]) or "X" in digits[:17]:
        return False
    return id_check(digits[:17]) == digits[17]


def _is_day(text: str) -> bool:
    if not text.isdigit() or text[:2] not in ("18", "19", "20"):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _is_old_number(digits: str) -> bool:
    """15 digits of the first generation: a province and a day of birth of the 20th century."""
    return _is_province(digits) and _is_day(f"19{digits[6:12]}")


def _is_valid_uscc(flat: str, start: int) -> bool:
    """Whether a 统一社会信用代码 with its right check begins there."""
    token = _LONG_TOKEN.match(flat, start)
    if token is None or (_is_province(token.group()) and token.group()[6:8] in ("19", "20")):
        return False
    body = token.group().upper()
    try:
        return uscc_check(body[:17]) == body[17]
    except ValueError:
        return False


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1 annex B; 16 to 19 digits."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 16 <= len(digits) <= 19:
        return False
    doubled = (sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _covered(span: Span, known: list[Span]) -> bool:
    return any(k.start < span.end and span.start < k.end for k in known)
