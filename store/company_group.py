"""Company groups 企业族群 kept over time: ids that stay, and a log of what changed.

A group goes on under its id as long as it has its head; when that is gone, the new group that
takes over more than one half of its members goes on under it with another head. One statement
after another in one transaction, sets at a time, so a million firms are no loop in Python.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from store.connection import Connection

_LOCK = 0x58_49_4E_51_47_52_50  # one at a time finds groups

_MADE = """
CREATE TEMP TABLE found_group ON COMMIT DROP AS
SELECT head_id, count(*)::int AS size, g.group_id, false AS taken_over
  FROM found_member f
  LEFT JOIN (SELECT head_id, group_id FROM company_group WHERE ended_at IS NULL) g USING (head_id)
 GROUP BY head_id, g.group_id
"""
# Groups whose head is gone, and who has more than one half of their members now.
_TAKEN_OVER = """
WITH lost AS (
    SELECT g.group_id, g.size FROM company_group g
     WHERE g.ended_at IS NULL
       AND NOT EXISTS (SELECT FROM found_group f WHERE f.head_id = g.head_id)
), heirs AS (
    SELECT m.group_id, f.head_id, count(*) AS shared
      FROM lost JOIN company_group_member m USING (group_id)
      JOIN found_member f USING (subject_id)
      JOIN found_group n ON n.head_id = f.head_id AND n.group_id IS NULL
     GROUP BY m.group_id, f.head_id
    HAVING count(*) * 2 > min(lost.size)
), best AS (
    SELECT DISTINCT ON (head_id) head_id, group_id FROM heirs
     ORDER BY head_id, shared DESC, group_id
)
UPDATE found_group f SET group_id = best.group_id, taken_over = true
  FROM best WHERE best.head_id = f.head_id
"""
_CHANGES = (
    """
    INSERT INTO company_group_change (group_id, change, subject_id, other_id)
    SELECT g.group_id, 'HEAD_CHANGED', f.head_id, g.head_id
      FROM found_group f JOIN company_group g USING (group_id) WHERE f.taken_over
     ORDER BY g.group_id
    """,
    """
    INSERT INTO company_group_change (group_id, change, subject_id)
    SELECT f.group_id, 'CREATED', f.head_id FROM found_group f
     WHERE NOT EXISTS (SELECT FROM company_group g WHERE g.group_id = f.group_id)
     ORDER BY f.group_id
    """,
    """
    INSERT INTO company_group_change (group_id, change, subject_id, other_group)
    SELECT n.group_id, 'JOINED', f.subject_id, m.group_id
      FROM found_member f JOIN found_group n USING (head_id)
      LEFT JOIN company_group_member m USING (subject_id)
      JOIN company_group g ON g.group_id = n.group_id
     WHERE m.group_id IS DISTINCT FROM n.group_id
     ORDER BY n.group_id, f.subject_id
    """,
    """
    INSERT INTO company_group_change (group_id, change, subject_id, other_group)
    SELECT m.group_id, 'LEFT', m.subject_id, n.group_id
      FROM company_group_member m
      LEFT JOIN found_member f USING (subject_id) LEFT JOIN found_group n USING (head_id)
     WHERE m.group_id IS DISTINCT FROM n.group_id
     ORDER BY m.group_id, m.subject_id
    """,
    """
    WITH ended AS (
        UPDATE company_group g SET ended_at = now()
         WHERE g.ended_at IS NULL
           AND NOT EXISTS (SELECT FROM found_group f WHERE f.group_id = g.group_id)
        RETURNING g.group_id, g.head_id
    )
    INSERT INTO company_group_change (group_id, change, subject_id)
    SELECT group_id, 'ENDED', head_id FROM ended ORDER BY group_id
    """,
)
_KEPT = (
    """
    UPDATE company_group g SET head_id = f.head_id, size = f.size, snapshot = $1
      FROM found_group f WHERE f.group_id = g.group_id
       AND (g.head_id, g.size) IS DISTINCT FROM (f.head_id, f.size)
    """,
    """
    INSERT INTO company_group (group_id, head_id, size, snapshot)
    SELECT f.group_id, f.head_id, f.size, $1 FROM found_group f
     WHERE NOT EXISTS (SELECT FROM company_group g WHERE g.group_id = f.group_id)
    """,
)
_MEMBERS = (
    """
    DELETE FROM company_group_member m
     WHERE NOT EXISTS (SELECT FROM found_member f WHERE f.subject_id = m.subject_id)
    """,
    """
    INSERT INTO company_group_member (subject_id, group_id)
    SELECT f.subject_id, n.group_id FROM found_member f JOIN found_group n USING (head_id)
    ON CONFLICT (subject_id) DO UPDATE SET group_id = excluded.group_id, since = now()
     WHERE company_group_member.group_id <> excluded.group_id
    """,
)


async def found_in(connection: Connection) -> tuple[str, dt.date] | None:
    """The snapshot and day in which groups were last found, None when never."""
    row = await connection.fetchrow("SELECT snapshot, day FROM company_group_state")
    return None if row is None else (row["snapshot"], row["day"])


async def keep_groups(
    connection: Connection,
    members: Sequence[UUID],
    heads: Sequence[UUID],
    *,
    snapshot: str,
    day: dt.date,
) -> bool:
    """Keep the groups found in a snapshot: `heads` are the heads of `members`, place by place.

    False when somebody else is at it.
    """
    async with connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return False
        await connection.execute(
            "CREATE TEMP TABLE found_member (subject_id uuid PRIMARY KEY, head_id uuid NOT NULL)"
            " ON COMMIT DROP"
        )
        await connection.copy_records_to_table(
            "found_member", records=list(zip(members, heads, strict=True))
        )
        await connection.execute("ANALYZE found_member")
        await connection.execute(_MADE)
        await connection.execute(_TAKEN_OVER)
        await connection.execute(
            "UPDATE found_group SET group_id = gen_random_uuid() WHERE group_id IS NULL"
        )
        for statement in _CHANGES:
            await connection.execute(statement)
        for statement in _KEPT:
            await connection.execute(statement, snapshot)
        for statement in _MEMBERS:
            await connection.execute(statement)
        await connection.execute(
            "INSERT INTO company_group_state (snapshot, day) VALUES ($1, $2) ON CONFLICT (only_one)"
            " DO UPDATE SET snapshot = $1, day = $2, found_at = now()",
            snapshot,
            day,
        )
    return True
