"""Company groups through the API: as they were found, and as the caller may see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
import pytest

from graph.group import find_groups
from graph.snapshot.keeping import Keeper, SnapshotReader
from store.company_group import keep_groups
from tests.resolvers.conftest import _forget, _organisation, _relation
from tests.resolvers.test_guarantee import snapshots as snapshots  # the town's

A, B, D = "91210500XD00000011", "91210100XD00000022", "92210504XD00000044"
C, G = "91210100XD00000033", "91210500XD00000077"
GROUP = """
query($s: String!, $first: Int! = 100) { companyGroup(subject: $s, first: $first) {
  id rule head totalCount members changes { change subject } nodes { key party { name } } } }
"""


@pytest.fixture(scope="module")
async def groups(
    pool: Any, town: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[None]:
    """The groups of the town, kept in its store, with a firm of which C has two stakes."""
    day = dt.date(2026, 6, 30)
    async with pool.acquire() as connection:
        await _organisation(connection, "庚", "本溪庚有限公司", G)
        for key in ("现金", "实物"):
            await _relation(connection, "HOLDS", "c", "庚", key=key, share_min=Decimal("0.3"))
        path = tmp_path_factory.mktemp("groups")
        await Keeper(partial(asyncpg.connect, town), path).catch_up()
        snapshot = SnapshotReader(path).current()
        found = find_groups(snapshot, day)
        members, heads = snapshot.ids_at(found.members), snapshot.ids_at(found.heads)
        assert await keep_groups(connection, members, heads, snapshot=snapshot.id, day=day)
        yield
        await _forget(connection, "庚")


@pytest.mark.usefixtures("groups")
async def test_a_firm_is_in_the_group_of_who_holds_more_than_one_half(
    ask: Any, snapshots: Any
) -> None:
    asked = await ask(GROUP, "ANALYST", snapshots=snapshots, s=A)
    assert asked.errors == []
    found = asked.data["companyGroup"]
    named = {node["key"]: node["party"]["name"] for node in found["nodes"]}
    assert named[found["head"]] == "沈阳乙控股有限公司"
    assert {"本溪甲制造有限公司", "沈阳乙控股有限公司"} <= set(named.values())
    assert found["totalCount"] == len(found["members"])
    assert found["changes"] == [{"change": "CREATED", "subject": found["head"]}]
    same = await ask(GROUP, "ANALYST", snapshots=snapshots, s=B, first=1)
    assert same.data["companyGroup"]["id"] == found["id"]
    assert same.data["companyGroup"]["members"] == ["n0"]


@pytest.mark.usefixtures("groups")
async def test_two_stakes_of_one_holder_are_one_majority(ask: Any, snapshots: Any) -> None:
    found = (await ask(GROUP, "ANALYST", snapshots=snapshots, s=G)).data["companyGroup"]
    named = {node["key"]: node["party"]["name"] for node in found["nodes"]}
    assert named[found["head"]] == "沈阳丙集团有限公司"
    assert found == (await ask(GROUP, "ANALYST", snapshots=snapshots, s=C)).data["companyGroup"]


@pytest.mark.usefixtures("groups")
async def test_who_may_not_search_the_graph_sees_no_group(ask: Any, snapshots: Any) -> None:
    for role in ("PUB", "DEPT", "STEWARD"):
        asked = await ask(GROUP, role, snapshots=snapshots, s=A)
        assert asked.codes in (["FORBIDDEN"], []), role
        assert asked.data is None or asked.data["companyGroup"] is None
    unknown = await ask(GROUP, "ANALYST", snapshots=snapshots, s="nobody")
    assert unknown.data == {"companyGroup": None}


@pytest.mark.usefixtures("groups")
async def test_x29_nobody_is_grouped_through_what_may_not_be_seen(ask: Any, snapshots: Any) -> None:
    whole = (await ask(GROUP, "ANALYST", snapshots=snapshots, s=A)).data["companyGroup"]
    assert whole["totalCount"] == 3

    async def without(key: str, subject: str) -> Any:
        barred = {"barred": frozenset({uuid5(NAMESPACE_DNS, key)})}
        asked = await ask(GROUP, "ANALYST", snapshots=snapshots, s=subject, grounds=barred)
        assert asked.errors == []
        return asked.data["companyGroup"]

    # A alone ties its branch to its holder.
    assert [await without("a", one) for one in (B, D)] == [None, None]
    below = await without("b", A)
    named = {node["key"]: node["party"]["name"] for node in below["nodes"]}
    assert [named[one] for one in below["members"]] == ["本溪甲制造有限公司", "明山区丁小吃店"]
    assert named[below["head"]] == "本溪甲制造有限公司"
    assert below["changes"] == []
    assert below["id"] not in (whole["id"], None)  # two such groups would have it in common
    assert await without("b", D) == below
