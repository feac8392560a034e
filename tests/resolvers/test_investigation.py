"""Saved investigations: opened by their owner and by its unit when shared, and by nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, cast

import orjson
import pytest

from resolvers.context import Context
from resolvers.desk import Desk
from resolvers.operation import Operations
from security.keeping import Keeping
from security.policy import Scope
from tests.resolvers.conftest import TODAY, Asked, uid
from tests.resolvers.test_neighbourhood import A

SAVE = """mutation($k: String!, $s: [String!]!, $shared: Boolean!, $v: String!) {
  saveInvestigation(clientKey: $k, title: "研判一", document: "{ neighbourhood }", subjects: $s,
      position: "7-1", variables: $v, layout: "{\\"x\\": 1}", shared: $shared) {
    id title subjects layout variables position asOf own shared changes } }"""
LIST = "{ investigations { id title own shared changes } }"
OPEN = "query($id: ID!) { investigation(id: $id) { id title document layout own changes savedAt } }"
DELETE = """mutation($k: String!, $id: ID!) {
  deleteInvestigation(clientKey: $k, id: $id) { deleted } }"""
At = Callable[..., Awaitable[Asked]]


@pytest.fixture
async def at(
    pool: Any, operations: Operations, scope_of: Callable[..., Scope]
) -> AsyncIterator[At]:
    """Ask as a caller with a desk; what was saved is gone afterwards."""
    told: list[Any] = []

    async def tell(_: Any, kind: str, event: Any) -> None:
        told.append((kind, event))

    async def asked(
        document: str, role: str = "PCITY", unit: str = "", opened: bool = True, **variables: Any
    ) -> Asked:
        grounds = {"unit": unit} if unit else {}
        if role == "DEPT" and opened:
            grounds["matter"] = cast(str, frozenset({uid("a")}))
        scope = scope_of(role, case="1", **grounds)
        desk = Desk(cast(Any, None), pool, Keeping(b"k" * 32), tell)
        context = Context(pool, scope, TODAY, b"k" * 32, desk=desk)
        answer = await operations.prepare(document, None, scope).run(context, variables)
        body = orjson.loads(answer.body)
        return Asked(answer, body.get("data"), body.get("errors", []))

    asked.told = told  # type: ignore[attr-defined]
    yield asked
    await pool.execute("DELETE FROM investigation; DELETE FROM mutation")


async def test_an_investigation_opens_as_it_was_saved(at: At, pool: Any) -> None:
    given = {"k": "key-00000001", "s": [A], "shared": False, "v": '{"s": "1"}'}
    saved = (await at(SAVE, **given)).data["saveInvestigation"]
    assert saved | {"id": ""} == {
        "id": "",
        "title": "研判一",
        "subjects": [A],
        "layout": '{"x": 1}',
        "variables": '{"s": "1"}',
        "position": "7-1",
        "asOf": "2026-06-30",
        "own": True,
        "shared": False,
        "changes": 0,
    }
    again = (await at(SAVE, **given)).data["saveInvestigation"]
    assert again["id"] == saved["id"]  # the same key, once
    assert [one["id"] for one in (await at(LIST)).data["investigations"]] == [saved["id"]]
    opened = (await at(OPEN, id=saved["id"])).data["investigation"]
    assert opened["document"] == "{ neighbourhood }"
    moment = await pool.fetchval("SELECT saved_at FROM investigation")
    assert datetime.fromisoformat(opened["savedAt"]) == moment  # whole: it is given as knownAt
    kept = await pool.fetchval("SELECT content FROM investigation")
    assert "研判".encode() not in kept
    assert A.encode() not in kept
    [(kind, event)] = at.told  # type: ignore[attr-defined]
    assert (kind, event["investigation"]) == ("MUTATION", saved["id"])

    told = (
        "INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,"
        " line_no, digest, status, content)"
        " SELECT subject_id, relation_id, direction, now(), 'told', 1, '', 'VALID', '{}'"
        " FROM relation WHERE subject_id = $1 AND kind = 'HOLDS'"
    )
    count = int((await pool.execute(told, uid("a"))).split()[-1])
    restricted = "UPDATE relation SET class = $2 WHERE subject_id = $1 AND class = $3"
    assert not await pool.fetchval(
        "SELECT count(*) FROM relation WHERE subject_id = $1 AND class = 'R'", uid("a")
    )
    try:
        changed = (await at(OPEN, id=saved["id"])).data["investigation"]
        assert changed["changes"] == count > 0
        other = {**given, "k": "key-00000003", "s": ["92210504XD00000044"]}
        joined = (await at(SAVE, **other)).data["saveInvestigation"]
        await pool.execute("UPDATE investigation SET saved_at = $1", moment)
        become = "UPDATE subject SET merged_into = $2 WHERE subject_id = $1"
        before = (await at(OPEN, id=joined["id"])).data["investigation"]["changes"]
        await pool.execute(become, uid("d"), uid("a"))
        after = (await at(OPEN, id=joined["id"])).data["investigation"]["changes"]
        await pool.execute(become, uid("d"), None)
        assert (before, after) == (0, count)  # what it was saved about is part of another now
        await pool.execute(restricted, uid("a"), "R", "O")  # what may not be seen is not counted
        changed = (await at(OPEN, id=saved["id"])).data["investigation"]
        assert changed["changes"] == 0
    finally:
        await pool.execute(restricted, uid("a"), "O", "R")
        await pool.execute("DELETE FROM relation_version WHERE batch_sha = 'told'")
    assert (await at(DELETE, k="key-00000002", id=saved["id"])).data == {
        "deleteInvestigation": {"deleted": True}
    }
    assert (await at(OPEN, id=saved["id"])).data == {"investigation": None}


async def test_what_came_since_is_not_counted_when_the_case_is_closed(at: At, pool: Any) -> None:
    given = {"k": "key-00000009", "s": [A], "shared": False, "v": "{}", "unit": "u1"}
    assert (await at(SAVE, "DEPT", **given)).codes == []
    await pool.execute(
        "INSERT INTO relation_version (subject_id, relation_id, direction, stamp, batch_sha,"
        " line_no, digest, status, content)"
        " SELECT subject_id, relation_id, direction, now(), 'told', 1, '', 'VALID', '{}'"
        " FROM relation WHERE subject_id = $1 AND kind = 'GUARANTEES'",
        uid("a"),
    )
    try:
        for open_, changes in ((True, 1), (False, 0)):
            (found,) = (await at(LIST, "DEPT", "u1", open_)).data["investigations"]
            assert found["changes"] == changes
    finally:
        await pool.execute("DELETE FROM relation_version WHERE batch_sha = 'told'")


async def test_it_opens_to_others_of_the_unit_only_when_shared(at: At) -> None:
    for shared, seen in ((False, []), (True, [True])):
        key = f"key-shared-{shared}"
        given = {"k": key, "s": [A], "shared": shared, "v": "{}", "unit": "u1"}
        saved = (await at(SAVE, "DEPT", **given)).data["saveInvestigation"]
        same = (await at(LIST, "PCITY", unit="u1")).data["investigations"]
        assert [one["shared"] for one in same] == seen
        other = await at(OPEN, "PCITY", unit="u2", id=saved["id"])
        assert other.data == {"investigation": None}
        mine = {"k": f"key-delete-{shared}", "id": saved["id"]}
        assert (await at(DELETE, "PCITY", unit="u1", **mine)).data == {
            "deleteInvestigation": {"deleted": False}
        }


async def test_what_cannot_be_saved_is_refused(at: At) -> None:
    async def codes(role: str = "PCITY", **changes: Any) -> list[str]:
        given = {"k": "key-refused1", "s": [A], "shared": False, "v": "{}", **changes}
        return (await at(SAVE, role, **given)).codes

    assert await codes(s=["nobody"]) == ["SUBJECT_UNKNOWN"]
    assert await codes(s=[]) == ["BAD_VALUE"]
    assert await codes(v="[]") == ["BAD_VALUE"]
    assert await codes(v="{") == ["BAD_VALUE"]
    assert await codes(shared=True) == ["UNIT_MISSING"]
    assert await codes("STEWARD") == ["FORBIDDEN"]
    assert (await at(OPEN, id="x")).data == {"investigation": None}
