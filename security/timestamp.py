"""RFC 3161 timestamps over checkpoints: a third party's word that a log was so at a time.

One token over a checkpoint dates every entry below its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

import asyncpg
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from security.errors import SecurityError
from security.tlog.checkpoint import Checkpoint
from security.tlog.note import Note

Connection: TypeAlias = "asyncpg.Connection[Any]"

_CERTIFICATES = 0xA0
"""DER tag of the certificates in SignedData (RFC 5652 §5.1)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a timestamp says: over which SHA-256 value, when, by whose word."""

    digest: bytes
    at: datetime
    authority: str


def timestamp_request(data: bytes) -> bytes:
    """Write a request (DER) for a timestamp over the SHA-256 of data; it asks for certificates."""
    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def read_timestamp(token: bytes) -> Stamp:
    """Read an authority's response (DER), nothing verified; `TIMESTAMP_UNREADABLE`."""
    return _stamp(_response(token))


def verify_timestamp(token: bytes, data: bytes, anchors: Sequence[bytes]) -> Stamp:
    """Verify a response over data; `anchors` are PEM certificates of authorities trusted here.

    Certificates must have been valid at the time stamped. Raises SecurityError
    `TIMESTAMP_UNREADABLE`, `TIMESTAMP_ANCHOR` for certificates that are none,
    `TIMESTAMP_INVALID` when it does not hold or is over something else.
    """
    response = _response(token)
    builder = VerifierBuilder()
    try:
        certificates = [one for pem in anchors for one in x509.load_pem_x509_certificates(pem)]
        for one in certificates:
            issued_itself = one.issuer == one.subject
            builder = (
                builder.add_root_certificate(one)
                if issued_itself
                else builder.add_intermediate_certificate(one)
            )
        verifier = builder.build()
    except ValueError:
        raise SecurityError(
            "TIMESTAMP_ANCHOR", "Name PEM files with the authority's root certificate among them."
        ) from None
    try:
        verifier.verify_message(response, data)
    except (VerificationError, ValueError):
        raise SecurityError(
            "TIMESTAMP_INVALID",
            "Ask the authority again: it is not its timestamp over this checkpoint.",
        ) from None
    return _stamp(response)


async def request_over(connection: Connection, log: str, checkpoint: bytes) -> bytes:
    """Remember a checkpoint that is handed to an authority, and give the request."""
    size = Checkpoint.parse(Note.parse(checkpoint).text).size
    await connection.execute(
        "INSERT INTO log_timestamp (digest, log, size, checkpoint) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        sha256(checkpoint).digest(),
        log,
        size,
        checkpoint,
    )
    return timestamp_request(checkpoint)


async def attach(
    connection: Connection, token: bytes, anchors: Sequence[bytes]
) -> tuple[int, Stamp]:
    """Keep an authority's response that verifies; the size it dates and what it says.

    Raises as `verify_timestamp`, and `TIMESTAMP_UNASKED` when no checkpoint was handed out that
    it is over.
    """
    row = await connection.fetchrow(
        "SELECT digest, size, checkpoint FROM log_timestamp WHERE digest = $1",
        read_timestamp(token).digest,
    )
    if row is None:
        raise SecurityError(
            "TIMESTAMP_UNASKED", "Make a request by `audit timestamp request` and have it stamped."
        )
    stamp = verify_timestamp(token, row["checkpoint"], anchors)
    await connection.execute(
        "UPDATE log_timestamp SET token = $2, stamped_at = $3, authority = $4"
        " WHERE digest = $1 AND (stamped_at IS NULL OR stamped_at > $3)",
        row["digest"],
        token,
        stamp.at,
        stamp.authority,
    )
    return row["size"], stamp


async def stamped(connection: Connection, log: str, index: int) -> tuple[bytes, bytes] | None:
    """Give the earliest stamped checkpoint over an entry, and its token."""
    row = await connection.fetchrow(
        "SELECT checkpoint, token FROM log_timestamp"
        " WHERE log = $1 AND size > $2 AND token IS NOT NULL ORDER BY stamped_at LIMIT 1",
        log,
        index,
    )
    return None if row is None else (row["checkpoint"], row["token"])


def _response(token: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(_ordered(token))
    except ValueError:
        raise SecurityError(
            "TIMESTAMP_UNREADABLE", "Give the authority's response, a file in DER (.tsr)."
        ) from None


def _ordered(token: bytes) -> bytes:
    """Put the certificates of a response in the order of DER (X.690 §11.6).

    OpenSSL writes them as they come, and nothing that is signed covers their order. Raises
    ValueError when the response is cut.
    """
    # TimeStampResp: status, token; ContentInfo: type, [0]; SignedData: version, digests, content.
    at = 0
    for skipped in (1, 1, 0, 3):
        at = _element(token, at)[0]
        for _ in range(skipped):
            at = _element(token, at)[1]
    start, end = _element(token, at)
    if token[at] != _CERTIFICATES:
        return token
    members, at = [], start
    while at < end:
        after = _element(token, at)[1]
        members.append(token[at:after])
        at = after
    return token[:start] + b"".join(sorted(members)) + token[end:]


def _element(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at a position begins and ends."""
    if at + 2 > len(data):
        raise ValueError
    length, start = data[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start], "big")
    if start + length > len(data):
        raise ValueError
    return start, start + length


def _stamp(response: TimeStampResponse) -> Stamp:
    try:
        info = response.tst_info
        at = info.gen_time
        issuer = next(iter(response.signed_data.signer_infos)).issuer
    except (ValueError, StopIteration):
        raise SecurityError(
            "TIMESTAMP_UNREADABLE", "Ask the authority again: its answer holds no timestamp."
        ) from None
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return Stamp(info.message_imprint.message, aware, issuer.rfc4514_string())
