"""How long a search takes at a million names, beside a bare look-up of the same index.

    python -m bench.search DSN [--names 1000000] [--seconds 2]

DSN names an empty, migrated database that may be filled: organisations with one name each, written
past intake. Names have a region, two characters of their own, a trade and a legal form, as those
of the demo world; a tenth are of the first city.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from bench.table import Table
from resolvers.context import Context
from resolvers.operation import Operations
from resolvers.wall import wall_of
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import Grounds, Role, load_policy
from store.hot import ensure_hot_columns
from store.name import bigrams, note_common_fragments
from store.pool import Readers, open_readers
from store.sound import heard
from store.wall import raise_walls

TODAY = dt.date(2026, 6, 30)
_PLACES = ("沈阳", "沈阳市和平区", "沈阳市铁西区", "辽宁", "沈阳浑南", "沈阳", "大东区", "皇姑区",
           "沈河区", "本溪")  # fmt: skip
_OWN = ("楠禾岚洲霏鲲茗溯荏曦瀚茸昀漪稷烨麓藻筠沐莛焕涵芃晗润茂珩峤暄瀛萱琮岫荟熠鸢茵珂泓砚荞"
        "澜沅汐澄渊湛洺淇泽溪岑岳峻屿嵘岱巍崧昕晟曜晔暖晴昱旭煜炫炜烁煊焱灿炽柏松桐梓榆槐楷樱"
        "枫桦榕柠棠檀枝林森")  # fmt: skip
_TRADES = ("商贸", "建材", "餐饮", "物流", "科技", "服装", "食品", "机械", "装饰", "种植", "咨询",
           "超市", "医药", "矿业", "贸易", "餐饮管理")  # fmt: skip
_FORMS = ("有限公司", "有限责任公司", "店", "厂", "有限公司", "股份有限公司", "超市", "合作社")
TEXTS = {
    "a code": ("91210000000000777X", "91210000000123456X"),
    "four characters that tell bodies apart": ("楠禾商贸", "鲲茗餐饮", "珩峤科技", "焱灿物流"),
    "two characters of a trade name": ("楠禾", "珂泓", "澄渊"),
    "what a tenth of all names hold": ("餐饮", "科技", "本溪"),
    "what most names hold": ("公司", "有限公司", "沈阳"),
    "pinyin": ("nanheshangmao", "kun ming can yin", "héngqiáo keji", "shenyangnanhe"),
    "initials": ("nhsmyxgs", "kmcy", "synh"),
    "pinyin that most names hold": ("youxiangongsi", "yxgs"),
}
ASK = """query($t: String!) { search(text: $t, first: 20) { totalCount truncated
    edges { matchedBy matched node { name uscc } } } }"""
BY_HAND = """SELECT json_agg(q) FROM (SELECT o.name, o.uscc, w.name AS matched
    FROM organisation_name w JOIN organisation o USING (subject_id)
    WHERE w.bigrams @> $1 AND position($2 in w.plain) > 0 LIMIT 20) q"""


def names(count: int) -> Iterator[tuple[int, str]]:
    """The names, each a function of its number."""
    own = len(_OWN)
    for i in range(count):
        a = i * 7919 + i // own
        name = _PLACES[a % 10] + _OWN[i % own] + _OWN[(i // own + i) % own]
        yield i, name + _TRADES[(i // 7) % len(_TRADES)] + _FORMS[(i // 3) % len(_FORMS)]


async def fill(dsn: str, count: int) -> None:
    """The organisations, if the database has none."""
    connection = await asyncpg.connect(dsn)
    await ensure_hot_columns(connection, kinds())
    await raise_walls(connection, kinds())
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM organisation)"):
        chunk: list[tuple[Any, ...]] = []
        for i, name in names(count):
            chunk.append((UUID(int=i * 2654435761 % 2**64 << 32 | i), name))
            if len(chunk) == 20_000 or i == count - 1:
                await _write(connection, chunk, i + 1 - len(chunk))
                chunk = []
        await connection.execute("VACUUM ANALYZE")
        await note_common_fragments(connection)
    await connection.close()


async def _write(connection: asyncpg.Connection, chunk: list[tuple[Any, ...]], first: int) -> None:
    now = dt.datetime.now(dt.UTC)
    await connection.copy_records_to_table(
        "subject",
        records=[(id_, "LEGAL_ENTITY") for id_, _ in chunk],
        columns=["subject_id", "category"],
    )
    codes = [f"91210000{first + i:09d}X" for i in range(len(chunk))]
    await connection.copy_records_to_table(
        "identifier",
        records=[(code, "uscc", id_, True) for code, (id_, _) in zip(codes, chunk, strict=True)],
        columns=["value", "scheme", "subject_id", "is_first"],
    )
    await connection.copy_records_to_table(
        "organisation",
        records=[
            (id_, "LEGAL_ENTITY", name, code, "210100", "210100", True, id_.bytes, now, b"", 1, b"")
            for code, (id_, name) in zip(codes, chunk, strict=True)
        ],
        columns=["subject_id", "category", "name", "uscc", "region_id", "origin_region",
                 "registered", "audit_ref", "stamp", "batch_sha", "line_no", "digest"],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "organisation_name",
        records=[(id_, name, name, False, bigrams(name), *heard(name)) for id_, name in chunk],
        columns=["subject_id", "name", "plain", "is_former", "bigrams", "spelt", "sounds"],
    )


async def measure(dsn: str, count: int, seconds: float) -> Table:
    """Milliseconds of each class of texts, as the public and as a department asks."""
    await fill(dsn, count)
    operations = Operations(CreditSchema(kinds()))
    every = frozenset(kinds().by_name)
    policy = load_policy()
    scopes = {
        Role.PUB: policy.scope("public", Role.PUB, None, ""),
        Role.ANALYST: policy.scope(
            "analyst", Role.ANALYST, "P12", "", Grounds(government_kinds=every), kinds=every
        ),
    }
    readers = {
        role: await open_readers(dsn, max_size=1, wall=wall_of(role), day=TODAY.isoformat())
        for role in scopes
    }
    rows: list[tuple[Any, ...]] = []
    for label, texts in TEXTS.items():
        row: list[Any] = [label]
        for role, scope in scopes.items():
            plan = operations.prepare(ASK, None, scope)
            context = Context(readers[role], scope, TODAY, b"k" * 32)

            async def ask(text: str, plan: Any = plan, context: Context = context) -> None:
                answer = await plan.run(context, {"t": text})
                assert not answer.errors, answer.errors

            row += await _times(ask, texts, seconds)
        row.append((await _times(_by_hand(readers[Role.PUB]), texts, seconds))[0])
        rows.append(tuple(row))
    for one in readers.values():
        await one.close()
    return Table(
        f"Search among {count:,} names, ms",
        (
            "text",
            "public, median",
            "p95",
            "analyst, median",
            "p95",
            "bare LIMIT 20 by hand, median",
        ),
        rows,
    )


def _by_hand(readers: Readers) -> Any:
    async def ask(text: str) -> None:
        await readers.fetchrow(BY_HAND, bigrams(text), text)

    return ask


async def _times(ask: Any, texts: tuple[str, ...], seconds: float) -> list[float]:
    for text in texts:
        await ask(text)
    taken = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for text in texts:
            began = time.perf_counter()
            await ask(text)
            taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return [taken[len(taken) // 2], taken[int(len(taken) * 0.95)]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    asked = parser.parse_args()
    print(asyncio.run(measure(asked.dsn, asked.names, asked.seconds)).markdown())


if __name__ == "__main__":
    main()
