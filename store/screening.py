"""Personal data in free text 个人信息筛查: what open readers may see of it (access_rules.md §6).

Regular expressions and check digits only, so that the same text always gives the same result.
Identity numbers, phones, plates, bank cards, e-mail addresses, passports, addresses with a door
number and the names that stand at a role (原告, 经营者, …) are hidden; where something is found
that cannot be hidden safely, the whole text is held back. A name that nothing announces is not
found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.kind import Field
from store.screening_contact import contacts
from store.screening_name import name_list, names_at_roles, shown_name
from store.screening_number import numbers
from store.screening_span import HELD, LABELS, NAME, Span

SCANNER = "2026-1"
"""Version of the scanner: a record that another one looked at is screened again."""

_HALF = {code: code - 0xFEE0 for code in range(0xFF10, 0xFF5B)} | {0xFF20: 0x40}
# Nothing of these can be read, or they hide what is written: controls, joiners, directions,
# private characters, and digits that are neither ASCII nor full-width.
_UNREADABLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\ufff0-\ufffd\ue000-\uf8ff"
    "\ud800-\udfff\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59"
    "\U0001d7ce-\U0001d7ff\U000e0000-\U0010ffff"
)
_STRANGE = re.compile(f"[{_UNREADABLE}]")
_UNUSUAL = re.compile(f"[{_UNREADABLE}①-⓿❶-➓０-９Ａ-Ｚａ-ｚ＠]")
_CIRCLED = re.compile(r"[①-⓿❶-➓](?:[\W_]*[①-⓿❶-➓]){5}")


@dataclass(frozen=True, slots=True)
class Screening:
    """What open readers may see: `text`, None when it is held back; and what was found."""

    text: str | None
    found: tuple[str, ...] = ()


def screen(text: str, names: Sequence[str] = ()) -> Screening:
    """A text with personal data hidden; `names` of persons are hidden wherever they stand.

    Never raises. The same text and names give the same result in every release of one SCANNER.
    """
    flat = text
    if _UNUSUAL.search(text):
        if _STRANGE.search(text) or _CIRCLED.search(text):
            return Screening(None, (HELD,))
        flat = text.translate(_HALF)
    spans = numbers(flat)
    spans += contacts(flat)
    spans += names_at_roles(flat)
    for name in names:
        if len(name) > 1 and name in text:
            spans += (
                Span(found.start(), found.end(), NAME)
                for found in re.finditer(re.escape(name), text)
            )
    if name_list(flat, spans):
        return Screening(None, (HELD,))
    if not spans:
        return Screening(text)
    kinds = tuple(sorted({span.kind for span in spans}))
    if HELD in kinds:
        return Screening(None, kinds)
    return Screening(_hidden(text, spans), kinds)


def screened_fields(
    declared: Iterable[Field],
    fields: Mapping[str, Any],
    names: Sequence[str] = (),
    known: dict[str, Screening] | None = None,
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """What open readers may see of a record's free text, and what was found, by API name.

    A field that is held back is missing from the first. `known` remembers the results of texts
    without names from one record to the next.
    """
    shown: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for one in declared:
        text = fields.get(one.api_name)
        if not isinstance(text, str):
            continue
        result = None if names or known is None else known.get(text)
        if result is None:
            result = screen(text, names)
            if known is not None and not names:
                known[text] = result
        if result.text is not None:
            shown[one.api_name] = result.text
        if result.found:
            found[one.api_name] = result.found
    return shown, found


def private_names(category: str, reported_name: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that are personal data of a record's own subject.

    A natural person's; of an individual business 个体工商户 the name of who runs it.
    """
    if category == "NATURAL_PERSON":
        return (reported_name.strip(),)
    representative = fields.get("legalRepName")
    if category == "INDIVIDUAL_BUSINESS" and isinstance(representative, str):
        return (representative.strip(),)
    return ()


def _hidden(text: str, spans: Iterable[Span]) -> str:
    """The text with every span replaced; of overlapping ones the first and longest counts."""
    parts: list[str] = []
    done = 0
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if span.end <= done:
            continue
        start = max(span.start, done)
        parts.append(text[done:start])
        if span.kind == NAME and start == span.start:
            parts.append(shown_name(text[span.start : span.end]))
        else:
            parts.append(f"［{LABELS[span.kind]}已隐去］")
        done = span.end
    parts.append(text[done:])
    return "".join(parts)
