"""Audit review on a real database: the search tells what the log says, findings are found once."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from security.access_index import AccessIndex, forget_index
from security.access_log import AccessLog
from security.access_search import Wanted
from security.after_review import AfterReview
from security.direct_access import DirectAccess
from security.entry import Entry, Lists
from security.errors import LogError, SecurityError
from security.event import append_event
from security.evidence import Evidence, EvidenceKeys
from security.finding import Rule, load_rules
from security.keys import KeyFolder
from security.review import LogReview, Place
from security.review_queue import Review, State, WantedFindings
from security.review_sample import WeeklySample
from security.sealed_entry import LogFiles
from security.sealer import Sealer
from security.tlog.reader import TileReader
from service.postgres import PostgresServer, sessions_log

ORIGIN, AUDIT = "xinqiao.benxi/access", "xinqiao.benxi/audit"
RULES = load_rules()
START = datetime(2026, 6, 29, 2, 0, tzinfo=UTC)  # a Monday, 10:00 in Shanghai
DIGEST = sha256(b"body").digest()
BASE = Entry(
    kind="QUERY",
    caller="department",
    role="DEPT",
    decision="ALLOWED",
    status=200,
    policy_version="2026-2",
    data_version="42",
    request_body=DIGEST,
    response_body=DIGEST,
    actor="李科员",
    purpose="P1",
    case="本行审〔2026〕18号",
)
PERSONS = [bytes([n]) * 16 for n in range(1, 40)]
FIRM = b"\xf0" * 16


@dataclass
class Desk:
    pool: Any
    log: AccessLog
    sealer: Sealer
    folder: Path
    index: AccessIndex
    review: LogReview
    rules: AfterReview
    now: list[float]

    async def access(self, entry: Entry, lists: Lists = Lists()) -> None:  # noqa: B008
        await self.log.append(entry, Evidence(b"base", b"", "{}", b"{}", lists))

    async def settle(self) -> None:
        """Seal, index and review all there is."""
        while await self.sealer.seal():
            pass
        while await self.index.advance():
            pass
        # The first look only notes where to begin.
        await self.rules.advance()
        while await self.rules.advance():
            pass

    async def found(self, **wanted: Any) -> list[dict[str, Any]]:
        rows, _ = await self.review.findings(
            WantedFindings(**wanted), first=1000, after=None, today=date(2026, 7, 1)
        )
        return rows


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    secrets = KeyFolder(tmp_path / "keys")
    signer = secrets.note_signer(ORIGIN, "access-log")
    folder = tmp_path / "log"
    now = [START.timestamp()]

    async def connect() -> Any:
        return await asyncpg.connect(database)

    async with asyncpg.create_pool(database, min_size=1, max_size=3) as pool:
        for n, ref in enumerate([FIRM, *PERSONS]):
            await pool.execute(
                "INSERT INTO subject (subject_id, category, audit_ref) VALUES ($1, $2, $3)",
                UUID(int=n),
                "NATURAL_PERSON" if n else "LEGAL_ENTITY",
                ref,
            )
        await pool.execute(
            "INSERT INTO caller (id, name, role, unit_uscc) VALUES"
            " ('department', '本溪市某局', 'DEPT', '11210500XD00000001'),"
            " ('shenyang', '沈阳市', 'PCITY', NULL)"
        )
        log = AccessLog(pool, ORIGIN, "benxi", EvidenceKeys(secrets), clock=lambda: now[0])
        sealer = Sealer(connect, folder, signer)
        assert await sealer.start() is not None
        key = signer.verifier
        try:
            yield Desk(
                pool,
                log,
                sealer,
                folder,
                AccessIndex(pool, folder, ORIGIN),
                LogReview(pool, folder, key),
                AfterReview(
                    pool, ORIGIN, RULES, lambda code: f"m1:{code}", lambda day: day + timedelta(14)
                ),
                now,
            )
        finally:
            await sealer.close()


def _scanned(entry: dict[str, Any], lists: Lists, unit: str | None, wanted: Wanted) -> bool:
    """The search's promise, as a scan of one entry."""
    plain = ("caller", "actor", "purpose", "case", "correlation", "kind", "reason")
    if any(getattr(wanted, n) is not None and entry[n] != getattr(wanted, n) for n in plain):
        return False
    if wanted.outcome is not None and entry["decision"] != wanted.outcome:
        return False
    if wanted.unit is not None and unit != wanted.unit:
        return False
    if entry["purpose"] in wanted.without_purposes:
        return False
    moment = datetime.fromisoformat(entry["time"])
    if (wanted.since and moment < wanted.since) or (wanted.until and moment >= wanted.until):
        return False

    def parts(text: bytes) -> set[bytes]:
        return {text[at : at + 16] for at in range(0, len(text), 16)}

    if wanted.subjects is not None and not parts(lists.subjects) & set(wanted.subjects):
        return False
    records = {one.bytes for one in wanted.records or ()}
    if wanted.records is not None and not parts(lists.records) & records:
        return False
    shown = {name.partition(".")[0] for name in lists.disclosed}
    return wanted.types is None or bool(shown & set(wanted.types))


async def test_the_search_finds_what_a_scan_of_the_log_finds(desk: Desk) -> None:
    chance = random.Random(8)
    units = {"department": "11210500XD00000001"}
    told: list[Lists] = []
    records = [UUID(int=1000 + n) for n in range(5)]
    for _ in range(700):
        # Clocks run on, and sometimes back.
        desk.now[0] += chance.choice([0, 1, 60, 3600, -1800])
        chosen = chance.sample(PERSONS[:6], chance.randrange(3))
        lists = Lists(
            b"".join(chosen),
            b"".join(one.bytes for one in chance.sample(records, chance.randrange(3))),
            tuple(chance.sample(["Person.name", "Penalty.fineAmount", "Organisation.name"], 2)),
            ("Licence.number",),
        )
        caller, role = chance.choice(
            [("department", "DEPT"), ("shenyang", "PCITY"), ("public", "PUB")]
        )
        denied = chance.random() < 0.2
        entry = replace(
            BASE,
            caller=caller,
            role=role,
            actor=chance.choice([None, "李科员", "王\x00科员"]),
            purpose=chance.choice([None, "P1", "P2", "P8"]),
            case=chance.choice(["", "1号", "2号"]),
            kind=chance.choice(["QUERY", "QUERY", "SHARE_OUT"]),
            correlation=chance.choice([None, "c-1"]),
            decision="DENIED" if denied else "ALLOWED",
            reason="CASE_REQUIRED" if denied else None,
        )
        told.append(lists)
        await desk.access(entry, lists)
    await desk.settle()
    reader = TileReader(desk.folder)
    log = [orjson.loads(one) for n in range(3) for one in reader.entries(n, 700)]
    times = [datetime.fromisoformat(one["time"]) for one in log]
    offers: dict[str, list[Any]] = {
        "caller": ["department", "shenyang", "public", "nobody"],
        "unit": ["11210500XD00000001", "?"],
        "actor": ["李科员"],
        "purpose": ["P1", "P8", "P9"],
        "case": ["1号", "2号"],
        "correlation": ["c-1"],
        "kind": ["QUERY", "SHARE_OUT"],
        "outcome": ["ALLOWED", "DENIED"],
        "reason": ["CASE_REQUIRED"],
        "since": times,
        "until": times,
        "subjects": [PERSONS[:1], PERSONS[2:4], []],
        "records": [records[:1], records[1:3]],
        "types": [["Penalty"], ["Person", "Organisation"], ["Licence"]],
        "without_purposes": [("P2", "P8")],
    }
    some = 0
    for _ in range(120):
        names = chance.sample(sorted(offers), chance.randrange(4))
        wanted = Wanted(**{name: chance.choice(offers[name]) for name in names})
        expected = [
            index
            for index in range(699, -1, -1)
            if _scanned(log[index], told[index], units.get(log[index]["caller"]), wanted)
        ]
        size = chance.choice([7, 60, 700])
        found: list[int] = []
        after: Place | None = None
        more = True
        while more:
            page, more = await desk.review.entries(wanted, first=size, after=after)
            found += [one["index"] for one in page]
            after = Place(ORIGIN, found[-1]) if found else None
            assert len(page) == size or not more
        assert found == expected, wanted
        some += bool(expected)
    assert some > 60
    rows, _ = await desk.review.exposure(Wanted(subjects=PERSONS[:1], since=times[100]))
    seen = [
        n
        for n in range(700)
        if PERSONS[0] in [told[n].subjects[a : a + 16] for a in (0, 16)]
        and log[n]["decision"] == "ALLOWED"
        and times[n] >= times[100]
    ]
    assert sorted(i for row in rows for i in row["indexes"]) == seen
    assert sum(row["entries"] for row in rows) == len(seen)


async def test_an_entry_comes_with_proof_and_evidence_and_a_changed_index_is_refused(
    desk: Desk,
) -> None:
    for _ in range(3):
        await desk.access(BASE, Lists(FIRM))
    async with desk.pool.acquire() as connection:
        await append_event(connection, ORIGIN, "benxi", "KEY_CHANGE", {"key": "x"})
    await desk.settle()
    await desk.pool.execute(
        "UPDATE evidence SET wrapped_key = NULL, ciphertext = NULL, erased_at = now()"
        " WHERE leaf = (SELECT leaf FROM access_index WHERE index = 1)"
    )
    members = ("proof", "evidenceState", "witnesses")
    page, more = await desk.review.entries(Wanted(), first=10, after=None, members=members)
    assert not more
    assert [one["evidenceState"] for one in page] == ["NONE", "KEPT", "ERASED", "KEPT"]
    assert page[0]["kind"] == "KEY_CHANGE"
    assert page[0]["caller"] == ""
    assert page[1]["proof"].startswith("c2sp.org/tlog-proof@v1\nindex 2\n")
    assert page[1]["callerName"] == "本溪市某局"
    assert page[1]["witnesses"] == []
    await desk.pool.execute("UPDATE access_index SET leaf = $1 WHERE index = 2", bytes(32))
    with pytest.raises(LogError, match="LOG_INDEX_DIVERGED"):
        await desk.review.entries(Wanted(), first=10, after=None)
    async with desk.pool.acquire() as connection:
        await forget_index(connection, ORIGIN)
    await desk.settle()
    page, _ = await desk.review.entries(Wanted(), first=10, after=None)
    assert [one["index"] for one in page] == [3, 2, 1, 0]
    assert (await desk.review.progress()) == {"sealed": 4, "indexed": 4}


async def test_an_ended_log_stays_searchable_even_without_its_files(
    desk: Desk, tmp_path: Path
) -> None:
    for _ in range(3):
        await desk.access(BASE, Lists(FIRM))
    await desk.settle()
    ended = LogFiles(ORIGIN, desk.folder, ended=True)
    successor = KeyFolder(tmp_path / "keys").note_signer(f"{ORIGIN}-2", "access-2-note")
    review = LogReview(desk.pool, tmp_path / "new", successor.verifier, (ended,))
    wanted = Wanted(subjects=[FIRM])
    page, more = await review.entries(wanted, first=2, after=None, members=("proof",))
    assert [(one["log"], one["index"], bool(one["proof"])) for one in page] == [
        (ORIGIN, 2, True),
        (ORIGIN, 1, True),
    ]
    assert more
    rmtree(desk.folder / "tile" / "entries")
    page, more = await review.entries(wanted, first=2, after=Place(ORIGIN, 1), members=("proof",))
    assert not more
    (lost,) = page
    assert (lost["caller"], lost["case"], lost["subjects"]) == ("department", BASE.case, 1)
    assert lost["proof"] is lost["entry"] is None
    assert datetime.fromisoformat(lost["time"]) == START
    rows, _ = await review.exposure(wanted)
    assert [(row["log"], row["entries"]) for row in rows] == [(ORIGIN, 3)]
    with pytest.raises(LogError, match="LOG_UNKNOWN"):
        await review.entries(Wanted(), first=1, after=Place("xinqiao.other/access", 1))
    with pytest.raises(LogError, match="LOG_FILES_LOST"):
        await desk.review.entries(Wanted(), first=1, after=None)


async def test_findings_are_found_once_however_often_the_work_starts_again(desk: Desk) -> None:
    await desk.pool.execute(
        "INSERT INTO vip_subject (subject_id, reason, added_by) VALUES ($1, '市领导', 's')",
        UUID(int=5),
    )
    await desk.pool.execute(
        "INSERT INTO caller_barred (caller_id, subject_id) VALUES ('shenyang', $1)", UUID(int=6)
    )
    await desk.pool.execute(
        "INSERT INTO identifier (value, scheme, subject_id) VALUES ('XD-9', 'local', $1)",
        UUID(int=6),
    )
    for n in range(21):  # 21 persons of one clerk's day: one too many, though never many at once
        await desk.access(BASE, Lists(PERSONS[n] + PERSONS[0]))
        await desk.settle()
    for n in range(11):
        await desk.access(replace(BASE, actor="赵科员", missing=(f"m1:{n}", "m1:0")))
    await desk.access(replace(BASE, caller="shenyang", role="PCITY", missing=("m1:local:XD-9",)))
    await desk.access(replace(BASE, case=""), Lists(FIRM))
    await desk.access(replace(BASE, case=""), Lists(FIRM))
    desk.now[0] += 13 * 3600  # 23:00
    await desk.access(BASE, Lists(FIRM * 2001))
    await desk.settle()
    found = {(one["rule"], one["actor"] or one["caller"]): one for one in await desk.found()}
    assert set(found) == {
        ("PERSONS", "李科员"),
        ("VIP", "李科员"),
        ("PROBING", "赵科员"),
        ("OWN_SUBJECT", "李科员"),
        ("NO_CASE", "李科员"),
        ("NIGHT", "李科员"),
        ("VOLUME", "李科员"),
    }
    assert found["OWN_SUBJECT", "李科员"]["caller"] == "shenyang"
    no_case = found["NO_CASE", "李科员"]
    assert (no_case["signs"], no_case["indexes"]) == (2, [33, 34])
    assert found["VIP", "李科员"]["indexes"] == [4]
    assert no_case["unit"] == "11210500XD00000001"
    before = await desk.found()
    await desk.settle()
    await desk.pool.execute("UPDATE review_position SET size = size")  # nothing new: nothing found
    assert await desk.found() == before
    counted = await desk.review.statistics(START, START + timedelta(days=1), date(2030, 1, 1))
    assert (counted["entries"], counted["findings"], counted["overdue"]) == (36, 7, 7)


async def test_a_finding_is_closed_with_a_reason_and_the_log_says_so(desk: Desk) -> None:
    await desk.access(replace(BASE, case=""), Lists(FIRM))
    await desk.settle()
    (one,) = await desk.found(states=(State.OPEN,))
    async with desk.pool.acquire() as connection:
        review = Review(connection, AUDIT, "benxi", "auditor")
        with pytest.raises(SecurityError, match="REVIEW_OWN"):
            await replace(review, reviewer="department").take(one["number"])
        with pytest.raises(SecurityError, match="FINDING_UNKNOWN"):
            await review.take(10**6)
        await review.take(one["number"])
        with pytest.raises(SecurityError, match="REASON_REQUIRED"):
            await review.close(one["number"], violation=True, reason=" 。")
        await review.close(one["number"], violation=True, reason="未登记案由，已约谈")
        with pytest.raises(SecurityError, match="FINDING_CLOSED"):
            await review.take(one["number"])
        kept = await connection.fetch("SELECT * FROM finding_decision ORDER BY decided_at")
        waiting = await connection.fetchval(
            "SELECT sum(octet_length(leaves)) / 32 FROM access_batch WHERE log = $1", AUDIT
        )
    assert [row["state"] for row in kept] == ["IN_REVIEW", "CLOSED_VIOLATION"]
    assert waiting == 2
    (closed,) = await desk.found(states=(State.CLOSED_VIOLATION,))
    assert (closed["reason"], closed["reviewer"]) == ("未登记案由，已约谈", "auditor")
    await desk.access(replace(BASE, case=""), Lists(FIRM))
    await desk.settle()
    (again,) = await desk.found()
    assert (again["signs"], again["state"]) == (2, "CLOSED_VIOLATION")


async def test_the_weekly_sample_can_be_drawn_again_from_the_log(desk: Desk) -> None:
    for n in range(45):
        role = "PUB" if n % 9 == 0 else "DEPT"
        await desk.access(replace(BASE, role=role), Lists(FIRM))
    sample = WeeklySample(
        desk.pool,
        LogFiles(ORIGIN, desk.folder),
        AUDIT,
        "benxi",
        RULES,
        lambda day: day + timedelta(14),
    )
    await desk.settle()
    later = START + timedelta(days=9)
    assert await sample.draw(later) is None  # no entry says that the week is over
    desk.now[0] = later.timestamp()
    await desk.access(BASE)
    await desk.settle()
    assert await sample.draw(later) == "2026-W27"
    assert await sample.draw(later) is None
    (drawn,) = await desk.review.samples()
    assert (drawn["first"], drawn["size"], drawn["population"], drawn["chosen"]) == (0, 45, 40, 2)
    # By the recipe of docs/review.md, not by the code that drew.
    root = TileReader(desk.folder).root(45).hex()
    recipe = f"xinqiao weekly sample v1\n{ORIGIN}\n2026-W27\n45\n{root}\n"
    seed = sha256(recipe.encode()).digest()
    places = [n for n in range(45) if n % 9]
    again = sorted(sorted(places, key=lambda n: sha256(seed + n.to_bytes(8)).digest())[:2])
    found = await desk.found(rule="SAMPLE")
    assert sorted(one["indexes"][0] for one in found) == again


@asynccontextmanager
async def _foreign(dsn: str, **settings: str) -> AsyncIterator[Any]:
    """An operator's session: the same database and role, not the node's settings."""
    address = dsn.partition("&application_name")[0]
    settings = {"application_name": "psql", **settings}
    connection = await asyncpg.connect(address, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def test_reads_that_bypass_the_api_become_findings(
    database: str, postgres_server: PostgresServer
) -> None:
    folder = sessions_log(postgres_server._home)
    async with _foreign(database) as operator:
        await operator.execute("SELECT name FROM person WHERE name = '张三'")
        await operator.fetch("SELECT count(*) FROM evidence WHERE log = $1", "secret value")
        await operator.execute("UPDATE subject SET placeholder = true WHERE false")
        await operator.execute("SET work_mem = '1MB'")
    async with _foreign(database, options="-c log_statement=none") as operator:
        await operator.execute("SELECT * FROM person")
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as pool:
        await pool.execute("SELECT name FROM person")  # the node itself
        direct = DirectAccess(pool, folder, RULES, lambda day: day + timedelta(14))
        rows: list[Any] = []
        for _ in range(100):
            while await direct.advance():
                pass
            rows = await pool.fetch(
                "SELECT rule, actor, signs, detail::text AS detail FROM access_finding"
                " ORDER BY rule, signs DESC"
            )
            if len(rows) == 3:
                break
        told = [orjson.loads(row["detail"]) for row in rows]
        assert [row["rule"] for row in rows] == ["DIRECT_CHANGE", "DIRECT_READ", "DIRECT_READ"]
        assert [row["signs"] for row in rows] == [1, 2, 1]
        assert [one["unlogged"] for one in told] == [False, False, True]
        assert {one["application"] for one in told} == {"psql"}
        everything = "".join(row["detail"] for row in rows)
        assert "张三" not in everything
        assert "secret" not in everything
        await pool.execute("UPDATE postgres_log_position SET position = position")
        assert not await direct.advance()
    assert Rule.DIRECT_READ in set(Rule)
