"""What the documents say is what the code does: settings, error codes, commands, links."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema

from service.settings import Settings
from store.intake.finding import CODES

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", ROOT / "README.zh.md", *(ROOT / "docs").glob("*.md")])


def _shown(value: object) -> str:
    if value is MISSING:
        return "needed"
    return "none" if value in ("", ()) else f"`{str(value).lower()}`"


def _range(setting: Field[object]) -> str:
    if setting.type not in ("int", "float"):
        return ""
    least, most = setting.metadata["least"], setting.metadata["most"]
    return f"≥ {least:g}" if math.isinf(most) else f"{least:g} to {most:g}"


def test_every_setting_is_documented_with_its_default_and_range_and_no_other() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (.*?) \| (.*?)\| .+ \|$", page, re.MULTILINE)
    told = {name: (default, limits.strip()) for name, default, limits in rows}
    assert told == {
        setting.name: (_shown(setting.default), _range(setting)) for setting in fields(Settings)
    }


def test_every_setting_is_read_somewhere() -> None:
    sources = [
        source.read_text(encoding="utf-8")
        for room in ("service", "store", "graph", "resolvers", "sync")
        for source in (ROOT / room).rglob("*.py")
    ]
    read = set(re.findall(r"\b(?:settings\.|self\.)+([a-z0-9_]+)\b", "\n".join(sources)))
    assert {setting.name for setting in fields(Settings)} - read == set()


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


def test_every_finding_of_intake_is_explained_as_it_is_told() -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", page, re.MULTILINE)
    missing = [
        code
        for code, entry in CODES.items()
        if not any(code == name and entry.chinese in text for name, text in rows)
    ]
    assert not missing, f"docs/errors.md does not explain {missing}"


def test_every_code_that_is_explained_can_still_come() -> None:
    sources = "\n".join(
        source.read_text(encoding="utf-8", errors="replace")
        for room in (
            "client",
            "security",
            "store",
            "graph",
            "sync",
            "schema",
            "resolvers",
            "service",
        )
        for kind in ("*.py", "*.sql")
        for source in (ROOT / room).rglob(kind)
    )
    said = set(re.findall(r"[A-Z][A-Z0-9_]+", sources))
    for page in ("docs/errors.md", "docs/errors-api.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        codes = set(re.findall(r"^(?:\| `|### )([A-Z][A-Z0-9_]+)", text, re.MULTILINE))
        assert codes - said == set()


def _commands(command: Any, name: str = "xinqiao") -> Iterator[tuple[str, Any]]:
    nested = getattr(command, "commands", {})
    for inner, sub in nested.items():
        yield from _commands(sub, f"{name} {inner}")
    if not nested:
        yield name, command


def test_every_command_is_on_the_command_page_and_says_its_chinese_name() -> None:
    from typer.main import get_command

    from service.cli import application

    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:xinqiao )?([a-z][a-z -]*[a-z])", text))
    for name, command in _commands(get_command(application())):
        group, _, last = name.rpartition(" ")
        assert name in text or (last in named and group in text), name
        assert re.search(r"[\u4e00-\u9fff]", command.help), name
        unsaid = [one.opts for one in command.params if one.opts[0] != "--help" and not one.help]
        assert not unsaid, name


def test_every_question_and_change_is_on_a_page_of_the_api() -> None:
    """Fields of one record kind each are on the page of kinds instead."""
    pages = ("api", "changes", "subscriptions", "kinds")
    text = "\n".join((ROOT / f"docs/{page}.md").read_text(encoding="utf-8") for page in pages)
    schema = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"), assume_valid=True)
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        assert root is not None
        missing = [name for name in root.fields if not re.search(rf"`{name}\b", text)]
        assert not missing, f"no page shows {missing}"


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
    sources += [ROOT / "security" / name for name in ("registry.py", "signature.py")]
    sources += [ROOT / "store" / name for name in ("decision.py", "upload.py", "withdrawal.py")]
    for source in [*sources, *(ROOT / "service").glob("*_routes.py"), ROOT / "service/app.py"]:
        raised |= set(
            re.findall(
                r"(?:QuestionError|RequestError|Refusal|SignatureError|StoreError|unlogged)"
                r'\(\s*(?:\d+,\s*)?"([A-Z][A-Z0-9_]{3,})"',
                source.read_text(encoding="utf-8"),
            )
        )
    assert len(raised) > 50
    missing = sorted(raised - places.keys())
    assert not missing, f"docs/errors-api.md does not explain {missing}"
