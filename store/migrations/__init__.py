"""Forward-only migrations: plain SQL files applied in order, once, by whoever starts first."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

import asyncpg

_LOCK = 0x58_49_4E_51_49_41_4F  # "XINQIAO": one advisory lock for all starters
_log = logging.getLogger("xinqiao.database")

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


OLDEST = 180_000  # server_version_num: statements use RETURNING old and new


class MigrationError(Exception):
    """The database cannot be brought up to this release; `message` says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Migration(NamedTuple):
    """One SQL file; `digest` guards against a later edit of what was already applied."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> Iterator[Migration]:
    """The migrations of this release in order."""
    for entry in sorted(resources.files(__name__).iterdir(), key=lambda e: e.name):
        match = _NAME.match(entry.name)
        if match:
            yield Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8"))


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to this release and return the names applied now.

    Safe when several processes start at once: they queue on an advisory lock.
    Raises MigrationError `POSTGRES_TOO_OLD` before PostgreSQL 18, `MIGRATION_CHANGED` when an
    applied file was edited afterwards, `STORE_NEWER` when one was applied that is not here.
    """
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT current_setting('server_version_num')::int") < OLDEST:
            raise MigrationError("POSTGRES_TOO_OLD", "Xinqiao needs PostgreSQL 18 or newer.")
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (number integer PRIMARY KEY,"
            " name text NOT NULL, digest text NOT NULL, applied_at timestamptz DEFAULT now())"
        )
        applied = {
            row["number"]: row["digest"]
            for row in await connection.fetch("SELECT number, digest FROM schema_migration")
        }
        ours = list(migrations())
        if later := sorted(set(applied) - {one.number for one in ours}):
            raise MigrationError(
                "STORE_NEWER",
                f"a later release has changed this database (migration {later[-1]:04}): start that"
                " release, or restore a backup from before",
            )
        done = []
        for migration in ours:
            known = applied.get(migration.number)
            if known is None:
                if applied:  # on what a former release kept it may take minutes
                    _log.info("changing the database: %s", migration.name)
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "INSERT INTO schema_migration (number, name, digest) VALUES ($1, $2, $3)",
                        migration.number,
                        migration.name,
                        migration.digest,
                    )
                done.append(migration.name)
            elif known != migration.digest:
                raise MigrationError(
                    "MIGRATION_CHANGED",
                    f"{migration.name} was edited after it was applied; restore it and add a new"
                    " migration instead",
                )
        return done
    finally:
        await connection.close()
