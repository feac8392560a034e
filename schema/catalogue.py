"""The catalogue 目录: which kinds of record this node serves, with their fields."""

from __future__ import annotations

import strawberry

from schema.binding import described
from schema.cost import at_most


@strawberry.type(description="代码值 one value of a code list.")
class CatalogueCode:
    value: str = described("值 as stored and as an enum value.")
    label: str = described("名称.")


@strawberry.type(description="条件必填 a field that another field's value requires or forbids.")
class FieldCondition:
    field: str = described("字段名 the other field.")
    values: list[str] = described("取值 one of these, as stored.")
    forbids: bool = described("须为空 the field must then be empty; else it is required.")


@strawberry.type(description="历史格式 an older form of a kind's files that is still taken.")
class FormerForm:
    name: str = described("版本 the year it was issued.")
    label: str = described("名称.")
    lacks: list[str] = described("缺项 required fields that this form does not have.")


@strawberry.type(description="字段 one field of a kind.")
class CatalogueField:
    name: str = described("字段名 as in the API and in JSON Lines files.")
    label: str = described("名称 also the header in files.")
    type: str = described("类型 TEXT, DATE, DECIMAL, INTEGER, BOOLEAN, CODE, CODES or SECRET.")
    national_ids: list[str] = described("国家字段标识.")
    required: bool = described("必填 for organisations.")
    required_of_persons: bool = described("必填 for natural persons.")
    max_length: int | None = described("最大长度 characters.")
    unit: str | None = described("单位 of the stored number.")
    visibility: str = described("公开类型 O, G, A, R or I.")
    mask: str | None = described("脱敏规则 how it is masked for those who may not see it whole.")
    screened: bool = described("个人信息筛查 open readers get it as the scanner let it pass.")
    hot: bool = described("可筛选 it can be filtered on.")
    description: str = described("说明 empty when the name says it all.")
    conditions: list[FieldCondition] = described(
        "条件必填 when it is required or forbidden.", size=at_most(1)
    )
    codes: list[CatalogueCode] = described("代码表 empty when the field has none.", size=at_most(2))


@strawberry.type(description="记录类型 a kind of record.")
class RecordKind:
    name: str = described("类型名 as in `Record.kind`.")
    label: str = described("名称.")
    type_name: str = described("GraphQL类型.")
    plural: str = described("GraphQL列表字段.")
    description: str = described("说明.")
    negative: bool = described("失信信息 it has publication periods by rule set.")
    natural_key: list[str] = described("自然键 fields that make the record's id.")
    includes_subject: bool = described("含主体 the party is part of the record's id.")
    class_of_organisations: str = described("组织记录的公开类型 O, G, A, R or I.")
    class_of_persons: str = described("自然人记录的公开类型 O, G, A, R or I.")
    class_field: str | None = described("定级字段 its value decides the class of a record.")
    severity: str | None = described("固定失信程度 null where the decision's own content decides.")
    until_removed: bool = described("至移出止 displayed until it is removed, not for a term.")
    report_within: int | None = described("报送时限 working days from decision to receipt.")
    run_time: bool = described("自定目录项 defined by the city: served as CatalogRecord.")
    forms: list[FormerForm] = described(
        "历史格式 older forms of its files, newest first.", size=at_most(2)
    )
    fields: list[CatalogueField] = described("字段.")
