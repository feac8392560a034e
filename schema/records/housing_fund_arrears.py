"""公积金欠缴, housing fund arrears (records.md §8.2)."""

from __future__ import annotations

from schema.records.block import cleared, decided_by, owed, reported_by, subject
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
        *owed(),
        Field("headcount", "欠缴人数", FieldType.INTEGER, visibility=Visibility.GOVERNMENT),
        Field(
            "assessed_on",
            "认定日期",
            FieldType.DATE,
            required=True,
            envelope="decision_date",
        ),
        *decided_by("centre", "公积金中心", aliases=("公积金管理中心",)),
        cleared(),
        *reported_by(),
    ),
)
