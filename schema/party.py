"""Parties 主体: organisations and natural persons (records.md §1)."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.binding import Amount, Column, Source, bound, described, stored
from schema.connection import Connection, compiled, records, relations
from schema.cost import at_most
from schema.direction import Direction
from schema.money import Money
from schema.node import Node
from schema.purpose import Purpose
from schema.recognition import RecognisedGrade
from schema.record import Record, SubjectCategory
from schema.reference import Region, SourceUnit
from schema.relation import (
    BranchConnection,
    GuaranteeConnection,
    HoldingConnection,
    LoanConnection,
    PositionConnection,
)
from schema.scalars import Uscc


@strawberry.type(description="代码 one open code of an organisation.")
class Code:
    scheme: str = stored(
        "scheme", "代码种类 uscc, org_code, reg_no, tax_no, lei, finbench-company, …"
    )
    value: str = stored("value", "代码 in normal form.")


@strawberry.type(description="曾用名 a name the organisation had.")
class FormerName:
    name: str = stored("name", "名称.")
    valid_from: dt.date | None = stored("valid_from", "启用日期.")
    valid_to: dt.date | None = stored("valid_to", "停用日期.")


def _recognised_grade(
    purpose: Annotated[
        Purpose | None,
        strawberry.argument(description="用途 the default is the purpose of the question."),
    ] = strawberry.UNSET,
    scheme: Annotated[
        str | None,
        strawberry.argument(
            description="评价方案 see `schemes`; the other city's first, if none is named."
        ),
    ] = strawberry.UNSET,
) -> Any: ...


@strawberry.interface(description="主体 an organisation or a natural person.")
class Party(Node):
    name: str = described("名称 an organisation's name; a person's name as the caller may see it.")
    category: SubjectCategory = described("主体类别.")
    holdings: HoldingConnection = relations("对外投资 what this party holds.")
    guarantees_given: GuaranteeConnection = relations("对外担保 guarantees this party gave.")
    guarantees_received: GuaranteeConnection = relations("获得担保 guarantees for its debts.")
    loans: LoanConnection = relations("借款 what this party borrowed.")
    records: Connection[Record] = records("信用记录 of every kind, newest decision first.")


@strawberry.type(description="法人、非法人组织或个体工商户 an organisation.")
class Organisation(Party):
    name_en: str | None = stored("name_en", "英文名称.")
    uscc: Uscc | None = stored("uscc", "统一社会信用代码 null for legacy bodies only.")
    org_code: str | None = stored("org_code", "组织机构代码.")
    codes: list[Code] = described(
        "全部代码 every open code, old and new, foreign ones too.", size=at_most(5)
    )
    former_names: list[FormerName] = described("曾用名.", size=at_most(3))
    entity_type: str | None = stored("entity_type", "主体类型 as registered.")
    reg_status: str | None = stored("reg_status", "登记状态 as registered.")
    established_on: dt.date | None = stored("established_on", "成立日期.")
    approved_on: dt.date | None = stored("approved_on", "核准日期.")
    deregistered_on: dt.date | None = stored("deregistered_on", "注销日期.")
    revoked_on: dt.date | None = stored("revoked_on", "吊销日期.")
    operating_from: dt.date | None = stored("operating_from", "营业期限自.")
    operating_to: dt.date | None = stored("operating_to", "营业期限至 null means 长期.")
    registered_capital: Money | None = bound(
        Amount(Column("registered_capital"), "TEN_THOUSAND_YUAN", "currency"), "注册资本."
    )
    paid_in_capital: Money | None = bound(
        Amount(Column("paid_in_capital"), "TEN_THOUSAND_YUAN", "currency"), "实缴资本."
    )
    address: str | None = described(
        "住所 null for an individual business where the caller may not see a home address."
    )
    region: Region | None = described("所在区划 current jurisdiction, never read out of the code.")
    industry: str | None = stored("industry", "行业 GB/T 4754-2017 code.")
    business_scope: str | None = stored("business_scope", "经营范围.", longest=4_000)
    reg_authority: str | None = stored("reg_authority", "登记机关.")
    legal_rep_name: str | None = stored(
        "legal_rep_name", "法定代表人 text of the firm's own open registration."
    )
    origin_region: str = stored("origin_region", "来源地区 city whose registry made the statement.")
    source_unit: SourceUnit = bound(Source("source_unit_name", "source_unit_uscc"), "数据来源单位.")
    registered: bool = stored(
        "registered", "有登记信息 false: known only by what records and relations say of it."
    )
    recognised_grade: RecognisedGrade = compiled(
        _recognised_grade, "互认结果 what the subject's evaluation counts as for a purpose."
    )
    holders: HoldingConnection = relations("股东 who holds this organisation.")
    legal_representatives: PositionConnection = relations("法定代表人(负责人).")
    officers: PositionConnection = relations("主要人员 directors, supervisors, managers.")
    branches: BranchConnection = relations("分支机构.")
    head_office: Organisation | None = described("总机构 of a branch.")


@strawberry.type(
    description=(
        "自然人 a natural person. `id` is a token of the caller's own scope: partner cities,"
        " analysts and the public see different ones, and the public's changes with every answer."
    )
)
class Person(Party):
    positions: PositionConnection = relations("任职 what this person represents or manages.")
    id_type: str | None = described("证件类型 for those to whom the person is clear.")
    id_number: str | None = described(
        "证件号码 in full for the person and after a supervisor's approval, masked as a help to"
        " recognise whom the case or the authorisation names, null for everybody else."
    )
    birth_year: int | None = described("出生年份 for those to whom the person is clear.")
    gender: str | None = described("性别 for those to whom the person is clear.")


@strawberry.enum(description="组织排序 what organisations are ordered by.")
class OrganisationOrderField(Enum):
    NAME = strawberry.enum_value("NAME", description="名称, by code point")
    ESTABLISHED_ON = strawberry.enum_value("ESTABLISHED_ON", description="成立日期")
    USCC = strawberry.enum_value("USCC", description="统一社会信用代码")


@strawberry.input(description="组织排序; ties are broken by id.")
class OrganisationOrder:
    field: OrganisationOrderField = strawberry.field(description="排序项.")
    direction: Direction = strawberry.field(
        default=Direction.ASC, description="顺序; nulls are the greatest."
    )


@strawberry.input(description="组织筛选 all given conditions hold.")
class OrganisationFilter:
    name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="名称包含 two or more characters of the name or of a former name.",
    )
    uscc: list[Uscc] | None = strawberry.field(
        default=strawberry.UNSET, description="统一社会信用代码 is one of these."
    )
    region: str | None = strawberry.field(
        default=strawberry.UNSET, description="所在区划 region id; regions inside it count."
    )
    entity_type: str | None = strawberry.field(default=strawberry.UNSET, description="主体类型.")
    reg_status: str | None = strawberry.field(default=strawberry.UNSET, description="登记状态.")
    industry: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="行业 section letter, or a code that the industry begins with.",
    )
    established_from: dt.date | None = strawberry.field(
        default=strawberry.UNSET, description="成立日期自 inclusive."
    )
    established_to: dt.date | None = strawberry.field(
        default=strawberry.UNSET, description="成立日期至 inclusive."
    )
    category: SubjectCategory | None = strawberry.field(
        default=strawberry.UNSET, description="主体类别."
    )


@strawberry.input(
    description="自然人筛选 all given conditions hold; at least `name` or `firm` must be given."
)
class PersonFilter:
    name: str | None = strawberry.field(default=strawberry.UNSET, description="姓名 in full.")
    surname: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="姓 as the mask shows it: never more than what is shown.",
    )
    firm: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="企业 code of a firm in which the person holds or has a position today.",
    )
