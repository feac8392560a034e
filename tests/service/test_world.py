"""The demo world: what is planted is there, codes hold, bytes depend on size and seed alone."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from service.world import DEFAULT_SEED, WorldError, WorldManifest, write_world
from service.world.__main__ import main
from service.world.chance import GAMMA, MASK, Chance, mix
from service.world.feed import Csv, FeedFile
from service.world.form import HOUSING_FUND_ARREARS, KINDS, NUMBERS
from service.world.wording import denied
from service.world.workbook import Workbook
from service.world.written import HashedFile
from store.identifiers import identify
from tests.service.world_files import ARREARS, LISTS, ON, acts, cell_text, is_former, rows, truth

SUMS = Path(__file__).parent / "data" / "world_s.sha256"


def test_splitmix64_gives_the_published_sequence() -> None:
    # Reference output of SplitMix64 for seed 1234567 (rosettacode.org, "Pseudo-random numbers").
    state, out = 1234567, []
    for _ in range(3):
        state = (state + GAMMA) & MASK
        out.append(mix(state))
    assert out == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_shuffle_meets_every_place_once() -> None:
    shuffle = Chance(7).shuffle("places", 1000)
    assert sorted(shuffle[index] for index in range(1000)) == list(range(1000))


def test_s_is_the_same_to_the_byte(world: tuple[Path, WorldManifest]) -> None:
    assert world[1].sums() == SUMS.read_text("utf-8")


def test_bytes_depend_on_no_hash_seed_locale_or_time_zone(tmp_path: Path) -> None:
    surroundings = {"PYTHONHASHSEED": "4711", "LC_ALL": "C", "TZ": "America/New_York"}
    sums = tmp_path / "sums"
    subprocess.run(
        [sys.executable, "-m", "service.world", "--out", str(tmp_path / "S"), "--sums", str(sums)],
        check=True,
        env={**os.environ, **surroundings},
        stdout=subprocess.DEVNULL,
    )
    assert sums.read_text("utf-8") == SUMS.read_text("utf-8")


def test_another_seed_is_another_world_with_the_same_cases(
    root: Path, golden: dict[str, Any], tmp_path: Path
) -> None:
    write_world("S", 5, tmp_path)
    other = json.loads((tmp_path / "truth/golden.json").read_text("utf-8"))
    assert list(other) == list(golden)
    assert other["W03"]["integrated"] == golden["W03"]["integrated"]
    for name, field in (("organisations", "uscc"), ("persons", "idNumber")):
        ours = {row[field] for row in truth(root, name)}
        assert not ours & {row[field] for row in truth(tmp_path, name)}
    names = {row["name"] for row in truth(root, "organisations")}
    assert len(names & {row["name"] for row in truth(tmp_path, "organisations")}) < 3


def test_counts_follow_the_size_table(root: Path) -> None:
    bodies = truth(root, "organisations")
    cities = [body["city"] for body in bodies]
    assert (cities.count("benxi"), cities.count("shenyang")) == (120, 180)
    wanted = {"persons": 350, "holdings": 320, "officers": 400, "guarantees": 40, "licences": 180,
              "penalties": 120, "inspection": 80, "commitment": 60, "evaluation": 150,
              "procedure_case": 40}  # fmt: skip
    found = {name: len(truth(root, name)) for name in wanted}
    found |= {group: sum(len(truth(root, name)) for name in names) for group, names in
              (("arrears", ARREARS), ("lists", LISTS))}  # fmt: skip
    for name, count in {**wanted, "arrears": 90, "lists": 70}.items():
        assert abs(found[name] - count) <= count * 0.16, (name, found[name])


def test_every_code_is_valid_synthetic_and_unique(root: Path) -> None:
    bodies = truth(root, "organisations") + truth(root, "units")
    assert len({body["uscc"] for body in bodies}) == len(bodies)
    for body in bodies:
        assert body["uscc"][8:10] == "XD"
        for field, kind in (("uscc", "uscc"), ("orgCode", "org_code"), ("regNo", "reg_no")):
            if body.get(field):
                assert identify(body[field], kind, on=ON, demo=True).findings == ()  # type: ignore[arg-type]
    persons = truth(root, "persons")
    assert len({person["idNumber"] for person in persons}) == len(persons)
    for person in persons:
        assert person["idNumber"][:6] in ("210590", "210190")
        assert identify(person["idNumber"], "id_number", on=ON, demo=True).findings == ()


def test_nobody_bears_a_real_companys_name(root: Path) -> None:
    assert denied("本溪本钢商贸有限公司")
    assert not [body["name"] for body in truth(root, "organisations") if denied(body["name"])]


def test_truth_names_only_parties_that_exist(root: Path) -> None:
    known = {row["id"] for name in ("organisations", "persons") for row in truth(root, name)}
    known |= {unit["uscc"] for unit in truth(root, "units")}
    for name, fields in (
        ("holdings", ("company", "holder")),
        ("officers", ("company", "person")),
        ("branches", ("parent", "branch")),
        ("guarantees", ("guarantor", "debtor", "creditor")),
        ("loans", ("borrower", "lender")),
        ("licences", ("subject",)),
        ("penalties", ("subject",)),
        *((name, ("subject",)) for name in KINDS),
    ):
        assert {row[field] for row in truth(root, name) for field in fields} <= known


@pytest.mark.parametrize("kind", ["licence", "penalty", *KINDS])
def test_feeds_carry_the_headers_their_kinds_declare(root: Path, kind: str) -> None:
    told = list(acts(root, kind))  # an unknown header is a KeyError
    assert len(told) >= 2
    assert {path.parent.name for path, _ in told} <= {"benxi", "shenyang"}


def test_feeds_come_in_every_format_and_encoding(root: Path) -> None:
    seen: Counter[str] = Counter()
    for path in (root / "feeds").glob("*/*"):
        content = path.read_bytes()
        if path.suffix != ".csv":
            seen[path.suffix] += 1
        elif content.startswith(b"\xef\xbb\xbf"):
            seen["bom"] += 1
        else:
            try:
                content.decode("utf-8")
                seen["utf-8"] += 1
            except UnicodeDecodeError:
                content.decode("gb18030")
                seen["gb18030"] += 1
    assert seen["gb18030"] >= 5
    assert seen["bom"] >= 5
    assert seen[".jsonl"] >= 15
    assert seen[".json"] >= 4
    assert seen[".xlsx"] >= 15
    assert seen["utf-8"] > 100


def test_a_tenth_of_the_licences_and_penalties_files_is_on_the_form_of_2015(root: Path) -> None:
    files = [p for kind in ("licence", "penalty") for p in (root / "feeds").glob(f"*/*_{kind}.*")]
    former = [path for path in files if is_former(rows(path)[0])]
    assert {"licence", "penalty"} == {path.stem.rpartition("_")[2] for path in former}
    assert 0.06 < len(former) / len(files) < 0.14
    assert max(path.name[:4] for path in former) < "2024"


@pytest.mark.parametrize("typed", [False, True])
def test_a_workbook_says_what_the_csv_file_says(tmp_path: Path, typed: bool) -> None:
    columns = HOUSING_FUND_ARREARS
    told = [
        {
            "subjectName": f"本溪<示例>&{place}“公司”",
            "uscc": "91210502XD00000000"[:17] + str(place),
            "owedAmount": f"{place}.25",
            "headcount": str(place + 1),
            "assessedOn": f"2026-0{place + 1}-28",
            "clearedOn": "2026-31-05" if place == 2 else "",
            "remark": " 前后有空格 ",
        }
        for place in range(4)
    ]
    for name in ("twin.csv", "twin.xlsx"):
        file = HashedFile(tmp_path, name)
        titles = ("一行标题", "一行说明")
        table = Csv(file) if name == "twin.csv" else Workbook(file, titles, NUMBERS, typed=typed)
        feed = FeedFile(file, columns, table)
        for row in told:
            feed.add(row)
        table.end()
        written = file.close()
        assert written.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    sheet = load_workbook(str(tmp_path / "twin.xlsx")).get_sheet_by_index(0).to_python()
    assert [line[0] for line in sheet[:2]] == ["一行标题", "一行说明"]
    kinds_of_cells = {type(cell) for line in sheet[3:] for cell in line}
    assert kinds_of_cells == ({str, float, date} if typed else {str})
    with (tmp_path / "twin.csv").open(encoding="utf-8", newline="") as lines:
        twin = list(csv.reader(lines))
    assert [[cell_text(cell) for cell in line] for line in sheet[2:]] == twin


def test_expected_intake_counts_the_lines_there_are(root: Path) -> None:
    expected = json.loads((root / "truth/expected_intake.json").read_text("utf-8"))
    assert sorted(expected) == sorted(
        str(path.relative_to(root)) for path in (root / "feeds").glob("*/*")
    )
    faults = set()
    for path, said in expected.items():
        lines = rows(root / path)
        assert said["lines"] == len(lines), path
        if said["counts"]:
            assert sum(said["counts"].values()) == len(lines)
        for odd in said["odd"]:
            faults.add(odd["fault"])
            if odd["field"] == "uscc" and odd["finding"] not in (None, "USCC_MISSING"):
                found = identify(odd["sent"], "uscc", on=ON)
                assert odd["finding"] in {finding.code for finding in found.findings}
                assert odd["sent"] in lines[odd["row"] - 1].values()
    assert faults >= {
        "letter_o", "letter_i", "transposed", "missing_character", "inner_check", "duplicate",
        "unit_mix_up", "date_swapped", "old_name", "other_city", "missing_uscc", "full_width",
        "wrong_code", "grade_unknown", "person_utility", "unperformed_given", "code_differs",
    }  # fmt: skip


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(WorldError) as refused:
        write_world("S", 1, tmp_path)
    assert refused.value.code == "WORLD_FOLDER_IN_USE"
    assert main(["--out", str(tmp_path)]) == 2
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorldError) as refused:
        write_world("XL", 1, tmp_path)
    assert refused.value.code == "WORLD_SIZE_UNKNOWN"


def test_an_older_world_is_replaced(tmp_path: Path) -> None:
    write_world("S", 1, tmp_path)
    again = write_world("S", DEFAULT_SEED, tmp_path)
    assert again.sums() == SUMS.read_text("utf-8")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == len(again.files) + 1
