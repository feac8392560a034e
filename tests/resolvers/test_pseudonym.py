"""Tokens and masks of persons: Python and SQL agree."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from resolvers.pseudonym import (
    COMPOUND_SURNAMES,
    masked,
    masked_sql,
    person_of,
    scope_key,
    token_of,
    token_sql,
)

KEYS = st.binary(min_size=32, max_size=32)


@given(KEYS, st.uuids())
def test_a_token_leads_back_with_its_key_only(key: bytes, person: UUID) -> None:
    token = token_of(key, person)
    assert person_of(key, token) == person
    assert person_of(bytes(32) if key != bytes(32) else b"x" * 32, token) != person
    assert person.hex not in token


@given(st.text())
def test_no_text_breaks_the_way_back(text: str) -> None:
    person_of(b"k" * 32, text)


def test_scopes_have_keys_of_their_own() -> None:
    assert scope_key(b"s" * 32, "role:ANALYST") != scope_key(b"s" * 32, "agreement:1")


def test_masks_follow_the_rules() -> None:
    assert masked("张三") == "张*"
    assert masked("欧阳明") == "欧阳*"
    assert masked("欧阳") == "欧*"
    assert masked("John Smith") == "J*"
    assert "诸葛" in COMPOUND_SURNAMES


async def test_sql_makes_the_same_tokens_and_masks(pool: Any) -> None:
    key = scope_key(b"s" * 32, "x")
    people = [uuid4() for _ in range(50)] + [UUID(int=0), UUID(int=2**128 - 1)]
    names = ["张三", "欧阳明", "欧阳", "王", "阿依古丽·买买提", "John", "南宫望月"]
    sql = (
        f"SELECT array(SELECT {token_sql('$1::bytea', 'p')} FROM unnest($2::uuid[]) p),"
        f" array(SELECT {masked_sql('n', '$3::text[]')} FROM unnest($4::text[]) n)"
    )
    row = await pool.fetchrow(sql, key, people, COMPOUND_SURNAMES, names)
    assert row[0] == [token_of(key, person) for person in people]
    assert row[1] == [masked(name) for name in names]
