"""`python -m schema.kinds_page` writes docs/kinds.md; with `--check` it only compares.

Exit status 1 when the page in the repository is not what the declarations say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from schema.records import kinds
from store.intake.layout import Layout, layouts
from store.intake.template import TYPES, Template
from store.kind import Field, Generation, Kind, Kinds, Requirement

FILE = Path(__file__).resolve().parent.parent / "docs" / "kinds.md"
_SEVERITIES = {"MINOR": "轻微", "ORDINARY": "一般", "SERIOUS": "严重"}
_HEAD = """\
# Kinds of record and files

Written by `python -m schema.kinds_page` from the declarations in `schema/records/` (one file a
kind) and `store/intake/layout.py`; a test compares. The API says the same in `kinds`.

A template of each, empty, with every field explained and an example line:

```sh
xinqiao import --template penalty                   # penalty.xlsx: the sheet to fill in, and 说明
xinqiao import --template penalty --format csv --national
```

How to read the tables:

- **Header** is the Chinese label, the header of a file. The national id (双公示 2018), the name
  (as in the API and in JSON) and any header under *also* are taken too. Blanks, stars and
  `（必填）` in a header are ignored.
- **Required**: yes; of organisations, of persons; or after another field's value.
- **Class** is the field's own visibility: O 公开公示, G 政务共享, A 授权查询, R 限制查询, I 内部.
  What a reader sees is decided by the most closed of record, field and subject.
- **Notes**: the unit of a number; *filter*: the API filters by it; *screened*: readers of open data
  get the text as the scanner for personal data let it pass; *encrypted*: never stored in plain.
"""


def page(served: Kinds) -> str:
    """The page for these kinds."""
    parts = [_HEAD]
    known = layouts(served)
    parts += ["\n".join(_kind(kind, known[kind.name])) for kind in served]
    registry = [layout for layout in known.values() if layout.name not in served.by_name]
    parts.append("## Extracts of the registry\n\nFacts about bodies, not records of decisions.")
    parts += [
        "\n".join([f"### {layout.label} `{layout.name}`", "", *_table(layout, ())])
        for layout in registry
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _kind(kind: Kind, layout: Layout) -> Iterator[str]:
    yield f"## {kind.label} `{kind.name}`"
    yield ""
    yield f"{kind.description} GraphQL: `{kind.type_name}`, `{kind.plural}`."
    yield ""
    yield from (f"- {rule}" for rule in _rules(kind))
    yield ""
    yield from _table(layout, kind.requirements)
    for form in kind.generations:
        yield ""
        yield from _form(kind, form)


def _rules(kind: Kind) -> Iterator[str]:
    key = " + ".join(f"`{kind.field(name).api_name}`" for name in kind.natural_key)
    party = " + the party" if kind.includes_subject else ""
    yield f"Natural key: {key}{party} (with origin region and deciding unit)"
    organisations, persons = kind.class_of_organisations, kind.class_of_persons
    law = ", opened by law, names masked" if kind.open_by_law else ""
    yield f"Class: organisations {organisations.value}, natural persons {persons.value}{law}"
    if kind.class_rule is not None:
        told = ", ".join(f"{value} {of.value}" for value, of in kind.class_rule.classes)
        yield f"Class of one record by `{kind.field(kind.class_rule.field).api_name}`: {told}"
    if kind.negative:
        how = _SEVERITIES[kind.severity] if kind.severity else "by the types of penalty"
        shown = "until it is removed" if kind.until_removed else "for the term of the rule set"
        yield f"失信信息: severity {how} unless the file states it; displayed {shown}"
    ends = [f"`{f.api_name}`" for f in kind.fields if f.ends_display]
    if ends:
        yield f"Display ends with {' or '.join(ends)}"
    if kind.report_within is not None:
        yield f"To be reported within {kind.report_within} working days of the decision"


def _form(kind: Kind, form: Generation) -> Iterator[str]:
    yield f"**{form.label}.** Without: " + "、".join(f.label for f in form.lacking(kind)) + "."
    yield ""
    yield "| Header | National id | Read as | Codes |"
    yield "|---|---|---|---|"
    for declared in form.fields:
        yield (
            f"| {declared.label} | {', '.join(declared.national_ids)} | `{declared.api_name}`"
            f" | {_codes(declared)} |"
        )


def _table(layout: Layout, requirements: tuple[Requirement, ...]) -> Iterator[str]:
    template = Template(layout, requirements=requirements)
    yield "| Header | National id | Name | Type | Required | Class | Notes |"
    yield "|---|---|---|---|---|---|---|"
    for declared in layout.fields:
        conditions = "；".join(template.conditions(declared))
        yield (
            f"| {declared.label} | {', '.join(declared.national_ids)} | `{declared.api_name}`"
            f" | {_type(declared)} | {_required(declared, conditions)}"
            f" | {declared.visibility.value} | {_notes(declared)} |"
        )


def _type(declared: Field) -> str:
    longest = f", {declared.max_length}" if declared.max_length else ""
    return TYPES[declared.type] + longest


def _required(declared: Field, conditions: str) -> str:
    persons = declared.required_of_persons
    if persons is None or persons == declared.required:
        told = "yes" if declared.required else ""
    else:
        told = "organisations" if declared.required else "persons"
    return "；".join(filter(None, (told, conditions)))


def _notes(declared: Field) -> str:
    notes = [declared.unit or "", "filter" if declared.hot else ""]
    notes.append("screened" if declared.screened else "")
    notes.append("encrypted" if declared.type.value == "SECRET" else "")
    notes.append("长期 or from 2099-12-31: none" if declared.open_ended else "")
    notes.append(declared.description)
    notes.append(_codes(declared))
    if declared.aliases:
        notes.append("also " + "、".join(declared.aliases))
    return "; ".join(note for note in notes if note).replace("|", "\\|")


def _codes(declared: Field) -> str:
    if declared.codes is None:
        return ""
    return "、".join(
        f"{code.label} `{code.value}`" + (f" ({' '.join(code.aliases)})" if code.aliases else "")
        for code in declared.codes.codes
    )


def main(arguments: list[str]) -> int:
    text = page(kinds())
    if "--check" in arguments:
        if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
            return 0
        print("docs/kinds.md is not what the declarations say: run python -m schema.kinds_page")
        return 1
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
