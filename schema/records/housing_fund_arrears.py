"""公积金欠缴, housing fund arrears (records.md §8.2)."""

from __future__ import annotations

from schema.records.block import decided_by, reported_by, subject
from store.kind import Field, FieldType, Kind, Visibility

KIND = Kind(
    name="housing_fund_arrears",
    label="公积金欠缴",
    type_name="HousingFundArrears",
    plural="housingFundArrears",
    description="Housing fund contributions owed after their term.",
    natural_key=("period",),
    includes_subject=True,
    negative=False,
    class_of_organisations=Visibility.GOVERNMENT,
    class_of_persons=Visibility.RESTRICTED,
    fields=(
        *subject(),
        Field(
            "period",
            "欠缴所属期",
            aliases=("所属期", "费款所属期"),
            required=True,
            max_length=21,
            description="a month YYYY-MM, or the first and the last one joined with /",
            example="2026-02",
        ),
        Field(
            "owed_amount",
            "欠缴金额（元）",
            FieldType.DECIMAL,
            aliases=(
                "欠缴金额(元)",
                "欠缴金额",
                "欠费金额（元）",
                "欠税金额（元）",
                "欠费金额",
                "欠税余额",
            ),
            required=True,
            unit="元",
            hot=True,
        ),
        Field("headcount", "欠缴人数", FieldType.INTEGER, visibility=Visibility.GOVERNMENT),
        Field(
            "assessed_on",
            "认定日期",
            FieldType.DATE,
            required=True,
            envelope="decision_date",
        ),
        *decided_by("centre", "公积金中心", aliases=("公积金管理中心",)),
        Field(
            "cleared_on",
            "缴清日期",
            FieldType.DATE,
            aliases=("清缴日期",),
            hot=True,
            ends_display=True,
        ),
        *reported_by(),
    ),
)
