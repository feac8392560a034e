"""Key files, field encryption and the registry of keys."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import KeyFileError, SecurityError, SignatureError
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.registry import (
    Algorithm,
    Caller,
    RegisteredKey,
    enrol_caller,
    enrol_key,
    load_registry,
    revoke_key,
    rotate_key,
)

CONTEXT = b"person.number"


def test_keys_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path / "keys")
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: folder.signing_key("benxi").public, range(16)))
    assert len(set(keys)) == 1
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(KeyFileError, match="KEY_FILE_OPEN"):
        folder.signing_key("benxi")


def test_encrypted_field_reads_back_only_in_its_place(tmp_path: Path) -> None:
    cipher = FieldCipher(KeyFolder(tmp_path))
    data = cipher.encrypt("21059019640101001X", CONTEXT)
    assert b"2105901964" not in data
    assert data != cipher.encrypt("21059019640101001X", CONTEXT)
    assert FieldCipher(KeyFolder(tmp_path)).decrypt(data, CONTEXT) == "21059019640101001X"
    changed = [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(len(data))]
    for other, context in [
        (data, b"person.phone"),
        (b"", CONTEXT),
        *((c, CONTEXT) for c in changed),
    ]:
        with pytest.raises(SecurityError, match="FIELD_UNREADABLE"):
            cipher.decrypt(other, context)


def test_data_keys_lie_wrapped(tmp_path: Path) -> None:
    data = FieldCipher(KeyFolder(tmp_path)).encrypt("x", CONTEXT)
    raw = (tmp_path / "field-data-k1.key").read_bytes()
    with pytest.raises(Exception, match=r"^$"):
        AESGCM(raw[:32]).decrypt(data[3:15], data[15:], data[:3] + CONTEXT)


def test_blind_index_is_keyed_by_epoch_and_kind(tmp_path: Path) -> None:
    cipher = FieldCipher(KeyFolder(tmp_path / "a"))
    index = cipher.blind_index("id_number", "1")
    assert index.startswith("k1:")
    assert len(index) == 67
    assert index == FieldCipher(KeyFolder(tmp_path / "a")).blind_index("id_number", "1")
    assert index != cipher.blind_index("passport", "1")
    assert index != FieldCipher(KeyFolder(tmp_path / "b")).blind_index("id_number", "1")
    old = cipher.encrypt("x", CONTEXT)
    other = FieldCipher(KeyFolder(tmp_path / "a"))  # as of another process
    assert (cipher.begin_data_key(), cipher.begin_epoch()) == (2, 2)
    assert (other.number, other.epoch) == (2, "k2")
    assert other.is_current(other.encrypt("x", CONTEXT)) > other.is_current(old)
    assert cipher.blind_index("id_number", "1").startswith("k2:")
    assert cipher.blind_indexes("id_number", "1")[1] == index
    assert cipher.decrypt(old, CONTEXT) == "x"
    again = FieldCipher(KeyFolder(tmp_path / "a"))
    assert again.epoch == "k2"
    assert again.decrypt(cipher.encrypt("y", CONTEXT), CONTEXT) == "y"
    assert cipher.destroy_former(index=False) == cipher.destroy_former(index=True) == [1]
    assert FieldCipher(KeyFolder(tmp_path / "a")).opened(old, CONTEXT) is None
    assert len(other.blind_indexes("id_number", "1")) == 1


async def test_registry_follows_enrolment_rotation_and_revocation(
    database: str, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database)
    folder = KeyFolder(tmp_path)
    old, new = folder.signing_key("shenyang"), folder.signing_key("shenyang", "shenyang-2")
    caller = Caller("shenyang", "沈阳", "PCITY", None, "210100")
    await enrol_caller(connection, caller)
    await enrol_key(connection, RegisteredKey(old.key_id, caller, Algorithm.ED25519, old.public))
    first = await load_registry(connection)
    assert await load_registry(connection, first) is first
    key = first.usable(old.key_id, 1000)
    assert key.caller == caller
    first.verify(key, old.sign(b"x"), b"x")
    with pytest.raises(SignatureError, match="SIGNATURE_INVALID"):
        first.verify(key, old.sign(b"x"), b"y")
    successor = RegisteredKey(new.key_id, caller, Algorithm.ED25519, new.public, valid_from=2000)
    await rotate_key(connection, old.key_id, successor)
    second = await load_registry(connection, first)
    assert second.version > first.version
    assert second.usable(old.key_id, 1999)
    assert second.usable(new.key_id, 2000)
    with pytest.raises(SignatureError, match="KEY_EXPIRED"):
        second.usable(old.key_id, 2000)
    await revoke_key(connection, new.key_id, 5000, compromised_at=4000)
    third = await load_registry(connection, second)
    assert third.usable(new.key_id, 3999)
    with pytest.raises(SignatureError, match="KEY_REVOKED"):
        third.usable(new.key_id, 4000)
    # Revoked again, later: what was told first stays.
    await revoke_key(connection, old.key_id, 1500)
    for key_id in (old.key_id, new.key_id):
        await revoke_key(
            connection, key_id, 9000, compromised_at=8000 if key_id == new.key_id else None
        )
    fourth = await load_registry(connection, third)
    for key_id, last in ((old.key_id, 1499), (new.key_id, 3999)):
        assert fourth.usable(key_id, last)
        with pytest.raises(SignatureError, match="KEY_REVOKED"):
            fourth.usable(key_id, last + 1)
    await connection.close()
