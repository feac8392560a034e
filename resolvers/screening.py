"""Bulk look-up and screening: whose codes these are, and on which lists they stand today.

A request is one statement, whose cost grows with the codes. More than 500 are a job, which asks
the same questions 500 at a time; above a threshold a supervisor approves it first (access rules
§5.2). Natural persons are not among the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from resolvers import job
from resolvers.answer import Disclosure, distinct
from resolvers.bulk import MOST, codes_given, subjects_of
from resolvers.change import Change, Outcome
from resolvers.context import Call, Context
from resolvers.errors import QuestionError
from resolvers.job import Progress
from resolvers.known_kind import demand_kinds
from resolvers.party import organisation_json
from resolvers.projection import Shape, shaper
from resolvers.reading import fetch
from resolvers.record import record_json
from resolvers.statement import Level, Selected, Statement
from resolvers.visibility import organisation_visible, record_visible
from security.policy import Role
from store.upload import uploaded

LISTS = ("serious_list", "court_defaulter", "abnormal_operation", "watch_list", "red_list")
BULK = frozenset({Role.ANALYST, Role.DEPT, Role.PCITY, Role.STEWARD})
"""The roles that may ask for many subjects at once (access rules §3: the public has no bulk)."""
_HITS = 20
_LONGEST = 200  # characters of a code

_LOOKUP = """query($codes: [String!]!) { lookup(codes: $codes) {
    name uscc category regStatus establishedOn region { name } } }"""
_SCREEN = """query($codes: [String!]!, $kinds: [String!]) { screen(codes: $codes, kinds: $kinds) {
    organisation { name uscc } total
    hits { id kind documentNo decisionDate issuerName originRegion } } }"""
LOOKUP_COLUMNS = (
    "code", "found", "name", "uscc", "category", "regStatus", "establishedOn", "region",
)  # fmt: skip
SCREENING_COLUMNS = (
    "code", "found", "name", "uscc", "kind", "recordId", "documentNo", "decisionDate",
    "issuerName", "originRegion", "total",
)  # fmt: skip


def _demand_bulk(statement: Statement) -> None:
    if statement.scope.role not in BULK:
        raise QuestionError("FORBIDDEN", "the role asks for one subject at a time")


async def lookup(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """The organisations of the codes, in their order, None for what there is none to see.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_VALUE, and as `resolvers.reading.fetch`.
    """
    _demand_bulk(statement)
    codes = selected.given("codes")
    assert codes is not None
    level, row = Level(), statement.alias("s")
    with statement.deeper():
        condition = f"{{o}}.subject_id = {row}.id"
        value = organisation_json(level, statement, selected.details, condition)
    rows = await _read(statement, call, codes, row, level, [f"({value})::json AS j"])
    asked = codes.read(call)
    found = [None if one["j"] is None else orjson.Fragment(one["j"]) for one in rows]
    return found, _disclosed(
        statement, selected, rows, [c for c, one in zip(asked, found, strict=True) if one is None]
    )


async def screen(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """What the organisations of the codes stand on, in the order of the codes; raises as
    `lookup`, and KIND_UNKNOWN."""
    _demand_bulk(statement)
    codes, asked_kinds = selected.given("codes"), selected.given("kinds")
    assert codes is not None
    kinds = _kinds(statement, None if asked_kinds is None else asked_kinds.read(call))
    level, row = Level(), statement.alias("s")
    columns = [f"{_hits(statement, level, row, kinds)}.*"]
    places: dict[str, str] = {}
    with statement.deeper():
        for inner in statement.select(selected.type, selected.details):
            name = f"j{len(places)}"
            if inner.name == "organisation":
                condition = f"{{o}}.subject_id = {row}.id"
                value = organisation_json(level, statement, inner.details, condition)
            elif inner.name == "hits":
                with statement.deeper():
                    value = _records(statement, level, row, kinds, inner.details)
            else:
                continue
            places[inner.key] = name
            columns.append(f"({value})::json AS {name}")
    columns.append(f"{row}.id IS NOT NULL AS seen")

    def fill(inner: Selected) -> Shape:
        return lambda value: orjson.Fragment(value["row"][places[inner.key]])

    shape = shaper(statement, selected, fill, ("organisation", "hits"))
    rows = await _read(statement, call, codes, row, level, columns)
    asked = codes.read(call)
    values = [
        None
        if not one["seen"]
        else {"code": code, "total": one["total"], "kinds": one["kinds"], "row": one}
        for code, one in zip(asked, rows, strict=True)
    ]
    missing = [code for code, value in zip(asked, values, strict=True) if value is None]
    return shape(values), _disclosed(statement, selected, rows, missing)


async def _read(
    statement: Statement, call: Call, codes: Any, row: str, level: Level, columns: Sequence[str]
) -> Any:
    codes_given(statement, codes)
    for check in statement.checks:
        check(call)
    empty = "''::bytea"
    shown = [*columns, *(f"{level.manifest(kind) or empty} AS {kind}" for kind in ("a", "r"))]
    asked, firm = statement.alias("s"), statement.alias("o")
    seen = organisation_visible(statement, firm)
    # Of what is no organisation that the caller may see nothing is read, and nothing logged.
    subjects = (
        f"(SELECT {asked}.n, {firm}.subject_id AS id FROM {subjects_of(statement, codes, asked)}"
        f" LEFT JOIN organisation {firm} ON {firm}.subject_id = {asked}.id AND {seen}) {row}"
    )
    sql, binds = statement.finished(
        f"SELECT {', '.join(shown)} FROM {subjects} {' '.join(level.joins)} ORDER BY {row}.n"
    )
    return await fetch(call.context.pool, sql, [bind(call) for bind in binds])


def _disclosed(
    statement: Statement, selected: Selected, rows: Any, missing: Sequence[str]
) -> Disclosure:
    subjects = distinct(b"".join(row["a"] for row in rows))
    records = distinct(b"".join(row["r"] for row in rows))
    return Disclosure(
        subjects=subjects,
        records=records,
        coordinates=(selected.coordinate, *statement.coordinates),
        masked=tuple(statement.masked),
        rows=(len(subjects) + len(records)) // 16,
        not_found=tuple(missing),
    )


def _kinds(statement: Statement, asked: Sequence[str] | None) -> tuple[str, ...]:
    served = statement.kinds.by_name
    if asked is None:
        return tuple(kind for kind in LISTS if kind in served)
    demand_kinds(statement.kinds, asked)
    return tuple(dict.fromkeys(asked))


def _wanted(statement: Statement, record: str, subject: str, kinds: Sequence[str]) -> str:
    bound = statement.bind(lambda _: list(kinds), "text[]", ("screened", tuple(kinds)))
    visible = record_visible(statement, record, kinds)
    return f"{record}.subject_id = {subject}.id AND {record}.kind = ANY({bound}) AND {visible}"


def _hits(statement: Statement, level: Level, row: str, kinds: Sequence[str]) -> str:
    """How many records a subject has, of which kinds."""
    record, result = statement.alias("r"), statement.alias("n")
    level.take(
        f"CROSS JOIN LATERAL (SELECT count(*)::int AS total, coalesce(array_agg(DISTINCT"
        f" {record}.kind), '{{}}') AS kinds FROM record {record}"
        f" WHERE {_wanted(statement, record, row, kinds)}) {result}"
    )
    return result


def _records(
    statement: Statement, level: Level, row: str, kinds: Sequence[str], details: Any
) -> str:
    """The newest records of a subject as a json list."""
    record, result, inner = statement.alias("r"), statement.alias("n"), Level()
    value = record_json(inner, statement, record, tuple(kinds), details)
    shown = [f"coalesce(json_agg({value}), '[]'::json) AS j"]
    for kind, target in (("a", level.subjects), ("r", level.records)):
        manifest = inner.manifest(kind)
        if manifest is not None:
            shown.append(f"coalesce(string_agg({manifest}, ''::bytea), ''::bytea) AS {kind}")
            target[f"{result}.{kind}"] = None
    level.take(
        f"CROSS JOIN LATERAL (SELECT {', '.join(shown)} FROM (SELECT * FROM record {record}"
        f" WHERE {_wanted(statement, record, row, kinds)} ORDER BY {record}.decision_date DESC"
        f" NULLS LAST, {record}.record_id LIMIT {_HITS}) {record} {' '.join(inner.joins)}) {result}"
    )
    return f"{result}.j"


async def start_lookup(change: Change) -> Outcome:
    """Enter a look-up of many codes; raises as `start_screening`."""
    return await _start(change, "LOOKUP", {})


async def start_screening(change: Change) -> Outcome:
    """Enter a screening of many codes.

    Raises QuestionError CODES_REQUIRED, UPLOAD_UNKNOWN, LIST_LIMIT, BAD_VALUE, KIND_UNKNOWN,
    JOB_LIMIT.
    """
    kinds = change.arguments.get("kinds")
    _kinds(change.statement, kinds)
    return await _start(change, "SCREENING", {"kinds": kinds})


async def _start(change: Change, kind: str, more: Mapping[str, Any]) -> Outcome:
    codes, limits = await _codes(change), change.desk.limits
    if len(codes) > limits.bulk:
        raise QuestionError("LIST_LIMIT", f"name at most {limits.bulk} codes in one job")
    partner = change.call.context.scope.role is Role.PCITY
    threshold = limits.partner_review if partner else limits.review
    return await job.start(
        change, kind, {"codes": codes, **more}, size=len(codes), review=len(codes) > threshold
    )


async def _codes(change: Change) -> list[str]:
    """The codes of the argument, or one a line of an uploaded text."""
    given, name = change.arguments.get("codes"), change.arguments.get("upload")
    if (given is None) == (name is None):
        raise QuestionError("CODES_REQUIRED", "give `codes`, or `upload` with one code a line")
    if name is not None:
        caller, keeping = change.call.context.scope.caller, change.desk.keeping
        content = await uploaded(change.connection, caller, name, keeping.opened)
        try:
            given = content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise QuestionError("BAD_VALUE", "upload the codes as UTF-8, one a line") from None
    codes = [code.strip() for code in given or () if code.strip()]
    if not codes:
        raise QuestionError("CODES_REQUIRED", "name at least one code")
    if any(len(code) > _LONGEST or "\x00" in code for code in codes):
        raise QuestionError("BAD_VALUE", f"a code has at most {_LONGEST} characters")
    return codes


async def look_up(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
    """The handler of LOOKUP."""

    def lines(code: str, one: Any) -> list[dict[str, Any]]:
        found = {**one, "region": (one["region"] or {}).get("name")}
        return [{"code": code, "found": True, **found}]

    await _ask_all(context, arguments, progress, "lookup", _LOOKUP, {}, lines)


async def screen_all(context: Context, arguments: Mapping[str, Any], progress: Progress) -> None:
    """The handler of SCREENING: a line per hit, and one per code without any."""

    def lines(code: str, one: Any) -> list[dict[str, Any]]:
        base = {"code": code, "found": True, **one["organisation"], "total": one["total"]}
        return [{**base, "recordId": hit.pop("id"), **hit} for hit in one["hits"]] or [base]

    kinds = {"kinds": arguments["kinds"]}
    await _ask_all(context, arguments, progress, "screen", _SCREEN, kinds, lines)


async def _ask_all(
    context: Context,
    arguments: Mapping[str, Any],
    progress: Progress,
    name: str,
    document: str,
    variables: Mapping[str, Any],
    lines: Any,
) -> None:
    codes, step = arguments["codes"], min(MOST, progress.most)
    assert context.ask is not None
    for start in range(progress.parts * step, len(codes), step):
        some = codes[start : start + step]
        await progress.told(start, len(codes), name)
        answer = await context.ask(document, {"codes": some, **variables})
        told = orjson.loads(answer.body)
        if told.get("errors"):
            error = told["errors"][0]
            raise QuestionError(error["extensions"]["code"], error["message"])
        part: list[Any] = []
        for code, one in zip(some, told["data"][name], strict=True):
            part += [{"code": code, "found": False}] if one is None else lines(code, one)
        await progress.put(part, answer.disclosure)
    await progress.told(len(codes), len(codes), name)
