"""`xinqiao analysis` and `statistics`: tables of counts, asked for signed, shown or as CSV."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.completion import identities, nodes, purposes
from service.cli.headings import heading
from service.cli.output import JSON_OPTION, explained, fail, print_cells, print_json

_ANALYSIS = """query Analysis($dimensions: [AnalysisDimension!], $measures: [AnalysisMeasure!]!,
    $filter: AnalysisFilter, $totals: AnalysisTotals! = CUBE, $asOf: Date) {
  analysis(dimensions: $dimensions, measures: $measures, filter: $filter, totals: $totals,
      asOf: $asOf) {
    asOf base suppressed
    cells { keys { dimension value label total } values { measure value suppressed }
      suppressed } } }
"""
_STATISTICS = """query Statistics($unit: String, $from: Date, $to: Date, $half: String,
    $by: ReportingPeriod! = MONTH) {
  reportingStatistics(unit: $unit, from: $from, to: $to, half: $half, by: $by) {
    since until
    rows { unit { uscc name } kind label period batches lines rejected withFindings records
      corrections repeated timed onTime onTimeShare late medianWorkingDays longestWorkingDays
      completeness }
    findings { unit { uscc name } kind period code severity findings } } }
"""
_HEADERS = {
    "period": "周期", "label": "记录类型", "batches": "批次数", "lines": "报送行数",
    "rejected": "退回行数", "withFindings": "有问题行数", "records": "记录数",
    "corrections": "更正数",
    "repeated": "重复行数", "timed": "计时记录数", "onTime": "及时数", "onTimeShare": "及时率",
    "late": "超期数", "medianWorkingDays": "工作日中位数", "longestWorkingDays": "最长工作日数",
    "completeness": "完整率",
}  # fmt: skip

_AS = typer.Option("--as", help="Identity that signs.", autocompletion=identities)
_NODE = typer.Option(help="Name of a node, or its URL.", autocompletion=nodes)
_PURPOSE = typer.Option(help="Purpose 查询目的, P1 to P17.", autocompletion=purposes)
_ACTOR = typer.Option(help="Person who acts, for systems.")
_CSV = typer.Option("--csv", help="File to write as CSV; - for standard output.")
_BOM = typer.Option("--bom", help="Begin the CSV with a byte order mark, for Excel.")


def analysis(
    dimension: Annotated[
        list[str] | None, typer.Option(help="Dimension 维度, DISTRICT; up to three.")
    ] = None,
    measure: Annotated[
        list[str] | None, typer.Option(help="Measure 指标; ORGANISATIONS when none is named.")
    ] = None,
    condition: Annotated[
        str, typer.Option("--filter", help="Conditions 筛选 as a JSON object.")
    ] = "{}",
    totals: Annotated[str, typer.Option(help="NONE, TOTAL, ROLLUP or CUBE.")] = "CUBE",
    as_of: Annotated[str | None, typer.Option(help="Day 时点, YYYY-MM-DD.")] = None,
    as_name: Annotated[str | None, _AS] = None,
    node: Annotated[str, _NODE] = "benxi",
    purpose: Annotated[str | None, _PURPOSE] = None,
    actor: Annotated[str | None, _ACTOR] = None,
    csv: Annotated[Path | None, _CSV] = None,
    bom: Annotated[bool, _BOM] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Count 多维分析 organisations and records by dimensions; small cells are hidden.

    The question is signed and logged like any other. Exit status 1 when it is refused.
    """
    try:
        conditions = json.loads(condition)
    except json.JSONDecodeError:
        fail("FILTER_MALFORMED", "write --filter as a JSON object")
    variables = {
        "dimensions": dimension or [],
        "measures": measure or ["ORGANISATIONS"],
        "filter": conditions,
        "totals": totals,
        "asOf": as_of,
    }
    told = _asked(node, as_name, _ANALYSIS, variables, purpose, actor)["analysis"]
    header, rows = analysis_table(told, dimension or [], measure or ["ORGANISATIONS"])
    _shown(told, header, rows, csv, bom=bom, as_json=as_json)


def analysis_table(
    told: Any, dimensions: list[str], measures: list[str]
) -> tuple[list[str], list[list[Any]]]:
    """Headings, which say the unit of amounts, and a row for each cell; no two rows are named
    alike: where two values have one name, as districts of two cities, each is told with its value.
    """
    named: dict[tuple[str, str], set[str]] = {}
    for key in (key for cell in told["cells"] for key in cell["keys"] if key["value"]):
        named.setdefault((key["dimension"], key["label"]), set()).add(key["value"])

    def name(key: Any) -> str:
        value, label = key["value"], key["label"]
        if key["total"]:
            return "合计"
        if value is None:  # of a place the label says in what it lies
            return f"{label}（未知）" if label else "未知"
        return f"{label}（{value}）" if len(named[key["dimension"], label]) > 1 else str(label)

    rows = [
        [
            *[name(key) for key in cell["keys"]],
            *["*" if value["suppressed"] else value["value"] for value in cell["values"]],
        ]
        for cell in told["cells"]
    ]
    # As they were asked for, each once: so is the answer.
    return [heading(one) for one in dict.fromkeys([*dimensions, *measures])], rows


def statistics(
    unit: Annotated[str | None, typer.Option(help="Unit 单位 by USCC; all when none.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    half: Annotated[str | None, typer.Option(help="Half year 半年, 2026H1.")] = None,
    by: Annotated[str, typer.Option(help="MONTH or YEAR.")] = "MONTH",
    as_name: Annotated[str | None, _AS] = None,
    node: Annotated[str, _NODE] = "benxi",
    purpose: Annotated[str | None, _PURPOSE] = None,
    actor: Annotated[str | None, _ACTOR] = None,
    csv: Annotated[Path | None, _CSV] = None,
    bom: Annotated[bool, _BOM] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Count 报送统计 what units report, how soon and how well.

    The question is signed and logged like any other. Exit status 1 when it is refused.
    """
    variables = {"unit": unit, "from": since, "to": until, "half": half, "by": by}
    told = _asked(node, as_name, _STATISTICS, variables, purpose, actor)["reportingStatistics"]
    header = ["单位代码", "单位", *_HEADERS.values()]
    rows = [
        [row["unit"]["uscc"], row["unit"]["name"], *[row[name] for name in _HEADERS]]
        for row in told["rows"]
    ]
    _shown(told, header, rows, csv, bom=bom, as_json=as_json)


def _asked(
    node: str,
    as_name: str | None,
    document: str,
    variables: dict[str, Any],
    purpose: str | None,
    actor: str | None,
) -> Any:
    from service.home import home
    from service.inquiry import ask

    with explained():
        found = ask(home(), node, as_name, document, variables, purpose=purpose, actor=actor)
    if found.problem is not None:
        fail(found.problem.code, found.problem.message)
    if found.refused:
        error: dict[str, Any] = (found.answer.errors or [{}])[0]
        code = error.get("extensions", {}).get("code", "INTERNAL")
        typer.echo(f"{code}: {error.get('message', '')}", err=True)
        raise typer.Exit(1)
    return found.answer.data


def _shown(
    told: Any,
    header: list[str],
    rows: list[list[Any]],
    csv: Path | None,
    *,
    bom: bool,
    as_json: bool,
) -> None:
    from service.csv_table import csv_table

    if csv is not None:
        made = csv_table(header, rows, bom=bom)
        if str(csv) == "-":
            sys.stdout.buffer.write(made)
        else:
            with explained():
                csv.write_bytes(made)
        return
    if as_json:
        print_json(told)
        return
    print_cells(header, rows)
