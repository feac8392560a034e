"""Department files taken into a node of this machine, its server started when none runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from service.cli.output import notices
from service.collecting import IMPORTING, seldom_collected
from service.database import database
from service.enrolment import establish
from service.home import NodeHome
from service.kinds import served_kinds
from service.preparation import prepare_database
from service.settings import Settings, load_settings
from service.world.city import CITIES
from store.errors import StoreError
from store.intake import ImportSummary, IntakeRules, import_paths
from store.intake.bulk import CityFiles, LoadSummary, load_files
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
            with bar, seldom_collected(IMPORTING):
                async with pool.acquire() as connection, writing_keys(connection):
                    return await import_paths(
                        pool,
                        paths,
                        kinds=await served_kinds(pool),
                        cipher=_cipher(node_home.keys),
                        region=settings.region,
                        platform=settings.node,
                        today=settings.domain_date(),
                        sent_on=sent_on,
                        kind=kind,
                        report_dir=report_dir,
                        progress=_shown(bar),
                        demo=settings.demo,
                        rules=_rules(settings),
                    )
        finally:
            await pool.close()


async def load_world(
    root: Path, node: str, world: Path, *, all_cities: bool = False, workers: int | None = None
) -> LoadSummary:
    """Load a written world into a node without subjects; `all_cities` takes the other's feeds too.

    Raises StoreError `NODE_NOT_EMPTY`, `FILES_NONE`; SettingsError, ServerError.
    """
    establish(root)
    node_home = NodeHome(root, node)
    settings = load_settings(node_home)
    cities = [
        CityFiles((world / "feeds" / city.slug,), city.division, city.slug)
        for city in CITIES
        if all_cities or city.division == settings.region
    ]
    if missing := [str(path) for city in cities for path in city.paths if not path.is_dir()]:
        raise StoreError(
            "FILES_NONE", f"{missing[0]} is no folder: write a world with `xinqiao world --out`."
        )
    with database(settings, node_home) as dsn:
        await prepare_database(dsn, root, settings)
        pool = await open_pool(dsn)
        try:
            kinds = await served_kinds(pool)
        finally:
            await pool.close()
        with _stages() as bar:
            return await load_files(
                dsn,
                cities,
                kinds=kinds,
                ciphers=partial(_cipher, node_home.keys),
                today=settings.domain_date(),
                demo=settings.demo,
                rules=_rules(settings),
                workers=workers,
                progress=_shown_stage(bar),
            )


def _cipher(keys: Path) -> FieldCipher:
    return FieldCipher(KeyFolder(keys))


def _rules(settings: Settings) -> IntakeRules:
    return IntakeRules(Transition(settings.rule_transition), settings.person_utility_arrears)


def _shown(bar: Progress) -> Callable[[Path, int, int], None]:
    """What intake calls with the file, the bytes read and its size; one line per file."""
    tasks: dict[Path, TaskID] = {}

    def show(path: Path, done: int, size: int) -> None:
        if path not in tasks:
            tasks[path] = bar.add_task(path.name, total=size)
        bar.update(tasks[path], completed=done)

    return show


def _stages() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=notices(),
        transient=True,
    )


def _shown_stage(bar: Progress) -> Callable[[str, int, int], None]:
    """What a first load calls with its stage; one line per stage."""
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done)

    return show
