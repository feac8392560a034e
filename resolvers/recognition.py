"""Recognised grades as SQL: the evaluation, its mapping, what stands against it, and the chain.

Nothing is recomputed or rescaled: original grade + the agreement's mapping → common band, then
vetoes (cross-region requirements §2.1, X09–X14).
"""

from __future__ import annotations

from resolvers.field import put_all
from resolvers.global_id import global_id
from resolvers.party import listed
from resolvers.reach import all_of, any_of
from resolvers.statement import Level, Routine, Row, Selected, Statement
from resolvers.visibility import record_seen, record_visible
from store.display import displayed, government

_VETOES = ("serious_list", "court_defaulter")


def _recognised(row: Row, selected: Selected) -> str:
    statement = row.statement
    statement.disclose(selected.coordinate)
    purpose, scheme = selected.given("purpose"), selected.given("scheme")
    asked = (
        statement.given(purpose, "text")
        if purpose is not None
        else statement.bind(lambda call: call.context.scope.purpose, "text", "purpose")
    )
    wanted = statement.given(scheme, "text") if scheme is not None else "NULL::text"
    alias, level = statement.alias("g"), Level()
    statement.count_list()
    with statement.deeper():
        item = Row(statement, level, alias, selected.type)
        put_all(item, statement.select(item.type, selected.details))
        value = item.json()
    # A veto that does not decide is not told, so it is not named either.
    decides = f"CASE WHEN {alias}.reason = 'VETO' THEN {alias}.veto_id END"
    for told in (f"{alias}.record_id", decides):
        level.records[f"coalesce(uuid_send({told}), ''::bytea)"] = None
    result = statement.alias("n")
    manifest = level.manifest("r")
    source = _source(statement, f"{row.alias}.subject_id", asked, wanted)
    row.level.take(
        f"LEFT JOIN LATERAL (SELECT {value} AS j, {manifest} AS r FROM ({source}) {alias}"
        f" {' '.join(level.joins)}) {result} ON true"
    )
    row.level.records[f"coalesce({result}.r, ''::bytea)"] = None
    return f"{result}.j"


def _source(statement: Statement, subject: str, asked: str, wanted: str) -> str:
    """One row: the evaluation that counts, the best mapping for it, reason, band and chain.

    OFFSET keeps what the reason is judged by from being repeated wherever the reason stands.
    """
    today = statement.today
    home = statement.bind(lambda call: call.context.region, "text", "region")
    partner = statement.bind(lambda call: call.context.scope.agreement, "text", "agreement")
    signed = statement.bind(lambda call: call.context.scope.purpose, "text", "purpose")
    # Cities recognise each other's grades, so the other city's comes first; a partner city asks
    # for ours.
    seen = record_seen(statement, "r", ("evaluation",))
    # Of what is seen as a member only, its scheme must not be told by asking for it.
    member = all_of(seen.member, f"{wanted} IS NULL")
    readable = all_of(any_of(seen.open, seen.beyond, member), seen.permitted)
    listed = all_of(
        any_of(displayed("w", today), government("w", today)),
        record_visible(statement, "w", _VETOES),
    )
    own = "true" if statement.scope.agreement is not None else "false"
    kinds = ", ".join(f"'{kind}'" for kind in _VETOES)
    labels = " ".join(
        f"WHEN '{kind}' THEN '{statement.kinds.by_name[kind].label}'"
        for kind in _VETOES
        if kind in statement.kinds.by_name
    )
    return f"""
SELECT f.*, f.reason IS NULL AS recognised,
    CASE f.reason WHEN 'UNRATED' THEN 'UNRATED' WHEN 'VETO' THEN 'POOR'
        ELSE CASE WHEN f.reason IS NULL THEN f.mapped END END AS band,
    {asked} AS purpose,
    CASE WHEN f.record_id IS NULL THEN '未评'
        WHEN NOT f.whole THEN '综合评价 → ' || f.reason ELSE
        CASE WHEN f.shown THEN concat_ws(' ', f.x_scheme, f.x_scheme_version,
            coalesce(trim_scale(f.x_score)::text, f.x_grade)) ELSE f.x_scheme END
        || ' → ' || CASE WHEN f.reason IS NULL OR f.reason = 'VETO'
            THEN {_label("f.mapped")} || ' (mapping ' || f.mapping_id || ')' ELSE f.reason END
        || CASE WHEN f.reason = 'VETO' THEN ' → 差 (VETO:' || f.veto_label || ')' ELSE '' END
    END AS chain
FROM (SELECT t.*,
    CASE WHEN t.record_id IS NULL THEN 'UNRATED'
        WHEN NOT t.whole THEN 'PURPOSE_NOT_COVERED'
        WHEN NOT t.any_mapping THEN 'NO_AGREEMENT'
        WHEN t.mapping_id IS NULL THEN 'SCHEME_VERSION_UNKNOWN'
        WHEN NOT t.in_force THEN 'EXPIRED'
        WHEN NOT t.covered THEN 'PURPOSE_NOT_COVERED'
        WHEN {today} > t.x_valid_until OR t.repaired THEN 'STALE'
        WHEN t.mapped IS NULL THEN 'SCHEME_VERSION_UNKNOWN'
        WHEN t.veto_id IS NOT NULL THEN 'VETO' END AS reason,
    t.record_id IS NOT NULL AND t.whole
        AND (t.mapping_id IS NULL OR t.covered OR coalesce({asked} = {signed}, false)) AS shown
FROM (SELECT e.record_id, e.x_scheme, e.x_scheme_version, e.x_grade, e.x_score, e.x_valid_until,
        e.decision_date, e.origin_region, coalesce(e.objection AND e.whole, false) AS objection,
        e.any_mapping, e.whole, m.*, v.*, b.band AS mapped,
        repaired_within({subject}, e.origin_region, e.decision_date, {today}) AS repaired
    FROM (SELECT 1) one
    LEFT JOIN LATERAL (SELECT r.record_id, r.x_scheme, r.x_scheme_version, r.x_grade, r.x_score,
            r.x_valid_until, r.decision_date, r.origin_region, r.objection,
            coalesce({seen.whole}, false) AS whole,
            EXISTS (SELECT FROM grade_mapping h JOIN agreement i USING (agreement_id)
                WHERE h.scheme = r.x_scheme AND {_between("i", home, partner)}
                AND r.origin_region = ANY (i.parties)) AS any_mapping
        FROM record r WHERE r.subject_id = {subject} AND r.kind = 'evaluation'
            AND ({wanted} IS NULL OR r.x_scheme = {wanted}) AND {readable}
        ORDER BY whole DESC, any_mapping DESC, (r.origin_region = {home}) = {own} DESC,
            r.decision_date DESC, r.record_id LIMIT 1) e ON true
    LEFT JOIN LATERAL (SELECT h.mapping_id, h.agreement_id, h.purposes,
            h.valid_from AS mapping_from, h.valid_to AS mapping_to,
            coalesce({asked} = ANY (h.purposes), false) AS covered,
            {_in_force("h", today)} AND {_in_force("i", today)} AS in_force
        FROM grade_mapping h JOIN agreement i USING (agreement_id)
        WHERE h.scheme = e.x_scheme AND h.version = e.x_scheme_version
            AND {_between("i", home, partner)} AND e.origin_region = ANY (i.parties) AND e.whole
        ORDER BY in_force DESC, covered DESC, h.valid_from DESC, h.mapping_id DESC LIMIT 1) m
        ON true
    LEFT JOIN LATERAL (SELECT b.band FROM grade_mapping_row b WHERE b.mapping_id = m.mapping_id
            AND (b.grade = e.x_grade OR (e.x_score >= b.low
                AND (b.below IS NULL OR e.x_score < b.below))) LIMIT 1) b ON true
    LEFT JOIN LATERAL (SELECT w.record_id AS veto_id, w.kind AS veto_kind,
            CASE w.kind {labels} END AS veto_label, w.origin_region AS veto_region
        FROM record w WHERE w.subject_id = {subject} AND w.kind IN ({kinds})
            AND {listed} AND w.decision_date <= {today} AND e.whole
        ORDER BY w.decision_date DESC, w.record_id LIMIT 1) v ON true) t OFFSET 0) f"""


def _between(agreement: str, home: str, partner: str) -> str:
    """An agreement of this city; for a partner city, the one under which it asks."""
    return (
        f"{home} = ANY ({agreement}.parties)"
        f" AND ({partner} IS NULL OR {agreement}.agreement_id = {partner})"
    )


def _in_force(alias: str, today: str) -> str:
    return (
        f"({alias}.valid_from <= {today}"
        f" AND ({alias}.valid_to IS NULL OR {today} < {alias}.valid_to))"
    )


def _label(band: str) -> str:
    return (
        f"CASE {band} WHEN 'EXCELLENT' THEN '优' WHEN 'GOOD' THEN '良' WHEN 'FAIR' THEN '中'"
        " ELSE '差' END"
    )


def _part(row: Row, selected: Selected, condition: str) -> str:
    """An object made of columns of the same row, null without the condition."""
    statement = row.statement
    statement.disclose(selected.coordinate)
    with statement.deeper():
        item = Row(statement, row.level, row.alias, selected.type)
        put_all(item, statement.select(item.type, selected.details))
        return f"CASE WHEN {condition} THEN {item.json()} END"


def _original(row: Row, selected: Selected) -> str:
    return _part(row, selected, f"{row.alias}.shown")


def _mapping(row: Row, selected: Selected) -> str:
    return _part(row, selected, f"{row.alias}.mapping_id IS NOT NULL")


def _veto(row: Row, selected: Selected) -> str:
    return _part(row, selected, f"{row.alias}.reason = 'VETO'")


def _original_id(row: Row, _: Selected) -> str:
    return global_id("Evaluation", f"{row.alias}.record_id")


def _veto_id(row: Row, _: Selected) -> str:
    arms = " ".join(
        f"WHEN '{kind.name}' THEN {global_id(kind.type_name, f'{row.alias}.veto_id')}"
        for kind in row.statement.kinds
        if kind.name in _VETOES
    )
    return f"CASE {row.alias}.veto_kind {arms} END"


def _published(
    row: Row, selected: Selected, table: str, order: str, condition: str = "true"
) -> str:
    """All rows of a small table of published facts, as a list."""
    row.statement.count_list()
    return listed(row, selected, table, condition, order, most=500)


def _schemes(row: Row, selected: Selected) -> str:
    return _published(row, selected, "grading_scheme", "x.scheme, x.version")


def _mappings(row: Row, selected: Selected) -> str:
    return _published(row, selected, "grade_mapping", "x.mapping_id")


def _mapping_rows(row: Row, selected: Selected) -> str:
    condition = f"x.mapping_id = {row.alias}.mapping_id"
    return _published(row, selected, "grade_mapping_row", "x.position", condition)


ROUTINES: dict[str, Routine] = {
    "Organisation.recognisedGrade": _recognised,
    "RecognisedGrade.original": _original,
    "RecognisedGrade.mapping": _mapping,
    "RecognisedGrade.veto": _veto,
    "OriginalGrade.recordId": _original_id,
    "Veto.recordId": _veto_id,
    "Query.schemes": _schemes,
    "Query.gradeMappings": _mappings,
    "GradeMapping.rows": _mapping_rows,
}
