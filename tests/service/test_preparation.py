"""What a command loads before it can say anything: most end within a second."""

from __future__ import annotations

import subprocess
import sys

import pytest

ANSWERING = {
    "resolvers.operation", "schema.definition", "graph.connection", "graphql", "scipy", "pypinyin",
}  # fmt: skip


@pytest.mark.parametrize(
    "room",
    [
        "enrolled",
        "permission",
        "evidence",
        "catalogue",
        "queue",
        "stewardship",
        "trusted",
        "inquiry",
    ],
)
def test_a_steward_s_command_loads_nothing_that_answers_questions(room: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import service.{room}, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not ANSWERING & set(told.stdout.split())
