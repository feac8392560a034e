"""A node's own keys change: the statement both keys sign, and the history of such statements.

The private keys lie in the node's key folder, one file each; `key-changes.json` beside them says
which file signs now and holds the statements, which `/keys` shows and the access log has as
entries of kind `KEY_CHANGE`. Reading and following statements is `client.key_change`.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from client.algorithm import PublicKey
from client.errors import ClientError
from client.key_change import KeyChange, NamedKey, is_use
from security.errors import KeyFileError
from security.tlog.note import NoteSigner, VerifierKey

HISTORY = "key-changes.json"
TOKEN = ""
"""The place of a key that is in no file of the folder."""

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change and where its new private key is: the name of a file, or `TOKEN`."""

    change: KeyChange
    place: str


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """The changes of a node's own keys, oldest first."""

    recorded: tuple[RecordedChange, ...] = field(default=())

    @classmethod
    def read(cls, folder: Path) -> "KeyHistory":
        """Read a key folder's history, empty where there is none; KeyFileError, ClientError."""
        path = folder / HISTORY
        if not path.exists():
            return cls()
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                tuple(
                    [RecordedChange(KeyChange.from_json(one), str(one["place"])) for one in found]
                )
            )
        except (OSError, ValueError, KeyError, TypeError, ClientError):
            raise KeyFileError(
                "KEY_FILE_MALFORMED", f"Restore {HISTORY} from its backup."
            ) from None

    def write(self, folder: Path) -> None:
        """Replace a key folder's history at once or not at all."""
        part = folder / f".{HISTORY}.{os.getpid()}"
        content = [{**one.change.to_json(), "place": one.place} for one in self.recorded]
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / HISTORY)

    def of(self, use: str) -> tuple[RecordedChange, ...]:
        """The changes of one use."""
        return tuple([one for one in self.recorded if one.change.use == use])

    def place(self, use: str, first: str) -> str:
        """Where the private key of a use is now; `first` is the file it began with."""
        return self.places(use, first)[-1]

    def places(self, use: str, first: str) -> tuple[str, ...]:
        """Where all private keys of a use were or are, oldest first."""
        return (first, *(one.place for one in self.of(use)))

    def next_place(self, use: str, first: str) -> str:
        """The name of the file for the next key of a use."""
        return f"{first}-{len(self.of(use)) + 2}"

    def extended(self, change: KeyChange, place: str) -> "KeyHistory":
        """The history with one more change."""
        return KeyHistory((*self.recorded, RecordedChange(change, place)))

    def signing_until(self, use: str, at: int) -> float:
        """Until when the key at a position of `places` signs beside its successors."""
        change = self.of(use)[at].change
        return 0.0 if change.compromised is not None else change.ends_at

    def former(self, use: str, origin: str) -> tuple[VerifierKey, ...]:
        """The log keys of a use before the present one, the newest first."""
        old = [one.change.old.public.public for one in self.of(use)]
        return tuple([VerifierKey(origin, public) for public in reversed(old)])


def state_change(
    node: str,
    use: str,
    old: tuple[NamedKey, Sign],
    new: tuple[NamedKey, Sign],
    *,
    since: float,
    overlap: float,
    compromised: float | None = None,
) -> KeyChange:
    """State a change and sign it with both keys.

    Times are Unix seconds; the old key signs `overlap` seconds longer, not at all when it is
    `compromised`. Raises ValueError for an unknown use.
    """
    if not is_use(use):
        raise ValueError("no key of a node has this use")
    until = since if compromised is not None else since + overlap
    change = KeyChange(
        node,
        use,
        old[0],
        new[0],
        _moment(since),
        _moment(until),
        None if compromised is None else _moment(compromised),
    )
    data = change.statement()
    return replace(change, old_signature=old[1](data), new_signature=new[1](data))


def log_key(signer: NoteSigner) -> tuple[NamedKey, Sign]:
    """The key of a log as a statement names it, and what signs with it."""
    return NamedKey.of_log(signer.verifier), signer.private.sign


def answer_key(key_id: str, public: PublicKey, sign: Sign) -> tuple[NamedKey, Sign]:
    """A key that signs answers, likewise."""
    return NamedKey(key_id, public), sign


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
