"""守信激励名单 (红名单), list of trustworthy subjects (records.md §6.1)."""

from __future__ import annotations

from schema.records.block import decided_by, removal, reported_by, subject
from store.kind import Code, CodeList, Field, FieldType, Kind

RED_LIST = CodeList(
    "RedList",
    "守信激励名单种类",
    (
        Code("TAX_A", "纳税信用A级", ("纳税信用A级纳税人", "A级纳税人")),
        Code("CUSTOMS_AEO", "海关高级认证企业", ("AEO",)),
        Code("CONTRACTS", "守合同重信用", ("守合同重信用企业",)),
        Code("LABOUR_A", "劳动保障守法诚信A级"),
        Code("ENVIRONMENT_GREEN", "环保诚信企业", ("环保诚信(绿)", "环保诚信")),
        Code("MODEL", "诚信示范企业"),
        Code("VOLUNTEER", "青年志愿者", ("优秀青年志愿者",)),
        Code("OTHER", "其他"),
    ),
)

KIND = Kind(
    name="red_list",
    label="守信激励名单",
    type_name="RedListing",
    plural="redListings",
    description="An inclusion in a list of trustworthy subjects.",
    natural_key=("list_code", "year"),
    includes_subject=True,
    negative=False,
    fields=(
        *subject(),
        Field(
            "list_code",
            "名单种类",
            FieldType.CODE,
            aliases=("名单名称", "数据类别"),
            required=True,
            codes=RED_LIST,
            hot=True,
        ),
        Field("year", "评价年度", FieldType.INTEGER, required=True, hot=True, example="2025"),
        Field(
            "document_no",
            "认定文号",
            aliases=("认定文书号",),
            max_length=128,
            envelope="document_no",
        ),
        Field(
            "recognised_on",
            "认定时间",
            FieldType.DATE,
            aliases=("认定日期",),
            required=True,
            envelope="decision_date",
        ),
        *decided_by("recogniser", "认定单位"),
        Field("basis", "认定依据", aliases=("文件名",), max_length=2000),
        Field("valid_from", "有效期自", FieldType.DATE),
        Field(
            "valid_to",
            "有效期至",
            FieldType.DATE,
            aliases=("有效期限",),
            open_ended=True,
            hot=True,
        ),
        *removal(),
        *reported_by(),
    ),
)
