"""The README's question is answered as it prints, by the world that `make run` loads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(400)

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_question_of_the_readme_is_answered_as_printed(cities: Cities) -> None:
    question = re.search(r"<<'Q'\n(.*?)\nQ\n", README, re.DOTALL)
    variables = re.search(r"--variables '(.*?)'", README)
    printed = re.search(r"^(\{\n.*?^\})\n✔", README, re.DOTALL | re.MULTILINE)
    assert question
    assert variables
    assert printed
    status, found = cities.ask(
        question[1], variables=json.loads(variables[1]), as_="shenyang", purpose="P1", case="读1号"
    )
    assert status == 0
    assert found["answer"] == json.loads(printed[1])
