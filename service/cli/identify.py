"""`xinqiao identify`: check codes of organisations and persons."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from service.cli.output import JSON_OPTION, print_json, print_table


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
        print_table(
            [
                {
                    "代码 code": one.input,
                    "种类 kind": one.kind or "?",
                    "有效 valid": one.valid,
                    "规范形式 normalised": one.normalised,
                    "发现 findings": "\n".join(f"{f.code} {f.message}" for f in one.findings),
                }
                for one in found
            ],
            whole=("代码 code",),
        )
