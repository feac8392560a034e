"""The client installed alone, without the node beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
USE = """
import pkgutil, sys
import client
for module in pkgutil.iter_modules(client.__path__):
    __import__(f"client.{module.name}")
rooms = {"graph", "resolvers", "schema", "security", "service", "store", "sync"}
assert not rooms & {name.partition(".")[0] for name in sys.modules}, sys.modules
from client.keys import SigningKey
from client.question import sign_request
key = SigningKey.generate("a-12345678")
print(sign_request(key, "POST", "http://n/graphql", b"{}", now=1.8e9).header("signature"))
"""


def test_it_is_built_and_used_without_any_other_room(tmp_path: Path) -> None:
    source = tmp_path / "client"
    shutil.copytree(ROOT / "client", source, ignore=shutil.ignore_patterns("__pycache__"))
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(tmp_path), str(source)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("xinqiao_client-*.whl")
    alone = tmp_path / "alone"
    zipfile.ZipFile(wheel).extractall(alone)
    assert (alone / "client/py.typed").exists()
    packages = Path(sys.executable).parents[1] / "lib"
    site = next(packages.glob("python3*/site-packages"))
    used = subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         f"import sys; sys.path[:0] = [{str(alone)!r}, {str(site)!r}]\n{USE}"],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert used.returncode == 0, used.stderr
    assert used.stdout.startswith("credit=:")
