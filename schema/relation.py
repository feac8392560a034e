"""Relations 关系: each edge has its period, origin and evidence (records.md §1.3)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from schema.binding import Amount, Column, Form, Source, bound, described, stored
from schema.connection import PageInfo
from schema.money import Money
from schema.node import Node
from schema.reference import SourceUnit
from schema.relation_kind import RelationKind
from schema.scalars import Share

if TYPE_CHECKING:
    from schema.party import Party

LazyParty = Annotated["Party", strawberry.lazy("schema.party")]


@strawberry.interface(description="关系 a dated statement that ties two parties.")
class Relation:
    cursor: str = described("游标 opaque; ask for what comes after it with `after`.")
    relation_id: str = stored("relation_id", "关系标识 the evidence of this edge.")
    kind: RelationKind = stored("kind", "关系类型.")
    origin_region: str = stored("origin_region", "来源地区 city whose statement this is.")
    valid_from: dt.date | None = stored("valid_from", "起始日期 null when not stated.")
    valid_to: dt.date | None = stored("valid_to", "终止日期 not in force on and after this day.")
    source_unit: SourceUnit = bound(Source("source_unit_name", "source_unit_uscc"), "数据来源单位.")


@strawberry.type(description="出资 a holding: `holder` holds a share of `company`.")
class HoldingEdge(Relation):
    node: LazyParty | None = described("另一端 the party at the other end.")
    holder: LazyParty | None = described("股东 who holds.")
    company: LazyParty | None = described("被投资企业 what is held.")
    share_min: Share | None = stored(
        "share_min", "出资比例下限 fraction 0–1; equal to shareMax when known.", Form.DECIMAL
    )
    share_max: Share | None = described(
        "出资比例上限 fraction 0–1; of an unknown share what the other known shares leave."
    )
    share_stated: Share | None = stored(
        "share_stated",
        "出资比例(申报) fraction as stated, beside what the amounts give.",
        Form.DECIMAL,
    )
    share_class: str | None = stored("share_class", "股份类别.")
    subscribed: Money | None = bound(
        Amount(Column("subscribed"), "TEN_THOUSAND_YUAN", "currency"), "认缴出资额."
    )
    paid: Money | None = bound(
        Amount(Column("paid"), "TEN_THOUSAND_YUAN", "currency"), "实缴出资额."
    )
    contribution_form: str | None = stored("contribution_form", "出资方式.")
    subscribed_on: dt.date | None = stored("subscribed_on", "认缴日期.")
    paid_on: dt.date | None = stored("paid_on", "实缴日期.")


@strawberry.type(description="任职 a person who represents or manages an organisation.")
class PositionEdge(Relation):
    node: LazyParty | None = described("另一端 the party at the other end.")
    person: LazyParty | None = described("任职人员.")
    organisation: LazyParty | None = described("任职单位.")
    position: str | None = stored("position", "职务.")


@strawberry.type(description="分支机构 a branch and its head office.")
class BranchEdge(Relation):
    node: LazyParty | None = described("另一端 the party at the other end.")
    branch: LazyParty | None = described("分支机构.")
    head_office: LazyParty | None = described("总机构.")


@strawberry.type(description="担保 a guarantee; the amount may be unknown.")
class GuaranteeEdge(Relation):
    node: LazyParty | None = described("另一端 the party at the other end.")
    guarantor: LazyParty | None = described("担保人.")
    debtor: LazyParty | None = described("被担保人.")
    amount: Money | None = bound(
        Amount(Column("amount"), "YUAN", "currency"), "担保金额 null when unknown."
    )
    guarantee_kind: str | None = stored("guarantee_kind", "担保方式 保证, 抵押 or 质押.")
    creditor_name: str | None = stored("creditor_name", "债权人.")
    creditor_code: str | None = stored("creditor_code", "债权人代码.")
    loan_no: str | None = stored("loan_no", "借款编号.")
    reference_no: str | None = stored("reference_no", "担保编号.")


@strawberry.type(description="借款 a loan; a loan may have several borrowers and guarantors.")
class Loan(Node):
    loan_no: str = stored("loan_no", "借款编号.")
    lender_name: str | None = stored("lender_name", "贷款机构.")
    lender_code: str | None = stored("lender_code", "贷款机构代码.")
    amount: Money | None = bound(Amount(Column("amount"), "YUAN", "currency"), "借款金额.")
    balance: Money | None = bound(Amount(Column("balance"), "YUAN", "currency"), "余额.")
    issued_on: dt.date | None = stored("issued_on", "放款日期.")
    due_on: dt.date | None = stored("due_on", "到期日期.")
    origin_region: str = stored("origin_region", "来源地区.")


@strawberry.type(description="借款关系 a borrower and a loan.")
class LoanEdge(Relation):
    node: Loan | None = described("借款.")
    borrower: LazyParty | None = described("借款人.")
    loan: Loan | None = described("借款.")


@strawberry.type(description="出资 one page of holdings.")
class HoldingConnection:
    total_count: int = described("总数 holdings in force that the caller may see.")
    page_info: PageInfo = described("分页信息.")
    edges: list[HoldingEdge] = described("各出资关系 largest share first.")
    nodes: list[LazyParty | None] = described("另一端的主体 in the order of edges.")


@strawberry.type(description="任职 one page of positions.")
class PositionConnection:
    total_count: int = described("总数 positions in force that the caller may see.")
    page_info: PageInfo = described("分页信息.")
    edges: list[PositionEdge] = described("各任职关系.")
    nodes: list[LazyParty | None] = described("另一端的主体 in the order of edges.")


@strawberry.type(description="分支机构 one page of branches.")
class BranchConnection:
    total_count: int = described("总数 branches in force that the caller may see.")
    page_info: PageInfo = described("分页信息.")
    edges: list[BranchEdge] = described("各分支机构关系.")
    nodes: list[LazyParty | None] = described("分支机构 in the order of edges.")


@strawberry.type(description="担保 one page of guarantees.")
class GuaranteeConnection:
    total_count: int = described("总数 guarantees in force that the caller may see.")
    page_info: PageInfo = described("分页信息.")
    edges: list[GuaranteeEdge] = described("各担保关系.")
    nodes: list[LazyParty | None] = described("另一端的主体 in the order of edges.")


@strawberry.type(description="借款 one page of loans.")
class LoanConnection:
    total_count: int = described("总数 loans that the caller may see.")
    page_info: PageInfo = described("分页信息.")
    edges: list[LoanEdge] = described("各借款关系.")
    nodes: list[Loan | None] = described("借款 in the order of edges.")
