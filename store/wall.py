"""The second wall: database roles that see no more than their kind of reader ever may.

The statements that answer questions hold the exact policy; a role holds what no mistake in them
may pass. Three roles, as design and access rules §2 and §7 ask: the public sees what is on
display, government what offices may read, the steward every record. A role reads only the tables
named here; numbers in them are encrypted with keys that no database holds. The owner of the
tables, who does the node's own work, has no wall.
"""

from __future__ import annotations

import hashlib
import logging
from enum import StrEnum
from typing import TYPE_CHECKING

import asyncpg

from store.display import displayed
from store.kind import Kinds

if TYPE_CHECKING:
    from store.connection import Connection, Queried

_log = logging.getLogger("xinqiao.wall")

_LOCK = 0x58_49_4E_51_57_41_4C  # one starter raises the walls at a time


class Wall(StrEnum):
    """The database roles, each named after who reads through it."""

    PUBLIC = "xinqiao_public"
    GOVERNMENT = "xinqiao_government"
    STEWARD = "xinqiao_steward"


DAY_SETTING = "xinqiao.today"
"""Session setting with the domain date of a demo; unset, the day is Shanghai's."""

_DAY = (
    f"coalesce(nullif(current_setting('{DAY_SETTING}', true), '')::date,"
    " (now() AT TIME ZONE 'Asia/Shanghai')::date)"
)
# What every reader's statements name; none of these says more of a person than that it exists.
_OPEN_TABLES = (
    "agreement",
    "batch",
    "batch_unit",
    "catalogue_edition",
    "catalogue_kind",
    "common_fragment",
    "grade_mapping",
    "grade_mapping_row",
    "grading_scheme",
    "identifier",
    "loan",
    "mirror_cursor",
    "organisation",
    "organisation_name",
    "partner_state",
    "person",
    "record",
    "region",
    "relation",
    "relation_version",
    "rule_set",
    "rule_tier",
    "subject",
    "unit",
    "working_day",
)
_REPORTED = ("reported_records", "reported_batches", "reported_findings")  # numbers, no rows
_TABLES = {
    Wall.PUBLIC: _OPEN_TABLES,
    Wall.GOVERNMENT: (
        *_OPEN_TABLES,
        "concert",
        "company_group",
        "company_group_change",
        "company_group_member",
        "company_group_state",
        "declared_interest",
        "person_token",
        "quality_issue",
        "stated_capital",
    ),
    Wall.STEWARD: (*_OPEN_TABLES, "batch_finding", "quality_issue"),
}


def _policies(kinds: Kinds) -> dict[tuple[str, Wall], str]:
    """By table and role, which rows it sees."""
    by_law = ", ".join(f"'{kind.name}'" for kind in kinds if kind.open_by_law)
    firm = "subject_category <> 'NATURAL_PERSON'"
    of_firms_or_by_law = f"({firm} OR kind IN ({by_law}))" if by_law else firm
    named = " OR ".join(
        f"EXISTS (SELECT FROM {table} t WHERE t.subject_id = {{}}.subject_id)"
        for table in ("relation", "record")
    )
    return {
        ("record", Wall.PUBLIC): f"{displayed('record', _DAY)} AND {of_firms_or_by_law}",
        ("record", Wall.GOVERNMENT): "status = 'VALID' AND class <> 'I'",
        ("record", Wall.STEWARD): "true",
        ("relation", Wall.PUBLIC): "class = 'O' AND status = 'VALID'",
        ("relation", Wall.GOVERNMENT): "class IN ('O', 'G') AND status = 'VALID'",
        ("relation", Wall.STEWARD): "true",
        ("declared_interest", Wall.GOVERNMENT): "class IN ('O', 'G') AND status = 'VALID'",
        ("relation_version", Wall.PUBLIC): "status = 'VALID' AND content ->> 'class' = 'O'",
        ("relation_version", Wall.GOVERNMENT): (
            "status = 'VALID' AND content ->> 'class' IN ('O', 'G')"
        ),
        ("relation_version", Wall.STEWARD): "true",
        ("quality_issue", Wall.GOVERNMENT): "unit_id <> ''",
        ("quality_issue", Wall.STEWARD): "true",
        ("person", Wall.PUBLIC): named.format("person", "person"),
        ("person", Wall.GOVERNMENT): "true",
        ("person", Wall.STEWARD): "true",
    }


async def raise_walls(connection: Connection, kinds: Kinds) -> bool:
    """Make the roles, what they read and which rows they see; False where we may not.

    Nothing is done when it was done before. A server where this account may not create roles is
    served without the second wall, and its log says so: create the three roles there and grant
    them to the account.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        statements = _statements(kinds)
        digest = hashlib.sha256("\n".join(statements).encode()).digest()
        if not await _roles(connection):
            return False
        if digest != await connection.fetchval("SELECT digest FROM wall"):
            for statement in statements:
                await connection.execute(statement)
            await connection.execute("DELETE FROM wall")
            await connection.execute("INSERT INTO wall (digest) VALUES ($1)", digest)
    return True


async def walls_stand(connection: Queried) -> bool:
    """Whether `raise_walls` was done and this account may become each of the roles."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM wall) AND count(*) = $1"
            "  FROM pg_roles WHERE rolname = ANY ($2) AND pg_has_role(oid, 'SET')",
            len(Wall),
            list(Wall),
        )
    )


async def _roles(connection: Connection) -> bool:
    """Have the three roles, and the right to become them."""
    try:
        async with connection.transaction():
            for wall in Wall:
                held = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", wall)
                if not held:
                    await connection.execute(f"CREATE ROLE {wall} NOLOGIN NOINHERIT")
                if not await connection.fetchval("SELECT pg_has_role($1, 'SET')", wall):
                    await connection.execute(f"GRANT {wall} TO CURRENT_USER")
    except asyncpg.InsufficientPrivilegeError:
        _log.warning(
            "no second wall: this account may not create the roles %s; create them and grant them"
            " to it",
            ", ".join(Wall),
        )
        return False
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        # Another database of this server was faster: roles belong to all of them.
        return await _roles(connection)
    return True


def _statements(kinds: Kinds) -> list[str]:
    """What makes the walls from nothing or from older ones."""
    policies = _policies(kinds)
    made = [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table, _ in policies]
    made = list(dict.fromkeys(made))
    for wall in Wall:
        made.append(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {wall}")
        made.append(f"GRANT USAGE ON SCHEMA public TO {wall}")
        made.append(f"GRANT SELECT ON {', '.join(_TABLES[wall])} TO {wall}")
        made.append(f"GRANT EXECUTE ON FUNCTION repaired_within TO {wall}")
    for wall in (Wall.GOVERNMENT, Wall.STEWARD):
        made += [f"GRANT EXECUTE ON FUNCTION {one} TO {wall}" for one in _REPORTED]
    for (table, wall), rows in policies.items():
        made.append(f"DROP POLICY IF EXISTS {wall} ON {table}")
        made.append(f"CREATE POLICY {wall} ON {table} FOR SELECT TO {wall} USING ({rows})")
    return made
