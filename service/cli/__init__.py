"""The command line `xinqiao`: one module a command, each importing what it needs when it runs.

A command line that names its command builds this one alone: building all of them costs more than
most commands do, and a shell that completes a word asks at each press of the tab key.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import typer

from service.collecting import IMPORTING
from service.process import endings

# Name, module and function, or a group's application; in the order of the help.
_COMMANDS = {
    "run": ("run", "run"),
    "serve": ("run", "serve"),
    "import": ("intake", "import_files"),
    "world": ("world", "application"),
    "query": ("query", "query"),
    "analysis": ("analysis", "analysis"),
    "statistics": ("analysis", "statistics"),
    "identify": ("identify", "identify"),
    "match": ("match", "match"),
    "doctor": ("doctor", "doctor"),
    "console": ("console", "console"),
    "graph": ("graph", "application"),
    "audit": ("audit", "application"),
    "key": ("key", "application"),
    "authorisation": ("authorisation", "application"),
    "approval": ("approval", "application"),
    "case": ("case", "application"),
    "catalogue": ("catalogue", "application"),
    "mapping": ("mapping", "application"),
    "queue": ("queue", "application"),
    "record": ("record", "application"),
    "trusted": ("trusted", "application"),
}


def application(named: str | None = None) -> typer.Typer:
    """The command line with the command that is named, with all of them when none is."""
    cli = typer.Typer(
        help="Xinqiao 信桥: a credit data node of a city.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )
    # With a callback it stays a group, also when it holds one command.
    cli.callback()(_group)
    for name, (module, attribute) in _COMMANDS.items():
        if named not in _COMMANDS or name == named:
            command = getattr(import_module(f"service.cli.{module}"), attribute)
            if isinstance(command, typer.Typer):
                cli.add_typer(command, name=name)
            else:
                cli.command(name)(command)
    return cli


def _group() -> None:
    pass


def _named() -> str | None:
    """The first word after the program's name, typed or being completed."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS")
    words = line.split() if "_XINQIAO_COMPLETE" in os.environ and line else sys.argv
    return words[1] if len(words) > 1 else None


def _open_streams() -> None:
    """Have a stream that was closed say nothing: the next file would be opened in its place.

    What a terminal cannot show, GBK's no check mark, is printed as an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end_in_order() -> None:
    """Have a command that is told to end do so as at Ctrl-C: it may have started a database."""
    for one in endings():
        if one is not signal.SIGINT:
            signal.signal(one, _interrupt)


def _interrupt(*_: object) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def main() -> None:
    """The entry point `xinqiao`."""
    gc.set_threshold(IMPORTING, 20, 50)
    _open_streams()
    _end_in_order()
    logging.getLogger("asyncpg").setLevel(logging.ERROR)  # a command says itself what failed
    try:
        application(_named())()
    except KeyboardInterrupt:  # before the command was built
        sys.exit(130)
    except OSError as error:  # a result that cannot be written
        print(f"FILE_UNUSABLE: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what Python writes at its end
        sys.exit(2)
