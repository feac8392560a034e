"""Evidence can be shown again and checked offline; erasing and retention leave the log whole."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.erasure import (
    Act,
    ask_decision,
    confirm_decision,
    erase,
    may_open,
    waiting_decision,
)
from security.errors import SecurityError
from security.evidence import Evidence
from security.evidence_store import evidence_of
from security.package import packed, verify_by_algorithm
from security.package_check import MAX_SIZE, check_package, kept_question, read_package_bytes
from security.retention import (
    RetentionRule,
    change_rule,
    months_before,
    purge,
    retention_class,
    retention_rules,
)
from security.tlog.verify import Status
from tests.security.exhibit import ORIGIN, QUESTION, erased, exhibit

YEAR = 365.25 * 86400


def results(files: dict[str, bytes], trusted: list[str]) -> dict[str, bool | None]:
    return {c.name: c.holds for c in check_package(files, trusted, verify_by_algorithm)}


async def test_the_signed_question_verifies_against_key_entry_and_checkpoint(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e:
        asked = await e.ask()
        await e.ask()
        await e.seal()
        files = (await e.package(asked)).files()
        assert results(files, [e.signer.verifier.text]) == {
            "inclusion": True,
            "checkpoint": True,
            "witnesses": None,
            "evidence": True,
            "digests": True,
            "question": True,
            "signature": True,
            "key": True,
            "answer": True,
        }
        assert files["request/body"] == QUESTION
        assert b"organisation(code: $code)" in files["request/document.graphql"]
        assert json.loads(files["request/variables.json"]) == {"code": "91210503XDXBLPC747"}
        # Without a key from elsewhere the package proves only that it agrees with itself.
        assert results(files, [])["checkpoint"] is None
        # What the caller signed covers what is shown: the document is not the node's word.
        kept = await evidence_of(e.pool, e.keys, asked.leaf)
        assert kept.body == QUESTION
        assert kept.document in QUESTION.decode()


async def test_no_file_of_a_package_can_be_changed(database: str, tmp_path: Path) -> None:
    async with exhibit(database, tmp_path) as e:
        asked = await e.ask()
        await e.ask()
        await e.seal()
        files = (await e.package(asked)).files()
    trusted = [e.signer.verifier.text]
    evidential = set(files) - {"README.txt", "check.py", "about.json", "MANIFEST.sha256"}
    assert len(evidential) == 13
    for name in evidential:
        data = bytearray(files[name])
        first = 9 if name == "answer/headers.txt" else 0  # the version of HTTP is not signed
        for at in {first, len(data) // 2, len(data) - 2}:
            changed = data.copy()
            changed[at] ^= 1
            try:
                found = results({**files, name: bytes(changed)}, trusted)
            except (ValueError, KeyError, IndexError):
                continue
            assert found["checkpoint"] is not True or False in found.values(), (name, at)
    whole = packed(files)
    assert read_package_bytes(whole) == files
    for name in files:
        with pytest.raises((ValueError, KeyError)):
            read_package_bytes(packed({**files, name: files[name] + b" "}))
    with pytest.raises(ValueError, match="too large"):
        read_package_bytes(packed({"a": bytes(MAX_SIZE + 1)}))


async def test_a_package_is_checked_on_another_machine_by_what_lies_in_it(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path / "node") as e:
        asked = await e.ask()
        await e.seal()
        files = (await e.package(asked)).files()
    away = tmp_path / "court"
    away.mkdir()
    (away / "package.zip").write_bytes(packed(files))
    (away / "check.py").write_bytes(files["check.py"])

    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "check.py", "package.zip", *arguments],
            cwd=away, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    done = check("--vkey", e.signer.verifier.text)
    assert (done.returncode, "✘" in done.stdout) == (0, False), done.stdout + done.stderr
    assert "✔ signature" in done.stdout
    forged = files["request/body"].replace(b"XDXBLPC747", b"XDXBLPC748")
    changed = {**files, "request/body": forged}
    lines = [f"{sha256(d).hexdigest()}  {n}\n" for n, d in changed.items() if "MANI" not in n]
    changed["MANIFEST.sha256"] = "".join(lines).encode()
    (away / "package.zip").write_bytes(packed(changed))
    assert check("--vkey", e.signer.verifier.text).returncode == 1
    (away / "package.zip").write_bytes(b"PK\x03\x04 not a package")
    assert check().returncode == 2


async def test_a_signature_by_a_key_that_was_not_valid_then_is_named(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e:
        asked = await e.ask()
        await e.seal()
        package = await e.package(asked)
        (key,) = package.caller_keys
        for change, holds in (
            ({"revoked_at": e.now - 1}, False),
            ({"valid_to": e.now + 1}, True),
            ({"compromised_at": e.now - 60}, False),
            ({"compromised_at": e.now + 60}, None),  # rests on the entry's own time
        ):
            other = replace(package, caller_keys=[replace(key, **change)])
            assert results(other.files(), [])["key"] is holds, change


async def test_erasing_one_subject_leaves_the_log_whole_and_says_erased(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        asked, other = await e.ask(), await e.ask()
        await e.seal()
        package = await e.package(asked)
        place = await e.place(asked.leaf)
        assert await erase(connection, "benxi", place, "steward")
        assert not await erase(connection, "benxi", place, "steward")
        await e.seal()
        assert e.verdict().status is Status.OK
        events = [entry for entry in e.entries() if entry["kind"] == "ERASURE"]
        assert [event["detail"]["leaf"] for event in events] == [asked.leaf.hex()]
        assert events[0]["detail"] == {
            "leaf": asked.leaf.hex(), "index": 0, "subjects": 1, "requestedBy": "steward",
            "confirmedBy": None, "decision": None,
        }  # fmt: skip
        with pytest.raises(SecurityError, match="ERASED"):
            await evidence_of(e.pool, e.keys, asked.leaf)
        found = results(erased(package).files(), [e.signer.verifier.text])
        assert found["inclusion"] is True
        assert (found["checkpoint"], found["evidence"]) == (True, None)
        assert await evidence_of(e.pool, e.keys, other.leaf)
        # Nothing is left of which the entry's digests could be made again.
        row = await connection.fetchrow("SELECT * FROM evidence WHERE leaf = $1", asked.leaf)
        assert (row["wrapped_key"], row["ciphertext"]) == (None, None)
        for table in ("access_subject", "access_record"):
            count = f"SELECT count(*) FROM {table} WHERE leaf = $1"
            assert await connection.fetchval(count, asked.leaf) == 0
            assert await connection.fetchval(count, other.leaf) == 1


async def test_evidence_of_several_subjects_is_erased_by_two_persons_only(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        asked = await e.ask(subjects=2)
        await e.seal()
        place = await e.place(asked.leaf)
        with pytest.raises(SecurityError, match="SECOND_PERSON_REQUIRED"):
            await erase(connection, "benxi", place, "steward")
        with pytest.raises(SecurityError, match="REASON_REQUIRED"):
            await ask_decision(connection, Act.ERASE, place.leaf, "steward", " ")
        decision = await ask_decision(connection, Act.ERASE, place.leaf, "steward", "法院决定")
        assert decision == await ask_decision(
            connection, Act.ERASE, place.leaf, "steward", "法院决定"
        )
        with pytest.raises(SecurityError, match="DECISION_OWN"):
            await waiting_decision(connection, decision.id, "steward")
        with pytest.raises(SecurityError, match="DECISION_UNKNOWN"):
            await waiting_decision(connection, "D0", "supervisor")
        found = await waiting_decision(connection, decision.id, "supervisor")
        assert await evidence_of(e.pool, e.keys, asked.leaf)  # nothing is erased by asking
        assert await erase(connection, "benxi", place, "supervisor", found)
        with pytest.raises(SecurityError, match="DECISION_UNKNOWN"):
            await waiting_decision(connection, decision.id, "auditor")
        await e.seal()
        (event,) = [entry for entry in e.entries() if entry["kind"] == "ERASURE"]
        assert (event["detail"]["requestedBy"], event["detail"]["confirmedBy"]) == (
            "steward",
            "supervisor",
        )
        assert "法院" not in json.dumps(e.entries(), ensure_ascii=False)


async def test_nobody_erases_the_evidence_of_the_own_access_alone(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        asked = await e.ask()
        await e.seal()
        place = await e.place(asked.leaf)
        with pytest.raises(SecurityError, match="SECOND_PERSON_REQUIRED"):
            await erase(connection, "benxi", place, "shenyang")
        decision = await ask_decision(connection, Act.ERASE, place.leaf, "shenyang", "x")
        found = await waiting_decision(connection, decision.id, "supervisor")
        assert await erase(connection, "benxi", place, "supervisor", found)


async def test_a_decision_ends_after_a_week_and_an_opening_after_a_day(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        late = await ask_decision(connection, Act.ERASE, bytes(32), "steward", "x")
        await connection.execute(
            "UPDATE evidence_decision SET requested_at = now() - interval '8 days'"
        )
        with pytest.raises(SecurityError, match="DECISION_UNKNOWN"):
            await waiting_decision(connection, late.id, "supervisor")
        opening = await ask_decision(connection, Act.OPEN, bytes(32), "auditor", "x")
        assert not await may_open(connection, bytes(32), "auditor")
        await confirm_decision(connection, opening, "supervisor")
        assert await may_open(connection, bytes(32), "auditor")
        assert not await may_open(connection, bytes(31) + b"1", "auditor")
        assert not await may_open(connection, bytes(32), "supervisor")
        with pytest.raises(asyncpg.CheckViolationError):  # the table itself knows the rule
            await confirm_decision(connection, opening, "auditor")
        await connection.execute(
            "UPDATE evidence_decision SET decided_at = now() - interval '25 hours'"
        )
        assert not await may_open(connection, bytes(32), "auditor")


async def test_purge_erases_what_is_past_retention_and_nothing_else(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        today = date(2026, 11, 23)
        asked = {}
        for name, years, kind in (
            ("old", 10.5, "QUERY"),
            ("given", 10.4, "SHARE_OUT"),
            ("kept", 9.9, "QUERY"),
            ("given lately", 3.5, "SHARE_OUT"),
            ("given now", 2.5, "SHARE_OUT"),
        ):
            moment = datetime(2026, 11, 23, tzinfo=UTC).timestamp() - years * YEAR
            asked[name] = await e.ask(moment, kind=kind)
        await e.seal()

        async def run(**options: Any) -> Any:
            logs = {ORIGIN: (tmp_path / "log", e.size())}
            return await purge(connection, logs, "benxi", e.secrets, today, **options)

        done, months = await run(dry_run=True)
        assert {(one.kind, one.erased) for one in done} == {
            ("QUERY", 1), ("PROVISION", 2), ("NETWORK", 0)
        }  # fmt: skip
        assert (
            await connection.fetchval("SELECT count(*) FROM evidence WHERE erased_at > '-infinity'")
            == 0
        )
        assert months == []  # they are in use until the evidence is gone
        done, months = await run()
        assert {(one.kind, one.erased) for one in done} == {
            ("QUERY", 1), ("PROVISION", 2), ("NETWORK", 0)
        }  # fmt: skip
        for name, one in asked.items():
            if name in ("old", "given", "given lately"):
                with pytest.raises(SecurityError, match="ERASED"):
                    await evidence_of(e.pool, e.keys, one.leaf)
            else:
                assert await evidence_of(e.pool, e.keys, one.leaf)
        assert months == ["2016-05", "2016-07"] or len(months) == 2
        assert not any((tmp_path / "keys" / f"evidence-{month}.key").exists() for month in months)
        await e.seal()
        assert e.verdict().status is Status.OK
        events = [entry["detail"] for entry in e.entries() if entry["kind"] == "RETENTION_PURGE"]
        assert sorted(event["erased"] for event in events if "erased" in event) == [1, 2]
        assert [event["monthKeys"] for event in events if "monthKeys" in event] == [months]
        assert (await run())[1] == []  # a second run finds nothing more
        assert len([x for x in e.entries() if x["kind"] == "RETENTION_PURGE"]) == 3


async def test_a_purge_and_its_entry_stand_or_fall_together(database: str, tmp_path: Path) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        asked = await e.ask(e.now - 11 * YEAR)
        await e.seal()
        await connection.execute("ALTER TABLE access_batch ADD CHECK (false) NOT VALID")
        logs = {ORIGIN: (tmp_path / "log", e.size())}
        day = datetime.fromtimestamp(e.now, UTC).date()
        with pytest.raises(asyncpg.CheckViolationError):
            await purge(connection, logs, "benxi", e.secrets, day)
        assert await evidence_of(e.pool, e.keys, asked.leaf)
        assert (
            await connection.fetchval("SELECT count(*) FROM retention_state WHERE class = 'QUERY'")
            == 0
        )


async def test_no_class_is_kept_shorter_than_its_source_demands(
    database: str, tmp_path: Path
) -> None:
    async with exhibit(database, tmp_path) as e, e.pool.acquire() as connection:
        today = date(2026, 11, 23)
        rules = {rule.kind: rule for rule in await retention_rules(connection, today)}
        # access rules A7, A16, A17: the query register 10 years, provision 3, network logs 6 months
        assert {kind: rule.months for kind, rule in rules.items()} == {
            "QUERY": 120, "AUDIT": 120, "PROVISION": 36, "NETWORK": 6
        }  # fmt: skip
        assert all(rule.source for rule in rules.values())
        short = replace(rules["QUERY"], months=119, valid_from=today)
        with pytest.raises(SecurityError, match="RETENTION_TOO_SHORT"):
            await change_rule(connection, ORIGIN, "benxi", short, "supervisor")
        longer = replace(rules["PROVISION"], months=60, valid_from=today, source="市局规定")
        await change_rule(connection, ORIGIN, "benxi", longer, "supervisor")
        after = {rule.kind: rule.months for rule in await retention_rules(connection, today)}
        assert after["PROVISION"] == 60
        yesterday = await retention_rules(connection, today - timedelta(days=1))
        assert {rule.kind: rule.months for rule in yesterday}["PROVISION"] == 36
        await e.seal()
        assert e.entries()[0]["kind"] == "RETENTION_RULE"


def test_classes_of_entries() -> None:
    query = {"kind": "QUERY", "evidence": "", "decision": "ALLOWED", "caller": "bank"}
    assert retention_class(ORIGIN, query) == "QUERY"
    assert retention_class(ORIGIN, {**query, "decision": "DENIED"}) == "QUERY"
    unknown = {**query, "decision": "DENIED", "caller": "public"}
    assert retention_class(ORIGIN, unknown) == "NETWORK"
    assert retention_class(ORIGIN, {**query, "caller": "public"}) == "QUERY"
    assert retention_class(ORIGIN, {**query, "kind": "SHARE_OUT"}) == "PROVISION"
    assert retention_class("xinqiao.benxi/audit", query) == "AUDIT"
    assert retention_class(ORIGIN, {"kind": "KEY_CHANGE", "detail": {}}) is None


def test_months_end_where_the_calendar_does() -> None:
    assert months_before(date(2026, 8, 31), 6) == date(2026, 2, 28)
    assert months_before(date(2024, 8, 31), 6) == date(2024, 2, 29)
    assert months_before(date(2026, 1, 15), 1) == date(2025, 12, 15)
    assert months_before(date(2024, 2, 29), 120) == date(2014, 2, 28)
    rule = RetentionRule("QUERY", date(2017, 1, 1), 120, 120, "x")
    assert rule.cutoff(date(2026, 11, 23)) == datetime(2016, 11, 23, tzinfo=UTC)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 240))
def test_months_before_is_never_shorter_than_the_months(day: date, months: int) -> None:
    earlier = months_before(day, months)
    assert (day.year - earlier.year) * 12 + day.month - earlier.month == months
    assert earlier.day == day.day or (earlier + timedelta(days=1)).day == 1


@given(st.binary(max_size=200), st.text(max_size=60), st.binary(min_size=1, max_size=80))
def test_evidence_is_read_back_as_it_was_written(
    signature: bytes, document: str, body: bytes
) -> None:
    plain = document.encode("utf-8", "replace").decode()
    unsigned = Evidence(document=plain, variables=b'{"a":1}', signature=signature)
    assert Evidence.parse(unsigned.plain()) == unsigned
    signed = Evidence(signature=signature, body=body)
    assert Evidence.parse(signed.plain()).body == body


@pytest.mark.parametrize("query", ["", '"query":null,'])
def test_the_variables_of_a_document_named_by_its_digest_are_shown(query: str) -> None:
    body = b'{%b"documentId":"%b","variables":{"code":"1"}}' % (query.encode(), b"a" * 64)
    evidence = Evidence(signature=b"x", document="{ a }", body=body, by_digest=True)
    read = Evidence.parse(evidence.plain())
    assert (read.document, json.loads(read.variables)) == ("{ a }", {"code": "1"})
    files = kept_question(json.loads(evidence.plain()))
    assert files["document.graphql"] == b"{ a }"
    assert json.loads(files["variables.json"]) == {"code": "1"}


@pytest.mark.parametrize(
    "body", [b'{"query":"\\ud800"}', b"[" * 100_000, b'{"query":"x","variables":{"a":"\\udc00"}}']
)
def test_what_was_refused_as_no_question_can_be_packaged(body: bytes) -> None:
    evidence = Evidence(signature=b"x", body=body)
    files = kept_question(json.loads(evidence.plain()))
    assert (files["body"], files["document.graphql"]) == (body, b"")
