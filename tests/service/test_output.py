"""What commands print for people: errors with a code, as they were said."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from service.cli.graph_asking import beside
from service.cli.output import explained, print_table
from service.recognition import read_note_or_draft
from sync.errors import MappingError


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


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": "[bold]甲[/]"}])
    assert "[bold]甲[/]" in capsys.readouterr().out


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
