"""The least that must be done: SQL by hand with asyncpg behind a bare uvicorn, no GraphQL.

`/Q1` to `/Q4` answer the statement of that name; of the body only the code is read.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import orjson

from bench.peer import Message, run_server
from bench.peers.question import KINDS
from service.app import read_body
from store.pool import open_pool

TODAY = date(2026, 6, 30)
_FIELDS = """o.name, o.uscc, o.org_code AS "orgCode", o.entity_type AS "entityType",
  o.reg_status AS "regStatus", o.established_on AS "establishedOn",
  CASE WHEN o.category <> 'INDIVIDUAL_BUSINESS' THEN o.address END AS address, o.industry,
  o.reg_authority AS "regAuthority", o.legal_rep_name AS "legalRepName\""""
# What is on display, and of legal entities what offices may read under the demo agreement.
_SHOWN = """r.status = 'VALID' AND (r.class = 'O' AND r.display_from <= ${today}
    AND (r.display_until IS NULL OR r.display_until > ${today})
    AND (r.display_ended_on IS NULL OR r.display_ended_on > ${today})
    AND {open}
  OR r.class IN ('O', 'G') AND r.subject_category = 'LEGAL_ENTITY'
    AND (r.query_until IS NULL OR r.query_until > ${today})
    AND r.display_ended_on IS NULL{kinds})"""
_FIRM = "r.subject_category <> 'NATURAL_PERSON'"
_SHARED = (
    "abnormal_operation", "commitment", "court_defaulter", "evaluation", "inspection", "licence",
    "penalty", "red_list", "serious_list",
)  # fmt: skip


def _records(kind: str, first: int, today: int) -> str:
    shown = _SHOWN.format(today=today, open=_FIRM, kinds="")
    return f"""(SELECT json_build_object('nodes', coalesce(json_agg(t), '[]'))
      FROM (SELECT r.document_no AS "documentNo", r.decision_date AS "decisionDate",
              r.issuer_name AS "issuerName"
            FROM record r WHERE r.subject_id = o.subject_id AND r.kind = '{kind}' AND {shown}
            ORDER BY r.decision_date DESC, r.record_id LIMIT {first}) t)"""


def _seen(today: int) -> str:
    by_law = f"({_FIRM} OR r.kind = 'court_defaulter')"
    listed = f" AND r.kind IN {_SHARED}"
    shown = _SHOWN.format(today=today, open=by_law, kinds=listed)
    return f"""(o.registered OR EXISTS (SELECT FROM relation v WHERE v.subject_id = o.subject_id
        AND v.kind IN ('BRANCH_OF', 'GUARANTEES', 'HOLDS', 'LEGAL_REP_OF', 'OFFICER_OF')
        AND v.class IN ('O', 'G') AND v.status = 'VALID' OFFSET 0)
      OR EXISTS (SELECT FROM record r WHERE r.subject_id = o.subject_id AND {shown} OFFSET 0))"""


def _grade(today: int) -> str:
    """The recognised grade of an evaluation, as a partner city asks for it under the agreement."""
    shown = _SHOWN.format(today=f"{today}::date", open=_FIRM, kinds="")
    in_force = "{0}.valid_from <= ${1} AND ({0}.valid_to IS NULL OR ${1} < {0}.valid_to)"
    agreed = "'210500' = ANY (i.parties) AND i.agreement_id = 'benxi-shenyang-2026-3'"
    return f"""(SELECT json_build_object('recognised', g.reason IS NULL, 'band',
        CASE g.reason WHEN 'UNRATED' THEN 'UNRATED' WHEN 'VETO' THEN 'POOR'
          ELSE CASE WHEN g.reason IS NULL THEN g.band END END, 'reason', g.reason)
      FROM (SELECT b.band, CASE WHEN e.record_id IS NULL THEN 'UNRATED'
            WHEN NOT e.agreed THEN 'NO_AGREEMENT'
            WHEN m.mapping_id IS NULL THEN 'SCHEME_VERSION_UNKNOWN'
            WHEN NOT m.in_force THEN 'EXPIRED' WHEN NOT m.covered THEN 'PURPOSE_NOT_COVERED'
            WHEN ${today} > e.x_valid_until OR repaired_within(o.subject_id, e.origin_region,
              e.decision_date, ${today}) THEN 'STALE'
            WHEN b.band IS NULL THEN 'SCHEME_VERSION_UNKNOWN'
            WHEN EXISTS (SELECT FROM record r WHERE r.subject_id = o.subject_id
              AND r.kind IN ('serious_list', 'court_defaulter') AND r.decision_date <= ${today}
              AND {shown}) THEN 'VETO' END AS reason
          FROM (SELECT 1) one LEFT JOIN LATERAL (
            SELECT r.record_id, r.x_scheme, r.x_scheme_version, r.x_grade, r.x_score,
              r.x_valid_until, r.decision_date, r.origin_region,
              EXISTS (SELECT FROM grade_mapping h JOIN agreement i USING (agreement_id)
                WHERE h.scheme = r.x_scheme AND {agreed}
                AND r.origin_region = ANY (i.parties)) AS agreed
            FROM record r WHERE r.subject_id = o.subject_id AND r.kind = 'evaluation' AND {shown}
            ORDER BY agreed DESC, r.origin_region = '210500' DESC, r.decision_date DESC,
              r.record_id LIMIT 1) e ON true
          LEFT JOIN LATERAL (SELECT h.mapping_id, 'P3' = ANY (h.purposes) AS covered,
              {in_force.format("h", today)} AND {in_force.format("i", today)} AS in_force
            FROM grade_mapping h JOIN agreement i USING (agreement_id)
            WHERE h.scheme = e.x_scheme AND h.version = e.x_scheme_version AND {agreed}
              AND e.origin_region = ANY (i.parties)
            ORDER BY in_force DESC, covered DESC, h.valid_from DESC, h.mapping_id DESC
            LIMIT 1) m ON true
          LEFT JOIN LATERAL (SELECT b.band FROM grade_mapping_row b
            WHERE b.mapping_id = m.mapping_id AND (b.grade = e.x_grade
              OR e.x_score >= b.low AND (b.below IS NULL OR e.x_score < b.below))
            LIMIT 1) b ON true) g)"""


def statements() -> dict[str, str]:
    """Each question's statement; $1 is the code where there is one, the day comes last."""
    one = "FROM organisation o JOIN identifier i USING (subject_id)"
    named = f"i.value = $1 AND i.scheme = 'uscc' AND i.is_open AND {_seen(2)}"
    kinds = ", ".join(f'{_records(kind, 5, 2)} AS "{name}"' for name, kind in KINDS.items())
    first = f"FROM organisation o WHERE {_seen(1)} ORDER BY o.name, o.subject_id"
    return {
        "Q1": f"SELECT row_to_json(q) FROM (SELECT {_FIELDS} {one} WHERE {named}) q",
        "Q2": f"SELECT json_agg(q) FROM (SELECT o.name, o.uscc, {_records('penalty', 10, 1)}"
        f" AS penalties FROM (SELECT o.* {first} LIMIT 20) o) q",
        "Q3": f"SELECT json_agg(q) FROM (SELECT {_FIELDS} {first} LIMIT 1000) q",
        "Q4": f"SELECT row_to_json(q) FROM (SELECT o.name, o.uscc, {kinds},"
        f' {_grade(2)} AS "recognisedGrade" {one} WHERE {named}) q',
    }


class ByHand:
    """An ASGI application without a framework."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._statements = statements()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        asked, _ = await read_body(receive, 1_000_000)
        name = scope["path"][1:]
        body = b"{}"
        if name in ("Q1", "Q4"):
            code = orjson.loads(asked)["variables"]["c"]
            found = await self._pool.fetchval(self._statements[name], code, TODAY)
            body = b'{"data":{"organisation":' + (found or b"null") + b"}}"
        elif name in self._statements:
            found = await self._pool.fetchval(self._statements[name], TODAY)
            body = b'{"data":{"organisations":{"nodes":' + (found or b"[]") + b"}}}"
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _serve() -> None:
    pool = await open_pool(os.environ["PEER_DATABASE"], answering=True)
    await run_server(ByHand(pool), int(os.environ["PEER_PORT"]))


def main() -> None:
    """Serve on the port that is named."""
    import uvloop

    uvloop.run(_serve())


if __name__ == "__main__":
    main()
