"""Relations in the executor lane: each end's own, in force on a day, and what they lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from resolvers.executor.connection import Edges, connection
from resolvers.executor.manifest import Mentions
from resolvers.executor.paging import Key, Order
from resolvers.executor.party import loan, organisation, party
from resolvers.executor.place import Asked, Question
from resolvers.executor.rows import Fields
from resolvers.executor.sight import in_force
from schema.scalars import canonical

_BY_SHARE = (
    Key("share_max", "numeric", descending=True, nullable=True),
    Key("relation_id", "uuid"),
)
_BY_ID = (Key("kind", "text"), Key("relation_id", "uuid"))


async def _tied(
    question: Question, subject: UUID, kinds: tuple[str, ...], direction: str, day: Any
) -> list[Fields]:
    """The relations of a subject that are in force on the day and that the caller sees."""
    return [
        row
        for row in await question.rows.relations(subject)
        if row["kind"] in kinds
        and row["direction"] == direction
        and in_force(row, day)
        and await question.sight.relation(row)
    ]


def _connection(kinds: tuple[str, ...], direction: str, edge_type: str) -> Any:
    order = Order(f"{edge_type}{direction}", _BY_SHARE if kinds == ("HOLDS",) else _BY_ID)

    def resolve(asked: Asked) -> Any:
        question = asked.question
        day = asked.arguments.get("asOf") or question.today

        async def read() -> Sequence[Fields]:
            subject = asked.item.row["subject_id"]
            if asked.item.type == "Person" and not question.sight.followed(subject):
                return []
            found = await _tied(question, subject, kinds, direction, day)
            if question.sight.persons_appear:
                return found
            return [row for row in found if await question.rows.person(row["other_id"]) is None]

        async def more(row: Fields) -> Mapping[str, Any]:
            ends = (row["subject_id"], row["other_id"])
            source, target = ends if direction == "OUT" else ends[::-1]
            return {"day": day, "other": row["other_id"], "source": source, "target": target}

        def node(mentions: Mentions, row: Fields) -> Any:
            behind = loan if edge_type == "LoanEdge" else party
            return behind(question, mentions.within(), row["other_id"])

        return connection(asked, order, Edges(edge_type, node, more=more), read())

    return resolve


async def _share_max(asked: Asked) -> str | None:
    """The share; of an unknown one what the same city's other statements in force leave of the
    company (records.md §1.3, ratioMax)."""
    row, more = asked.item.row, asked.item.more
    least, most = row["share_min"], row["share_max"]
    if most is None:
        return None
    if least is not None and least < most:
        stated = Decimal(0)
        company = more["target"]
        for other in await _tied(asked.question, company, ("HOLDS",), "IN", more["day"]):
            same = other["origin_region"] == row["origin_region"]
            if same and other["relation_id"] != row["relation_id"]:
                stated += other["share_min"] or 0
        most = min(most, max(least, 1 - stated))
    return canonical(most)


def _end(which: str, behind: Callable[..., Any], **ends: bool) -> Any:
    def resolve(asked: Asked) -> Any:
        place = asked.item.mentions.within()
        return behind(asked.question, place, asked.item.more[which], **ends)

    return resolve


def _head_office(asked: Asked) -> Any:
    return _head(asked, asked.item.mentions.within())


async def _head(asked: Asked, place: Mentions) -> Any:
    """The head office of a branch: of several statements the one that began last."""
    question = asked.question
    found = await _tied(
        question, asked.item.row["subject_id"], ("BRANCH_OF",), "OUT", question.today
    )
    if not found:
        return None

    def later(row: Fields) -> tuple[bool, int, UUID]:
        day = row["valid_from"]
        return day is None, 0 if day is None else -day.toordinal(), row["relation_id"]

    return await organisation(question, place, min(found, key=later)["other_id"])


RESOLVERS: Mapping[str, Any] = {
    "Party.holdings": _connection(("HOLDS",), "OUT", "HoldingEdge"),
    "Party.guaranteesGiven": _connection(("GUARANTEES",), "OUT", "GuaranteeEdge"),
    "Party.guaranteesReceived": _connection(("GUARANTEES",), "IN", "GuaranteeEdge"),
    "Party.loans": _connection(("BORROWS",), "OUT", "LoanEdge"),
    "Organisation.holders": _connection(("HOLDS",), "IN", "HoldingEdge"),
    "Organisation.legalRepresentatives": _connection(("LEGAL_REP_OF",), "IN", "PositionEdge"),
    "Organisation.officers": _connection(("OFFICER_OF",), "IN", "PositionEdge"),
    "Organisation.branches": _connection(("BRANCH_OF",), "IN", "BranchEdge"),
    "Organisation.headOffice": _head_office,
    "Person.positions": _connection(("LEGAL_REP_OF", "OFFICER_OF"), "OUT", "PositionEdge"),
    "HoldingEdge.shareMax": _share_max,
    "HoldingEdge.node": _end("other", party),
    "HoldingEdge.holder": _end("source", party),
    "HoldingEdge.company": _end("target", party, persons=False),
    "PositionEdge.node": _end("other", party),
    "PositionEdge.person": _end("source", party),
    "PositionEdge.organisation": _end("target", party, persons=False),
    "BranchEdge.node": _end("other", party, persons=False),
    "BranchEdge.branch": _end("source", party, persons=False),
    "BranchEdge.headOffice": _end("target", party, persons=False),
    "GuaranteeEdge.node": _end("other", party),
    "GuaranteeEdge.guarantor": _end("source", party),
    "GuaranteeEdge.debtor": _end("target", party),
    "LoanEdge.node": _end("other", loan),
    "LoanEdge.loan": _end("target", loan),
    "LoanEdge.borrower": _end("source", party),
}
