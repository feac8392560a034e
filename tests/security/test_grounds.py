"""Authorisations, approvals and cases on a real database (access rules §3, §4, §5.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.approval import (
    Question,
    approved_question,
    approved_subjects,
    decide_approval,
    request_approval,
)
from security.authorisation import (
    Authorisation,
    Method,
    authorisations,
    new_authorisation,
    record_authorisation,
    revoke_authorisation,
    usable_authorisation,
    use_authorisation,
)
from security.case import MAX_PERSONS, case_subjects, cases, close_case, open_case
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.policy import PolicyError
from security.registry import (
    Algorithm,
    Caller,
    RegisteredKey,
    bind_subject,
    enrol_caller,
    enrol_key,
    load_registry,
)

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
SUBJECT = UUID(int=7)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    made = await asyncpg.create_pool(database, min_size=1, max_size=8)
    yield made
    await made.close()


def drawn(**more: Any) -> Authorisation:
    given_ = {"at": NOW, "granted_by": "firm", "max_uses": 3, **more}
    return new_authorisation(SUBJECT, "bank", ["penalty"], "P9", **given_)


async def refused(pool: Any, *asked: Any) -> str:
    with pytest.raises(PolicyError) as caught:
        await usable_authorisation(pool, *asked)
    assert caught.value.code == "AUTHORISATION_INVALID"
    return caught.value.message


async def test_what_does_not_hold_looks_the_same(pool: Any) -> None:
    """Unknown, another's, for another purpose, not begun, over, spent, revoked."""
    one = drawn()
    spent, revoked = replace(one, id="spent", max_uses=1), replace(one, id="revoked")
    for stored in (one, spent, revoked):
        await record_authorisation(pool, stored)
    await use_authorisation(pool, "spent", "bank", "P9", NOW)
    assert await revoke_authorisation(pool, "revoked", "firm")
    found = await usable_authorisation(pool, one.id, "bank", "P9", NOW)
    assert (found.subject, found.kinds, found.used) == (SUBJECT, frozenset({"penalty"}), 0)
    told = {
        await refused(pool, *asked)
        for asked in (
            ("unknown", "bank", "P9", NOW),
            (one.id, "other-bank", "P9", NOW),
            (one.id, "bank", "P11", NOW),
            (one.id, "bank", None, NOW),
            (one.id, "bank", "P9", NOW - timedelta(seconds=1)),
            (one.id, "bank", "P9", NOW + timedelta(days=90)),
            ("spent", "bank", "P9", NOW),
            ("revoked", "bank", "P9", NOW),
        )
    }
    assert len(told) == 1
    last = NOW + timedelta(days=90) - timedelta(seconds=1)
    assert await usable_authorisation(pool, one.id, "bank", "P9", last)


async def test_uses_are_counted_once_each_however_many_ask_at_a_time(pool: Any) -> None:
    one = drawn(max_uses=5)
    await record_authorisation(pool, one)

    async def use() -> bool:
        try:
            await use_authorisation(pool, one.id, "bank", "P9", NOW)
        except PolicyError:
            return False
        return True

    assert sum(await asyncio.gather(*(use() for _ in range(24)))) == 5
    (kept,) = await authorisations(pool, SUBJECT)
    assert kept.used == 5


async def test_a_revocation_is_the_subjects_own_and_counts_at_once(pool: Any) -> None:
    one = drawn()
    await record_authorisation(pool, one)
    assert not await revoke_authorisation(pool, one.id, "other", UUID(int=8))
    await use_authorisation(pool, one.id, "bank", "P9", NOW)
    assert await revoke_authorisation(pool, one.id, "firm", SUBJECT)
    with pytest.raises(PolicyError):
        await use_authorisation(pool, one.id, "bank", "P9", NOW)
    assert not await revoke_authorisation(pool, one.id, "firm", SUBJECT)
    assert await authorisations(pool, UUID(int=8)) == []


@given(
    kinds=st.lists(st.text(min_size=1), max_size=2),
    purpose=st.sampled_from(["P1", "P9", "P10", "P11"]),
    days=st.integers(-5, 200),
    uses=st.integers(-2, 20_000),
    method=st.sampled_from(list(Method)),
    paper=st.sampled_from([None, b"digest"]),
)
def test_an_authorisation_is_bounded(
    kinds: list[str], purpose: str, days: int, uses: int, method: Method, paper: bytes | None
) -> None:
    good = (
        bool(kinds)
        and purpose in ("P9", "P11")
        and 1 <= days <= 90
        and 1 <= uses <= 10_000
        and (method is not Method.COUNTER or paper is not None)
    )

    def draw() -> Authorisation:
        return new_authorisation(
            SUBJECT,
            "bank",
            kinds,
            purpose,
            at=NOW,
            days=days,
            max_uses=uses,
            method=method,
            granted_by="x",
            evidence_hash=paper,
        )

    if good:
        one = draw()
        assert timedelta(0) < one.valid_to - one.valid_from <= timedelta(days=90)
        return
    with pytest.raises(PolicyError) as refused_:
        draw()
    assert refused_.value.code == "AUTHORISATION_MALFORMED"


QUESTION = Question("query($c: String!) { organisation(code: $c) { name } }", {"c": "1"}, None)


@pytest.fixture
def ask(pool: Any, tmp_path: Path) -> Any:
    cipher = FieldCipher(KeyFolder(tmp_path))

    async def asked(caller: str, case: str, subjects: Any, reason: str, **more: Any) -> str:
        question = more.get("question", QUESTION)
        return await request_approval(pool, caller, case, subjects, reason, question, cipher)

    return asked


async def test_an_approval_is_another_persons_for_24_hours_one_case_and_its_subjects(
    pool: Any, ask: Any
) -> None:
    async def opened(caller: str = "analyst", case: str = "核1", hours: float = 0) -> Any:
        at = NOW + timedelta(hours=hours)
        return (await approved_subjects(pool, caller, case, QUESTION.digest, at))[0]

    id_ = await ask("analyst", "核1", [SUBJECT], "风险核查")
    assert await opened() == frozenset()
    with pytest.raises(PolicyError) as own:
        await decide_approval(pool, id_, "analyst", granted=True, decision="", at=NOW)
    assert own.value.code == "APPROVAL_OWN"
    await decide_approval(pool, id_, "supervisor", granted=True, decision="同意", at=NOW)
    assert await opened() == await opened(hours=23.99) == frozenset({SUBJECT})
    assert await opened(hours=24) == await opened(hours=-0.1) == frozenset()
    assert await opened("analyst2") == await opened(case="核2") == frozenset()
    with pytest.raises(PolicyError) as again:
        await decide_approval(pool, id_, "supervisor2", granted=False, decision="", at=NOW)
    assert again.value.code == "APPROVAL_UNKNOWN"
    other = await ask("analyst", "核2", [SUBJECT], "风险核查")
    await decide_approval(pool, other, "supervisor", granted=False, decision="不同意", at=NOW)
    assert await opened(case="核2") == frozenset()
    for case, subjects, reason, document in (
        ("", [SUBJECT], "x", "{ a }"),
        ("c", [], "x", "{ a }"),
        ("c", [SUBJECT], " ", "{ a }"),
        ("c", [SUBJECT], "x", " "),
        ("案210590199001010013", [SUBJECT], "x", "{ a }"),
    ):
        with pytest.raises(PolicyError) as malformed:
            await ask("analyst", case, subjects, reason, question=Question(document, {}))
        assert malformed.value.code == "APPROVAL_MALFORMED"


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, document=f"{QUESTION.document} "),
        replace(QUESTION, document=QUESTION.document.replace("name", "name uscc")),
        replace(QUESTION, variables={"c": "2"}),
        replace(QUESTION, variables={}),
        replace(QUESTION, operation_name="Q"),
    ],
    ids=["letter", "field", "variable", "none", "operation"],
)
async def test_an_approval_opens_the_question_that_was_approved_and_no_other(
    pool: Any, ask: Any, other: Question
) -> None:
    """Access rules §5.2: approval bound to query hash and time window."""
    id_ = await ask("analyst", "核1", [SUBJECT], "x")
    await decide_approval(pool, id_, "supervisor", granted=True, decision="", at=NOW)
    for question, opened in ((QUESTION, frozenset({SUBJECT})), (other, frozenset())):
        found = await approved_subjects(pool, "analyst", "核1", question.digest, NOW)
        assert found[0] == opened


async def test_an_unbound_approval_of_an_older_release_opens_nothing(pool: Any, ask: Any) -> None:
    id_ = await ask("analyst", "核1", [SUBJECT], "x")
    await decide_approval(pool, id_, "supervisor", granted=True, decision="", at=NOW)
    await pool.execute("UPDATE approval SET question_digest = NULL")
    assert (await approved_subjects(pool, "analyst", "核1", QUESTION.digest, NOW))[1] is None


async def test_who_decides_reads_the_question_and_the_database_does_not_have_its_numbers(
    pool: Any, ask: Any, tmp_path: Path
) -> None:
    number = "210590199001010013"
    asked = Question(QUESTION.document, {"c": number})
    id_ = await ask("analyst", "核1", [SUBJECT], f"核查{number}", question=asked)
    one, read = await approved_question(pool, id_, FieldCipher(KeyFolder(tmp_path)))
    assert (read, one.reason) == (asked, "核查[id]")
    assert number not in str(await pool.fetch("SELECT a::text FROM approval a"))
    assert number.encode().hex() not in str(await pool.fetch("SELECT a::text FROM approval a"))


async def test_the_database_itself_refuses_ones_own_approval(pool: Any, ask: Any) -> None:
    id_ = await ask("analyst", "核1", [SUBJECT], "x")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE approval SET decided_by = requester WHERE approval_id = $1", id_)


async def test_a_case_holds_for_its_unit_number_and_purpose_until_it_is_closed(pool: Any) -> None:
    await open_case(pool, "unit", "案1", "P2", [SUBJECT], "李科员")
    assert await case_subjects(pool, "unit", "案1", "P2") == {SUBJECT}
    for asked in (("other", "案1", "P2"), ("unit", "案2", "P2"), ("unit", "案1", "P1"),
                  ("", "案1", "P2"), ("unit", "案1", None)):  # fmt: skip
        assert await case_subjects(pool, *asked) == frozenset(), asked
    other = uuid4()
    await open_case(pool, "unit", "案1", "P2", [other], "李科员")
    assert await case_subjects(pool, "unit", "案1", "P2") == {SUBJECT, other}
    with pytest.raises(PolicyError) as purpose:
        await open_case(pool, "unit", "案1", "P1", [other], "李科员")
    assert purpose.value.code == "CASE_OTHER_PURPOSE"
    assert [one.subjects for one in await cases(pool, "unit")] == [2]
    assert await close_case(pool, "unit", "案1")
    assert await case_subjects(pool, "unit", "案1", "P2") == frozenset()
    assert not await close_case(pool, "unit", "案1")
    with pytest.raises(PolicyError) as closed:
        await open_case(pool, "unit", "案1", "P2", [other], "李科员")
    assert closed.value.code == "CASE_CLOSED"


async def test_a_matter_names_at_most_twenty_persons(pool: Any) -> None:
    """§5.2: more than 20 persons per matter need prior review."""
    people = [UUID(int=100 + number) for number in range(MAX_PERSONS + 1)]
    await pool.executemany(
        "INSERT INTO subject (subject_id, category) VALUES ($1, 'NATURAL_PERSON')",
        [(one,) for one in people],
    )
    await open_case(pool, "unit", "案3", "P2", people[:MAX_PERSONS], "x")
    with pytest.raises(PolicyError) as refused_:
        await open_case(pool, "unit", "案3", "P2", people[MAX_PERSONS:], "x")
    assert refused_.value.code == "CASE_PERSONS"


async def test_whom_a_caller_speaks_for_survives_enrolment_and_changes_the_version(
    pool: Any,
) -> None:
    caller = Caller("citizen", "市民", "SELF", district="210504", barred=frozenset({UUID(int=9)}))
    await enrol_caller(pool, caller)
    await enrol_key(pool, RegisteredKey("k", caller, Algorithm.ED25519, _PUBLIC))
    before = await load_registry(pool)
    await bind_subject(pool, "citizen", SUBJECT)
    await enrol_caller(pool, caller)  # as at every start of the demo
    after = await load_registry(pool, before)
    assert after.version > before.version
    found = after.keys["k"].caller
    assert (found.subject, found.district) == (SUBJECT, "210504")
    assert found.barred == {UUID(int=9)}
    # A second key, for which nobody says the district again, opens no more than the first.
    await enrol_caller(pool, Caller("citizen", "市民", "SELF"))
    assert (await load_registry(pool)).keys["k"].caller.district == "210504"
    await enrol_caller(pool, Caller("citizen", "市民", "SELF", district="210505"))
    assert (await load_registry(pool)).keys["k"].caller.district == "210505"
    await enrol_caller(pool, Caller("analyst", "分析员", "ANALYST"))
    await bind_subject(pool, "analyst", SUBJECT)
    assert await pool.fetchval("SELECT subject_id FROM caller WHERE id = 'analyst'") is None


_PUBLIC = bytes.fromhex(
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)  # RFC 8032 §7.1


@pytest.mark.parametrize(
    ("unit", "number", "purpose"),
    [
        ("unit", " ", "P2"),
        ("unit", "\u3000", "P2"),
        ("unit", "案9", "P13"),
        ("", "案9", "P2"),
        ("", "案9", "P99"),
        ("unit", "案210590199001010013", "P2"),  # logs keep the number
    ],
)
async def test_a_matter_has_a_number_and_a_purpose_of_its_readers(
    pool: asyncpg.Pool[Any], unit: str, number: str, purpose: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        await open_case(pool, unit, number, purpose, [SUBJECT], "李科员")
    assert refused.value.code == "CASE_MALFORMED"


async def test_of_two_who_decide_at_once_one_learns_that_it_is_decided(pool: Any, ask: Any) -> None:
    id_ = await ask("analyst", "核1", [SUBJECT], "x")

    async def decide(by: str, granted: bool) -> str:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await decide_approval(connection, id_, by, granted=granted, decision="", at=NOW)
                await asyncio.sleep(0.05)
        except PolicyError as error:
            return error.code
        return ""

    told = await asyncio.gather(decide("s1", True), decide("s2", False))
    assert sorted(told) == ["", "APPROVAL_UNKNOWN"]
