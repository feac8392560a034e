"""社会保险费欠缴 (养老, 医疗, 失业, 工伤, 生育), social insurance arrears (records.md §8.2)."""

from __future__ import annotations

from schema.records.block import cleared, decided_by, owed, reported_by, subject
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

INSURANCE_KIND = CodeList(
    "InsuranceKind",
    "险种",
    (
        Code("PENSION", "养老", ("养老保险", "企业职工基本养老保险")),
        Code("MEDICAL", "医疗", ("医疗保险", "基本医疗保险")),
        Code("UNEMPLOYMENT", "失业", ("失业保险",)),
        Code("WORK_INJURY", "工伤", ("工伤保险",)),
        Code("MATERNITY", "生育", ("生育保险",)),
    ),
)

KIND = Kind(
    name="social_insurance_arrears",
    label="社保欠缴",
    type_name="SocialInsuranceArrears",
    plural="socialInsuranceArrears",
    description="Social insurance contributions owed after their term.",
    natural_key=("insurance_kind", "period"),
    includes_subject=True,
    negative=False,
    class_of_organisations=Visibility.GOVERNMENT,
    class_of_persons=Visibility.RESTRICTED,
    fields=(
        *subject(),
        Field(
            "insurance_kind",
            "险种",
            FieldType.CODE,
            required=True,
            codes=INSURANCE_KIND,
            hot=True,
        ),
        *owed(),
        Field("headcount", "欠缴人数", FieldType.INTEGER, visibility=Visibility.GOVERNMENT),
        Field(
            "assessed_on",
            "认定日期",
            FieldType.DATE,
            required=True,
            envelope="decision_date",
        ),
        *decided_by("agency", "经办机构"),
        cleared(),
        *reported_by(),
    ),
)
