"""The company group 企业族群 of a subject: as it was last found, shown as the caller may see it."""

from __future__ import annotations

from typing import Any

from resolvers.answer import NOTHING, Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.graph_answer import Parties
from resolvers.graph_question import FULL_HOPS, asked, without
from resolvers.projection import shanghai
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement

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
 WHERE group_id = $1 ORDER BY seq DESC LIMIT $2
"""


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The group of a subject, None when it is in none or there is no such subject to see.

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
    log = await fetch(pool, _LOG, [group["group_id"], _CHANGES])
    ids = [row[0] for row in members]
    named = [row[name] for row in log for name in ("subject_id", "other_id") if row[name]]
    parties = Parties.prepare(question.statement, question.selected)
    seen = await parties.read(list(dict.fromkeys([*ids, *named])), call)
    visible = [id_ for id_ in ids if id_ in seen]
    if question.start not in visible:
        return None, NOTHING
    shown = dict.fromkeys([*visible[:first], *(id_ for id_ in named if id_ in seen)])
    keys = {id_: f"n{place}" for place, id_ in enumerate(shown)}
    value = {
        "id": str(group["group_id"]),
        "rule": RULE,
        "snapshot": group["snapshot"],
        "foundAt": shanghai(group["found_at"]),
        "since": shanghai(group["since"]),
        "head": keys.get(group["head_id"]),
        "totalCount": len(visible),
        "members": [keys[id_] for id_ in visible[:first]],
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
        "nodes": [{"id": id_, "key": key} for id_, key in keys.items()],
    }
    return parties.shape(value), parties.disclosure(len(keys))
