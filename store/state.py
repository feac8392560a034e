"""The state of a node as an order-free digest: equal for equal content, however it arrived.

Compares identifiers and content; never local ids, references, salts, ciphertext or the time of
recording. Persons are compared by their blind index, so both sides need the same index key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.connection import Connection

_LOCAL = (
    "ARRAY['subject_id','other_id','loan_id','relation_id','audit_ref','stamp','batch_sha',"
    "'batch_id','line_no','digest','recorded_from','secrets','commitment','salt',"
    "'id_number','stub_firm_id','bigrams','sounds','spelt']"
)

# Each subject under a name that does not depend on which statement came first.
_NAMED = """
CREATE TEMP TABLE state_named ON COMMIT DROP AS
WITH coded AS (
    SELECT subject_id, (array_agg(scheme || ':' || value ORDER BY
        array_position(ARRAY['uscc', 'org_code', 'person_number', 'placeholder'], scheme),
        scheme, value))[1] AS name
    FROM identifier WHERE scheme <> 'person_stub' GROUP BY subject_id
)
SELECT s.subject_id, coalesce(
        c.name, 'person_stub:' || coalesce(f.name, '') || ':' || coalesce(p.name, '')) AS name
FROM subject s LEFT JOIN coded c USING (subject_id)
LEFT JOIN person p ON p.subject_id = s.subject_id AND p.is_stub
LEFT JOIN coded f ON f.subject_id = p.stub_firm_id
WHERE s.merged_into IS NULL
"""

_CONTENT = {
    "subject": "SELECT n.name || s.category || s.placeholder FROM subject s"
    " JOIN state_named n USING (subject_id)",
    "identifier": "SELECT n.name || '|' || i.scheme || ':' || i.value FROM identifier i"
    " JOIN state_named n USING (subject_id) WHERE i.scheme NOT IN ('person_stub', 'placeholder')",
    "organisation": f"SELECT n.name || (to_jsonb(o) - {_LOCAL})::text FROM organisation o"
    " JOIN state_named n USING (subject_id)",
    "organisation_name": f"SELECT n.name || (to_jsonb(o) - {_LOCAL})::text"
    " FROM organisation_name o JOIN state_named n USING (subject_id)",
    "person": f"SELECT n.name || (to_jsonb(p) - {_LOCAL})::text FROM person p"
    " JOIN state_named n USING (subject_id)",
    "loan": f"SELECT n.name || (to_jsonb(l) - {_LOCAL})::text FROM loan l"
    " JOIN state_named n USING (subject_id)",
    "relation": "SELECT n.name || '|' || m.name || '|' || coalesce(l.name, '')"
    f" || (to_jsonb(r) - {_LOCAL})::text FROM relation r"
    " JOIN state_named n USING (subject_id) JOIN state_named m ON m.subject_id = r.other_id"
    " LEFT JOIN state_named l ON l.subject_id = r.loan_id",
    "record": f"SELECT n.name || (to_jsonb(r) - {_LOCAL})::text FROM record r"
    " JOIN state_named n USING (subject_id)",
    "unit": "SELECT to_jsonb(u)::text FROM unit u",
}


@dataclass(frozen=True, slots=True)
class TableState:
    """Rows of one table and an order-free sum over the digests of their content."""

    rows: int
    sum: str


@dataclass(frozen=True, slots=True)
class StateDigest:
    """The state of every table that holds what departments stated."""

    tables: dict[str, TableState]

    def differing(self, other: StateDigest) -> list[str]:
        """The tables whose state is not the same."""
        return [t for t in self.tables if self.tables[t] != other.tables.get(t)]


async def state_digest(connection: Connection) -> StateDigest:
    """Digest the current state in one snapshot."""
    tables = {}
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(_NAMED)
        await connection.execute("CREATE UNIQUE INDEX ON state_named (subject_id)")
        for table, content in _CONTENT.items():
            row = await connection.fetchrow(
                f"SELECT count(*) AS rows,"
                f" coalesce(sum(('x' || left(h, 15))::bit(60)::bigint), 0)::text || '-' ||"
                f" coalesce(sum(('x' || substr(h, 16, 15))::bit(60)::bigint), 0)::text AS sum"
                f" FROM (SELECT encode(sha256(convert_to(t.content, 'UTF8')), 'hex') AS h"
                f" FROM ({content}) t (content)) digests"
            )
            assert row is not None
            tables[table] = TableState(row["rows"], row["sum"])
    return StateDigest(tables)
