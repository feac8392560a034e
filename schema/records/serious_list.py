"""严重失信主体名单, list of seriously dishonest subjects (records.md §6.2)."""

from __future__ import annotations

from schema.records.block import decided_by, removal, reported_by, severity, subject
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

SERIOUS_LIST = CodeList(
    "SeriousList",
    "严重失信主体名单种类",
    (
        Code("TAX", "重大税收违法失信主体", ("重大税收违法",)),
        Code("WAGES", "拖欠农民工工资失信联合惩戒对象", ("拖欠农民工工资",)),
        Code("MARKET", "严重违法失信企业", ("严重违法失信名单", "市场监管严重违法失信")),
        Code("WORK_SAFETY", "安全生产严重失信", ("安全生产严重失信主体",)),
        Code("PROCUREMENT", "政府采购严重违法失信", ("政府采购严重违法失信行为",)),
        Code("STATISTICS", "统计严重失信", ("统计严重失信企业",)),
        Code("ENVIRONMENT", "环保领域严重失信", ("生态环境严重失信",)),
        Code("FOOD_AND_DRUGS", "食品药品严重违法", ("食品安全严重违法失信",)),
        Code("CUSTOMS", "海关失信企业"),
        Code("CONSTRUCTION", "建筑市场主体“黑名单”", ("建筑市场主体黑名单",)),
        Code("FINANCE", "涉金融严重失信", ("非法集资",)),
        Code("OVERLOADING", "超限超载", ("超限超载失信当事人",)),
        Code("RESEARCH", "科研严重失信"),
        Code("CULTURE_AND_TOURISM", "文化和旅游市场严重失信"),
        Code("SOCIAL_ORGANISATION", "社会组织严重违法失信"),
        Code("INTELLECTUAL_PROPERTY", "知识产权严重违法失信"),
        Code("SECURITIES", "保险/证券/期货市场禁入", ("证券期货市场禁入",)),
        Code("PRODUCT_QUALITY", "产品质量严重失信"),
        Code("OTHER", "其他"),
    ),
)

KIND = Kind(
    name="serious_list",
    label="严重失信主体名单",
    type_name="SeriousListing",
    plural="seriousListings",
    description="An inclusion in a list of seriously dishonest subjects.",
    natural_key=("list_code", "document_no"),
    includes_subject=True,
    negative=True,
    severity="SERIOUS",
    until_removed=True,
    fields=(
        *subject(),
        Field(
            "list_code",
            "名单种类",
            FieldType.CODE,
            aliases=("名单名称",),
            required=True,
            codes=SERIOUS_LIST,
            hot=True,
        ),
        Field(
            "document_no",
            "认定文书号",
            aliases=("列入决定书文号", "案号"),
            required=True,
            max_length=128,
            envelope="document_no",
        ),
        Field(
            "included_on",
            "列入日期",
            FieldType.DATE,
            aliases=("认定日期",),
            required=True,
            envelope="decision_date",
        ),
        *decided_by("recogniser", "认定单位", aliases=("列入决定机关",)),
        Field("legal_basis", "认定依据", required=True, max_length=2000),
        Field("facts", "失信事实", required=True, max_length=5000, screened=True),
        Field("include_reason", "列入原因", required=True, max_length=1000, screened=True),
        Field(
            "liable_persons",
            "责任人员",
            aliases=("法定代表人、主要负责人、实际控制人",),
            required=True,
            required_of_persons=False,
            max_length=500,
            visibility=Visibility.GOVERNMENT,
            description="names and roles, joined with ;",
        ),
        Field(
            "notice_delivered_on",
            "事先告知送达日期",
            FieldType.DATE,
            visibility=Visibility.GOVERNMENT,
        ),
        Field("measures", "惩戒措施", max_length=2000),
        severity("严重"),
        *removal(),
        Field("sign_off", "审批意见", max_length=500, visibility=Visibility.INTERNAL),
        *reported_by(),
    ),
)
