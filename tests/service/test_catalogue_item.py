"""Catalogue items that a city defines at run time are taken in and asked for like every kind."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from schema.catalog_kind import check_successor, read_declaration
from schema.definition import CreditSchema
from schema.print import FILE
from security.policy import Grounds, Role, load_policy
from service.item import declare_here, items_here
from service.kinds import kinds_with
from service.template import write_template
from store.catalogue_kind import declarations, record_declaration
from store.errors import StoreError
from store.intake import import_paths
from store.intake.layout import layouts
from store.intake.template import Template
from store.pool import open_pool
from tests.store.conftest import TODAY, FixedCipher
from tests.store.test_intake import code

DECLARATION = """
name = "fire_assessment"
label = "火灾高危单位消防评估"
legal_basis = "《辽宁省消防条例》第二十条"
natural_key = ["assessed_year"]
class_of_organisations = "O"

[[field]]
name = "assessed_year"
label = "评估年度"
type = "INTEGER"
required = true

[[field]]
name = "grade"
label = "评估等级"
type = "CODE"
codes = ["好", "一般", "差"]
required = true

[[field]]
name = "risks"
label = "隐患种类"
type = "CODES"
codes = ["电气", "疏散通道", "消防设施"]

[[field]]
name = "finding"
label = "评估意见"
screened = true

[[field]]
name = "cost"
label = "整改费用（万元）"
type = "DECIMAL"
unit = "万元"
visibility = "G"

[[field]]
name = "assessor"
label = "评估人员"
visibility = "I"
"""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('name = "fire_assessment"', 'name = "Fire"', "name is"),
        ('name = "fire_assessment"', 'name = "x; DROP"', "name is"),
        ('name = "fire_assessment"', 'name = "penalty"', "taken"),
        ('name = "fire_assessment"', 'name = "firms"', "taken"),
        ('legal_basis = "《辽宁省消防条例》第二十条"', "", "legal_basis"),
        ('natural_key = ["assessed_year"]', 'natural_key = ["year"]', "natural_key"),
        ('natural_key = ["assessed_year"]', 'natural_key = ["grade", "risks"]', "required"),
        ('class_of_organisations = "O"', 'class_of_organisations = "X"', "one of O, G"),
        ('class_of_organisations = "O"', "", "class_of_organisations"),
        (
            'class_of_organisations = "O"',
            'class_of_organisations = "O"\nclass_of_persons = "O"',
            "never open",
        ),
        ('type = "INTEGER"', 'type = "SECRET"', "type is one of"),
        ('type = "INTEGER"', 'type = "INTEGER"\nunit = "元"', "unit"),
        ('codes = ["好", "一般", "差"]', "codes = []", "codes"),
        ('codes = ["好", "一般", "差"]', 'codes = ["好", "好"]', "differ"),
        ('codes = ["好", "一般", "差"]', 'codes = ["好;差"]', "neither"),
        ('name = "grade"', 'name = "uscc"', "used twice"),
        ('label = "评估等级"', 'label = "统一社会信用代码"', "header"),
        ('label = "评估等级"', 'label = "评估\\u0000等级"', "one line"),
        ('label = "评估等级"', 'label = "评估等级"\nhot = true', "hot is unknown"),
        ("screened = true", 'screened = "yes"', "true or false"),
        ("[[field]]", "[field]", "TOML"),
    ],
)
def test_a_declaration_is_read_strictly(old: str, new: str, what: str) -> None:
    assert old in DECLARATION
    text = DECLARATION.replace(old, new, 1)
    with pytest.raises(StoreError) as error:
        read_declaration(text, taken={"penalty", "firms"})
    assert error.value.code == "CATALOGUE_KIND_INVALID"
    assert what in error.value.message


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ('codes = ["好", "一般", "差"]', 'codes = ["好", "一般", "差", "未评"]', False),
        ('label = "评估意见"', 'label = "评估意见书"', False),
        ("[[field]]", '[[field]]\nname = "note"\nlabel = "说明"\n[[field]]', False),
        ("[[field]]", '[[field]]\nname = "note"\nlabel = "说明"\nrequired = true\n[[field]]', True),
        ('codes = ["好", "一般", "差"]', 'codes = ["好", "差"]', True),
        ('type = "INTEGER"', 'type = "TEXT"', True),
        ('visibility = "G"', 'visibility = "O"', True),
        ("screened = true", "", True),
        ('name = "assessor"', 'name = "assessors"', True),
        ('natural_key = ["assessed_year"]', 'natural_key = ["assessed_year", "grade"]', True),
        ('class_of_organisations = "O"', 'class_of_organisations = "G"', True),
    ],
)
def test_a_later_declaration_takes_nothing_away(old: str, new: str, refused: bool) -> None:
    before = read_declaration(DECLARATION)
    after = read_declaration(DECLARATION.replace(old, new, 1))
    if refused:
        with pytest.raises(StoreError) as error:
            check_successor(before, after)
        assert error.value.code == "CATALOGUE_KIND_CHANGED"
    else:
        check_successor(before, after)


def _row(**changed: str) -> dict[str, str]:
    kinds = kinds_with({"fire_assessment": DECLARATION})
    template = Template(layouts(kinds)["fire_assessment"])
    filled = dict(zip(template.headers, template.example, strict=True))
    return filled | {
        "评估年度": "2025", "评估等级": "差", "隐患种类": "电气;消防设施",
        "评估意见": "应急照明不足", "整改费用（万元）": "1.50", "评估人员": "赵六",
    } | changed  # fmt: skip


@pytest.fixture
async def pool(database: str) -> Any:
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as made:
        yield made


@pytest.fixture
async def asking(database: str) -> Any:
    made = await open_pool(database, max_size=2, answering=True)
    yield made
    await made.close()


async def _taken(pool: Any, folder: Path, rows: list[dict[str, str]], form: str) -> Any:
    path = folder / f"20260401_fire.{form}"
    if form == "csv":
        with path.open("w", encoding="gb18030", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return await import_paths(
        pool,
        [path],
        kinds=kinds_with(await declarations(pool)),
        cipher=FixedCipher(),
        region="210500",
        platform="benxi",
        today=TODAY,
        report_dir=folder / "reports",
    )


def _ask(asking: Any) -> Callable[..., Any]:
    served = kinds_with({"fire_assessment": DECLARATION})
    operations, policy = Operations(CreditSchema(served)), load_policy()
    names = frozenset(served.by_name)

    async def asked(document: str, role: str, purpose: str | None = None, **given: Any) -> Any:
        grounds = Grounds(**{"government_kinds": names, **given})
        scope = policy.scope(role.lower(), Role(role), purpose, "案1", grounds, kinds=names)
        plan = operations.prepare(document, None, scope)
        answer = await plan.run(Context(asking, scope, TODAY, b"k" * 32), {})
        told = orjson.loads(answer.body)
        assert "errors" not in told, told
        return told["data"], answer

    return asked


_QUESTION = """{ catalogRecords(item: "fire_assessment") { totalCount nodes {
    __typename kind decisionDate reportedName item { name label }
    values { name label type unit value } } } }"""
_OWN = ("assessedYear", "grade", "risks", "finding", "cost", "assessor")


async def test_an_item_is_taken_from_files_and_read_by_each_role(
    pool: Any, asking: Any, tmp_path: Path
) -> None:
    await record_declaration(pool, "fire_assessment", DECLARATION)
    first = await _taken(pool, tmp_path, [_row(), _row(评估等级="中")], "csv")
    assert (first.accepted, first.rejected) == (1, 1)
    again = await _taken(pool, tmp_path, [_row()], "jsonl")
    assert (again.accepted, again.rejected) == (1, 0)
    assert await pool.fetchval("SELECT count(*) FROM record") == 1
    await pool.execute('UPDATE record SET screened = \'{"finding": "应急照明不足*"}\'')
    asked = _ask(asking)

    async def seen(*who: Any, **given: Any) -> Any:
        data, _ = await asked(_QUESTION, *who, **given)
        assert data["catalogRecords"]["totalCount"] == len(data["catalogRecords"]["nodes"])
        if not data["catalogRecords"]["nodes"]:
            return None
        [node] = data["catalogRecords"]["nodes"]
        assert (node["__typename"], node["kind"]) == ("CatalogRecord", "fire_assessment")
        assert node["item"] == {"name": "fire_assessment", "label": "火灾高危单位消防评估"}
        values = {value["name"]: value for value in node["values"]}
        assert (values["cost"]["type"], values["cost"]["unit"]) == ("DECIMAL", "万元")
        assert "personIdNo" not in values
        return tuple(values[name]["value"] for name in _OWN)

    open_ = ("2025", "差", "电气;消防设施", "应急照明不足*", None, None)
    office = ("2025", "差", "电气;消防设施", "应急照明不足", "1.5", None)
    assert await seen("PUB") == open_
    assert await seen("PCITY", "P3", agreement="a", shared_kinds=frozenset()) == open_
    assert await seen("ANALYST", "P12") == office
    assert await seen("STEWARD", "P13") == (*office[:5], "赵六")
    # No catalogue row, no item shared inside government: the analyst sees what is open.
    assert await seen("ANALYST", "P12", government_kinds=frozenset()) == open_


async def test_items_stand_among_all_records_and_nodes(
    pool: Any, asking: Any, tmp_path: Path
) -> None:
    await record_declaration(pool, "fire_assessment", DECLARATION)
    await _taken(pool, tmp_path, [_row()], "csv")
    asked = _ask(asking)
    data, answer = await asked(
        '{ records(filter: {kinds: ["fire_assessment"]}) { nodes { __typename id documentNo'
        " ... on CatalogRecord { v: values { t: __typename x: value } } } }"
        f' organisation(code: "{code(1)}") {{ records {{ totalCount }} }}'
        ' other: catalogRecords(item: "x") { totalCount } kinds { name runTime typeName } }',
        "ANALYST",
        "P12",
    )
    [node] = data["records"]["nodes"]
    assert node["__typename"] == "CatalogRecord"
    assert {"t": "CatalogValue", "x": "差"} in node["v"]
    assert data["organisation"]["records"]["totalCount"] == 1
    assert data["other"]["totalCount"] == 0
    assert {"name": "fire_assessment", "runTime": True, "typeName": "CatalogRecord"} in data[
        "kinds"
    ]
    assert "CatalogRecord.values" in answer.disclosure.masked
    data, _ = await asked(f'{{ node(id: "{node["id"]}") {{ id __typename }} }}', "PUB")
    assert data["node"] == {"id": node["id"], "__typename": "CatalogRecord"}


def test_the_schema_does_not_change_with_the_items() -> None:
    served = kinds_with({"fire_assessment": DECLARATION})
    assert CreditSchema(served, gateways=False).as_str().rstrip() + "\n" == FILE.read_text("utf-8")


def test_an_item_has_a_template_like_every_kind(tmp_path: Path) -> None:
    served = kinds_with({"fire_assessment": DECLARATION})
    write_template(served, "fire_assessment", tmp_path, form="csv", national=False)
    assert "评估等级" in (tmp_path / "fire_assessment.csv").read_text("utf-8-sig")


async def test_a_node_declares_an_item_once_and_adds_to_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Connected:
        async def __aenter__(self) -> Any:
            self.connection = await asyncpg.connect(database)
            return self.connection

        async def __aexit__(self, *_: object) -> None:
            await self.connection.close()

    monkeypatch.setattr("service.item.node_connection", lambda *_: Connected())
    monkeypatch.setattr("service.item.establish", lambda _: None)
    assert (await declare_here(tmp_path, "benxi", DECLARATION)).version == 1
    assert (await declare_here(tmp_path, "benxi", DECLARATION)).version is None
    more = DECLARATION.replace('"差"]', '"差", "未评"]')
    assert (await declare_here(tmp_path, "benxi", more)).version == 2
    with pytest.raises(StoreError) as error:
        await declare_here(tmp_path, "benxi", DECLARATION)
    assert error.value.code == "CATALOGUE_KIND_CHANGED"
    [kind] = await items_here(tmp_path, "benxi")
    assert "未评" in [code_.value for code_ in kind.field("grade").codes.codes]  # type: ignore[union-attr]
