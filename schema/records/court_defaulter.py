"""失信被执行人, dishonest persons subject to enforcement (records.md §7).

《最高人民法院关于公布失信被执行人名单信息的若干规定》 (2013) art. 4: a court publishes persons
too, four digits of the number hidden, which is why their records are open by law.
"""

from __future__ import annotations

from schema.records.block import removal, severity
from schema.records.double_publicity import DOCUMENT_TYPE
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

PARTY_KIND = CodeList(
    "SubjectCategory",
    "主体类别",
    (
        Code("LEGAL_ENTITY", "法人及非法人组织", ("法人", "1", "580", "581")),
        Code("INDIVIDUAL_BUSINESS", "个体工商户", ("个体", "3")),
        Code("NATURAL_PERSON", "自然人", ("0", "2")),
    ),
)

GENDER = CodeList(
    "Gender", "性别", (Code("MALE", "男性", ("男",)), Code("FEMALE", "女性", ("女",)))
)

PERFORMANCE = CodeList(
    "CourtPerformance",
    "被执行人的履行情况",
    (
        Code("NONE", "全部未履行"),
        Code("PART", "部分未履行", ("部分履行",)),
        Code("FULL", "全部已履行", ("全部履行",)),
    ),
)

BEHAVIOUR = CodeList(
    "CourtBehaviour",
    "失信被执行人行为具体情形",
    (
        Code(
            "OBSTRUCTION",
            "以伪造证据、暴力、威胁等方法妨碍、抗拒执行",
            ("伪造证据、暴力、威胁等方法妨碍、抗拒执行",),
        ),
        Code(
            "EVASION",
            "以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行",
            ("虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行",),
        ),
        Code("FALSE_REPORT_OF_PROPERTY", "违反财产报告制度"),
        Code("BREACH_OF_CONSUMPTION_LIMIT", "违反限制消费令", ("违反限制高消费令",)),
        Code(
            "BREACH_OF_SETTLEMENT",
            "无正当理由拒不履行执行和解协议",
            ("被执行人无正当理由拒不履行执行和解协议",),
        ),
        Code(
            "ABLE_BUT_UNWILLING",
            "有履行能力而拒不履行生效法律文书确定义务",
            ("其他有履行能力而拒不履行生效法律文书确定义务", "有履行能力而拒不履行"),
        ),
    ),
)

KIND = Kind(
    name="court_defaulter",
    label="失信被执行人",
    type_name="CourtDefault",
    plural="courtDefaults",
    description="A judgment debtor whom a court has put on the list of dishonest ones.",
    natural_key=("case_no",),
    includes_subject=True,
    negative=True,
    severity="SERIOUS",
    until_removed=True,
    open_by_law=True,
    class_of_persons=Visibility.OPEN,
    fields=(
        Field(
            "name",
            "被执行人姓名/名称",
            national_ids=("iname",),
            aliases=("被执行人姓名或者名称", "被执行人名称", "被执行人姓名", "主体名称"),
            required=True,
            max_length=200,
            envelope="reported_name",
            mask="person_name",
        ),
        Field(
            "party_kind",
            "类型",
            FieldType.CODE,
            national_ids=("partyTypeName",),
            aliases=("主体类别",),
            required=True,
            codes=PARTY_KIND,
            envelope="subject_category",
        ),
        Field("gender", "性别", FieldType.CODE, national_ids=("sexy",), codes=GENDER),
        Field("age", "年龄", FieldType.INTEGER, national_ids=("age",)),
        Field(
            "id_masked",
            "身份证号码/组织机构代码",
            national_ids=("cardNum",),
            aliases=("组织机构代码", "身份证号码", "统一社会信用代码"),
            required=True,
            max_length=32,
            example="91210500XD0000016N",
            description="as the court publishes it, four digits of a person's number hidden",
        ),
        Field(
            "person_id_type",
            "证件类型",
            FieldType.CODE,
            codes=DOCUMENT_TYPE,
            visibility=Visibility.RESTRICTED,
        ),
        Field(
            "person_id_no",
            "证件号码",
            FieldType.SECRET,
            max_length=64,
            visibility=Visibility.RESTRICTED,
        ),
        Field(
            "legal_rep_name",
            "法定代表人或者负责人姓名",
            national_ids=("businessEntity",),
            aliases=("法定代表人", "法定代表人或负责人"),
            max_length=50,
        ),
        Field(
            "court",
            "执行法院",
            national_ids=("courtName",),
            required=True,
            max_length=200,
            envelope="issuer_name",
            example="本溪市明山区人民法院",
        ),
        Field("court_uscc", "执行法院代码", max_length=18, envelope="issuer_uscc"),
        Field("province", "省份", national_ids=("areaName",), max_length=32),
        Field(
            "case_no",
            "案号",
            national_ids=("caseCode",),
            required=True,
            max_length=64,
            envelope="document_no",
            example="（2026）辽0504执100号",
        ),
        Field("basis_no", "执行依据文号", national_ids=("gistId",), max_length=128),
        Field(
            "basis_unit",
            "做出执行依据单位",
            national_ids=("gistUnit",),
            aliases=("作出执行依据单位",),
            max_length=200,
        ),
        Field(
            "filed_on",
            "立案时间",
            FieldType.DATE,
            national_ids=("regDate",),
            required=True,
            envelope="decision_date",
        ),
        Field("published_on", "发布时间", FieldType.DATE, national_ids=("publishDate",), hot=True),
        Field(
            "duty",
            "生效法律文书确定的义务",
            national_ids=("duty",),
            required=True,
            max_length=10000,
            screened=True,
        ),
        Field(
            "performance",
            "被执行人的履行情况",
            FieldType.CODE,
            national_ids=("performance",),
            required=True,
            codes=PERFORMANCE,
            hot=True,
        ),
        Field(
            "performed_part",
            "已履行部分",
            national_ids=("performedPart",),
            max_length=500,
            screened=True,
        ),
        Field(
            "unperformed_part",
            "未履行部分",
            national_ids=("unperformPart",),
            max_length=500,
            screened=True,
        ),
        Field(
            "behaviour",
            "失信被执行人行为具体情形",
            FieldType.CODES,
            national_ids=("disruptTypeName",),
            required=True,
            codes=BEHAVIOUR,
        ),
        severity("严重"),
        *removal("退出"),
        Field(
            "source_unit_name",
            "数据来源单位",
            max_length=200,
            envelope="source_unit_name",
            description="the court, when the file does not say",
        ),
        Field("source_unit_uscc", "数据来源单位代码", max_length=18, envelope="source_unit_uscc"),
    ),
)
