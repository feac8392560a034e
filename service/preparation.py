"""A node's database brought up to this release, before anything is done with it.

It loads nothing that answers questions: most commands do it, and end within a second.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg

from schema.records import kinds
from service.enrolment import enrol_identities, node_directory, record_agreements
from service.home import NodeHome
from service.kinds import served_kinds
from service.partnership import enrol_partners
from service.recognition import record_mappings
from service.settings import Settings
from store.edition import load_demo_catalogues
from store.hot import ensure_hot_columns
from store.migrations import migrate
from store.reference import load_reference
from store.scheme import load_schemes
from store.wall import raise_walls


async def prepare_database(dsn: str, root: Path, settings: Settings) -> None:
    """Bring a node's database up to this release: tables, reference data, who is known."""
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await ensure_hot_columns(connection, kinds())
        await raise_walls(connection, kinds())
        await load_reference(connection, demo=settings.demo)
        await load_schemes(connection)
        node_home = NodeHome(root, settings.node)
        if settings.demo:
            await load_demo_catalogues(connection, kinds(), settings.region, settings.domain_date())
            await enrol_identities(node_directory(connection, node_home, "demo"), root)
        else:
            by = "papers of the partner"
            await enrol_partners(node_directory(connection, node_home, by), root, settings)
        await record_agreements(connection, root, await served_kinds(connection))
        await record_mappings(connection, root)
    finally:
        await connection.close()
