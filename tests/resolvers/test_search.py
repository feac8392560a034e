"""Search finds organisations by what they were or are called, and says why (X05, X07)."""

# ruff: noqa: E501 - questions stay on one line.

from __future__ import annotations

import base64
import csv
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.answer import Lane
from resolvers.context import Call, Context
from resolvers.hit import _CANDIDATES
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import Reach, Role, Scope
from store.identifiers.check_characters import uscc_check
from store.intake import import_paths
from store.name import bigrams, name_without_region
from store.pool import open_pool
from store.wall import raise_walls
from tests.databases import Databases
from tests.resolvers.walled import Walled
from tests.store.conftest import BENXI, TODAY, FixedCipher
from tests.store.test_intake import code, firm, number, penalty

RENAMED, NAMESAKE = code(1), code(2)
OLD, NEW = "本溪楠禾商贸有限公司", "本溪楠禾供应链管理有限公司"
NEAR = "沈阳楠禾商贸有限公司"
ROLES = tuple(Role)
HITS = "edges { matchedBy matched node { name uscc } }"
NAMED = "query($t: String!) { organisations(filter: {name: $t}) { totalCount edges { matched } } }"
SEARCH = f"query($t: String!) {{ search(text: $t) {{ totalCount truncated {HITS} }} }}"

Find = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def filled(dsn: str, folder: Path) -> AsyncIterator[asyncpg.Pool[Any]]:
    """Firms as their registry states them, and records that know a body by an old code alone."""

    def sheet(name: str, rows: list[dict[str, str]]) -> Path:
        path = folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    def body(serial: int, name: str, **more: str) -> dict[str, str]:
        own = {"统一社会信用代码": code(serial), "主体名称": name, "税务登记号": ""}
        return firm(**own, 法定代表人="李四", 法定代表人证件号码=number(serial)) | more

    firms = [
        body(1, NEW, 曾用名=OLD, 注册号="210500000000011"),
        body(2, NEAR),
        body(3, "楠禾"),
        body(4, "楠禾(集团)ABC有限公司", 税务登记号="210590777788881"),
        body(5, "桓仁小楠禾店", 主体类型="个体工商户"),
    ]
    old = {"统一社会信用代码": "", "行政相对人名称": "本溪老厂", "组织机构代码": "24269024-3"}
    person = {
        "行政相对人名称": "王楠禾",
        "行政相对人类别": "自然人",
        "统一社会信用代码": "",
        "法定代表人": "",
        "自然人证件类型": "身份证",
        "自然人证件号码": number(77),
    }
    penalties = [
        penalty(**old, 行政处罚决定书文号="第一号"),
        penalty(**person, 行政处罚决定书文号="第二号"),
    ]
    pool = await open_pool(dsn, max_size=2, answering=True)
    async with pool.acquire() as connection:
        await raise_walls(connection, kinds())
    await import_paths(
        pool,
        [sheet("20260101_f.csv", firms), sheet("20260102_p.csv", penalties)],
        kinds=kinds(),
        cipher=FixedCipher(),
        region=BENXI,
        platform="benxi",
        today=TODAY,
        report_dir=folder / "reports",
    )
    yield pool
    await pool.close()


@pytest.fixture(scope="module")
async def names(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[asyncpg.Pool[Any]]:
    """The firms, for tests that only read."""
    async with databases.fresh() as dsn:
        async with filled(dsn, tmp_path_factory.mktemp("search")) as pool:
            yield pool


@pytest.fixture
async def own(database: str, tmp_path: Path) -> AsyncIterator[asyncpg.Pool[Any]]:
    """The firms, for one test that changes them."""
    async with filled(database, tmp_path) as pool:
        yield pool


@pytest.fixture
def find(names: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]) -> Find:
    async def asked(
        document: str,
        role: str = "ANALYST",
        pool: asyncpg.Pool[Any] = names,
        **variables: Any,
    ) -> Any:
        scope = scope_of(role, case="案1")
        plan = operations.prepare(document, None, scope)
        answer = await plan.run(
            Context(Walled(pool, scope.role, TODAY), scope, TODAY, b"k" * 32), variables
        )
        told = orjson.loads(answer.body)
        if "errors" in told:
            return [error["extensions"]["code"] for error in told["errors"]]
        return told["data"] | {"disclosure": answer.disclosure}

    return asked


def shown(told: Any) -> list[tuple[str, str, str]]:
    return [(e["matchedBy"], e["matched"], e["node"]["name"]) for e in told["search"]["edges"]]


async def test_x05_a_uscc_finds_the_body_known_by_the_code_it_embeds(find: Find) -> None:
    told = await find(
        """query($t: String!) {
             organisation(code: $t) { name uscc orgCode penalties { totalCount } }
             records(filter: {subject: $t}) { totalCount }
             search(text: $t) { edges { matchedBy matched node { name } } } }""",
        t="9121 0000-242690243e",
    )
    assert told["organisation"] == {
        "name": "本溪老厂", "uscc": None, "orgCode": "242690243", "penalties": {"totalCount": 1},
    }  # fmt: skip
    assert told["records"]["totalCount"] == 1
    assert shown(told) == [("ORG_CODE_EMBEDDED", "242690243", "本溪老厂")]


async def test_x05_a_mistyped_uscc_finds_nobody(find: Find) -> None:
    told = await find(
        "query($t: String!) { organisation(code: $t) { name } search(text: $t) { totalCount } }",
        t="91210000242690243F",
    )
    assert (told["organisation"], told["search"]) == (None, {"totalCount": 0})


async def test_a_body_with_another_uscc_is_not_the_one_that_is_asked_for(find: Find) -> None:
    inner = f"93210500{code(1)[8:17]}"
    told = await find(
        "query($t: String!) { organisation(code: $t) { name } search(text: $t) { totalCount } }",
        t=inner + uscc_check(inner),
    )
    assert (told["organisation"], told["search"]) == (None, {"totalCount": 0})


@pytest.mark.parametrize(
    ("text", "reason", "matched"),
    [
        (RENAMED, "USCC", RENAMED),
        (f" {RENAMED.lower()[:9]}-{RENAMED[9:]} ", "USCC", RENAMED),
        ("".join(chr(ord(c) + 0xFEE0) for c in RENAMED), "USCC", RENAMED),
        (f"{RENAMED[8:16]}-{RENAMED[16]}", "ORG_CODE", RENAMED[8:17]),
        ("210500 000000011", "REG_NO", "210500000000011"),
        ("reg_no：210500000000011", "REG_NO", "210500000000011"),
    ],
)
async def test_codes_old_and_new_in_any_spelling(
    find: Find, text: str, reason: str, matched: str
) -> None:
    assert shown(await find(SEARCH, t=text)) == [(reason, matched, NEW)]


async def test_a_tax_number_is_named_as_such(find: Find) -> None:
    told = await find(SEARCH, t="210590777788881")
    assert [hit[:2] for hit in shown(told)] == [("TAX_NO", "210590777788881")]


async def test_x07_the_old_name_finds_its_firm_and_the_namesake_apart(find: Find) -> None:
    told = await find(SEARCH, t=OLD)
    assert shown(told) == [("FORMER_NAME", OLD, NEW), ("NEAR_NAME", NEAR, NEAR)]
    assert [edge["node"]["uscc"] for edge in told["search"]["edges"]] == [RENAMED, NAMESAKE]
    assert told["search"]["totalCount"] == 2


async def test_hits_are_ranked_equal_beginning_within_and_current_first(find: Find) -> None:
    told = await find(SEARCH, "PUB", t="楠 禾")
    assert shown(told) == [
        ("CURRENT_NAME", "楠禾", "楠禾"),
        ("CURRENT_NAME", "楠禾(集团)ABC有限公司", "楠禾(集团)ABC有限公司"),
        ("CURRENT_NAME", NEW, NEW),
        ("CURRENT_NAME", "桓仁小楠禾店", "桓仁小楠禾店"),
        ("CURRENT_NAME", NEAR, NEAR),
    ]
    assert (told["search"]["totalCount"], told["search"]["truncated"]) == (5, False)
    assert len(told["disclosure"].subjects) == 5 * 16
    assert told["disclosure"].rows == 5


async def test_width_and_case_of_letters_do_not_matter(find: Find) -> None:
    assert len(shown(await find(SEARCH, t="（集团）ａｂｃ"))) == 1


async def test_traditional_characters_find_simplified_names(find: Find) -> None:
    told = shown(await find(SEARCH, t="瀋陽楠禾商貿"))
    assert told == [("CURRENT_NAME", NEAR, NEAR), ("NEAR_NAME", OLD, NEW)]
    assert shown(await find(SEARCH, t="瀋yang楠禾")) == [("PINYIN", NEAR, NEAR)]
    told = await find(NAMED, t="瀋陽楠禾")
    assert [edge["matched"] for edge in told["organisations"]["edges"]] == [NEAR]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("nan he", "PINYIN"), ("nánhé", "PINYIN"), ("楠he", "PINYIN"), ("nhsm", "INITIALS")],
)
async def test_names_are_found_by_their_sound(find: Find, text: str, reason: str) -> None:
    told = shown(await find(SEARCH, "PUB", t=text))
    assert (reason, OLD, NEW) in told or (reason, NEW, NEW) in told
    assert (reason, NEAR, NEAR) in told
    assert {hit[0] for hit in told} == {reason}


class _Refusing:
    """A store that takes no statement of the compiler, so that the executor lane answers."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self.fetch = pool.fetch

    async def fetchrow(self, *_: Any) -> Any:
        raise asyncpg.StatementTooComplexError("stack depth limit exceeded")


@pytest.mark.parametrize(
    "text",
    [
        "nanhe",
        "nhsm",
        "楠he",
        "xiao nan he",
        "smyx",
        "abc",
        "长ab",
        "瀋陽",
        "瀋yang",
        "nanhe(集团)",
    ],
)
async def test_both_lanes_hear_alike(
    names: asyncpg.Pool[Any],
    credit: CreditSchema,
    scope_of: Callable[..., Scope],
    text: str,
) -> None:
    scope, found = scope_of("PUB"), []
    for store in (names, _Refusing(names)):
        plan = Operations(credit).prepare(SEARCH, None, scope)
        answer = await plan.run(Context(store, scope, TODAY, b"k" * 32), {"t": text})
        found.append((answer.lane, orjson.loads(answer.body)))
    assert [lane for lane, _ in found] == [Lane.COMPILED, Lane.EXECUTOR]
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("role", ROLES)
async def test_persons_are_never_found(find: Find, role: str) -> None:
    for text in ("王楠禾", "王楠", "wangnanhe", "wnh"):
        assert shown(await find(SEARCH, role, t=text)) == []


async def test_who_sees_nothing_finds_nothing(find: Find) -> None:
    told = await find(SEARCH, "AUDITOR", t="楠禾")
    assert told["search"] == {"totalCount": 0, "truncated": False, "edges": []}


async def test_only_the_asked_reasons(find: Find) -> None:
    ask = f"query($t: String!) {{ search(text: $t, kinds: [FORMER_NAME, USCC]) {{ totalCount {HITS} }} }}"
    assert shown(await find(ask, t="楠禾商贸")) == [("FORMER_NAME", OLD, NEW)]


async def test_pages_follow_each_other_without_gap_or_repetition(find: Find) -> None:
    ask = """query($after: String) { search(text: "楠禾", first: 2, after: $after) {
               totalCount pageInfo { hasNextPage endCursor } nodes { name } } }"""
    seen: list[str] = []
    after = None
    for _ in range(3):
        told = (await find(ask, after=after))["search"]
        assert told["totalCount"] == 5
        seen += [node["name"] for node in told["nodes"]]
        after = told["pageInfo"]["endCursor"]
    assert told["pageInfo"]["hasNextPage"] is False
    assert seen == [name for _, _, name in shown(await find(SEARCH, t="楠禾"))]
    assert await find(ask, after=base64.b64encode(b'["search","x",null,"y"]').decode()) == [
        "CURSOR_INVALID"
    ]


@pytest.mark.parametrize(("text", "refusal"), [("楠", "NAME_TOO_SHORT"), (" ", "NAME_TOO_SHORT"),
                                               ("楠禾" * 101, "NAME_TOO_LONG"),
                                               ("xi an " * 50_000, "NAME_TOO_LONG")])  # fmt: skip
async def test_texts_that_cannot_be_searched_are_refused(
    find: Find, text: str, refusal: str
) -> None:
    assert await find(SEARCH, t=text) == [refusal]


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE organisation; --", "%%", "__", "\\", "\\\\", "楠%"]
)
async def test_text_is_never_a_pattern_or_a_statement(find: Find, text: str) -> None:
    told = await find(SEARCH, t=text)
    assert told == ["NAME_TOO_SHORT"] or shown(told) == []


async def test_a_body_known_only_by_hidden_records_is_not_found(
    find: Find, own: asyncpg.Pool[Any]
) -> None:
    assert len(shown(await find(SEARCH, "PUB", own, t="本溪老厂"))) == 1
    await own.execute("UPDATE record SET class = 'I'")
    assert shown(await find(SEARCH, "PUB", own, t="本溪老厂")) == []
    told = await find('{ search(text: "91210000242690243E") { totalCount } }', "PUB", own)
    assert told["search"] == {"totalCount": 0}


async def test_a_list_with_a_name_filter_says_why(find: Find) -> None:
    ask = """{ organisations(filter: {name: "楠禾商贸"}) { edges { matchedBy matched node { name } } }
               all: organisations(first: 1) { edges { matchedBy matched } } }"""
    told = await find(ask, "PUB")
    assert told["organisations"]["edges"] == [
        {"matchedBy": "FORMER_NAME", "matched": OLD, "node": {"name": NEW}},
        {"matchedBy": "CURRENT_NAME", "matched": NEAR, "node": {"name": NEAR}},
    ]
    assert told["all"]["edges"] == [{"matchedBy": None, "matched": None}]


async def _many(pool: asyncpg.Pool[Any], count: int) -> None:
    """Bodies with names that share their end, written past intake for speed."""
    names = [f"第{index:05d}号公司" for index in range(count)]
    await pool.execute(
        "WITH made AS (INSERT INTO subject (subject_id, category)"
        " SELECT gen_random_uuid(), 'LEGAL_ENTITY' FROM generate_series(1, $1)"
        " RETURNING subject_id, audit_ref), named AS ("
        " SELECT m.*, n.name FROM (SELECT *, row_number() OVER () AS i FROM made) m"
        " JOIN unnest($2::text[]) WITH ORDINALITY AS n (name, i) USING (i)), shown AS ("
        " INSERT INTO organisation (subject_id, category, name, origin_region, registered,"
        " audit_ref, stamp, batch_sha, line_no, digest) SELECT subject_id, 'LEGAL_ENTITY', name,"
        " '210500', true, audit_ref, now(), '', 1, '' FROM named)"
        " INSERT INTO organisation_name (subject_id, name, plain, is_former, bigrams)"
        " SELECT subject_id, name, name, false, ARRAY(SELECT DISTINCT substr(name, k, 2)"
        " FROM generate_series(1, length(name) - 1) k) FROM named",
        count,
        names,
    )
    # What autovacuum does sooner or later: the indexes' pending entries are part of a plan's cost.
    await pool.execute("VACUUM (ANALYZE) subject, organisation, organisation_name")


async def test_a_common_text_is_cut_and_says_so(find: Find, own: asyncpg.Pool[Any]) -> None:
    await _many(own, 3 * _CANDIDATES)
    for text in ("公司", "第0"):
        told = (await find(SEARCH, pool=own, t=text))["search"]
        assert told["truncated"] is True
        assert _CANDIDATES <= told["totalCount"] <= 2 * _CANDIDATES + 1
    told = await find(SEARCH, pool=own, t="第00042号公司")
    assert (shown(told)[0][1], told["search"]["truncated"]) == ("第00042号公司", False)
    told = await find(SEARCH, pool=own, t="0042号公")
    assert (shown(told)[0][1], told["search"]["truncated"]) == ("第00042号公司", False)


@pytest.mark.parametrize("text", ["1010", "yi ling yi ling"])
async def test_names_of_the_same_fragments_take_no_place(
    own: asyncpg.Pool[Any],
    credit: CreditSchema,
    scope_of: Callable[..., Scope],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    """第00100号 has all fragments of 1010: dozens of such hid the one name that holds it, and nothing
    said that more were there than were looked at."""
    monkeypatch.setattr("resolvers.executor.search._NAMES", 1)
    await _many(own, 1_020)
    await own.execute(
        "UPDATE organisation_name SET sounds = ARRAY['yi ling', 'ling yi', 'yly', 'lyl'],"
        " spelt = CASE name WHEN '第01010号公司' THEN '/一 yi /零 ling /一 yi /零 ling /'"
        " ELSE '/零 ling /一 yi /零 ling /零 ling /一 yi /' END WHERE name LIKE '第%'"
    )
    scope, found = scope_of("PUB"), []
    for store in (own, _Refusing(own)):
        plan = Operations(credit).prepare(SEARCH, None, scope)
        answer = await plan.run(Context(store, scope, TODAY, b"k" * 32), {"t": text})
        found.append((answer.lane, orjson.loads(answer.body)["data"]["search"]))
    assert [lane for lane, _ in found] == [Lane.COMPILED, Lane.EXECUTOR]
    assert found[0][1] == found[1][1]
    assert [edge["matched"] for edge in found[1][1]["edges"]] == ["第01010号公司"]


async def test_names_that_are_not_seen_take_no_place(
    own: asyncpg.Pool[Any],
    credit: CreditSchema,
    scope_of: Callable[..., Scope],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More of them than are looked at stand before the one that is seen: it was not found, and
    `truncated` told the public that there are hundreds."""
    monkeypatch.setattr("resolvers.hit._CANDIDATES", 20)
    monkeypatch.setattr("resolvers.executor.search._NAMES", 20)
    await _many(own, 40)
    last = "第00039号公司"
    await own.execute(
        "UPDATE organisation SET registered = false WHERE name LIKE '第%' AND name <> $1", last
    )
    await own.execute(
        "UPDATE organisation_name SET spelt = '/第 di /号 hao /公 gong /司 si /',"
        " sounds = ARRAY['dhg', 'hgs', 'di hao', 'hao gong', 'gong si'] WHERE name LIKE '第%'"
    )
    lanes = [(own, Operations(credit)), (_Refusing(own), Operations(credit))]
    for text, role in product(("第00", "号公", "haogong"), ("PUB", "ANALYST")):
        found = []
        for store, operations in lanes:
            plan = operations.prepare(SEARCH, None, scope_of(role))
            context = Context(store, scope_of(role), TODAY, b"k" * 32)
            answer = await plan.run(context, {"t": text})
            found.append((answer.lane, orjson.loads(answer.body)["data"]["search"]))
        assert [lane for lane, _ in found] == [Lane.COMPILED, Lane.EXECUTOR]
        for _, told in found:
            if role == "ANALYST":  # sees them all
                assert (told["totalCount"], told["truncated"]) == (21, True)
            else:
                assert (told["totalCount"], told["truncated"]) == (1, False)
                assert told["edges"][0]["matched"] == last


@pytest.mark.parametrize(
    "document",
    [SEARCH, NAMED],
    ids=["search", "organisations"],
)
async def test_every_role_searches_by_the_indexes(
    own: asyncpg.Pool[Any],
    operations: Operations,
    scope_of: Callable[..., Scope],
    document: str,
) -> None:
    await _many(own, 20_000)
    read = 0
    for role in Role:
        scope = scope_of(role)
        if scope.row.open is not Reach.ALL:  # a subject is read by its own id
            continue
        plan: Any = operations.prepare(document, None, scope)
        behind = Walled(own, role, TODAY)
        context = Context(behind, scope, TODAY, b"k" * 32)
        await plan.run(context, {"t": "0042号公"})
        [shape] = plan._shapes.values()
        values = [bind(Call(context, {"t": "0042号公"})) for bind in shape.compiled.binds]
        lines = await behind.fetch(f"EXPLAIN (GENERIC_PLAN) {shape.compiled.sql}", *values)
        told = "\n".join(row[0] for row in lines)
        assert "organisation_name_bigrams" in told, role
        assert "Seq Scan on organisation_name" not in told, role
        assert document is not SEARCH or "organisation_name_plain" in told, role
        if document is SEARCH:
            values = [bind(Call(context, {"t": "ling si er"})) for bind in shape.compiled.binds]
            lines = await behind.fetch(f"EXPLAIN {shape.compiled.sql}", *values)
            told = "\n".join(row[0] for row in lines)
            assert "organisation_name_sounds" in told, role
            assert "Seq Scan on organisation_name" not in told, role
        read += 1
    assert read >= 3


def test_fragments_are_pairs_of_characters() -> None:
    assert bigrams("本溪 楠禾") == ["本溪", "楠禾", "溪楠"]


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        (OLD, "楠禾商贸有限公司"),
        ("辽宁省本溪市明山区楠禾商贸有限公司", "楠禾商贸有限公司"),
        ("本溪满族自治县楠禾建材厂", "楠禾建材厂"),
        ("楠禾商贸有限公司", None),  # no region
        ("沈阳有限责任公司", None),  # nothing that tells bodies apart
        ("本溪商贸有限公司", None),
        ("本溪", None),
    ],
)
def test_the_region_of_a_name_is_known_from_the_table(name: str, rest: str | None) -> None:
    assert name_without_region(name) == rest
