"""The company group 企业族群 of a subject: as it was last found, shown as the caller may see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from graph.component import components
from resolvers.answer import NOTHING, Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties
from resolvers.graph_question import FULL_HOPS, Question, asked, without
from resolvers.projection import shanghai
from resolvers.reading import fetch
from resolvers.relation import in_force
from resolvers.statement import Selected, Statement
from resolvers.visibility import relation_visible

MOST = 20_000  # members that are looked at
RULE = (
    "疑似：直接持股超过50%或分支机构逐级归于同一核心 suspected: direct holdings of more than"
    " one half and branches, level by level up to one head"
)
_CHANGES = 100
_GROUP = """
SELECT g.group_id, g.head_id, g.since, s.snapshot, s.found_at
  FROM company_group_member m JOIN company_group g USING (group_id)
  CROSS JOIN company_group_state s
 WHERE m.subject_id = $1 AND g.ended_at IS NULL
"""
_MEMBERS = """
SELECT subject_id FROM company_group_member WHERE group_id = $1
 ORDER BY subject_id <> $2, subject_id LIMIT $3
"""
_LOG = """
SELECT change, subject_id, other_id, at FROM company_group_change
 WHERE group_id = $1 AND ($3::uuid[] IS NULL OR subject_id = ANY($3))
   AND (other_id IS NULL OR $3 IS NULL OR other_id = ANY($3))
 ORDER BY seq DESC LIMIT $2
"""


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The group of a subject, None when it is in none or there is no such subject to see.

    Whom only what the caller may not see ties to the subject is in no group with it (X29).

    Raises QuestionError FORBIDDEN, BUDGET_LIMIT, CASE_REQUIRED.
    """
    question = await asked(statement, selected, call)
    if isinstance(question, str):
        return without(question)
    if question.statement.scope.row.hops < FULL_HOPS:
        raise QuestionError("FORBIDDEN", "the role does not search the whole graph")
    first, pool = question.first(), call.context.pool
    found = await fetch(pool, _GROUP, [question.start])
    if not found:
        return None, NOTHING
    group = found[0]
    members = await fetch(pool, _MEMBERS, [group["group_id"], group["head_id"], MOST])
    ids = [row[0] for row in members]
    together = await _together(question, ids)
    if len(together) < 2:
        return None, NOTHING
    whole = len(together) == len(ids)
    id_, head, since = group["group_id"], group["head_id"], group["since"]
    if head not in together:  # a group of its own for who may not see what is above
        head = together[0]
        id_, since = uuid5(id_, str(head)), group["found_at"]
    log = await fetch(pool, _LOG, [group["group_id"], _CHANGES, None if whole else together])
    named = [row[name] for row in log for name in ("subject_id", "other_id") if row[name]]
    parties = Parties.prepare(question.statement, question.selected)
    seen = await parties.read(list(dict.fromkeys([*together, *named])), call)
    visible = [one for one in together if one in seen]
    if question.start not in visible:
        return None, NOTHING
    shown = dict.fromkeys([*visible[:first], *(one for one in named if one in seen)])
    keys = {one: f"n{place}" for place, one in enumerate(shown)}
    value = {
        "id": str(id_),
        "rule": RULE,
        "snapshot": group["snapshot"],
        "foundAt": shanghai(group["found_at"]),
        "since": shanghai(since),
        "head": keys.get(head),
        "totalCount": len(visible),
        "members": [keys[one] for one in visible[:first]],
        "changes": [
            {
                "change": row["change"],
                "subject": keys.get(row["subject_id"]),
                "formerHead": keys.get(row["other_id"]),
                "at": shanghai(row["at"]),
            }
            for row in log
            # A change about somebody who may not be seen did not happen for this caller.
            if row["subject_id"] is None or row["subject_id"] in keys
        ],
        "nodes": [{"id": one, "key": key} for one, key in keys.items()],
    }
    return parties.shape(value), parties.disclosure(len(keys))


async def _together(question: Question, members: Sequence[UUID]) -> list[UUID]:
    """Those of a group, who is above first, whom ties that the store shows lead to the subject."""
    above = await _above(question, members)
    beside: dict[UUID, set[UUID]] = defaultdict(set)
    for under, holders in above.items():
        for holder in holders:
            beside[under].add(holder)
            beside[holder].add(under)
    reached, frontier = {question.start}, [question.start]
    for one in frontier:
        new = beside[one] - reached
        reached |= new
        frontier += new
    number = {one: place for place, one in enumerate(members)}
    places = [number[one] for one in members if one in reached]
    [top, *_] = components(places, lambda at: [number[one] for one in above[members[at]]])
    head = 0 if 0 in places else min(top, key=lambda at: members[at])
    return [members[at] for at in (head, *(at for at in places if at != head))]


async def _above(question: Question, members: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Who holds more than one half of each member, or is its head office, among the members."""
    check = question.statement.anew(question.call.context.scope)
    ids = check.bind(lambda _: list(members), "uuid[]")
    day = check.bind(lambda _: question.day, "date")
    visible = relation_visible(check, "e", ("HOLDS", "BRANCH_OF"), walked=True)
    sql, binds = check.finished(
        "SELECT e.kind, e.subject_id, e.other_id, e.origin_region, e.share_min FROM relation e"
        f" WHERE e.subject_id = ANY({ids}) AND e.other_id = ANY({ids}) AND e.direction = 'IN'"
        f" AND e.class = 'O' AND {visible} AND {in_force('e', day)}"
    )
    found: dict[UUID, set[UUID]] = defaultdict(set)
    held: dict[tuple[UUID, UUID, str], Decimal] = defaultdict(Decimal)
    for row in await fetch(question.call.context.pool, sql, [b(question.call) for b in binds]):
        if row["kind"] == "BRANCH_OF":
            found[row["other_id"]].add(row["subject_id"])
        else:
            stake = row["subject_id"], row["other_id"], row["origin_region"]
            held[stake] += row["share_min"] or 0
    for (company, holder, _), share in held.items():
        if share > Decimal("0.5"):
            found[company].add(holder)
    return found
