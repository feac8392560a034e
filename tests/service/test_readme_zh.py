"""The Chinese README says what the English one says: same commands, links, parts, answers."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh.md").read_text(encoding="utf-8")


def _commands(text: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)\n```", text, re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def test_both_have_the_same_commands_links_and_sections() -> None:
    assert _commands(CHINESE) == _commands(ENGLISH)
    own = {"README.md", "README.zh.md"}
    links = [set(re.findall(r"\]\(([^)]+)\)", text)) - own for text in (ENGLISH, CHINESE)]
    assert links[0] == links[1]
    assert CHINESE.count("\n## ") == ENGLISH.count("\n## ")
    folders = [re.findall(r"^\| (`\w+/`) \|", text, re.MULTILINE) for text in (ENGLISH, CHINESE)]
    assert folders[0] == folders[1]


def test_both_print_the_same_answer() -> None:
    form = re.compile(r"^(\{\n.*?^\})\n✔", re.DOTALL | re.MULTILINE)
    english, chinese = form.findall(ENGLISH), form.findall(CHINESE)
    assert len(english) == 1
    assert chinese == english
