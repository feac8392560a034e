"""Ids of subjects, records and relations: made from what they name, never changed.

The namespace and the way the parts are joined are final: the same record by any road,
in any order and on any node has the same id (cross_region.md X36).
"""

from __future__ import annotations

import hashlib
from uuid import NAMESPACE_URL, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "urn:xinqiao:id:v1")
_NAMESPACE = NAMESPACE.bytes
_VERSION_5 = 0x5000 << 64 | 0x8000 << 48
_FREE_BITS = (1 << 128) - 1 & ~(0xF000 << 64) & ~(0xC000 << 48)
_SEPARATOR = "\x1f"


def _named(*parts: str) -> UUID:
    """UUIDv5 (RFC 9562, 5.5) of the parts; as `uuid5`, in half its time."""
    digest = hashlib.sha1(_NAMESPACE + _SEPARATOR.join(parts).encode(), usedforsecurity=False)
    number = int.from_bytes(digest.digest()[:16]) & _FREE_BITS | _VERSION_5
    return UUID(int=number)


def subject_id(scheme: str, value: str) -> UUID:
    """Id of an organisation, loan or foreign-coded person by its first identifier, normalised.

    An organisation first seen with a USCC whose inner check holds is named by
    ("org_code", characters 9–17), so the legacy code and the USCC meet.
    """
    return _named("subject", scheme, value)


def record_id(origin_region: str, issuer: str, kind: str, natural_key: tuple[str, ...]) -> UUID:
    """Id of a record by origin region, issuer (USCC, else name), kind and natural key."""
    return _named("record", origin_region, issuer, kind, *natural_key)


def relation_id(
    origin_region: str, kind: str, source: str, target: str, natural_key: tuple[str, ...]
) -> UUID:
    """Id of a relation by origin, kind, the first identifiers of both ends (`scheme:value`) and
    natural key."""
    return _named("relation", origin_region, kind, source, target, *natural_key)


def interest_id(origin_region: str, subject: str, statement_no: str, key: str) -> UUID:
    """Id of a declared interest by origin, the body's first identifier, the declaration's number
    of the record, and what tells its interests apart."""
    return _named("interest", origin_region, subject, statement_no, key)


def concert_id(origin_region: str, agreement_no: str) -> UUID:
    """Id of an agreement to act in concert by origin and its number."""
    return _named("concert", origin_region, agreement_no)


def batch_id(sha256: bytes, kind: str, source: str) -> UUID:
    """Id of a batch: the same file sent twice is the same batch (W28)."""
    return _named("batch", sha256.hex(), kind, source)
