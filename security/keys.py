"""Private keys and secrets in files that only their owner can read.

A key is made when it is first asked for; several processes that ask at once get the same one.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.algorithm import (
    Algorithm,
    PrivateKey,
    load_private_key,
    new_private_key,
    private_pem,
    public_bytes,
)
from client.keys import SigningKey
from security.errors import KeyFileError
from security.tlog.note import NoteSigner, VerifierKey

__all__ = ["KeyFolder", "SigningKey", "key_id"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


def key_id(owner: str, public: bytes) -> str:
    """Name a key after its owner and the first eight hex digits of SHA-256 of the public key."""
    return f"{owner}-{sha256(public).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder of key files, mode 0700, files 0600."""

    path: Path

    def signing_key(
        self, owner: str, name: str | None = None, algorithm: Algorithm = Algorithm.ED25519
    ) -> SigningKey:
        """Give the owner's key from `<name or owner>.pem`; when there is none it is made.

        `algorithm` is that of a key that is made; one that is there keeps its own.
        """
        private = self._private(name or owner, algorithm)
        return SigningKey(key_id(owner, public_bytes(private)), private)

    def note_signer(
        self,
        origin: str,
        name: str,
        *,
        until: float = float("inf"),
        also: tuple[NoteSigner, ...] = (),
        former: tuple[VerifierKey, ...] = (),
    ) -> NoteSigner:
        """Give the key of the log of this origin from `<name>.pem`, made when there is none.

        The rest is as `NoteSigner` has it.
        """
        private = self._private(name, Algorithm.ED25519)
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFileError(
                "KEY_FILE_MALFORMED", f"Restore {name}.pem: notes are signed with Ed25519."
            )
        return NoteSigner(origin, private, until, also, former)

    def has(self, name: str) -> bool:
        """Whether there is a private key `<name>.pem`."""
        return self._file(f"{name}.pem").exists()

    def replace(self, name: str, successor: str) -> None:
        """Let the private key `<successor>.pem` take the place of `<name>.pem`, at once."""
        self._file(f"{successor}.pem").replace(self._file(f"{name}.pem"))

    def secret(self, name: str, size: int = 32, make: Callable[[], bytes] | None = None) -> bytes:
        """Give the secret in `<name>.key`; when there is none, `make` it, at random by default.

        `size` is in bytes.
        """
        data = self._read_or_create(f"{name}.key", make or (lambda: os.urandom(size)))
        if len(data) != size:
            raise KeyFileError("KEY_FILE_MALFORMED", f"Restore {name}.key from its backup.")
        return data

    def existing_secret(self, name: str, size: int = 32) -> bytes:
        """Give the secret in `<name>.key`; KeyFileError `KEY_FILE_MISSING` when there is none."""
        path = self._file(f"{name}.key")
        if not path.exists():
            raise KeyFileError("KEY_FILE_MISSING", f"Restore {name}.key from its backup.")
        data = self._read(path)
        if len(data) != size:
            raise KeyFileError("KEY_FILE_MALFORMED", f"Restore {name}.key from its backup.")
        return data

    def destroy(self, name: str) -> None:
        """Overwrite and remove the secret in `<name>.key`, if there is one."""
        path = self._file(f"{name}.key")
        if path.exists():
            with path.open("r+b") as file:
                file.write(os.urandom(path.stat().st_size))
                os.fsync(file.fileno())
            path.unlink()

    def names(self, pattern: str) -> list[str]:
        """List the names of secrets that match a glob pattern, sorted."""
        return sorted(path.name.removesuffix(".key") for path in self.path.glob(f"{pattern}.key"))

    def _private(self, name: str, algorithm: Algorithm) -> PrivateKey:
        pem = self._read_or_create(f"{name}.pem", lambda: private_pem(new_private_key(algorithm)))
        try:
            return load_private_key(pem)
        except ValueError:
            raise KeyFileError(
                "KEY_FILE_MALFORMED", f"Restore {name}.pem: it is no private key of the profile."
            ) from None

    def _file(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise KeyFileError(
                "KEY_NAME", "Name keys with lower-case letters, digits and ._- only."
            )
        return self.path / name

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise KeyFileError(
                        "KEY_FILE_OPEN", f"Run chmod 600 on {path.name}: others can read the key."
                    )
                return file.read()
        except OSError as error:
            raise KeyFileError(
                "KEY_FILE_UNREADABLE", f"Make {path.name} readable to the node: {error.strerror}."
            ) from None

    def _read_or_create(self, name: str, make: Callable[[], bytes]) -> bytes:
        path = self._file(name)
        if not path.exists():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = self.path / f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(make())
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(part, path)
            finally:
                part.unlink()
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return self._read(path)
