"""X04: the Ed25519 of the hot path accepts nothing that OpenSSL, and so any reader, refuses."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519 as openssl
from hypothesis import given
from hypothesis import strategies as st

from client.ed25519 import Ed25519PublicKey, Ed25519Signer

_ORDER = 2**252 + 27742317777372353535851937790883648493
_SEED, _PUBLIC, _MESSAGE, _SIGNATURE = (
    # RFC 8032 §7.1, TEST 2
    bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    b"\x72",
    bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
)
_PRIVATE = openssl.Ed25519PrivateKey.from_private_bytes(_SEED)
# A signature whose R has a part of order 8 added by the key's holder, S made for it: the equation
# with the cofactor of RFC 8032 §5.1.7 holds, the one without it does not.
_TORSION = (
    _PUBLIC,
    b"torsion",
    bytes.fromhex(
        "b15bf26424d1b69dd33b7a9e57db5de4a2aadea4a2a051efd9bfd6af74165d2b"
        "2506019cf7806746e646265c472b51edde71875d9b45adc09bfd405a5180ef0b"
    ),
)
# "Taming the many EdDSAs" (Chalkias et al., 2020), case 0: key and R of small order, S zero.
_SMALL = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")


def _accepts(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_the_rfc_vector_holds_and_is_made_again() -> None:
    assert _accepts(_PUBLIC, _SIGNATURE, _MESSAGE)
    assert Ed25519Signer(_PRIVATE).sign(_MESSAGE) == _SIGNATURE


def test_what_is_right_only_with_the_cofactor_is_refused() -> None:
    public, message, signature = _TORSION
    assert not _accepts(public, signature, message)
    with pytest.raises(InvalidSignature):
        openssl.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)


def test_a_second_form_of_a_signature_is_refused() -> None:
    half = int.from_bytes(_SIGNATURE[32:], "little") + _ORDER
    assert not _accepts(_PUBLIC, _SIGNATURE[:32] + half.to_bytes(32, "little"), _MESSAGE)


def test_a_key_of_small_order_verifies_nothing() -> None:
    assert not _accepts(_SMALL, _SMALL + bytes(32), _MESSAGE)
    assert not _accepts(bytes([1]) + bytes(31), bytes([1]) + bytes(63), _MESSAGE)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    assert not _accepts(_PUBLIC, (_SIGNATURE + b"\0")[:length], _MESSAGE)


def test_a_key_of_another_length_is_no_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519PublicKey(bytes(31))


@given(message=st.binary(max_size=300), seed=st.binary(min_size=32, max_size=32), data=st.data())
def test_both_libraries_sign_alike_and_refuse_each_flipped_bit(
    message: bytes, seed: bytes, data: st.DataObject
) -> None:
    private = openssl.Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    signature = Ed25519Signer(private).sign(message)
    assert signature == private.sign(message)
    assert _accepts(public, signature, message)
    bit = data.draw(st.integers(0, 511))
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not _accepts(public, bytes(flipped), message)
