"""`xinqiao import --template`: a file that a department fills in and sends back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import python_calamine
from typer.testing import CliRunner

from service.cli import application


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> object:
        options = ["import", *arguments, "--out", str(tmp_path / "out"), "--json"]
        return CliRunner().invoke(application(), options)

    return call


def test_a_template_is_written_once(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("--template", "court_defaulter", "--national")
    assert done.exit_code == 0, done.output
    [path] = json.loads(done.output)["files"]
    with python_calamine.load_workbook(path) as book:
        first, second = (book.get_sheet_by_name(name).to_python() for name in book.sheet_names)
    assert first[0][0] == "iname"
    assert "caseCode" in first[0]
    assert second[0][:2] == ["列名", "国家字段标识"]
    assert "案号" not in first[0]
    assert len(second) == len(first[0]) + 1
    again = run("--template", "court_defaulter")
    assert again.exit_code == 2
    assert "TEMPLATE_EXISTS" in again.output + again.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--template", "nothing"), "TEMPLATE_KIND"),
        (("--template", "penalty", "--format", "pdf"), "TEMPLATE_FORMAT"),
        ((), "--template"),
    ],
)
def test_a_template_that_cannot_be_written_is_refused(run, arguments, code) -> None:  # type: ignore[no-untyped-def]
    done = run(*arguments)
    assert done.exit_code == 2
    assert code in done.output + done.stderr
