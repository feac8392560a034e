"""Programs that others wrote, in Go: built once from pinned modules and kept in the cache."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from service.home import cache
from tests.programs import need

HERE = Path(__file__).parent
PACKAGES = {
    "verify": "./verify",
    "fsck": "github.com/transparency-dev/tessera/cmd/fsck",
    "litewitness": "filippo.io/torchwood/cmd/litewitness",
}
# Not optimised and without what a debugger reads: two fifths of the time that a build takes, which
# is far more than what these programs take to run.
_QUICKLY = ("-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w")


@dataclass(frozen=True)
class GoTools:
    """The programs of tests/outside/go.mod, built into `folder` when first asked for."""

    folder: Path

    @classmethod
    def here(cls) -> Self:
        """Those of the module as it is: every change of its files gives a new folder."""
        digest = sha256()
        for path in sorted([HERE / "go.mod", HERE / "go.sum", *HERE.rglob("*.go")]):
            digest.update(path.read_bytes())
        return cls(cache() / "outside" / digest.hexdigest()[:16])

    def path(self, name: str) -> Path:
        """The built program; a first build downloads modules and takes up to a minute each."""
        need("go")
        built = self.folder / name
        if not built.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / f"{name}.{os.getpid()}"
            done = subprocess.run(
                ["go", "build", *_QUICKLY, "-o", part, PACKAGES.get(name, f"./{name}")],
                cwd=HERE,
                env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
            part.replace(built)
        return built

    def asked(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run our verifier, made of others' libraries."""
        return subprocess.run(
            [self.path("verify"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def verified(self, *arguments: str | Path) -> dict[str, Any]:
        """What the verifier found; an AssertionError when it refused."""
        done = self.asked(*arguments)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def fsck(self, url: str, vkey: str, folder: Path, limit: float = 20) -> bool:
        """Whether tessera's fsck says that all is well.

        It may hang on a bad tile, so it gets `limit` seconds; it exits with 0 whatever it found.
        """
        key = folder / "fsck.key"
        key.write_text(vkey)
        command = [self.path("fsck"), f"-storage_url={url}", f"-public_key={key}", "-ui=false"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return "Successfully fsck'd log" in done.stderr and "failed" not in done.stderr
