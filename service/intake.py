"""Department files taken into a node of this machine, its server started when none runs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from service.cli.output import notices
from service.database import database
from service.enrolment import establish
from service.home import NodeHome
from service.kinds import served_kinds
from service.node import prepare_database
from service.settings import load_settings
from store.intake import ImportSummary, IntakeRules, import_paths
from store.pool import open_pool
from store.rotation import writing_keys
from store.rule_set import Transition


async def import_into(
    root: Path,
    node: str,
    paths: Sequence[Path],
    *,
    report_dir: Path,
    kind: str | None = None,
    sent_on: date | None = None,
) -> ImportSummary:
    """Import files into a node with a progress bar on standard error.

    Raises StoreError, SettingsError, ServerError.
    """
    establish(root)
    node_home = NodeHome(root, node)
    settings = load_settings(node_home)
    with database(settings, node_home) as dsn:
        await prepare_database(dsn, root, settings)
        pool = await open_pool(dsn)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=notices(),
            transient=True,
        )
        try:
            with bar, seldom_collected():
                async with pool.acquire() as connection, writing_keys(connection):
                    return await import_paths(
                        pool,
                        paths,
                        kinds=await served_kinds(pool),
                        cipher=FieldCipher(KeyFolder(node_home.keys)),
                        region=settings.region,
                        platform=settings.node,
                        today=settings.domain_date(),
                        sent_on=sent_on,
                        kind=kind,
                        report_dir=report_dir,
                        progress=_shown(bar),
                        demo=settings.demo,
                        rules=IntakeRules(
                            Transition(settings.rule_transition), settings.person_utility_arrears
                        ),
                    )
        finally:
            await pool.close()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """The cycle collector looks rarely, and never at what is loaded by now.

    An import makes many objects and few cycles; by the usual thresholds a twelfth of its time
    went into looking for them.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _shown(bar: Progress) -> Callable[[Path, int, int], None]:
    """What intake calls with the file, the bytes read and its size; one line per file."""
    tasks: dict[Path, TaskID] = {}

    def show(path: Path, done: int, size: int) -> None:
        if path not in tasks:
            tasks[path] = bar.add_task(path.name, total=size)
        bar.update(tasks[path], completed=done)

    return show
