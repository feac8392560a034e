"""From what an operator types to the one subject of a node."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from resolvers.global_id import read_global_id
from resolvers.pseudonym import person_of, scope_key
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from service.enrolment import EnrolmentError
from service.home import NodeHome
from service.settings import load_settings
from store.identifiers.identity_number import id_number

_PERSON_SCHEMES = ("id", "identity_card")


async def subject_of(
    connection: asyncpg.Connection[Any], home: NodeHome, text: str, role: str = ""
) -> UUID:
    """The one subject that a text names; EnrolmentError SUBJECT_UNKNOWN when there is none.

    `text` is any open code, `scheme:value`, an identity card number, or the global id of an
    organisation or of a person as callers of `role` see it.
    """
    told = read_global_id(text)
    found: list[UUID] = []
    if told is not None and told[0] == "Person":
        key = scope_key(KeyFolder(home.keys).secret("person-token-k1"), f"role:{role}")
        person = person_of(key, told[1])
        found = await _subjects(connection, "subject_id = $1", person) if person else []
    elif told is not None and told[0] == "Organisation":
        found = await _subjects(connection, "subject_id::text = $1", told[1])
    else:
        scheme, colon, value = text.partition(":")
        number = value if colon and scheme.lower() in _PERSON_SCHEMES else text
        demo = load_settings(home).demo
        judged = id_number(number, on=datetime.now(UTC).date(), demo=demo)
        if judged.valid and len(judged.normalised) == 18:
            cipher = FieldCipher(KeyFolder(home.keys))
            indexes = list(cipher.blind_indexes("person_number", judged.normalised))
            found = await _carriers(
                connection, "value = ANY($1) AND scheme = 'person_number'", indexes
            )
        if not found:
            from resolvers.lookup import read_code  # loads the compiler: many commands need none

            code = read_code(text)
            found = await _carriers(
                connection,
                "value = ANY($1) AND scheme = ANY($2) AND is_open",
                list(code.values),
                list(code.schemes),
            )
    if len(found) != 1:
        raise EnrolmentError(
            "SUBJECT_UNKNOWN", "no one subject of this node carries that code: give its USCC"
        )
    return found[0]


async def _subjects(connection: asyncpg.Connection[Any], where: str, *values: object) -> list[UUID]:
    rows = await connection.fetch(
        f"SELECT coalesce(merged_into, subject_id) AS id FROM subject WHERE {where}", *values
    )
    return [row["id"] for row in rows]


async def _carriers(connection: asyncpg.Connection[Any], where: str, *values: object) -> list[UUID]:
    rows = await connection.fetch(
        f"SELECT DISTINCT subject_id FROM identifier WHERE {where}", *values
    )
    return [row["subject_id"] for row in rows]
