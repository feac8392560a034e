"""Guarantees 担保: circles, chains and rings around a subject, and what it may have to pay."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from schema.binding import described
from schema.cost import at_most
from schema.graph_figure import AsOf, GraphNode, Subject
from schema.neighbourhood import Truncation


@strawberry.type(description="担保陈述 one city's statement of a guarantee, the evidence.")
class GuaranteeStatement:
    relation_id: str = described("关系标识 of the statement in the store.")
    origin_region: str = described("来源地区.")
    amount: Decimal | None = described("担保金额 null where nobody states it.")
    currency: str = described("币种.")
    loan_no: str | None = described("借款编号 of the loan it secures; null where it names none.")
    valid_from: dt.date | None = described("起始日.")
    valid_to: dt.date | None = described("终止日 not in force on and after this day.")


@strawberry.type(description="担保 who stands for whom.")
class GuaranteeStep:
    guarantor: str = described("保证人 key.")
    debtor: str = described("被担保人 key.")
    statements: list[GuaranteeStatement] = described("陈述 by city.", size=at_most(1))


@strawberry.type(description="合计 what debts of one currency come to; nothing is converted.")
class DebtTotal:
    currency: str = described("币种.")
    debts: int = described("笔数 distinct loans and guarantees that name none.")
    amount: Decimal = described("金额 of those whose amount is known.")
    balance: Decimal = described("余额 of those whose balance is known.")
    unknown: int = described("金额未知 debts without a known amount.")


@strawberry.type(description="担保环 subjects who stand for each other in a ring.")
class GuaranteeRing:
    members: list[str] = described("成员 keys.", size=at_most(10))
    totals: list[DebtTotal] = described(
        "担保合计 of the guarantees within the ring.", size=at_most(2)
    )
    steps: list[GuaranteeStep] = described("担保 within the ring.", size=at_most(2))


@strawberry.type(description="担保圈 all who are tied to a subject by guarantees.")
class GuaranteeCircle:
    as_of: dt.date = described("时点.")
    position: str = described("图位置 how far the snapshot has followed the store; opaque.")
    snapshot: str = described("快照 the state that was read.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    total_count: int = described("成员数 with the subject.")
    totals: list[DebtTotal] = described("担保合计 each loan once.", size=at_most(2))
    rings: list[GuaranteeRing] = described("担保环 largest first, at most 20.", size=at_most(2))
    ring_count: int = described("担保环数.")
    cycles: list[list[str]] = described(
        "循环担保 through the subject, shortest first, up to six.", size=at_most(5)
    )
    cycles_complete: bool = described("循环完整 false: there may be more cycles than shown.")
    chain_down_length: int = described("担保链长（下） guarantees of the longest way down.")
    chain_down: list[str] = described(
        "担保链（下） the longest of the shortest ways to whom it stands for, itself first; up to"
        " `first`.",
        size=at_most(10),
    )
    chain_up_length: int = described("担保链长（上） guarantees of the longest way up.")
    chain_up: list[str] = described(
        "担保链（上） the longest of the shortest ways to who stands for it, itself first; up to"
        " `first`.",
        size=at_most(10),
    )
    contagion: list[str] = described(
        "传染名单 who stands for it, directly or through others: hit first when it cannot pay.",
        size=at_most(20),
    )
    nodes: list[GraphNode] = described("节点 the subject as n0; members up to `first`.")
    steps: list[GuaranteeStep] = described("担保 among the nodes shown.", size=at_most(2))


@strawberry.type(description="担保债务 one debt that the guarantor may have to pay.")
class GuaranteedDebt:
    loan_no: str | None = described("借款编号 null for a guarantee that names no loan.")
    debtors: list[str] = described("债务人 keys.", size=at_most(2))
    amount: Decimal | None = described("金额 null where nobody states it.")
    balance: Decimal | None = described("余额.")
    currency: str = described("币种.")
    own: bool = described("自身债务 the guarantor itself is the debtor, at the end of a ring.")
    relation_ids: list[str] = described("证据 the guarantees that secure it.", size=at_most(2))


@strawberry.type(description="担保敞口 what a guarantor may have to pay, through others too.")
class GuaranteeExposure:
    as_of: dt.date = described("时点.")
    position: str = described("图位置 how far the snapshot has followed the store; opaque.")
    snapshot: str = described("快照 the state that was read.")
    truncated: list[Truncation] = described("截断 empty when nothing was cut off.", size=at_most(3))
    rule: str = described("规则 how the debts were counted.")
    guaranteed: list[str] = described("被担保人 keys of all it stands for, nearest first.")
    guaranteed_count: int = described("被担保人数.")
    loan_count: int = described("借款数 distinct loans.")
    totals: list[DebtTotal] = described("合计 by currency, each loan once.", size=at_most(2))
    debts: list[GuaranteedDebt] = described("债务 greatest first, up to `first`.")
    nodes: list[GraphNode] = described("节点 the guarantor as n0.")


First = Annotated[int, strawberry.argument(description="条数 1–1000.")]


def circle_arguments(
    subject: Subject,
    as_of: AsOf = strawberry.UNSET,
    first: First = 100,
    max_cycles: Annotated[int, strawberry.argument(description="循环数 at most, 1–20.")] = 10,
) -> Any: ...


def exposure_arguments(
    subject: Subject, as_of: AsOf = strawberry.UNSET, first: First = 100
) -> Any: ...
