"""Settings: where they come from, which wins, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.demo import found_settings, is_demo
from service.enrolment import EnrolmentError, establish
from service.home import NodeHome
from service.partnership import publish_own, receive_papers
from service.settings import SettingsError, load_settings, read_settings

FOUNDED = {"label": "本溪", "region": "210500", "port": 8000}


def code_of(home: NodeHome, environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as raised:
        load_settings(home, environment, **FOUNDED)
    return raised.value.code


def test_any_variable_with_file_reads_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pass word/é\n", encoding="utf-8")
    port = tmp_path / "port"
    port.write_text("8765\n", encoding="utf-8")
    settings = load_settings(
        NodeHome(tmp_path, "benxi"),
        {
            "XINQIAO_DATABASE_URL": "postgresql://xinqiao@db/xinqiao?sslmode=require",
            "XINQIAO_DATABASE_PASSWORD_FILE": str(secret),
            "XINQIAO_NEO4J_PASSWORD_FILE": str(secret),
            "XINQIAO_BENXI_PORT_FILE": str(port),
            "XINQIAO_PORT": "1",
        },
        **FOUNDED,
    )
    assert settings.port == 8765  # the node's own variable wins, by file as well
    assert settings.neo4j_password == "pass word/é"
    assert settings.postgres_url == (
        "postgresql://xinqiao@db/xinqiao?sslmode=require&password=pass%20word%2F%C3%A9"
    )
    assert settings.graph_login == ("neo4j", "pass word/é")


def test_the_other_city_of_a_demo_is_found_at_the_port_it_was_moved_to(tmp_path: Path) -> None:
    found_settings(tmp_path)
    moved = {"XINQIAO_SHENYANG_PORT": "9001"}
    (shenyang,) = load_settings(NodeHome(tmp_path, "benxi"), moved).partners
    assert (shenyang.name, shenyang.url) == ("shenyang", "http://127.0.0.1:9001")
    (benxi,) = load_settings(NodeHome(tmp_path, "shenyang"), moved).partners
    assert benxi.url == "http://127.0.0.1:8000"
    told = moved | {"XINQIAO_BENXI_PARTNERS": "shenyang=http://127.0.0.1:1"}
    (named,) = load_settings(NodeHome(tmp_path, "benxi"), told).partners
    assert named.url == "http://127.0.0.1:1"


def test_user_and_password_of_neo4j_may_come_in_one(tmp_path: Path) -> None:
    home = NodeHome(tmp_path, "benxi")
    both = load_settings(home, {"XINQIAO_NEO4J_AUTH": "graph/se/cret"}, **FOUNDED)
    assert both.graph_login == ("graph", "se/cret")
    assert code_of(home, {"XINQIAO_NEO4J_AUTH": "none"}) == "SETTING_INVALID"


def test_a_variable_given_twice_or_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    home = NodeHome(tmp_path, "benxi")
    twice = {"XINQIAO_NEO4J_PASSWORD": "a", "XINQIAO_NEO4J_PASSWORD_FILE": str(tmp_path / "b")}
    assert code_of(home, twice) == "SETTING_TWICE"
    missing = {"XINQIAO_NEO4J_PASSWORD_FILE": str(tmp_path / "b")}
    assert code_of(home, missing) == "SETTING_FILE_UNREADABLE"
    reading = read_settings(home, {**twice, "XINQIAO_MAX_BODY": "x", "XINQIAO_TODAY": "30 June"})
    assert {fault.code for fault in reading.faults} == {
        "SETTING_TWICE", "SETTING_INVALID", "SETTING_MISSING",
    }  # fmt: skip
    assert sum(fault.code == "SETTING_MISSING" for fault in reading.faults) == 3
    secrets = [fault.message for fault in reading.faults]
    assert not any("30 June" in message for message in secrets)


def test_every_variable_that_the_code_reads_is_documented() -> None:
    root = Path(__file__).parents[2]
    read = {
        name
        for source in (root / "service").rglob("*.py")
        for name in re.findall(
            r'environ(?:ment)?(?:\.get\(|\[)"(XINQIAO_[A-Z_]+)"', source.read_text("utf-8")
        )
    }
    assert {"XINQIAO_HOME", "XINQIAO_ENROLMENT", "XINQIAO_DEMO"} <= read
    documented = (root / "docs/settings.md").read_text("utf-8")
    assert not [name for name in sorted(read) if f"`{name}`" not in documented]


def test_partners_are_names_with_addresses(tmp_path: Path) -> None:
    home = NodeHome(tmp_path, "benxi")
    found = load_settings(home, {"XINQIAO_PARTNERS": "a=http://a:1/, b=https://b"}, **FOUNDED)
    assert [(one.name, one.url) for one in found.partners] == [
        ("a", "http://a:1"),
        ("b", "https://b"),
    ]
    assert code_of(home, {"XINQIAO_PARTNERS": "http://a:1"}) == "SETTING_INVALID"


def test_a_home_that_is_not_the_demo_s_is_never_made_one(tmp_path: Path) -> None:
    assert is_demo(tmp_path / "new", {})
    assert not is_demo(tmp_path / "new", {"XINQIAO_DEMO": "false"})
    real = NodeHome(tmp_path, "dandong").create()
    real.settings_file.write_text('label = "丹东"\nregion = "210600"\nport = 8000\n', "utf-8")
    assert not is_demo(tmp_path, {})
    establish(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"dandong"}
    real.settings_file.write_text("not toml", "utf-8")
    assert not is_demo(tmp_path, {})


def test_papers_are_taken_from_the_enrolment_folder_only_when_they_are_papers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_LABEL", "城")
    monkeypatch.setenv("XINQIAO_PORT", "8000")
    monkeypatch.setenv("XINQIAO_REGION", "210100")
    theirs = publish_own(tmp_path / "theirs", "shenyang").read_text("utf-8")
    assert "PRIVATE" not in theirs
    own = publish_own(tmp_path / "ours", "benxi").read_text("utf-8")
    handed = tmp_path / "handed"
    handed.mkdir()
    (handed / "shenyang.json").write_text(theirs, "utf-8")
    (handed / "benxi.json").write_text(theirs, "utf-8")  # nobody replaces a node's own papers
    root = tmp_path / "ours"
    assert receive_papers(root, "benxi", handed) == ["shenyang.json"]
    assert receive_papers(root, "benxi", handed) == []
    assert (root / "public/benxi.json").read_text("utf-8") == own
    (handed / "dandong.json").write_text("{}", "utf-8")
    with pytest.raises(EnrolmentError, match="dandong"):
        receive_papers(root, "benxi", handed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"), ("PORT", "65536"), ("MAX_BODY", "-1"), ("MAX_WAITING", "0"),
        ("SEAL_INTERVAL", "0"), ("SEAL_INTERVAL", "nan"), ("SEAL_INTERVAL", "5"),
        ("GRAPH_SECONDS", "inf"), ("JOB_HOURS", "-1"), ("WITNESS_QUORUM", "-1"),
        ("PUBLIC_COST_PER_MINUTE", "-1"), ("MUTATION_HOURS", "23"),
        ("ORIGIN", "benxi:8000"), ("ORIGIN", "https://benxi/graphql"), ("REGION", "21"),
        ("POLICY", "2020-1"), ("POLICY", "../2026-3"), ("LABEL", " "), ("HOST", ""),
    ],
)  # fmt: skip
def test_a_value_that_no_node_can_run_with_is_refused(
    tmp_path: Path, name: str, value: str
) -> None:
    assert code_of(NodeHome(tmp_path, "benxi"), {f"XINQIAO_{name}": value}) == "SETTING_INVALID"


def test_a_whole_number_is_no_fraction_or_truth_and_its_range_is_told(tmp_path: Path) -> None:
    home = NodeHome(tmp_path, "benxi")
    home.settings_file.parent.mkdir(parents=True)
    home.settings_file.write_text(
        "workers = 1.5\nmax_body = true\nmax_upload = inf\njob_limit = 0\n"
    )
    faults = read_settings(home, {}, **FOUNDED).faults
    assert [fault.code for fault in faults] == ["SETTING_INVALID"] * 4
    assert faults[0].message.endswith("From 1 upwards.")
    told = {"XINQIAO_ORIGIN": "https://benxi.example:8000/", "XINQIAO_POLICY": "2026-2"}
    assert load_settings(NodeHome(tmp_path, "other"), told, **FOUNDED).policy == "2026-2"
    assert load_settings(NodeHome(tmp_path, "other"), {"XINQIAO_ORIGIN": ""}, **FOUNDED).url
