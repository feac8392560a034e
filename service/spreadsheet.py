"""Workbooks that a person fills in: XLSX whose columns are text, so that no code loses digits."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_LONGEST_LIST = 255  # characters of a list of choices (ECMA-376 part 1, 18.3.1.32)
_ROWS = 1_048_576
# Styles: 0 plain, 1 text (number format 49), 2 text in bold with a line break where needed.
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font/><font><b/></font></fonts><fills'
    ' count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill'
    ' patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs'
    ' count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" xfId="0"/><xf'
    ' numFmtId="49" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" xfId="0"'
    ' applyNumberFormat="1" applyFont="1" applyAlignment="1"><alignment wrapText="1"'
    ' vertical="center"/></xf></cellXfs></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows, the first a header, and the choices of some columns."""

    name: str
    rows: Sequence[Sequence[str]]
    choices: Mapping[int, Sequence[str]] = field(default_factory=dict)


def write_workbook(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write a workbook; FileExistsError when the file exists."""
    numbers = range(1, len(sheets) + 1)
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in (
            ("[Content_Types].xml", _content_types(numbers)),
            ("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")])),
            (
                "xl/_rels/workbook.xml.rels",
                _relations(
                    [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
                    + [("styles", "styles.xml")]
                ),
            ),
            ("xl/workbook.xml", _workbook(sheets)),
            ("xl/styles.xml", _STYLES),
            *((f"xl/worksheets/sheet{n}.xml", _sheet(sheets[n - 1])) for n in numbers),
        ):
            packed.writestr(name, _XML + content)


def _content_types(numbers: range) -> str:
    parts = [("/xl/workbook.xml", "sheet.main"), ("/xl/styles.xml", "styles")]
    parts += [(f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in numbers]
    listed = "".join(
        f'<Override PartName="{name}" ContentType="{_TYPES}.{kind}+xml"/>' for name, kind in parts
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    return (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
        f' ContentType="{relations}"/>{listed}</Types>'
    )


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _workbook(sheets: Sequence[Sheet]) -> str:
    listed = "".join(
        f'<sheet name="{escape(sheet.name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, sheet in enumerate(sheets, 1)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'


def _sheet(sheet: Sheet) -> str:
    width = max((len(row) for row in sheet.rows), default=1)
    rows = "".join(
        f'<row r="{n}">' + "".join(_cell(n, at, text) for at, text in enumerate(row)) + "</row>"
        for n, row in enumerate(sheet.rows, 1)
    )
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1"'
        ' topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols><col min="1" max="{width}" width="22" style="1" customWidth="1"/></cols>'
        f"<sheetData>{rows}</sheetData>{_validations(sheet.choices)}</worksheet>"
    )


def _cell(row: int, column: int, text: str) -> str:
    if not text:
        return ""
    style = 2 if row == 1 else 1
    return (
        f'<c r="{letters(column)}{row}" s="{style}" t="inlineStr"><is><t xml:space="preserve">'
        f"{escape(text)}</t></is></c>"
    )


def _validations(choices: Mapping[int, Sequence[str]]) -> str:
    """Lists to choose from, a wrong choice only warned of: intake says what is wrong."""
    listed = []
    for column, labels in choices.items():
        joined = ",".join(labels)
        if labels and len(joined) <= _LONGEST_LIST and not any("," in label for label in labels):
            place = f"{letters(column)}2:{letters(column)}{_ROWS}"
            listed.append(
                '<dataValidation type="list" allowBlank="1" errorStyle="warning"'
                f' showErrorMessage="1" sqref="{place}"><formula1>'
                f'"{escape(joined).replace(chr(34), chr(34) * 2)}"</formula1></dataValidation>'
            )
    if not listed:
        return ""
    return f'<dataValidations count="{len(listed)}">{"".join(listed)}</dataValidations>'


def letters(column: int) -> str:
    """The letters of a column counted from 0: A, …, Z, AA."""
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found
