"""The planted cases and cross-city requirements, asked through the API under two world seeds.

What is expected comes from the world's own golden file or from the requirement's text.
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from service.home import open_folder
from tests.service.cities import SEED, Cities, running_cities
from tests.service.command import CommandLine

pytestmark = pytest.mark.timeout(400)

RECORD = (
    "documentNo decisionDate ruleSetId displayMinUntil displayUntil severity status originRegion"
)


@pytest.fixture(scope="module", params=[SEED, 7])
def world(request: pytest.FixtureRequest, home: Path, command: CommandLine) -> Iterator[Cities]:
    """Both cities under each seed."""
    if request.param == SEED:
        yield request.getfixturevalue("cities")
        return
    folder = open_folder(home / f"seed-{request.param}", 0o711)
    with running_cities(folder, command, request.param) as found:
        yield found


def ask(
    world: Cities,
    document: str,
    *,
    node: str = "benxi",
    as_: str | None = "analyst",
    purpose: str | None = "P12",
    case: str = "",
    actor: str | None = None,
    **variables: Any,
) -> Any:
    """The data of a verified answer."""
    with world.client(node, as_) as client:
        answer = client.query(document, variables, purpose=purpose, case=case, actor=actor)
    assert answer.problem is None, answer.problem
    assert not answer.errors, answer.errors
    return answer.data


def code(world: Cities, case: str, party: str = "A") -> str:
    return str(world.golden[case]["parties"][party]["uscc"])


def records(
    world: Cities, subject: str, kind: str, fields: str = RECORD, **options: Any
) -> list[Any]:
    document = (
        "query($code: String!) { organisation(code: $code) {"
        f" {kind}(first: 100) {{ totalCount nodes {{ {fields} }} }} }} }}"
    )
    found = ask(world, document, code=subject, **options)["organisation"]
    if found is None:
        return []
    assert found[kind]["totalCount"] == len(found[kind]["nodes"])
    return list(found[kind]["nodes"])


def uuid_of(record: Any) -> str:
    """The record's id as the work queue has it."""
    return base64.b64decode(record["id"]).decode().partition(":")[2]


def tasks(world: Cities, finding: str) -> set[str]:
    """The records that the work queue has for a finding."""
    status, queue = world.xinqiao("queue", "list", f"--code={finding}", "--limit=1000")
    assert status == 0, queue
    return {one["recordId"] for one in queue["tasks"]}


def numbers(found: list[Any]) -> set[str]:
    return {one["documentNo"] for one in found}


def test_w13_x06_a_moved_firm_is_where_it_is_now_with_its_history(world: Cities) -> None:
    case = world.golden["W13"]
    document = """
    query($code: String!) { organisation(code: $code) {
      uscc regStatus region { regionId } licences(first: 50) { nodes { documentNo originRegion } }
    } }"""
    for node, region, status in (
        ("benxi", "210504", "存续"),
        ("shenyang", "210106", "迁出"),
    ):
        firm = ask(world, document, node=node, as_=None, purpose=None, code=code(world, "W13"))
        firm = firm["organisation"]
        assert (firm["region"]["regionId"], firm["regStatus"]) == (region, status)
        assert firm["uscc"][2:8] == case["codeDivision"]
    listed = """
    query($code: [USCC!], $region: String) {
      organisations(filter: {uscc: $code, region: $region}) { totalCount } }"""
    for node, region, there in (("benxi", "210500", 1), ("benxi", "210504", 1),
                                ("shenyang", "210100", 0), ("benxi", "210100", 0)):  # fmt: skip
        found = ask(
            world, listed, node=node, as_=None, purpose=None, code=[code(world, "W13")],
            region=region,
        )  # fmt: skip
        assert found["organisations"]["totalCount"] == there, (node, region)
    before = records(world, code(world, "W13"), "licences", node="shenyang", as_=None, purpose=None)
    assert case["licenceBeforeTheMove"] in numbers(before)


SEARCH = """
query($text: String!) { search(text: $text, first: 50) {
  edges { matchedBy matched node { name uscc } } } }"""


def test_w14_x07_an_old_name_finds_the_firm_and_says_so(world: Cities) -> None:
    case = world.golden["W14"]
    hits = ask(world, SEARCH, text=case["formerName"])["search"]["edges"]
    assert [(hit["matchedBy"], hit["node"]["uscc"]) for hit in hits[:1]] == [
        ("FORMER_NAME", code(world, "W14"))
    ]
    assert {hit["matchedBy"] for hit in hits[1:]} <= {"NEAR_NAME"}
    trade = case["parties"]["B"]["name"][2:5]
    here = ask(world, SEARCH, text=trade)
    there = ask(world, SEARCH, node="shenyang", as_=None, purpose=None, text=trade)
    for found, party in ((here, "A"), (there, "B")):
        codes = [hit["node"]["uscc"] for hit in found["search"]["edges"]]
        assert codes.count(code(world, "W14", party)) == 1
    assert case["penaltyUnderOldName"] in numbers(records(world, code(world, "W14"), "penalties"))


def test_w15_one_shared_number_is_one_merge(world: Cities) -> None:
    document = """
    query($code: String!) { organisation(code: $code) {
      officers(first: 50) { nodes { __typename ... on Person { id name } } }
      legalRepresentatives(first: 50) { nodes { __typename ... on Person { id name } } }
      holders(first: 50) { edges { holder { __typename ... on Person { id name } } } }
    } }"""
    ids: dict[str, set[str]] = {}
    for party in "ABC":
        firm = ask(world, document, code=code(world, "W15", party))["organisation"]
        persons = [
            *firm["officers"]["nodes"],
            *firm["legalRepresentatives"]["nodes"],
            *(edge["holder"] for edge in firm["holders"]["edges"]),
        ]
        ids[party] = {one["id"] for one in persons if one and one.get("name") == "王*"}
    assert ids["A"] & ids["B"]
    assert not (ids["A"] | ids["B"]) & ids["C"]


def test_w16_x05_a_record_with_the_old_code_only_is_found_by_the_new_one(world: Cities) -> None:
    case = world.golden["W16"]
    found = records(world, code(world, "W16"), "penalties", "documentNo matchedBy")
    how = {one["documentNo"]: one["matchedBy"] for one in found}
    assert how[case["penalty"]] == case["matchedBy"] == "ORG_CODE_EMBEDDED"
    old = case["orgCode"]
    for text in (old, f"{old[:8]}-{old[8]}", old.lower()):
        hits = ask(world, SEARCH, text=text)["search"]["edges"]
        assert [hit["node"]["uscc"] for hit in hits] == [code(world, "W16")], text


def test_w17_what_is_repaired_in_shenyang_is_shown_nowhere(world: Cities) -> None:
    subject, number = code(world, "W17"), world.golden["W17"]["penalty"]
    readers = (
        {"node": "shenyang", "as_": None, "purpose": None},
        {"node": "benxi", "as_": None, "purpose": None},
        {"node": "benxi"},
        {"node": "benxi", "as_": "department", "purpose": "P1", "actor": "经办001"},
    )

    def seen() -> list[bool]:
        return [number in numbers(records(world, subject, "penalties", **who)) for who in readers]

    for who in readers:  # the listing that ended by repair
        days = {one["decisionDate"] for one in records(world, subject, "abnormalOperations", **who)}
        assert world.golden["W17"]["listing"]["includedOn"] not in days
    world.wait_for(lambda: all(seen()))
    (one,) = [
        one
        for one in records(world, subject, "penalties", "id documentNo", **readers[0])
        if one["documentNo"] == number
    ]
    status, told = world.xinqiao("record", "repair", one["id"], "--node=benxi")
    assert status == 2, told
    assert "RECORD_FOREIGN" in told
    status, told = world.xinqiao("record", "repair", one["id"], "--node=shenyang")
    assert (status, told["status"]) == (0, "REPAIRED")
    world.wait_for(lambda: not any(seen()))


def test_w27_an_objection_is_shown_and_a_withdrawal_stands(world: Cities) -> None:
    partner = {"node": "shenyang", "as_": None, "purpose": None}
    annulled = world.golden["W27"]["penalty"]  # by the court, as its department reports
    for who in (partner, {}):
        assert annulled not in numbers(records(world, code(world, "W27"), "penalties", **who))
    planted = {
        one.get("uscc") for case in world.golden.values() if isinstance(case, dict)
        for one in case.get("parties", {}).values()
    }  # fmt: skip
    listed = """
    query { penalties(filter: {originRegion: "210500", decidedFrom: "2026-04-01"}, first: 100) {
      nodes { id documentNo subject { ... on Organisation { uscc category } } } } }"""
    found = ask(world, listed, as_=None, purpose=None)["penalties"]["nodes"]
    one = next(
        one
        for one in found
        if one["subject"]["uscc"] not in planted and one["subject"]["category"] == "LEGAL_ENTITY"
    )

    def marked(**who: Any) -> list[bool]:
        seen = records(world, one["subject"]["uscc"], "penalties", "documentNo objection", **who)
        return [at["objection"] for at in seen if at["documentNo"] == one["documentNo"]]

    world.wait_for(lambda: marked(**partner) == [False])
    assert world.xinqiao("record", "object", one["id"])[0] == 0
    world.wait_for(lambda: marked() == [True] == marked(**partner))
    assert world.xinqiao("record", "withdraw", one["id"], "--reason=法院撤销")[0] == 0
    world.wait_for(lambda: marked() == [] == marked(**partner))
    assert world.xinqiao("record", "object", one["id"], "--end")[0] == 0
    assert world.xinqiao("record", "object", one["id"])[0] == 0
    assert marked() == []


GRADE = """
query($code: String!, $for: Purpose) { organisation(code: $code) {
  recognisedGrade(purpose: $for) {
    recognised band reason chain
    original { scheme version score grade }
    veto { label recordId } } } }"""


def grade(world: Cities, subject: str, purpose: str = "P1", **options: Any) -> Any:
    found = ask(world, GRADE, code=subject, **{"for": purpose}, **options)
    return found["organisation"]["recognisedGrade"]


def test_w18_x09_x12_a_partners_872_points_and_the_courts_veto(world: Cities) -> None:
    world.wait_for(lambda: grade(world, code(world, "W18", "B"))["recognised"])
    clean = grade(world, code(world, "W18", "B"))
    assert (clean["band"], clean["recognised"]) == ("EXCELLENT", True)
    original = clean["original"]
    assert (original["scheme"], original["version"]) == ("SY-1000", "v2")
    assert original["score"] == "872"
    assert clean["chain"].startswith("SY-1000 v2 872 → 优 (mapping ")
    world.wait_for(lambda: grade(world, code(world, "W18"))["reason"] == "VETO")
    listed = grade(world, code(world, "W18"))
    assert (listed["band"], listed["veto"]["label"]) == ("POOR", "失信被执行人")
    found = ask(
        world,
        "query($id: ID!) { node(id: $id) { ... on CourtDefault { documentNo } } }",
        id=listed["veto"]["recordId"],
    )
    assert found["node"]["documentNo"] == world.golden["W18"]["caseNo"]


def test_x10_a_purpose_outside_the_mapping_is_not_recognised(world: Cities) -> None:
    found = grade(world, code(world, "W18", "B"), "P7")
    assert (found["recognised"], found["reason"]) == (False, "PURPOSE_NOT_COVERED")
    assert (found["band"], found["original"]) == (None, None)


def test_x11_stale_grades_and_unmapped_versions_have_no_band(world: Cities) -> None:
    world.wait_for(lambda: grade(world, code(world, "X11", "B"))["reason"] != "UNRATED")
    for party, reason in world.golden["X11"]["reason"].items():
        found = grade(world, code(world, "X11", party))
        assert found["reason"] == reason, party
        assert (found["band"] is None) is (reason is not None)


def test_x14_unrated_is_not_the_middle(world: Cities) -> None:
    for node, who, purpose in (("benxi", "analyst", "P12"), ("shenyang", "benxi", "P1")):
        found = ask(
            world, GRADE, node=node, as_=who, purpose=purpose, case="演1号",
            code=code(world, "X14"),
        )["organisation"]  # fmt: skip
        if found is not None:
            told = found["recognisedGrade"]
            assert (told["band"], told["recognised"]) == ("UNRATED", False)


def test_w19_x13_a_mapping_with_a_gap_or_a_wrong_order_is_refused(cities: Cities) -> None:
    case = cities.golden["W19"]
    truth = next((cities.root / "worlds").glob("S-*"))
    for name, file in case["files"].items():
        status, told = cities.xinqiao_text("mapping", "check", str(truth / file))
        assert status == 2, told
        assert case["codes"][name] in told
        if name == "gap":
            assert "[700, 850)" in told


def test_w20_each_decision_follows_the_rules_of_its_day(world: Cities) -> None:
    found = {one["documentNo"]: one for one in records(world, code(world, "W20"), "penalties")}
    for wanted in world.golden["W20"]["penalties"]:
        one = found[wanted["documentNo"]]
        assert (one["ruleSetId"], one["displayUntil"]) == (wanted["ruleSet"], wanted["pubMaxEnd"])


def test_w21_food_safety_waits_longer_for_repair(world: Cities) -> None:
    found = {one["documentNo"]: one for one in records(world, code(world, "W21"), "penalties")}
    for wanted in world.golden["W21"]["penalties"]:
        assert found[wanted["documentNo"]]["displayMinUntil"] == wanted["repairableFrom"]


def test_w22_the_longest_of_several_penalties_counts(world: Cities) -> None:
    case = world.golden["W22"]
    (one,) = records(world, code(world, "W22"), "penalties")
    assert (one["displayMinUntil"], one["displayUntil"]) == (case["pubMinEnd"], case["pubMaxEnd"])


def test_w23_x26_six_working_days_around_the_national_day(world: Cities) -> None:
    case = world.golden["W23"]
    fields = "documentNo timeliness { workingDays limit onTime dueOn }"
    found = records(world, code(world, "W23"), "licences", fields)
    told = next(one for one in found if one["documentNo"] == case["licence"])["timeliness"]
    assert told == {"workingDays": 6, "limit": 7, "onTime": True, "dueOn": "2025-10-16"}
    assert dt.date.fromisoformat(case["naiveSeventhWeekday"]) < dt.date(2025, 10, 15)


def test_w24_a_fine_in_the_wrong_unit_is_a_warning_and_lost_nowhere(world: Cities) -> None:
    case = world.golden["W24"]
    (one,) = records(world, code(world, "W24"), "penalties", "id documentNo fineAmount { value }")
    assert (one["documentNo"], one["fineAmount"]["value"]) == (case["penalty"], case["sent"])
    assert uuid_of(one) in tasks(world, "UNIT_SUSPECT")


def test_w28_a_batch_twice_and_late_ends_in_the_newest_state(world: Cities) -> None:
    fines = {}
    for party in world.golden["W28"]["parties"]:
        fields = "documentNo fineAmount { value }"
        for one in records(world, code(world, "W28", party), "penalties", fields):
            fines[one["documentNo"]] = one["fineAmount"]["value"]
    for wanted in world.golden["W28"]["current"]:
        assert fines[wanted["documentNo"]] == wanted["fineAmount"]


def test_w29_red_and_serious_exclude_each_other(world: Cities) -> None:
    found = tasks(world, "RED_AND_SERIOUS")
    for party, documents in world.golden["W29"]["documents"].items():
        listed = records(world, code(world, "W29", party), "redListings", "id documentNo")
        (red,) = [one for one in listed if one["documentNo"] == documents["red"]]
        assert uuid_of(red) in found, party


def test_w30_records_stay_with_the_deregistered_firm(world: Cities) -> None:
    number = world.golden["W30"]["penalty"]
    assert number in numbers(records(world, code(world, "W30"), "penalties"))
    assert number not in numbers(records(world, code(world, "W30", "B"), "penalties"))


def test_x02_what_the_catalogue_does_not_share_is_not_even_counted(world: Cities) -> None:
    case = world.golden["X02"]
    document = """
    query($code: String!) { organisation(code: $code) {
      penalties(first: 9) { totalCount nodes { documentNo } }
      housingFundArrears(first: 9) { totalCount }
      taxArrears(first: 9) { totalCount }
      records(first: 50) { totalCount nodes { kind } } } }"""
    seen = ask(
        world, document, as_="shenyang", purpose="P1", case="沈审1号", code=code(world, "X02")
    )["organisation"]  # fmt: skip
    assert case["penalty"] in {one["documentNo"] for one in seen["penalties"]["nodes"]}
    assert seen["housingFundArrears"]["totalCount"] == 0
    assert "housing_fund_arrears" not in {one["kind"] for one in seen["records"]["nodes"]}
    assert seen["records"]["totalCount"] == len(seen["records"]["nodes"])
    own = ask(world, document, code=code(world, "X02"))["organisation"]
    assert own["housingFundArrears"]["totalCount"] == 1
    assert own["taxArrears"]["totalCount"] == 1


def test_x03_catalogues_are_dated(world: Cities) -> None:
    catalogue = "query($on: Date) { catalogue(on: $on) { information { edition } } }"
    before = ask(world, catalogue, on="2026-06-30")["catalogue"]["information"]["edition"]
    after = ask(world, catalogue, on="2026-07-01")["catalogue"]["information"]["edition"]
    assert (before, after) == ("v3", "v4")
    arrears = """
    query($code: String!, $asOf: Date) {
      taxArrears(filter: {subject: $code, asOf: $asOf}) { totalCount nodes { documentNo } } }"""
    seen = {}
    for day in ("2026-06-30", "2026-07-01"):
        found = ask(
            world,
            arrears,
            as_="shenyang",
            purpose="P1",
            case="沈审2号",
            code=code(world, "X02"),
            asOf=day,
        )
        seen[day] = found["taxArrears"]["totalCount"]
    assert seen == {"2026-06-30": 0, "2026-07-01": 1}


def test_x04_one_subject_with_the_records_of_both_cities(world: Cities) -> None:
    case = world.golden["X04"]
    subject = code(world, "X04")

    def both() -> set[tuple[str, str]]:
        found = records(world, subject, "penalties")
        return {(one["documentNo"], one["originRegion"]) for one in found}

    wanted = {(one["documentNo"], one["originRegion"]) for one in case["penalties"]}
    world.wait_for(lambda: both() >= wanted)
    assert both() == wanted
    hits = ask(world, SEARCH, text=subject)["search"]["edges"]
    assert len(hits) == case["subjects"]


def test_x08_persons_meet_by_the_keyed_token_only(world: Cities) -> None:
    case = world.golden["X08"]

    def matched(party: str) -> bool:
        number = case["parties"][party]["idNumber"]
        status, told = world.xinqiao(
            "match", "benxi", "--from=shenyang", "--purpose=P8", "--case=沈联1号", text=number
        )
        assert status == 0, told
        return bool(told["answer"]["data"]["personMatch"]["matched"])

    for party, wanted in case["match"].items():
        assert matched(party) is wanted, party
    document = "query($token: String!) { personMatch(token: $token) { matched } }"
    with world.client("benxi", "shenyang") as client:
        for token in ("王伟", "a" * 64, case["parties"]["P"]["idNumber"]):
            answer = client.query(document, {"token": token}, purpose="P8", case="沈联1号")
            assert answer.errors[0]["extensions"]["code"] == "TOKEN_MALFORMED"


def test_pii_free_text_reaches_the_public_screened_or_not_at_all(world: Cities) -> None:
    case = world.golden["PII"]
    person = case["parties"]["P"]
    public = records(
        world, code(world, "PII"), "penalties", "documentNo facts content", as_=None, purpose=None
    )
    one = next(one for one in public if one["documentNo"] == case["penalty"])
    assert person["idNumber"] not in str(public)
    assert person["name"] not in (one["facts"] or "")
    office = records(world, code(world, "PII"), "penalties", "documentNo facts")
    told = next(one for one in office if one["documentNo"] == case["penalty"])
    assert person["idNumber"] in told["facts"]


def test_court_persons_known_by_an_entry_only_are_never_merged(world: Cities) -> None:
    case = world.golden["COURT"]
    document = """
    query($no: String!) { courtDefaults(filter: {documentNo: $no}) { totalCount nodes {
      documentNo idMasked subject { __typename ... on Person { id } } } } }"""
    found = {
        party: ask(world, document, case="演〔2026〕2号", no=case["caseNo"][party])["courtDefaults"]
        for party in "APQ"
    }
    assert all(one["totalCount"] == 1 for one in found.values()), found
    persons = {str(found[party]["nodes"][0]["subject"]) for party in "PQ"}
    assert len(persons) == 2
    firm = records(world, code(world, "COURT"), "courtDefaults")
    assert numbers(firm) == {case["caseNo"]["A"]}


def test_the_forms_of_2015_are_read(world: Cities) -> None:
    case = world.golden["FORM2015"]
    found = records(world, code(world, "FORM2015"), "licences")
    assert case["licenceOfFirm"] in numbers(found)
    penalties = [
        one
        for party in "AB"
        for one in records(
            world, code(world, "FORM2015", party), "penalties", "documentNo penaltyTypes"
        )
    ]
    told = next(one for one in penalties if one["documentNo"] == case["penalty"])
    assert set(told["penaltyTypes"]) == {"WARNING", "FINE"}


PATHS = """query($a: String!, $b: String!) { paths(from: $a, to: $b, maxLength: 4) {
  asOf position missing truncated { reason stage } shared { kind degree crowded }
  nodes { key hub party { __typename name ... on Organisation { uscc } } }
  paths { length nodes steps { edges { kind originRegion relationId } } } } }"""


def found_paths(world: Cities, one: str, other: str, **options: Any) -> Any:
    answer = ask(world, PATHS, a=one, b=other, **{"case": "本信研〔2026〕7号", **options})["paths"]
    return {name: value for name, value in answer.items() if name not in ("asOf", "position")}


def test_x27_a_path_over_the_border_to_a_listed_firm(world: Cities) -> None:
    a, h, z = (code(world, "X27", label) for label in "AHZ")
    world.wait_for(lambda: found_paths(world, a, z)["paths"])  # Shenyang's relations travel
    found = found_paths(world, a, z)
    named = {one["key"]: one["party"] for one in found["nodes"]}
    shortest = found["paths"][0]
    way = [named[key] for key in shortest["nodes"]]
    assert [one.get("uscc") for one in way] == [a, h, None, z]
    person = world.golden["X27"]["parties"]["P"]["name"]
    assert way[2]["name"] != person
    assert way[2]["name"].startswith(person[0])
    origins = [{edge["originRegion"] for edge in step["edges"]} for step in shortest["steps"]]
    assert origins[0] >= {"210500"}
    assert all(edge["relationId"] for step in shortest["steps"] for edge in step["edges"])
    without = found_paths(world, a, z, case="")
    assert without["paths"] == []
    assert "CASE_REQUIRED" in {cut["reason"] for cut in without["truncated"]}


@pytest.mark.parametrize("who", ["analyst", "shenyang"])
def test_w25_x29_a_path_through_a_restricted_person_is_no_path(world: Cities, who: str) -> None:
    a, b = (code(world, "W25", label) for label in "AB")
    purpose = "P12" if who == "analyst" else "P3"
    hidden = found_paths(world, a, b, as_=who, purpose=purpose)
    assert (hidden["paths"], hidden["truncated"]) == ([], [])
    # Two firms between which there is nothing: the same shape.
    none = found_paths(world, a, code(world, "W30"), as_=who, purpose=purpose)
    assert hidden.keys() == none.keys()
    assert (none["paths"], len(none["nodes"])) == ([], len(hidden["nodes"]))
    around = ask(
        world,
        "query($s: String!) { neighbourhood(subject: $s) { nodes { party { name } } } }",
        s=a,
        as_=who,
        purpose=purpose,
        case="本信研〔2026〕7号",
    )["neighbourhood"]
    assert len(around["nodes"]) >= 2  # the other holder, and not the restricted one
    assert around["nodes"][0]["party"]["name"] == world.golden["W25"]["parties"]["A"]["name"]


def test_w26_a_cluster_address_is_no_link_and_said_to_be_one(world: Cities) -> None:
    address = world.golden["W26"]["address"]
    [folder] = (world.root / "worlds").glob("S-*")
    rows = [
        json.loads(line)
        for line in (folder / "truth/organisations.jsonl").read_text("utf-8").splitlines()
    ]
    firms = [row["uscc"] for row in rows if row["address"] == address]
    assert len(firms) == world.golden["W26"]["firms"]["S"]
    there = {"node": "shenyang", "as_": "benxi", "purpose": "P3"}
    found = ask(
        world,
        """query($s: String!) { sharedAttributes(subject: $s) { truncated { reason }
        attributes { kind address degree crowded } associates { score } } }""",
        s=firms[0],
        **there,
    )["sharedAttributes"]
    [crowd] = [one for one in found["attributes"] if one["address"] == address]
    assert crowd["crowded"]
    assert crowd["degree"] > 20
    assert "FAN" in {cut["reason"] for cut in found["truncated"]}
    between = found_paths(world, firms[0], firms[1], **there)
    assert [(one["kind"], one["crowded"]) for one in between["shared"]] == [("ADDRESS", True)]


OWNERSHIP = """
query($code: String!) {
  owners(subject: $code, first: 1000) { state circle findings { findings }
    owners { party { __typename name ... on Organisation { uscc } } ultimate direct { low }
      integrated { low fraction } paths { steps { statements { originRegion } } } } }
  controllers(subject: $code) { controllers { party { name } ultimate level label } }
  beneficialOwners(subject: $code) { rule owners { party { name } rule } }
  circularOwnership(subject: $code) { circular size } }"""


def ownership(world: Cities, case: str, party: str = "A", node: str = "benxi") -> Any:
    who = "analyst" if node == "benxi" else "benxi"
    purpose = "P12" if node == "benxi" else "P1"
    return ask(world, OWNERSHIP, node=node, as_=who, purpose=purpose, case="演1号",
               code=code(world, case, party))  # fmt: skip


def masked(world: Cities, case: str, party: str) -> str:
    return str(world.golden[case]["parties"][party]["name"])[0] + "*"


def final(world: Cities, found: Any) -> list[tuple[str, Fraction]]:
    """The final owners of an answer and their exact shares."""
    return sorted(
        (one["party"]["name"], Fraction(one["integrated"]["fraction"]))
        for one in found["owners"]["owners"]
        if one["ultimate"]
    )


def test_w02_a_pyramid_over_both_cities_is_told_here(world: Cities) -> None:
    case = world.golden["W02"]
    world.wait_for(lambda: len(ownership(world, "W02", "D")["controllers"]["controllers"]) == 4)
    found = ownership(world, "W02", "D")
    share = Fraction(case["effective"]["share"])
    assert (masked(world, "W02", "P"), share) in final(world, found)
    cities = {
        said["originRegion"]
        for one in found["owners"]["owners"]
        for way in one["paths"]
        for step in way["steps"]
        for said in step["statements"]
    }
    assert cities == {"210500", "210100"}
    chain = [one["party"]["name"] for one in found["controllers"]["controllers"]]
    firms = [world.golden["W02"]["parties"][label]["name"] for label in case["controlChain"][1:-1]]
    assert chain == [*firms[::-1], masked(world, "W02", "P")]


@pytest.mark.parametrize("case", ["W03", "W04"])
def test_w03_w04_x28_circles_over_both_cities_are_exact(world: Cities, case: str) -> None:
    for company, owners in world.golden[case]["integrated"].items():
        wanted = sorted((masked(world, case, who), Fraction(s)) for who, s in owners.items())

        def exact(company: str = company, wanted: Any = wanted) -> bool:
            found = ownership(world, case, company)
            return bool(final(world, found) == wanted and found["circularOwnership"]["circular"])

        world.wait_for(exact)
        assert sum(share for _, share in wanted) == 1


def test_w01_w05_to_w10_ownership_and_control_here(world: Cities) -> None:
    majority = ownership(world, "W01")
    (one,) = majority["controllers"]["controllers"]
    assert (one["party"]["name"], one["label"]) == (masked(world, "W01", "P"), "疑似")
    closed = ownership(world, "W05")
    assert closed["owners"]["state"] == world.golden["W05"]["result"]
    (treasury,) = ownership(world, "W06")["owners"]["owners"]
    told = world.golden["W06"]
    assert treasury["direct"]["low"] == told["direct"]["P"]
    assert treasury["integrated"]["low"] == told["integrated"]["P"]
    partnership = ownership(world, "W07")
    (general,) = partnership["controllers"]["controllers"]
    assert general["party"]["name"] == masked(world, "W07", "GP")
    for case, party, who, rule in (
        ("W07", "A", "LP", "INCOME"),
        ("W08", "A", "M", "DAILY_MANAGEMENT"),
        ("W09", "D", "REP", "STATE_OWNED"),
    ):
        found = ownership(world, case, party)["beneficialOwners"]
        assert [(one["party"]["name"], one["rule"]) for one in found["owners"]] == [
            (masked(world, case, who), rule)
        ]
    root = [c for c in ownership(world, "W09", "D")["controllers"]["controllers"] if c["ultimate"]]
    assert [one["party"]["name"] for one in root] == [
        world.golden["W09"]["parties"]["ROOT"]["name"]
    ]
    sums = [one["findings"] for one in ownership(world, "W10")["owners"]["findings"]]
    assert not any("SUM_ABOVE_ONE" in one for one in sums)
    there = ownership(world, "W10", "B", node="shenyang")["owners"]["findings"]
    assert any("SUM_ABOVE_ONE" in one["findings"] for one in there)


def test_x27_the_owner_across_the_border(world: Cities) -> None:
    owner = (masked(world, "X27", "P"), Fraction(60 * 51, 10_000))
    world.wait_for(lambda: owner in final(world, ownership(world, "X27")))


def test_the_command_line_tells_owners_and_what_is_controlled(world: Cities) -> None:
    who = ("--as=analyst", "--purpose=P12", "--case=演1号")
    status, told = world.xinqiao("graph", "owners", code(world, "W06"), *who)
    assert (status, told["state"], told["verified"]) == (0, "DETERMINED", True)
    (owner,) = told["owners"]
    assert owner["share"] == {"low": "1", "high": "1", "fraction": "1"}
    assert owner["holder"]
    status, told = world.xinqiao("graph", "controlled", code(world, "W09"), *who)
    assert status == 0
    assert told["subjects"] == [code(world, "W09", label) for label in "BCD"]
    status, told = world.xinqiao("graph", "beneficial", code(world, "W08"), *who)
    assert (status, told["rule"]) == (0, "DAILY_MANAGEMENT")
    status, told = world.xinqiao("graph", "controllers", "91210500XD0000016N", *who)
    assert (status, told["error"]) == (2, "NOT_FOUND")
    ends = [code(world, "W03", label) for label in "AB"]
    status, told = world.xinqiao("graph", "paths", *ends, *who)
    assert (status, told["paths"][0]["subjects"], told["verified"]) == (0, ends, True)
    status, told = world.xinqiao("graph", "paths", ends[0], "91210500XD0000016N", *who)
    assert (status, told["error"]) == (2, "NOT_FOUND")
    unit = ("--as=department", "--purpose=P1", "--actor=wang")  # no matter of its unit names it
    status, told = world.xinqiao("graph", "owners", ends[0], *unit)
    assert (status, told["error"]) == (2, "NOT_FOUND")


EXPOSURE = """
query($s: String!) { guaranteeExposure(subject: $s) { loanCount guaranteedCount
  totals { currency amount unknown } nodes { key party { ... on Organisation { uscc } } } } }"""
CIRCLE = """
query($s: String!) { guaranteeCircle(subject: $s) { totalCount ringCount truncated { reason }
  totals { currency amount unknown } rings { members totals { amount } steps { guarantor debtor } }
  cycles chainDownLength chainUpLength contagion
  nodes { key party { ... on Organisation { uscc } } } } }"""
NOTICES = """
query($s: String!) { watchNotices(subject: $s) { totalCount notices { documentNo inRing distance }
  nodes { key } } }"""


def test_w11_a_ring_of_five_over_both_cities(world: Cities) -> None:
    case = world.golden["W11"]
    letter = {party["uscc"]: name for name, party in case["parties"].items()}
    for name in case["parties"]:
        found = ask(world, CIRCLE, s=code(world, "W11", name))["guaranteeCircle"]
        named = {node["key"]: letter[node["party"]["uscc"]] for node in found["nodes"]}
        assert (found["totalCount"], found["ringCount"], found["truncated"]) == (5, 1, [])
        (ring,) = found["rings"]
        assert sorted([named[one["guarantor"]], named[one["debtor"]]] for one in ring["steps"]) == (
            sorted(case["ring"])
        )
        assert ring["totals"] == [{"amount": case["exposureSum"]}]
        assert [len(cycle) for cycle in found["cycles"]] == [5]
        assert sorted(named[key] for key in found["contagion"]) == case["contagion"][name]
        exposed = ask(world, EXPOSURE, s=code(world, "W11", name))["guaranteeExposure"]
        (total,) = exposed["totals"]
        assert (total["currency"], total["amount"]) == (case["currency"], case["exposureSum"])
        assert (exposed["loanCount"], exposed["guaranteedCount"]) == (5, 4)


def test_w12_a_chain_of_thirty(world: Cities) -> None:
    case = world.golden["W12"]
    found = ask(world, CIRCLE, s=code(world, "W12", "00"), case="W12")["guaranteeCircle"]
    assert (found["chainDownLength"], found["ringCount"]) == (case["length"], 0)
    exposed = ask(world, EXPOSURE, s=code(world, "W12", "00"))["guaranteeExposure"]
    assert exposed["guaranteedCount"] == case["length"]
    assert exposed["loanCount"] == case["length"]


_GRADE = """
query($s: String!) { organisation(code: $s) { recognisedGrade(purpose: P1) { band reason } } }"""


def test_x30_a_listing_in_a_ring_is_a_notice_to_the_others_and_changes_no_grade(
    world: Cities,
) -> None:
    ring = world.golden["W11"]["parties"]
    listed, others = ring["B"], [name for name in "ABCDE" if name != "B"]
    number = "本人社列〔2026〕9930号"
    feeds = next((world.root / "worlds").glob("S-*/feeds/benxi"))
    sample = min(feeds.glob("*_social-security_serious_list.csv"))
    with sample.open(encoding="utf-8-sig", newline="") as file:
        line = next(csv.DictReader(file))

    def send(day: str, **changed: str) -> None:
        told = line | {
            "主体名称": listed["name"],
            "统一社会信用代码": listed["uscc"],
            "认定文书号": number,
            **changed,
        }
        batch = open_folder(world.root / "x30", 0o755) / f"{day}_social-security_serious_list.csv"
        with batch.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(told))
            writer.writeheader()
            writer.writerow(told)
        status, found = world.xinqiao("import", str(batch), "--report", str(batch.parent))
        assert status == 0, found
        assert (found["lines"], found["rejected"]) == (1, 0), found

    def notices(name: str) -> list[Any]:
        found = ask(world, NOTICES, s=ring[name]["uscc"])["watchNotices"]
        return [one for one in found["notices"] if one["documentNo"] == number]

    before = {name: ask(world, _GRADE, s=ring[name]["uscc"]) for name in others}
    send("20260628")
    told = {name: notices(name) for name in others}
    assert {name: one["distance"] for name, (one,) in told.items()} == {
        "A": 1, "E": 2, "D": 3, "C": 4,
    }  # fmt: skip
    assert all(one["inRing"] for (one,) in told.values())
    assert notices("B") == []
    assert {name: ask(world, _GRADE, s=ring[name]["uscc"]) for name in others} == before
    send("20260629", 移出日期="2026-06-29", 移出原因="期满移出")
    assert {name: notices(name) for name in others} == {name: [] for name in others}


def test_the_command_line_tells_exposure_as_decimal_strings(world: Cities) -> None:
    case = world.golden["W11"]
    who = ("--as=analyst", "--purpose=P12")
    status, told = world.xinqiao("graph", "exposure", code(world, "W11", "A"), *who)
    assert (status, told["verified"]) == (0, True)
    assert sorted(told["subjects"]) == sorted(code(world, "W11", name) for name in "BCDE")
    assert (told["loans"], told["amounts"]) == (5, {case["currency"]: case["exposureSum"]})
    assert world.xinqiao("graph", "exposure", "nobody", *who)[0] == 2
    status, told = world.xinqiao("graph", "risk", code(world, "W11", "B"), "--steps=1", *who)
    assert (status, told["model"]) == (0, "DEBTRANK")
    assert code(world, "W11", "A") in [one["uscc"] for one in told["impacts"]]
