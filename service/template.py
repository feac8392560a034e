"""Templates for departments, as files: empty, with every field explained beside it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.spreadsheet import Sheet, write_workbook
from store.intake.layout import layouts
from store.intake.template import Template, choices
from store.kind import FieldType, Kinds

FORMATS = ("csv", "xlsx")


@dataclass
class TemplateError(Exception):
    """A template that is not written: `code` and what to do."""

    code: str
    message: str


def write_template(
    kinds: Kinds, kind: str, folder: Path, *, form: str, national: bool
) -> list[Path]:
    """Write the template of a kind or registry extract; the files that were written.

    XLSX: the sheet to fill in and the sheet 说明. CSV: the file to fill in, and its explanation
    beside it. Raises TemplateError `TEMPLATE_KIND`, `TEMPLATE_FORMAT`, `TEMPLATE_EXISTS`.
    """
    known = layouts(kinds)
    if kind not in known:
        raise TemplateError("TEMPLATE_KIND", f"--template is one of: {', '.join(sorted(known))}.")
    if form not in FORMATS:
        raise TemplateError("TEMPLATE_FORMAT", "--format is csv or xlsx.")
    declared = kinds.by_name.get(kind)
    template = Template(known[kind], national, declared.requirements if declared else ())
    name = kind.replace("@", "_")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if form == "xlsx":
            path = folder / f"{name}.xlsx"
            write_workbook(path, _sheets(template))
            return [path]
        files = [folder / f"{name}.csv", folder / f"{name}_说明.md"]
        with files[0].open("x", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerow(template.headers)
        with files[1].open("x", encoding="utf-8") as file:
            file.write(_explanation(template))
    except FileExistsError as error:
        raise TemplateError(
            "TEMPLATE_EXISTS", f"{Path(error.filename).name} exists: move it away, or use --out."
        ) from error
    return files


def _sheets(template: Template) -> list[Sheet]:
    offered = {
        at: [code.label for code in choices(declared)]
        for at, declared in enumerate(template.layout.fields)
        if declared.type is FieldType.CODE
    }
    label = template.layout.label
    return [Sheet(label, [template.headers], offered), Sheet("说明", template.explained())]


def _explanation(template: Template) -> str:
    head, *rows = template.explained()
    lines = [f"# {template.layout.label}", "", _line(head), _line(["---"] * len(head))]
    return "\n".join([*lines, *(_line(row) for row in rows), ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
