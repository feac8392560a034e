"""Search as SQL: candidates by code and by name, the best reason of each organisation, ranked.

However common the text, a bounded number of names that the caller may see is looked at: names that
begin with the text come from an ordered index, names that hold it from the bigram index and only
while there is room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resolvers.argument import Given
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.field import put_all
from resolvers.lookup import BARE_SCHEMES, code_terms
from resolvers.page import Key, Page, Source
from resolvers.party import object_type, organisation_row
from resolvers.reach import FALSE
from resolvers.statement import Level, Routine, Row, Selected, Statement
from resolvers.visibility import organisation_visible
from store.name import HEARD, WALKED, bigrams, common_sql, name_without_region
from store.simplified import searched_name
from store.sound import SOUNDINGS, soundings

_CANDIDATES = 300  # names looked at that begin with the text, and again that hold it
_NEAR = 100
_LONGEST = 200
_LONGEST_SENT = 1_000  # with blanks and what else does not count; nothing longer is looked at
_RANKS = (
    Key("rank", "numeric"),
    Key("matched", "text"),
    Key("subject_id", "uuid"),
)
_NAMED = "CASE WHEN w.is_former THEN 'FORMER_NAME' ELSE 'CURRENT_NAME' END"


def _sent(call: Call, text: Given) -> str:
    told: str = text.read(call)
    if len(told) > _LONGEST_SENT:
        raise _too_long()
    return told


def _too_long() -> QuestionError:
    return QuestionError("NAME_TOO_LONG", f"search for at most {_LONGEST} characters of a name")


def fragment(call: Call, text: Given) -> str:
    """The text as names are compared; raises QuestionError NAME_TOO_SHORT, NAME_TOO_LONG."""
    told = searched_name(_sent(call, text))
    if len(told) < 2:
        raise QuestionError("NAME_TOO_SHORT", "search for two or more characters of the name")
    if len(told) > _LONGEST:
        raise _too_long()
    return told


def name_terms(statement: Statement, text: Given) -> tuple[str, str]:
    """The text as names are compared, and its fragments of two characters."""
    plain = statement.bind(lambda call: fragment(call, text), "text")
    return plain, statement.bind(lambda call: bigrams(_sent(call, text)), "text[]")


def search(row: Row, selected: Selected) -> str:
    """The connection of hits: found once, then counted, cut into pages and shown."""
    statement = row.statement
    hits = statement.alias("h")
    row.level.take(f"CROSS JOIN LATERAL ({_hits(statement, selected)}) {hits}")
    alias = statement.alias("m")
    columns = "subject_id, audit_ref, rank, matched_by, matched"
    source = Source(
        f"(SELECT * FROM unnest({hits}.subjects, {hits}.refs, {hits}.ranks, {hits}.reasons,"
        f" {hits}.texts) u ({columns}))",
        alias,
        "true",
        _RANKS,
        "search",
    )

    def edge(level: Level) -> Row:
        level.subjects[f"{alias}.audit_ref"] = None
        return Row(statement, level, alias, object_type(statement, "SearchEdge"))

    def node(level: Level, details: Sequence[Any]) -> str:
        organisation = statement.alias("o")
        # Apart, so that no other join than one by one, in the order of the hits, can be chosen.
        level.take(
            f"CROSS JOIN LATERAL (SELECT * FROM organisation x"
            f" WHERE x.subject_id = {alias}.subject_id OFFSET 0) {organisation}"
        )
        item = organisation_row(statement, level, organisation)
        del level.subjects[f"{organisation}.audit_ref"]  # the hit names it already
        level.subjects[f"{alias}.audit_ref"] = None
        return put_all(item, statement.select(item.type, list(details))).value()

    statement.disclose(selected.coordinate)
    more = {"truncated": f"{hits}.truncated"}
    return Page(statement, selected, source, edge, node, more=more).compile(row.level)


def _hits(statement: Statement, selected: Selected) -> str:
    text = selected.arguments["text"]
    assert isinstance(text, Given)
    plain, pairs = name_terms(statement, text)

    def core(call: Call) -> str | None:
        return name_without_region(_sent(call, text))

    def core_pairs(call: Call) -> list[str] | None:
        rest = core(call)
        return bigrams(rest) if rest else None

    read = [_sounding(statement, text, slot) for slot in range(SOUNDINGS)]
    patterns = statement.bind(
        lambda call: [one.pattern for one in soundings(_sent(call, text))], "text[]"
    )
    initials = statement.bind(
        lambda call: [one.initials for one in soundings(_sent(call, text))], "boolean[]"
    )
    near = statement.bind(core, "text")
    near_pairs = statement.bind(core_pairs, "text[]")
    wanted = selected.given("kinds")
    asked = "true"
    if wanted is not None:
        asked = f"found.matched_by = ANY({statement.given(wanted, 'text[]')})"
    room = f"(SELECT count(*) FROM begun) <= {_CANDIDATES}"
    walked = "(SELECT * FROM organisation_name ORDER BY plain, subject_id LIMIT {}) w"
    visible = organisation_visible(statement, "o")

    def seen(alias: str) -> str:
        """Join the organisation where it is seen: none other takes the place of one that is. Apart,
        so that it is looked up one by one."""
        return (
            f"CROSS JOIN LATERAL (SELECT o.audit_ref FROM organisation o"
            f" WHERE o.subject_id = {alias}.subject_id AND {visible} OFFSET 0) v"
        )

    cut = [
        f"(SELECT count(*) FROM {name}) > {limit}"
        for name, limit in (
            ("begun", _CANDIDATES),
            ("held", _CANDIDATES),
            ("near", _NEAR),
            ("heard", _CANDIDATES),
        )
    ]
    cut += ["(SELECT names OR sounds FROM common)"]
    if visible == FALSE:
        cut = [FALSE]  # who sees nothing learns nothing of how many there are
    return f"""
        WITH common AS MATERIALIZED (
            SELECT coalesce({common_sql(pairs)}, false) AS names,
                coalesce({" OR ".join([common_sql(one) for one in read])}, false)
                    AS sounds
        ), begun AS MATERIALIZED (
            SELECT w.subject_id, CASE WHEN w.plain = {plain} THEN 2 ELSE 4 END
                + w.is_former::integer AS rank, {_NAMED} AS matched_by, w.name AS matched,
                v.audit_ref
            FROM organisation_name w {seen("w")}
            WHERE w.plain >= {plain} AND w.plain < {plain} || chr(1114111)
            ORDER BY w.plain, w.subject_id LIMIT {_CANDIDATES + 1}
        ), holding AS MATERIALIZED (
            SELECT w.subject_id, 6 + w.is_former::integer AS rank, {_NAMED} AS matched_by,
                w.name AS matched, v.audit_ref
            FROM organisation_name w {seen("w")}
            WHERE {room} AND NOT (SELECT names FROM common)
                AND w.bigrams @> {pairs} AND position({plain} in w.plain) > 1
        ), walking AS MATERIALIZED (
            SELECT w.subject_id, 6 + w.is_former::integer AS rank, {_NAMED} AS matched_by,
                w.name AS matched, v.audit_ref
            FROM {walked.format(WALKED)} {seen("w")}
            WHERE {room} AND (SELECT names FROM common) AND position({plain} in w.plain) > 1
            LIMIT {_CANDIDATES + 1}
        ), held AS MATERIALIZED (
            SELECT * FROM (SELECT * FROM holding LIMIT {_CANDIDATES + 1}) h
            UNION ALL SELECT * FROM walking
        ), nearby AS MATERIALIZED (
            SELECT w.subject_id, 8 + w.is_former::integer AS rank, 'NEAR_NAME' AS matched_by,
                w.name AS matched, v.audit_ref
            FROM organisation_name w {seen("w")}
            WHERE w.bigrams @> {near_pairs} AND position({near} in w.plain) > 0
        ), near AS MATERIALIZED (
            SELECT * FROM nearby LIMIT {_NEAR + 1}
        ), sounding AS MATERIALIZED (
            SELECT w.subject_id, w.spelt, w.is_former, w.name, v.audit_ref
            FROM organisation_name w {seen("w")}
            WHERE NOT (SELECT sounds FROM common)
                AND ({" OR ".join([f"w.sounds @> {one}" for one in read])})
                AND w.spelt ~ ANY ({patterns})
        ), strolling AS MATERIALIZED (
            SELECT w.subject_id, w.spelt, w.is_former, w.name, v.audit_ref
            FROM {walked.format(HEARD)} {seen("w")}
            WHERE (SELECT sounds FROM common) AND w.spelt ~ ANY ({patterns})
            LIMIT {_CANDIDATES + 1}
        ), heard AS MATERIALIZED (
            SELECT s.subject_id, p.rank + s.is_former::integer AS rank, p.matched_by,
                s.name AS matched, s.audit_ref
            FROM (SELECT * FROM (SELECT * FROM sounding LIMIT {_CANDIDATES + 1}) f
                UNION ALL SELECT * FROM strolling) s CROSS JOIN LATERAL (
                SELECT CASE WHEN u.initials THEN 14 ELSE 10 END
                    + CASE WHEN s.spelt ~ ('^' || u.pattern) THEN 0 ELSE 2 END AS rank,
                    CASE WHEN u.initials THEN 'INITIALS' ELSE 'PINYIN' END AS matched_by
                FROM unnest({patterns}, {initials}) WITH ORDINALITY u (pattern, initials, n)
                WHERE s.spelt ~ u.pattern ORDER BY u.initials, u.n LIMIT 1) p
        ), best AS (
            SELECT DISTINCT ON (found.subject_id) found.*
            FROM (SELECT k.*, v.audit_ref FROM ({_by_code(statement, text)}) k {seen("k")}
                UNION ALL SELECT * FROM begun
                UNION ALL SELECT * FROM held
                UNION ALL SELECT * FROM near
                UNION ALL SELECT * FROM heard) found
            WHERE {asked}
            ORDER BY found.subject_id, found.rank, found.matched
        )
        SELECT {" OR ".join(cut)} AS truncated, array_agg(subject_id) AS subjects,
            array_agg(audit_ref) AS refs, array_agg(rank) AS ranks,
            array_agg(matched_by) AS reasons, array_agg(matched) AS texts
        FROM best"""


def _sounding(statement: Statement, text: Given, slot: int) -> str:
    """The fragments of one way of reading the text, null when there are fewer ways."""

    def fragments(call: Call) -> list[str] | None:
        told = soundings(_sent(call, text))
        return list(told[slot].fragments) if slot < len(told) else None

    return statement.bind(fragments, "text[]")


def _by_code(statement: Statement, text: Given) -> str:
    terms = code_terms(statement, text)
    schemes = [scheme for scheme in BARE_SCHEMES if scheme != "lei"]
    reasons = " ".join(f"WHEN '{scheme}' THEN '{scheme.upper()}'" for scheme in schemes)
    return (
        f"SELECT i.subject_id, 0 AS rank, CASE i.scheme {reasons} ELSE 'OTHER_CODE' END"
        f" AS matched_by, i.value AS matched FROM identifier i WHERE {terms.carried('i')}"
        " UNION ALL SELECT j.subject_id, 1, 'ORG_CODE_EMBEDDED', j.value"
        f" FROM identifier j WHERE {terms.embedded('j')}"
    )


def best_name(level: Level, statement: Statement, alias: str, text: Given) -> str:
    """Join the name of an organisation that a name filter finds, best first; its alias."""
    plain, pairs = name_terms(statement, text)
    named = statement.alias("w")
    level.take(
        f"LEFT JOIN LATERAL (SELECT w.name AS matched, {_NAMED} AS matched_by"
        f" FROM organisation_name w WHERE w.subject_id = {alias}.subject_id"
        f" AND w.bigrams @> {pairs} AND position({plain} in w.plain) > 0"
        f" ORDER BY w.plain <> {plain}, position({plain} in w.plain) > 1, w.is_former, w.plain"
        f" LIMIT 1) {named} ON true"
    )
    return named


def _why(row: Row, selected: Selected) -> str:
    column = {"matched": "matched", "matchedBy": "matched_by"}[selected.name]
    row.statement.disclose(selected.coordinate)
    row.level.subjects[f"{row.alias}.audit_ref"] = None
    return f"{row.context['named']}.{column}" if "named" in row.context else "NULL::text"


ROUTINES: dict[str, Routine] = {
    "Query.search": search,
    "OrganisationEdge.matched": _why,
    "OrganisationEdge.matchedBy": _why,
}
