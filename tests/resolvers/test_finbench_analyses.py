"""Inputs nobody here made: every analysis on the FinBench folder, and on what no market has."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import networkx
import orjson
import pytest

from graph.bods import Publisher, declarations
from graph.snapshot.keeping import Keeper, SnapshotReader
from resolvers.context import Context
from resolvers.operation import Operations
from schema.records import kinds
from security.policy import Scope
from store.hot import ensure_hot_columns
from store.intake import import_paths
from store.pool import open_pool
from tests.graph.test_export import piece
from tests.graph.town import Town
from tests.resolvers.whole_graph import TIES, Parts, analysed, groups
from tests.store.conftest import FixedCipher

TODAY = dt.date(2026, 6, 30)
FOLDER = Path(__file__).parents[1] / "data/finbench"

ALL = """
query($s: String!) {
  owners(subject: $s) { state truncated { reason } totalCount unknown
    owners { integrated { low high } paths { share { low } } } }
  votes: owners(subject: $s, basis: VOTES) { state totalCount }
  controllers(subject: $s) { truncated { reason } controllers { level ultimate component } }
  controlled(subject: $s) { truncated { reason } totalCount }
  beneficialOwners(subject: $s) { rule owners { rule share { low } } }
  relatedParties(subject: $s) { truncated { reason } totalCount }
  circularOwnership(subject: $s) { circular selfHeld size holdings { share { low } } } }
"""


@dataclasses.dataclass
class Node:
    """A store with its snapshot, asked as the analyst asks."""

    connection: asyncpg.Connection[Any]
    pool: asyncpg.Pool[Any]
    scope: Scope
    keeper: Keeper
    operations: Operations

    async def ask(self, subject: str, document: str = ALL, **variables: Any) -> Any:
        await self.keeper.catch_up()
        snapshots = SnapshotReader(self.keeper.folder.path)
        plan = self.operations.prepare(document, None, self.scope)
        context = Context(self.pool, self.scope, TODAY, b"k" * 32, snapshots=snapshots)
        told = orjson.loads((await plan.run(context, {"s": subject, **variables})).body)
        assert "errors" not in told, told["errors"]
        return told["data"]


@pytest.fixture
async def node(
    database: str, operations: Operations, scope_of: Callable[..., Scope], tmp_path: Path
) -> AsyncIterator[Node]:
    pool = await open_pool(database, max_size=3)
    connection = await asyncpg.connect(database)
    await ensure_hot_columns(connection, kinds())
    keeper = Keeper(partial(asyncpg.connect, database), tmp_path / "snapshot")
    yield Node(connection, pool, scope_of("ANALYST", case="演1号"), keeper, operations)
    await connection.close()
    await pool.close()


async def test_every_analysis_runs_on_finbench_within_its_budget(
    node: Node, tmp_path: Path
) -> None:
    summary = await import_paths(
        node.pool, [FOLDER], kinds=kinds(), cipher=FixedCipher(), region="210500",
        platform="finbench", today=TODAY, report_dir=tmp_path / "reports",
    )  # fmt: skip
    assert not summary.failures
    await node.keeper.catch_up()
    snapshot = SnapshotReader(node.keeper.folder.path).current()
    assert snapshot.circles is not None
    sizes = Counter(snapshot.circles.component.tolist())
    largest, size = sizes.most_common(1)[0]
    assert size == 457  # the component that graph.md names
    within = snapshot.circles.members[snapshot.circles.start[largest]]
    (inside,) = snapshot.ids_at([within])  # type: ignore[arg-type]
    rows = await node.connection.fetch(
        "SELECT i.value, i.subject_id = $1 AS circular FROM identifier i"
        " WHERE scheme = 'finbench-company' ORDER BY i.subject_id = $1 DESC, i.value LIMIT 3",
        inside,
    )
    for row in rows:
        found = await node.ask(f"finbench-company:{row['value']}")
        owners = found["owners"]
        assert owners["truncated"] == []
        assert owners["state"] == "DETERMINED"
        assert all(0 <= Decimal(o["integrated"]["low"]) <= 1 for o in owners["owners"])
        if row["circular"]:
            assert found["circularOwnership"]["size"] == 457
            assert owners["totalCount"] > 457
            await _trouble_of(node, f"finbench-company:{row['value']}")
    await _exposures(node)
    await _whole_graph(node, inside)


EXPOSURE = """query($s: String!) { guaranteeExposure(subject: $s, first: 1000) {
  truncated { reason } loanCount guaranteedCount totals { currency debts amount unknown } } }"""
RISK = """query($s: String!, $model: RiskModel!) {
  riskPropagation(seeds: [$s], model: $model, steps: 6, maxFan: 1000, first: 1000) {
    totalCount impacts { score seed } } }"""


def _rows(name: str) -> list[list[str]]:
    text = (FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    return [line.split("|") for line in text.splitlines()[1:]]


def _expected() -> dict[str, tuple[int, Decimal]]:
    """FinBench TCR 11 from the files alone: of each guarantor the distinct loans applied for by
    whoever is reached along its guarantees, and their sum."""
    stands, applied = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for one, other, _ in _rows("PersonGuaranteePerson"):
        stands[one].add(other)
    for person, loan, _ in _rows("PersonApplyLoan"):
        applied[person].add(loan)
    amounts = {row[0]: Decimal(row[1]) for row in _rows("Loan")}
    found = {}
    for start in sorted(stands):
        reached, frontier = set[str](), {start}
        while frontier:
            frontier = {o for one in frontier for o in stands.get(one, ())} - reached
            reached |= frontier
        loans = {loan for one in reached for loan in applied.get(one, ())}
        found[start] = len(loans), sum((amounts[one] for one in loans), Decimal())
    return found


async def _exposures(node: Node) -> None:
    expected = _expected()
    ranked = sorted(expected, key=lambda one: (-expected[one][0], one))
    for person in dict.fromkeys((*ranked[:4], ranked[len(ranked) // 2], ranked[-1])):
        found = (await node.ask(f"finbench-person:{person}", EXPOSURE))["guaranteeExposure"]
        loans, amount = expected[person]
        assert found["truncated"] == []
        assert found["loanCount"] == loans, person
        told = sum((Decimal(one["amount"]) for one in found["totals"]), Decimal())
        assert abs(told - amount) <= Decimal("0.01") * loans, person


async def _trouble_of(node: Node, subject: str) -> None:
    for model in ("DEBTRANK", "PAGERANK"):
        found = (await node.ask(subject, RISK, model=model))["riskPropagation"]
        scores = [Decimal(one["score"]) for one in found["impacts"]]
        assert found["totalCount"] > 400
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)


async def _whole_graph(node: Node, inside: Any) -> None:
    """Every job over the whole graph, and what each finds of the circle."""

    async def run(kind: str, **arguments: Any) -> Parts:
        snapshots = SnapshotReader(node.keeper.folder.path)
        context = Context(node.pool, node.scope, TODAY, b"k" * 32, snapshots=snapshots)
        return await analysed(node.operations, context, kind, **arguments)

    circles = await run("CIRCLES", most=100)
    sizes = [line["size"] for line in circles.lines if "size" in line]
    assert sizes[0] == 457 == len(groups(circles)[0])
    assert sizes == sorted(sizes, reverse=True)
    whole = groups(await run("COMPONENTS", kinds=["HOLDS"]))
    graph = networkx.Graph()
    for name, prefix in (("PersonInvestCompany", "p"), ("CompanyInvestCompany", "c")):
        graph.add_edges_from((prefix + row[0], "c" + row[1]) for row in _rows(name))
    assert [len(one) for one in whole] == sorted(
        map(len, networkx.connected_components(graph)), reverse=True
    )
    some = await run("COMPONENTS", kinds=["HOLDS"], first=3)
    assert [len(one) for one in groups(some)] == [len(one) for one in whole[:3]]
    assert some.lines[-1] == {"groups": 3, "complete": len(whole) == 3}
    debts = networkx.DiGraph()
    for name, prefix in (("PersonGuaranteePerson", "p"), ("CompanyGuaranteeCompany", "c")):
        debts.add_edges_from((prefix + row[0], prefix + row[1]) for row in _rows(name))
    found = await run("GUARANTEE_CIRCLES")
    told = [line for line in found.lines if "guarantees" in line]
    assert [one["size"] for one in told] == sorted(
        (len(one) for one in networkx.weakly_connected_components(debts) if len(one) > 1),
        reverse=True,
    )
    assert sum(one["ringCount"] for one in told) == sum(
        len(one) > 1 or debts.has_edge(*one, *one)
        for one in map(tuple, networkx.strongly_connected_components(debts))
    )
    spread = await run(
        "RISK", seeds=[str(inside)], model="DEBTRANK", decays={}, minScore="0", first=100_000
    )
    assert spread.lines[1]["seed"]
    assert spread.lines[-1]["impacts"] == spread.lines[-1]["totalCount"] > 457
    first = await run("COMMUNITIES", kinds=TIES, resolution="1")
    assert len(groups(first)) > 1
    again = await run("COMMUNITIES", kinds=TIES, resolution="1")
    assert again.lines == first.lines
    members = [one["id"] for group in groups(first) for one in group]
    assert len(members) == len(set(members))


async def test_what_no_market_has_never_crashes_or_hangs(node: Node) -> None:
    town = Town(node.connection)

    async def firm(code: str) -> Any:
        id_ = await town.company(code)
        await node.connection.execute(
            "INSERT INTO identifier (value, scheme, subject_id) VALUES ($1, 'org_code', $2)",
            code,
            id_,
        )
        return id_

    async with town.transaction():
        selfish = await firm("SELF00001")
        await town.holds(selfish, selfish, "1")
        above = await firm("ABOVE0001")
        for n in range(3):
            await town.holds(selfish, above, "0.9", key=str(n))  # parallel, and 2.7 together
        none = await firm("NONE00001")
        await town.relation("HOLDS", above, none, share_min=None, share_max=None)
        await town.holds(none, none, "0")
        agent = await town.person("300")
        await node.connection.execute(
            "INSERT INTO identifier (value, scheme, subject_id) VALUES ('300', $1, $2)",
            "finbench-person",
            agent,
        )
        for n in range(300):
            held = await town.company(f"AGENT{n:04d}")
            await town.holds(agent, held, "0.51")
        loop = [await firm(f"LOOP{n:05d}") for n in range(40)]
        for n, one in enumerate(loop):
            await town.holds(one, loop[(n + 1) % 40], "1.000000000000000001"[: 18 if n else 20])
    circle = await node.ask("SELF00001")
    assert circle["owners"]["state"] == "CIRCULAR_UNDETERMINED"
    assert circle["circularOwnership"]["selfHeld"]
    assert (await node.ask("ABOVE0001"))["owners"]["totalCount"] == 1
    assert (await node.ask("NONE00001"))["beneficialOwners"]["rule"] is None
    assert (await node.ask("LOOP00000"))["owners"]["state"] == "CIRCULAR_UNDETERMINED"
    people = await node.ask(
        "finbench-person:300",
        "query($s: String!) { controlled(subject: $s, first: 1000) { totalCount"
        " controlled { level } } owners(subject: $s) { totalCount } }",
    )
    assert people["controlled"]["totalCount"] == 300
    assert people["owners"]["totalCount"] == 0


KNOWN = """
query($s: String!, $at: DateTime) {
  owners(subject: $s, knownAt: $at) { owners { direct { low } } }
  controllers(subject: $s, knownAt: $at) { controllers { level votes { low } } } }
"""
HEADERS = (
    "企业名称,企业统一社会信用代码,股东名称,股东类型,股东代码,出资比例(%),股份类别,起始日期,"
    "数据来源单位,数据来源单位代码"
)
CONCERTS = (
    "一致行动协议编号,企业名称,企业统一社会信用代码,一致行动人名称,一致行动人类别,"
    "一致行动人代码,起始日期,终止日期,数据来源单位,数据来源单位代码"
)
SOURCE = "本溪市市场监督管理局,11210500XD0000040F"


async def test_what_was_known_before_a_correction_is_still_answered(
    node: Node, tmp_path: Path
) -> None:
    firm, holder = "91210500XD0000016N", "93210521XD0000032K"

    async def file(day: str, share: str) -> dt.datetime:
        path = tmp_path / f"{day}_market-regulation_holders.csv"
        stake = f"本溪甲合作社,法人及非法人组织,{holder},{share},普通股,2020-01-01"
        row = f"本溪乙有限公司,{firm},{stake},{SOURCE}"
        path.write_text(f"{HEADERS}\n{row}\n", encoding="utf-8")
        summary = await import_paths(
            node.pool, [path], kinds=kinds(), cipher=FixedCipher(), region="210500",
            platform="benxi", today=TODAY, report_dir=tmp_path / "reports",
        )  # fmt: skip
        assert not summary.failures
        assert sum(batch.accepted for batch in summary.batches) == 1, summary
        at: dt.datetime = await node.connection.fetchval("SELECT clock_timestamp()")
        return at

    before = await node.connection.fetchval("SELECT clock_timestamp()")
    first = await file("20260105", "70")
    second = await file("20260205", "40")

    async def at(when: dt.datetime | None) -> tuple[list[str], int]:
        told = None if when is None else when.isoformat()
        found = await node.ask(firm, KNOWN, at=told)
        shares = [one["direct"]["low"] for one in found["owners"]["owners"]]
        return shares, len(found["controllers"]["controllers"])

    assert await at(None) == await at(second) == (["0.4"], 0)
    assert await at(first) == (["0.7"], 1)
    assert await at(before) == ([], 0)


async def test_what_was_known_of_a_declared_interval_is_the_interval(
    node: Node, tmp_path: Path
) -> None:
    written, _ = declarations(piece(), "n0", Publisher("本溪", "2026-06-30"), [], ["r1"])
    path = tmp_path / "declared.json"
    assert b'"exact": 60' in written
    path.write_bytes(written.replace(b'"exact": 60', b'"minimum": 25, "maximum": 30'))
    summary = await import_paths(
        node.pool, [path], kinds=kinds(), cipher=FixedCipher(), region="210500",
        platform="bods", today=TODAY, report_dir=tmp_path / "reports",
    )  # fmt: skip
    assert not summary.failures
    firm = await node.connection.fetchval(
        "SELECT scheme || ':' || value FROM identifier JOIN organisation USING (subject_id)"
        " WHERE name = '本溪甲公司' ORDER BY scheme LIMIT 1"
    )
    document = """query($s: String!, $at: DateTime) { owners(subject: $s, knownAt: $at) {
      owners { direct { low high } } } }"""
    at: dt.datetime = await node.connection.fetchval("SELECT clock_timestamp()")
    told = await node.ask(firm, document, at=None)
    assert [one["direct"] for one in told["owners"]["owners"]] == [{"low": "0.25", "high": "0.81"}]
    assert await node.ask(firm, document, at=at.isoformat()) == told


async def test_parties_of_a_filed_agreement_vote_as_one(node: Node, tmp_path: Path) -> None:
    firm, one, other = "91210500XD0000016N", "93210521XD0000032K", "12210500XD00000599"
    body = "法人及非法人组织"
    rows = {
        "holders": (
            HEADERS,
            *(
                f"本溪乙有限公司,{firm},{name},{body},{code},{share},普通股,2020-01-01,{SOURCE}"
                for name, code, share in (("甲合作社", one, 30), ("丙研究院", other, 25))
            ),
        ),
        "concerts": (
            CONCERTS,
            *(
                f"协1号,本溪乙有限公司,{firm},{name},{body},{code},2021-01-01,2026-07-01,{SOURCE}"
                for name, code in (("甲合作社", one), ("丙研究院", other))
            ),
        ),
    }
    for kind, lines in rows.items():
        path = tmp_path / f"20260105_market-regulation_{kind}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        summary = await import_paths(
            node.pool, [path], kinds=kinds(), cipher=FixedCipher(), region="210500",
            platform="benxi", today=TODAY, report_dir=tmp_path / "reports",
        )  # fmt: skip
        assert [batch.accepted for batch in summary.batches] == [2], (kind, summary)
    document = """
    query($s: String!, $day: Date) {
      controllers(subject: $s, asOf: $day) { controllers { key jointlyWith votes { low } } }
      relatedParties(subject: $s) { related { tie } } }"""
    found = await node.ask(firm, document)
    assert [one["votes"]["low"] for one in found["controllers"]["controllers"]] == ["0.55"] * 2
    assert all(len(one["jointlyWith"]) == 1 for one in found["controllers"]["controllers"])
    assert "JOINT_CONTROLLER" in {one["tie"] for one in found["relatedParties"]["related"]}
    ended = await node.ask(firm, document, day="2026-07-01")
    assert ended["controllers"]["controllers"] == []
