"""The access log's entry: one per request, answered or denied, as RFC 8785 JSON.

The format is final (docs/formats.md). Whatever could be guessed back to a person is in the entry
only as a digest keyed with the entry's own key, which erasing destroys.
"""

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import overload

import orjson

from client.value import value_class
from security.errors import LogError
from security.keyed import Keyed

VERSION = 1
MAX_SIZE = 4096
"""Longest entry in bytes."""
MAX_MISSING = 16
"""Most identifiers asked for and not found that an entry names."""

_ID_LENGTH = 18
_OF_NOTHING = sha256().digest()
_ID_NUMBER = re.compile(
    r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9Xx](?![0-9])"
)

_WIDE = str.maketrans(
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff38\uff58", "0123456789Xx"
)


@value_class
class Entry:
    """One access as the pipeline knows it, before it is bound to its evidence.

    `kind` and `reason` are of the vocabularies in docs/formats.md; `operation`, `request_body`
    and `response_body` are SHA-256 digests (32 bytes), `request_signature` is the signature
    itself; `missing` holds HMACs of identifiers that were asked for and not found; `rows` counts
    what the answer holds.
    """

    kind: str
    caller: str
    role: str
    decision: str
    status: int
    policy_version: str
    data_version: str
    request_body: bytes
    response_body: bytes
    rows: int = 0
    reason: str | None = None
    actor: str | None = None
    key_id: str | None = None
    nonce: str | None = None
    operation: bytes | None = None
    request_signature: bytes | None = None
    purpose: str | None = None
    legal_basis: str | None = None
    case: str = ""
    correlation: str | None = None
    missing: tuple[str, ...] = ()


@value_class
class Lists:
    """What an answer disclosed: references of subjects and records, 16 bytes each, concatenated
    in the order of the answer, and the coordinates (`Type.field`) shown and masked."""

    subjects: bytes = b""
    records: bytes = b""
    disclosed: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()

    @property
    def coordinates(self) -> bytes:
        """All coordinates, one a line, the masked ones marked with `~`."""
        return "\n".join([*self.disclosed, *(f"~{name}" for name in self.masked)]).encode()


def encode(
    entry: Entry,
    lists: Lists,
    *,
    node: str,
    time: float | str,
    salt: bytes,
    digest_key: bytes,
    evidence: bytes,
) -> bytes:
    """Write an entry; `evidence` is the SHA-256 of the stored ciphertext.

    `time` is Unix seconds, or what `timestamp` wrote of them. Raises LogError `ENTRY_TOO_LONG`
    over 4 KiB.
    """
    keyed = Keyed(digest_key).digest

    def listed(name: bytes, count: int, content: bytes) -> dict[str, object]:
        digest = sha256(content).digest() if content else _OF_NOTHING
        return {"count": count, "digest": keyed(name + digest).hex()}

    operation, signature = entry.operation, entry.request_signature
    disclosed, masked = lists.disclosed, lists.masked
    # The members stand in the order of RFC 8785, so that nothing need be sorted.
    data = orjson.dumps(
        {
            "actor": redacted(entry.actor),
            "caller": entry.caller,
            "case": redacted(entry.case),
            "correlation": redacted(entry.correlation),
            "dataVersion": entry.data_version,
            "decision": entry.decision,
            "disclosed": listed(b"disclosed\n", len(disclosed), "\n".join(disclosed).encode()),
            "evidence": evidence.hex(),
            "keyId": entry.key_id,
            "kind": entry.kind,
            "legalBasis": entry.legal_basis,
            "masked": listed(b"masked\n", len(masked), "\n".join(masked).encode()),
            "missing": entry.missing[:MAX_MISSING],
            "node": node,
            "nonce": entry.nonce,
            "operation": None if operation is None else keyed(b"operation\n" + operation).hex(),
            "policyVersion": entry.policy_version,
            "purpose": entry.purpose,
            "reason": entry.reason,
            "records": listed(b"records\n", len(lists.records) // 16, lists.records),
            "requestBody": keyed(b"requestBody\n" + entry.request_body).hex(),
            "requestSignature": (
                None
                if signature is None
                else keyed(b"requestSignature\n" + sha256(signature).digest()).hex()
            ),
            "responseBody": keyed(b"responseBody\n" + entry.response_body).hex(),
            "role": entry.role,
            "rows": entry.rows,
            "salt": salt.hex(),
            "status": entry.status,
            "subjects": listed(b"subjects\n", len(lists.subjects) // 16, lists.subjects),
            "time": time if isinstance(time, str) else timestamp(time),
            "v": VERSION,
        }
    )
    if len(data) > MAX_SIZE:
        raise LogError("ENTRY_TOO_LONG", "Shorten the case number and the other header fields.")
    return data


def timestamp(seconds: float) -> str:
    """Write Unix seconds as an entry does: RFC 3339 in UTC, milliseconds cut off."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


@overload
def redacted(text: str) -> str: ...
@overload
def redacted(text: None) -> None: ...
def redacted(text: str | None) -> str | None:
    """Cut identity numbers out of free text, full-width digits too: no plain number reaches a
    log."""
    if text is None or len(text) < _ID_LENGTH:
        return text
    parts, end = [], 0
    for found in _ID_NUMBER.finditer(text.translate(_WIDE)):
        parts.append(text[end : found.start()])
        end = found.end()
    return "[id]".join([*parts, text[end:]])
