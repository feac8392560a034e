"""The catalogue 目录: which kinds of record this node serves, with their fields."""

from __future__ import annotations

import strawberry

from schema.binding import described


@strawberry.type(description="代码值 one value of a code list.")
class CatalogueCode:
    value: str = described("值 as stored and as an enum value.")
    label: str = described("名称.")


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
    hot: bool = described("可筛选 it can be filtered on.")
    codes: list[CatalogueCode] = described("代码表 empty when the field has none.")


@strawberry.type(description="记录类型 a kind of record.")
class RecordKind:
    name: str = described("类型名 as in `Record.kind`.")
    label: str = described("名称.")
    type_name: str = described("GraphQL类型.")
    plural: str = described("GraphQL列表字段.")
    description: str = described("说明.")
    negative: bool = described("失信信息 it has publication periods by rule set.")
    natural_key: list[str] = described("自然键 fields that make the record's id.")
    fields: list[CatalogueField] = described("字段.")
