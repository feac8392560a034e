"""双公示 files of 2015/16: the columns that licence and penalty share (records.md §2)."""

from __future__ import annotations

from dataclasses import replace

from schema.records.double_publicity import USE_SCOPE
from store.kind import Code, CodeList, Field, FieldType, Generation, Visibility

# 2015/16: 0 or empty 正常, 1 撤销, 2 异议, 3 其他; the digits of 2018 mean something else.
FORMER_STATUS = CodeList(
    "FormerStatus",
    "当前状态（2015版）",
    (
        Code("NORMAL", "正常", ("0",)),
        Code("WITHDRAWN", "撤销", ("1",)),
        Code("OBJECTION", "异议", ("2",)),
        Code("OTHER", "其他", ("3",)),
    ),
)


def former_form(
    prefix: str, name: str, act: str, own: tuple[Field, ...], extra: tuple[Field, ...]
) -> Generation:
    """The form of 2015/16: its common columns round those of the kind (`own`).

    `name` is the national id of the counterparty's name, `act` the word in 许可机关 and 处罚机关,
    `extra` what follows. Field ids and digits: entities and templates of several cities' systems.
    """
    party = f"{prefix}_XDR"

    def code(number: int, scheme: str, header: str, suffix: str, **kept: object) -> Field:
        label = f"行政相对人代码_{number}({header})"
        shown = Field(
            scheme,
            label,
            national_ids=(f"{party}_{suffix}",),
            aliases=(f"行政相对人代码_{number}", f"行政相对人代码{number}", header),
            max_length=64,
        )
        return replace(shown, **kept)  # type: ignore[arg-type]

    return Generation(
        "2015",
        "2015/16年版",
        (
            *own,
            Field(
                "counterparty_name",
                "行政相对人名称",
                national_ids=(name,),
                required=True,
                max_length=200,
                envelope="reported_name",
                mask="person_name",
            ),
            code(1, "uscc", "统一社会信用代码", "SHXYM"),
            code(2, "org_code", "组织机构代码", "ZDM"),
            code(3, "reg_no", "工商登记码", "GSDJ"),
            code(4, "tax_no", "税务登记号", "SWDJ"),
            code(5, "person_id_no", "居民身份证号", "SFZ", type=FieldType.SECRET),
            Field(
                "legal_rep_name",
                "法定代表人姓名",
                national_ids=(f"{prefix}_FR",),
                aliases=("法定代表人",),
                max_length=50,
            ),
            Field(
                "issuer_name",
                f"{act}机关",
                national_ids=(f"{prefix}_XZJG",),
                required=True,
                max_length=200,
                envelope="issuer_name",
            ),
            *extra,
            Field(
                "former_status",
                "当前状态",
                FieldType.CODE,
                national_ids=(f"{prefix}_ZT",),
                codes=FORMER_STATUS,
            ),
            Field("place_code", "地方编码", national_ids=("DFBM",), max_length=12),
            Field(
                "updated_on",
                "数据更新时间戳",
                national_ids=("SJC",),
                aliases=("时间戳", "数据更新时间"),
                max_length=32,
            ),
            Field(
                "use_scope",
                "信息使用范围",
                FieldType.CODE,
                national_ids=(f"{prefix}_SYFW",),
                codes=USE_SCOPE,
                visibility=Visibility.INTERNAL,
            ),
            Field(
                "remark",
                "备注",
                national_ids=("BZ",),
                max_length=1024,
                visibility=Visibility.GOVERNMENT,
                envelope="remark",
            ),
        ),
    )
