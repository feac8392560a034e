"""What commands print: JSON for scripts, tables for people, errors with a code and a way out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

JSON_OPTION = typer.Option(False, "--json", help="Print JSON for scripts.")


def console() -> Console:
    """The console for people; results go to standard output."""
    return Console(highlight=False, soft_wrap=True)


def notices() -> Console:
    """The console for progress and remarks; never mixed with a result."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON value, UTF-8, as a script reads it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of equal columns for people."""
    if not rows:
        console().print("无 none")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return escape(", ".join(str(part) for part in value))
    return "" if value is None else escape(str(value))


def fail(code: str, message: str, status: int = 2) -> NoReturn:
    """End the command with a coded error on standard error."""
    notices().print(f"[bold red]{code}[/]: {escape(message)}", soft_wrap=True)
    raise typer.Exit(status)


@contextmanager
def explained() -> Iterator[None]:
    """Turn coded errors and files that cannot be used into the last line and exit status 2."""
    try:
        yield
    except Exception as error:
        code = getattr(error, "code", None)
        if isinstance(error, OSError) and error.filename is not None:
            fail("FILE_UNUSABLE", f"{error.filename}: {error.strerror}")
        if not isinstance(code, str):
            raise
        fail(code, getattr(error, "message", None) or str(error))
