"""Search in the executor lane: candidates by code and by name, the best reason of each, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from resolvers.executor.code import carriers, embedded
from resolvers.executor.connection import Edges, connection
from resolvers.executor.manifest import Mentions
from resolvers.executor.name import kind_of, plain_text
from resolvers.executor.paging import Key, Order
from resolvers.executor.place import Asked, Item
from resolvers.executor.rows import Fields
from resolvers.lookup import BARE_SCHEMES
from security.policy import Reach
from store.name import HEARD, WALKED, bigrams, name_without_region
from store.sound import soundings

_NAMES = 300  # looked at that begin with the text, and again that hold it
_NEAR = 100
_ORDER = Order(
    "search", (Key("rank", "numeric"), Key("matched", "text"), Key("subject_id", "uuid"))
)
_CODE, _EMBEDDED, _EQUAL, _BEGINS, _HOLDS, _NEARLY = 0, 1, 2, 4, 6, 8
_SOUNDS, _INITIALS = 10, 14


class _Hit(NamedTuple):
    rank: int
    matched: str
    matched_by: str
    subject: UUID


def _search(asked: Asked) -> Any:
    question = asked.question
    truncated: list[bool] = []

    async def named(row: Fields) -> bytes | None:
        reference: bytes = row["organisation"]["audit_ref"]
        return reference

    def node(mentions: Mentions, row: Fields) -> Item:
        return Item("Organisation", row["organisation"], mentions)

    async def read() -> Sequence[Fields]:
        hits, cut = await _hits(asked)
        truncated.append(cut)
        wanted = asked.arguments.get("kinds")
        best: dict[UUID, _Hit] = {}
        for hit in sorted(hits):
            if wanted is None or hit.matched_by in wanted:
                best.setdefault(hit.subject, hit)
        rows = []
        for subject, hit in best.items():
            found = await question.rows.organisation(subject)
            if found is not None and await question.sight.organisation(found):
                rows.append(
                    {
                        "rank": Decimal(hit.rank),
                        "matched": hit.matched,
                        "matched_by": hit.matched_by,
                        "subject_id": subject,
                        "organisation": found,
                    }
                )
        return rows

    edges = Edges("SearchEdge", node, named)
    return connection(asked, _ORDER, edges, read(), {"truncated": truncated})


async def _seen(asked: Asked, names: Sequence[Fields], most: int) -> list[Fields]:
    """The first of these names whose organisations the caller may see."""
    question = asked.question
    found: list[Fields] = []
    for name in names:
        if len(found) == most:
            break
        organisation = await question.rows.organisation(name["subject_id"])
        if organisation is not None and await question.sight.organisation(organisation):
            found.append(name)
    return found


async def _hits(asked: Asked) -> tuple[list[_Hit], bool]:
    """Every reason to find something, and whether more names were there than were looked at."""
    text, rows = asked.arguments["text"], asked.question.rows
    plain = plain_text(text)
    hits = []
    for scheme, value, subject in await carriers(rows, text):
        bare = scheme in BARE_SCHEMES and scheme != "lei"
        hits.append(_Hit(_CODE, value, scheme.upper() if bare else "OTHER_CODE", subject))
    for value, subject in await embedded(rows, text):
        hits.append(_Hit(_EMBEDDED, value, "ORG_CODE_EMBEDDED", subject))
    common = False
    begun = await _seen(asked, await rows.names_beginning(plain, _NAMES * 10), _NAMES + 1)
    hits += [_named(_EQUAL if row["plain"] == plain else _BEGINS, row) for row in begun]
    held: list[Fields] = []
    if len(begun) <= _NAMES:
        if common := await rows.common(bigrams(text)):
            found = await rows.names_in_order(WALKED)
        else:
            found = await rows.names_holding(text, _NAMES * 10)
        held = [row for row in found if row["plain"].find(plain) > 0]
        held = await _seen(asked, held, _NAMES + 1)
    hits += [_named(_HOLDS, row) for row in held]
    core, near = name_without_region(text), []
    if core:
        near = await _seen(asked, await rows.names_holding(core, _NEAR * 10), _NEAR + 1)
    hits += [_named(_NEARLY, row)._replace(matched_by="NEAR_NAME") for row in near]
    told, many = await _heard(asked, text)
    hits += told
    cut = common or many or len(begun) > _NAMES or len(held) > _NAMES or len(near) > _NEAR
    # Who sees nothing learns nothing of how many there are.
    return hits, cut and asked.question.context.scope.row.open is not Reach.NONE


async def _heard(asked: Asked, text: str) -> tuple[list[_Hit], bool]:
    """The names that sound like the text, each by the best way of reading it."""
    rows = asked.question.rows
    ways = soundings(text)
    many = any([await rows.common(list(way.fragments)) for way in ways])
    found: dict[tuple[UUID, str], Fields] = {}
    for way in ways:
        if many:
            candidates = await rows.names_in_order(HEARD)
        else:
            candidates = await rows.names_sounding(way, _NAMES * 10)
        for row in candidates:
            if row["spelt"] is not None and way.place(row["spelt"]) is not None:
                found[row["subject_id"], row["name"]] = row
    hits = []
    seen = await _seen(asked, list(found.values()), _NAMES + 1)
    for row in seen:
        way = min(
            (one for one in ways if one.place(row["spelt"]) is not None),
            key=lambda one: one.initials,
        )
        rank = _INITIALS if way.initials else _SOUNDS
        rank += 0 if way.place(row["spelt"]) == 0 else 2
        reason = "INITIALS" if way.initials else "PINYIN"
        hits.append(_named(rank, row)._replace(matched_by=reason))
    return hits, many or len(seen) > _NAMES


def _named(rank: int, name: Fields) -> _Hit:
    return _Hit(rank + name["is_former"], name["name"], kind_of(name), name["subject_id"])


RESOLVERS: Mapping[str, Any] = {
    "Query.search": _search,
    "SearchConnection.truncated": lambda asked: asked.item.more["truncated"][0],
}
