"""Publication clocks of negative records 公示期, by dated rule sets (records.md 9.1)."""

from __future__ import annotations

import tomllib
from calendar import monthrange
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.connection import Connection

MINOR, ORDINARY, SERIOUS = "MINOR", "ORDINARY", "SERIOUS"
QUERY_YEARS = 5  # how long offices may still read a decision


class Transition(StrEnum):
    """Which rule set a decision from before the newest one follows 新旧衔接 (X23)."""

    DECISION_DATE = "decision_date"  # the one in force on the day of the decision
    NEWEST_MORE_LENIENT = "newest_more_lenient"  # the newest in force today where it ends sooner


@dataclass(frozen=True, slots=True)
class Tier:
    """What a rule set says for one severity, in months; `domain` "" is the general rule."""

    severity: str
    domain: str
    displayed: bool
    min_months: int
    max_months: int


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A publication regime for decisions from `in_force` until before `repealed_on`."""

    id: str
    in_force: date
    repealed_on: date | None
    tiers: tuple[Tier, ...]

    def tier(self, severity: str, domain: str) -> Tier:
        """The domain's tier, else the general one; KeyError for an unknown severity."""
        found = {t.domain: t for t in self.tiers if t.severity == severity}
        return found.get(domain) or found[""]


@dataclass(frozen=True, slots=True)
class Publication:
    """The clock of one decision: repairable from `min_end`, displayed until before `max_end`."""

    rule_set_id: str
    displayed: bool
    min_end: date
    max_end: date


@dataclass(frozen=True, slots=True)
class SeverityRules:
    """Which penalties are minor or serious, and the words that name a domain."""

    minor_types: frozenset[str]
    minor_procedures: frozenset[str]
    serious_types: frozenset[str]
    serious_by_content: Mapping[str, str]
    domains: Mapping[str, tuple[str, ...]]
    pulled_by_review: Mapping[str, str]  # review status to the reason why display ended

    def severities(
        self, types: Iterable[str], *, procedure: str | None, content: str
    ) -> tuple[str, ...]:
        """The severity of each type of one decision."""
        if procedure in self.minor_procedures:
            return (MINOR,)
        return tuple(self._severity(kind, content) for kind in types) or (ORDINARY,)

    def domain(self, *texts: str) -> str:
        """The domain whose words occur in the violation or its legal basis, "" for none."""
        for domain, words in self.domains.items():
            if any(word in text for text in texts for word in words):
                return domain
        return ""

    def _severity(self, kind: str, content: str) -> str:
        if kind in self.minor_types:
            return MINOR
        telling = self.serious_by_content.get(kind)
        if kind in self.serious_types or (telling and telling in content):
            return SERIOUS
        return ORDINARY


@cache
def load_severity_rules() -> SeverityRules:
    """The rules that are shipped (store/data/penalty_severity.toml)."""
    text = resources.files("store").joinpath("data/penalty_severity.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return SeverityRules(
        frozenset(table["minor_types"]),
        frozenset(table["minor_procedures"]),
        frozenset(table["serious_types"]),
        table["serious_by_content"],
        {domain: tuple(words) for domain, words in table["domains"].items()},
        table["pulled_by_review"],
    )


async def load_rule_sets(connection: Connection) -> tuple[RuleSet, ...]:
    """The rule sets of this node in order of their dates."""
    tiers: dict[str, list[Tier]] = {}
    for row in await connection.fetch(
        "SELECT rule_set_id, severity, domain, displayed, min_months, max_months FROM rule_tier"
    ):
        tiers.setdefault(row["rule_set_id"], []).append(Tier(*tuple(row)[1:]))
    return tuple(
        RuleSet(row["rule_set_id"], row["in_force"], row["repealed_on"], tuple(tiers[row[0]]))
        for row in await connection.fetch(
            "SELECT rule_set_id, in_force, repealed_on FROM rule_set ORDER BY in_force"
        )
    )


def worst(severities: Collection[str]) -> str:
    """The gravest of several severities."""
    return max(severities, key=(MINOR, ORDINARY, SERIOUS).index)


def publication(
    rule_sets: Sequence[RuleSet],
    decision_date: date,
    severities: Collection[str],
    domain: str = "",
    *,
    transition: Transition = Transition.DECISION_DATE,
    today: date | None = None,
) -> Publication:
    """The clock of a decision with these severities: displayed if one is, the longest of each.

    Counted from the decision date (《信用修复管理办法》). A decision from before the first rule set
    follows the first. With `NEWEST_MORE_LENIENT` a decision from before the rule set that is in
    force on `today` follows that one where it displays it shorter, or not at all.
    """
    told = _clock(_in_force(rule_sets, decision_date), decision_date, severities, domain)
    if transition is Transition.DECISION_DATE or today is None:
        return told
    newest = _clock(_in_force(rule_sets, today), decision_date, severities, domain)
    return min(told, newest, key=_burden)


def _burden(clock: Publication) -> tuple[bool, date]:
    return clock.displayed, clock.max_end


def _in_force(rule_sets: Sequence[RuleSet], day: date) -> RuleSet:
    return next(
        (
            r
            for r in rule_sets
            if r.in_force <= day and (r.repealed_on is None or day < r.repealed_on)
        ),
        rule_sets[0],
    )


def _clock(
    regime: RuleSet, decision_date: date, severities: Collection[str], domain: str
) -> Publication:
    tiers = [regime.tier(severity, domain) for severity in severities]
    shown = [tier for tier in tiers if tier.displayed] or tiers
    return Publication(
        regime.id,
        any(tier.displayed for tier in tiers),
        add_months(decision_date, max(tier.min_months for tier in shown)),
        add_months(decision_date, max(tier.max_months for tier in shown)),
    )


def add_months(day: date, months: int) -> date:
    """The same day months later, or that month's last: 2024-02-29 and 12 give 2025-02-28."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
