"""The rules of the after-review: what in one access is a sign, and when counts are too many.

Pure: nothing is read here. Source: access rules §5.3, cross-region case X34.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from importlib import resources
from zoneinfo import ZoneInfo

from security.scope import names_something


class Rule(StrEnum):
    """What a finding is of."""

    VOLUME = "VOLUME"
    PERSONS = "PERSONS"
    NIGHT = "NIGHT"
    NO_CASE = "NO_CASE"
    PROBING = "PROBING"
    OWN_SUBJECT = "OWN_SUBJECT"
    SAME_SURNAME = "SAME_SURNAME"
    VIP = "VIP"
    SAMPLE = "SAMPLE"
    DIRECT_READ = "DIRECT_READ"
    DIRECT_CHANGE = "DIRECT_CHANGE"


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules; review_rules/ explains each number."""

    version: str
    zone: ZoneInfo
    review_working_days: int
    subjects_per_hour: int
    own_factor: float
    own_floor: int
    volume_excepted: frozenset[str]
    persons_per_day: int
    probes_per_day: int
    probing_excepted: frozenset[str]
    night_from: int
    night_to: int
    night_roles: frozenset[str]
    night_without_actor: frozenset[str]
    case_roles: frozenset[str]
    case_purposes: frozenset[str]
    surname_persons: int
    sample_share: float
    sample_excepted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Access:
    """An entry as the rules see it.

    `watched` are the references of watched subjects that it disclosed, `people` those of natural
    persons, `surnames` the surnames of these, read for questions about few persons only.
    """

    index: int
    time: datetime
    caller: str
    role: str
    unit: str | None = None
    actor: str | None = None
    purpose: str | None = None
    case: str | None = None
    decision: str = "ALLOWED"
    kind: str = "QUERY"
    subjects: int = 0
    records: int = 0
    missing: tuple[str, ...] = ()
    watched: frozenset[bytes] = frozenset()
    people: frozenset[bytes] = frozenset()
    surnames: frozenset[str] = frozenset()

    @property
    def clerk(self) -> str:
        """Who acted: the caller, and the acting person where one is named."""
        return f"{self.caller}|{self.actor or ''}"


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom rules watch: references of VIP subjects, per caller those of its own and relatives'
    subjects, and per caller the HMACs under which these are logged when they are not shown."""

    vip: frozenset[bytes] = frozenset()
    own: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    own_missing: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sign:
    """One entry's part in a finding; signs of equal rule and key are one finding."""

    rule: Rule
    key: str


def signs(access: Access, watch: Watch, rules: Rules) -> Iterator[Sign]:
    """What one access shows by itself; counted rules are `too_much`, `too_many`."""
    if not access.caller:
        return
    allowed = access.decision == "ALLOWED"
    local = access.time.astimezone(rules.zone)
    if allowed and access.subjects + access.records and _at_night(access, local.hour, rules):
        yield Sign(Rule.NIGHT, f"{_night_of(local, rules)}|{access.clerk}")
    if allowed and _lacks_case(access, rules):
        yield Sign(Rule.NO_CASE, f"{local.date()}|{access.clerk}")
    own = watch.own.get(access.caller, frozenset()) & access.watched
    asked = watch.own_missing.get(access.caller, frozenset()) & set(access.missing)
    if own or asked:
        yield Sign(Rule.OWN_SUBJECT, f"{local.date()}|{access.clerk}")
    if access.watched & watch.vip:
        yield Sign(Rule.VIP, f"{local.date()}|{access.clerk}")
    if (
        access.actor
        and 0 < len(access.people) <= rules.surname_persons
        and any(access.actor.startswith(surname) for surname in access.surnames)
    ):
        yield Sign(Rule.SAME_SURNAME, str(access.index))


def _at_night(access: Access, hour: int, rules: Rules) -> bool:
    if access.role not in rules.night_roles:
        return False
    if not names_something(access.actor) and access.role not in rules.night_without_actor:
        return False
    return hour >= rules.night_from or hour < rules.night_to


def _night_of(local: datetime, rules: Rules) -> date:
    """The day on which the night began."""
    return local.date() - timedelta(days=1) if local.hour < rules.night_to else local.date()


def _lacks_case(access: Access, rules: Rules) -> bool:
    # What an agreement delivers (SHARE_OUT) belongs to no single matter.
    return (
        access.kind == "QUERY"
        and access.role in rules.case_roles
        and access.purpose in rules.case_purposes
        and access.subjects + access.records > 0
        and not names_something(access.case)
    )


def too_much(subjects: int, own_mean: float | None, role: str, rules: Rules) -> bool:
    """Whether the subjects of one hour are conspicuous; `own_mean` is the caller's mean hour in
    which it asked at all, over the 28 days before, None when it has none."""
    if role in rules.volume_excepted:
        return False
    if subjects > rules.subjects_per_hour:
        return True
    if own_mean is None or subjects < rules.own_floor:
        return False
    return subjects > rules.own_factor * own_mean


def too_many(rule: Rule, different: int, role: str, rules: Rules) -> bool:
    """Whether the different persons, or codes not found, of one clerk's day are conspicuous."""
    if rule is Rule.PROBING:
        return role not in rules.probing_excepted and different > rules.probes_per_day
    return different > rules.persons_per_day


def load_rules(version: str = "2026-1") -> Rules:
    """The rules of a version that is shipped."""
    path = resources.files("security").joinpath("review_rules", f"{version}.toml")
    table = tomllib.loads(path.read_text("utf-8"))
    night, case = table["night"], table["case"]
    return Rules(
        version=table["version"],
        zone=ZoneInfo(table["zone"]),
        review_working_days=table["review_working_days"],
        subjects_per_hour=table["volume"]["subjects_per_hour"],
        own_factor=table["volume"]["own_factor"],
        own_floor=table["volume"]["own_floor"],
        volume_excepted=frozenset(table["volume"]["excepted_roles"]),
        persons_per_day=table["persons"]["per_day"],
        probes_per_day=table["probing"]["per_day"],
        probing_excepted=frozenset(table["probing"]["excepted_roles"]),
        night_from=night["from_hour"],
        night_to=night["to_hour"],
        night_roles=frozenset(night["roles"]),
        night_without_actor=frozenset(night["without_actor"]),
        case_roles=frozenset(case["roles"]),
        case_purposes=frozenset(case["purposes"]),
        surname_persons=table["surname"]["persons_at_most"],
        sample_share=table["sample"]["share"],
        sample_excepted=frozenset(table["sample"]["excepted_roles"]),
    )
