"""What is under keys of fields, table by table: brought under the newest key, chunk by chunk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import asyncpg
import orjson

from store.cipher import Cipher
from store.subject import CASE, NUMBER, STUB, case_key, stub_key

if TYPE_CHECKING:
    from store.connection import Connection

_NUMBER = b"person.number"
_APPROVAL = b"approval.question"
_CARD = "IDENTITY_CARD"


class KeyUse(StrEnum):
    """What a rotated key is for: encrypting fields, or indexing persons blindly."""

    FIELD = "field"
    BLIND = "blind"


class Rekeyed(Cipher, Protocol):
    """A cipher that has several keys, the newest of which is to be used."""

    def opened(self, data: bytes, context: bytes) -> str | None:
        """The text of a ciphertext under any of the keys, None when it cannot be read."""
        ...

    def is_current(self, data: bytes) -> bool:
        """Whether a ciphertext is under the newest key."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """What a chunk did."""

    place: str | None  # after which the next chunk begins; None when the step is over
    changed: int
    unreadable: int = 0


async def _persons(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    rows = await connection.fetch(
        "SELECT subject_id, id_number FROM person WHERE subject_id > $1"
        " ORDER BY subject_id LIMIT $2",
        _uuid(place),
        size,
    )
    renewed, unreadable = _renewed(
        cipher, [(row["subject_id"], row["id_number"], _NUMBER) for row in rows if row["id_number"]]
    )
    await connection.executemany(
        "UPDATE person SET id_number = $3 WHERE subject_id = $1 AND id_number = $2", renewed
    )
    return Done(_after(rows, size, "subject_id"), len(renewed), unreadable)


async def _rejected(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    batch, _, line = place.partition(":")
    rows = await connection.fetch(
        "SELECT batch_id, line_no, line FROM batch_rejected WHERE (batch_id, line_no) > ($1, $2)"
        " ORDER BY batch_id, line_no LIMIT $3",
        _uuid(batch),
        int(line or -1),
        size,
    )
    renewed, unreadable = _renewed(
        cipher,
        [((row["batch_id"], row["line_no"]), row["line"], row["batch_id"].bytes) for row in rows],
    )
    await connection.executemany(
        "UPDATE batch_rejected SET line = $4 WHERE batch_id = $1 AND line_no = $2 AND line = $3",
        [(*key, old, new) for key, old, new in renewed],
    )
    return Done(_after(rows, size, "batch_id", "line_no"), len(renewed), unreadable)


async def _approvals(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    rows = await connection.fetch(
        "SELECT approval_id, question FROM approval WHERE approval_id > $1 AND question IS NOT NULL"
        " ORDER BY approval_id LIMIT $2",
        place,
        size,
    )
    renewed, unreadable = _renewed(
        cipher, [(row["approval_id"], row["question"], _APPROVAL) for row in rows]
    )
    await connection.executemany(
        "UPDATE approval SET question = $3 WHERE approval_id = $1 AND question = $2", renewed
    )
    return Done(_after(rows, size, "approval_id"), len(renewed), unreadable)


def _renewed(
    cipher: Rekeyed, values: Iterable[tuple[Any, bytes, bytes]]
) -> tuple[list[tuple[Any, bytes, bytes]], int]:
    """(key, old, new) of what is under an old key, and how many cannot be read."""
    renewed, unreadable = [], 0
    for key, old, context in values:
        if cipher.is_current(old):
            continue
        plain = cipher.opened(old, context)
        if plain is None:
            unreadable += 1
        else:
            renewed.append((key, old, cipher.encrypt(plain, context)))
    return renewed, unreadable


async def _secrets(
    connection: Connection, cipher: Rekeyed, place: str, size: int, *, index: bool
) -> Done:
    """The numbers that records keep, or the indexes beside them."""
    subject, _, record = place.partition(":")
    rows = await connection.fetch(
        "SELECT subject_id, record_id, secrets, fields FROM record"
        " WHERE (subject_id, record_id) > ($1, $2) AND secrets IS NOT NULL"
        " ORDER BY subject_id, record_id LIMIT $3",
        _uuid(subject),
        _uuid(record),
        size,
    )
    changed, unreadable = [], 0
    for row in rows:
        secrets, renewed = orjson.loads(row["secrets"]), False
        for name, kept in secrets.items():
            sealed = bytes.fromhex(kept["number"])
            if not index and cipher.is_current(sealed):
                continue
            plain = cipher.opened(sealed, _NUMBER)
            if plain is None:
                unreadable += not index
                continue
            if not index:
                kept["number"], renewed = cipher.encrypt(plain, _NUMBER).hex(), True
                continue
            kind = orjson.loads(row["fields"]).get(name.replace("IdNo", "IdType"))
            for value in (plain, f"{kind}:{plain}"):
                newest, *older = cipher.blind_indexes(NUMBER, value)
                if kept["index"] in older:
                    kept["index"], renewed = newest, True
        if renewed:
            told = orjson.dumps(secrets).decode()
            changed.append((row["subject_id"], row["record_id"], row["secrets"], told))
    await connection.executemany(
        "UPDATE record SET secrets = $4 WHERE subject_id = $1 AND record_id = $2 AND secrets = $3",
        changed,
    )
    return Done(_after(rows, size, "subject_id", "record_id"), len(changed), unreadable)


async def _sealed_secrets(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    return await _secrets(connection, cipher, place, size, index=False)


async def _indexed_secrets(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    return await _secrets(connection, cipher, place, size, index=True)


async def _numbers(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    rows = await connection.fetch(
        "SELECT subject_id, id_type, id_number FROM person WHERE subject_id > $1"
        " ORDER BY subject_id LIMIT $2",
        _uuid(place),
        size,
    )
    values, unreadable = [], 0
    for row in rows:
        if row["id_number"] is None:
            continue
        plain = cipher.opened(row["id_number"], _NUMBER)
        if plain is None:
            unreadable += 1
        else:
            kind = row["id_type"]
            values.append((row["subject_id"], plain if kind == _CARD else f"{kind}:{plain}"))
    changed = await _index(connection, cipher, NUMBER, values)
    return Done(_after(rows, size, "subject_id"), changed, unreadable)


async def _stubs(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    rows = await connection.fetch(
        "SELECT p.subject_id, p.name, i.scheme || ':' || i.value AS firm FROM (SELECT * FROM person"
        " WHERE subject_id > $1 ORDER BY subject_id LIMIT $2) p LEFT JOIN identifier i"
        " ON i.subject_id = p.stub_firm_id AND i.is_first ORDER BY p.subject_id",
        _uuid(place),
        size,
    )
    values = [
        (row["subject_id"], stub_key(row["firm"], row["name"])) for row in rows if row["firm"]
    ]
    changed = await _index(connection, cipher, STUB, values)
    ids = {row["subject_id"] for row in rows}
    return Done(str(max(ids)) if len(ids) == size else None, changed)


async def _cases(connection: Connection, cipher: Rekeyed, place: str, size: int) -> Done:
    rows = await connection.fetch(
        "SELECT subject_id, record_id, document_no, reported_name FROM record"
        " WHERE (subject_id, record_id) > ($1, $2) AND kind = 'court_defaulter'"
        " AND subject_category = 'NATURAL_PERSON' ORDER BY subject_id, record_id LIMIT $3",
        _uuid(place.partition(":")[0]),
        _uuid(place.partition(":")[2]),
        size,
    )
    values = [
        (row["subject_id"], case_key(row["document_no"] or "", row["reported_name"]))
        for row in rows
    ]
    changed = await _index(connection, cipher, CASE, values)
    return Done(_after(rows, size, "subject_id", "record_id"), changed)


async def _index(
    connection: Connection, cipher: Rekeyed, scheme: str, values: Iterable[tuple[UUID, str]]
) -> int:
    """Index in the newest epoch who is indexed in an older one by the same value."""
    told = [
        (subject, old, indexes[0])
        for subject, value in values
        for indexes in [cipher.blind_indexes(scheme, value)]
        for old in indexes[1:]
    ]
    if not told:
        return 0
    subjects, old, new = zip(*told, strict=True)
    done = await connection.execute(
        "INSERT INTO identifier (value, scheme, subject_id, is_open)"
        " SELECT DISTINCT t.new, i.scheme, i.subject_id, false"
        " FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t (subject_id, old, new)"
        " JOIN identifier i ON i.subject_id = t.subject_id AND i.value = t.old AND i.scheme = $4"
        " ON CONFLICT DO NOTHING",
        subjects,
        old,
        new,
        scheme,
    )
    return int(done.rpartition(" ")[2])


def _uuid(text: str) -> UUID:
    return UUID(text) if text else UUID(int=0)


def _after(rows: list[asyncpg.Record], size: int, *columns: str) -> str | None:
    if len(rows) < size:
        return None
    return ":".join(str(rows[-1][column]) for column in columns)


Step = Callable[["Connection", Rekeyed, str, int], Awaitable[Done]]
STEPS: dict[KeyUse, tuple[Step, ...]] = {
    KeyUse.FIELD: (_persons, _sealed_secrets, _rejected, _approvals),
    KeyUse.BLIND: (_numbers, _indexed_secrets, _stubs, _cases),
}
"""Places and orders in which the values of each use are gone through."""
