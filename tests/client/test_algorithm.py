"""The three signature algorithms: published vectors, OpenSSL's own program, and what is refused."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from client import libcrypto
from client.algorithm import (
    Algorithm,
    PublicKey,
    algorithm_of,
    load_private_key,
    new_private_key,
    private_pem,
    public_bytes,
    verifier,
)
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.profile import content_digest, sm3_digest

# GB/T 32918.5-2017 annex A.2: key, message and signature on the recommended curve.
SM2_POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
SM2_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
SM2_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDERS = {Algorithm.ECDSA_P256_SHA256: P256_ORDER, Algorithm.SM2_SM3: SM2_ORDER}

KEYS = {algorithm: SigningKey.generate(f"key-{algorithm}", algorithm) for algorithm in Algorithm}
OPENSSL = shutil.which("openssl")
_NO_OPENSSL = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


def holds(algorithm: Algorithm, public: bytes, signature: bytes, data: bytes) -> bool:
    return PublicKey(algorithm, public).holds(signature, data)


def openssl(*words: str, data: bytes | None = None) -> bytes:
    assert OPENSSL is not None
    return subprocess.run([OPENSSL, *words], input=data, capture_output=True, check=True).stdout


def test_sm2_signature_of_gbt_32918_5() -> None:
    verifier("sm2-sm3", SM2_POINT).verify(SM2_SIGNATURE, b"message digest")
    assert not holds(Algorithm.SM2_SM3, SM2_POINT, SM2_SIGNATURE, b"message Digest")


def test_sm3_digests_of_gbt_32905() -> None:
    assert sm3_digest(b"abc").hex() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )
    assert sm3_digest(b"abcd" * 16).hex() == (
        "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    )


@_NO_OPENSSL
@pytest.mark.parametrize("size", [0, 55, 56, 64, 1000])
def test_sm3_is_openssls(size: int) -> None:
    data = bytes(range(256)) * 4
    printed = openssl("dgst", "-sm3", "-binary", data=data[:size])
    assert printed == sm3_digest(data[:size])


@_NO_OPENSSL
def test_openssl_and_we_verify_each_others_sm2(tmp_path: Path) -> None:
    user, message = "distid:1234567812345678", tmp_path / "message"
    message.write_bytes("本溪信桥".encode() * 99)
    theirs, public = tmp_path / "theirs.pem", tmp_path / "public.pem"
    openssl("genpkey", "-algorithm", "SM2", "-out", str(theirs))
    key = SigningKey.load(theirs, "sm2")
    assert key.algorithm is Algorithm.SM2_SM3
    options = ("-rawin", "-digest", "sm3", "-pkeyopt", user, "-in", str(message))
    der = openssl("pkeyutl", "-sign", "-inkey", str(theirs), *options)
    r, s = decode_dss_signature(der)
    assert key.public_key.holds(r.to_bytes(32) + s.to_bytes(32), message.read_bytes())
    # and the other way, with a key that we made and wrote
    KEYS[Algorithm.SM2_SM3].save(tmp_path / "ours.pem")
    signature = KEYS[Algorithm.SM2_SM3].sign(message.read_bytes())
    numbers = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    (tmp_path / "signature").write_bytes(encode_dss_signature(*numbers))
    openssl("pkey", "-in", str(tmp_path / "ours.pem"), "-pubout", "-out", str(public))
    checked = ("-pubin", "-inkey", str(public), "-sigfile", str(tmp_path / "signature"))
    assert b"Verified Successfully" in openssl("pkeyutl", "-verify", *checked, *options)


@given(st.sampled_from(list(Algorithm)), st.binary(max_size=300), st.data())
def test_a_signature_holds_for_its_bytes_and_key_alone(
    algorithm: Algorithm, data: bytes, draw: st.DataObject
) -> None:
    key = KEYS[algorithm]
    signature = key.sign(data)
    assert len(signature) == 64
    assert key.public_key.holds(signature, data)
    assert not key.public_key.holds(signature, data + b"x")
    bit = draw.draw(st.integers(0, 511))
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not key.public_key.holds(bytes(changed), data)
    for other, stranger in KEYS.items():
        if other is not algorithm:
            assert not stranger.public_key.holds(signature, data)


@given(st.sampled_from(list(Algorithm)), st.binary(max_size=140))
def test_no_signature_and_no_public_key_breaks_a_verifier(algorithm: Algorithm, raw: bytes) -> None:
    assert not KEYS[algorithm].public_key.holds(raw, b"data")
    assert not holds(algorithm, raw, bytes(64), b"data")


@pytest.mark.parametrize("algorithm", ORDERS)
def test_numbers_out_of_range_are_refused_and_high_s_is_not(algorithm: Algorithm) -> None:
    key, order = KEYS[algorithm], ORDERS[algorithm]
    signature = key.sign(b"data")
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    for numbers in ((0, s), (r, 0), (order, s), (r, order), (0, 0), (r, 2**256 - 1)):
        raw = b"".join(number.to_bytes(32) for number in numbers)
        assert not key.public_key.holds(raw, b"data")
    if algorithm is Algorithm.ECDSA_P256_SHA256:  # s and n - s are both ECDSA signatures
        assert key.public_key.holds(signature[:32] + (order - s).to_bytes(32), b"data")


@pytest.mark.parametrize("algorithm", ORDERS)
def test_points_off_the_curve_and_compressed_points_are_no_keys(algorithm: Algorithm) -> None:
    point = KEYS[algorithm].public
    (other,) = ORDERS.keys() - {algorithm}
    wrong = [
        point[:-1] + bytes([point[-1] ^ 1]),
        bytes([2 + point[-1] % 2]) + point[1:33],
        b"\x00",
        b"\x04" + bytes(64),
        KEYS[other].public,
    ]
    for public in wrong:
        with pytest.raises(ValueError, match=r"."):
            verifier(algorithm, public)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_private_keys_are_written_and_read_back(algorithm: Algorithm, tmp_path: Path) -> None:
    key = KEYS[algorithm]
    key.save(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    again = SigningKey.load(tmp_path / "key.pem", key.key_id)
    assert (again.algorithm, again.public) == (algorithm, key.public)
    assert key.public_key.holds(again.sign(b"x"), b"x")


def test_other_private_keys_are_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP384R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    lines = private_pem(KEYS[Algorithm.SM2_SM3].private).split(b"\n")
    for pem in (other, b"", b"\xff", b"\n".join([lines[0], b"AAAA", *lines[-2:]])):
        with pytest.raises(ValueError, match=r"."):
            load_private_key(pem)
        (tmp_path / "key.pem").write_bytes(pem)
        with pytest.raises(ClientError, match="CLIENT_KEY"):
            SigningKey.load(tmp_path / "key.pem", "x")


def test_node_keys_name_the_algorithm_of_each() -> None:
    keys = NodeKeys({key.key_id: key.public_key for key in KEYS.values()}, {})
    assert NodeKeys.from_json(keys.to_json()) == keys
    texts = {key.algorithm: key.public_key.text for key in KEYS.values()}
    assert texts[Algorithm.ED25519] == KEYS[Algorithm.ED25519].public.hex()
    assert texts[Algorithm.SM2_SM3].startswith("sm2-sm3:04")
    for wrong in ("", "00", "sm2-sm3:00", "rsa:00", "ed25519:" + "00" * 65, "é"):
        with pytest.raises(ValueError, match=r"."):
            PublicKey.parse(wrong)


def test_without_sm2_on_the_machine_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(libcrypto, "_load", lambda: None)
    libcrypto.libcrypto.cache_clear()
    try:
        for attempt in (
            lambda: new_private_key(Algorithm.SM2_SM3),
            lambda: verifier("sm2-sm3", SM2_POINT),
        ):
            with pytest.raises(ClientError, match="ALGORITHM_UNAVAILABLE: Install OpenSSL 3"):
                attempt()
        verifier("ecdsa-p256-sha256", KEYS[Algorithm.ECDSA_P256_SHA256].public)
    finally:
        libcrypto.libcrypto.cache_clear()


def test_sm3_stands_beside_sha256_in_content_digest() -> None:
    assert content_digest(bytes(32), sm3_digest(b"abc")) == (
        "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:, "
        "sm3=:Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA=:"
    )


def test_verifiers_say_no_by_raising() -> None:
    for algorithm, key in KEYS.items():
        assert algorithm_of(key.private) is algorithm
        with pytest.raises(InvalidSignature):
            verifier(algorithm, public_bytes(key.private)).verify(bytes(64), b"")
