"""The access log's entry: one per request, answered or denied, as RFC 8785 JSON.

The format is final (docs/formats.md). Whatever could be guessed back to a person is in the entry
only as a digest keyed with the entry's own key, which erasing destroys.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import orjson

from security.errors import LogError

VERSION = 1
MAX_SIZE = 4096
"""Longest entry in bytes."""
MAX_MISSING = 16
"""Most identifiers asked for and not found that an entry names."""

_ID_NUMBER = re.compile(
    r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9Xx](?![0-9])"
)


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Lists:
    """What an answer disclosed: references of subjects and records, 16 bytes each, concatenated
    in the order of the answer, and the coordinates (`Type.field`) shown and masked."""

    subjects: bytes = b""
    records: bytes = b""
    disclosed: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


def encode(
    entry: Entry,
    lists: Lists,
    *,
    node: str,
    time: float,
    salt: bytes,
    digest_key: bytes,
    evidence: bytes,
) -> bytes:
    """Write an entry; `time` is Unix seconds, `evidence` the SHA-256 of the stored ciphertext.

    Raises LogError `ENTRY_TOO_LONG` over 4 KiB.
    """

    def keyed(name: bytes, digest: bytes) -> str:
        return hmac.digest(digest_key, name + b"\n" + digest, "sha256").hex()

    def listed(name: bytes, count: int, content: bytes) -> dict[str, object]:
        return {"count": count, "digest": keyed(name, sha256(content).digest())}

    signature = entry.request_signature
    data = orjson.dumps(
        {
            "v": VERSION,
            "kind": entry.kind,
            "time": timestamp(time),
            "node": node,
            "salt": salt.hex(),
            "caller": entry.caller,
            "role": entry.role,
            "actor": _redacted(entry.actor),
            "keyId": entry.key_id,
            "nonce": entry.nonce,
            "operation": None if entry.operation is None else keyed(b"operation", entry.operation),
            "requestSignature": (
                None
                if signature is None
                else keyed(b"requestSignature", sha256(signature).digest())
            ),
            "requestBody": keyed(b"requestBody", entry.request_body),
            "responseBody": keyed(b"responseBody", entry.response_body),
            "purpose": entry.purpose,
            "legalBasis": entry.legal_basis,
            "case": _redacted(entry.case),
            "correlation": _redacted(entry.correlation),
            "subjects": listed(b"subjects", len(lists.subjects) // 16, lists.subjects),
            "records": listed(b"records", len(lists.records) // 16, lists.records),
            "disclosed": listed(
                b"disclosed", len(lists.disclosed), "\n".join(lists.disclosed).encode()
            ),
            "masked": listed(b"masked", len(lists.masked), "\n".join(lists.masked).encode()),
            "missing": entry.missing[:MAX_MISSING],
            "rows": entry.rows,
            "decision": entry.decision,
            "reason": entry.reason,
            "policyVersion": entry.policy_version,
            "dataVersion": entry.data_version,
            "status": entry.status,
            "evidence": evidence.hex(),
        },
        option=orjson.OPT_SORT_KEYS,
    )
    if len(data) > MAX_SIZE:
        raise LogError("ENTRY_TOO_LONG", "Shorten the case number and the other header fields.")
    return data


def timestamp(seconds: float) -> str:
    """Write Unix seconds as an entry does: RFC 3339 in UTC, milliseconds cut off."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _redacted(text: str | None) -> str | None:
    """Cut identity numbers out of free text: no plain number reaches a log."""
    return text and _ID_NUMBER.sub("[id]", text)
