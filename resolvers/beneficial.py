"""Beneficial owners 受益所有人 of a firm, each with the rule that fired."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any
from uuid import UUID

from graph.beneficial import (
    CAPITAL_LIMIT,
    BeneficialOwner,
    Officer,
    Rights,
    Rule,
    beneficial_owners,
    exempted,
)
from graph.closure import Closure
from graph.holding import Basis, Holdings, together
from graph.layout import EdgeKind
from graph.ownership import Path, integrated, paths
from graph.snapshot.column import PARTNERSHIP
from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.control import SUSPECTED, controllers_in
from resolvers.graph_question import Question, Shown, asked, share_range, within_budget, without
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from resolvers.visibility import organisation_visible, record_visible

SOURCE = "中国人民银行、国家市场监督管理总局令〔2024〕第3号《受益所有人信息管理办法》"
_COMMITMENT = "受益所有人"  # what the promise of art. 3 speaks of
_WAYS = 3
_TEXT = {
    Rule.EQUITY: "最终拥有25%以上股权的自然人 finally holds 25 % or more of the equity",
    Rule.INCOME: "最终享有25%以上收益权的自然人 entitled to 25 % or more of the income",
    Rule.VOTES: "最终享有25%以上表决权的自然人 entitled to 25 % or more of the votes",
    Rule.CONTROL: "单独对公司进行实际控制的自然人 controls it alone",
    Rule.JOINT_CONTROL: "联合对公司进行实际控制的自然人 controls it together with others",
    Rule.DAILY_MANAGEMENT: (
        "无人符合前列标准：负责日常经营管理的人员 nobody meets the other rules: daily management"
    ),
    Rule.STATE_OWNED: (
        "国有独资、国有控股：法定代表人 state-owned or state-controlled: the legal representative"
    ),
}
_NOBODY = "未找到 no person is known by whom a rule could be met"
_BASES = {
    Rule.EQUITY: Basis.EQUITY,
    Rule.INCOME: Basis.INCOME,
    Rule.VOTES: Basis.VOTES,
}
_COMPUTED = (Rule.CONTROL, Rule.JOINT_CONTROL)


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The beneficial owners of a firm, None when there is no such subject to see.

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED, GRAPH_UNAVAILABLE.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    closure = await question.owners(offices_of=[0])
    with within_budget():
        by_basis, rights = await asyncio.to_thread(_rights, closure)
    found = beneficial_owners(rights)
    capital, commitment = await _on_record(question, closure.ids[0])
    exemption = exempted(
        rights,
        by_basis[Basis.EQUITY].of.get(0, ()),
        small=None if capital is None else capital <= CAPITAL_LIMIT,
        committed=commitment is not None,
    )
    shown = Shown(question, closure)
    shown.key(0)
    ways = question.wants("owners", "paths")
    owners = [_owner(shown, by_basis, one, ways=ways) for one in found.owners]
    value = {
        **question.frame(closure),
        "rule": None if found.rule is None else str(found.rule),
        "ruleText": _TEXT[found.rule] if found.rule else _NOBODY,
        "source": SOURCE,
        "undetermined": found.undetermined,
        "exemption": {
            "small": exemption.small,
            "personsAlone": exemption.persons_alone,
            "noOther": exemption.no_other,
            "committed": exemption.committed,
            "applies": exemption.applies,
        },
        "owners": owners,
    }
    value["findings"] = shown.findings(by_basis[Basis.EQUITY], {})
    records = [commitment.bytes] if commitment and question.wants("exemption") else []
    return await shown.told(value, len(owners), records=records)


def _rights(closure: Closure) -> tuple[dict[Basis, Holdings], Rights]:
    votes, companies = closure.votes(), closure.companies()
    by_basis = {basis: together(closure.statements, companies, basis) for basis in _BASES.values()}
    partnership = bool(closure.traits[0] & PARTNERSHIP)
    rights = Rights(
        equity=None if partnership else integrated(by_basis[Basis.EQUITY], 0),
        income=integrated(by_basis[Basis.INCOME], 0),
        votes=integrated(by_basis[Basis.VOTES], 0),
        control=controllers_in(closure, votes),
        persons=closure.persons,
        state=closure.state,
        officers=[
            Officer(one.person, one.position, one.kind is EdgeKind.LEGAL_REP_OF)
            for one in closure.offices
            if one.firm == 0
        ],
    )
    return by_basis, rights


def _owner(
    shown: Shown, by_basis: dict[Basis, Holdings], one: BeneficialOwner, *, ways: bool
) -> dict[str, Any]:
    basis = _BASES.get(one.rule)
    found: tuple[Path, ...] = ()
    if ways and basis is not None:
        found, _ = paths(by_basis[basis], 0, one.node, _WAYS)
    share = None
    if one.low is not None and one.high is not None:
        share = share_range(one.low, one.high)
    return {
        **shown.party(one.node),
        "rule": str(one.rule),
        "label": SUSPECTED if one.rule in _COMPUTED else "",
        "share": share,
        "certain": one.certain,
        "borderline": one.borderline,
        "position": one.position or None,
        "togetherWith": [shown.key(node) for node in sorted(one.together)],
        "paths": [
            {
                "share": share_range(way.share, way.share),
                "steps": [shown.step(step) for step in way.steps],
            }
            for way in found
        ],
    }


async def _on_record(question: Question, firm: UUID) -> tuple[Fraction | None, UUID | None]:
    """The registered capital in 万元 of 人民币; the commitment of art. 3 that is on record."""
    check = question.statement.anew(question.call.context.scope)
    id_ = check.bind(lambda _: firm, "uuid")
    word = check.bind(lambda _: f"%{_COMMITMENT}%", "text")
    sql, binds = check.finished(
        "SELECT o.registered_capital, o.currency, (SELECT r.record_id FROM record r"
        f" WHERE r.subject_id = {id_} AND r.kind = 'commitment'"
        f" AND r.fields::text LIKE {word} AND {record_visible(check, 'r', ('commitment',))}"
        " ORDER BY r.record_id LIMIT 1)"
        f" FROM organisation o WHERE o.subject_id = {id_} AND {organisation_visible(check, 'o')}"
    )
    rows = await fetch(question.call.context.pool, sql, [b(question.call) for b in binds])
    if not rows:
        return None, None
    capital, currency, commitment = rows[0]
    known = capital is not None and (currency or "CNY") == "CNY"
    return (Fraction(capital) if known else None), commitment
