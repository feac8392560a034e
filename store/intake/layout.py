"""Layouts of the files a node takes, and which of them a file has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from store.errors import StoreError
from store.intake.value import Column, half_width, reader
from store.kind import Code, CodeList, Field, FieldType, Generation, Kinds

REPORT_COLUMNS = ("行号", "字段", "代码", "级别", "原因")
DELIMITERS = ",|\t;"
# Marks of forms in a header: a star before or behind, 必填, and whatever blanks a cell has.
_MARKS = re.compile(r"\s+|^\*+|\*+$|\(必填\)")

_CATEGORY = CodeList(
    "SubjectCategory",
    "主体类别",
    (
        Code("LEGAL_ENTITY", "法人及非法人组织", ("法人", "企业", "1")),
        Code("INDIVIDUAL_BUSINESS", "个体工商户", ("个体", "3")),
        Code("NATURAL_PERSON", "自然人", ("个人", "2")),
    ),
)
_DOCUMENT = CodeList(
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


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of file: its fields, and those without which it would not be that kind.

    `generation` is set for an older form of a kind's files.
    """

    name: str
    label: str
    fields: tuple[Field, ...]
    core: frozenset[str]
    generation: Generation | None = None

    def headers(self) -> dict[str, Field]:
        """Every header that names a field, as `header_key` has it."""
        return {header_key(h): f for f in self.fields for h in f.headers}


def header_key(text: str) -> str:
    """A header as headers are compared: half-width, without blanks and marks of forms."""
    return _MARKS.sub("", half_width(text))


def _text(name: str, label: str, *, required: bool = False, longest: int = 200) -> Field:
    return Field(name, label, required=required, max_length=longest)


def _day(name: str, label: str, *, open_ended: bool = False) -> Field:
    return Field(name, label, FieldType.DATE, open_ended=open_ended)


def _amount(name: str, label: str, unit: str) -> Field:
    return Field(name, f"{label}({unit})", FieldType.DECIMAL, unit=unit, aliases=(label,))


def _category(name: str, label: str) -> Field:
    return Field(name, label, FieldType.CODE, codes=_CATEGORY, required=True)


def _document(name: str, prefix: str = "") -> tuple[Field, Field]:
    return (
        Field(f"{name}_id_type", f"{prefix}证件类型", FieldType.CODE, codes=_DOCUMENT),
        Field(f"{name}_id_no", f"{prefix}证件号码", FieldType.SECRET, max_length=64),
    )


_SOURCE = (
    _text("source_unit_name", "数据来源单位", required=True),
    _text("source_unit_uscc", "数据来源单位代码", required=True, longest=64),
)
_TERM = (_day("from", "起始日期"), _day("to", "终止日期", open_ended=True))

_FIRMS = (
    replace(_text("name", "主体名称", required=True), aliases=("企业名称", "名称")),
    _text("uscc", "统一社会信用代码", longest=64),
    _text("org_code", "组织机构代码", longest=64),
    _text("reg_no", "注册号", longest=64),
    _text("tax_no", "税务登记号", longest=64),
    _text("entity_type", "主体类型", required=True, longest=64),
    _text("reg_status", "登记状态", required=True, longest=64),
    _day("established_on", "成立日期"),
    _day("approved_on", "核准日期"),
    _day("deregistered_on", "注销日期"),
    _day("revoked_on", "吊销日期"),
    _day("operating_from", "营业期限自"),
    _day("operating_to", "营业期限至", open_ended=True),
    _amount("registered_capital", "注册资本", "万元"),
    _text("currency", "币种", longest=16),
    _amount("paid_in_capital", "实缴资本", "万元"),
    _text("address", "住所", longest=512),
    _text("region_code", "所在区划代码", longest=64),
    _text("reg_authority", "登记机关"),
    _text("industry", "行业代码", longest=16),
    _text("business_scope", "经营范围", longest=4000),
    _text("former_names", "曾用名", longest=2000),
    _text("legal_rep_name", "法定代表人", longest=50),
    *_document("legal_rep", "法定代表人"),
    *_SOURCE,
)
_HOLDERS = (
    _text("company_name", "企业名称", required=True),
    _text("company_uscc", "企业统一社会信用代码", required=True, longest=64),
    _text("holder_name", "股东名称", required=True),
    _category("holder_category", "股东类型"),
    _text("holder_code", "股东代码", longest=64),
    *_document("holder"),
    _amount("subscribed", "认缴出资额", "万元"),
    _amount("paid", "实缴出资额", "万元"),
    Field("ratio", "出资比例(%)", FieldType.DECIMAL, aliases=("出资比例",), unit="%"),
    _text("contribution_form", "出资方式", longest=64),
    _day("subscribed_on", "认缴日期"),
    _day("paid_on", "实缴日期"),
    _text("share_class", "股份类别", longest=64),
    *_TERM,
    *_SOURCE,
)
_OFFICERS = (
    _text("company_name", "企业名称", required=True),
    _text("company_uscc", "企业统一社会信用代码", required=True, longest=64),
    _text("person_name", "姓名", required=True, longest=50),
    *_document("person"),
    _text("position", "职务", required=True, longest=64),
    *_TERM,
    *_SOURCE,
)
_BRANCHES = (
    _text("parent_name", "总机构名称", required=True),
    _text("parent_uscc", "总机构统一社会信用代码", required=True, longest=64),
    _text("branch_name", "分支机构名称", required=True),
    _text("branch_uscc", "分支机构统一社会信用代码", required=True, longest=64),
    replace(_day("from", "成立日期"), aliases=("起始日期",)),
    _day("to", "终止日期", open_ended=True),
    *_SOURCE,
)


def _side(name: str, label: str, prefix: str) -> tuple[Field, ...]:
    return (
        _text(f"{name}_name", f"{label}名称", required=True),
        _category(f"{name}_category", f"{label}类别"),
        _text(f"{name}_code", f"{label}代码", longest=64),
        *_document(name, prefix),
    )


_GUARANTEES = (
    _text("guarantee_no", "担保编号", longest=128),
    *_side("guarantor", "担保人", "担保人"),
    *_side("debtor", "被担保人", "被担保人"),
    _text("creditor_name", "债权人名称"),
    _text("creditor_code", "债权人代码", longest=64),
    _text("loan_no", "借款编号", longest=128),
    _amount("amount", "担保金额", "元"),
    _text("currency", "币种", longest=16),
    _text("guarantee_kind", "担保方式", longest=64),
    *_TERM,
    _text("status", "状态", longest=64),
    *_SOURCE,
)
_LOANS = (
    _text("loan_no", "借款编号", required=True, longest=128),
    *_side("borrower", "借款人", ""),
    _text("lender_name", "贷款机构名称"),
    _text("lender_code", "贷款机构代码", longest=64),
    _amount("amount", "借款金额", "元"),
    _amount("balance", "余额", "元"),
    _text("currency", "币种", longest=16),
    _day("issued_on", "放款日期"),
    _day("due_on", "到期日期", open_ended=True),
    *_SOURCE,
)
_CONCERTS = (
    _text("agreement_no", "一致行动协议编号", required=True, longest=128),
    _text("company_name", "企业名称", required=True),
    _text("company_uscc", "企业统一社会信用代码", required=True, longest=64),
    *_side("member", "一致行动人", ""),
    *_TERM,
    *_SOURCE,
)

_REGISTRY = (
    ("firms", "市场主体", _FIRMS, {"name", "entity_type", "reg_status"}),
    ("holders", "股东及出资", _HOLDERS, {"company_uscc", "holder_name"}),
    ("officers", "主要人员", _OFFICERS, {"company_uscc", "person_name", "position"}),
    ("branches", "分支机构", _BRANCHES, {"parent_uscc", "branch_uscc"}),
    ("concerts", "一致行动人", _CONCERTS, {"agreement_no", "member_name"}),
    ("guarantees", "对外担保", _GUARANTEES, {"guarantor_name", "debtor_name"}),
    ("loans", "借款", _LOANS, {"loan_no", "borrower_name"}),
)


def layouts(kinds: Kinds) -> dict[str, Layout]:
    """Every layout a node takes, FinBench apart: the record kinds, the older forms of their files
    under `kind@generation`, and the registry extracts."""
    found: dict[str, Layout] = {}
    for kind in kinds:
        party = {f.name for f in kind.fields if f.envelope == "reported_name"}
        core = frozenset({*kind.natural_key, *party})
        found[kind.name] = Layout(kind.name, kind.label, kind.fields, core)
        for form in kind.generations:
            found[f"{kind.name}@{form.name}"] = Layout(
                kind.name, kind.label, form.fields, core, form
            )
    for name, label, fields, telling in _REGISTRY:
        found[name] = Layout(name, label, fields, frozenset(telling))
    return found


def find_header(
    rows: Sequence[Sequence[str]], known: Mapping[str, Layout], kind: str | None, *, file: str
) -> tuple[int, Layout]:
    """Which of the first rows is the header, below titles and notes, and its layout.

    With `kind` only layouts of that name are thought of, and what the header lacks is said later,
    line by line. Of equal rows the first is the header; of equal layouts the newest.
    Raises StoreError `KIND_UNKNOWN`, naming the nearest kind and the headers it lacks.
    """
    layouts = [layout for layout in known.values() if kind in (None, layout.name)]
    tables = [layout.headers() for layout in layouts]
    best: tuple[tuple[bool, int, bool, int, str], int, Layout, frozenset[str]] | None = None
    for index, cells in enumerate(rows):
        keys = {header_key(cell) for cell in cells if cell}
        for layout, table in zip(layouts, tables, strict=True):
            seen = frozenset(table[key].name for key in keys & table.keys())
            complete = layout.core <= seen
            rank = (complete, len(seen), layout.generation is None, -index, layout.name)
            if best is None or rank > best[0]:
                best = (rank, index, layout, seen)
    assert best is not None
    (complete, _, _, _, _), index, layout, seen = best
    if complete or kind is not None:
        return index, layout
    lacking = [f.label for f in layout.fields if f.required and f.name not in seen]
    raise StoreError(
        "KIND_UNKNOWN",
        f"{file}：表头不属于任何已知文件类型，"
        f"最接近的是{layout.label}（{layout.name}），"
        f"缺少：{'、'.join(lacking) or '—'}。The header is that of no known kind of file;"
        f" the nearest is {layout.name}: add these columns or force the kind.",
    )


def columns(layout: Layout, headers: Sequence[str]) -> tuple[list[Column], list[Column], list[str]]:
    """The columns of a header: those that are read, those that repeat one, and unknown headers.

    The columns of a report that is sent back are no data and no mistake.
    """
    by_header = layout.headers()
    found: dict[str, Column] = {}
    repeated, unknown = [], []
    for index, text in enumerate(headers):
        declared = by_header.get(header_key(text))
        if declared is not None:
            column = Column(index, text, declared, reader(declared))
            if found.setdefault(declared.name, column) is not column:
                repeated.append(column)
        elif text.strip() and half_width(text) not in REPORT_COLUMNS:
            unknown.append(text)
    return list(found.values()), repeated, unknown


def json_headers(layout: Layout, keys: Iterable[str]) -> list[str]:
    """The members to read from JSON Lines: those of the first object, then what else may occur."""
    names = list(dict.fromkeys(keys))
    present = {header_key(name) for name in names}
    by_header = layout.headers()
    seen = {f.name for h, f in by_header.items() if h in present}
    names.extend((*f.national_ids, f.api_name)[0] for f in layout.fields if f.name not in seen)
    return names
