"""Set-up from a clean clone: `python3 -m service.setup [--dev]`, by the standard library alone.

Makes `.venv`, installs the locked requirements and the project, then what `service.installation`
installs. Stamps named by the digests of the lock files make a second run do nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "stamps"


def main() -> int:
    """Set the project up; the exit status of the first step that fails, or 0."""
    parser = argparse.ArgumentParser(prog="python3 -m service.setup", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="tools of tests and checks as well")
    arguments = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036  # whatever Python the machine has runs this
        announce("Xinqiao needs Python 3.11 or newer; name one: make PYTHON=python3.12")
        return 1
    # Two set-ups at once take turns; the second then finds nothing to do.
    turn = os.open(PROJECT, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        create_environment()
        install_requirements(("runtime", "dev") if arguments.dev else ("runtime",))
        install_project()
        # A Python of its own: this one does not have the packages.
        run(str(PYTHON), "-m", "service.installation")
    except subprocess.CalledProcessError as error:
        announce(f"Set-up failed at: {' '.join(error.cmd[1:4])}. Run it again to go on.")
        return error.returncode or 1
    except KeyboardInterrupt:
        return 130
    finally:
        os.close(turn)
    return 0


def create_environment() -> None:
    """Make `.venv`, or make it anew when it was moved or its Python is gone."""
    place = STAMPS / "place"
    if place.is_file() and place.read_text(encoding="utf-8") == str(VENV) and works():
        return
    announce("Making .venv")
    run(sys.executable, "-m", "venv", "--clear", str(VENV))
    STAMPS.mkdir()
    place.write_text(str(VENV), encoding="utf-8")


def works() -> bool:
    """Whether the environment's Python runs and is new enough."""
    probe = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-I", "-S", "-c", probe], check=False).returncode == 0
    except OSError:
        return False


def install_requirements(names: tuple[str, ...]) -> None:
    """Install locked requirements, each file checked by its hashes, unless their stamp is there."""
    # dev.txt holds all of runtime.txt at the same versions.
    lock = PROJECT / "requirements" / f"{names[-1]}.txt"
    stamps = [stamp(PROJECT / "requirements" / f"{name}.txt") for name in names]
    if stamps[-1].exists():
        return
    announce(f"Installing requirements/{lock.name} (first time: about 150 MB)")
    run(str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--only-binary", ":all:", "--require-hashes", "-r", str(lock))  # fmt: skip
    for each in stamps:
        each.touch()


def install_project() -> None:
    """Put the project on the environment's path, and its command at `.venv/bin/xinqiao`."""
    done = stamp(PROJECT / "pyproject.toml")
    if done.exists():
        return
    announce("Installing the project")
    run(str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet",
        "--no-index", "--no-deps", "--no-build-isolation",
        "--config-settings", "editable_mode=compat", "--editable", str(PROJECT))  # fmt: skip
    done.touch()


def stamp(source: Path) -> Path:
    """The file whose existence says that a source was installed as it is now."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    return STAMPS / f"{source.name}-{digest}"


def announce(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


def run(*command: str) -> None:
    # Root's pip warns about being root, which is of no use inside an environment of our own.
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    # A PYTHONPATH or another active environment is meant for other programs.
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        environment.pop(name, None)
    subprocess.run(command, check=True, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
