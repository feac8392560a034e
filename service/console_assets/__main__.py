"""Vendor GraphiQL again: `python -m service.console_assets` (needs npm and its registry).

Installs what `package-lock.json` pins by digest into a folder of its own, without running any
package's scripts, and copies the files of the browser, their licences and their digests.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from service.console_assets import VENDORED

_HERE = Path(__file__).parent


def main() -> int:
    """Write `vendor/` anew; the exit status."""
    vendor = _HERE / "vendor"
    vendor.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        draft = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / file, draft)
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=draft, check=True
        )
        modules = draft / "node_modules"
        digests = []
        for target, source in sorted(VENDORED.items()):
            content = (modules / source).read_bytes()
            (vendor / target).write_bytes(content)
            digests.append(f"{hashlib.sha256(content).hexdigest()}  {target}\n")
        (vendor / "SHA256SUMS.txt").write_text("".join(digests), encoding="ascii")
        (vendor / "LICENSES.txt").write_text(_licences(modules), encoding="utf-8")
    return 0


def _licences(modules: Path) -> str:
    """The licences of all packages that the files were built from, each text once."""
    owners: dict[str, list[str]] = {}
    for path in sorted(modules.rglob("LICENSE*")) + sorted(modules.rglob("license*")):
        package = path.parent.relative_to(modules).as_posix()
        if path.is_file() and (path.parent / "package.json").exists():
            lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            owners.setdefault("\n".join(line.rstrip() for line in lines), []).append(package)
    parts = [", ".join(names) + "\n\n" + text for text, names in owners.items()]
    return ("\n\n" + "=" * 80 + "\n\n").join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
