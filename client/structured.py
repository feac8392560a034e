"""Structured field values (RFC 9651) as far as the credit profile uses them.

Parsing accepts only what serialising would produce, so a value that was read back is the
text that was signed.
"""

import re
from binascii import a2b_base64, b2a_base64

_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_STRING = re.compile(r'"([ !#-\[\]-~]*)"')
_DISPLAY = re.compile(r'%"((?:[ !#$&-~]|%(?:[0189a-f][0-9a-f]|2[25]|7f))*)"')
_PLAIN_DISPLAY = re.compile(r"[ !#$&-~]*")
_DISPLAY_BYTES = tuple(
    chr(byte) if 0x20 <= byte <= 0x7E and byte not in b'%"' else f"%{byte:02x}"
    for byte in range(256)
)


def token(text: str) -> str:
    """Serialise a token (RFC 9651 §4.1.7); ValueError when it is none."""
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("not a token: start with a letter, then letters, digits or _-.:/")
    return text


def parse_token(value: str) -> str:
    """Read a token (RFC 9651 §4.2.6) or raise ValueError."""
    return token(value)


def string(text: str) -> str:
    """Serialise printable ASCII without quote and backslash as a string (RFC 9651 §4.1.6)."""
    quoted = f'"{text}"'
    if _STRING.fullmatch(quoted) is None:
        raise ValueError("use printable ASCII without quotation marks and backslashes")
    return quoted


def parse_string(value: str) -> str:
    """Read a string without escapes (RFC 9651 §4.2.5) or raise ValueError."""
    match = _STRING.fullmatch(value)
    if match is None:
        raise ValueError("not a quoted string of printable ASCII")
    return match[1]


def display_string(text: str) -> str:
    """Serialise Unicode text as a Display String (RFC 9651 §4.1.11)."""
    if _PLAIN_DISPLAY.fullmatch(text):
        return f'%"{text}"'
    return '%"' + "".join([_DISPLAY_BYTES[byte] for byte in text.encode()]) + '"'


def parse_display_string(value: str) -> str:
    """Read a Display String in its one serialised form (RFC 9651 §4.2.10) or raise ValueError."""
    match = _DISPLAY.fullmatch(value)
    if match is None:
        raise ValueError('not a Display String: write %"…" with lower-case percent escapes')
    inner = match[1]
    if "%" not in inner:
        return inner
    # Python's own escapes are read in one go; what was escaped is exactly what must be.
    escapes = inner.replace("\\", r"\\").replace("%", r"\x").encode()
    return escapes.decode("unicode_escape").encode("latin-1").decode()


def byte_sequence(data: bytes) -> str:
    """Serialise bytes as a Byte Sequence (RFC 9651 §4.1.8)."""
    return f":{b2a_base64(data, newline=False).decode()}:"


def parse_byte_sequence(value: str) -> bytes:
    """Read a padded, canonical Byte Sequence (RFC 9651 §4.2.7) or raise ValueError."""
    if len(value) < 2 or value[0] != ":" or value[-1] != ":":
        raise ValueError("not a byte sequence: write :base64:")
    return parse_base64(value[1:-1])


def parse_base64(text: str) -> bytes:
    """Decode canonical standard base64 (RFC 4648 §4) or raise ValueError."""
    try:
        data = a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise ValueError("not base64") from error
    if b2a_base64(data, newline=False).decode() != text:
        raise ValueError("not canonical base64")
    return data
