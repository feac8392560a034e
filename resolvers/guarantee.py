"""Guarantee circles 担保圈 and exposure 担保敞口 of a subject, as the caller may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg

from graph.debt import Guarantees, Pledge, Way, gather
from graph.exposure import DEFAULT_CURRENCY, Exposure, Loan, Total, exposure
from graph.guarantee_circle import Beside, chain, cycles, rings
from resolvers.answer import Disclosure, distinct
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_question import Question, Shown, asked, without
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from resolvers.visibility import relation_visible

MAX_CYCLES = 20
MAX_RINGS = 20
_LARGE = 500  # guarantees from which on the figures are worked out beside the event loop
RULE = (
    "每笔借款只计一次；未指明借款的按担保金额，两者皆无的按债务人借款 each loan once;"
    " a guarantee that names none by its own amount, with neither by what its debtor has borrowed"
)


@dataclass(slots=True)
class Debts:
    """Gathered guarantees with what the store shows of them and of their loans."""

    question: Question
    guarantees: Guarantees
    stated: Mapping[UUID, asyncpg.Record]
    loans: dict[UUID, Loan] = field(default_factory=dict)
    numbers: dict[UUID, str] = field(default_factory=dict)  # 借款编号 of each loan
    borrowed: dict[int, list[UUID]] = field(default_factory=dict)
    audited: bytes = b""

    async def read_loans(self) -> None:
        """Read the loans that the guarantees name, and those of debtors for whom none is named."""
        question = self.question
        if "BORROWS" not in question.statement.scope.row.relations:
            return
        pledges = self.guarantees.pledges
        named = {one.loan for one in pledges if one.loan is not None}
        open_ = {one.debtor for one in pledges if one.loan is None and one.amount is None}
        if open_:
            number = {self.guarantees.ids[debtor]: debtor for debtor in open_}
            for row in await _borrowed(question, list(number)):
                self.borrowed.setdefault(number[row[0]], []).append(row[1])
                named.add(row[1])
        audited = []
        for row in await _loans(question, list(named)):
            currency = row["currency"] or DEFAULT_CURRENCY
            self.loans[row["subject_id"]] = Loan(
                row["subject_id"], row["amount"], row["balance"], currency
            )
            self.numbers[row["subject_id"]] = row["loan_no"]
            audited.append(row["audit_ref"])
        self.audited = distinct(b"".join(audited))
        # A loan of a later day is none yet.
        for debtor, ids in self.borrowed.items():
            self.borrowed[debtor] = [one for one in ids if one in self.loans]

    def exposure(self, pledges: Iterable[Pledge] | None = None) -> Exposure:
        """The exposure to these guarantees, all that were gathered unless given."""
        of = self.guarantees
        if pledges is not None:
            of = replace(of, pledges=tuple(pledges))
        return exposure(of, self.loans, self.borrowed)

    def steps(self, keys: Mapping[int, str], pledges: Iterable[Pledge]) -> list[dict[str, Any]]:
        """The guarantees between nodes that have keys, what several cities state as one."""
        found: dict[tuple[int, int], list[Pledge]] = {}
        for one in pledges:
            if one.guarantor in keys and one.debtor in keys:
                found.setdefault((one.guarantor, one.debtor), []).append(one)
        return [
            {
                "guarantor": keys[guarantor],
                "debtor": keys[debtor],
                "statements": [self._statement(one) for one in said],
            }
            for (guarantor, debtor), said in found.items()
        ]

    def _statement(self, one: Pledge) -> dict[str, Any]:
        row = self.stated[one.id]
        return {
            "relationId": str(one.id),
            "originRegion": one.origin,
            "amount": row["amount"],
            "currency": row["currency"] or DEFAULT_CURRENCY,
            "loanNo": row["loan_no"],
            "validFrom": row["valid_from"],
            "validTo": row["valid_to"],
        }

    def disclosed(self, disclosure: Disclosure) -> Disclosure:
        """With the loans that were counted."""
        return replace(disclosure, subjects=distinct(disclosure.subjects + self.audited))


async def circle(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The guarantee circle of a subject, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call, kind="GUARANTEES")
    if isinstance(question, str):
        return without(question)
    first, most = question.first(), question.given["maxCycles"]
    if not 1 <= most <= MAX_CYCLES:
        raise QuestionError("BUDGET_LIMIT", f"maxCycles is 1 to {MAX_CYCLES}")
    debts = await _gathered(question, Way.BOTH)
    found = debts.guarantees
    if len(found.pledges) > _LARGE:
        told = await asyncio.to_thread(_circle, debts, first, most)
    else:
        told = _circle(debts, first, most)
    shown, value = told
    answer, disclosure = await shown.told(value, len(shown.keys))
    return answer, debts.disclosed(disclosure)


def _circle(debts: Debts, first: int, most: int) -> tuple[Shown, dict[str, Any]]:
    found, question = debts.guarantees, debts.question
    down, up = found.stands_for(), found.stood_for_by()
    members = _nearest(_both(down, up))
    shown = Shown(question, found)
    for number in members[:first]:
        shown.key(number)
    turning = cycles(found, most)
    all_rings = rings(found)
    chain_down, chain_up = chain(down), chain(up)
    contagion = _nearest(up)[1:]
    for number in (*chain_down, *chain_up, *(node for one in turning.found for node in one)):
        shown.key(number)
    for number in (
        *contagion[:first],
        *(node for one in all_rings[:MAX_RINGS] for node in one[:first]),
    ):
        shown.key(number)
    value = {
        **question.frame(found),
        "totalCount": len(members),
        "totals": totals_value(debts.exposure().totals) if question.wants("totals") else [],
        "ringCount": len(all_rings),
        "rings": [_ring(debts, shown, one) for one in all_rings[:MAX_RINGS]],
        "cycles": [[shown.keys[node] for node in one] for one in turning.found],
        "cyclesComplete": turning.complete,
        "chainDownLength": len(chain_down) - 1,
        "chainDown": [shown.keys[node] for node in chain_down[:first]],
        "chainUpLength": len(chain_up) - 1,
        "chainUp": [shown.keys[node] for node in chain_up[:first]],
        "contagion": [shown.keys[node] for node in contagion if node in shown.keys],
        "steps": debts.steps(shown.keys, found.pledges) if question.wants("steps") else [],
    }
    return shown, value


def _ring(debts: Debts, shown: Shown, members: Sequence[int]) -> dict[str, Any]:
    wants, within = debts.question.wants, list[Pledge]()
    if wants("rings", "totals") or wants("rings", "steps"):
        inside = set(members)
        within = [
            one
            for one in debts.guarantees.pledges
            if one.guarantor in inside and one.debtor in inside
        ]
    return {
        "members": [shown.keys[node] for node in members if node in shown.keys],
        "totals": totals_value(debts.exposure(within).totals) if wants("rings", "totals") else [],
        "steps": debts.steps(shown.keys, within) if wants("rings", "steps") else [],
    }


async def exposed(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The exposure of a guarantor, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call, kind="GUARANTEES")
    if isinstance(question, str):
        return without(question)
    first = question.first()
    debts = await _gathered(question, Way.DOWN)
    found = debts.exposure()
    shown = Shown(question, debts.guarantees)
    shown.key(0)
    nearest = _nearest(debts.guarantees.stands_for())[1:]
    for number in nearest[:first]:
        shown.key(number)
    told = found.claims[:first]
    value = {
        **question.frame(debts.guarantees),
        "rule": RULE,
        "guaranteedCount": len(found.guaranteed),
        "loanCount": found.loans,
        "totals": totals_value(found.totals),
        "debts": [
            {
                "loanNo": debts.numbers.get(one.loan) if one.loan else None,
                "debtors": [shown.key(debtor) for debtor in one.debtors],
                "amount": one.amount,
                "balance": one.balance,
                "currency": one.currency,
                "own": one.own,
                "relationIds": [str(id_) for id_ in one.pledges],
            }
            for one in told
        ],
        "guaranteed": [shown.keys[number] for number in nearest if number in shown.keys],
    }
    answer, disclosure = await shown.told(value, len(told))
    return answer, debts.disclosed(disclosure)


async def _gathered(question: Question, way: Way) -> Debts:
    view, place = question.view()
    found = await asyncio.to_thread(gather, view, place, way, levels=question.levels)
    rows = await question.rows_seen(
        found.relation_ids,
        ("GUARANTEES",),
        "e.relation_id, e.amount, e.currency, e.loan_no, e.valid_from, e.valid_to",
    )
    stated = {row["relation_id"]: row for row in rows}
    debts = Debts(question, found.only(stated.keys(), way), stated)
    await debts.read_loans()
    return debts


async def _borrowed(question: Question, debtors: Sequence[UUID]) -> list[asyncpg.Record]:
    check = question.statement.anew(question.call.context.scope)
    ids = check.bind(lambda _: list(debtors), "uuid[]")
    day = check.bind(lambda _: question.day, "date")
    visible = relation_visible(check, "e", ("BORROWS",), walked=True)
    sql, binds = check.finished(
        f"SELECT e.subject_id, e.other_id FROM relation e WHERE e.subject_id = ANY({ids})"
        f" AND e.kind = 'BORROWS' AND e.direction = 'OUT' AND {visible}"
        f" AND (e.valid_from IS NULL OR e.valid_from <= {day})"
        f" AND (e.valid_to IS NULL OR e.valid_to > {day}) ORDER BY e.subject_id, e.other_id"
    )
    return await fetch(question.call.context.pool, sql, [bind(question.call) for bind in binds])


async def _loans(question: Question, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    if not ids:
        return []
    return await fetch(
        question.call.context.pool,
        "SELECT subject_id, loan_no, amount, balance, currency, audit_ref FROM loan"
        " WHERE subject_id = ANY($1::uuid[]) AND (issued_on IS NULL OR issued_on <= $2::date)"
        " ORDER BY subject_id",
        [list(ids), question.day],
    )


def totals_value(totals: Sequence[Total]) -> list[dict[str, Any]]:
    """Sums by currency as an answer shows them."""
    return [
        {
            "currency": one.currency,
            "debts": one.claims,
            "amount": one.amount,
            "balance": one.balance,
            "unknown": one.unknown,
        }
        for one in totals
    ]


def _both(
    down: Mapping[int, Sequence[int]], up: Mapping[int, Sequence[int]]
) -> dict[int, list[int]]:
    return {
        node: sorted({*down.get(node, ()), *up.get(node, ())}) for node in down.keys() | up.keys()
    }


def _nearest(beside: Beside) -> list[int]:
    """The subject and all that is reached from it, nearest first."""
    found, frontier = {0: None}, [0]
    for node in frontier:
        for other in beside.get(node, ()):
            if other not in found:
                found[other] = None
                frontier.append(other)
    return list(found)
