"""What a verification of a log says."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from security.tlog.note import VerifierKey


class Status(Enum):
    """The result of a verification; the value is the exit status."""

    OK = 0
    TAMPERED = 1
    UNREADABLE = 2
    UNWITNESSED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold: where, which entry if one can be named, and why."""

    path: str
    reason: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found; `size` and `root` are those of the signed checkpoint.

    `witnesses` names the demanded witnesses that signed; `entries` is False when the log was
    verified without its entries.
    """

    status: Status
    origin: str | None = None
    size: int | None = None
    root: bytes | None = None
    findings: tuple[Finding, ...] = ()
    witnesses: tuple[str, ...] = ()
    entries: bool = True

    @property
    def exit_status(self) -> int:
        """0 ok, 1 tampered, 2 unreadable, 3 unwitnessed."""
        return self.status.value

    @property
    def first_bad_index(self) -> int | None:
        """The lowest entry index named by a finding."""
        indexes = [f.index for f in self.findings if f.index is not None]
        return min(indexes, default=None)

    @classmethod
    def tampered(cls, path: str, reason: str) -> "Verdict":
        """The verdict over one file that says enough."""
        return cls(Status.TAMPERED, findings=(Finding(path, reason),))

    @classmethod
    def unreadable(cls, error: OSError) -> "Verdict":
        """The verdict over a file that cannot be read."""
        name = Path(error.filename).name if error.filename else "log"
        reason = f"cannot be read: {error.strerror or type(error).__name__}"
        return cls(Status.UNREADABLE, findings=(Finding(name, reason),))


@dataclass(frozen=True, slots=True)
class Witnessing:
    """How many of which witnesses must have signed the checkpoint; none by default."""

    keys: tuple[VerifierKey, ...] = ()
    quorum: int = 0
