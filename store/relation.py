"""Relations between parties: stored once per end, so that each end reads its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from store.ids import relation_id
from store.restriction import restrict_relations
from store.staging import stage
from store.statement import Applied, Order, Party

if TYPE_CHECKING:
    from store.cipher import Cipher
    from store.connection import Connection
    from store.subject import Directory, Resolution

# What a statement says, in the columns of `relation`.
STATED = (
    "share_min",
    "share_max",
    "share_stated",
    "share_class",
    "subscribed",
    "paid",
    "contribution_form",
    "subscribed_on",
    "paid_on",
    "position",
    "guarantee_kind",
    "amount",
    "balance",
    "currency",
    "loan_no",
    "creditor_name",
    "creditor_code",
    "reference_no",
    "valid_from",
    "valid_to",
    "source_unit_name",
    "source_unit_uscc",
)
_KEY = ("subject_id", "relation_id", "direction")
_ORDER = ("stamp", "batch_sha", "line_no")
COLUMNS = (
    *_KEY,
    "other_id",
    "kind",
    "origin_region",
    "class",
    "status",
    "loan_id",
    *STATED,
    "fields",
    *_ORDER,
    "batch_id",
    "digest",
)
VERSION_COLUMNS = (*_KEY, *_ORDER, "digest", "status", "content")


@dataclass(frozen=True, slots=True)
class RelationStatement:
    """One relation from `source` to `target`; `stated` by column name, absent ones are null.

    Shares are fractions 0..1, capital in 万元, amounts in 元. `loan` is the loan that a guarantee
    secures. `fields` holds what has no column.
    """

    kind: str
    source: Party
    target: Party
    order: Order
    origin_region: str
    natural_key: tuple[str, ...]
    stated: Mapping[str, Any]
    visibility: str = "O"
    loan: Party | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    batch_id: UUID | None = None
    identity: UUID | None = None  # of a copy: the id that its own city gave it


async def apply_relations(
    connection: Connection,
    statements: Sequence[RelationStatement],
    *,
    cipher: Cipher,
    directory: Directory,
) -> list[Applied]:
    """Show the greatest statement of each relation at both ends and keep every one."""
    if not statements:
        return []
    rows, versions, applied = [], [], []
    for statement in statements:
        order, origin = statement.order, statement.origin_region
        # The firm first: a person without a number is tied to it by its first identifier.
        target = directory.resolve(statement.target, order, origin=origin)
        source = directory.resolve(statement.source, order, origin=origin)
        loan = statement.loan and directory.resolve(statement.loan, order, origin=origin)
        identity, shown, kept = relation_rows(
            statement, source, target, loan.subject_id if loan else None, cipher
        )
        rows.extend(shown)
        versions.extend(kept)
        remarks = tuple(dict.fromkeys((*source.remarks, *target.remarks)))
        applied.append(Applied(source.subject_id, identity, True, remarks, target.subject_id))
    await directory.write()
    changed = await _show(connection, rows)
    await _keep_versions(connection, versions)
    holdings = [a.entity_id for a, s in zip(applied, statements, strict=True) if s.kind == "HOLDS"]
    changed |= await derive_shares(connection, relations=holdings)
    changed |= await restrict_relations(connection, {one.entity_id for one in applied})
    await announce(connection, changed)
    return [replace(a, changed=a.entity_id in changed) for a in applied]


def relation_rows(
    statement: RelationStatement,
    source: Resolution,
    target: Resolution,
    loan_id: UUID | None,
    cipher: Cipher,
) -> tuple[UUID, list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The id of a relation, and what `relation` and `relation_version` hold of it at both ends."""
    order, origin = statement.order, statement.origin_region
    identity = statement.identity or relation_id(
        origin, statement.kind, source.first, target.first, statement.natural_key
    )
    values = [statement.stated.get(column) for column in STATED]
    fields = orjson.dumps(dict(statement.fields), option=orjson.OPT_SORT_KEYS).decode()
    content = orjson.dumps(
        {
            **dict(zip(STATED, values, strict=True)),
            "kind": statement.kind,
            "source": source.first,
            "target": target.first,
            "naturalKey": statement.natural_key,
            "class": statement.visibility,
            "fields": dict(statement.fields),
        },
        option=orjson.OPT_SORT_KEYS,
        default=str,
    )
    digest = cipher.digest(content)
    key = (order.stamp, order.batch_sha, order.line_no)
    told = content.decode()
    rows: list[tuple[Any, ...]] = []
    versions: list[tuple[Any, ...]] = []
    for subject, direction, other in (
        (source.subject_id, "OUT", target.subject_id),
        (target.subject_id, "IN", source.subject_id),
    ):
        rows.append(
            (
                subject,
                identity,
                direction,
                other,
                statement.kind,
                origin,
                statement.visibility,
                "VALID",
                loan_id,
                *values,
                fields,
                *key,
                statement.batch_id,
                digest,
            )
        )
        versions.append((subject, identity, direction, *key, digest, "VALID", told))
    return identity, rows, versions


async def announce(connection: Connection, changed: Iterable[UUID]) -> None:
    """Put changed relations into the outbox, once each, under the end they start from."""
    await connection.execute(
        "INSERT INTO outbox (entity, entity_id, subject_id)"
        " SELECT 'RELATION', relation_id, subject_id FROM relation"
        " WHERE relation_id = ANY($1) AND direction = 'OUT' ORDER BY relation_id",
        list(changed),
    )


async def derive_shares(
    connection: Connection,
    *,
    relations: Iterable[UUID] = (),
    companies: Iterable[UUID] = (),
) -> set[UUID]:
    """Derive shares from amounts where subscribed and registered capital are both known.

    The derived share, rounded to 12 places, is shown when nothing else is stated or the stated
    share is within 0.05 %; a stated share that differs more stands; an interval that was stated
    (`shareFrom`, `shareUpTo` of the fields) stands where neither is known. Run after either of them
    changed, it gives the same shares whatever came first. Returns the changed relations.
    """
    rows = await connection.fetch(
        """
        WITH derived AS (
            SELECT r.relation_id, r.share_stated, (r.fields->>'shareFrom')::numeric AS low,
                   (r.fields->>'shareUpTo')::numeric AS high,
                   CASE WHEN r.subscribed > 0 AND o.registered_capital >= r.subscribed
                             AND coalesce(r.currency, 'CNY') = coalesce(o.currency, 'CNY')
                        THEN trim_scale(round(r.subscribed / o.registered_capital, 12)) END AS share
            FROM relation r LEFT JOIN organisation o USING (subject_id)
            WHERE r.kind = 'HOLDS' AND r.direction = 'IN'
              AND (r.relation_id = ANY($1) OR r.subject_id = ANY($2))
        ), shown AS (
            SELECT relation_id, low, high, CASE WHEN share_stated IS NULL
                OR abs(share - share_stated) <= 0.0005 THEN coalesce(share, share_stated)
                ELSE share_stated END AS share
            FROM derived
        )
        UPDATE relation r SET share_min = coalesce(s.share, s.low, 0),
            share_max = coalesce(s.share, s.high, 1)
        FROM shown s WHERE r.relation_id = s.relation_id AND (r.share_min, r.share_max)
            IS DISTINCT FROM (coalesce(s.share, s.low, 0), coalesce(s.share, s.high, 1))
        RETURNING r.relation_id
        """,
        list(relations),
        list(companies),
    )
    return {row["relation_id"] for row in rows}


async def close_former_representatives(connection: Connection, firms: Iterable[UUID]) -> set[UUID]:
    """End each legal representative on the day a later registry statement names another.

    Derived from the kept statements, so the order of arrival does not matter. When a partner's copy
    ends is its own city's word.
    """
    rows = await connection.fetch(
        """
        WITH ends AS (
            SELECT r.relation_id, min(v.stamp AT TIME ZONE 'Asia/Shanghai')::date AS ended
            FROM relation r LEFT JOIN organisation_version v
              ON v.subject_id = r.subject_id AND v.origin_region = r.origin_region
             AND (v.stamp, v.batch_sha, v.line_no) > (r.stamp, r.batch_sha, r.line_no)
            WHERE r.subject_id = ANY($1) AND r.direction = 'IN' AND r.kind = 'LEGAL_REP_OF'
              AND r.batch_id IS NOT NULL
            GROUP BY r.relation_id
        )
        UPDATE relation r SET valid_to = e.ended FROM ends e
        WHERE r.relation_id = e.relation_id AND r.valid_to IS DISTINCT FROM e.ended
        RETURNING r.relation_id
        """,
        list(firms),
    )
    return {row["relation_id"] for row in rows}


async def _show(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    table = await stage(connection, "relation", COLUMNS, rows)
    listed, key = ", ".join(COLUMNS), ", ".join(_KEY)
    updates = ", ".join(f"{c} = EXCLUDED.{c}" for c in COLUMNS[3:])
    shown = await connection.fetch(
        f"""
        INSERT INTO relation AS r ({listed})
        SELECT {listed} FROM (SELECT DISTINCT ON ({key}) * FROM {table}
              ORDER BY {key}, stamp DESC, batch_sha DESC, line_no DESC) latest
        ON CONFLICT ({key}) DO UPDATE SET {updates}, recorded_from = now()
        WHERE (EXCLUDED.stamp, EXCLUDED.batch_sha, EXCLUDED.line_no)
            > (r.stamp, r.batch_sha, r.line_no)
        RETURNING new.relation_id, old.digest IS DISTINCT FROM new.digest AS changed
        """
    )
    return {row["relation_id"] for row in shown if row["changed"]}


async def _keep_versions(connection: Connection, versions: Sequence[tuple[Any, ...]]) -> None:
    table = await stage(connection, "relation_version", VERSION_COLUMNS, versions)
    listed = ", ".join(VERSION_COLUMNS)
    await connection.execute(
        f"INSERT INTO relation_version ({listed}) SELECT {listed} FROM {table}"
        " ON CONFLICT DO NOTHING"
    )
