"""Templates: an empty file with the headers of a kind, and each of its fields explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.identifiers.check_characters import org_check, uscc_check
from store.intake.layout import Layout
from store.kind import Code, Field, FieldType, Requirement

EXPLAINED = ("列名", "国家字段标识", "英文名", "类型", "单位", "代码表", "法人必填", "自然人必填",
             "最大长度", "公开类型", "说明", "示例")  # fmt: skip
TYPES = {
    FieldType.TEXT: "文本",
    FieldType.DATE: "日期 YYYY-MM-DD",
    FieldType.DECIMAL: "数值",
    FieldType.INTEGER: "整数",
    FieldType.BOOLEAN: "是/否",
    FieldType.CODE: "代码（一项）",
    FieldType.CODES: "代码（可多项，用;分隔）",
    FieldType.SECRET: "号码（入库前加密）",
}
CLASSES = {
    "O": "O 公开公示",
    "G": "G 政务共享",
    "A": "A 授权查询",
    "R": "R 限制查询",
    "I": "I 内部",
}
_DAY = "2026-03-02"
# Optional fields of these names are empty in an example about an organisation that is in order.
_OF_PERSONS = ("person_", "legal_rep_id", "holder_id", "guarantor_id", "debtor_id", "borrower_id")
_CLOSED = ("removed_", "cleared_", "exit_", "to", "deregistered_on", "revoked_on")


def _code(head: str, serial: int) -> str:
    """A code of the block that no authority issues, with right check characters."""
    body = f"{head}210500XD{serial:06d}"
    body += org_check(body[8:])
    return body + uscc_check(body)


FIRM, OTHER_FIRM, ORGAN = _code("91", 1), _code("91", 2), _code("11", 900_001)


@dataclass(frozen=True, slots=True)
class Template:
    """What a department fills in; `national`: under national ids where a field has one."""

    layout: Layout
    national: bool = False
    requirements: tuple[Requirement, ...] = ()

    @property
    def headers(self) -> list[str]:
        """The headers, in the order of the declaration."""
        return [self.header(declared) for declared in self.layout.fields]

    @property
    def example(self) -> list[str]:
        """One line that can be imported as it is, of bodies that do not exist."""
        return [example(declared) for declared in self.layout.fields]

    def header(self, declared: Field) -> str:
        """The header of one field."""
        if self.national and declared.national_ids:
            return declared.national_ids[0]
        return declared.label

    def explained(self) -> list[list[str]]:
        """A table with one line per field, `EXPLAINED` above it."""
        return [list(EXPLAINED), *(self._explained(f) for f in self.layout.fields)]

    def _explained(self, declared: Field) -> list[str]:
        of_persons = declared.required_of_persons
        if of_persons is None:
            of_persons = declared.required
        return [
            self.header(declared),
            " ".join(declared.national_ids),
            declared.api_name,
            TYPES[declared.type],
            declared.unit or "",
            "；".join(code.label for code in choices(declared)),
            "是" if declared.required else "",
            "是" if of_persons else "",
            str(declared.max_length or ""),
            CLASSES[declared.visibility.value],
            "；".join(filter(None, (declared.description, *self.conditions(declared)))),
            example(declared),
        ]

    def conditions(self, declared: Field) -> Iterator[str]:
        """When the field is required or must be empty, after another field's value."""
        by_name = {f.name: f for f in self.layout.fields}
        for rule in self.requirements:
            if rule.field == declared.name and rule.when in by_name:
                labels = [c.label for c in choices(by_name[rule.when]) if c.value in rule.values]
                then = "须为空" if rule.forbids else "必填"
                yield f"{by_name[rule.when].label}为{'、'.join(labels)}时{then}"


def choices(declared: Field) -> Sequence[Code]:
    """The codes of a field's list, none where it has none."""
    return declared.codes.codes if declared.codes is not None else ()


def example(declared: Field) -> str:
    """A value for the field in the example line; "" where that line leaves it empty."""
    if declared.example:
        return declared.example
    name = declared.name
    if name.startswith((*_OF_PERSONS, *_CLOSED)) or declared.ends_display:
        return ""
    coded = _example_code(declared)
    if coded is not None:
        return coded
    match declared.type:
        case FieldType.DATE:
            return "长期" if declared.open_ended else _DAY
        case FieldType.DECIMAL:
            return "0.2" if declared.unit == "万元" else "12500.5"
        case FieldType.INTEGER:
            return "3"
        case FieldType.BOOLEAN:
            return "是"
        case FieldType.SECRET:
            return ""
        case FieldType.CODE | FieldType.CODES:
            return declared.codes.codes[0].label if declared.codes is not None else ""
    return f"{declared.label}示例" if declared.required else ""


def _example_code(declared: Field) -> str | None:
    """The example of a code or of the name that goes with it; None for other fields."""
    name = declared.name
    if declared.envelope == "reported_name" or name in ("name", "company_name", "parent_name"):
        return "本溪示例机械有限公司"
    if declared.envelope in ("issuer_name", "source_unit_name") or name == "source_unit_name":
        return "本溪市示例局"
    if name in ("uscc", "company_uscc", "parent_uscc"):
        return FIRM
    if name in ("branch_uscc", "holder_code", "guarantor_code", "debtor_code", "borrower_code"):
        return OTHER_FIRM
    if name.endswith("_uscc"):
        return ORGAN if declared.required else ""
    return None
