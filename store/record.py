"""Records of any kind: applied by order key, every statement kept, the greatest shown."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from store.ids import record_id
from store.kind import Field, FieldType, Kind, Kinds
from store.screened_text import remarked
from store.screening import SCANNER, Screening
from store.staging import stage
from store.statement import Applied, Order, Party, Remark, plain_name
from store.subject import Directory, Resolution

if TYPE_CHECKING:
    from store.cipher import Cipher
    from store.connection import Connection


@dataclass(frozen=True, slots=True)
class RecordStatement:
    """One statement of a record as its origin makes it (records.md §0).

    `fields` holds the kind's own fields under their API names in JSON form (dates as ISO text,
    decimals as text, codes as stored values); `secrets` the encrypted numbers. `natural_key` is
    the values of the kind's natural key as sent, compared half-width and without blanks; the
    party's key is added to the id when the kind includes the subject.
    """

    kind: str
    party: Party
    order: Order
    origin_region: str
    reported_name: str
    natural_key: tuple[str, ...]
    source_unit_name: str
    source_unit_uscc: str
    received_at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] | None = None
    origin_platform: str | None = None
    reported_code: str | None = None
    reported_code_type: str | None = None
    document_no: str | None = None
    issuer_name: str | None = None
    issuer_uscc: str | None = None
    decision_date: date | None = None
    visibility: str = "G"
    severity: str | None = None
    rule_set_id: str | None = None
    display_from: date | None = None
    display_min_until: date | None = None
    display_until: date | None = None
    display_ended_on: date | None = None
    display_end_reason: str | None = None
    query_until: date | None = None
    status: str = "VALID"
    objection: bool = False
    remark: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    batch_id: UUID | None = None
    party_key: str | None = None  # of a copy: what named the party at its origin

    @property
    def named_by(self) -> str:
        """What names the party in the record's id."""
        return self.party_key or self.party.key

    def record_id(self, kind: Kind, named_by: str | None = None) -> UUID:
        """The id that the same record has by any road; `named_by` where another than the party's
        own key names its subject."""
        key = tuple(plain_name(part) for part in self.natural_key)
        if kind.includes_subject:
            key = (*key, named_by or self.named_by)
        issuer = self.issuer_uscc or plain_name(self.issuer_name or "")
        return record_id(self.origin_region, issuer, kind.name, key)


# Columns of `record` that are told by the origin and travel in `content`, besides `fields`.
CONTENT = (
    "kind",
    "origin_region",
    "origin_platform",
    "reported_name",
    "reported_code",
    "reported_code_type",
    "document_no",
    "issuer_name",
    "issuer_uscc",
    "source_unit_name",
    "source_unit_uscc",
    "decision_date",
    "severity",
    "rule_set_id",
    "display_from",
    "display_min_until",
    "display_until",
    "display_ended_on",
    "display_end_reason",
    "query_until",
    "status",
    "objection",
    "remark",
    "valid_from",
    "valid_to",
)
COLUMNS = (
    "subject_id",
    "record_id",
    *CONTENT,
    "subject_category",
    "class",
    "received_at",
    "fields",
    "screened",
    "screening",
    "secrets",
    "commitment",
    "salt",
    "stamp",
    "batch_sha",
    "batch_id",
    "line_no",
    "digest",
)
VERSION_COLUMNS = (
    "subject_id",
    "record_id",
    "stamp",
    "batch_sha",
    "line_no",
    "digest",
    "status",
    "content",
    "commitment",
    "salt",
    "valid_from",
    "valid_to",
)
_KEPT = ("subject_id", "record_id")
_told = attrgetter(*CONTENT)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of a kind is asked for every record."""

    kind: Kind
    hot: tuple[Field, ...]
    screened: tuple[Field, ...]

    @classmethod
    def of(cls, kind: Kind) -> _Shape:
        return cls(kind, kind.hot_fields, tuple(f for f in kind.own_fields if f.screened))


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One statement as `record` (columns of its kind) and `record_version` hold it."""

    kind: str
    record_id: UUID
    shown: tuple[Any, ...]
    version: tuple[Any, ...]
    remarks: tuple[Remark, ...]


def columns_of(kind: Kind) -> tuple[str, ...]:
    """The columns of `record` that a kind fills, its hot ones last."""
    return (*COLUMNS, *(f"x_{f.name}" for f in kind.hot_fields))


async def apply_records(
    connection: Connection,
    statements: Sequence[RecordStatement],
    *,
    kinds: Kinds,
    cipher: Cipher,
    directory: Directory | None = None,
) -> list[Applied]:
    """Apply statements inside the caller's transaction; one result per statement, in order.

    Idempotent and independent of order: an older statement is kept as a version and changes
    nothing that is shown. Writes subjects, `record`, `record_version` and the outbox. Takes the
    store's write lock until the transaction ends. The hot columns of `kinds` must exist
    (store.hot). Raises KeyError for an unknown kind. `directory` shares a resolver that was
    loaded with the parties of these statements, and leaves it to the caller to write it.
    """
    own = directory is None
    if directory is None:
        directory = await Directory.open(connection, [s.party for s in statements], cipher)
    resolved = [directory.resolve(s.party, s.order, origin=s.origin_region) for s in statements]
    if own:
        await directory.write()
    rows = record_rows(statements, resolved, kinds=kinds, cipher=cipher)
    by_kind: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_kind[row.kind].append(row.shown)
    changed: set[tuple[UUID, UUID]] = set()
    for name, shown in by_kind.items():
        changed |= await _upsert(connection, columns_of(kinds.by_name[name]), shown)
    await _keep_versions(connection, [row.version for row in rows])
    return [
        Applied(
            found.subject_id, row.record_id, (found.subject_id, row.record_id) in changed,
            row.remarks,
        )
        for found, row in zip(resolved, rows, strict=True)
    ]  # fmt: skip


def record_rows(
    statements: Sequence[RecordStatement],
    resolved: Sequence[Resolution],
    *,
    kinds: Kinds,
    cipher: Cipher,
) -> list[RecordRow]:
    """What statements become in the tables, one of each, in order; a new salt for every one.

    Raises KeyError for an unknown kind.
    """
    rows: list[RecordRow] = []
    known: dict[str, Screening] = {}
    shapes = {name: _Shape.of(kinds.by_name[name]) for name in {s.kind for s in statements}}
    for statement, found in zip(statements, resolved, strict=True):
        shape = shapes[statement.kind]
        named_by = statement.party_key or found.named_by or statement.named_by
        identity = statement.record_id(shape.kind, named_by)
        values = _told(statement)
        fields = orjson.dumps(statement.fields, option=orjson.OPT_SORT_KEYS)
        content = orjson.dumps(
            {
                **dict(zip(CONTENT, values, strict=True)),
                "class": statement.visibility,
                "party": named_by,
                "fields": orjson.Fragment(fields),
            },
            option=orjson.OPT_SORT_KEYS,
        )
        salt = os.urandom(16)
        commitment = hashlib.sha256(salt + content).digest()
        digest = cipher.digest(content)
        order = statement.order
        screened, noted = remarked(shape.screened, statement, known)
        shown = (
            found.subject_id,
            identity,
            *values,
            statement.party.category,
            statement.visibility,
            statement.received_at,
            fields.decode(),
            screened,
            SCANNER if shape.screened else None,
            None if not statement.secrets else orjson.dumps(statement.secrets).decode(),
            commitment,
            salt,
            order.stamp,
            order.batch_sha,
            statement.batch_id,
            order.line_no,
            digest,
            *(hot_value(f, statement.fields) for f in shape.hot),
        )
        version = (
            found.subject_id,
            identity,
            order.stamp,
            order.batch_sha,
            order.line_no,
            digest,
            statement.status,
            content.decode(),
            commitment,
            salt,
            statement.valid_from,
            statement.valid_to,
        )
        remarks = (*found.remarks, *noted) if noted else found.remarks
        rows.append(RecordRow(statement.kind, identity, shown, version, remarks))
    return rows


def hot_value(declared: Field, fields: Mapping[str, Any]) -> object:
    """The value of a hot column: the field's JSON form in the column's type, None when absent."""
    value = fields.get(declared.api_name)
    if value is None:
        return None
    match declared.type:
        case FieldType.DATE:
            return date.fromisoformat(value)
        case FieldType.DECIMAL:
            return Decimal(value)
        case _:
            return value


async def _upsert(
    connection: Connection, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> set[tuple[UUID, UUID]]:
    table = await stage(connection, "record", columns, rows)
    listed = ", ".join(columns)
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in columns if c not in _KEPT)
    # A department's file says nothing of an objection: the mark stays. A copy carries its own.
    updates = updates.replace(
        "objection = EXCLUDED.objection",
        "objection = CASE WHEN EXCLUDED.batch_id IS NULL THEN EXCLUDED.objection"
        " ELSE r.objection END",
    ).replace(
        "received_at = EXCLUDED.received_at",
        "received_at = least(r.received_at, EXCLUDED.received_at)",
    )
    changed = await connection.fetch(
        f"""
        WITH shown AS (
            INSERT INTO record AS r ({listed})
            SELECT DISTINCT ON (subject_id, record_id) {first_received(columns)} FROM {table}
            ORDER BY subject_id, record_id, stamp DESC, batch_sha DESC, line_no DESC
            ON CONFLICT (subject_id, record_id) DO UPDATE SET {updates}, recorded_from = now()
            WHERE (EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)
                > (r.stamp, r.batch_sha, r.line_no)
            RETURNING new.subject_id, new.record_id,
                      old.digest IS DISTINCT FROM new.digest AS changed
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RECORD', record_id, subject_id FROM shown WHERE changed
        ORDER BY subject_id, record_id
        RETURNING subject_id, entity_id
        """
    )
    await connection.execute(
        f"""
        WITH earlier AS (
            UPDATE record r SET received_at = t.first
            FROM (SELECT subject_id, record_id, min(received_at) AS first FROM {table}
                  GROUP BY subject_id, record_id) t
            WHERE r.subject_id = t.subject_id AND r.record_id = t.record_id
              AND r.received_at > t.first
            RETURNING r.subject_id, r.record_id
        )
        INSERT INTO outbox (entity, entity_id, subject_id)
        SELECT 'RECORD', record_id, subject_id FROM earlier ORDER BY subject_id, record_id
        """
    )
    return {(row["subject_id"], row["entity_id"]) for row in changed}


def first_received(columns: Sequence[str]) -> str:
    """SQL: the columns of staged statements of records, each received when its first one was.

    A correction makes no report late (本政发〔2020〕9号, task 7: within seven working days).
    """
    first = "min(received_at) OVER (PARTITION BY subject_id, record_id)"
    return ", ".join(first if column == "received_at" else column for column in columns)


async def _keep_versions(connection: Connection, versions: Sequence[tuple[Any, ...]]) -> None:
    table = await stage(connection, "record_version", VERSION_COLUMNS, versions)
    listed = ", ".join(VERSION_COLUMNS)
    await connection.execute(
        f"INSERT INTO record_version ({listed}) SELECT {listed} FROM {table} ON CONFLICT DO NOTHING"
    )
