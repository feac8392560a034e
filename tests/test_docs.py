"""What the documents say is what the code does: settings, error codes, commands, links."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", ROOT / "README.zh.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("name", [setting.name for setting in fields(Settings)])
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCS, ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_error_code_raised_is_explained() -> None:
    explained = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    raised = set()
    for room in ("client", "security", "store", "graph", "sync", "schema", "resolvers", "service"):
        for source in (ROOT / room).rglob("*.py"):
            raised |= set(
                re.findall(
                    r'(?:Error|Unavailable|Failed|_refuse|fail|Refusal)\(\s*"([A-Z][A-Z0-9_]{4,})"',
                    source.read_text(encoding="utf-8"),
                )
            )
    missing = sorted(code for code in raised if f"`{code}`" not in explained)
    assert not missing, f"docs/errors.md does not explain {missing}"


def test_every_command_is_in_the_readme_or_the_command_page() -> None:
    from typer.main import get_command

    from service.cli import application

    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    command = get_command(application())
    missing = []
    for name, sub in command.commands.items():  # type: ignore[attr-defined]
        nested = getattr(sub, "commands", None)
        names = [f"{name} {inner}" for inner in nested] if nested else [name]
        missing += [n for n in names if f"xinqiao {n}" not in text]
    assert not missing, f"docs/commands.md does not show {missing}"


def test_every_error_of_the_api_has_a_place_of_its_own() -> None:
    """Cause, what to do and an example under an anchor, for whatever a question may be answered."""
    page = (ROOT / "docs/errors-api.md").read_text(encoding="utf-8")
    places = dict(
        re.findall(r"^### ([A-Z][A-Z0-9_]+)\n\n(.*?)(?=\n#|\Z)", page, re.DOTALL | re.MULTILINE)
    )
    assert len(places) == page.count("\n### ")
    for code, text in places.items():
        assert re.match(r".+\n\*\*Do:\*\* .+\n\*\*Example:\*\* .+", text), code
    raised = set()
    sources = [*(ROOT / "resolvers").rglob("*.py"), ROOT / "service/pipeline.py"]
    for source in [*sources, ROOT / "security/signature.py", ROOT / "service/app.py"]:
        raised |= set(
            re.findall(
                r"(?:QuestionError|RequestError|Refusal|SignatureError|unlogged)"
                r'\(\s*(?:\d+,\s*)?"([A-Z][A-Z0-9_]{3,})"',
                source.read_text(encoding="utf-8"),
            )
        )
    assert len(raised) > 50
    missing = sorted(raised - places.keys())
    assert not missing, f"docs/errors-api.md does not explain {missing}"
