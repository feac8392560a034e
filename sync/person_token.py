"""Tokens by which two cities meet a person without telling each other who it is (X08).

A token is HMAC-SHA-256 of the document number under the agreement's match key, which both cities
hold and nobody else, and eight bytes of HMAC over the token itself, which prove that whoever made
it holds the key: a plain hash of a number is refused, not just unmatched. Source: access rules §6
("hashing is not anonymisation"), cross-region requirement X08.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from sync.errors import SyncError

if TYPE_CHECKING:
    from store.connection import Connection

_TOKEN = re.compile(r"xqm1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{11})")
_NUMBER, _PROOF = b"xinqiao person match v1\0", b"xinqiao person match proof v1\0"
_IDENTITY_CARD = "IDENTITY_CARD"
_CHUNK = 1_000
_NONE = UUID(int=0)
_MALFORMED = (
    "Send the agreement's keyed token (xqm1.…): names, numbers and plain hashes are refused."
)


class TokenError(SyncError):
    """A text that is no token of the agreement; nothing was looked up."""


class Decipher(Protocol):
    """Reads the document numbers that this node keeps encrypted."""

    def decrypt(self, data: bytes, context: bytes) -> str: ...


@dataclass(frozen=True, slots=True)
class MatchKey:
    """The match key of one agreement: 32 secret bytes that both cities hold."""

    agreement: str
    secret: bytes

    def token(self, number: str, document: str = _IDENTITY_CARD) -> str:
        """The token of a normalised document number, as the asking city sends it."""
        digest = self.digest(number, document)
        return f"xqm1.{_text(digest)}.{_text(self._proof(digest))}"

    def digest(self, number: str, document: str = _IDENTITY_CARD) -> bytes:
        """The 32 bytes by which both cities find the person."""
        told = number if document == _IDENTITY_CARD else f"{document}:{number}"
        return hmac.digest(self.secret, _NUMBER + told.encode(), "sha256")

    def read(self, text: str) -> bytes:
        """The 32 bytes in a token.

        Raises TokenError `TOKEN_MALFORMED` for a name, a number or a hash, and `TOKEN_NOT_KEYED`
        for a token that was not made with this agreement's key.
        """
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise TokenError("TOKEN_MALFORMED", _MALFORMED)
        digest, proof = (urlsafe_b64decode(part + "=") for part in match.groups())
        if (_text(digest), _text(proof)) != match.groups():  # a second spelling of the same bytes
            raise TokenError("TOKEN_MALFORMED", _MALFORMED)
        if not hmac.compare_digest(proof, self._proof(digest)):
            raise TokenError(
                "TOKEN_NOT_KEYED", "Make the token with the match key of the agreement in force."
            )
        return digest

    def _proof(self, digest: bytes) -> bytes:
        return hmac.digest(self.secret, _PROOF + digest, "sha256")[:8]


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


async def keep_tokens(
    connection: Connection, key: MatchKey, cipher: Decipher, context: bytes
) -> bool:
    """Token the next persons with a number, at most a thousand; whether more are waiting.

    First goes through everybody the node knows, then follows the outbox, so that a new person is
    found within seconds and a new agreement within minutes. Each step is one transaction.
    `context` is the one under which the numbers were encrypted.
    """
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO person_token_progress (agreement_id, scanned, xid, seq)"
            " SELECT $1, $2, pg_snapshot_xmin(pg_current_snapshot()), 0 ON CONFLICT DO NOTHING",
            key.agreement,
            _NONE,
        )
        at = await connection.fetchrow(
            "SELECT scanned, xid::text AS xid, seq FROM person_token_progress"
            " WHERE agreement_id = $1 FOR UPDATE",
            key.agreement,
        )
        assert at is not None
        if at["scanned"] is not None:
            return await _scan(connection, key, cipher, context, at["scanned"])
        rows = await connection.fetch(
            "SELECT entity, entity_id, xid::text AS xid, seq FROM outbox"
            " WHERE (xid, seq) > ($1::text::xid8, $2)"
            " AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, seq LIMIT $3",
            at["xid"],
            at["seq"],
            _CHUNK,
        )
        if not rows:
            return False
        persons = {row["entity_id"] for row in rows if row["entity"] == "SUBJECT"}
        await _token(
            connection,
            key,
            cipher,
            context,
            await connection.fetch(
                "SELECT subject_id, id_type, id_number FROM person"
                " WHERE subject_id = ANY ($1) AND id_number IS NOT NULL",
                persons,
            ),
        )
        await connection.execute(
            "UPDATE person_token_progress SET xid = $2::text::xid8, seq = $3"
            " WHERE agreement_id = $1",
            key.agreement,
            rows[-1]["xid"],
            rows[-1]["seq"],
        )
        return len(rows) == _CHUNK


async def _scan(
    connection: Connection, key: MatchKey, cipher: Decipher, context: bytes, after: UUID
) -> bool:
    rows = await connection.fetch(
        "SELECT subject_id, id_type, id_number FROM person WHERE subject_id > $1"
        " ORDER BY subject_id LIMIT $2",
        after,
        _CHUNK,
    )
    await _token(connection, key, cipher, context, rows)
    await connection.execute(
        "UPDATE person_token_progress SET scanned = $2 WHERE agreement_id = $1",
        key.agreement,
        rows[-1]["subject_id"] if len(rows) == _CHUNK else None,
    )
    return True


async def _token(
    connection: Connection,
    key: MatchKey,
    cipher: Decipher,
    context: bytes,
    rows: Iterable[Mapping[str, Any]],
) -> None:
    told = [
        (
            key.agreement,
            key.digest(cipher.decrypt(bytes(row["id_number"]), context), row["id_type"]),
            row["subject_id"],
        )
        for row in rows
        if row["id_number"] is not None
    ]
    await connection.executemany(
        "INSERT INTO person_token (agreement_id, token, subject_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (subject_id, agreement_id) DO UPDATE SET token = EXCLUDED.token",
        told,
    )
