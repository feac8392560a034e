"""A Dockerfile read, and its steps executed in a plain folder instead of an image."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from importlib.metadata import distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

_PROJECT = Path(__file__).parents[2]
_ROOTED = re.compile(r"(?<![\w.])/(opt|var/lib/xinqiao)\b")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, and its text with continued lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """An exec form as its list, anything else split as a shell would."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def read_dockerfile(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile in their order (Dockerfile reference, "Format")."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    parts = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [Instruction(name.upper(), rest.strip()) for name, _, rest in parts]


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps a file out: the last pattern that matches decides."""
    out = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        places = [path, *(str(parent) for parent in Path(path).parents)]
        if pattern.startswith("**/"):
            places += [part for place in places for part in Path(place).parts]
        if any(fnmatch.fnmatch(place, bare) for place in places if place != "."):
            out = not pattern.startswith("!")
    return out


def context(project: Path = _PROJECT) -> list[str]:
    """The files that `docker build` would send, as git would give them from a clone."""
    lines = (project / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    tops = {pattern[1:].partition("/")[0] for pattern in patterns if pattern.startswith("!")}
    found = []
    for top in sorted(tops):
        files = (project / top).rglob("*") if (project / top).is_dir() else [project / top]
        found += [str(file.relative_to(project)) for file in files if file.is_file()]
    return [path for path in found if not ignored(path, patterns)]


@dataclass
class PlainFolder:
    """Where an image's steps run: `/opt` and `/var/lib/xinqiao` of the image lie below `root`."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def build(self, instructions: list[Instruction]) -> None:
        """Execute all stages; they share the folder, so a copy between them is already there."""
        for one in instructions:
            getattr(self, f"_{one.name.lower()}", self._pass)(one)

    def place(self, text: str) -> str:
        """A path, or a command with paths, of the image as it is here."""
        return _ROOTED.sub(lambda found: f"{self.root}/{found[1]}", text)

    def start(self, arguments: list[str]) -> list[str]:
        """The command line of the container with these arguments."""
        program, *rest = [*self.entry, *arguments]
        found = shutil.which(program, path=self.environment["PATH"])
        assert found, program
        return [found, *rest]

    def _from(self, _: Instruction) -> None:
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.root)}

    def _env(self, one: Instruction) -> None:
        for word in one.words:
            name, _, value = word.partition("=")
            self.environment[name] = self.place(value)

    def _workdir(self, one: Instruction) -> None:
        self.folder = Path(self.place(one.text))
        self.folder.mkdir(parents=True, exist_ok=True)

    def _copy(self, one: Instruction) -> None:
        words = one.words
        if words[0].startswith("--from="):
            assert Path(self.place(words[1])).exists(), one.text
            return
        *sources, target = words
        for path in context():
            if sources == ["."] or path in sources:
                place = self.folder / (path if target == "." else target)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(_PROJECT / path, place)

    def _run(self, one: Instruction) -> None:
        for step in one.text.split("&&"):
            words = shlex.split(self.place(step))
            self.ran.append(Path(words[0]).name if words[1:2] != ["-m"] else " ".join(words[2:4]))
            if words[0] in ("groupadd", "useradd", "install"):
                continue  # these need an image's root; the rules look at what they say
            if "--require-hashes" in words:
                self._install(words)
            elif "uninstall" in words:
                self._uninstall(words[words.index("--yes") + 1 :])
            else:
                self._do([sys.executable if words[0] == "python" else words[0], *words[1:]])

    def _install(self, words: list[str]) -> None:
        """The pinned packages, from the tests' own environment at the pinned versions."""
        lock = (self.folder / words[words.index("--requirement") + 1]).read_text(encoding="utf-8")
        source, target = Path(sysconfig.get_path("purelib")), self._packages()
        for line in re.findall(r"^([\w.-]+==[^\\\n]+)", lock, re.MULTILINE):
            wanted = Requirement(line.strip())
            if wanted.marker is not None and not wanted.marker.evaluate():
                continue
            found = distribution(wanted.name)
            assert wanted.specifier.contains(found.version), f"{wanted}, not {found.version}"
            for old in distributions(name=wanted.name, path=[str(target)]):
                for file in old.files or ():  # what `python -m venv` brings along
                    (target / file).unlink(missing_ok=True)
            for file in found.files or ():
                if ".." not in file.parts and (source / file).is_file():
                    (target / file).parent.mkdir(parents=True, exist_ok=True)
                    try:
                        os.link(source / file, target / file)
                    except OSError:
                        shutil.copy2(source / file, target / file)

    def _uninstall(self, names: list[str]) -> None:
        for name in names:
            for file in distribution(name).files or ():
                if ".." not in file.parts:
                    (self._packages() / file).unlink(missing_ok=True)

    def _packages(self) -> Path:
        return next((self.root / "opt/venv/lib").glob("python*/site-packages"))

    def _do(self, words: list[str]) -> None:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    def _entrypoint(self, one: Instruction) -> None:
        self.entry = one.words

    def _cmd(self, one: Instruction) -> None:
        self.command = one.words

    def _healthcheck(self, one: Instruction) -> None:
        self.health = json.loads(one.text.partition("CMD ")[2])

    def _pass(self, _: Instruction) -> None:
        """Nothing to do: ARG, USER, VOLUME, EXPOSE, STOPSIGNAL."""
