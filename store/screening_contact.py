"""How a person is reached or known: addresses, plates, e-mail, passports, day of birth."""

from __future__ import annotations

import re

from store.screening_span import (
    ACCOUNT,
    ADDRESS,
    BIRTH_DATE,
    EMAIL,
    PASSPORT,
    PLATE,
    Span,
)

_EMAIL = re.compile(
    r"[A-Za-z0-9._%+\-]{1,64} ?@ ?[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}"
)
_MESSENGER_GATE = re.compile("[QqW微抖快]")
_MESSENGER = re.compile(
    r"(?:(?<![0-9A-Za-z])(?:QQ|qq|WeChat)|微信|抖音|快手)"
    r"(?:号码|账号|帐号|号)?[:：为是 ]{1,3}([A-Za-z0-9_\-]{5,24})"
    r"|(?:(?<![0-9A-Za-z])(?:QQ|qq)|微信)号?([0-9]{5,12})"
    r"|(?:微信|抖音|快手)号([A-Za-z][A-Za-z0-9_\-]{5,23})"
)
_STANDARDS = ("新GB", "新DB", "新JB", "新QB")  # 新GB14881 is a standard
_PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
_PLATE = re.compile(
    _PROVINCE + "[A-Z][·•.\\- ]?"
    "(?=[A-Z]*[0-9])(?:[0-9]{5}[DF]|[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[A-HJ-NP-Z0-9]{5}"
    "|[A-HJ-NP-Z0-9]{4}[挂学警港澳])(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PAPER = re.compile(
    r"(?:护照|通行证|居留证|居住证|台胞证|回乡证)[^A-Z0-9，。；,;]{0,10}"
    r"([A-Z]{0,3}[0-9]{7,10}(?![0-9])(?:\([0-9A-Z]\))?)"
)
_PASSPORT = re.compile("[EG][0-9A-HJ-NP-Z][0-9]{7}(?![0-9A-Za-z\\-])")
_NO_PASSPORT = ("代码", "编号", "批号", "型号", "证号", "单号")
_HAN = "[0-9A-Za-z一二三四五六七八九十百]"
_ROAD = (
    "(?:(?<![公铁线网通])路|街|巷|(?<![国省县])道|弄|(?<=胡)同|(?<![公这那])里|村|屯|(?<![机小])组"
    "|(?<=[小社])区|(?<=[花家])园|苑|庄|(?<=公)寓|(?<=大)院)"
)
# A house and what follows it: 12号, 12-3号, 3号楼2单元501室, 12-3-501; no decree, road, machine.
_HOUSE = (
    f"(?:{_HAN}{{1,5}}(?:[-－之]{_HAN}{{1,4}}){{0,3}}"
    "(?:号(?!令|文|公告|通知|标|线|桥|机|炉|矿|井|窑|船|车|柴油|汽油|公路|高速|决定|案|卷|条)楼?"
    "|栋|幢|座|单元|室|门牌)"
    "|[0-9]{1,4}[-－][0-9]{1,3}[-－][0-9]{1,5}(?![-－0-9]))"
)
_TAIL = f"(?:(?:第?{_HAN}{{1,5}}(?:[-－]{_HAN}{{1,4}})?(?:号楼|栋|幢|座|单元|楼|层|室|号|门|户))*)"
_HOUSE_AT = re.compile(f"{_ROAD}(?:第)?{_HOUSE}{_TAIL}")
# A room of a building needs no road: 8号楼1单元1502室, 5栋2-1201.
_ROOM_AT = re.compile(
    f"[0-9A-Za-z]{{1,4}}(?:号楼|栋|幢|座)(?:{_HAN}{{1,4}}单元)?{_HAN}{{0,3}}层?"
    "(?:[0-9]{1,2}[-－])?[0-9]{1,4}(?:室|户|号(?!楼))"
)
_COUNTY_END = re.compile(".*[区县旗](?!域)", re.DOTALL)
_BORN_ON = re.compile(
    r"出生(?:日期|年月|于)?[:：为于 ]{0,2}"
    r"([0-9]{4}年[0-9]{1,2}月(?:[0-9]{1,2}日)?|[0-9]{4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2})"
)
_BORN = re.compile(
    r"(?:[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2})"
    r"(?=出生|生(?![产效活意态长]))"
)

# One look for what each of the others begins with: most texts have nothing of it.
_GATE = re.compile(
    "[路街巷道弄同里村屯组区园苑庄寓院楼栋幢座出日0-9护行留住胞乡A-ZQqW微抖快]"
    "(?:(?<=[路街巷道弄同里村屯组区园苑庄寓院楼栋幢座])(?=第?[0-9A-Za-z一二三四五六七八九十百])|(?<=[出日0-9])(?=生)"
    "|(?<=[护行留住胞乡])(?=[照证])|(?<=[A-Z])(?=[·•.\\- ]?[0-9A-Z])|(?<=[QqW微抖快]))"
)


_SMALL_PLATE = re.compile(f"{_PROVINCE}[a-z]")


def contacts(flat: str) -> list[Span]:
    """Every address, plate, e-mail, passport, account and day of birth in a half-width text."""
    spans: list[Span] = []
    if "@" in flat:
        spans += (Span(found.start(), found.end(), EMAIL) for found in _EMAIL.finditer(flat))
    if not _GATE.search(flat) and not _SMALL_PLATE.search(flat):
        return spans
    for found in _PLATE.finditer(flat):
        before = flat[: found.start()][-1:]
        inside = before.isascii() and before.isalnum()
        if not inside and found.group()[:3].upper() not in _STANDARDS:
            spans.append(Span(found.start(), found.end(), PLATE))
    spans += (
        Span(_beginning(flat, found.start()), found.end(), ADDRESS)
        for found in _HOUSE_AT.finditer(flat)
    )
    if "室" in flat or "户" in flat or "号" in flat:
        spans += (
            Span(_beginning(flat, found.start()), found.end(), ADDRESS)
            for found in _ROOM_AT.finditer(flat)
        )
    if "生" in flat:
        spans += (Span(found.start(), found.end(), BIRTH_DATE) for found in _BORN.finditer(flat))
        spans += (
            Span(found.start(1), found.end(1), BIRTH_DATE) for found in _BORN_ON.finditer(flat)
        )
    for found in _PASSPORT.finditer(flat):
        before = flat[: found.start()].rstrip("：: ")
        if not ((before[-1:].isascii() and before[-1:].isalnum()) or before.endswith(_NO_PASSPORT)):
            spans.append(Span(found.start(), found.end(), PASSPORT))
    if "证" in flat or "照" in flat:
        spans += (Span(found.start(1), found.end(1), PASSPORT) for found in _PAPER.finditer(flat))
    if _MESSENGER_GATE.search(flat):
        for found in _MESSENGER.finditer(flat):
            group = found.lastindex or 0
            spans.append(Span(found.start(group), found.end(group), ACCOUNT))
    return spans


def _beginning(flat: str, road_end: int) -> int:
    """Where the part below the county begins, for the road whose last word starts there.

    The road's name has at most twelve characters and no punctuation in it; without a county in
    front only the house is hidden, because where the road's name begins cannot be told.
    """
    first = road_end
    while first > 0 and road_end - first < 16 and flat[first - 1] not in "，。；：、,;: （(“\n":
        first -= 1
    county = _COUNTY_END.match(flat[first:road_end])
    if county is not None:
        return first + county.end()
    return road_end + 1
