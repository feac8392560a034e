"""Both cities as their users meet them: the command line, HTTP, two running nodes."""

from __future__ import annotations

import json

import httpx
import pytest

from client.question import sign_request
from service.enrolment import identity_key
from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(400)

FIRM = """
query Firm($code: String!) {
  organisation(code: $code) {
    name
    uscc
    penalties(first: 20) { totalCount nodes { documentNo originRegion } }
    holders { edges { shareMin shareMax holder { __typename name } } }
  }
}
"""


def demo_code(cities: Cities) -> str:
    return str(cities.golden["demo"]["uscc"])


def test_the_run_shows_an_answer_and_a_refusal_both_verified(cities: Cities) -> None:
    shown = (cities.root / "run.out").read_text(encoding="utf-8")
    assert shown.count("signature, receipt and proof verified") == 2
    assert "PURPOSE_NOT_ALLOWED" in shown


def test_a_partner_city_gets_a_signed_answer_that_stands_in_the_log(cities: Cities) -> None:
    status, found = cities.ask(
        FIRM, variables={"code": demo_code(cities)}, as_="shenyang", purpose="P1", case="沈审12号"
    )
    assert status == 0
    assert found["verified"] is True
    assert found["receipt"]["index"] < found["receipt"]["treeSize"]
    firm = found["answer"]["data"]["organisation"]
    golden = cities.golden["demo"]
    assert firm["name"] == golden["name"]
    numbers = {node["documentNo"] for node in firm["penalties"]["nodes"]}
    shared = {*golden["penaltiesDisplayed"], *golden["penaltiesNotDisplayed"]}
    assert numbers == shared - set(golden["simpleProcedure"])
    persons = [
        e["holder"] for e in firm["holders"]["edges"] if e["holder"]["__typename"] == "Person"
    ]
    assert persons
    assert all("*" in person["name"] for person in persons)


def test_the_public_sees_only_what_is_displayed(cities: Cities) -> None:
    status, found = cities.ask(FIRM, variables={"code": demo_code(cities)})
    assert status == 0
    assert found["verified"] is True
    penalties = found["answer"]["data"]["organisation"]["penalties"]
    displayed = cities.golden["demo"]["penaltiesDisplayed"]
    assert {node["documentNo"] for node in penalties["nodes"]} == set(displayed)
    assert penalties["totalCount"] == len(displayed)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "PURPOSE_REQUIRED"),
        ({"purpose": "P7"}, "PURPOSE_NOT_ALLOWED"),
    ],
)
def test_a_purpose_outside_the_table_is_refused_signed_and_logged(
    cities: Cities, options: dict[str, str], code: str
) -> None:
    status, found = cities.ask(
        FIRM, variables={"code": demo_code(cities)}, as_="shenyang", **options
    )
    assert status == 0
    assert found["verified"] is True
    assert found["receipt"]["index"] is not None
    assert found["answer"]["errors"][0]["extensions"]["code"] == code
    assert "data" not in found["answer"]


def test_persons_need_a_case_number(cities: Cities) -> None:
    question = '{ persons(first: 1, filter: {surname: "王"}) { nodes { name } } }'
    status, found = cities.ask(question, as_="analyst", purpose="P12")
    assert (status, found["answer"]["errors"][0]["extensions"]["code"]) == (0, "CASE_REQUIRED")
    status, found = cities.ask(question, as_="analyst", purpose="P12", case="本信研〔2026〕3号")
    assert status == 0
    assert "*" in found["answer"]["data"]["persons"]["nodes"][0]["name"]


def test_an_unknown_key_is_refused_and_the_refusal_is_signed(cities: Cities) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from client.connection import Client
    from client.keys import SigningKey
    from service.enrolment import node_keys

    stranger = SigningKey("stranger-00000000", Ed25519PrivateKey.generate())
    with Client(cities.url("benxi"), stranger, node_keys(cities.root, "benxi")) as client:
        answer = client.query("{ __typename }", purpose="P1").require()
    assert answer.status == 401
    assert answer.errors[0]["extensions"]["code"] == "KEY_UNKNOWN"


def test_a_question_sent_twice_is_answered_once(cities: Cities) -> None:
    import time

    body = json.dumps({"query": "{ __typename }"}).encode()
    url = f"{cities.url('benxi')}/graphql"
    key = identity_key(cities.root, "shenyang")
    question = sign_request(key, "POST", url, body, now=time.time(), purpose="P1")
    answers = [
        httpx.post(url, headers=list(question.headers), content=body, trust_env=False)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert answers[2].json()["errors"][0]["extensions"]["code"] == "REPLAYED"
    assert "credit-receipt" in answers[2].headers


def test_x04_one_subject_shows_the_records_of_both_cities(cities: Cities) -> None:
    golden = cities.golden["X04"]
    for node in ("benxi", "shenyang"):
        identity = "analyst"
        _, found = cities.ask(
            FIRM,
            node=node,
            variables={"code": golden["parties"]["A"]["uscc"]},
            as_=identity,
            purpose="P12",
        )
        nodes = found["answer"]["data"]["organisation"]["penalties"]["nodes"]
        seen = sorted((one["documentNo"], one["originRegion"]) for one in nodes)
        wanted = sorted((one["documentNo"], one["originRegion"]) for one in golden["penalties"])
        if node == "shenyang":
            assert seen == wanted
        else:
            assert {pair for pair in wanted if pair[1] == "210500"} <= set(seen)


def unplanted(cities: Cities) -> tuple[str, str]:
    """A Benxi firm's code and the number of a penalty that no planted case needs."""
    listed = """
    { penalties(first: 100) {
        nodes { documentNo originRegion subject { ... on Organisation { uscc } } } } }
    """
    _, found = cities.ask(listed, as_="analyst", purpose="P12")
    planted = json.dumps(cities.golden, ensure_ascii=False)
    for one in found["answer"]["data"]["penalties"]["nodes"]:
        code, number = (one["subject"] or {}).get("uscc"), one["documentNo"]
        if code and one["originRegion"] == "210500" and not {code, number} & {*planted.split('"')}:
            return code, number
    raise AssertionError("every penalty of this world is planted")


def test_a_withdrawn_record_disappears_in_the_other_city(cities: Cities) -> None:
    question = """
    query Of($code: String!) {
      organisation(code: $code) { penalties(first: 20) { nodes { id documentNo } } }
    }
    """
    code, number = unplanted(cities)

    def shown(node: str) -> dict[str, str]:
        _, found = cities.ask(
            question, node=node, variables={"code": code}, as_="analyst", purpose="P12"
        )
        firm = found["answer"]["data"]["organisation"]
        nodes = firm["penalties"]["nodes"] if firm else []
        return {one["documentNo"]: one["id"] for one in nodes}

    here, there = shown("benxi"), shown("shenyang")
    assert here[number] == there[number]
    status, _ = cities.xinqiao(
        "record", "withdraw", here[number], "--reason", "法院判决撤销", "--node", "benxi"
    )
    assert status == 0
    assert number not in shown("benxi")
    cities.wait_for(lambda: number not in shown("shenyang"))


def test_logs_are_open_but_for_who_asked_what(cities: Cities) -> None:
    def get(path: str) -> httpx.Response:
        return httpx.get(f"{cities.url('benxi')}/log/{path}", trust_env=False)

    name, size = get("feed/checkpoint").text.splitlines()[:2]
    assert name == "xinqiao.benxi/feed"
    width = min(int(size), 256)
    part = "" if width == 256 else f".p/{width}"
    assert len(get(f"feed/tile/0/000{part}").content) == width * 32
    assert get(f"feed/tile/entries/000{part}").status_code == 200
    assert get("access/checkpoint").text.startswith("xinqiao.benxi/access\n")
    sealed = int(get("access/checkpoint").text.splitlines()[1])
    part = "" if sealed >= 256 else f".p/{sealed}"
    assert get(f"access/tile/entries/000{part}").status_code == 404
    assert get("access/tile/lock").status_code == 404
    assert get("keys/tile/0/000").status_code == 404


def test_the_auditor_reads_who_asked_and_nothing_else(cities: Cities) -> None:
    code = demo_code(cities)
    cities.ask(FIRM, variables={"code": code}, as_="shenyang", purpose="P4", case="审计用例1号")
    question = """
    { accessEntries(filter: {caller: "shenyang", case: "审计用例1号"}) {
        nodes { caller purpose case decision rows index } } }
    """
    cities.wait_for(
        lambda: cities.ask(question, as_="auditor", purpose="P14")[1]["answer"]["data"][
            "accessEntries"
        ]["nodes"]
    )
    _, found = cities.ask(question, as_="auditor", purpose="P14")
    entry = found["answer"]["data"]["accessEntries"]["nodes"][0]
    assert (entry["purpose"], entry["decision"]) == ("P4", "ALLOWED")
    assert found["receipt"]["log"].endswith("/audit")
    _, found = cities.ask(FIRM, variables={"code": code}, as_="auditor", purpose="P14")
    assert found["answer"]["data"]["organisation"] is None
    _, found = cities.ask(question, as_="analyst", purpose="P12")
    assert found["answer"]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_the_exported_log_verifies_and_a_changed_byte_is_found(cities: Cities) -> None:
    target = cities.root / "export"
    status, found = cities.xinqiao("audit", "export", str(target))
    assert status == 0
    assert found["size"] > 0
    assert cities.xinqiao("audit", "verify", str(target))[0] == 0
    bundle = next(path for path in sorted((target / "tile/entries").rglob("*")) if path.is_file())
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    status, verdict = cities.xinqiao("audit", "verify", str(target))
    assert status == 1
    assert verdict["firstBadIndex"] is not None
    assert cities.xinqiao("audit", "verify", str(target / "nothing"))[0] == 2


@pytest.mark.parametrize("node", ["benxi", "shenyang"])
def test_graph_and_store_agree(cities: Cities, node: str) -> None:
    status, report = cities.xinqiao("graph", "verify", "--node", node)
    assert status == 0
    assert report["ok"] is True
    assert report["nodes"]["postgres"] == report["nodes"]["neo4j"] > 100


def test_the_neighbourhood_comes_with_shares_and_evidence(cities: Cities) -> None:
    status, found = cities.xinqiao(
        "graph", "neighbourhood", demo_code(cities), "--hops=2", "--as=analyst", "--purpose=P12"
    )
    assert status == 0
    around = found["answer"]["data"]["neighbourhood"]
    held = [edge for edge in around["edges"] if edge["kind"] == "HOLDS"]
    assert {"0.55", "0.25", "0.2"} <= {edge["shareMin"] for edge in held}
    assert all(edge["relationId"] and edge["originRegion"] for edge in around["edges"])


def test_importing_the_same_world_again_changes_nothing(cities: Cities) -> None:
    feeds = next((cities.root / "worlds").glob("S-*")) / "feeds" / "benxi"
    first = cities.xinqiao("import", str(feeds), "--report", str(cities.root))[1]
    second = cities.xinqiao("import", str(feeds), "--report", str(cities.root))[1]
    assert first == second
    assert first["lines"] == first["accepted"] + first["with_findings"] + first["rejected"]
