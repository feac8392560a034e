"""Search 检索: organisations by any name or code they have or had, each hit with its reason."""

from __future__ import annotations

from enum import Enum

import strawberry

from schema.binding import described, stored
from schema.connection import PageInfo
from schema.party import Organisation


@strawberry.enum(description="匹配方式 why an organisation is among the hits.")
class MatchKind(Enum):
    CURRENT_NAME = strawberry.enum_value("CURRENT_NAME", description="现用名 holds the text")
    FORMER_NAME = strawberry.enum_value("FORMER_NAME", description="曾用名 holds the text")
    NEAR_NAME = strawberry.enum_value(
        "NEAR_NAME",
        description="名称相近 a name, current or former, that differs in its region: another body",
    )
    PINYIN = strawberry.enum_value(
        "PINYIN", description="拼音 a name, current or former, that sounds so"
    )
    INITIALS = strawberry.enum_value(
        "INITIALS", description="拼音首字母 a name whose syllables begin so, all or some of them"
    )
    USCC = strawberry.enum_value("USCC", description="统一社会信用代码")
    ORG_CODE = strawberry.enum_value("ORG_CODE", description="组织机构代码")
    ORG_CODE_EMBEDDED = strawberry.enum_value(
        "ORG_CODE_EMBEDDED",
        description="主体标识码 the text is a USCC that embeds this organisation code",
    )
    REG_NO = strawberry.enum_value("REG_NO", description="工商注册号")
    TAX_NO = strawberry.enum_value("TAX_NO", description="税务登记号")
    INST_CERT_NO = strawberry.enum_value("INST_CERT_NO", description="事业单位证书号")
    SOCIAL_CERT_NO = strawberry.enum_value("SOCIAL_CERT_NO", description="社会组织登记证号")
    OTHER_CODE = strawberry.enum_value(
        "OTHER_CODE", description="其他代码 asked for as scheme:value, or an LEI"
    )


@strawberry.type(description="命中 one organisation that the text finds, with the best reason.")
class SearchEdge:
    cursor: str = described("游标 opaque; ask for what comes after it with `after`.")
    node: Organisation = described("组织 the organisation.")
    matched_by: MatchKind = stored("matched_by", "匹配方式 why it is a hit.")
    matched: str = stored("matched", "匹配内容 the name or code that matched.")


@strawberry.type(
    description=(
        "命中分页 codes first, then names: equal, beginning, within, near, by sound; current before"
        " former."
    )
)
class SearchConnection:
    total_count: int = described("总数 hits that the caller may see, among the names looked at.")
    truncated: bool = described(
        "是否截断 more names hold the text than were looked at: give more of the name."
    )
    page_info: PageInfo = described("分页信息 what lies before and after this page.")
    edges: list[SearchEdge] = described("各命中 hits with their reasons.")
    nodes: list[Organisation] = described("各组织 organisations without reasons.")


@strawberry.type(description="一行 one organisation of a list.")
class OrganisationEdge:
    cursor: str = described("游标 opaque; ask for what comes after it with `after`.")
    node: Organisation = described("内容 the row itself.")
    matched_by: MatchKind | None = described(
        "匹配方式 CURRENT_NAME or FORMER_NAME; null without a name filter."
    )
    matched: str | None = described("匹配内容 the name that matched; null without a name filter.")


@strawberry.type(description="一页 one page of rows.")
class OrganisationConnection:
    total_count: int = described("总数 rows that match and that the caller may see.")
    page_info: PageInfo = described("分页信息 what lies before and after this page.")
    edges: list[OrganisationEdge] = described("各行 rows with their cursors.")
    nodes: list[Organisation] = described("各行内容 rows without cursors.")
