"""Two subjects that are one body: what hangs on the one hangs on the other afterwards."""

from __future__ import annotations

import datetime as dt
from typing import Any

import asyncpg
import pytest

from store.joining import join_subject
from store.restriction import restrict_subject
from tests.resolvers.conftest import _ORDER, _insert, _organisation, _relation, _subject, ref, uid
from tests.store.conftest import FixedCipher

SOURCE = {"source_unit_name": "x", "source_unit_uscc": "y", "origin_region": "210500", **_ORDER}


@pytest.mark.parametrize("later", ["weak", "strong"])
async def test_the_last_statement_agreements_and_interests_follow_the_body(
    pool: asyncpg.Pool[Any], later: str
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await _organisation(connection, "strong", "本溪甲有限公司", "91210500XD00000011")
        await _organisation(connection, "third", "本溪丙有限公司", "91210500XD00000033")
        await _subject(connection, "weak", "LEGAL_ENTITY", ("reg_no", "210500000000011"))
        said = {"category": "LEGAL_ENTITY", "region_id": "210504", "origin_region": "210500"}
        await _insert(
            connection, "organisation", subject_id=uid("weak"), name="本溪乙有限公司",
            registered=True, audit_ref=ref("weak"), digest=b"d", **said, **_ORDER,
        )  # fmt: skip
        stamp = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
        told = "UPDATE organisation SET stamp = $2 WHERE subject_id = $1"
        await connection.execute(told, uid(later), stamp)
        for member, company in (("weak", "third"), ("third", "weak")):
            await _insert(
                connection, "concert", subject_id=uid(member), concert_id=uid(member),
                agreement_no="1", company_id=uid(company), **SOURCE,
            )  # fmt: skip
            await _insert(
                connection, "declared_interest", subject_id=uid(company), interest_id=uid(member),
                party_id=uid(member), interest_type="shareholding", directness="direct",
                beneficial=True, statement_no="1", **{"class": "G"}, **SOURCE,
            )  # fmt: skip
        await join_subject(connection, uid("weak"), uid("strong"), cipher=FixedCipher())
        rows = await connection.fetch("SELECT subject_id, name, audit_ref FROM organisation")
        name = {"weak": "本溪乙有限公司", "strong": "本溪甲有限公司"}[later]
        assert {tuple(row) for row in rows} == {
            (uid("strong"), name, ref("strong")),
            (uid("third"), "本溪丙有限公司", ref("third")),
        }
        ends = {(uid("strong"), uid("third")), (uid("third"), uid("strong"))}
        for columns in ("subject_id, company_id FROM concert",
                        "party_id, subject_id FROM declared_interest"):  # fmt: skip
            assert {tuple(row) for row in await connection.fetch(f"SELECT {columns}")} == ends


async def test_w25_a_restriction_holds_for_the_body_that_its_subject_becomes_part_of(
    pool: asyncpg.Pool[Any],
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for name, number in (("weak", 1), ("strong", 2)):
            await _subject(connection, name, "NATURAL_PERSON", ("person_number", f"k1:0{number}"))
        await _organisation(connection, "firm", "本溪甲有限公司", "91210500XD00000011")
        await _relation(connection, "HOLDS", "strong", "firm")
        await restrict_subject(connection, uid("weak"), "只限指定单位查询")
        await join_subject(connection, uid("weak"), uid("strong"), cipher=FixedCipher())
        rows = await connection.fetch("SELECT subject_id, reason FROM restriction")
        assert [tuple(row) for row in rows] == [(uid("strong"), "只限指定单位查询")]
        assert {row[0] for row in await connection.fetch("SELECT class FROM relation")} == {"R"}
