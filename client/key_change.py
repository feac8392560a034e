"""A node's change of one of its keys: a statement signed by the old key and by the new one.

Whoever knows the old key follows the statement to the new one without asking anybody
(docs/formats.md, "Key changes"). A statement that names a compromise is never followed: the old
key may be a thief's, so the new one comes by the operators' own way.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from client.algorithm import Algorithm, PublicKey
from client.errors import ClientError
from client.keys import NodeKeys
from client.note import VerifierKey
from client.structured import parse_base64

PREFIX = b"xinqiao key change v1\n"
USES = ("answer", "access", "audit", "feed", "acknowledgement")

_USE = re.compile(r"answer|acknowledgement|(?:access|audit|feed)(?:-[0-9]+)?")


def is_use(text: str) -> bool:
    """Tell whether a key of a node may have this use: one of `USES`, or a log that succeeded."""
    return _USE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key with the id under which it signs.

    The id of a log's key is its origin, a plus sign and the eight digits of its note key id.
    """

    key_id: str
    public: PublicKey

    @classmethod
    def of_log(cls, key: VerifierKey) -> "NamedKey":
        """Name the key of a log or of signed papers."""
        return cls(f"{key.name}+{key.id.hex()}", PublicKey(Algorithm.ED25519, key.public))

    def to_json(self) -> dict[str, str]:
        """Give the member of a statement."""
        return {"keyId": self.key_id, "public": self.public.text}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "NamedKey":
        """Read what `to_json` gave; ValueError, KeyError or TypeError for anything else."""
        return cls(str(value["keyId"]), PublicKey.parse(value["public"]))


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The statement: of which node, for which use, from which key to which, from when on.

    `since` and `until` are RFC 3339 in UTC: the new key signs from `since`, the old one still
    until `until`. `compromised` is the time from which the old key counts for nothing.
    """

    node: str
    use: str
    old: NamedKey
    new: NamedKey
    since: str
    until: str
    compromised: str | None = None
    old_signature: bytes = b""
    new_signature: bytes = b""

    def statement(self) -> bytes:
        """Give the bytes that both keys sign: the prefix and RFC 8785 JSON."""
        content = self._content()
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return PREFIX + text.encode()

    def _content(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "use": self.use,
            "old": self.old.to_json(),
            "new": self.new.to_json(),
            "since": self.since,
            "until": self.until,
            "compromised": self.compromised,
        }

    def holds(self) -> bool:
        """Tell whether both keys signed the statement."""
        data = self.statement()
        return self.old.public.holds(self.old_signature, data) and self.new.public.holds(
            self.new_signature, data
        )

    @property
    def ends_at(self) -> float:
        """Unix seconds from which the old key signs no more."""
        return datetime.fromisoformat(self.until).timestamp()

    def to_json(self) -> dict[str, Any]:
        """Give the statement with its signatures, as a log entry and `/keys` hold it."""
        return {
            **self._content(),
            "oldSignature": b64encode(self.old_signature).decode(),
            "newSignature": b64encode(self.new_signature).decode(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "KeyChange":
        """Read what `to_json` gave; ClientError `KEY_CHANGE_MALFORMED` for anything else."""
        try:
            if not is_use(value["use"]):
                raise ValueError
            for moment in (value["since"], value["until"], value["compromised"]):
                if moment is not None and datetime.fromisoformat(moment).tzinfo is None:
                    raise ValueError
            change = cls(
                str(value["node"]),
                str(value["use"]),
                NamedKey.from_json(value["old"]),
                NamedKey.from_json(value["new"]),
                str(value["since"]),
                str(value["until"]),
                None if value["compromised"] is None else str(value["compromised"]),
                parse_base64(value["oldSignature"]),
                parse_base64(value["newSignature"]),
            )
            change.statement()  # half a surrogate is no text that anybody signed
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ClientError(
                "KEY_CHANGE_MALFORMED", "Ask the node's operator for its key changes again."
            ) from None
        return change


def followed(node: str, trusted: NamedKey, use: str, changes: Iterable[KeyChange]) -> NamedKey:
    """Follow the changes of one use, oldest first, from a trusted key to the newest.

    Changes from keys that are not reached are passed over. Raises ClientError
    `KEY_CHANGE_INVALID` when a change from the trusted key does not hold, `KEY_COMPROMISED` when
    it names a compromise.
    """
    for change in changes:
        if change.node != node or change.use != use or change.old != trusted:
            continue
        if not change.holds():
            raise ClientError(
                "KEY_CHANGE_INVALID",
                "Use nothing of it and call the node's operator: a change of keys is forged.",
            )
        if change.compromised is not None:
            raise ClientError(
                "KEY_COMPROMISED",
                "Get the node's new papers from its operator: the key known here was compromised.",
            )
        trusted = change.new
    return trusted


def follow(known: NodeKeys, changes: Iterable[KeyChange], now: float) -> NodeKeys:
    """Give a node's keys as its changes leave them at a time (Unix seconds), from those known.

    Which node it is, its logs' origins say (`xinqiao.<node>/…`). An answer key that is followed
    stays until its overlap ends; of a log the newest key counts.
    Raises as `followed`.
    """
    told = tuple(changes)
    node = next(iter(known.logs), "").removeprefix("xinqiao.").partition("/")[0]
    answers = dict(known.answers)
    for change in told:
        old = change.old
        if answers.get(old.key_id) != old.public:
            continue
        newest = followed(node, old, "answer", (change,))
        answers[newest.key_id] = newest.public
        if newest != old and change.ends_at <= now:
            del answers[old.key_id]
    logs = dict(known.logs)
    for origin, key in known.logs.items():
        use = origin.rpartition("/")[2]
        newest = followed(node, NamedKey.of_log(key), use, told)
        logs[origin] = VerifierKey(origin, newest.public.public)
    return NodeKeys(answers, logs)


def changes_of(document: str) -> tuple[KeyChange, ...]:
    """Read the changes in a node's `/keys`, none where there are none.

    Raises ClientError `KEY_CHANGE_MALFORMED`.
    """
    try:
        told = json.loads(document).get("changes", [])
        return tuple([KeyChange.from_json(one) for one in told])
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ClientError(
            "KEY_CHANGE_MALFORMED", "Ask the node's operator for its key changes again."
        ) from None
