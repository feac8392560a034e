"""An entry made again from its opened evidence: what of it the evidence does not reproduce.

Written from docs/formats.md and not from the code that records, so that the two check each other.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from client.merkle import leaf_hash

_BODY_DIGEST = '"content-digest": sha-256=:'


def disagreements(entry: bytes, key: bytes, plain: bytes) -> list[str]:
    """Name the members of an entry that its evidence does not reproduce; none when all agree.

    `key` is the entry's own key, `plain` the opened evidence byte for byte. `evidence` among the
    names says that the evidence is not the one that the entry commits to. A question's body is
    compared where it was kept or signed, the answer's body only where it was kept.
    """
    try:
        said = orjson.loads(entry)
        salt = bytes.fromhex(said["salt"])
        cipher = AESGCM(hmac.digest(key, b"xinqiao entry evidence v1", "sha256"))
        stored = salt + cipher.encrypt(bytes(12), plain, salt)
        wanted = _digests(hmac.digest(key, b"xinqiao entry digests v1", "sha256"), plain)
        wanted["evidence"] = sha256(stored).hexdigest()
        return [name for name, value in wanted.items() if said.get(name) != value]
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["evidence"]


def opened(key: bytes, ciphertext: bytes) -> bytes:
    """Decrypt evidence with its entry's key; raises InvalidTag when it is another's or changed."""
    cipher = AESGCM(hmac.digest(key, b"xinqiao entry evidence v1", "sha256"))
    return cipher.decrypt(bytes(12), ciphertext[16:], ciphertext[:16])


def commits(entry: bytes) -> bool:
    """Tell whether an entry has evidence beside it; the node's own events have none."""
    if b'"evidence":"' not in entry:
        return False
    try:
        return "evidence" in orjson.loads(entry)
    except (orjson.JSONDecodeError, TypeError):
        return True


def _digests(key: bytes, plain: bytes) -> dict[str, object]:
    evidence = orjson.loads(plain)

    def keyed(name: str, value: bytes) -> str:
        return hmac.digest(key, name.encode() + b"\n" + value, "sha256").hex()

    def listed(name: str, count: int, content: bytes) -> dict[str, object]:
        return {"count": count, "digest": keyed(name, sha256(content).digest())}

    wanted: dict[str, object] = {}
    for name in ("subjects", "records"):
        content = bytes.fromhex(evidence[name])
        wanted[name] = listed(name, len(content) // 16, content)
    for name in ("disclosed", "masked"):
        wanted[name] = listed(name, len(evidence[name]), "\n".join(evidence[name]).encode())
    signature = b64decode(evidence["signature"])
    wanted["requestSignature"] = (
        keyed("requestSignature", sha256(signature).digest()) if signature else None
    )
    body = _body(evidence)
    if "document" in evidence:
        document = evidence["document"].encode()
        wanted["operation"] = keyed("operation", sha256(document).digest()) if document else None
    if body is not None:
        wanted["requestBody"] = keyed("requestBody", sha256(body).digest())
    elif _BODY_DIGEST in evidence["signatureBase"]:
        digest = evidence["signatureBase"].split(_BODY_DIGEST)[1].partition(":")[0]
        wanted["requestBody"] = keyed("requestBody", b64decode(digest))
    return wanted


def _body(evidence: Mapping[str, Any]) -> bytes | None:
    if "body" in evidence:
        return bytes(evidence["body"].encode())
    return b64decode(evidence["bodyBase64"]) if "bodyBase64" in evidence else None


@dataclass(slots=True)
class Erasures:
    """Which evidence of a log is erased, and of which of it the log's own events tell."""

    _leaves: set[str] = field(default_factory=set)
    _ranges: list[tuple[int, int]] = field(default_factory=list)
    _gone: list[tuple[int, str]] = field(default_factory=list)

    def hear(self, entry: bytes) -> None:
        """Keep which entry an event says was erased, or which range of them."""
        if b'"kind":"ERASURE"' in entry or b'"kind":"RETENTION_PURGE"' in entry:
            with suppress(ValueError, TypeError, LookupError, AttributeError):
                # A changed event is the file verification's to report.
                detail = orjson.loads(entry)["detail"]
                if "leaf" in detail:  # of an ended log's entry the successor tells, too
                    self._leaves.add(str(detail["leaf"]))
                else:
                    self._ranges.append((int(detail["firstIndex"]), int(detail["lastIndex"])))

    def gone(self, index: int, leaf: bytes) -> None:
        """Note that an entry's evidence is erased; in ascending order of indexes."""
        self._gone.append((index, leaf.hex()))

    def untold(self) -> list[int]:
        """Indexes of erased evidence of whose erasure no event that was heard tells."""
        ranges, at, reach = sorted(self._ranges), 0, -1
        left = []
        for index, leaf in self._gone:
            while at < len(ranges) and ranges[at][0] <= index:
                reach = max(reach, ranges[at][1])
                at += 1
            if index > reach and leaf not in self._leaves:
                left.append(index)
        return left


@dataclass(frozen=True, slots=True)
class OpenedEvidence:
    """Evidence of an entry as an export holds it; `key` and `plain` are None once it is erased."""

    index: int
    key: bytes | None = None
    plain: bytes | None = None

    def line(self) -> bytes:
        """Write as one line of JSON."""
        if self.key is None or self.plain is None:
            return orjson.dumps({"erased": True, "index": self.index}) + b"\n"
        content = {"evidence": self.plain.decode(), "index": self.index, "key": self.key.hex()}
        return orjson.dumps(content) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> OpenedEvidence:
        """Read what `line` wrote, or raise ValueError."""
        value = orjson.loads(line)
        try:
            found = (
                cls(value["index"])
                if "erased" in value
                else cls(value["index"], bytes.fromhex(value["key"]), value["evidence"].encode())
            )
            if found.line() != line + b"\n":
                raise ValueError
        except (KeyError, TypeError, AttributeError):
            raise ValueError("no line of evidence") from None
        return found


def check_bundle(
    first: int, entries: Sequence[bytes], data: bytes, erasures: Erasures
) -> Iterator[tuple[int, str]]:
    """Check the evidence that an export holds for the entries from index `first` on.

    Gives index and reason of what does not hold; each entry with evidence needs its line, and
    `erasures` is told of those whose line says that it is erased.
    """
    found: dict[int, OpenedEvidence] = {}
    at = first
    for line in data.split(b"\n")[:-1] if data.endswith(b"\n") else [data]:
        try:
            one = OpenedEvidence.parse(line)
        except ValueError:
            yield at, "its line of evidence cannot be read"
            return
        if one.index < at:
            yield one.index, "its line of evidence is out of order"
            return
        found[one.index] = one
        at = one.index + 1
    for index, entry in enumerate(entries, first):
        evidence = found.pop(index, None)
        if not commits(entry):
            if evidence is not None:
                yield index, "has evidence although the entry names none"
        elif evidence is None:
            yield index, "its evidence is missing"
        elif evidence.key is None or evidence.plain is None:
            erasures.gone(index, leaf_hash(entry))
        else:
            wrong = disagreements(entry, evidence.key, evidence.plain)
            if wrong:
                yield index, f"its evidence does not give {', '.join(wrong)}"
    for index in found:
        yield index, "has evidence and is not in the bundle"
