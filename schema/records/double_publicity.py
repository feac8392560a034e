"""The blocks that licence and penalty share in 双公示 files (records.md §2, §3).

The form of 2018 (发改办财金〔2018〕424号) is the kinds' own; for that of 2015/16 see
`schema/records/double_publicity_2015.py`.
"""

from __future__ import annotations

from store.kind import (
    ClassRule,
    Code,
    CodeList,
    Field,
    FieldType,
    Visibility,
)

SUBJECT_CATEGORY = CodeList(
    "SubjectCategory",
    "主体类别",
    (
        Code("LEGAL_ENTITY", "法人及非法人组织", ("法人", "1")),
        Code("INDIVIDUAL_BUSINESS", "个体工商户", ("个体", "3")),
        Code("NATURAL_PERSON", "自然人", ("2",)),
    ),
)

DOCUMENT_TYPE = CodeList(
    "DocumentType",
    "证件类型",
    (
        Code("IDENTITY_CARD", "身份证", ("居民身份证",)),
        Code("PASSPORT", "护照号", ("护照",)),
        Code("HK_MACAO_PERMIT", "港澳居民来往内地通行证"),
        Code("TAIWAN_PERMIT", "台湾居民来往大陆通行证"),
        Code("FOREIGN_RESIDENT_CARD", "外国人永久居留身份证"),
        Code("HMT_RESIDENCE_PERMIT", "港澳台居民居住证"),
    ),
)


USE_SCOPE = CodeList(
    "UseScope",
    "信息使用范围",
    (
        Code("PUBLIC", "公示", ("0",)),
        Code("GOVERNMENT", "仅政府部门内部共享", ("1",)),
        Code("AUTHORISED", "仅授权查询", ("2",)),
    ),
)

# What the reporting unit said of the use of its data: never wider than the kind's own class.
USE_RULE = ClassRule(
    "use_scope",
    (
        ("PUBLIC", Visibility.OPEN),
        ("GOVERNMENT", Visibility.GOVERNMENT),
        ("AUTHORISED", Visibility.AUTHORISED),
    ),
)


def subject_block(prefix: str) -> tuple[Field, ...]:
    """The counterparty 行政相对人: who the record is about, as reported."""
    party = f"{prefix}_XDR"
    restricted = Visibility.RESTRICTED
    secret = FieldType.SECRET
    return (
        Field(
            "counterparty_name",
            "行政相对人名称",
            national_ids=(f"{party}_MC",),
            required=True,
            max_length=200,
            envelope="reported_name",
            mask="person_name",
        ),
        Field(
            "counterparty_category",
            "行政相对人类别",
            FieldType.CODE,
            national_ids=(f"{party}_LB",),
            required=True,
            codes=SUBJECT_CATEGORY,
            envelope="subject_category",
        ),
        Field(
            "uscc",
            "统一社会信用代码",
            national_ids=(f"{party}_SHXYM",),
            aliases=("行政相对人代码_1", "行政相对人代码_1（统一社会信用代码）"),
            max_length=18,
        ),
        Field(
            "reg_no",
            "工商注册号",
            national_ids=(f"{party}_GSZC",),
            aliases=("行政相对人代码_2", "工商登记码", "行政相对人代码_2（工商注册号）"),
            max_length=50,
        ),
        Field(
            "org_code",
            "组织机构代码",
            national_ids=(f"{party}_ZZJG",),
            aliases=("行政相对人代码_3", "行政相对人代码_3（组织机构代码）"),
            max_length=10,
        ),
        Field(
            "tax_no",
            "税务登记号",
            national_ids=(f"{party}_SWDJ",),
            aliases=("行政相对人代码_4", "行政相对人代码_4（税务登记号）"),
            max_length=20,
        ),
        Field(
            "inst_cert_no",
            "事业单位证书号",
            national_ids=(f"{party}_SYDW",),
            aliases=("行政相对人代码_5", "行政相对人代码_5（事业单位证书号）"),
            max_length=12,
        ),
        Field(
            "social_cert_no",
            "社会组织登记证号",
            national_ids=(f"{party}_SHZZ",),
            aliases=("行政相对人代码_6", "行政相对人代码_6（社会组织登记证号）"),
            max_length=50,
        ),
        Field(
            "legal_rep_name",
            "法定代表人",
            national_ids=(f"{prefix}_FRDB",),
            max_length=50,
            required=True,
            required_of_persons=False,
        ),
        Field(
            "legal_rep_id_type",
            "法定代表人证件类型",
            FieldType.CODE,
            national_ids=(f"{prefix}_FR_ZJLX",),
            codes=DOCUMENT_TYPE,
            visibility=restricted,
        ),
        Field(
            "legal_rep_id_no",
            "法定代表人证件号码",
            secret,
            national_ids=(f"{prefix}_FR_ZJHM",),
            aliases=(f"{prefix}_FR_SFZH",),
            max_length=64,
            visibility=restricted,
        ),
        Field(
            "person_id_type",
            "自然人证件类型",
            FieldType.CODE,
            national_ids=(f"{party}_ZJLX",),
            aliases=("证件类型",),
            codes=DOCUMENT_TYPE,
            required=False,
            required_of_persons=True,
            visibility=restricted,
        ),
        Field(
            "person_id_no",
            "自然人证件号码",
            secret,
            national_ids=(f"{party}_ZJHM",),
            aliases=("证件号码",),
            required=False,
            required_of_persons=True,
            max_length=64,
            visibility=restricted,
        ),
    )


def issuer_block(name: str, code: str, name_label: str, code_label: str) -> tuple[Field, ...]:
    """The deciding authority 作出机关 under the form's own ids and labels."""
    return (
        Field(
            "issuer_name",
            name_label,
            national_ids=(name,),
            required=True,
            max_length=200,
            envelope="issuer_name",
        ),
        Field(
            "issuer_uscc",
            code_label,
            national_ids=(code,),
            aliases=(f"{name_label}代码",),
            required=True,
            max_length=18,
            envelope="issuer_uscc",
        ),
    )


def source_block(name: str, code: str) -> tuple[Field, ...]:
    """The reporting unit 数据来源单位 and the remark."""
    return (
        Field(
            "source_unit_name",
            "数据来源单位",
            national_ids=(name,),
            required=True,
            max_length=200,
            envelope="source_unit_name",
        ),
        Field(
            "source_unit_uscc",
            "数据来源单位代码",
            national_ids=(code,),
            aliases=("数据来源单位统一社会信用代码",),
            required=True,
            max_length=18,
            envelope="source_unit_uscc",
        ),
        Field(
            "remark",
            "备注",
            national_ids=("BZ",),
            max_length=512,
            visibility=Visibility.GOVERNMENT,
            envelope="remark",
        ),
    )


def provincial_block(prefix: str) -> tuple[Field, ...]:
    """What some provinces' forms add, for stewards."""
    internal = Visibility.INTERNAL
    return (
        Field(
            "use_scope",
            "信息使用范围",
            FieldType.CODE,
            national_ids=(f"{prefix}_SYFW",),
            codes=USE_SCOPE,
            visibility=internal,
        ),
        Field(
            "producer_code",
            "数据生产部门编码",
            national_ids=("SCBMBM",),
            max_length=64,
            visibility=internal,
        ),
        Field(
            "collected_on",
            "采集日期",
            FieldType.DATE,
            national_ids=("ADD_TIME",),
            visibility=internal,
        ),
    )
