"""The jars of Neo4j Community, as `jgo.lock.toml` pins them: fetched by jgo, checked by sha256.

Only `lock` resolves dependencies (a maintainer's command, about a minute). Everybody else
fetches exactly the locked files; a file with another digest is never used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from service.home import cache, open_folder
from service.process import ServerError, held, replace_file

_PROJECT = Path(__file__).resolve().parent.parent
SPECIFICATION = _PROJECT / "jgo.toml"
LOCK = _PROJECT / "jgo.lock.toml"
_PARALLEL_DOWNLOADS = 8
_ATTEMPTS = 4

Progress = Callable[[int, int], None]
"""Told how many jars of how many are there."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the lock: Maven coordinates and the sha256 of its content (hexadecimal)."""

    group: str
    artifact: str
    version: str
    packaging: str
    classifier: str
    sha256: str

    @property
    def path(self) -> Path:
        """The file's place in a folder with the layout of a Maven repository."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return Path(
            *self.group.split("."),
            self.artifact,
            self.version,
            f"{self.artifact}-{self.version}{suffix}.{self.packaging}",
        )


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """The jars of a lock file, in its order.

    Raises ServerError `NEO4J_LOCK_INVALID` when an entry has no sha256.
    """
    entries = tomllib.loads(lock.read_text(encoding="utf-8"))["dependencies"]
    jars = tuple(
        Jar(
            entry["groupId"],
            entry["artifactId"],
            entry["version"],
            entry["packaging"],
            entry.get("classifier", ""),
            entry.get("sha256", ""),
        )
        for entry in entries
    )
    if not all(len(jar.sha256) == 64 for jar in jars):
        raise ServerError("NEO4J_LOCK_INVALID", "jgo.lock.toml lacks a sha256: run `make lock`.")
    return jars


def lock_digest(lock: Path = LOCK) -> str:
    """The sha256 of a lock file, by which what was made from it is named."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def class_path(lock: Path = LOCK) -> str:
    """The class path of Neo4j, in the lock's order.

    Raises ServerError `NEO4J_NOT_INSTALLED` when the jars were not fetched yet.
    """
    if not _stamp(lock).exists():
        raise ServerError("NEO4J_NOT_INSTALLED", "Neo4j is not installed yet: run `make setup`.")
    return ":".join(str(_folder() / jar.path) for jar in locked_jars(lock))


def fetch(progress: Progress | None = None, lock: Path = LOCK) -> None:
    """Fetch the locked jars that are missing into the cache; does nothing when all were checked.

    Sources: see `repositories`. An interrupted fetch goes on where it was.
    Raises ServerError `NEO4J_DOWNLOAD_FAILED`.
    """
    stamp = _stamp(lock)
    if stamp.exists():
        return
    open_folder(cache(), 0o755)
    folder = open_folder(_folder(), 0o755)
    with held(cache() / "maven.lock"):
        if stamp.exists():
            return
        jars = locked_jars(lock)
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as draft,
            ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool,
        ):
            sources = repositories()
            waiting = [pool.submit(_obtain, jar, folder, Path(draft), sources) for jar in jars]
            try:
                for done, future in enumerate(as_completed(waiting), 1):
                    future.result()
                    if progress is not None:
                        progress(done, len(jars))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        replace_file(stamp, f"{len(jars)} jars\n", 0o644)


def repositories() -> dict[str, str]:
    """The Maven repositories to ask, by name, first to last.

    `XINQIAO_MAVEN_REPOSITORY` alone if it is set; else those of jgo's configuration file; else
    the mirror of Central that ~/.m2/settings.xml names; else Maven Central.
    """
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL

    named = os.environ.get("XINQIAO_MAVEN_REPOSITORY")
    if named:
        return {"mirror": named.rstrip("/")}
    configured: dict[str, str] = GlobalSettings.load().repositories
    if configured:
        return {name: address.rstrip("/") for name, address in configured.items()}
    settings = Path.home() / ".m2" / "settings.xml"
    mirror = mirror_of_central(settings.read_bytes()) if settings.is_file() else None
    return {"mirror": mirror} if mirror else {"central": MAVEN_CENTRAL_URL}


def mirror_of_central(settings: bytes) -> str | None:
    """The address of the mirror that a Maven settings.xml names for Central, if it does.

    Source: Maven settings reference, `mirrors/mirror/mirrorOf` (`*`, `external:*`, lists, `!`).
    """
    try:
        root = ElementTree.fromstring(settings)  # noqa: S314  # the operator's own file
    except ElementTree.ParseError:
        return None
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        patterns = [part.strip() for part in (mirror.findtext("{*}mirrorOf") or "").split(",")]
        address = (mirror.findtext("{*}url") or "").strip()
        covered = not {"central", "*", "external:*"}.isdisjoint(patterns)
        if address and covered and "!central" not in patterns:
            return address.rstrip("/")
    return None


def lock_again() -> int:
    """Resolve `jgo.toml` anew and write `jgo.lock.toml`; the number of jars it names."""
    from jgo.env import EnvironmentSpec, LockFile, compute_spec_hash
    from jgo.maven import MavenContext, PythonResolver

    specification = EnvironmentSpec.load(SPECIFICATION)
    with tempfile.TemporaryDirectory() as draft:
        context = MavenContext(
            resolver=PythonResolver(),
            repo_cache=Path(draft),
            remote_repos=repositories(),
            timeout=60,
        )
        wanted = [context.create_dependency(name) for name in specification.coordinates]
        first, others = context.resolver.resolve(wanted)
        kept = [*first, *(each for each in others if each.scope in ("compile", "runtime"))]
        file = LockFile.from_resolved_dependencies(
            kept,
            environment_name=specification.name,
            java_version=specification.java_version,
            entrypoints=specification.entrypoints,
            default_entrypoint=specification.default_entrypoint,
            spec_hash=compute_spec_hash(SPECIFICATION),
        )
        file.save(LOCK)
    return len(kept)


def _folder() -> Path:
    return cache() / "maven"


def _stamp(lock: Path) -> Path:
    return _folder() / f"checked-{lock_digest(lock)[:16]}"


def _obtain(jar: Jar, folder: Path, draft: Path, sources: dict[str, str]) -> None:
    """Put one jar into the folder unless it is there with the right digest."""
    place = folder / jar.path
    if _matches(place, jar):
        return
    cause: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            found = _download(jar, draft, sources)
        except (OSError, RuntimeError) as error:
            cause = error
            continue
        if _matches(found, jar):
            place.parent.mkdir(parents=True, exist_ok=True)
            found.replace(place)
            return
        cause = None
    reason = str(cause).splitlines()[0] if cause else "its sha256 differs from jgo.lock.toml"
    raise ServerError(
        "NEO4J_DOWNLOAD_FAILED",
        f"{jar.path.name} could not be fetched: {reason}. Run `make setup` again to go on;"
        " XINQIAO_MAVEN_REPOSITORY can name a mirror.",
    )


def _download(jar: Jar, draft: Path, sources: dict[str, str]) -> Path:
    from jgo.maven import MavenContext, PythonResolver

    # jgo takes a cut-off file for a whole one, so each attempt begins in an empty folder.
    shutil.rmtree(draft / jar.sha256, ignore_errors=True)
    context = MavenContext(
        resolver=PythonResolver(),
        repo_cache=draft / jar.sha256,
        remote_repos=sources,
        timeout=60,
    )
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    found: Path = component.artifact(jar.classifier, jar.packaging).resolve()
    return found


def _matches(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    print(f"{lock_again()} jars locked", file=sys.stderr)
