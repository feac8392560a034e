"""Shell completion: what bash, zsh and fish are told when somebody presses tab."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from schema.purpose import Purpose
from schema.records import kinds
from service.enrolment import establish
from service.purpose import PURPOSES
from tests.service.cities import XINQIAO


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    establish(tmp_path / "home")
    return {**os.environ, "XINQIAO_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}


def complete(shell: str, line: str, environment: dict[str, str]) -> list[str]:
    """What the shell's completion function would be told for a line with the cursor at its end."""
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [XINQIAO], env={**environment, **asked, "_XINQIAO_COMPLETE": f"complete_{shell}"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_told_commands_and_names(shell: str, place: dict[str, str]) -> None:
    commands = "\n".join(complete(shell, "xinqiao ", place))
    for name in ("doctor", "console", "query", "import"):
        assert name in commands
    identities = "\n".join(complete(shell, "xinqiao query --as a", place))
    assert "analyst" in identities
    assert "benxi" not in identities


def test_commands_and_names_are_completed(place: dict[str, str]) -> None:
    def offered(line: str) -> str:
        return "\n".join(complete("bash", line, place))

    assert "doctor" in offered("xinqiao do")
    nodes = offered("xinqiao serve --node ")
    assert "benxi" in nodes
    assert "shenyang" in nodes
    assert "shenyang" not in offered("xinqiao serve --node b")
    assert "P12" in offered("xinqiao query --purpose P1")
    assert "penalty" in offered("xinqiao import --kind pen")


def test_every_kind_and_purpose_is_offered(place: dict[str, str]) -> None:
    assert complete("bash", "xinqiao import --kind ", place) == [kind.name for kind in kinds()]
    assert complete("bash", "xinqiao query --purpose ", place) == list(PURPOSES)


def test_every_command_with_a_node_completes_its_name(place: dict[str, str]) -> None:
    from typer.main import get_command

    from service.cli import application

    def leaves(command: object, path: list[str]) -> list[tuple[list[str], object]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [(path, command)]
        return [leaf for name, one in inner.items() for leaf in leaves(one, [*path, name])]

    missing = []
    for path, command in leaves(get_command(application()), ["xinqiao"]):
        if any("--node" in parameter.opts for parameter in command.params):  # type: ignore[attr-defined]
            custom = next(p for p in command.params if "--node" in p.opts)  # type: ignore[attr-defined]
            if custom._custom_shell_complete is None:
                missing.append(" ".join(path))
    assert not missing, f"give --node of {missing} `autocompletion=nodes` (service.cli.completion)"


@pytest.mark.parametrize(("shell", "said"), [("bash", []), ("zsh", ["_files"])])
def test_files_are_left_to_the_shell(shell: str, said: list[str], place: dict[str, str]) -> None:
    assert complete(shell, "xinqiao query ques", place) == said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_can_be_shown_and_names_the_program(shell: str, place: dict[str, str]) -> None:
    done = subprocess.run(
        [XINQIAO, "--show-completion", shell],
        env={**place, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"complete_{shell}" in done.stdout
    assert "xinqiao" in done.stdout
    if shell == "bash":
        assert "-o default" in done.stdout  # where nothing is offered, bash offers files


def test_installing_writes_into_the_shell_s_own_files(place: dict[str, str]) -> None:
    done = subprocess.run(
        [XINQIAO, "--install-completion", "bash"],
        env={**place, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "xinqiao" in (Path(place["HOME"]) / ".bashrc").read_text()
    real = subprocess.run(
        ["bash", "-c", f"source {place['HOME']}/.bash_completions/xinqiao.sh; complete -p xinqiao"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "complete" in real.stdout, real.stderr


def test_purposes_are_those_of_the_schema() -> None:
    declared = Purpose.__strawberry_definition__.values  # type: ignore[attr-defined]
    assert {one.name: one.description for one in declared} == dict(PURPOSES)


def test_a_tab_loads_nothing_but_the_program_s_face(place: dict[str, str]) -> None:
    """Whoever presses it waits for each module: what commands do is loaded when they run."""
    done = subprocess.run(
        [XINQIAO],
        env={
            **place, "PYTHONPROFILEIMPORTTIME": "1", "_XINQIAO_COMPLETE": "complete_bash",
            "COMP_WORDS": "xinqiao query --purpose P", "COMP_CWORD": "3",
        },
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == list(PURPOSES)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "service.cli.completion" in loaded
    inside = {"service.cli", "service.collecting", "service.process", "service.purpose"}
    assert {
        name for name in loaded if name.count(".") == 1 and name.startswith("service.")
    } == inside
    assert not loaded & {
        "client", "graph", "resolvers", "schema", "security", "store", "sync",
        "asyncio", "asyncpg", "cryptography", "graphql", "httpx", "neo4j", "numpy", "openpyxl",
        "orjson", "starlette", "strawberry", "uvicorn",
    }  # fmt: skip


def test_a_home_that_cannot_be_read_offers_nothing_and_fails_not(tmp_path: Path) -> None:
    environment = {**os.environ, "XINQIAO_HOME": str(tmp_path / "none")}
    assert complete("bash", "xinqiao query --as ", environment) == []
    assert complete("bash", "xinqiao serve --node ", environment) == ["benxi", "shenyang"]
