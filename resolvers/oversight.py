"""What is read of the access log: auditors and supervisors all of it, a subject who asked about
it; everybody else is refused alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from resolvers.answer import Disclosure
from resolvers.context import Call
from resolvers.errors import QuestionError
from resolvers.log_page import (
    FORBIDDEN,
    asked_of,
    cursor,
    in_china,
    page_info,
    page_size,
    page_start,
    reader,
    told,
)
from resolvers.lookup import read_code
from resolvers.projection import shaper
from resolvers.reading import fetch
from resolvers.statement import Selected, Statement
from security.access_search import Wanted
from security.policy import Role

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
_OWN = (
    "SELECT audit_ref FROM subject WHERE subject_id = ANY($1::uuid[])"
    " OR merged_into = ANY($1::uuid[]) OR subject_id IN"
    " (SELECT merged_into FROM subject WHERE subject_id = ANY($1::uuid[]))"
)
_NAMED = (
    "SELECT s.audit_ref FROM identifier i JOIN subject s USING (subject_id)"
    " WHERE i.value = ANY($1::text[]) AND i.scheme = ANY($2::text[]) AND i.is_open"
)


async def answer(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One page of sealed entries, newest first.

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID, COST_LIMIT,
    LOG_UNAVAILABLE, LOG_INDEX_DIVERGED.
    """
    log = reader(statement, call, own=True)
    own = statement.scope.row.log == "OWN"
    size, start = page_size(statement, selected, call), page_start(selected, call)
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
        entries = [{**entry, **dict.fromkeys(_UNTOLD)} for entry in entries]
    progress = {"sealed": 0, "indexed": 0} if own else await told(log.progress())
    value = {
        "pageInfo": page_info([entry["index"] for entry in entries], more=more, start=start),
        "edges": [{"cursor": cursor(entry["index"]), "node": entry} for entry in entries],
        "nodes": entries,
        **progress,
    }
    shown = shaper(statement, selected)(value)
    coordinates = ("AccessEntry.time" if own else "AccessEntry.entry",) if entries else ()
    return shown, Disclosure(coordinates=coordinates, rows=len(entries))


async def entry(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """One sealed entry by its place or its leaf; null when there is none.

    Raises QuestionError FORBIDDEN, LOG_UNAVAILABLE, LOG_INDEX_DIVERGED, and ENTRY_REQUIRED unless
    one of both is given.
    """
    log = reader(statement, call)
    place, leaf = selected.given("index"), selected.given("leaf")
    if (place is None) == (leaf is None):
        raise QuestionError("ENTRY_REQUIRED", "name the entry by `index` or by `leaf`")
    if place is not None:
        index: int | None = place.read(call)
    else:
        assert leaf is not None
        try:
            index = await told(log.index_of(bytes.fromhex(leaf.read(call))))
        except ValueError:
            index = None
    if index is None or index < 0:
        return None, Disclosure()
    found, _ = await told(
        log.entries(Wanted(), first=1, after=index + 1, members=_members(selected, statement))
    )
    if not found or found[0]["index"] != index:
        return None, Disclosure()
    shown = shaper(statement, selected)(found[0])
    return shown, Disclosure(coordinates=("AccessEntry.entry",), rows=1)


async def history(statement: Statement, selected: Selected, call: Call) -> tuple[Any, Disclosure]:
    """Who read about the subject that asks, newest first (access rules §5.4).

    Raises QuestionError FORBIDDEN, LIST_LIMIT, BAD_SIZE, CURSOR_INVALID, LOG_UNAVAILABLE,
    LOG_INDEX_DIVERGED.
    """
    if statement.scope.row.log != "OWN":
        raise FORBIDDEN
    log = reader(statement, call, own=True)
    size, start = page_size(statement, selected, call), page_start(selected, call)
    wanted = await _about_itself(Wanted(outcome="ALLOWED"), call)
    found, more = await told(log.entries(wanted, first=size, after=start))
    items = [
        {**item, "callerName": None if item["role"] == Role.SELF else item["callerName"]}
        for item in found
    ]
    places = [item["index"] for item in items]
    value = {"pageInfo": page_info(places, more=more, start=start), "nodes": items}
    coordinates = ("AccessHistoryItem.time",) if items else ()
    shown = shaper(statement, selected)(value)
    return shown, Disclosure(coordinates=coordinates, rows=len(items))


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
        wanted = replace(wanted, records=[one for text in ids or () if (one := _uuid(text))])
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
        record = _uuid(asked["record"])
        wanted = replace(wanted, records=[record] if record else [])
    type_ = asked.get("recordType", asked.get("record_type"))
    if type_ is not None:
        kind = statement.kinds.by_name.get(type_)
        wanted = replace(wanted, types=[kind.type_name if kind and not kind.run_time else type_])
    return wanted


async def _references(code: str, call: Call) -> list[bytes]:
    read = read_code(code)
    rows = await fetch(call.context.pool, _NAMED, (read.values, read.schemes))
    return sorted({row["audit_ref"] for row in rows})


async def _about_itself(wanted: Wanted, call: Call) -> Wanted:
    """What the subject that asks may see of the log."""
    context = call.context
    mine = await fetch(context.pool, _OWN, [list(context.scope.grounds.own)])
    refs = {row["audit_ref"] for row in mine}
    asked = wanted.subjects
    own = sorted(refs if asked is None else refs & set(asked))
    return replace(wanted, subjects=own, without_purposes=INVESTIGATIVE)


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
