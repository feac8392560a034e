"""The rules of the after-review as pure functions: access rules §5.3, cross-region case X34."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.direct_access import form_of, read_line, sessions, touches
from security.finding import (
    Access,
    Rule,
    Watch,
    load_rules,
    signs,
    too_many,
    too_much,
)
from security.review_sample import bounds, draw, seed_of, week_of

RULES = load_rules()
NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
PLAIN = Access(
    index=7,
    time=NOON,
    caller="department",
    role="DEPT",
    actor="李科员",
    purpose="P1",
    case="本行审〔2026〕18号",
    subjects=1,
    records=2,
)
VIP, OWN = bytes(16), b"\x01" * 16
WATCH = Watch(
    vip=frozenset({VIP}),
    own={"department": frozenset({OWN})},
    own_missing={"department": frozenset({"m1:aa"})},
)


def _rules(access: Access) -> set[Rule]:
    return {sign.rule for sign in signs(access, WATCH, RULES)}


def _at(hour: int, minute: int = 0) -> Access:
    """An access at this time of day in Shanghai, UTC+8 the whole year."""
    return replace(PLAIN, time=datetime(2026, 7, 1, (hour - 8) % 24, minute, tzinfo=UTC))


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (PLAIN, set()),
        (_at(21, 59), set()),
        (_at(22), {Rule.NIGHT}),
        (_at(5, 59), {Rule.NIGHT}),
        (_at(6), set()),
        (replace(_at(23), actor=None), set()),  # a system works at night
        (replace(_at(23), actor=None, role="ANALYST"), {Rule.NIGHT}),
        (replace(_at(23), role="PCITY", actor=None), set()),
        (replace(_at(23), decision="DENIED"), set()),
        (replace(PLAIN, case=None), {Rule.NO_CASE}),
        (replace(PLAIN, case="——"), {Rule.NO_CASE}),
        (replace(PLAIN, case=None, subjects=0, records=0), set()),
        (replace(PLAIN, case=None, role="PUB", purpose=None), set()),
        (replace(PLAIN, watched=frozenset({VIP})), {Rule.VIP}),
        (replace(PLAIN, watched=frozenset({OWN})), {Rule.OWN_SUBJECT}),
        (replace(PLAIN, watched=frozenset({OWN}), caller="other"), set()),
        (replace(PLAIN, missing=("m1:aa",)), {Rule.OWN_SUBJECT}),
        (replace(PLAIN, missing=("m1:bb",)), set()),
        (replace(PLAIN, people=frozenset({VIP}), surnames=frozenset("李")), {Rule.SAME_SURNAME}),
        (replace(PLAIN, people=frozenset({VIP}), surnames=frozenset("王")), set()),
        (
            replace(
                PLAIN,
                people=frozenset(bytes([n]) * 16 for n in range(9)),
                surnames=frozenset("李"),
            ),
            set(),
        ),
        (replace(_at(23), caller="", role=""), set()),  # the node's own doing
    ],
)
def test_what_one_access_shows(access: Access, expected: set[Rule]) -> None:
    assert _rules(access) == expected


def test_one_night_is_one_finding_also_after_midnight() -> None:
    before = datetime(2026, 7, 1, 15, 0, tzinfo=UTC)  # 23:00 on the first
    after = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)  # 1:00 on the second
    keys = {
        sign.key
        for moment in (before, after)
        for sign in signs(replace(PLAIN, time=moment), WATCH, RULES)
        if sign.rule is Rule.NIGHT
    }
    assert keys == {"2026-07-01|department|李科员"}


@pytest.mark.parametrize(
    ("subjects", "mean", "role", "expected"),
    [
        (2001, None, "DEPT", True),
        (2000, None, "DEPT", False),
        (500, 90.0, "DEPT", True),
        (500, 100.0, "DEPT", False),
        (199, 1.0, "DEPT", False),  # little, whatever was usual
        (5000, 4000.0, "DEPT", True),
        (9000, None, "PUB", False),
    ],
)
def test_volume_of_an_hour(subjects: int, mean: float | None, role: str, expected: bool) -> None:
    assert too_much(subjects, mean, role, RULES) is expected


def test_x34_persons_of_one_clerk_and_probing() -> None:
    assert not too_many(Rule.PERSONS, 20, "DEPT", RULES)
    assert too_many(Rule.PERSONS, 21, "DEPT", RULES)
    assert not too_many(Rule.PROBING, 10, "DEPT", RULES)
    assert too_many(Rule.PROBING, 11, "DEPT", RULES)
    assert not too_many(Rule.PROBING, 99, "PUB", RULES)


def test_the_sample_is_drawn_by_the_log_alone() -> None:
    """A second writing of docs/review.md: the seed's text, the places' draws, the smallest win."""
    root = sha256(b"root").digest()
    seed = seed_of("xinqiao.benxi/access", "2026-W27", 1000, root)
    text = b"xinqiao weekly sample v1\nxinqiao.benxi/access\n2026-W27\n1000\n"
    assert seed == sha256(text + root.hex().encode() + b"\n").digest()
    places = list(range(40, 940, 3))
    ranked = sorted(places, key=lambda p: sha256(seed + p.to_bytes(8, "big")).hexdigest())
    assert draw(seed, places, len(places), 0.05) == sorted(ranked[:15])


@given(st.sets(st.integers(0, 1 << 40), max_size=200), st.binary(min_size=32, max_size=32))
def test_a_sample_is_five_in_a_hundred_rounded_up(places: set[int], seed: bytes) -> None:
    chosen = draw(seed, places, len(places), 0.05)
    assert len(chosen) == -(-len(places) // 20)
    assert set(chosen) <= places
    assert draw(seed, sorted(places, reverse=True), len(places), 0.05) == chosen


def test_a_week_ends_on_sunday_in_china() -> None:
    begin, end = bounds("2026-W27", RULES.zone)
    assert begin.astimezone(UTC) == datetime(2026, 6, 28, 16, tzinfo=UTC)
    assert (end - begin).days == 7
    assert week_of(date(2027, 1, 3)) == "2026-W53"  # ISO 8601


TABLES = frozenset({"subject", "person", "evidence"})


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM person", Rule.DIRECT_READ),
        ('TABLE "person"', Rule.DIRECT_READ),
        ("COPY public.person (name) TO stdout", Rule.DIRECT_READ),
        ("COPY person FROM stdin", Rule.DIRECT_CHANGE),
        ("DECLARE c CURSOR FOR SELECT name FROM public . person", Rule.DIRECT_READ),
        ("SELECT query_to_xml('select * from person', true, true, '')", Rule.DIRECT_READ),
        ('SELECT * FROM U&"p\\0065rson"', Rule.DIRECT_READ),
        ("received replication command: BASE_BACKUP ( LABEL 'x')", Rule.DIRECT_READ),
        ("update subject set placeholder = true", Rule.DIRECT_CHANGE),
        ("WITH x AS (DELETE FROM evidence RETURNING 1) SELECT 1", Rule.DIRECT_CHANGE),
        ("select 1; drop table evidence", Rule.DIRECT_CHANGE),
        ("DO $$ BEGIN EXECUTE 'x'; END $$", Rule.DIRECT_CHANGE),
        ("SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname ~ '^(person)$'", None),
        ("SELECT 1 -- person", None),
        ("SHOW server_version", None),
        ("BEGIN", None),
        ("VACUUM person", None),
        ("COPY (SELECT name FROM person) TO stdout", Rule.DIRECT_READ),
        ("EXPLAIN ANALYZE DELETE FROM person", Rule.DIRECT_CHANGE),
        ("SET log_statement = 'none'", Rule.DIRECT_READ),
        ("SELECT set_config('log_statement', 'none', false)", Rule.DIRECT_READ),
        ("SHOW log_statement", None),
        ("SELECT table_to_xml('person', true, false, '')", Rule.DIRECT_READ),
        ("SELECT most_common_vals FROM pg_stats WHERE tablename = 'x'", Rule.DIRECT_READ),
        ("SELECT pg_read_binary_file('base/1/2', 0, 10)", Rule.DIRECT_READ),
    ],
)
def test_what_a_foreign_statement_is(statement: str, expected: Rule | None) -> None:
    assert touches(statement, TABLES) == expected


def test_the_form_of_a_statement_keeps_no_value() -> None:
    statement = "SELECT name\nFROM person WHERE id_number = E'2105021980\\'01' AND age > 42 -- Wang"
    assert form_of(statement) == "select name from person where id_number = ? and age > ?"
    assert form_of(statement.replace("42", "7")) == form_of(statement)


def _line(message: str, number: int = 4, **more: object) -> bytes:
    return orjson.dumps(
        {
            "timestamp": "2026-07-01 03:04:05.678 UTC",
            "user": "xinqiao",
            "dbname": "xinqiao",
            "session_id": "6a.1",
            "line_num": number,
            "application_name": "psql",
            "message": message,
            **more,
        }
    )


def test_a_session_that_hid_its_statements_is_found_when_it_ends() -> None:
    ended = read_line(_line("disconnection: session time: 0:00:01", 2), "xinqiao")
    assert ended is not None
    assert ended.silent
    assert set(sessions([ended], TABLES)) == {(Rule.DIRECT_READ, "6a.1")}
    assert read_line(_line("disconnection: session time: 0:00:01", 3), "xinqiao") is None
    own = _line("disconnection: session time: 0:00:01", 2, application_name="xinqiao")
    assert read_line(own, "xinqiao") is None
    assert read_line(_line("statement: SELECT 1", dbname="postgres"), "xinqiao") is None
    assert read_line(b'{"half', "xinqiao") is None


@given(st.text(max_size=60))
def test_no_statement_breaks_the_watch(text: str) -> None:
    touches(text, TABLES)
    form_of(text)
