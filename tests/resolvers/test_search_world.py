"""The planted cases of search and timeliness through the API, under two seeds (W14, W16, W23)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import pytest

from resolvers.context import Context
from resolvers.operation import Operations
from schema.records import kinds
from security.policy import Scope
from service.postgres import PostgresServer
from service.world import write_world
from store.intake import import_paths
from store.migrations import migrate
from store.pool import open_pool
from tests.store.conftest import TODAY, FixedCipher

SEARCH = """query($t: String!) {
  organisation(code: $t) { name uscc penalties(first: 100) { nodes { documentNo } } }
  search(text: $t) { totalCount edges { matchedBy matched node { name uscc } } } }"""


@dataclass(frozen=True)
class Known:
    """A node that knows the files of both cities, and the truth about them."""

    golden: dict[str, Any]
    ask: Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module", params=[20201022, 7])
async def known(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
    operations: Operations,
    scope_of: Callable[..., Scope],
) -> AsyncIterator[Known]:
    out = tmp_path_factory.mktemp("world")
    write_world("S", request.param, out)
    database = f"search_world_{request.param}"
    admin = await asyncpg.connect(postgres_server.dsn)
    await admin.execute(f"CREATE DATABASE {database}")
    dsn = postgres_server.dsn_of(database)
    await migrate(dsn)
    pool = await open_pool(dsn, max_size=2, answering=True)
    for name, region in (("benxi", "210500"), ("shenyang", "210100")):
        await import_paths(
            pool,
            [out / "feeds" / name],
            kinds=kinds(),
            cipher=FixedCipher(),
            region=region,
            platform=name,
            today=TODAY,
            report_dir=out / name,
        )
    scope = scope_of("ANALYST", case="案1")

    async def ask(document: str, **variables: Any) -> Any:
        plan = operations.prepare(document, None, scope)
        answer = await plan.run(Context(pool, scope, TODAY, b"k" * 32), variables)
        told = orjson.loads(answer.body)
        assert "errors" not in told, told
        return told["data"]

    yield Known(json.loads((out / "truth/golden.json").read_text("utf-8")), ask)
    await pool.close()
    await admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
    await admin.close()


async def test_w14_the_former_name_leads_to_the_renamed_firm_and_its_namesake_stays_apart(
    known: Known,
) -> None:
    told = known.golden["W14"]
    a, b = told["parties"]["A"], told["parties"]["B"]
    hits = (await known.ask(SEARCH, t=told["formerName"]))["search"]["edges"]
    assert [(hit["matchedBy"], hit["node"]["uscc"]) for hit in hits] == [
        ("FORMER_NAME", a["uscc"]),
        ("NEAR_NAME", b["uscc"]),
    ]
    trade_name = told["formerName"].removeprefix("本溪").removesuffix("商贸有限公司")
    hits = (await known.ask(SEARCH, t=trade_name))["search"]["edges"]
    assert {a["uscc"], b["uscc"]} <= {hit["node"]["uscc"] for hit in hits}
    assert len({hit["node"]["uscc"] for hit in hits}) == len(hits)


async def test_w16_old_and_new_code_lead_to_one_body_and_its_record(known: Known) -> None:
    told = known.golden["W16"]
    uscc = told["parties"]["A"]["uscc"]
    reasons = []
    for text in (told["orgCode"], f"{told['orgCode'][:8]}-{told['orgCode'][8:]}", uscc):
        found = await known.ask(SEARCH, t=text)
        assert found["organisation"]["uscc"] == uscc
        documents = [node["documentNo"] for node in found["organisation"]["penalties"]["nodes"]]
        assert told["penalty"] in documents
        [hit] = found["search"]["edges"]
        reasons.append(hit["matchedBy"])
    assert reasons == ["ORG_CODE", "ORG_CODE", "USCC"]


async def test_w23_received_on_the_sixth_working_day(known: Known) -> None:
    told = known.golden["W23"]
    ask = """query($d: String!) { licences(filter: {documentNo: $d}) {
               nodes { timeliness { workingDays limit onTime dueOn } } } }"""
    [node] = (await known.ask(ask, d=told["licence"]))["licences"]["nodes"]
    assert node["timeliness"] == {
        "workingDays": told["workingDays"],
        "limit": 7,
        "onTime": told["onTime"],
        "dueOn": told["seventhWorkingDay"],
    }
