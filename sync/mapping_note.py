"""Signed mappings: a note that every party of the agreement signs, kept as it was signed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import orjson

from client.errors import ClientError
from security.tlog.note import Note, NoteSigner
from store.connection import Connection
from store.scheme import Schemes
from sync.agreement import Agreement, read_agreement
from sync.canonical import canonical
from sync.errors import MappingError
from sync.mapping import HEADER, Band, GradeMapping, check_mapping, document, mapping_of, row_of


def sign_mapping(mapping: GradeMapping, signers: Iterable[NoteSigner]) -> bytes:
    """Sign as these parties; `sync.agreement.countersign` adds another party's signature."""
    text = mapping.text()
    return Note(text, tuple(Note.parse(s.sign(text)).signatures[0] for s in signers)).bytes()


def read_mapping(note: bytes, agreement: Agreement) -> GradeMapping:
    """Read a mapping that every party of its agreement has signed with its agreement key.

    Raises MappingError `MAPPING_MALFORMED` or `MAPPING_UNSIGNED`.
    """
    parsed, mapping = _parse(note)
    if not all(party.has_signed(parsed) for party in agreement.parties):
        raise MappingError("MAPPING_UNSIGNED", "Let every party of the agreement sign the mapping.")
    return mapping


def named_agreement(note: bytes) -> str:
    """The id of the agreement that a mapping belongs to; MappingError `MAPPING_MALFORMED`."""
    return _parse(note)[1].agreement


async def record_mapping(connection: Connection, note: bytes, schemes: Schemes) -> GradeMapping:
    """Verify a mapping and keep it; the same one again changes nothing.

    Raises MappingError as `read_mapping` and `check_mapping` do, `MAPPING_AGREEMENT` when its
    agreement is not known here, and `MAPPING_CHANGED` when another text is known under its id.
    """
    agreement = await agreement_of(connection, named_agreement(note))
    mapping = read_mapping(note, agreement)
    check_mapping(mapping, schemes, agreement)
    async with connection.transaction():
        kept = await connection.fetchrow(
            "INSERT INTO grade_mapping (mapping_id, agreement_id, note, scheme, version, purposes,"
            " valid_from, valid_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            " ON CONFLICT (mapping_id) DO UPDATE SET note = grade_mapping.note"
            " RETURNING note, xmax = 0 AS is_new",
            mapping.id,
            mapping.agreement,
            note,
            mapping.scheme,
            mapping.version,
            list(mapping.purposes),
            mapping.valid_from,
            mapping.valid_to,
        )
        assert kept is not None
        if Note.parse(bytes(kept["note"])).text != mapping.text():
            raise MappingError(
                "MAPPING_CHANGED", "Give the changed mapping a new id: the old one stays as signed."
            )
        if kept["is_new"]:
            await connection.executemany(
                "INSERT INTO grade_mapping_row (mapping_id, position, grade, low, below, band)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                [
                    (mapping.id, position, row.grade, row.low, row.below, row.band.value)
                    for position, row in enumerate(mapping.rows)
                ],
            )
    return mapping


async def agreement_of(connection: Connection, agreement_id: str) -> Agreement:
    """The agreement of that id; MappingError `MAPPING_AGREEMENT` when it is not known here."""
    note = await connection.fetchval(
        "SELECT note FROM agreement WHERE agreement_id = $1", agreement_id
    )
    if note is None:
        raise MappingError(
            "MAPPING_AGREEMENT", "Load the agreement first: this node does not know it."
        )
    return read_agreement(bytes(note))


def _parse(note: bytes) -> tuple[Note, GradeMapping]:
    try:
        parsed = Note.parse(note)
        if not parsed.text.startswith(HEADER):
            raise ValueError
        body = parsed.text[len(HEADER) : -1].encode()
        mapping = _read(orjson.loads(body))
        if canonical(document(mapping)) != body:
            raise ValueError
    except (ClientError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MappingError(
            "MAPPING_MALFORMED", "Get the mapping again: this is not a signed mapping."
        ) from error
    return parsed, mapping


def _read(document: Any) -> GradeMapping:
    if document["v"] != 1:
        raise ValueError("this release reads version 1")
    rows = [
        row_of(number, Band(row["band"]), row.get("grade"), row.get("from"), row.get("below"))
        for number, row in enumerate(document["rows"], 1)
    ]
    return mapping_of(
        {
            **{name: document[name] for name in ("id", "agreement", "scheme", "version")},
            "purposes": document["purposes"],
            "valid_from": date.fromisoformat(document["validFrom"]),
            "valid_to": document["validTo"] and date.fromisoformat(document["validTo"]),
        },
        rows,
    )
