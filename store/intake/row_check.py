"""Checks between the fields of a row that a kind's own rules ask for (records.md §5, §8, §10)."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from store.intake.amount import is_unit_suspect
from store.intake.kind_plan import KindPlan
from store.intake.party import Named
from store.intake.period import read_period
from store.regions import is_division
from store.scheme import shipped_schemes

_COMMITMENT = re.compile(r"([0-9]{6})([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{6}")


def check_row(plan: KindPlan, row: Named, values: dict[str, object], *, demo: bool) -> None:
    """Judge amounts, periods, codes and grades of a row; the period is put in standard form."""
    _check_amounts(plan, row)
    if "period" in values:
        _check_period(plan, row, values)
    if plan.kind.name == "commitment":
        _check_commitment(plan, row, demo=demo)
    elif plan.kind.name == "evaluation":
        _check_grade(row)


def require(plan: KindPlan, row: Named, values: dict[str, object], *, is_person: bool) -> None:
    """REQUIRED for what is missing, MUST_BE_EMPTY for what a rule forbids, which is left out."""
    needed = plan.required_of_persons if is_person else plan.required
    missing = [f for f in needed if f.name not in values]
    for rule, declared in plan.conditional:
        told = values.get(rule.when)
        if not (set(told) if isinstance(told, tuple) else {told}) & rule.values:
            continue
        if not rule.forbids:
            if declared.name not in values and declared not in missing:
                missing.append(declared)
        elif declared.name in values:
            row.note(declared.name, "MUST_BE_EMPTY")
            del values[declared.name]
    if not missing:
        return
    faulty = {found.field for found in row.findings if found.severity == "error"}
    for declared in missing:
        header = row.headers.get(declared.name, declared.label)
        if header not in faulty:
            row.missing(header)


def _check_amounts(plan: KindPlan, row: Named) -> None:
    for name, factor in plan.amounts:
        stated = row.values.get(name)
        if not isinstance(stated, Decimal) or not stated:
            continue
        texts = [str(row.values[name]) for name in plan.free_texts if name in row.values]
        if texts and is_unit_suspect(stated * factor, texts):
            row.note(name, "UNIT_SUSPECT")


def _check_period(plan: KindPlan, row: Named, values: dict[str, object]) -> None:
    period = read_period(row.text("period"))
    if period is None:
        row.note("period", "PERIOD_INVALID")
        return
    values["period"] = str(period)
    for name in plan.ends:
        cleared = row.values.get(name)
        if isinstance(cleared, date) and cleared < period.last:
            row.note(name, "DATE_ORDER")


def _check_commitment(plan: KindPlan, row: Named, *, demo: bool) -> None:
    code = row.text("code")
    match = _COMMITMENT.fullmatch(code)
    if match is None:
        if code:
            row.note("code", "COMMITMENT_CODE")
        return
    region, *day = match.groups()
    try:
        coded = date(*map(int, day))
    except ValueError:
        row.note("code", "COMMITMENT_CODE")
        return
    made = row.values.get("made_on")
    acceptor = row.text(plan.held.get("issuer_uscc", ""))
    at_home = len(acceptor) != 18 or acceptor[2:6] == region[:4]
    if (
        (isinstance(made, date) and made != coded)
        or not at_home
        or not is_division(region, demo=demo)
    ):
        row.note("code", "COMMITMENT_CODE_DIFFERS")


def _check_grade(row: Named) -> None:
    name, version = row.text("scheme"), row.text("scheme_version")
    if not name or not version:
        return
    scheme = shipped_schemes().get((name, version))
    if scheme is None:
        row.note("scheme", "SCHEME_UNKNOWN")
        return
    score = row.values.get("score")
    faults = scheme.faults(row.text("grade") or None, score if isinstance(score, Decimal) else None)
    for code in faults:
        row.note("score" if code == "SCORE_RANGE" else "grade", code)
