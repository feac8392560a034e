"""A software token (SoftHSM 2) for the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOFTHSM = shutil.which("softhsm2-util")
MODULE = next(
    (
        path
        for path in (
            Path("/usr/lib/softhsm/libsofthsm2.so"),
            Path("/usr/lib64/softhsm/libsofthsm2.so"),
            Path("/usr/local/lib/softhsm/libsofthsm2.so"),
        )
        if path.exists()
    ),
    Path("/usr/lib/softhsm/libsofthsm2.so"),
)


@dataclass(frozen=True)
class Token:
    """A token in a folder; `configuration` is for SOFTHSM2_CONF."""

    configuration: Path
    pin: Path

    def uri(self, label: str) -> str:
        """The RFC 7512 URI of a key in it."""
        return (
            f"pkcs11:token=xinqiao;object={label}?module-path={MODULE}&pin-source=file:{self.pin}"
        )


def new_token(folder: Path) -> Token:
    """Make a token named xinqiao with a PIN in a file."""
    assert SOFTHSM is not None, "install softhsm2"
    (folder / "tokens").mkdir(parents=True)
    configuration, pin = folder / "softhsm2.conf", folder / "pin"
    configuration.write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n"
    )
    pin.write_text("24681357\n")
    pin.chmod(0o600)
    subprocess.run(
        [SOFTHSM, "--init-token", "--free", "--label=xinqiao", "--so-pin=13572468",
         "--pin=24681357"],
        env={**os.environ, "SOFTHSM2_CONF": str(configuration)},
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return Token(configuration, pin)
