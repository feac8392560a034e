"""Submitted files taken in: the job INTAKE, whose reading runs in a process of its own.

The file lies in the node's folder while it is read, for the node's account alone, and is deleted
then. Intake itself is that of `xinqiao import`: chunks that were acknowledged are never read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from resolvers.answer import NOTHING
from resolvers.context import Context
from resolvers.errors import QuestionError
from resolvers.job import Progress
from resolvers.job_handler import JobKind
from security.errors import LogUnavailableError, SecurityError
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.policy import PolicyError
from service.collecting import IMPORTING, seldom_collected
from service.home import NodeHome, open_folder
from service.kinds import served_kinds
from service.settings import load_settings
from store import submission as submissions
from store.errors import StoreError
from store.intake import IntakeRules, import_paths
from store.intake.opening import open_readings
from store.intake.source import examine
from store.pool import open_pool
from store.rotation import writing_keys
from store.rule_set import Transition
from store.upload import drop, kept
from sync.errors import AgreementError

if TYPE_CHECKING:
    from service.node import Node

_log = logging.getLogger("xinqiao.jobs")

_LOOK = 0.5
_REFUSALS = (QuestionError, PolicyError, AgreementError, SecurityError)


@dataclass(frozen=True, slots=True)
class Order:
    """What the reading process is told; `kinds` and `unit` are None for stewards."""

    root: Path
    node: str
    dsn: str
    path: Path
    kind: str | None
    sent_on: date | None
    unit: str | None
    kinds: frozenset[str] | None


def intake(node: Node) -> JobKind:
    """The kind of job that takes submitted files in."""
    return JobKind(partial(_take_in, node))


async def _take_in(
    node: Node,
    context: Context,  # noqa: ARG001 - the shape of every handler
    arguments: Mapping[str, Any],
    progress: Progress,
) -> None:
    id_, unit = UUID(arguments["submission"]), arguments["unit"]
    pool = node.work_pool
    found = await submissions.submission(pool, id_)
    if found is None:
        raise QuestionError("JOB_UNKNOWN", "the submission is gone: submit the file again")
    if progress.parts:  # it was read, and only its end was not entered
        return
    name = f".submission-{id_}"
    try:
        content = await kept(pool, found.caller, name, node.keeping.opened)
    except StoreError as error:
        if found.state == "DONE":  # by an attempt whose result was for a scope of before
            return
        raise QuestionError(error.code, error.message) from error
    folder = open_folder(node.home.path / "submissions", 0o700) / str(id_)
    try:
        await asyncio.to_thread(_written, folder, found.file_name, content)
        await submissions.settle(pool, id_, "READING")
        order = Order(
            node.root,
            node.settings.node,
            node.dsn,
            folder / found.file_name,
            found.kind,
            found.sent_on,
            unit,
            _kinds_of(node, unit),
        )
        telling = asyncio.create_task(_tell(folder, len(content), progress))
        try:
            result = await progress.compute(read_file, order)
        except StoreError as error:
            await submissions.settle(pool, id_, "REFUSED", (), error.code, error.message)
            raise QuestionError(error.code, error.message) from error
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        batches = [UUID(batch) for batch in result["batches"]]
        await submissions.settle(pool, id_, "DONE", batches)
        await progress.told(len(content), len(content), "read")
        try:
            await progress.put([{"submission": str(id_), **result}], NOTHING)
        except LogUnavailableError:
            raise
        except _REFUSALS as error:  # who sent it reads no result, and what is taken in stays
            _log.info("submission %s is in, its result is not told: %s", id_, error.code)
        await drop(pool, found.caller, name)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _kinds_of(node: Node, unit: str | None) -> frozenset[str] | None:
    """The kinds that the unit reports, by the information catalogue in force."""
    if unit is None:
        return None
    items = node.catalogues.on(node.settings.domain_date()).items.values()
    return frozenset(
        item.kind for item in items if any(provider.uscc == unit for provider in item.providers)
    )


def _written(folder: Path, name: str, content: bytes) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(content)


async def _tell(folder: Path, size: int, progress: Progress) -> None:
    """Pass on how far the reading process is."""
    while True:
        await asyncio.sleep(_LOOK)
        with contextlib.suppress(OSError, ValueError):
            done = int((folder / ".done").read_text())
            await progress.told(min(done, size), size, "reading")


def read_file(order: Order) -> dict[str, Any]:
    """Take a file in, in this process; raises StoreError when nothing of it can be taken."""
    with seldom_collected(IMPORTING):
        return asyncio.run(_read(order))


def _note(done: Path, _: Path, read: int, __: int) -> None:
    done.write_text(str(read))


async def _read(order: Order) -> dict[str, Any]:
    home = NodeHome(order.root, order.node)
    settings = load_settings(home)
    pool = await open_pool(order.dsn)
    try:
        kinds = await served_kinds(pool)
        if order.kinds is not None:
            for reading in open_readings(order.path, examine(order.path), kinds, order.kind):
                if reading.layout.name not in order.kinds:
                    raise StoreError(
                        "KIND_NOT_REPORTED",
                        "By the catalogue in force your unit does not report this kind: see"
                        " `catalogue`, or ask a steward.",
                    )
        done = order.path.with_name(".done")
        async with pool.acquire() as connection, writing_keys(connection):
            summary = await import_paths(
                pool,
                [order.path],
                kinds=kinds,
                cipher=FieldCipher(KeyFolder(home.keys)),
                region=settings.region,
                platform=settings.node,
                today=settings.domain_date(),
                sent_on=order.sent_on,
                kind=order.kind,
                report_dir=order.path.with_name(".report"),
                progress=partial(_note, done),
                demo=settings.demo,
                rules=IntakeRules(
                    Transition(settings.rule_transition),
                    settings.person_utility_arrears,
                    order.unit,
                ),
            )
    finally:
        await pool.close()
    return {
        "lines": summary.lines,
        "accepted": summary.accepted,
        "withFindings": summary.with_findings,
        "rejected": summary.rejected,
        "batches": [str(batch.batch_id) for batch in summary.batches],
    }
