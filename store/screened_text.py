"""The free text of a statement as the public may see it, and what to tell the department."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from store.kind import Field
from store.screening import Screening, private_names, screened_fields
from store.screening_span import HELD
from store.statement import Party, Remark

_HELD_BACK = (
    "文本中有无法安全隐去的个人信息或不可见字符，公开时暂不显示；请更正后重报。"
    "The text holds personal data that cannot be hidden safely, or unreadable characters: the"
    " public does not see it; correct it and send again."
)
_MASKED = (
    "文本中的个人信息公开时已隐去；无须处理。"
    "Personal data in the text is hidden from the public; nothing to do."
)


class _Stated(Protocol):
    """What of a record's statement decides."""

    @property
    def party(self) -> Party: ...
    @property
    def reported_name(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...
    @property
    def visibility(self) -> str: ...


def remarked(
    declared: Sequence[Field], statement: _Stated, known: dict[str, Screening]
) -> tuple[str | None, tuple[Remark, ...]]:
    """What open readers may see of these fields as JSON, and what to say of it.

    None for a kind without free text; nothing is said of records that are not open anyway.
    `known` remembers texts from one record to the next.
    """
    if not declared:
        return None, ()
    names = private_names(statement.party.category, statement.reported_name, statement.fields)
    shown, found = screened_fields(declared, statement.fields, names, known)
    text = orjson.dumps(shown).decode()
    if not found or statement.visibility != "O":
        return text, ()
    return text, tuple(
        Remark("TEXT_HELD", "warning", _HELD_BACK, one.name)
        if HELD in found[one.api_name]
        else Remark("TEXT_MASKED", "info", _MASKED, one.name)
        for one in declared
        if one.api_name in found
    )
