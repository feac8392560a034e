"""Cases 案件: matters of a unit under a number, and the subjects that each names.

Offices read a person's data only for the matter that names the person (access rules §3, DEPT),
stewards unmask only inside an open case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from asyncpg import Record

from security.entry import redacted
from security.policy import PolicyError, names_something

MAX_PERSONS = 20
"""Natural persons of one matter without prior review (access rules §5.2)."""
# Access rules §3: the purposes of DEPT and of STEWARD.
_OF_UNITS = frozenset({"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"})
_OF_STEWARDS = frozenset({"P13", "P16"})


@dataclass(frozen=True, slots=True)
class Case:
    """A matter of a unit; `subjects` counts whom it names."""

    unit: str
    number: str
    purpose: str
    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    subjects: int


class Connection(Protocol):
    """What cases need of an asyncpg connection or pool."""

    async def fetch(self, query: str, *args: object) -> list[Record]: ...

    async def fetchval(self, query: str, *args: object) -> object: ...

    async def execute(self, query: str, *args: object) -> str: ...


async def open_case(
    connection: Connection,
    unit: str,
    number: str,
    purpose: str,
    subjects: Sequence[UUID],
    opened_by: str,
) -> None:
    """Open a matter, or add subjects to one that is open.

    Raises PolicyError CASE_MALFORMED without a number or for a purpose that no reader of cases
    may ask for, CASE_CLOSED for a number that was closed, CASE_OTHER_PURPOSE for one that
    was opened for another purpose, CASE_PERSONS above 20 natural persons.
    """
    if not names_something(number) or purpose not in (_OF_UNITS if unit else _OF_STEWARDS):
        raise PolicyError(
            "CASE_MALFORMED",
            "name the number, and one of P1 to P8 for a unit's matter, P13 or P16 for a steward's",
        )
    if redacted(number) != number:
        raise PolicyError(
            "CASE_MALFORMED", "leave identity card numbers out of the case number: logs keep it"
        )
    opened = await connection.fetch(
        "INSERT INTO case_matter AS c (unit_uscc, number, purpose, opened_by)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (unit_uscc, number)"
        " DO UPDATE SET purpose = c.purpose RETURNING purpose, closed_at",
        unit,
        number,
        purpose,
        redacted(opened_by),
    )
    if opened[0]["closed_at"] is not None:
        raise PolicyError("CASE_CLOSED", "this number was closed: open the matter under another")
    if opened[0]["purpose"] != purpose:
        raise PolicyError(
            "CASE_OTHER_PURPOSE", "this number was opened for another purpose: name that one"
        )
    await connection.execute(
        "INSERT INTO case_subject (subject_id, unit_uscc, number)"
        " SELECT id, $2, $3 FROM unnest($1::uuid[]) id ON CONFLICT DO NOTHING",
        list(subjects),
        unit,
        number,
    )
    persons = await connection.fetchval(
        "SELECT count(*) FROM case_subject c JOIN subject s USING (subject_id)"
        " WHERE c.unit_uscc = $1 AND c.number = $2 AND s.category = 'NATURAL_PERSON'",
        unit,
        number,
    )
    if isinstance(persons, int) and persons > MAX_PERSONS:
        raise PolicyError(
            "CASE_PERSONS", f"a matter names at most {MAX_PERSONS} natural persons without review"
        )


async def close_case(connection: Connection, unit: str, number: str) -> bool:
    """Close a matter: nothing rests on it any longer; False when none is open."""
    found = await connection.fetchval(
        "UPDATE case_matter SET closed_at = now() WHERE unit_uscc = $1 AND number = $2"
        " AND closed_at IS NULL RETURNING true",
        unit,
        number,
    )
    return found is not None


async def case_subjects(
    connection: Connection, unit: str, number: str, purpose: str | None
) -> frozenset[UUID]:
    """The subjects that an open matter of the unit names, empty when none is open for it."""
    rows = await connection.fetch(
        "SELECT s.subject_id FROM case_matter m JOIN case_subject s USING (unit_uscc, number)"
        " WHERE m.unit_uscc = $1 AND m.number = $2 AND m.purpose = $3 AND m.closed_at IS NULL",
        unit,
        number,
        purpose,
    )
    return frozenset(row["subject_id"] for row in rows)


async def cases(connection: Connection, unit: str | None = None) -> list[Case]:
    """List matters, newest first; with `unit` only that unit's."""
    rows = await connection.fetch(
        "SELECT m.*, (SELECT count(*) FROM case_subject s WHERE s.unit_uscc = m.unit_uscc"
        " AND s.number = m.number) AS subjects FROM case_matter m"
        " WHERE $1::text IS NULL OR unit_uscc = $1 ORDER BY opened_at DESC, number LIMIT 1000",
        unit,
    )
    return [
        Case(
            row["unit_uscc"],
            row["number"],
            row["purpose"],
            row["opened_by"],
            row["opened_at"],
            row["closed_at"],
            row["subjects"],
        )
        for row in rows
    ]
