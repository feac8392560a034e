"""One-time codes by which a user enrols the key of a device: made, and used up.

A code is twelve letters and digits, `XXXX-XXXX-XXXX`. Its first four, the locator, find the
invitation; the other eight (40 bits) are the secret. The database keeps an HMAC of the code under
a key that is not in it. After five wrong codes with its locator an invitation is dead.
"""

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature

from client.algorithm import Algorithm, verifier
from client.enrolment import proof_text
from client.errors import ClientError
from security.directory import Connection, Directory
from security.errors import KeyEnrolledError, SecurityError
from security.keys import key_id
from security.registry import FOREVER, SANDBOX, SANDBOX_DAYS, Caller, RegisteredKey

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U."""
MAX_WRONG = 5
MAX_MINUTES = 7 * 24 * 60
"""Longest life of a code, minutes."""
DEVICE_ALGORITHMS = (Algorithm.ECDSA_P256_SHA256, Algorithm.ED25519)
"""What a browser's WebCrypto can make."""

_INVITATION = """
SELECT i.digest, i.caller_id, i.device, i.key_days, i.made_by, i.expires_at, i.wrong, i.key_id,
       c.name, c.role, c.unit_uscc, c.region, c.district, c.valid_from AS caller_from,
       c.valid_to AS caller_to
  FROM key_invitation i JOIN caller c ON c.id = i.caller_id
 WHERE i.locator = $1 FOR UPDATE OF i
"""
_READ_ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0", " ": None, "-": None})


class InvitationError(SecurityError):
    """An enrolment by code is refused; why exactly is not told to whoever tries codes."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an invitation gave: the caller's new key on a device, and until when it is good."""

    key: RegisteredKey
    device: str


def code_digest(secret: bytes, code: str) -> bytes:
    """Give what the database keeps of a code in normal form."""
    return hmac.digest(secret, b"xinqiao invitation v1\n" + code.encode(), "sha256")


def normal_form(code: str) -> str:
    """Write a code as it was made: upper case, no hyphens or spaces, read-alikes replaced.

    Raises InvitationError `INVITATION_INVALID`.
    """
    normal = code.upper().translate(_READ_ALIKE)
    if len(normal) != 12 or any(one not in ALPHABET for one in normal):
        raise _invalid()
    return normal


async def invite(
    connection: Connection,
    secret: bytes,
    caller_id: str,
    device: str,
    by: str,
    *,
    minutes: int,
    key_days: int,
) -> str:
    """Make a code for an enrolled caller's device and give it, for the only time.

    A key for the demo world is good for `SANDBOX_DAYS` at most.

    Raises InvitationError `INVITATION_TERMS`, `CALLER_UNKNOWN`.
    """
    if not 1 <= minutes <= MAX_MINUTES or not 1 <= key_days <= 3650 or not 1 <= len(device) <= 64:
        raise InvitationError(
            "INVITATION_TERMS",
            f"Give 1 to {MAX_MINUTES} minutes, 1 to 3650 days and a device name of 1 to 64"
            " characters.",
        )
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM caller WHERE id = $1)", caller_id):
        raise InvitationError("CALLER_UNKNOWN", "Enrol the caller first: `xinqiao key new`.")
    if caller_id.startswith(SANDBOX):
        key_days = min(key_days, SANDBOX_DAYS)
    await connection.execute(
        "DELETE FROM key_invitation WHERE expires_at < now() - interval '1 day'"
    )
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(12))
        made = await connection.execute(
            "INSERT INTO key_invitation (locator, digest, caller_id, device, key_days, made_by,"
            " expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            code[:4],
            code_digest(secret, code),
            caller_id,
            device,
            key_days,
            by,
            expires,
        )
        if made == "INSERT 0 1":
            return f"{code[:4]}-{code[4:8]}-{code[8:]}"


async def accept(
    directory: Directory,
    secret: bytes,
    origin: str,
    code: str,
    algorithm: Algorithm,
    public: bytes,
    proof: bytes,
    now: datetime,
) -> Enrolled:
    """Use a code up: enrol the key whose holder proves to have it, in one transaction.

    `origin` is the node's, as callers sign it. Raises InvitationError `INVITATION_INVALID` (wrong,
    used, expired or dead: never which), `INVITATION_KEY`, `INVITATION_PROOF`.
    """
    if algorithm not in DEVICE_ALGORITHMS:
        raise InvitationError("INVITATION_KEY", "Enrol a P-256 or an Ed25519 public key.")
    try:
        verifying = verifier(algorithm, public)
    except (ValueError, ClientError):
        raise InvitationError(
            "INVITATION_KEY", "Send the public key as JWK, or as SPKI in base64."
        ) from None
    normal = normal_form(code)
    try:
        verifying.verify(proof, proof_text(origin, code, algorithm, public))
    except InvalidSignature:
        raise InvitationError(
            "INVITATION_PROOF", "Sign origin, code and key with the private key that is enrolled."
        ) from None
    used = await _use(directory, code_digest(secret, normal), normal[:4], algorithm, public, now)
    if used is None:
        raise _invalid()
    return used


async def _use(
    directory: Directory,
    digest: bytes,
    locator: str,
    algorithm: Algorithm,
    public: bytes,
    now: datetime,
) -> Enrolled | None:
    connection = directory.connection
    async with connection.transaction():
        row = await connection.fetchrow(_INVITATION, locator)
        if row is None:
            return None
        if not hmac.compare_digest(row["digest"], digest):
            await connection.execute(
                "UPDATE key_invitation SET wrong = wrong + 1 WHERE locator = $1 AND wrong < $2",
                locator,
                MAX_WRONG,
            )
            return None
        over = min(row["expires_at"], row["caller_to"] or row["expires_at"]) <= now
        if over or row["key_id"] is not None or row["wrong"] >= MAX_WRONG:
            return None
        caller = Caller(
            row["caller_id"],
            row["name"],
            row["role"],
            row["unit_uscc"],
            row["region"],
            row["caller_from"].timestamp(),
            FOREVER if row["caller_to"] is None else row["caller_to"].timestamp(),
            district=row["district"],
        )
        key = RegisteredKey(
            key_id(caller.id, public),
            caller,
            algorithm,
            public,
            now.timestamp(),
            (now + timedelta(days=row["key_days"])).timestamp(),
        )
        acting = replace(directory, by=f"invitation {locator} of {row['made_by']}")
        try:
            new = await acting.enrol(key, row["device"])
        except KeyEnrolledError:
            new = False
        if not new:
            raise InvitationError("INVITATION_KEY", "Make a new key: this one is enrolled already.")
        await connection.execute(
            "UPDATE key_invitation SET key_id = $2 WHERE locator = $1", locator, key.key_id
        )
        return Enrolled(key, row["device"])


def _invalid() -> InvitationError:
    return InvitationError(
        "INVITATION_INVALID", "Ask who invited you for a new code: this one is not good."
    )
