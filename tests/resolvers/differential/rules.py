"""What the access rules let a reader see of a record in any state: slow, plain, and made from the
tables of the rules themselves (access rules §2, §3, §3.1, §9), not from the policy file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from security.policy import Scope
from tests.resolvers.differential.world import TODAY, World
from tests.service.test_kinds_by_role import MARKS, NAMED_BY, PURPOSES, RULES

_OPEN_BY_LAW = {"court_defaulter"}  # of persons too: records.md §7
_CATEGORIES = {"LEGAL_ENTITY": "firm", "INDIVIDUAL_BUSINESS": "shop", "NATURAL_PERSON": "person"}
_OTHER = dict(zip(PURPOSES, "●●●●●●-●●●", strict=True))  # items of the city's own, of firms


class Rules:
    """The rules for one reader in one world."""

    def __init__(self, world: World, scope: Scope) -> None:
        self._scope, self._role = scope, str(scope.role)
        rows = world.rows
        now: dict[UUID, UUID] = {
            row["subject_id"]: row["merged_into"] or row["subject_id"] for row in rows["subject"]
        }
        grounds = scope.grounds
        named = getattr(grounds, NAMED_BY[self._role]) if self._role in NAMED_BY else ()
        self._named = {now[one] for one in named}
        self._barred = {now[one] for one in grounds.barred}
        above = {row["region_id"]: row["parent_id"] for row in rows["region"]}
        self._district = set[UUID]()
        for row in rows["organisation"]:
            region = row["region_id"]
            while region is not None and region != grounds.district:
                region = above[region]
            if grounds.district is None or region is not None:
                self._district.add(row["subject_id"])
        every = frozenset(world.kinds.by_name)
        self._granted: frozenset[str] = {
            "SELF": every,
            "STEWARD": every,
            "ANALYST": grounds.government_kinds,
            "SUPERVISOR": grounds.government_kinds,
            "DEPT": grounds.application_kinds & grounds.government_kinds,
            "AGENT": grounds.authorised_kinds & grounds.government_kinds,
            "PCITY": grounds.shared_kinds,
        }.get(self._role, frozenset())

    def seen(self, record: Mapping[str, Any]) -> str:
        """`g` all of it, `o` what is open, `m` that it exists, "" nothing."""
        subject, kind, class_ = record["subject_id"], record["kind"], record["class"]
        person = record["subject_category"] == "NATURAL_PERSON"
        if subject in self._barred:
            return ""
        if person and class_ == "O" and kind not in _OPEN_BY_LAW:
            class_ = "G"
        ended, until, query = (
            record[name] for name in ("display_ended_on", "display_until", "query_until")
        )
        valid, begins = record["status"] == "VALID", record["display_from"]
        live = valid and ended is None and (query is None or query > TODAY)
        displayed = (
            valid
            and class_ == "O"
            and begins is not None
            and begins <= TODAY
            and all(day is None or day > TODAY for day in (until, ended))
        )
        mark = "-"
        if live and class_ in "OG" and self._shared(record, person=person):
            mark = self._mark(kind, record["subject_category"])
        internal = record["status"] == "REPAIRED" or (valid and (class_ == "I" or ended))
        listed = self._role != "AGENT" or kind in self._scope.grounds.authorised_kinds
        if (
            mark == "●"
            or (live and class_ == "A" and listed and self._reaches("A", subject))
            or (live and class_ == "R" and self._reaches("R", subject))
            or (internal and self._here(subject) and self._reaches("I", subject))
        ):
            return "g"
        if displayed and self._reaches("O", subject):
            return "o"
        return "m" if mark == "○" else ""

    def _here(self, subject: UUID) -> bool:
        return self._scope.grounds.district is None or subject in self._district

    def _reaches(self, column: str, subject: UUID) -> bool:
        row = RULES[self._role]
        return column in row.unnamed or (column in row.named and subject in self._named)

    def _shared(self, record: Mapping[str, Any], *, person: bool) -> bool:
        scope, subject, kind = self._scope, record["subject_id"], record["kind"]
        by_catalogue = self._role not in ("SELF", "STEWARD")
        left_out = (kind, record["subject_category"]) in scope.grounds.unshared and by_catalogue
        case_missing = person and RULES[self._role].case_for_persons and not scope.case
        return (
            kind in self._granted
            and not left_out
            and not case_missing
            and self._here(subject)
            and self._reaches("P" if person else "G", subject)
        )

    def _mark(self, kind: str, category: str) -> str:
        purpose, of = self._scope.purpose or "", _CATEGORIES[category]
        if purpose not in PURPOSES:
            return "●"
        if kind not in MARKS:
            return "-" if of == "person" else _OTHER[purpose]
        return MARKS[kind][purpose, of]
