"""Restricted subjects: their relations are of class R, whatever is said later, until lifted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from store.errors import StoreError
from store.restriction import lift_restriction, restrict_subject
from tests.store.conftest import Take


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """A FinBench folder with one holding and one guarantee, the ratio as given."""

    def write(ratio: str) -> Path:
        path = tmp_path / "finbench"
        path.mkdir(exist_ok=True)
        (path / "PersonInvestCompany.csv").write_text(
            f"investorId|companyId|ratio|createTime\n1|2|{ratio}|2020-04-14 14:17:46.418\n"
        )
        (path / "PersonGuaranteePerson.csv").write_text(
            "fromId|toId|createTime\n1|9|2020-06-28 06:11:02.339\n"
        )
        return path

    return write


async def test_a_restriction_outlives_later_statements_and_ends(
    take: Take, pool: asyncpg.Pool[Any], folder: Callable[[str], Path]
) -> None:  # W25
    await take(folder("0.5"))
    person = await pool.fetchval(
        "SELECT subject_id FROM identifier WHERE scheme = 'finbench-person' AND value = '1'"
    )

    async def classes() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for kind, class_ in await pool.fetch("SELECT kind, class FROM relation"):
            found.setdefault(kind, set()).add(class_)
        return found

    before = {"HOLDS": {"O"}, "GUARANTEES": {"G"}}
    assert await classes() == before
    async with pool.acquire() as connection:
        outbox = await connection.fetchval("SELECT count(*) FROM outbox")
        with pytest.raises(StoreError, match="Say why"):
            await restrict_subject(connection, person, " ")
        assert await restrict_subject(connection, person, "只限指定单位查询")
        assert not await restrict_subject(connection, person, "again")
        assert await connection.fetchval("SELECT count(*) FROM outbox") == outbox + 3
    closed = {"HOLDS": {"R"}, "GUARANTEES": {"R"}}
    assert await classes() == closed
    await take(folder("0.6"))
    assert await classes() == closed
    async with pool.acquire() as connection:
        assert await lift_restriction(connection, person)
        assert not await lift_restriction(connection, person)
    assert await classes() == before
