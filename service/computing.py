"""A function run in a process of its own, so that the node goes on answering meanwhile."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

_START = multiprocessing.get_context("spawn")


class ComputationError(Exception):
    """The process ended without a result, or its function raised what cannot be sent back."""


async def computed(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function of a module; arguments and result are pickled.

    When the caller is cancelled the process is killed. Raises what the function raises, and
    ComputationError when the process dies.
    """
    ours, theirs = _START.Pipe()
    process = _START.Process(target=_run, args=(theirs, function, arguments), daemon=True)
    starting = asyncio.ensure_future(asyncio.to_thread(process.start))
    try:
        await asyncio.shield(starting)
        theirs.close()
        result, error = await asyncio.to_thread(_received, ours)
    finally:
        await asyncio.wait({starting})  # what is only just starting is ended as well
        if process.pid is not None:
            process.kill()
            await asyncio.shield(asyncio.to_thread(process.join))
        ours.close()
    if error is not None:
        raise error
    return result


def _received(ours: Connection) -> tuple[Any, Exception | None]:
    try:
        told: tuple[Any, Exception | None] = ours.recv()
    except (EOFError, OSError):
        return None, ComputationError("the computing process ended without a result")
    except Exception as error:  # what can be pickled and not be made again
        return None, ComputationError(f"{type(error).__name__} while reading the result")
    return told


def _end_with(theirs: Connection) -> None:
    """End this process when the node ends, however that does: nothing is ever sent this way."""
    try:
        theirs.recv()
    except (EOFError, OSError):
        os._exit(1)


def _run(theirs: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    Thread(target=_end_with, args=(theirs,), daemon=True).start()
    try:
        told: tuple[Any, Exception | None] = (function(*arguments), None)
    except Exception as error:
        told = (None, error)
    try:
        theirs.send(told)
    except Exception as error:  # what cannot be pickled
        theirs.send((None, ComputationError(f"{type(error).__name__} while sending the result")))
