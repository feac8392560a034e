"""`xinqiao identify`: check codes of organisations and persons."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.table import Table

from service.cli.output import JSON_OPTION, console, print_json


def identify(
    codes: Annotated[list[str], typer.Argument(help="Codes to check.")],
    kind: Annotated[
        str | None, typer.Option(help="Force a kind: uscc, org_code, id_number or reg_no.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option(help="An unknown authority or class is a warning only.")
    ] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Check codes 识别代码. Exit status: 0 judged (valid or not), 2 unusable call."""
    from datetime import datetime

    from service.settings import SHANGHAI
    from store.identifiers import identify as judge

    today: date = datetime.now(SHANGHAI).date()
    if kind is not None and kind not in ("uscc", "org_code", "id_number", "reg_no"):
        raise typer.BadParameter("one of uscc, org_code, id_number, reg_no", param_hint="--kind")
    found = [
        judge(code, kind, strict=not lenient, on=today, demo=True)  # type: ignore[arg-type]
        for code in codes
    ]
    if as_json:
        print_json([one.to_json() for one in found])
    else:
        table = Table(
            "代码 code", "种类 kind", "有效 valid", "规范形式 normalised", "发现 findings"
        )
        for one in found:
            findings = "\n".join(f"{f.severity} {f.code}" for f in one.findings)
            table.add_row(
                one.input, one.kind or "?", "是" if one.valid else "否", one.normalised, findings
            )
        console().print(table)
