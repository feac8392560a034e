"""What commands print: JSON for scripts, tables for people, errors with a code and a way out."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn
from unicodedata import category

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from service.cli.headings import heading

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})  # what a terminal does and does not show
_WIDE = 6  # columns; beyond, two languages above each take the place of what is told
_UNBOUNDED = 100_000  # characters of a line
_AGAIN = "see `xinqiao doctor`, then give the command again."
JSON_OPTION = typer.Option(False, "--json", help="Print JSON for scripts.")


class _Screen(Console):
    """A console that nothing of what is told steers: callers write documents, names and cases.

    Brackets are text and no markup of rich's, `:name:` is no picture; `styled` makes colours.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(_shown(segment.text), segment.style)


def _shown(text: str) -> str:
    """The text with escapes for what would not be seen, or do something."""
    return "".join(
        ascii(c)[1:-1] if category(c) in _HIDDEN and c not in "\n\t" else c for c in text
    )


def console() -> Console:
    """The console for people; results go to standard output."""
    return _Screen(highlight=False, markup=False, emoji=False, soft_wrap=True)


def notices() -> Console:
    """The console for progress and remarks; never mixed with a result."""
    return _Screen(stderr=True, highlight=False, markup=False, emoji=False)


def styled(style: str, text: str, rest: str = "") -> Text:
    """Text of which the first part has a style of rich's, such as `bold red`."""
    return Text.assemble((text, style), rest)


def print_json(value: Any) -> None:
    """Print one JSON value, UTF-8, as a script reads it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_table(rows: Sequence[Mapping[str, Any]], whole: Collection[str] = ()) -> None:
    """Print rows of equal columns for people; cells of the columns `whole` keep to one line."""
    if not rows:
        console().print("无 none")
        return
    titles = [heading(name, brief=len(rows[0]) > _WIDE) for name in rows[0]]
    kept = [title for name, title in zip(rows[0], titles, strict=True) if name in whole]
    print_cells(titles, [list(row.values()) for row in rows], kept)


def print_cells(
    titles: Sequence[str], rows: Sequence[Sequence[Any]], whole: Collection[str] = ()
) -> None:
    """Print a table with these headings; one of many columns that is wider than the screen line by
    line. Nothing is cut off: codes and ids are what the next command takes."""
    out = console()
    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold", no_wrap=title in whole)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    free = out.options.update(max_width=_UNBOUNDED)
    if len(titles) <= _WIDE or Measurement.get(out, free, table).maximum <= out.width:
        out.print(table)
        return
    for number, row in enumerate(rows, 1):
        out.print(f"── {number} ──")
        for title, value in zip(titles, row, strict=True):
            if shown := _cell(value):
                out.print(f"{title}: {shown}")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else _shown(str(value))


def fail(code: str, message: str, status: int = 2) -> NoReturn:
    """End the command with a coded error on standard error."""
    notices().print(styled("bold red", code, f": {message}"), soft_wrap=True)
    raise typer.Exit(status)


@contextmanager
def explained() -> Iterator[None]:
    """Turn coded errors, files that cannot be used and a database that is away into the last line
    and exit status 2."""
    try:
        yield
    except Exception as error:
        code = getattr(error, "code", None)
        if isinstance(error, OSError) and error.filename is not None:
            fail("FILE_UNUSABLE", f"{error.filename}: {error.strerror}")
        if not isinstance(code, str):
            from store.outage import is_outage

            if is_outage(error):
                why = str(error).partition("\n")[0] or type(error).__name__
                fail("STORE_UNAVAILABLE", f"the database does not answer ({why}): {_AGAIN}")
            if isinstance(error, OSError):
                fail("FILE_UNUSABLE", str(error))
            raise
        fail(code, getattr(error, "message", None) or str(error))
