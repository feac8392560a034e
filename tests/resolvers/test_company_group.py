"""Company groups through the API: as they were found, and as the caller may see them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from graph.group import find_groups
from store.company_group import keep_groups
from tests.resolvers.test_guarantee import snapshots as snapshots  # the town's

A, B = "91210500XD00000011", "91210100XD00000022"
GROUP = """
query($s: String!, $first: Int! = 100) { companyGroup(subject: $s, first: $first) {
  id rule head totalCount members changes { change subject } nodes { key party { name } } } }
"""


@pytest.fixture(scope="module")
async def groups(pool: Any, snapshots: Any) -> None:
    """The groups of the town, kept in its store."""
    snapshot, day = snapshots.current(), dt.date(2026, 6, 30)
    found = find_groups(snapshot, day)
    members, heads = snapshot.ids_at(found.members), snapshot.ids_at(found.heads)
    async with pool.acquire() as connection:
        assert await keep_groups(connection, members, heads, snapshot=snapshot.id, day=day)


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
async def test_who_may_not_search_the_graph_sees_no_group(ask: Any, snapshots: Any) -> None:
    for role in ("PUB", "DEPT", "STEWARD"):
        asked = await ask(GROUP, role, snapshots=snapshots, s=A)
        assert asked.codes in (["FORBIDDEN"], []), role
        assert asked.data is None or asked.data["companyGroup"] is None
    unknown = await ask(GROUP, "ANALYST", snapshots=snapshots, s="nobody")
    assert unknown.data == {"companyGroup": None}
