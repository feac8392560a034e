"""SM2 by the system's libcrypto (OpenSSL 3), through as thin a binding as will do.

Only what `client.sm2` needs is bound. `cryptography` brings a libcrypto of its own that gives
no SM2, hence the system's. Nothing here keeps state but the handle of the library.
"""

import ctypes
import ctypes.util
from collections.abc import Sequence
from functools import cache
from typing import Any

from client.errors import ClientError

_NAMES = ("libcrypto.so.3", "libcrypto.3.dylib")
_INTEGER, _UTF8, _OCTETS = ctypes.c_int, 4, 5
_PUBLIC_KEY = 0x86  # EVP_PKEY_PUBLIC_KEY of openssl/evp.h
_LONGEST = 80  # bytes; the longest in DER has 72
_POINTER, _TEXT, _SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t

_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ERR_clear_error": (None, ()),
    "EVP_PKEY_CTX_new_from_name": (_POINTER, (_POINTER, _TEXT, _TEXT)),
    "EVP_PKEY_CTX_free": (None, (_POINTER,)),
    "EVP_PKEY_fromdata_init": (_INTEGER, (_POINTER,)),
    "EVP_PKEY_fromdata": (_INTEGER, (_POINTER, _POINTER, _INTEGER, _POINTER)),
    "EVP_PKEY_keygen_init": (_INTEGER, (_POINTER,)),
    "EVP_PKEY_keygen": (_INTEGER, (_POINTER, _POINTER)),
    "EVP_PKEY_is_a": (_INTEGER, (_POINTER, _TEXT)),
    "EVP_PKEY_free": (None, (_POINTER,)),
    "EVP_PKEY_get_octet_string_param": (
        _INTEGER,
        (_POINTER, _TEXT, _POINTER, _SIZE, ctypes.POINTER(_SIZE)),
    ),
    "EVP_PKEY2PKCS8": (_POINTER, (_POINTER,)),
    "i2d_PKCS8_PRIV_KEY_INFO": (_INTEGER, (_POINTER, _POINTER)),
    "PKCS8_PRIV_KEY_INFO_free": (None, (_POINTER,)),
    "d2i_AutoPrivateKey": (_POINTER, (_POINTER, _POINTER, ctypes.c_long)),
    "EVP_MD_CTX_new": (_POINTER, ()),
    "EVP_MD_CTX_free": (None, (_POINTER,)),
    "EVP_DigestSignInit_ex": (
        _INTEGER,
        (_POINTER, _POINTER, _TEXT, _POINTER, _TEXT, _POINTER, _POINTER),
    ),
    "EVP_PKEY_CTX_set1_id": (_INTEGER, (_POINTER, _TEXT, _INTEGER)),
    "EVP_DigestSign": (_INTEGER, (_POINTER, _TEXT, ctypes.POINTER(_SIZE), _TEXT, _SIZE)),
    "EVP_DigestVerifyInit_ex": (
        _INTEGER,
        (_POINTER, _POINTER, _TEXT, _POINTER, _TEXT, _POINTER, _POINTER),
    ),
    "EVP_DigestVerify": (_INTEGER, (_POINTER, _TEXT, _SIZE, _TEXT, _SIZE)),
}


class _Parameter(ctypes.Structure):
    """OSSL_PARAM of openssl/core.h."""

    _fields_ = (
        ("key", _TEXT),
        ("data_type", ctypes.c_uint),
        ("data", _TEXT),
        ("data_size", _SIZE),
        ("return_size", _SIZE),
    )


def _parameters(given: Sequence[tuple[bytes, int, bytes]]) -> Any:
    array = (_Parameter * (len(given) + 1))()
    for place, (name, kind, data) in enumerate(given):
        array[place] = _Parameter(name, kind, data, len(data), 0)
    return array


@cache
def libcrypto() -> ctypes.CDLL:
    """Give the system's libcrypto; ClientError `ALGORITHM_UNAVAILABLE` when it has no SM2."""
    library = _load()
    context = None
    if library is not None:
        context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    if library is None or context is None:
        raise ClientError(
            "ALGORITHM_UNAVAILABLE",
            "Install OpenSSL 3 with SM2 (Debian: libssl3) to use sm2-sm3 keys.",
        )
    library.EVP_PKEY_CTX_free(context)
    return library


def _load() -> ctypes.CDLL | None:
    for name in (*_NAMES, None):
        # The search starts programs, so it comes last.
        found = name or ctypes.util.find_library("crypto")
        try:
            library = ctypes.CDLL(found) if found else None
        except OSError:
            continue
        if library is None:
            return None
        try:
            for function, (result, arguments) in _FUNCTIONS.items():
                bound = getattr(library, function)
                bound.restype, bound.argtypes = result, arguments
        except AttributeError:  # an OpenSSL before 3
            continue
        return library
    return None


class PKey:
    """An SM2 key that libcrypto holds, freed with its last reference; threads may share it."""

    __slots__ = ("_key", "_library")

    def __init__(self, library: ctypes.CDLL, key: int) -> None:
        self._library = library
        self._key = key

    def __del__(self) -> None:
        self._library.EVP_PKEY_free(self._key)

    @classmethod
    def from_point(cls, point: bytes) -> "PKey":
        """Make a public key of an uncompressed point; ValueError when it is not on the curve."""
        library = libcrypto()
        context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        key = ctypes.c_void_p()
        given = _parameters([(b"group", _UTF8, b"SM2"), (b"pub", _OCTETS, point)])
        try:
            made = library.EVP_PKEY_fromdata_init(context) == 1 and (
                library.EVP_PKEY_fromdata(context, ctypes.byref(key), _PUBLIC_KEY, given) == 1
            )
        finally:
            library.EVP_PKEY_CTX_free(context)
        return cls._held(library, key.value if made else None)

    @classmethod
    def generate(cls) -> "PKey":
        """Make a new private key."""
        library = libcrypto()
        context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        key = ctypes.c_void_p()
        try:
            made = library.EVP_PKEY_keygen_init(context) == 1 and (
                library.EVP_PKEY_keygen(context, ctypes.byref(key)) == 1
            )
        finally:
            library.EVP_PKEY_CTX_free(context)
        return cls._held(library, key.value if made else None)

    @classmethod
    def from_der(cls, der: bytes) -> "PKey":
        """Read a private key in PKCS #8 or SEC 1; ValueError when it is no SM2 key."""
        library = libcrypto()
        buffer = ctypes.c_char_p(der)
        place = ctypes.cast(buffer, ctypes.c_void_p)
        return cls._held(library, library.d2i_AutoPrivateKey(None, ctypes.byref(place), len(der)))

    @classmethod
    def _held(cls, library: ctypes.CDLL, key: int | None) -> "PKey":
        if key is None:
            library.ERR_clear_error()
            raise ValueError("not an SM2 key")
        held = cls(library, key)
        if library.EVP_PKEY_is_a(key, b"SM2") != 1:
            raise ValueError("not an SM2 key")
        return held

    def point(self) -> bytes:
        """Give the public key as an uncompressed point of 65 bytes."""
        buffer, length = ctypes.create_string_buffer(65), _SIZE()
        done = self._library.EVP_PKEY_get_octet_string_param(
            self._key, b"pub", buffer, 65, ctypes.byref(length)
        )
        if done != 1 or length.value != 65:
            raise ValueError("the SM2 key has no uncompressed public point")
        return buffer.raw

    def pkcs8(self) -> bytes:
        """Write the private key as DER PKCS #8."""
        library = self._library
        info = library.EVP_PKEY2PKCS8(self._key)
        if info is None:
            raise ValueError("the SM2 key has no private part")
        try:
            buffer = ctypes.create_string_buffer(library.i2d_PKCS8_PRIV_KEY_INFO(info, None))
            place = ctypes.cast(buffer, ctypes.c_void_p)
            library.i2d_PKCS8_PRIV_KEY_INFO(info, ctypes.byref(place))
            return buffer.raw
        finally:
            library.PKCS8_PRIV_KEY_INFO_free(info)

    def sign(self, data: bytes, user: bytes) -> bytes:
        """Sign with SM2 and SM3 for this user id; gives DER."""
        library = self._library
        context = library.EVP_MD_CTX_new()
        try:
            begun = self._begin(library.EVP_DigestSignInit_ex, context, user)
            buffer, length = ctypes.create_string_buffer(_LONGEST), _SIZE(_LONGEST)
            done = begun and library.EVP_DigestSign(
                context, buffer, ctypes.byref(length), data, len(data)
            )
        finally:
            library.EVP_MD_CTX_free(context)
        if done != 1:
            library.ERR_clear_error()
            raise ValueError("libcrypto did not sign with the SM2 key")
        return buffer.raw[: length.value]

    def verify(self, signature: bytes, data: bytes, user: bytes) -> bool:
        """Tell whether a DER signature with SM2 and SM3 for this user id holds."""
        library = self._library
        context = library.EVP_MD_CTX_new()
        try:
            begun = self._begin(library.EVP_DigestVerifyInit_ex, context, user)
            held = begun and library.EVP_DigestVerify(
                context, signature, len(signature), data, len(data)
            )
        finally:
            library.EVP_MD_CTX_free(context)
        if held != 1:
            library.ERR_clear_error()
        return bool(held == 1)

    def _begin(self, initialise: Any, context: int, user: bytes) -> bool:
        # OpenSSL 3.0 takes the user id only between the start and the first data.
        keyed = ctypes.c_void_p()
        begun = initialise(context, ctypes.byref(keyed), b"SM3", None, None, self._key, None)
        named = begun == 1 and self._library.EVP_PKEY_CTX_set1_id(keyed, user, len(user)) == 1
        return bool(named)
