"""Matching of persons 自然人比对: yes or no, by the agreement's keyed token only (X08)."""

from __future__ import annotations

import strawberry

from schema.binding import described


@strawberry.type(description="比对结果 whether the node knows the person behind a token.")
class PersonMatch:
    matched: bool = described("是否匹配 false also where the caller may not know.")
    record_types: list[str] = described(
        "记录类型 kinds of records about the person that the agreement lets be named; see `kinds`."
    )
