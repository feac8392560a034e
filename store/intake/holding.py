"""Holdings of a chunk looked at together: ratios beside amounts, and their sum per company."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from store.intake.context import Line
from store.intake.finding import finding
from store.relation import RelationStatement
from store.share_sum import oversubscribed
from store.statement import Applied

if TYPE_CHECKING:
    from store.connection import Connection


async def check_holdings(
    connection: Connection,
    lines: Sequence[Line],
    relations: Sequence[RelationStatement],
    applied: Sequence[Applied],
    firms: Iterable[UUID],
    today: date,
) -> None:
    """Warn where a ratio is not what the amounts give, and where shares exceed a whole.

    The sum is told at the last line of the chunk that states a holding in that company, once all
    of the chunk is known; `firms` are those whose capital may have changed.
    """
    told: dict[UUID, dict[int, Line]] = {}
    for line, statement, result in zip(lines, relations, applied, strict=True):
        if statement.kind == "HOLDS" and result.other_id is not None:
            told.setdefault(result.other_id, {})[line.number] = line
    companies = told.keys() | set(firms)
    if not companies:
        return
    if told:
        await _compare_ratios(connection, told, relations[0].order.batch_sha)
    for company in await oversubscribed(connection, companies, on=today) & told.keys():
        line = told[company][max(told[company])]
        line.findings.append(finding(line.header("ratio", "subscribed"), "SHARE_SUM"))


async def _compare_ratios(
    connection: Connection, told: dict[UUID, dict[int, Line]], batch_sha: bytes
) -> None:
    rows = await connection.fetch(
        "SELECT r.subject_id, r.line_no FROM relation r JOIN organisation o USING (subject_id)"
        " WHERE r.subject_id = ANY($1) AND r.kind = 'HOLDS' AND r.direction = 'IN'"
        " AND r.batch_sha = $2 AND o.registered_capital > 0"
        " AND coalesce(r.currency, 'CNY') = coalesce(o.currency, 'CNY')"
        " AND abs(r.subscribed / o.registered_capital - r.share_stated) > 0.0005",
        list(told),
        batch_sha,
    )
    for row in rows:
        line = told[row["subject_id"]].get(row["line_no"])
        if line is not None:
            line.findings.append(finding(line.header("ratio"), "RATIO_MISMATCH"))
