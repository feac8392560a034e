"""The planted cases of search and timeliness through the API, under two seeds (W14, W16, W23)."""

from __future__ import annotations

from tests.resolvers.conftest import Known

SEARCH = """query($t: String!) {
  organisation(code: $t) { name uscc penalties(first: 100) { nodes { documentNo } } }
  search(text: $t) { totalCount edges { matchedBy matched node { name uscc } } } }"""


async def test_w14_the_former_name_leads_to_the_renamed_firm_and_its_namesake_stays_apart(
    known: Known,
) -> None:
    told = known.golden["W14"]
    a, b = told["parties"]["A"], told["parties"]["B"]
    hits = (await known.ask(SEARCH, t=told["formerName"]))["search"]["edges"]
    assert [(hit["matchedBy"], hit["node"]["uscc"]) for hit in hits] == [
        ("FORMER_NAME", a["uscc"]),
        ("NEAR_NAME", b["uscc"]),
    ]
    trade_name = told["formerName"].removeprefix("本溪").removesuffix("商贸有限公司")
    hits = (await known.ask(SEARCH, t=trade_name))["search"]["edges"]
    assert {a["uscc"], b["uscc"]} <= {hit["node"]["uscc"] for hit in hits}
    assert len({hit["node"]["uscc"] for hit in hits}) == len(hits)


async def test_w16_old_and_new_code_lead_to_one_body_and_its_record(known: Known) -> None:
    told = known.golden["W16"]
    uscc = told["parties"]["A"]["uscc"]
    reasons = []
    for text in (told["orgCode"], f"{told['orgCode'][:8]}-{told['orgCode'][8:]}", uscc):
        found = await known.ask(SEARCH, t=text)
        assert found["organisation"]["uscc"] == uscc
        documents = [node["documentNo"] for node in found["organisation"]["penalties"]["nodes"]]
        assert told["penalty"] in documents
        [hit] = found["search"]["edges"]
        reasons.append(hit["matchedBy"])
    assert reasons == ["ORG_CODE", "ORG_CODE", "USCC"]


async def test_w23_received_on_the_sixth_working_day(known: Known) -> None:
    told = known.golden["W23"]
    ask = """query($d: String!) { licences(filter: {documentNo: $d}) {
               nodes { timeliness { workingDays limit onTime dueOn } } } }"""
    [node] = (await known.ask(ask, d=told["licence"]))["licences"]["nodes"]
    assert node["timeliness"] == {
        "workingDays": told["workingDays"],
        "limit": 7,
        "onTime": told["onTime"],
        "dueOn": told["seventhWorkingDay"],
    }
