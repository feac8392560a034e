"""欠税, tax arrears that the tax authority announced (records.md §8.2)."""

from __future__ import annotations

from schema.records.block import cleared, decided_by, owed, reported_by, subject
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

TAX_TYPE = CodeList(
    "TaxType",
    "税种",
    (
        Code("VALUE_ADDED_TAX", "增值税"),
        Code("CORPORATE_INCOME_TAX", "企业所得税"),
        Code("INDIVIDUAL_INCOME_TAX", "个人所得税"),
        Code("CONSUMPTION_TAX", "消费税"),
        Code("URBAN_CONSTRUCTION_TAX", "城市维护建设税", ("城建税",)),
        Code("PROPERTY_TAX", "房产税"),
        Code("LAND_USE_TAX", "城镇土地使用税", ("土地使用税",)),
        Code("LAND_VALUE_TAX", "土地增值税"),
        Code("STAMP_DUTY", "印花税"),
        Code("RESOURCE_TAX", "资源税"),
        Code("DEED_TAX", "契税"),
        Code("OTHER", "其他"),
    ),
)

KIND = Kind(
    name="tax_arrears",
    label="欠税",
    type_name="TaxArrears",
    plural="taxArrears",
    description="Tax owed after its term, as the tax authority announced it.",
    natural_key=("tax_type", "period"),
    includes_subject=True,
    negative=False,
    class_of_organisations=Visibility.OPEN,
    class_of_persons=Visibility.GOVERNMENT,
    fields=(
        *subject(),
        Field(
            "tax_type",
            "税种",
            FieldType.CODE,
            required=True,
            codes=TAX_TYPE,
            hot=True,
        ),
        *owed(),
        Field(
            "announced_on",
            "公告日期",
            FieldType.DATE,
            aliases=("认定日期",),
            required=True,
            envelope="decision_date",
        ),
        Field(
            "announce_no",
            "公告文号",
            aliases=("欠税公告文号",),
            max_length=128,
            envelope="document_no",
        ),
        *decided_by("tax_authority", "主管税务机关", aliases=("税务机关",)),
        cleared(),
        *reported_by(),
    ),
)
