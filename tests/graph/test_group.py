"""Company groups: the forest of majorities, circles in it, and ids that stay over time."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.group import grouped
from store.company_group import found_in, keep_groups

DAY = dt.date(2026, 6, 30)


@given(st.lists(st.integers(0, 9), min_size=10, max_size=10))
def test_everybody_is_in_the_group_of_who_is_above(parents: list[int]) -> None:
    def head(place: int) -> int:
        way = [place]
        while parents[way[-1]] not in way:
            way.append(parents[way[-1]])
        top = parents[way[-1]]
        return min(way[way.index(top) :])

    heads = {place: head(place) for place in range(10)}
    expected = {place: one for place, one in heads.items() if list(heads.values()).count(one) > 1}
    found = grouped(np.arange(10), np.array(parents), np.ones(10, np.int64), 10)
    assert dict(zip(found.members.tolist(), found.heads.tolist(), strict=True)) == expected


def test_the_heaviest_tie_decides() -> None:
    under, above = np.array([1, 1, 1]), np.array([2, 0, 3])
    found = grouped(under, above, np.array([5, 9, 5]), 4)
    assert (found.members.tolist(), found.heads.tolist()) == ([0, 1], [0, 0])


def test_a_long_chain_has_one_head() -> None:
    size = 10_000
    found = grouped(np.arange(1, size), np.arange(size - 1), np.ones(size - 1, np.int64), size)
    assert len(found.members) == size
    assert not found.heads.any()


def uid(number: int) -> UUID:
    return UUID(int=number)


@pytest.fixture
async def keep(database: str) -> Any:
    connection = await asyncpg.connect(database)

    async def keeping(groups: dict[int, list[int]]) -> dict[int, tuple[UUID, set[int]]]:
        pairs = [(uid(one), uid(head)) for head, members in groups.items() for one in members]
        members, heads = [one for one, _ in pairs], [head for _, head in pairs]
        assert await keep_groups(connection, members, heads, snapshot="s", day=DAY)
        assert await found_in(connection) == ("s", DAY)
        found: dict[int, tuple[UUID, set[int]]] = {}
        for row in await connection.fetch(
            "SELECT g.head_id, g.group_id, g.size, m.subject_id FROM company_group g"
            " JOIN company_group_member m USING (group_id) WHERE g.ended_at IS NULL"
        ):
            entry = found.setdefault(row["head_id"].int, (row["group_id"], set()))
            entry[1].add(row["subject_id"].int)
        return found

    async def changes(group: UUID) -> list[tuple[str, int]]:
        rows = await connection.fetch(
            "SELECT change, subject_id FROM company_group_change WHERE group_id = $1 ORDER BY seq",
            group,
        )
        return [(row["change"], row["subject_id"].int) for row in rows]

    yield keeping, changes
    await connection.close()


async def test_a_group_goes_on_under_its_id(keep: Any) -> None:
    keeping, changes = keep
    first = await keeping({1: [1, 2, 3, 4], 10: [10, 11]})
    group = first[1][0]
    assert await changes(group) == [("CREATED", 1)]
    assert await keeping({1: [1, 2, 3, 4], 10: [10, 11]}) == first
    assert await changes(group) == [("CREATED", 1)]

    grown = await keeping({1: [1, 2, 3, 5], 10: [10, 11, 4]})
    assert grown[1] == (group, {1, 2, 3, 5})
    assert (await changes(group))[1:] == [("JOINED", 5), ("LEFT", 4)]
    assert ("JOINED", 4) in await changes(grown[10][0])

    # Another head over more than one half: the same group.
    taken = await keeping({9: [9, 1, 2, 3], 10: [10, 11, 4]})
    assert taken[9][0] == group
    assert ("HEAD_CHANGED", 9) in await changes(group)

    ended = await keeping({10: [10, 11, 4]})
    assert list(ended) == [10]
    assert (await changes(group))[-1] == ("ENDED", 9)

    # What comes again with its former head is a new group: the old one has ended.
    again = await keeping({9: [9, 1, 2, 3], 10: [10, 11, 4]})
    assert again[9][0] != group


async def test_a_group_that_falls_apart_in_halves_ends(keep: Any) -> None:
    keeping, changes = keep
    group = (await keeping({1: [1, 2, 3, 4, 5]}))[1][0]
    parts = await keeping({2: [2, 3], 4: [4, 5]})
    assert group not in {one[0] for one in parts.values()}
    assert (await changes(group))[-1] == ("ENDED", 1)
