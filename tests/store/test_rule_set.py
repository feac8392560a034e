"""Publication clocks: W20–W22 of the demo world and the 29 February rule."""

from __future__ import annotations

from datetime import date
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.rule_set import (
    MINOR,
    ORDINARY,
    SERIOUS,
    RuleSet,
    add_months,
    load_rule_sets,
    load_severity_rules,
    publication,
)


@pytest.fixture
async def rule_sets(pool: asyncpg.Pool[Any]) -> tuple[RuleSet, ...]:
    async with pool.acquire() as connection:
        return await load_rule_sets(connection)


@pytest.mark.parametrize(
    ("decided", "regime", "end"),
    [
        (date(2023, 2, 1), "R2019", date(2024, 2, 1)),
        (date(2024, 5, 1), "R2023", date(2027, 5, 1)),
        (date(2026, 4, 10), "R2026", date(2027, 4, 10)),
    ],
)
async def test_w20_the_regime_of_the_decision_date_rules(
    rule_sets: tuple[RuleSet, ...], decided: date, regime: str, end: date
) -> None:
    clock = publication(rule_sets, decided, (ORDINARY,))
    assert (clock.rule_set_id, clock.displayed, clock.max_end) == (regime, True, end)


async def test_w21_public_safety_is_repairable_later(rule_sets: tuple[RuleSet, ...]) -> None:
    rules = load_severity_rules()
    decided = date(2024, 3, 15)
    domain = rules.domain("经营超过保质期的食品", "《食品安全法》")
    assert publication(rule_sets, decided, (ORDINARY,), domain).min_end == date(2025, 3, 15)
    assert publication(rule_sets, decided, (ORDINARY,)).min_end == date(2024, 6, 15)


async def test_w22_several_types_follow_the_longest(rule_sets: tuple[RuleSet, ...]) -> None:
    rules = load_severity_rules()
    severities = rules.severities(
        ("WARNING", "FINE", "REVOCATION_OF_PERMIT"), procedure="ORDINARY", content=""
    )
    assert severities == (MINOR, ORDINARY, SERIOUS)
    clock = publication(rule_sets, date(2026, 4, 10), severities)
    assert (clock.min_end, clock.max_end) == (date(2027, 4, 10), date(2029, 4, 10))


async def test_a_mere_warning_is_not_displayed(rule_sets: tuple[RuleSet, ...]) -> None:
    assert not publication(rule_sets, date(2024, 5, 1), (MINOR,)).displayed


def test_suspension_or_revocation_is_told_apart_by_the_content() -> None:
    rules = load_severity_rules()
    types = ("SUSPENSION_OR_REVOCATION",)
    assert rules.severities(types, procedure=None, content="暂扣许可证30日") == (ORDINARY,)
    assert rules.severities(types, procedure=None, content="吊销许可证") == (SERIOUS,)


def test_a_29_february_ends_on_the_28th() -> None:
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)


@given(st.dates(date(1949, 10, 1), date(2100, 1, 1)), st.integers(0, 60))
def test_months_never_skip_a_month(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day
