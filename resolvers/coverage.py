"""Catalogues as published, and coverage: per item and source what came last and when more is due.

No question about a subject is asked or answered here, so that "no record", "not shared" and
"source silent" stay three answers and none of them tells of anybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resolvers.answer import NOTHING, Disclosure
from resolvers.as_of import kinds_on
from resolvers.context import Call, Context
from resolvers.known_kind import demand_kinds
from resolvers.projection import shaper
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from security.policy import KindsOf, Reach
from store.catalogue import Catalogue, CatalogueType, Edition, InformationItem
from store.coverage import LAST_REPORTS, UNKNOWN_UNIT, CoverageState, Report, after, next_due, state
from store.kind import Kinds
from store.working_day import load_calendar

_PARTNERS = """
SELECT p.region_id, p.code, p.last_success_at, m.size, m.shared, m.updated_at
FROM partner_state p
LEFT JOIN LATERAL (SELECT size, shared, updated_at FROM mirror_cursor c
                   WHERE c.region_id = p.region_id ORDER BY updated_at DESC LIMIT 1) m ON true
"""


async def catalogue(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Both catalogues of the node's city on a day; the same for every caller."""
    context = call.context
    day = _day(selected, call)
    kinds, found = statement.kinds, context.catalogues.on(day)
    value = {
        "on": day,
        "region": context.region,
        "information": _edition(context, CatalogueType.INFORMATION, day),
        "items": [_item(item, kinds) for _, item in sorted(found.items.items())],
        "application": _edition(context, CatalogueType.APPLICATION, day),
        "applications": [
            {
                "unit": row.unit,
                "unitName": row.unit_name,
                "matter": row.matter,
                "purposes": sorted(row.purposes, key=lambda purpose: int(purpose[1:])),
                "kinds": sorted(row.kinds),
                "validFrom": row.valid_from,
                "validTo": row.valid_to,
                "legalBasis": row.legal_basis,
            }
            for row in found.applications
        ],
    }
    return shaper(statement, selected)(value), NOTHING


async def coverage(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The coverage of the items that the question names, by kind, origin and source.

    Raises QuestionError KIND_UNKNOWN, and STORE_UNAVAILABLE as every read does.
    """
    context = call.context
    day = _day(selected, call)
    found = context.catalogues.on(day)
    named = selected.given("kinds")
    names = sorted(statement.kinds.by_name)
    if named is not None:
        wanted = set(named.read(call))
        demand_kinds(statement.kinds, wanted)
        names = [name for name in names if name in wanted]
    sources = [
        (name, unit)
        for name in names
        if (item := found.items.get(name))
        for unit in (*(provider.uscc for provider in item.providers), UNKNOWN_UNIT)
    ]
    values = ([kind for kind, _ in sources], [unit for _, unit in sources], after(day))
    reports = {
        (row["kind"], row["unit_id"]): Report(row["stamp"], row["lines"])
        for row in await fetch(context.pool, LAST_REPORTS, values)
    }
    partners = {row["region_id"]: row for row in await fetch(context.pool, _PARTNERS, ())}
    told = _Told(context, statement.kinds, found, day, reports, partners)
    shown = shared_with_caller(context, statement.kinds, day)
    since = shared_since(context, statement.kinds, day)
    value = [
        row | {"shared": name in shown, "sharedFrom": since.get(name)}
        for name in names
        for row in told.rows(name, name in shown)
    ]
    return shaper(statement, selected)(value), NOTHING


def shared_with_caller(context: Context, kinds: Kinds, day: dt.date) -> frozenset[str]:
    """The kinds of which the caller may see anything: by its role, purpose and the catalogue of a
    day, or because the catalogue opens them to everybody."""
    scope = context.scope
    granted = (
        scope.full_kinds
        | scope.member_kinds
        | scope.full_person_kinds
        | scope.member_person_kinds
        | (scope.authorised_kinds or frozenset())
    )
    basis = scope.row.kinds
    if basis is KindsOf.ALL:
        return frozenset(kinds.by_name)
    if basis is KindsOf.AGREEMENT:
        return granted & kinds_on(context, day)
    found = frozenset[str]() if basis is KindsOf.NONE else granted & kinds_on(context, day)
    return found | _open_kinds(context, day)


def shared_since(context: Context, kinds: Kinds, day: dt.date) -> dict[str, dt.date]:
    """From which day on each kind is shared with the caller (X03): of what is shared on the day
    the first day of its unbroken run of editions, of what is not the first later one.

    A kind is missing when no edition that is loaded shares it, or none says since when.
    """
    if context.scope.row.kinds is KindsOf.ALL:
        return {}  # not limited by the catalogue
    found: dict[str, dt.date] = {}
    before: frozenset[str] = frozenset()
    now = shared_with_caller(context, kinds, day)
    for start, _ in context.catalogues.periods:
        if start > day:
            for kind in _coming(context, start) - now:
                found.setdefault(kind, start)
            continue
        shown = shared_with_caller(context, kinds, start)
        found |= dict.fromkeys(shown - before, start)
        for kind in before - shown:
            del found[kind]
        before = shown
    return found


def _coming(context: Context, day: dt.date) -> frozenset[str]:
    """What the catalogue of a later day shares with a caller as he is today."""
    scope = context.scope
    basis = scope.row.kinds
    found = frozenset[str]() if basis is KindsOf.NONE else kinds_on(context, day)
    if scope.authorised_kinds is not None:
        found &= scope.authorised_kinds
    if basis is KindsOf.AGREEMENT:
        return found & context.partner_kinds.get(scope.grounds.partner or "", frozenset())
    return found | _open_kinds(context, day)


def _open_kinds(context: Context, day: dt.date) -> frozenset[str]:
    """What the catalogue of a day opens to everybody, for roles that read what is open."""
    if context.scope.row.open is Reach.NONE:
        return frozenset()
    items = context.catalogues.on(day).items.values()
    return frozenset(item.kind for item in items if item.share == "O")


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of every source on one day."""

    context: Context
    kinds: Kinds
    catalogue: Catalogue
    day: dt.date
    reports: Mapping[tuple[str, str], Report]
    partners: Mapping[str, Any]

    def rows(self, kind: str, shared: bool) -> Iterator[dict[str, Any]]:
        """The rows of a kind; of what is not shared only that it is not."""
        item = self.catalogue.items.get(kind)
        if item is None:
            yield self._row(kind, self.context.region, CoverageState.NOT_SHARED)
        else:
            yield from self._own(item, shared)
        for region, agreed in sorted(self.context.partner_kinds.items()):
            if kind in agreed:
                yield self._partner(kind, region, shared)

    def _own(self, item: InformationItem, shared: bool) -> Iterator[dict[str, Any]]:
        for provider in item.providers:
            source = {"uscc": provider.uscc, "name": provider.name}
            row = self._row(item.kind, self.context.region, CoverageState.NOT_SHARED)
            row["sourceUnit"] = source
            if shared:
                row |= self._reported(item, self._last(item, provider.uscc))
            yield row

    def _last(self, item: InformationItem, unit: str) -> Report | None:
        """The last report of a unit; what names no unit is the only provider's."""
        told = [self.reports.get((item.kind, unit))]
        if len(item.providers) == 1:
            told.append(self.reports.get((item.kind, UNKNOWN_UNIT)))
        return max((one for one in told if one), key=lambda one: one.sent_at, default=None)

    def _reported(self, item: InformationItem, report: Report | None) -> dict[str, Any]:
        due = None
        if report is not None:
            due = next_due(report.sent_at, item.cycle_days, item.cycle_is_working, load_calendar())
        return {
            "state": state(report, item.cycle_days, due, self.day).value,
            "lastReceivedAt": report and _moment(report.sent_at),
            "lastLines": report and report.lines,
            "nextDueOn": due,
        }

    def _partner(self, kind: str, region: str, shared: bool) -> dict[str, Any]:
        row = self._row(kind, region, CoverageState.NOT_SHARED)
        if not shared:
            return row
        known = self.partners.get(region)
        if known is not None:
            row["warning"] = known["code"]
        if known is None or known["size"] is None:
            return row | {"state": CoverageState.NEVER.value}
        if known["shared"] is not None and not _has(known["shared"], kind):
            return row  # the partner's own catalogue keeps it
        silent = known["code"] is not None
        return row | {
            "state": (CoverageState.OVERDUE if silent else CoverageState.CURRENT).value,
            "lastReceivedAt": _moment(known["updated_at"]),
            "lastLines": known["size"],
            "partnerReachedAt": known["last_success_at"] and _moment(known["last_success_at"]),
        }

    def _row(self, kind: str, region: str, found: CoverageState) -> dict[str, Any]:
        label = self.kinds.by_name[kind].label
        return {"kind": kind, "label": label, "originRegion": region, "state": found.value}


def _has(tags: Iterable[str], kind: str) -> bool:
    return any(tag.partition(".")[0] == kind for tag in tags)


def _day(selected: Selected, call: Call) -> dt.date:
    on = selected.given("on")
    day: dt.date = on.read(call) if on is not None else call.context.today
    return day


def _edition(context: Context, type_: CatalogueType, day: dt.date) -> dict[str, Any] | None:
    found: Edition | None = context.catalogues.edition_on(type_, day)
    if found is None:
        return None
    return {
        "edition": found.edition,
        "validFrom": found.valid_from,
        "validTo": context.catalogues.end(found),
        "legalBasis": found.legal_basis,
    }


def _item(item: InformationItem, kinds: Kinds) -> dict[str, Any]:
    kind = kinds.by_name.get(item.kind)
    return {
        "kind": item.kind,
        "label": kind.label if kind else item.kind,
        "categories": sorted(item.categories),
        "share": item.share,
        "providers": [{"uscc": p.uscc, "name": p.name} for p in item.providers],
        "partners": sorted(item.partners),
        "cycleDays": item.cycle_days,
        "cycleIsWorking": item.cycle_is_working,
        "legalBasis": item.legal_basis,
    }


def _moment(moment: dt.datetime) -> str:
    shanghai = dt.timezone(dt.timedelta(hours=8))
    return moment.astimezone(shanghai).isoformat(timespec="seconds")
