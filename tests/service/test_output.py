"""What commands print for people: errors with a code, as they were said."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import typer
from graphql import build_schema

from service.cli.graph_asking import ask_graph, beside, remarks
from service.cli.headings import heading
from service.cli.output import console, explained, print_cells, print_table, styled
from service.recognition import read_note_or_draft
from sync.errors import MappingError

SCHEMA = Path(__file__).parents[2] / "schema.graphql"


def test_an_error_is_printed_as_it_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise MappingError("MAPPING_MALFORMED", "Add [[row]] or [red].")
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "MAPPING_MALFORMED: Add [[row]] or [red].\n"


def test_a_path_that_cannot_be_used_is_an_error_with_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit), explained():
        (tmp_path / "missing" / "out").write_text("x")
    assert capsys.readouterr().err.startswith("FILE_UNUSABLE: ")
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(MappingError) as refused:
            read_note_or_draft(path)
        assert refused.value.code == "DOCUMENT_UNREADABLE"


def test_a_database_that_is_away_or_a_full_disk_is_an_error_with_a_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for failure, code in (
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "STORE_UNAVAILABLE"),
        (OSError(errno.ENOSPC, "No space left on device"), "FILE_UNUSABLE"),
    ):
        with pytest.raises(typer.Exit) as ended, explained():
            raise failure
        assert ended.value.exit_code == 2
        assert capsys.readouterr().err.startswith(f"{code}: ")
    with pytest.raises(typer.Exit), explained():
        raise TimeoutError
    assert "(TimeoutError)" in capsys.readouterr().err
    with pytest.raises(ValueError, match="a fault"), explained():
        raise ValueError("a fault")


def test_figures_are_told_with_what_is_not_known_of_them() -> None:
    parties = {"n0": {"name": "甲"}, "n1": {"name": "乙"}, "n2": None}
    findings = [{"company": "n0", "findings": ["SUM_BELOW_ONE"]}]
    told = {"unknown": "0.4", "possible": ["n1", "n2"], "borderline": [], "findings": findings}
    assert remarks(told, parties) == [
        "未知 held by nobody who is known: 0.4",
        "可能 possible, were unknown shares theirs: 乙、—",
        "提示 SUM_BELOW_ONE: 甲",
    ]
    assert remarks({"unknown": "0", "findings": []}, parties) == []
    assert len(remarks({"possible": ["n1"] * 30}, parties)[0]) < 100


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": "[bold]甲[/]"}])
    assert "[bold]甲[/]" in capsys.readouterr().out
    console().print("沈[red]1号[/x] :100: ", styled("green", "✔ [/]", " [bold]案[/y]"))
    assert "沈[red]1号[/x] :100:  ✔ [/] [bold]案[/y]" in capsys.readouterr().out


def test_a_table_cuts_nothing_off_and_says_yes_and_no(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    codes = ["91210503XDXBLPC747", "91210504XDF96E6F5M"]
    print_table([{"名称": "长" * 30, "代码": code, "最终": True} for code in codes], ("代码",))
    told = capsys.readouterr().out
    assert all(code in told for code in codes)
    assert told.count("长") == 60
    assert told.count("是") == 2


def test_what_scripts_read_by_name_people_read_in_chinese(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table([{"requester": "analyst", "案由号": "1"}])
    told = capsys.readouterr().out
    assert "申请人 requester" in told
    assert "案由号 " in told
    print_table([{"requester": "analyst", **dict.fromkeys("abcdef", 1)}])
    assert "requester" not in capsys.readouterr().out


def test_a_table_wider_than_the_screen_is_told_line_by_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [[f"91210503XDXBLPC7{row}{column}" for column in range(8)] for row in range(2)]
    titles = [f"代码{column}" for column in range(8)]
    monkeypatch.setenv("COLUMNS", "80")
    print_cells(titles, rows)
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == ["── 1 ──", "代码0: 91210503XDXBLPC700"]
    assert len(told) == 18
    monkeypatch.setenv("COLUMNS", "400")
    print_cells(titles, rows)
    assert " ".join(rows[1]) in capsys.readouterr().out.replace(" │ ", " ")


def test_every_dimension_and_measure_has_a_chinese_heading() -> None:
    schema = build_schema(SCHEMA.read_text(encoding="utf-8"), assume_valid=True)
    for kind in ("AnalysisDimension", "AnalysisMeasure"):
        for name, value in schema.type_map[kind].values.items():  # type: ignore[attr-defined]
            word = heading(name, brief=True).partition("（")[0]
            assert value.description.startswith(word), name


def answered(answer: dict[str, Any]) -> Any:
    """An asker whom the node answers so."""
    found = Mock(verified=True)
    found.to_json.return_value = {"answer": answer, "verified": True, "receipt": None}
    found.answer.errors = answer.get("errors")
    return Mock(ask=Mock(return_value=found))


def test_a_refusal_that_repeats_what_was_asked_is_told_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = {"message": "no '[/X]' in the enum", "extensions": {"code": "BAD_VARIABLE"}}
    asker = answered({"data": None, "errors": [error]})
    with pytest.raises(typer.Exit) as ended:
        ask_graph(asker, "", {"subject": "甲"}, Mock(), "owners", as_json=False)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "BAD_VARIABLE: no '[/X]' in the enum\n"


def test_shares_and_sums_are_told_in_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Shares as one number or from the least to the most; what the debts come to."""
    known = {"low": "0.55", "high": "0.55", "fraction": "11/20"}
    open_ = {"low": "0", "high": "0.45", "fraction": None}
    total = {"currency": "CNY", "debts": 5, "amount": "100", "balance": "90", "unknown": 1}
    answer = {"nodes": [], "truncated": [], "totals": [total]}
    rows = Mock(return_value=[{"name": "乙", "share": known, "direct": open_, "ultimate": False}])
    with pytest.raises(typer.Exit) as ended:
        ask_graph(
            answered({"data": {"answer": answer}}), "", {"subject": "甲"}, rows, "owners",
            as_json=False,
        )  # fmt: skip
    told = capsys.readouterr().out
    assert ended.value.exit_code == 0
    assert "0.55 (11/20)" in told
    assert "0 – 0.45" in told
    assert "{" not in told
    assert "5 笔 debts, 金额 amount 100 CNY, 余额 balance 90, 1 笔金额不明" in told


def test_nothing_that_is_told_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A question that hides itself from who approves it, an acting person from the auditor."""
    console().print("{ a }\n\t# \x1b[2J\x9b8m\u202e案\u3000由")
    told = capsys.readouterr().out.split("\n")[1]
    assert told.strip() == r"# \x1b[2J\x9b8m\u202e" + "案\u3000由"
    print_table([{"经办人": "张三\x1b[1A", "案由号": "1\r2"}])
    told = capsys.readouterr().out
    assert r"张三\x1b[1A" in told
    assert "\x1b" not in told


def test_what_is_declared_stands_beside_what_is_computed() -> None:
    computed = [{"holder": "91210500XD0000016N", "name": "甲"}]
    told = [
        beside({"party": party, "type": "shareholding", "beneficial": True}, computed)
        for party in ({"id": "a", "uscc": "91210500XD0000016N"}, {"id": "b", "name": "张*"}, None)
    ]
    assert [(one["holder"], one["computed"]) for one in told] == [
        ("91210500XD0000016N", True),
        ("b", False),
        (None, False),
    ]
