"""Every role asks a running city: its grounds come from the command line, its answers are logged.

What each may see of each kind is in tests/resolvers/test_roles.py; here the roads to it: keys,
authorisations, cases, approvals, districts, and what the log tells afterwards.
"""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from client.question import sign_request
from service.demo import MARKET_REGULATION
from service.enrolment import identity_key
from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(400)

CASE = "本市监〔2026〕71号"
FIRM = """query($c: String!) { organisation(code: $c) { name
    socialInsuranceArrears { totalCount } evaluations { totalCount }
    holders { nodes { ... on Person { id name idNumber records { totalCount } } } } } }"""
SUBJECTS = """{ subjects { __typename name ... on Person { idNumber } ... on Organisation { uscc }
    records(first: 50) { nodes { kind reportedName } } } }"""


def _data(cities: Cities, document: str, identity: str, **options: Any) -> Any:
    variables = options.pop("variables", None)
    with cities.client(identity=identity) as client:
        return client.query(document, variables, **options).require().data


def _code(cities: Cities, document: str, identity: str, **options: Any) -> str:
    variables = options.pop("variables", None)
    with cities.client(identity=identity) as client:
        answer = client.query(document, variables, **options)
    assert answer.data is None
    return str(answer.errors[0]["extensions"]["code"])


def _firm(cities: Cities) -> dict[str, str]:
    return {"c": cities.golden["self_firm"]}


def test_a_citizen_and_a_firm_read_their_own(cities: Cities) -> None:
    (person,) = _data(cities, SUBJECTS, "citizen", purpose="P10")["subjects"]
    assert person["idNumber"] == cities.golden["self_person"]
    assert "*" not in person["name"]
    kinds = {record["kind"] for record in person["records"]["nodes"]}
    assert {"penalty", "tax_arrears"} <= kinds
    assert {record["reportedName"] for record in person["records"]["nodes"]} == {person["name"]}
    (firm,) = _data(cities, SUBJECTS, "firm", purpose="P10")["subjects"]
    assert firm["uscc"] == cities.golden["self_firm"]
    other = {"c": cities.golden["demo"]["uscc"]}
    assert _data(cities, FIRM, "firm", purpose="P10", variables=other)["organisation"] is None
    assert _code(cities, SUBJECTS, "citizen", purpose="P9") == "PURPOSE_NOT_ALLOWED"


def test_an_agent_reads_by_authorisation_only_as_often_as_it_says(cities: Cities) -> None:
    asked: dict[str, Any] = {"purpose": "P9", "variables": _firm(cities)}
    assert _code(cities, FIRM, "bank", **asked) == "AUTHORISATION_REQUIRED"
    status, granted = cities.xinqiao(
        "authorisation", "grant", "--as=firm", "--to=bank", "--kinds=evaluation", "--uses=2"
    )
    assert status == 0
    asked["authorization"] = granted["id"]
    found = _data(cities, FIRM, "bank", **asked)["organisation"]
    assert found["evaluations"]["totalCount"] > 0
    assert found["socialInsuranceArrears"]["totalCount"] == 0
    assert _code(cities, "{ nonsense }", "bank", **asked) == "GRAPHQL_VALIDATION_FAILED"
    _data(cities, FIRM, "bank", **asked)  # what could not be read used nothing
    assert _code(cities, FIRM, "bank", **asked) == "AUTHORISATION_INVALID"
    _, listed = cities.xinqiao("authorisation", "list", "--as=firm")
    assert next(one for one in listed if one["id"] == granted["id"])["uses"] == "2/2"


def test_a_revocation_counts_at_once(cities: Cities) -> None:
    _, granted = cities.xinqiao(
        "authorisation", "grant", "--as=citizen", "--to=bank", "--kinds=penalty", "--uses=5"
    )
    asked: dict[str, Any] = {"purpose": "P9", "authorization": granted["id"]}
    (person,) = _data(cities, SUBJECTS, "bank", **asked)["subjects"]
    assert (
        person["idNumber"]
        == f"{cities.golden['self_person'][:6]}********" + (cities.golden["self_person"][-4:])
    )
    status, _ = cities.xinqiao_text("authorisation", "revoke", granted["id"], "--as=firm")
    assert status == 2  # another subject's
    status, _ = cities.xinqiao_text("authorisation", "revoke", granted["id"], "--as=citizen")
    assert status == 0
    assert _code(cities, SUBJECTS, "bank", **asked) == "AUTHORISATION_INVALID"


def test_a_question_sent_twice_uses_an_authorisation_once(cities: Cities) -> None:
    _, granted = cities.xinqiao(
        "authorisation", "grant", "--as=firm", "--to=bank", "--kinds=penalty", "--uses=5"
    )
    url = f"{cities.url('benxi')}/graphql"
    body = json.dumps({"query": "{ subjects { name } }"}).encode()
    question = sign_request(
        identity_key(cities.root, "bank"),
        "POST",
        url,
        body,
        now=time.time(),
        purpose="P9",
        authorization=granted["id"],
    )
    with httpx.Client(trust_env=False) as http:
        answers = [http.post(url, content=body, headers=list(question.headers)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert answers[1].json()["errors"][0]["extensions"]["code"] == "REPLAYED"
    _, listed = cities.xinqiao("authorisation", "list", "--as=firm")
    assert next(one for one in listed if one["id"] == granted["id"])["uses"] == "1/5"


def test_a_department_names_officer_purpose_and_matter(cities: Cities) -> None:
    asked: dict[str, Any] = {"variables": _firm(cities)}
    assert _code(cities, FIRM, "department", purpose="P1", **asked) == "ACTOR_REQUIRED"
    asked["actor"] = "李科员"
    assert _code(cities, FIRM, "department", purpose="P5", **asked) == "PURPOSE_NOT_ALLOWED"
    people = _data(cities, FIRM, "department", purpose="P2", **asked)["organisation"]["holders"]
    assert all("*" in one["name"] and one["idNumber"] is None for one in people["nodes"])
    number = cities.golden["self_person"]
    matter = (f"--number={CASE}", f"--unit={MARKET_REGULATION}")
    assert (
        cities.xinqiao_text("case", "open", *matter, "--purpose=P2", f"--subject={number}")[0] == 0
    )
    asked.update(purpose="P2", case=CASE)
    people = _data(cities, FIRM, "department", **asked)["organisation"]["holders"]["nodes"]
    named = [one for one in people if one["idNumber"] is not None]
    assert [one["idNumber"] for one in named] == [f"{number[:6]}********{number[-4:]}"]
    assert named[0]["records"]["totalCount"] > 0
    assert cities.xinqiao_text("case", "close", *matter)[0] == 0
    people = _data(cities, FIRM, "department", **asked)["organisation"]["holders"]["nodes"]
    assert all(one["idNumber"] is None for one in people)


def test_a_district_officer_reads_its_own_district(cities: Cities) -> None:
    asked: dict[str, Any] = {"purpose": "P1", "actor": "王科员"}
    here = _data(cities, FIRM, "district", variables=_firm(cities), **asked)["organisation"]
    assert here["socialInsuranceArrears"]["totalCount"] > 0
    elsewhere = {"c": cities.golden["demo"]["uscc"]}
    there = _data(cities, FIRM, "district", variables=elsewhere, **asked)["organisation"]
    assert there["name"]
    assert there["evaluations"]["totalCount"] == there["socialInsuranceArrears"]["totalCount"] == 0


def test_a_steward_unmasks_inside_an_open_case_only(cities: Cities) -> None:
    number = cities.golden["self_person"]
    asked: dict[str, Any] = {
        "purpose": "P13",
        "case": "异议〔2026〕5号",
        "variables": _firm(cities),
    }

    def people() -> list[dict[str, Any]]:
        found = _data(cities, FIRM, "steward", **asked)["organisation"]["holders"]["nodes"]
        return list(found)

    assert all("*" in one["name"] and one["idNumber"] is None for one in people())
    matter = ("case", "open", f"--number={asked['case']}", "--purpose=P13", f"--subject={number}")
    assert cities.xinqiao_text(*matter)[0] == 0
    shown = {one["idNumber"] for one in people()}
    assert shown == {f"{number[:6]}********{number[-4:]}", None}
    asked["purpose"] = "P16"  # the case was opened for another purpose
    assert {one["idNumber"] for one in people()} == {None}


def test_an_analyst_steps_up_with_a_supervisor(cities: Cities) -> None:
    asked: dict[str, Any] = {"purpose": "P12", "case": "核〔2026〕3号", "variables": _firm(cities)}

    def person() -> dict[str, Any]:
        people = _data(cities, FIRM, "analyst", **asked)["organisation"]["holders"]["nodes"]
        return max(people, key=lambda one: one["records"]["totalCount"])

    before = person()
    assert before["idNumber"] is None
    assert before["name"].endswith("*")
    status, told = cities.xinqiao(
        "approval", "request", "--as=analyst", f"--case={asked['case']}",
        f"--subject={before['id']}", "--reason=风险核查", "--document=-",
        f"--variables={json.dumps(asked['variables'])}", text=FIRM,
    )  # fmt: skip
    assert status == 0
    status, shown = cities.xinqiao("approval", "show", told["id"], "--as=supervisor")
    assert (status, shown["document"], shown["variables"]) == (0, FIRM, asked["variables"])
    assert shown["question"] == told["question"]
    assert cities.xinqiao_text("approval", "grant", told["id"], "--as=analyst")[0] == 2
    assert cities.xinqiao_text("approval", "grant", told["id"], "--as=supervisor")[0] == 0
    after = person()
    assert after["idNumber"] == cities.golden["self_person"]
    assert "*" not in after["name"]
    wider = FIRM.replace("name\n", "name uscc\n")  # approved is that question, no other
    people = _data(cities, wider, "analyst", **asked)["organisation"]["holders"]["nodes"]
    assert {one["idNumber"] for one in people} == {None}
    asked["case"] = "核〔2026〕4号"
    assert person()["idNumber"] is None


def test_the_subject_sees_who_asked_but_not_who_investigates(cities: Cities) -> None:
    """Access rules §3 (SELF), §5.4: no P12 of an analyst, no auditor, no officer's name."""
    firm = _firm(cities)
    _data(cities, FIRM, "analyst", purpose="P12", case="1", variables=firm)
    _data(cities, FIRM, "analyst", purpose="P3", case="1", variables=firm)
    _data(cities, FIRM, "department", purpose="P1", actor="李科员", variables=firm)
    document = "{ accessEntries(first: 50) { nodes { caller purpose actor case keyId entry } } }"

    def entries() -> list[dict[str, Any]]:
        found = _data(cities, document, "firm", purpose="P10")["accessEntries"]["nodes"]
        return list(found)

    cities.wait_for(lambda: {"department"} <= {one["caller"] for one in entries()})
    cities.wait_for(lambda: ("analyst", "P3") in {(o["caller"], o["purpose"]) for o in entries()})
    found = entries()
    assert not {one["purpose"] for one in found} & {"P2", "P12", "P14", "P15"}
    for name in ("actor", "case", "keyId", "entry"):
        assert {one[name] for one in found} == {None}
    everything = _data(cities, document, "supervisor", purpose="P14")["accessEntries"]["nodes"]
    assert any(one["actor"] == "李科员" for one in everything)
    assert _data(cities, "{ organisations { totalCount } }", "auditor", purpose="P14") == {
        "organisations": {"totalCount": 0}
    }


def test_the_log_names_the_ground_of_each_access(cities: Cities) -> None:
    _, granted = cities.xinqiao(
        "authorisation", "grant", "--as=firm", "--to=bank", "--kinds=penalty"
    )
    _data(cities, FIRM, "bank", purpose="P9", authorization=granted["id"], variables=_firm(cities))
    document = '{ accessEntries(first: 20, filter: {caller: "bank"}) { nodes { entry } } }'

    def grounds() -> set[str]:
        found = _data(cities, document, "auditor", purpose="P14")["accessEntries"]["nodes"]
        return {json.loads(one["entry"])["legalBasis"] for one in found}

    cities.wait_for(lambda: f"authorisation {granted['id']}" in grounds())


def test_a_key_that_somebody_else_holds_is_enrolled_by_its_public_half(cities: Cities) -> None:
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032 §7.1
    status, told = cities.xinqiao(
        "key",
        "enrol",
        "planner",
        "--role=DEPT",
        f"--public={public}",
        f"--unit={MARKET_REGULATION}",
    )
    assert status == 0
    _, listed = cities.xinqiao("key", "list")
    row = next(one for one in listed if one["caller"] == "planner")
    assert (row["keyId"], row["public"], row["unit"]) == (told["keyId"], public, MARKET_REGULATION)
    assert cities.xinqiao_text("key", "enrol", "x", "--role=DEPT", f"--public={public}")[0] == 2
    assert cities.xinqiao_text("key", "new", "y", "--role=OPS")[0] == 2
    for district in ("明山区", "999999", ""):
        told = cities.xinqiao_text("key", "new", "y", "--role=ANALYST", f"--district={district}")
        assert told[0] == 2
        assert "DISTRICT_UNKNOWN" in told[1]
