"""One-time codes: used once, in time, by who holds the key; never kept as they are."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from client.algorithm import Algorithm
from client.enrolment import proof_text
from client.keys import SigningKey
from security.directory import Directory
from security.errors import KeyEnrolledError
from security.invitation import ALPHABET, InvitationError, accept, invite
from security.keys import key_id
from security.pending import unpack
from security.registry import Caller, RegisteredKey, enrol_caller, load_registry

ORIGIN = "http://127.0.0.1:8000"
SECRET = b"s" * 32
KEY = SigningKey.generate("", Algorithm.ECDSA_P256_SHA256)


async def _invited(connection: Any, minutes: int = 15) -> str:
    await enrol_caller(connection, Caller("clerk", "窗口", "ANALYST"))
    return await invite(
        connection, SECRET, "clerk", "laptop", "operator x", minutes=minutes, key_days=30
    )


async def _enrol(
    connection: Any,
    code: str,
    *,
    key: SigningKey = KEY,
    origin: str = ORIGIN,
    signed: str | None = None,
    minutes: float = 0,
) -> Any:
    proof = key.sign(proof_text(origin, signed or code, key.algorithm, key.public))
    return await accept(
        _directory(connection),
        SECRET,
        ORIGIN,
        code,
        key.algorithm,
        key.public,
        proof,
        datetime.now(UTC) + timedelta(minutes=minutes),
    )


def _directory(connection: Any) -> Directory:
    return Directory(connection, "xinqiao.benxi/access", "benxi", "enrolment")


def _other(code: str) -> str:
    """The same locator with another secret."""
    last = ALPHABET[(ALPHABET.index(code[-1]) + 1) % len(ALPHABET)]
    return code[:-1] + last


async def test_a_code_enrols_one_key_once_and_the_log_says_who(database: str) -> None:
    connection = await asyncpg.connect(database)
    code = await _invited(connection)
    enrolled = await _enrol(connection, f" {code.lower()} ".strip())
    assert enrolled.device == "laptop"
    registry = await load_registry(connection)
    key = registry.keys[enrolled.key.key_id]
    assert (key.caller.id, key.algorithm, key.public) == ("clerk", KEY.algorithm, KEY.public)
    assert 29 * 86400 < key.valid_to - datetime.now(UTC).timestamp() < 31 * 86400
    with pytest.raises(InvitationError, match="INVITATION_INVALID"):
        await _enrol(connection, code, key=SigningKey.generate(""))
    kept = b"".join(
        [str(row).encode() for row in await connection.fetch("SELECT * FROM key_invitation")]
    )
    (row,) = await connection.fetch("SELECT * FROM access_batch ORDER BY id DESC LIMIT 1")
    (pending,) = unpack(row["leaves"], row["payload"])
    for secret in (code[5:], code.replace("-", "")[4:]):
        assert secret.encode() not in kept + row["payload"]
    entry = orjson.loads(pending.entry)
    assert entry["kind"] == "KEY_CHANGE"
    told = entry["detail"]
    assert (told["change"], told["caller"], told["device"]) == ("ENROL", "clerk", "laptop")
    assert told["by"].endswith("of operator x")
    assert told["public"] == KEY.public.hex()
    await connection.close()


async def test_a_sandbox_key_on_a_device_is_good_no_longer_than_any(database: str) -> None:
    connection = await asyncpg.connect(database)
    await enrol_caller(connection, Caller("sandbox-wang", "王", "ANALYST"))
    code = await invite(connection, SECRET, "sandbox-wang", "tablet", "x", minutes=9, key_days=365)
    key = (await _enrol(connection, code)).key
    assert key.valid_to - key.valid_from == 90 * 86_400
    await connection.close()


async def test_two_at_once_get_one_key(database: str) -> None:
    pool = await asyncpg.create_pool(database, min_size=4)
    code = await _invited(pool)

    async def one() -> bool:
        async with pool.acquire() as connection:
            try:
                await _enrol(connection, code, key=SigningKey.generate(""))
            except InvitationError:
                return False
            return True

    assert sum(await asyncio.gather(*[one() for _ in range(8)])) == 1
    await pool.close()


async def test_a_key_is_one_caller_s(database: str) -> None:
    """Whoever signed with a key that two callers have could be either."""
    pool = await asyncpg.create_pool(database, min_size=4)
    new = SigningKey.generate("", Algorithm.ECDSA_P256_SHA256)

    async def enrol(name: str) -> bool:
        key = RegisteredKey(
            key_id(name, new.public), Caller(name, name, "ANALYST"), new.algorithm, new.public
        )
        async with pool.acquire() as connection:
            try:
                return await _directory(connection).enrol(key)
            except KeyEnrolledError:
                return False

    assert sum(await asyncio.gather(*[enrol(f"one-of-{n}") for n in range(4)])) == 1
    held = await pool.fetch("SELECT caller_id FROM key_registry WHERE public_key = $1", new.public)
    [holder] = [row["caller_id"] for row in held]
    assert not await enrol(holder), "it is known: nothing changes"
    code = await _invited(pool)
    async with pool.acquire() as connection:
        with pytest.raises(InvitationError, match="INVITATION_KEY"):
            await _enrol(connection, code, key=new)
        assert await _enrol(connection, code, key=SigningKey.generate("")), "the code is still good"
        registry = await load_registry(connection)
        former = next(key for key in registry.keys.values() if key.caller.id == "clerk")
        successor = replace(former, key_id="clerk-new", public=new.public)
        with pytest.raises(KeyEnrolledError, match="KEY_ENROLLED"):
            await _directory(connection).rotate(former, successor, 0)
        assert former == (await load_registry(connection)).keys[former.key_id]
    await pool.close()


async def test_an_invitation_dies_of_wrong_codes_and_of_time(database: str) -> None:
    connection = await asyncpg.connect(database)
    code = await _invited(connection)
    for _ in range(5):
        with pytest.raises(InvitationError, match="INVITATION_INVALID"):
            await _enrol(connection, _other(code))
    with pytest.raises(InvitationError, match="INVITATION_INVALID"):
        await _enrol(connection, code)
    late = await _invited(connection)
    with pytest.raises(InvitationError, match="INVITATION_INVALID"):
        await _enrol(connection, late, minutes=15.1)
    for unknown in ("0000-0000-0000", "UUUU-UUUU-UUUU", "x", "0" * 13):
        with pytest.raises(InvitationError, match="INVITATION_INVALID"):
            await _enrol(connection, unknown)
    assert await _enrol(connection, late, minutes=14.9)
    await connection.close()


async def test_the_sender_must_hold_the_key_and_mean_this_node(database: str) -> None:
    connection = await asyncpg.connect(database)
    code = await _invited(connection)
    for told in ({"origin": "http://127.0.0.1:8001"}, {"signed": _other(code)}):
        with pytest.raises(InvitationError, match="INVITATION_PROOF"):
            await _enrol(connection, code, **told)
    with pytest.raises(InvitationError, match="INVITATION_KEY"):
        await _enrol(connection, code, key=SigningKey.generate("", Algorithm.SM2_SM3))
    # A wrong proof used nothing up.
    assert await _enrol(connection, code)
    with pytest.raises(InvitationError, match="CALLER_UNKNOWN"):
        await invite(connection, SECRET, "nobody", "x", "y", minutes=1, key_days=1)
    with pytest.raises(InvitationError, match="INVITATION_TERMS"):
        await invite(connection, SECRET, "clerk", "x", "y", minutes=10**6, key_days=1)
    await connection.close()
