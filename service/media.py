"""The media type of an answer, by what the asker accepts (RFC 9110 §12.5.1, GraphQL over HTTP).

Who accepts anything, or does not say, gets application/json, as clients before the standard expect.
"""

from __future__ import annotations

JSON = "application/json; charset=utf-8"
GRAPHQL_RESPONSE = "application/graphql-response+json; charset=utf-8"

_SERVED = (("application/json", JSON), ("application/graphql-response+json", GRAPHQL_RESPONSE))
_USUAL = {
    b"": JSON,
    b"*/*": JSON,
    b"application/json": JSON,
    b"application/graphql-response+json": GRAPHQL_RESPONSE,
}
_LONGEST = 1_000  # bytes of Accept that are read
_RANGES = 32


def media_type(accept: bytes) -> str | None:
    """The best of the two media types for a value of `Accept`; None when neither is accepted.

    Of two that are wanted alike the one named earlier wins, and application/json before one that
    only a wildcard covers.
    """
    usual = _USUAL.get(accept)
    if usual is not None:
        return usual
    ranges = [_range(one) for one in accept[:_LONGEST].decode("latin-1").split(",")[:_RANGES]]
    best: tuple[float, int, str] | None = None
    for name, served in _SERVED:
        matched = [
            (precision, quality, -place)
            for place, (wanted, quality) in enumerate(ranges)
            if (precision := _precision(wanted, name))
        ]
        if matched:
            precision, quality, place = max(matched)
            found = (quality, place if precision == _EXACT else -_RANGES, served)
            if quality > 0 and (best is None or found[:2] > best[:2]):
                best = found
    return None if best is None else best[2]


_EXACT = 3


def _precision(wanted: str, name: str) -> int:
    """How exactly a media range names the type: 3 in full, 1 by `*/*`, 0 not at all."""
    if wanted == name:
        return _EXACT
    if wanted == "application/*":
        return 2
    return 1 if wanted == "*/*" else 0


def _range(text: str) -> tuple[str, float]:
    """A media range and its weight, 0 to 1; other parameters select nothing here."""
    name, *parameters = [part.strip().lower() for part in text.split(";")]
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return name, quality if 0 <= quality <= 1 else 0.0
