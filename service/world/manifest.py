"""What a written world consists of, file by file."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from service.world.written import WrittenFile

MANIFEST = "manifest.json"


class WorldError(Exception):
    """The world could not be written; `code` is stable, `message` says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class WorldManifest:
    """What was written: rows per kind of truth, and every file with its SHA-256."""

    size: str
    seed: int
    world_now: str
    counts: dict[str, int]
    files: tuple[WrittenFile, ...]

    def feeds(self, city: str) -> tuple[str, ...]:
        """Return the feed files of one city's node, oldest batch first."""
        return tuple(f.path for f in self.files if f.path.startswith(f"feeds/{city}/"))

    @property
    def sha256(self) -> dict[str, str]:
        """The digest of every file, by path."""
        return {file.path: file.sha256 for file in self.files}

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as it is saved."""
        return asdict(self)

    def save(self, out: Path) -> None:
        """Write manifest.json into the world's folder."""
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        (out / MANIFEST).write_bytes(orjson.dumps(self.to_json(), option=option))

    def sums(self) -> str:
        """Return the digests as `sha256sum` prints them."""
        return "".join(f"{file.sha256}  {file.path}\n" for file in self.files)


def clear(out: Path) -> None:
    """Empty a folder that holds an older world; WorldError when it holds anything else."""
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        old = orjson.loads((out / MANIFEST).read_bytes())
        paths = [out / entry["path"] for entry in old["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{out} is not empty and holds no world: name an empty folder"
        raise WorldError("WORLD_FOLDER_IN_USE", message) from error
    root = out.resolve()
    for path in paths:
        if path.resolve().is_relative_to(root):
            path.unlink(missing_ok=True)
    (out / MANIFEST).unlink()
