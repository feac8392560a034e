"""X01, X02, X03 and coverage through the API of two running cities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.tlog.note import NoteSigner
from service.enrolment import own_keys
from service.home import NodeHome
from sync.agreement import AgreementParty, PartyKeys, read_agreement, sign_agreement
from tests.service.cities import Cities
from tests.store.test_catalogue import DOCUMENT

pytestmark = pytest.mark.timeout(400)

OWN = '{originRegion: "210500"%s}'
TOTALS = f"""{{
  penalties(filter: {OWN % ""}) {{ totalCount }}
  housingFundArrears(filter: {OWN % ""}) {{ totalCount }}
  june: taxArrears(filter: {OWN % ', asOf: "2026-06-30"'}) {{ totalCount }}
  july: taxArrears(filter: {OWN % ', asOf: "2026-07-01"'}) {{ totalCount }}
}}"""


def totals(cities: Cities, as_: str, purpose: str, node: str = "benxi") -> dict[str, int]:
    status, found = cities.ask(TOTALS, as_=as_, purpose=purpose, node=node)
    assert status == 0, found
    return {name: page["totalCount"] for name, page in found["answer"]["data"].items()}


def test_x02_x03_a_partner_counts_only_what_catalogue_and_agreement_share(cities: Cities) -> None:
    own, partner = totals(cities, "analyst", "P12"), totals(cities, "shenyang", "P1")
    assert own["penalties"] > 0
    assert partner["penalties"] > 0
    assert own["housingFundArrears"] > 0
    assert partner["housingFundArrears"] == 0
    assert own["june"] == own["july"] > 0
    assert partner["june"] == 0
    assert partner["july"] == own["july"]
    copies = totals(cities, "benxi", "P1", "shenyang")
    assert copies["penalties"] > 0
    assert copies["housingFundArrears"] == copies["june"] == copies["july"] == 0


COVERAGE = "{ coverage { kind originRegion state sourceUnit { name } lastReceivedAt } }"


def coverage(cities: Cities, **options: str) -> list[dict[str, Any]]:
    status, found = cities.ask(COVERAGE, **options)
    assert status == 0, found
    rows: list[dict[str, Any]] = found["answer"]["data"]["coverage"]
    return rows


def test_coverage_tells_current_overdue_never_and_not_shared(cities: Cities) -> None:
    rows = coverage(cities, as_="analyst", purpose="P12")
    states = {
        (row["kind"], (row["sourceUnit"] or {"name": row["originRegion"]})["name"]): row["state"]
        for row in rows
    }
    assert states["penalty", "本溪市市场监督管理局"] == "CURRENT"
    assert states["penalty", "本溪市城市管理综合行政执法局"] == "OVERDUE"
    assert states["penalty", "本溪市卫生健康委员会"] == "NEVER"
    assert states["penalty", "210100"] == "CURRENT"
    assert states["tax_arrears", "210100"] == "NOT_SHARED", "Shenyang's catalogue keeps it"
    public = {row["kind"]: row for row in coverage(cities) if row["originRegion"] == "210500"}
    assert public["penalty"]["state"] != "NOT_SHARED"
    assert public["housing_fund_arrears"]["state"] == "NOT_SHARED"
    assert public["housing_fund_arrears"]["lastReceivedAt"] is None


def test_x01_a_third_city_is_added_as_data_while_the_node_runs(cities: Cities) -> None:
    status, found = cities.xinqiao(
        "key", "new", "tieling", "--role=PCITY", "--region=211200", "--label=铁岭市"
    )
    assert status == 0, found
    document = "{ penalties { totalCount } housingFundArrears { totalCount } }"

    def refusals() -> list[str]:
        _, found = cities.ask(document, as_="tieling", purpose="P1")
        return [error["extensions"]["code"] for error in found["answer"]["errors"]]

    # The node reads its registry again within a second.
    cities.wait_for(lambda: refusals() != ["KEY_UNKNOWN"])
    assert refusals() == ["FORBIDDEN_AGREEMENT"]

    own = own_keys(NodeHome(cities.root, "benxi"))
    keys = [
        NoteSigner(f"xinqiao.tieling/{name}", Ed25519PrivateKey.generate())
        for name in ("agreement", "feed", "acknowledgement")
    ]
    public = cities.root / "public"
    base = read_agreement((public / "demo.agreement").read_bytes())
    third = AgreementParty("211200", "铁岭市", PartyKeys(*(key.verifier for key in keys)))
    made = replace(base, id="benxi-tieling-2026-1", parties=(base.party("210500"), third))
    (public / "tieling.agreement").write_bytes(sign_agreement(made, [own.agreement, keys[0]]))

    status, shown = cities.xinqiao("catalogue", "show")  # takes the papers that were handed over
    assert status == 0
    assert shown["information"]["edition"] == "v3"

    def answered() -> bool:
        _, found = cities.ask(document, as_="tieling", purpose="P1")
        if "errors" in found["answer"]:
            return False
        data = found["answer"]["data"]
        return data["penalties"]["totalCount"] > 0 == data["housingFundArrears"]["totalCount"]

    cities.wait_for(answered)


def test_a_later_edition_is_loaded_once_and_a_faulty_one_is_refused_with_its_line(
    cities: Cities, tmp_path: Path
) -> None:
    path = tmp_path / "v5.toml"
    path.write_text(DOCUMENT.replace('"210100"', '"210500"'), encoding="utf-8")
    status, said = cities.xinqiao("catalogue", "load", str(path))
    assert status == 2
    assert "CATALOGUE_PARTNER" in said
    assert "line 12" in said
    path.write_text(DOCUMENT, encoding="utf-8")
    for loaded in (True, False):
        status, done = cities.xinqiao("catalogue", "load", str(path))
        assert (status, [one["loaded"] for one in done]) == (0, [loaded])
    status, shown = cities.xinqiao("catalogue", "show", "--on", "2027-01-01")
    assert shown["information"]["edition"] == "v5"

    def answered() -> bool:
        _, found = cities.ask('{ catalogue(on: "2027-01-01") { information { edition } } }')
        edition: str = found["answer"]["data"]["catalogue"]["information"]["edition"]
        return edition == "v5"

    cities.wait_for(answered)
