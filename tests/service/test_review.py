"""An auditor reviews the access of a running city: searched, proven, found, decided, counted."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from service.demo import MARKET_REGULATION
from service.home import NodeHome
from service.postgres import PostgresServer
from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(400)

FIRM = """query($c: String!) { organisation(code: $c) { id name
    penalties { totalCount nodes { id } }
    socialInsuranceArrears { totalCount } } }"""
SEARCH = """query($f: AccessEntryFilter, $n: Int, $a: String) {
    accessEntries(filter: $f, first: $n, after: $a) {
        sealed indexed pageInfo { hasNextPage endCursor }
        nodes { index caller callerName unit actor purpose case outcome decision types
                subjects } } }"""
ENTRY = """query($leaf: String) { accessEntry(leaf: $leaf) {
    index leaf evidenceState proof witnesses { name time } entry } }"""
EXPOSURE = """query($since: DateTime!, $s: [String!], $r: [ID!]) {
    exposureReport(since: $since, subjects: $s, records: $r) { callers entries complete unknown
        exposures { caller callerName actor purpose case entries } } }"""
FINDINGS = """query($f: ReviewFindingFilter) { reviewFindings(filter: $f, first: 100) {
    nodes { number rule state overdue caller actor unit indexes signs detail reason } } }"""
HISTORY = "{ accessHistory(first: 100) { nodes { caller callerName purpose types } } }"


def _ask(cities: Cities, document: str, identity: str, **options: Any) -> Any:
    variables = options.pop("variables", None)
    with cities.client(identity=identity) as client:
        return client.query(document, variables, **options)


def _data(cities: Cities, document: str, identity: str, **options: Any) -> Any:
    return _ask(cities, document, identity, **options).require().data


def _audit(cities: Cities, document: str, **variables: Any) -> Any:
    (found,) = _data(cities, document, "auditor", purpose="P14", variables=variables).values()
    return found


def _code(cities: Cities, document: str, identity: str, **options: Any) -> str:
    return str(_ask(cities, document, identity, **options).errors[0]["extensions"]["code"])


@pytest.fixture(scope="module")
def clerk(cities: Cities) -> str:
    """A business system of the market regulation administration, barred from the demo firm."""
    unit, barred = f"--unit={MARKET_REGULATION}", f"--barred={cities.golden['demo']['uscc']}"
    status, told = cities.xinqiao("key", "new", "reviewed", "--role=DEPT", unit, barred)
    assert status == 0, told
    # A running node looks for new keys once a second.
    cities.wait_for(
        lambda: (
            _ask(
                cities, "{ regions(first: 1) { totalCount } }", "reviewed", purpose="P1", actor="一"
            ).data
            is not None
        )
    )
    return "reviewed"


def _firm(cities: Cities) -> dict[str, str]:
    return {"c": cities.golden["self_firm"]}


def _found(cities: Cities, **wanted: Any) -> list[dict[str, Any]]:
    return list(_audit(cities, FINDINGS, f=wanted)["nodes"])


def test_the_auditor_finds_an_access_by_whatever_is_known_of_it(cities: Cities, clerk: str) -> None:
    case = "本市监〔2026〕搜1号"
    began = datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(seconds=2)
    answer = _ask(
        cities, FIRM, clerk, purpose="P1", actor="孙科员", case=case, variables=_firm(cities)
    )
    denied = _ask(cities, FIRM, clerk, purpose="P9", actor="孙科员", case=case)
    assert denied.data is None
    where = {"caller": clerk, "case": case}
    cities.wait_for(lambda: len(_audit(cities, SEARCH, f=where)["nodes"]) == 2)
    refused, entry = _audit(cities, SEARCH, f=where)["nodes"]
    assert refused["decision"] == "PURPOSE_NOT_ALLOWED"
    assert (entry["unit"], entry["actor"], entry["subjects"]) == (MARKET_REGULATION, "孙科员", 1)
    index = entry["index"]
    for wanted in (
        {"subject": cities.golden["self_firm"], "since": began.isoformat()},
        {"subject": f"uscc:{cities.golden['self_firm']}"},
        {"actor": "孙科员", "purpose": "P1"},
        {"unit": MARKET_REGULATION, "recordType": "Organisation"},
        {"caller": clerk, "outcome": "ALLOWED", "since": began.isoformat()},
        {"kind": "QUERY", "case": case, "until": (began + timedelta(minutes=9)).isoformat()},
    ):
        found = _audit(cities, SEARCH, f=wanted, n=100)["nodes"]
        assert index in {one["index"] for one in found}, wanted
    for wanted in (
        {"case": case, "reason": "PURPOSE_NOT_ALLOWED"},
        {"case": case, "until": began.isoformat()},
        {"caller": clerk, "subject": cities.golden["demo"]["uscc"]},
        {"case": case, "recordType": "licence"},
    ):
        found = _audit(cities, SEARCH, f=wanted, n=100)["nodes"]
        assert index not in {one["index"] for one in found}, wanted
    first = _audit(cities, SEARCH, f=where, n=1)
    assert first["pageInfo"]["hasNextPage"]
    second = _audit(cities, SEARCH, f=where, n=1, a=first["pageInfo"]["endCursor"])
    assert [one["index"] for one in second["nodes"]] == [index]
    assert answer.receipt is not None
    leaf = answer.receipt.leaf.hex()
    shown = _audit(cities, ENTRY, leaf=leaf)
    assert (shown["index"], shown["leaf"], shown["evidenceState"]) == (index, leaf, "KEPT")
    assert shown["proof"].startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n")
    assert json.loads(shown["entry"])["case"] == case
    status, told = cities.xinqiao("audit", "show", leaf)
    assert (status, told["index"]) == (0, index)
    status, told = cities.xinqiao("audit", "search", f"--case={case}", "--outcome=DENIED")
    assert status == 0
    assert [one["index"] for one in told["entries"]] == [refused["index"]]
    assert _audit(cities, ENTRY, leaf="00" * 32) is None


def test_who_saw_it_since_when_and_what_the_subject_is_told(cities: Cities, clerk: str) -> None:
    since = datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(seconds=2)
    for actor in ("周科员", "周科员", "吴科员"):
        _data(cities, FIRM, clerk, purpose="P1", actor=actor, case="露1", variables=_firm(cities))
    _data(cities, FIRM, "analyst", purpose="P12", case="露2", variables=_firm(cities))
    asked = {"since": since.isoformat(), "s": [cities.golden["self_firm"], "no-such-code"]}

    def rows() -> dict[tuple[str, str | None], Any]:
        report = _audit(cities, EXPOSURE, **asked)
        assert report["complete"]
        assert report["unknown"] == ["no-such-code"]
        return {(one["caller"], one["actor"]): one for one in report["exposures"]}

    cities.wait_for(lambda: {(clerk, "吴科员"), ("analyst", None)} <= set(rows()))
    assert rows()[clerk, "周科员"]["entries"] == 2
    assert rows()[clerk, "周科员"]["case"] == "露1"
    status, told = cities.xinqiao(
        "audit", "exposure", f"--since={since.isoformat()}", f"--subject={asked['s'][0]}"
    )
    assert status == 0
    assert {(one["caller"], one["actor"]) for one in told["exposures"]} >= {(clerk, "周科员")}
    seen = _data(cities, HISTORY, "firm", purpose="P10")["accessHistory"]["nodes"]
    assert {"caller": clerk, "purpose": "P1"}.items() <= next(
        one for one in seen if one["caller"] == clerk
    ).items()
    assert not {one["purpose"] for one in seen} & {"P2", "P12", "P14", "P15"}
    for identity, purpose in (("analyst", "P12"), ("shenyang", "P1"), ("firm", "P10")):
        code = _code(cities, EXPOSURE, identity, purpose=purpose, variables=asked)
        assert code == "FORBIDDEN"
    assert _code(cities, HISTORY, "auditor", purpose="P14") == "FORBIDDEN"


def test_x34_an_access_without_a_case_is_found_reviewed_and_closed(
    cities: Cities, clerk: str
) -> None:
    for _ in range(2):
        _data(cities, FIRM, clerk, purpose="P1", actor="郑科员", variables=_firm(cities))
    wanted = {"caller": clerk, "rule": "NO_CASE"}
    cities.wait_for(lambda: [one["signs"] for one in _found(cities, **wanted)] == [2])
    (one,) = _found(cities, **wanted)
    assert (one["state"], one["actor"], one["unit"]) == ("OPEN", "郑科员", MARKET_REGULATION)
    number = str(one["number"])
    assert cities.xinqiao_text("audit", "review", "take", number, "--as=analyst")[0] == 2
    assert cities.xinqiao_text("audit", "review", "take", number)[0] == 0
    status, listed = cities.xinqiao("audit", "review", "list", f"--caller={clerk}")
    assert status == 0
    assert {"number": one["number"], "state": "IN_REVIEW"}.items() <= next(
        row for row in listed["findings"] if row["number"] == one["number"]
    ).items()
    closing = ("--violation", "--reason=未登记案由")
    assert cities.xinqiao_text("audit", "review", "close", number, *closing)[0] == 0
    (closed,) = _found(cities, **wanted)
    assert (closed["state"], closed["reason"]) == ("CLOSED_VIOLATION", "未登记案由")
    today = datetime.now(ZoneInfo("Asia/Shanghai"))
    half = f"{today.year}H{1 if today.month < 7 else 2}"
    status, counted = cities.xinqiao("audit", "statistics", f"--half={half}")
    assert status == 0
    assert {"role": "DEPT", "purpose": "P1", "decision": "ALLOWED"}.items() <= next(
        row
        for row in counted["accesses"]
        if (row["role"], row["purpose"], row["decision"]) == ("DEPT", "P1", "ALLOWED")
    ).items()
    assert any(
        (row["rule"], row["state"]) == ("NO_CASE", "CLOSED_VIOLATION") for row in counted["reviews"]
    )
    for identity, purpose in (("analyst", "P12"), ("firm", "P10")):
        assert _code(cities, FINDINGS, identity, purpose=purpose) == "FORBIDDEN"


def test_own_subjects_and_watched_subjects_are_found(cities: Cities, clerk: str) -> None:
    """The barred subject is not shown, and the attempt is found nevertheless."""
    demo = cities.golden["demo"]["uscc"]
    asked = {"purpose": "P1", "actor": "冯科员", "case": "亲1"}
    assert _data(cities, FIRM, clerk, variables={"c": demo}, **asked)["organisation"] is None
    cities.wait_for(lambda: _found(cities, caller=clerk, rule="OWN_SUBJECT"))
    watch = ("audit", "review", "watch", cities.golden["self_firm"])
    assert cities.xinqiao_text(*watch, "--reason=重点企业")[0] == 0
    try:
        _data(cities, FIRM, clerk, variables=_firm(cities), **asked)
        cities.wait_for(lambda: _found(cities, caller=clerk, rule="VIP"))
    finally:
        assert cities.xinqiao_text(*watch, "--remove")[0] == 0


def test_exposure_takes_the_ids_that_the_api_shows(cities: Cities) -> None:
    demo = {"c": cities.golden["demo"]["uscc"]}
    asked = {"purpose": "P12", "case": "露3", "variables": demo}
    found = _data(cities, FIRM, "analyst", **asked)["organisation"]
    record = found["penalties"]["nodes"][0]["id"]
    for wanted in ({"r": [record, "mistyped"]}, {"s": [found["id"], "mistyped"]}):

        def seen(wanted: dict[str, list[str]] = wanted) -> bool:
            report = _audit(cities, EXPOSURE, since="2020-01-01T00:00:00Z", **wanted)
            assert report["unknown"] == ["mistyped"]
            return "露3" in {one["case"] for one in report["exposures"]}

        cities.wait_for(seen)


async def _operator(root: Any, statement: str) -> None:
    address = PostgresServer(NodeHome(root, "benxi")).dsn.partition("&application_name")[0]
    connection = await asyncpg.connect(address, server_settings={"application_name": "psql"})
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_an_operator_in_psql_becomes_a_finding(cities: Cities) -> None:
    before = {one["number"] for one in _found(cities, rule="DIRECT_READ")}
    asyncio.run(_operator(cities.root, "SELECT name FROM person WHERE name = '不该看'"))
    cities.wait_for(lambda: {o["number"] for o in _found(cities, rule="DIRECT_READ")} - before)
    (one,) = (o for o in _found(cities, rule="DIRECT_READ") if o["number"] not in before)
    told = json.loads(one["detail"])
    assert (told["application"], told["unlogged"], one["signs"]) == ("psql", False, 1)
    assert "不该看" not in one["detail"]
