"""What statements say in passing about their parties: shown until a registry describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.name import refresh_names
from store.staging import stage
from store.statement import LOAN, NATURAL_PERSON, Order, Party

if TYPE_CHECKING:
    from store.cipher import Cipher
    from store.connection import Connection

# A party named only by a code: any statement that gives its name is greater.
NAMELESS = datetime(1970, 1, 1, tzinfo=UTC)
ORGANISATION_COLUMNS = (
    "subject_id",
    "category",
    "name",
    "origin_region",
    "registered",
    "stamp",
    "batch_sha",
    "line_no",
    "digest",
)
PERSON_COLUMNS = (
    "subject_id",
    "name",
    "id_type",
    "id_number",
    "birth_year",
    "gender",
    "is_stub",
    "stub_firm_id",
    "origin_region",
    "stamp",
    "batch_sha",
    "line_no",
)
_EARLIER = "(EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)"


@dataclass(frozen=True, slots=True)
class Mention:
    """The greatest statement of a chunk that names a party; `code` stands in for a lacking name."""

    party: Party
    order: Order
    origin: str
    firm_id: UUID | None
    code: str

    @property
    def name(self) -> str:
        return self.party.name or self.code

    @property
    def stamp(self) -> datetime:
        return self.order.stamp if self.party.name else NAMELESS


def note_mention(mentions: dict[UUID, Mention], identity: UUID, told: Mention) -> None:
    """Keep the greatest mention of a party; one that names it is greater than any that does not."""
    held = mentions.get(identity)
    if held is None or (bool(held.party.name), held.order) < (bool(told.party.name), told.order):
        mentions[identity] = told


def organisation_row(identity: UUID, mention: Mention, cipher: Cipher) -> tuple[object, ...]:
    """What `organisation` holds of a body that no registry has described."""
    category, name = mention.party.category, mention.name
    return (
        identity,
        category,
        name,
        mention.origin,
        False,
        mention.stamp,
        mention.order.batch_sha,
        mention.order.line_no,
        cipher.digest(f"{category}\x1f{name}\x1f{mention.origin}".encode()),
    )


def person_row(identity: UUID, mention: Mention) -> tuple[object, ...]:
    """What `person` holds."""
    document = mention.party.document
    return (
        identity,
        mention.name,
        document.id_type if document else None,
        document.id_number if document else None,
        document.birth_year if document else None,
        document.gender if document else None,
        not mention.party.codes,
        mention.firm_id,
        mention.origin,
        mention.stamp,
        mention.order.batch_sha,
        mention.order.line_no,
    )


async def write_mentions(
    connection: Connection, mentions: Mapping[UUID, Mention], cipher: Cipher
) -> None:
    """Show the greatest mention of each party; a registered organisation stays as it is."""
    groups: dict[str, dict[UUID, Mention]] = {}
    for identity, mention in mentions.items():
        groups.setdefault(mention.party.category, {})[identity] = mention
    await _write_persons(connection, groups.pop(NATURAL_PERSON, {}))
    await _write_loans(connection, groups.pop(LOAN, {}))
    organisations = {i: m for group in groups.values() for i, m in group.items()}
    await _write_organisations(connection, organisations, cipher)


async def record_subjects(connection: Connection, changed: Iterable[UUID]) -> None:
    """Put changed subjects into the outbox."""
    await connection.execute(
        "INSERT INTO outbox (entity, entity_id, subject_id)"
        " SELECT 'SUBJECT', id, id FROM unnest($1::uuid[]) AS id ORDER BY id",
        list(changed),
    )


async def _write_organisations(
    connection: Connection, mentions: Mapping[UUID, Mention], cipher: Cipher
) -> None:
    if not mentions:
        return
    table = await stage(
        connection,
        "organisation",
        ORGANISATION_COLUMNS,
        (organisation_row(identity, m, cipher) for identity, m in mentions.items()),
    )
    listed = ", ".join(ORGANISATION_COLUMNS)
    rows = await connection.fetch(
        f"""
        INSERT INTO organisation AS o ({listed}, audit_ref)
        SELECT {", ".join(f"m.{c}" for c in ORGANISATION_COLUMNS)}, s.audit_ref
        FROM {table} m JOIN subject s USING (subject_id)
        ON CONFLICT (subject_id) DO UPDATE SET category = EXCLUDED.category,
            name = EXCLUDED.name, origin_region = EXCLUDED.origin_region,
            stamp = EXCLUDED.stamp, batch_sha = EXCLUDED.batch_sha, line_no = EXCLUDED.line_no,
            digest = EXCLUDED.digest, recorded_from = now()
        WHERE NOT o.registered AND {_EARLIER} > (o.stamp, o.batch_sha, o.line_no)
        RETURNING new.subject_id, old.digest IS DISTINCT FROM new.digest AS changed
        """
    )
    coded = await fill_codes(connection, list(mentions))
    changed = {row["subject_id"] for row in rows if row["changed"]}
    await refresh_names(connection, changed)
    await record_subjects(connection, changed | coded)


async def fill_codes(connection: Connection, identities: list[UUID]) -> set[UUID]:
    """Show on organisations the codes their statement left out; the changed ones."""
    rows = await connection.fetch(
        """
        UPDATE organisation o SET
            uscc = CASE WHEN o.registered THEN coalesce(o.uscc, c.uscc) ELSE c.uscc END,
            org_code = CASE WHEN o.registered THEN coalesce(o.org_code, c.org_code)
                       ELSE c.org_code END
        FROM (SELECT subject_id, min(value) FILTER (WHERE scheme = 'uscc') AS uscc,
                     min(value) FILTER (WHERE scheme = 'org_code') AS org_code
              FROM identifier WHERE subject_id = ANY($1) GROUP BY subject_id) c
        WHERE o.subject_id = c.subject_id
          AND (CASE WHEN o.registered THEN coalesce(o.uscc, c.uscc) ELSE c.uscc END,
               CASE WHEN o.registered THEN coalesce(o.org_code, c.org_code) ELSE c.org_code END)
              IS DISTINCT FROM (o.uscc, o.org_code)
        RETURNING o.subject_id
        """,
        identities,
    )
    return {row["subject_id"] for row in rows}


async def _write_persons(connection: Connection, mentions: Mapping[UUID, Mention]) -> None:
    if not mentions:
        return
    table = await stage(
        connection,
        "person",
        PERSON_COLUMNS,
        (person_row(identity, m) for identity, m in mentions.items()),
    )
    listed = ", ".join(PERSON_COLUMNS)
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in PERSON_COLUMNS[1:])
    rows = await connection.fetch(
        f"""
        INSERT INTO person AS p ({listed}, audit_ref)
        SELECT {", ".join(f"m.{c}" for c in PERSON_COLUMNS)}, s.audit_ref
        FROM {table} m JOIN subject s USING (subject_id)
        ON CONFLICT (subject_id) DO UPDATE SET {updates}, recorded_from = now()
        WHERE {_EARLIER} > (p.stamp, p.batch_sha, p.line_no)
        RETURNING new.subject_id, (old.name, old.origin_region)
            IS DISTINCT FROM (new.name, new.origin_region) AS changed
        """
    )
    await record_subjects(connection, [row["subject_id"] for row in rows if row["changed"]])


async def _write_loans(connection: Connection, mentions: Mapping[UUID, Mention]) -> None:
    if not mentions:
        return
    rows = await connection.fetch(
        "INSERT INTO loan (subject_id, loan_no, origin_region, audit_ref, stamp, batch_sha,"
        " line_no)"
        " SELECT m.id, m.loan_no, m.origin, s.audit_ref, $4, '', 0"
        " FROM unnest($1::uuid[], $2::text[], $3::text[]) AS m (id, loan_no, origin)"
        " JOIN subject s ON s.subject_id = m.id"
        " ON CONFLICT DO NOTHING RETURNING subject_id",
        list(mentions),
        [m.name for m in mentions.values()],
        [m.origin for m in mentions.values()],
        NAMELESS,
    )
    await record_subjects(connection, [row["subject_id"] for row in rows])
