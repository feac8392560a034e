"""The clocks of a record 公示期 and its class, from its row and its kind (records.md §9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from store.intake.chronology import check_against_deadline, exchanged
from store.intake.context import Context
from store.intake.kind_plan import KindPlan
from store.intake.party import Named
from store.intake.value import Open
from store.kind import Kind
from store.rule_set import QUERY_YEARS, Publication, Transition, add_months, worst

_NOT_APPLICABLE = "NOT_APPLICABLE"  # 不适用: the unit states none
_CLASSES = "OGARI"  # open to internal


@dataclass(frozen=True, slots=True)
class Clock:
    """When a record is displayed and read, and what decided it."""

    severity: str | None
    rule_set_id: str | None
    display_from: date | None
    display_min_until: date | None
    display_until: date | None
    display_ended_on: date | None
    query_until: date | None
    publication: Publication | None


def read_clock(
    context: Context, plan: KindPlan, row: Named, decided: date | None, received: date
) -> Clock:
    """The clock of a row; what is wrong with its deadline goes to the row.

    The severity 失信程度 is the department's own where stated, else the kind's, else that of the
    penalty types. Of a listing nothing ends by itself: it stands until it is removed.
    """
    kind = plan.kind
    ended = _ended(plan, row, context.today)
    severities = _severities(context, kind, row)
    if not kind.negative:
        shown_from = decided or received
        return Clock(
            severities[0] if severities else None, None, shown_from, None, None, ended, None, None
        )
    found = _publication(context, row, decided, severities)
    if found is None:
        return Clock(worst(severities), None, decided or received, None, None, ended, None, None)
    assert decided is not None
    query_from = ended if kind.until_removed else decided
    return Clock(
        worst(severities),
        found.rule_set_id,
        decided if found.displayed else None,
        found.min_end,
        None if kind.until_removed else found.max_end,
        ended,
        add_months(query_from, 12 * QUERY_YEARS) if query_from else None,
        found,
    )


def record_class(kind: Kind, row: Named, clock: Clock, *, is_person: bool) -> str:
    """The most closed of what kind, subject, severity and the row's own class rule say."""
    found = [(kind.class_of_persons if is_person else kind.class_of_organisations).value]
    if kind.class_rule is not None:
        told = dict(kind.class_rule.classes).get(row.text(kind.class_rule.field))
        if told is not None:
            found = [told.value, found[0]] if is_person else [told.value]
    if row.values.get("procedure") == "SIMPLE":
        found.append("I")
    if clock.publication is not None and not clock.publication.displayed:
        found.append("G")
    return max(found, key=_CLASSES.index)


def _ended(plan: KindPlan, row: Named, today: date) -> date | None:
    """The first day on which the record is no longer displayed, where a field of it says so."""
    for name in plan.ends:
        day = row.values.get(name)
        if isinstance(day, date):
            if day > today:
                row.note(name, "DATE_FUTURE")
            return day
    return None


def _severities(context: Context, kind: Kind, row: Named) -> tuple[str, ...]:
    stated = row.text("severity")
    if stated and stated != _NOT_APPLICABLE:
        return (stated,)
    if not kind.negative:
        return ()
    if kind.severity is not None:
        return (kind.severity,)
    types = row.values.get("penalty_types")
    return context.severity_rules.severities(
        types if isinstance(types, tuple) else (),
        procedure=row.text("procedure") or None,
        content=row.text("content"),
    )


def _publication(
    context: Context, row: Named, decided: date | None, severities: tuple[str, ...]
) -> Publication | None:
    if decided is None or decided > context.today:
        return None
    domain = context.severity_rules.domain(row.text("violation_type"), row.text("legal_basis"))
    clock = context.clock(decided, severities, domain)
    deadline = row.values.get("pub_deadline")
    if isinstance(deadline, Open):
        row.note("pub_deadline", "PUB_DEADLINE_OPEN")
    elif isinstance(deadline, date):
        lawful = clock
        if context.rules.transition is not Transition.DECISION_DATE:
            # What was lawful when it was decided is no fault of the file.
            lawful = context.clock(decided, severities, domain, by_decision_date=True)
        if lawful.displayed and deadline > lawful.max_end:
            row.note("pub_deadline", "PUB_DEADLINE")
        elif deadline < decided:
            row.note("pub_deadline", "DATE_ORDER")
        if deadline != lawful.max_end and (meant := exchanged(decided)) is not None:
            other = context.clock(meant, severities, domain, by_decision_date=True)
            end = other.max_end if meant <= context.today else None
            check_against_deadline(row, "decision_date", decided, deadline, (lawful.max_end, end))
    return clock
