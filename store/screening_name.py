"""Names of natural persons in a text, where a role or a personal detail announces them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from store.screening_span import NAME, Span
from store.screening_word import (
    BODY_WORDS,
    COMPOUND_SURNAMES,
    FOLLOWING,
    NO_NAMES,
    ROLES,
    SURNAMES,
    SURNAMES_ALSO_WORDS,
)

_FIRSTS = "".join(sorted(SURNAMES | {name[0] for name in COMPOUND_SURNAMES}))
_ROLE_ENDS = "".join(sorted({role[-1] for role in ROLES}))
_TIE = re.compile(
    "(?:[（(][^（）()0-9]{1,8}[)）])?(?:姓名|名叫|名为|分别为|分别是|变更为|为|是|系|叫|由)?"
    '[：: \t“"]{0,3}'
)
_FOLLOWED = re.compile(FOLLOWING)
_BODY = re.compile(BODY_WORDS)
_NO_BODY = re.compile(
    "[^一-龥A-Za-z0-9（）()·]|[的在因诉与被]|经营|开办|系|驾驶|于[0-9]|购|销售|欠|承包|租赁|担任|支付|偿还"
    "|给付|返还|归还|赔偿|承担|履行|申请|提供|使用|利用|通过|参与|组织|协助|签订|伙同|雇佣|骗取|收取|转让|领取|出具|伪造"
    "|投诉|举报|反映|殴打|擅自|立即|连带|共同|应[当于向]|未(?!来)|将(?!军)|向(?!阳|荣|日|上)|对(?!外)"
)
_DETAIL = re.compile(
    "([一-龥]{2,4})(?=[，,（( ]{1,2}(?:男|女)(?:性)?[，,、。；;）) ]"
    "|[，,（( ：:]{0,2}(?:公民身份|居民身份证|身份证|联系电话|手机|电话)"
    "|等[0-9一二三四五六七八九十百]{1,4}(?:余|多)?(?:名|人|位))"
)
_DETAIL_GATE = re.compile("男|女|身份证?|电话|手机|等[0-9一二三四五六七八九十百]")
_JOINT = re.compile(
    "(?:[（(][^（）()]{1,20}[)）])?(?:、|和|与|及|以及|变更为|[，,]\\s?)(?=[一-龥])"
)
_FOREIGN = re.compile("[一-龥]{1,10}(?:[·•][一-龥]{1,10})+")
_ONE = f"[{_FIRSTS}][一-龥]{{1,2}}"
_LIST = re.compile(
    f"[{_FIRSTS}](?<![一-龥].)[一-龥]{{1,2}}[、，,;；\\s]\\s?(?:{_ONE}[、，,;；\\s]\\s?){{4}}{_ONE}"
)
_SPACED = re.compile("[一-龥][ \u3000][一-龥]")  # 王 强, as forms set two characters
_NAMES_ALSO = frozenset("超之至可")  # what follows a name, and ends many: 姜文超未到岗
_SEPARATOR = re.compile(r"[、，,;；\s]+")
_ROLE_GATE = re.compile(f'[{_ROLE_ENDS}](?=[{_FIRSTS}（(姓名分变为是系叫由：: \t“"])')
_LONG_LIST = 6  # names in one text beyond which it is rather a list of persons


def names_at_roles(flat: str) -> list[Span]:
    """Every name that follows a role, or stands before a sex, an identity card or a phone."""
    spans: list[Span] = []
    for ending in _ROLE_GATE.finditer(flat):
        after = ending.end()
        if not flat.endswith(ROLES, 0, after):
            continue
        tie = _TIE.match(flat, after)
        assert tie is not None
        at: int | None = tie.end()
        while at is not None:
            end = _name_at(flat, at, plainly=tie.group()[-1:] in ("：", ":"))
            if end is None:
                break
            spans.append(Span(at, end, NAME))
            joint = _JOINT.match(flat, end)
            at = joint.end() if joint else None
    if _DETAIL_GATE.search(flat):
        for detail in _DETAIL.finditer(flat):
            start = _name_before(detail.group(1))
            if start is not None:
                spans.append(Span(detail.start(1) + start, detail.end(1), NAME))
    return spans


def name_list(flat: str, spans: Sequence[Span]) -> bool:
    """Whether the text lists so many persons that hiding each is not to be trusted."""
    if len({span.start for span in spans if span.kind == NAME}) >= _LONG_LIST:
        return True
    found = _LIST.search(flat)
    if found is None:
        return False
    items = _SEPARATOR.split(found.group())
    return sum(item[:2] not in NO_NAMES for item in items) >= _LONG_LIST


def shown_name(name: str) -> str:
    """A name as it is masked: the surname, or one character of a foreign name, and a star."""
    part = name[:2] if len(name) > 2 and name[:2] in COMPOUND_SURNAMES else name[:1]
    return f"{part}*"


def _name_at(flat: str, at: int, *, plainly: bool) -> int | None:
    """Where the name that begins there ends; None when none does."""
    if "·" in flat or "•" in flat:
        foreign = _FOREIGN.match(flat, at)
        if foreign is not None:
            return foreign.end()
    surname = 2 if flat[at : at + 2] in COMPOUND_SURNAMES else 1
    if surname == 1 and flat[at : at + 1] not in SURNAMES:
        return None
    if surname == 1 and _SPACED.match(flat, at) and _FOLLOWED.match(flat, at + 3):
        return None if flat[at] in SURNAMES_ALSO_WORDS else at + 3
    given = flat[at + surname : at + surname + 2]
    if not given or not _is_han(given[0]) or given[0] in "某×*" or _is_body(flat, at):
        return None
    if surname == 1 and flat[at : at + 2] in NO_NAMES:
        return None
    for length in (surname + 1, surname + 2):
        if length == surname + 2 and (len(given) < 2 or not _is_han(given[1])):
            break
        if _FOLLOWED.match(flat, at + length):
            if given[1:] in _NAMES_ALSO and _FOLLOWED.match(flat, at + surname + 2):
                return at + surname + 2
            return at + length
    if flat[at] in SURNAMES_ALSO_WORDS and not plainly:
        return None
    return at + surname + (2 if len(given) > 1 and _is_han(given[1]) else 1)


def _name_before(text: str) -> int | None:
    """Where in a few characters the name begins that they end with."""
    if len(text) == 4 and text[:2] in COMPOUND_SURNAMES:
        return 0
    for length in (3, 2):
        start = len(text) - length
        if start < 0 or text[start : start + 2] in NO_NAMES or "某" in text[start:]:
            continue
        if text[start] in SURNAMES or text[start : start + 2] in COMPOUND_SURNAMES:
            return start
    return None


def _is_body(flat: str, at: int) -> bool:
    """Whether the name of a body begins there: its last word follows with nothing between."""
    body = _BODY.search(flat, at + 2, at + 34)
    return body is not None and _NO_BODY.search(flat, at, body.start()) is None


def _is_han(character: str) -> bool:
    return "一" <= character <= "龥"
