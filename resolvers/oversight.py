"""What is read of the access log: auditors and supervisors all of it, a subject who asked about
it; everybody else is refused alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from resolvers.answer import Disclosure
from resolvers.connection import connection, cursor_invalid
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.global_id import read_global_id
from resolvers.log_page import (
    asked_of,
    cursor,
    forbidden,
    in_china,
    page_size,
    page_start,
    reader,
    told,
)
from resolvers.lookup import read_code
from resolvers.projection import shaper
from resolvers.pseudonym import person_of
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from security.access_search import Wanted
from security.policy import Role
from security.review import LogReview, Place

# Access rules §3 (SELF) and §5.4: a subject does not see investigative queries; those of auditors
# stand in a log of their own.
INVESTIGATIVE = ("P2", "P12", "P14", "P15")
# They name officers and other people's matters.
_UNTOLD = ("actor", "keyId", "case", "entry", "correlation", "legalBasis")
_UNASKED = ("actor", "case", "correlation")
_EXTRA = ("proof", "witnesses", "evidenceState")
_PROVED = 20
"""Most entries of a page with proofs; each costs up to 10 ms."""
_NAMES = 1_000
# A subject that was found to be another one keeps the reference under which it was read before.
_REFERENCES = """
WITH root AS (SELECT COALESCE(merged_into, subject_id) AS id
                FROM subject WHERE subject_id = ANY ($1::uuid[]))
SELECT audit_ref FROM subject WHERE subject_id IN (SELECT id FROM root)
UNION
SELECT audit_ref FROM subject WHERE merged_into IN (SELECT id FROM root)
"""
_CARRIERS = "SELECT subject_id FROM identifier WHERE value = ANY($1::text[])"
_OPEN = f"{_CARRIERS} AND scheme = ANY($2::text[]) AND is_open"
_NUMBER = f"{_CARRIERS} AND scheme = 'person_number'"
_IDENTITY_NUMBER = re.compile(r"(?:(?:id|identity_card):)?([0-9]{17}[0-9Xx])")


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One page of sealed entries, newest first.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID, COST_LIMIT,
    LOG_UNAVAILABLE, LOG_INDEX_DIVERGED.
    """
    log = reader(statement, call, own=True)
    own = statement.scope.row.log == "OWN"
    size, start = page_size(statement, selected, call), _start(log, selected, call)
    asked = asked_of(selected, call)
    wanted = await _wanted(statement, asked, call)
    if own:
        wanted = await _about_itself(wanted, call)
        if any(name in asked for name in _UNASKED):
            wanted = replace(wanted, subjects=[])
    members = _members(selected, statement)
    if "proof" in members and size > _PROVED:
        raise QuestionError("COST_LIMIT", f"ask for at most {_PROVED} entries with proofs at once")
    found, more = await told(log.entries(wanted, first=size, after=start, members=members))
    entries = [dict(entry) for entry in found]
    if own:
        entries = [{**_unnamed(entry), **dict.fromkeys(_UNTOLD)} for entry in entries]
    progress = {"sealed": 0, "indexed": 0} if own else await told(log.progress())
    edges = [(cursor(_place(entry)), entry) for entry in entries]
    value = connection(edges, more=more, starts_after=start is not None)
    shown = shaper(statement, selected)({**value, **progress})
    coordinates = ("AccessEntry.time" if own else "AccessEntry.entry",) if entries else ()
    return shown, Disclosure(coordinates=coordinates, rows=len(entries))


async def entry(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One sealed entry by its place or its leaf; null when there is none.

    Raises QuestionError FORBIDDEN, LOG_UNAVAILABLE, LOG_INDEX_DIVERGED, and ENTRY_REQUIRED unless
    one of both is given.
    """
    log = reader(statement, call)
    place = await _named_place(log, selected, call)
    if place is None or place.index < 0 or place.log not in log.logs:
        return None, Disclosure()
    found, _ = await told(
        log.entries(
            Wanted(),
            first=1,
            after=replace(place, index=place.index + 1),
            members=_members(selected, statement),
        )
    )
    if not found or _place(found[0]) != place:
        return None, Disclosure()
    shown = shaper(statement, selected)(found[0])
    return shown, Disclosure(coordinates=("AccessEntry.entry",), rows=1)


async def _named_place(log: LogReview, selected: Selected, call: Call) -> Place | None:
    index, leaf = selected.given("index"), selected.given("leaf")
    if index is not None and leaf is None:
        origin = selected.given("log")
        return Place(log.key.name if origin is None else origin.read(call), index.read(call))
    if leaf is None or index is not None:
        raise QuestionError("ENTRY_REQUIRED", "name the entry by `index` or by `leaf`")
    try:
        return await told(log.place_of(bytes.fromhex(leaf.read(call))))
    except ValueError:
        return None


async def history(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Who read about the subject that asks, newest first (access rules §5.4).

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID, LOG_UNAVAILABLE,
    LOG_INDEX_DIVERGED.
    """
    if statement.scope.row.log != "OWN":
        raise forbidden()
    log = reader(statement, call, own=True)
    size, start = page_size(statement, selected, call), _start(log, selected, call)
    wanted = await _about_itself(Wanted(outcome="ALLOWED"), call)
    found, more = await told(log.entries(wanted, first=size, after=start))
    items = [_unnamed(item) for item in found]
    edges = [(cursor(_place(item)), item) for item in items]
    value = connection(edges, more=more, starts_after=start is not None)
    coordinates = ("AccessHistoryItem.time",) if items else ()
    shown = shaper(statement, selected)(value)
    return shown, Disclosure(coordinates=coordinates, rows=len(items))


def _unnamed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry without the name of who read for itself, which may be a person's."""
    return {**entry, "callerName": None if entry["role"] == Role.SELF else entry["callerName"]}


async def exposure(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Who saw subjects or records in a period (access rules §10).

    Raises QuestionError FORBIDDEN, LOG_UNAVAILABLE, SUBJECTS_REQUIRED, LIST_LIMIT.
    """
    log = reader(statement, call)
    given: dict[str, Any] = {
        name: argument.read(call)
        for name in ("since", "until", "subjects", "records")
        if (argument := selected.given(name)) is not None
    }
    codes, ids = given.get("subjects"), given.get("records")
    if (codes is None) == (ids is None):
        raise QuestionError("SUBJECTS_REQUIRED", "name `subjects` or `records`, one of the two")
    if len(codes or ids or ()) > _NAMES:
        raise QuestionError("LIST_LIMIT", f"name at most {_NAMES} at once")
    wanted = Wanted(since=given["since"], until=given.get("until"))
    unknown: list[str] = []
    if codes is not None:
        refs: list[bytes] = []
        for code in codes:
            named = await _references(code, call)
            refs += named
            if not named:
                unknown.append(code)
        wanted = replace(wanted, subjects=refs)
    else:
        named_records = {text: _record(text) for text in ids or ()}
        wanted = replace(wanted, records=sorted({one for one in named_records.values() if one}))
        known = await told(log.known_records(wanted.records or ()))
        unknown = [text for text, one in named_records.items() if one not in known]
    rows, more = await told(log.exposure(wanted))
    progress = await told(log.progress())
    value = {
        "since": given["since"],
        "until": given.get("until"),
        "callers": len({row["caller"] for row in rows}),
        "entries": sum(row["entries"] for row in rows),
        "complete": not more,
        "indexed": progress["indexed"],
        "unknown": unknown,
        "exposures": [in_china(row) for row in rows],
    }
    shown = shaper(statement, selected)(value)
    coordinates = ("Exposure.caller",) if rows else ()
    return shown, Disclosure(coordinates=coordinates, rows=len(rows), not_found=tuple(unknown))


async def _wanted(statement: Statement, asked: Mapping[str, Any], call: Call) -> Wanted:
    names = ("caller", "unit", "actor", "purpose", "case", "correlation", "kind", "outcome")
    plain: dict[str, Any] = {name: asked.get(name) for name in (*names, "reason", "since", "until")}
    wanted = Wanted(**plain)
    if "subject" in asked:
        wanted = replace(wanted, subjects=await _references(asked["subject"], call))
    if "record" in asked:
        record = _record(asked["record"])
        wanted = replace(wanted, records=[record] if record else [])
    type_ = asked.get("recordType", asked.get("record_type"))
    if type_ is not None:
        kind = statement.kinds.by_name.get(type_)
        wanted = replace(wanted, types=[kind.type_name if kind and not kind.run_time else type_])
    return wanted


async def _references(code: str, call: Call) -> list[bytes]:
    """Under what a subject stands in the log: named by an open code, an identity card number, or
    its id in the API as this caller sees it."""
    context = call.context
    node_id, number = read_global_id(code), _IDENTITY_NUMBER.fullmatch(code.strip())
    if node_id is not None and node_id[0] == "Person":
        found = [person_of(context.person_key, node_id[1])]
    elif node_id is not None and node_id[0] == "Organisation":
        found = [_uuid(node_id[1])]
    else:
        read = read_code(code)
        rows = list(await fetch(context.pool, _OPEN, (read.values, read.schemes)))
        if number is not None and context.number_indexes is not None:
            indexes = list(context.number_indexes(number[1].upper()))
            rows += await fetch(context.pool, _NUMBER, (indexes,))
        found = [row["subject_id"] for row in rows]
    return await _references_of([one for one in found if one], call)


async def _references_of(subjects: Sequence[UUID], call: Call) -> list[bytes]:
    rows = await fetch(call.context.pool, _REFERENCES, (list(subjects),)) if subjects else ()
    return sorted(row["audit_ref"] for row in rows)


async def _about_itself(wanted: Wanted, call: Call) -> Wanted:
    """What the subject that asks may see of the log."""
    refs = set(await _references_of(list(call.context.scope.grounds.own), call))
    asked = wanted.subjects
    own = sorted(refs if asked is None else refs & set(asked))
    return replace(wanted, subjects=own, without_purposes=INVESTIGATIVE)


def _start(log: LogReview, selected: Selected, call: Call) -> Place | None:
    start = page_start(selected, call)
    if start is not None and start.log not in log.logs:
        raise cursor_invalid()
    return start


def _place(entry: Mapping[str, Any]) -> Place:
    return Place(entry["log"], entry["index"])


def _record(text: str) -> UUID | None:
    """A record's id, as the API or as the log has it."""
    node_id = read_global_id(text)
    return _uuid(text if node_id is None else node_id[1])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _members(selected: Selected, statement: Statement) -> frozenset[str]:
    """Which costly members of an entry are selected, at whatever place of the page."""
    names: set[str] = set()
    pending: list[Any] = [detail.node for detail in selected.details]
    while pending:
        node = pending.pop()
        name = getattr(getattr(node, "name", None), "value", "")
        names.add(name)
        if node.kind == "fragment_spread":
            pending.append(statement.fragments[name].definition)
        inner = getattr(node, "selection_set", None)
        pending += inner.selections if inner is not None else ()
    return frozenset(names & set(_EXTRA))
