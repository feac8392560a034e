"""水电气热欠费, utility arrears (records.md §8.2).

Those of natural persons need their consent: a node takes them only where a setting says so.
"""

from __future__ import annotations

from schema.records.block import cleared, decided_by, owed, reported_by, subject
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

UTILITY = CodeList(
    "Utility",
    "公用事业种类",
    (
        Code("WATER", "水", ("水费",)),
        Code("POWER", "电", ("电费",)),
        Code("GAS", "燃气", ("燃气费",)),
        Code("HEATING", "供热", ("供热费", "采暖费")),
    ),
)

KIND = Kind(
    name="utility_arrears",
    label="水电气热欠费",
    type_name="UtilityArrears",
    plural="utilityArrears",
    description="Water, power, gas or heating charges owed after their term.",
    natural_key=("utility", "account_no", "period"),
    includes_subject=True,
    negative=False,
    class_of_organisations=Visibility.GOVERNMENT,
    class_of_persons=Visibility.AUTHORISED,
    fields=(
        *subject(),
        Field(
            "utility",
            "公用事业种类",
            FieldType.CODE,
            aliases=("费用种类",),
            required=True,
            codes=UTILITY,
            hot=True,
        ),
        Field(
            "account_no",
            "用户编号",
            aliases=("户号",),
            required=True,
            max_length=64,
            visibility=Visibility.GOVERNMENT,
            mask="account",
            example="210500-00012345",
        ),
        Field("meter_address", "用户地址", max_length=512, visibility=Visibility.RESTRICTED),
        *owed(),
        Field("overdue_days", "逾期天数", FieldType.INTEGER, visibility=Visibility.GOVERNMENT),
        Field(
            "notice_on",
            "催缴日期",
            FieldType.DATE,
            aliases=("通知日期",),
            required=True,
            envelope="decision_date",
        ),
        *decided_by("supplier", "供应单位", aliases=("供应企业",)),
        cleared(),
        *reported_by(),
    ),
)
