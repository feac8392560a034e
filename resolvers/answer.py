"""What a question was answered: bytes, and what they disclose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum
from struct import iter_unpack
from typing import Any

import orjson

from client.value import value_class


class Lane(StrEnum):
    """The road an answer took."""

    COMPILED = "COMPILED"
    MIXED = "MIXED"
    EXECUTOR = "EXECUTOR"
    REFUSED = "REFUSED"


@value_class
class Disclosure:
    """What an answer shows, for the access log.

    `subjects` are concatenated 16-byte references of subjects and `records` concatenated 16-byte
    record ids, in the order of the answer, each once; `coordinates` the fields shown, `masked`
    those shown masked or left empty by policy; `not_found` the codes and ids that were asked for
    and not found.
    """

    subjects: bytes = b""
    records: bytes = b""
    coordinates: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    rows: int = 0
    not_found: tuple[str, ...] = ()
    touches_persons: bool = False


NOTHING = Disclosure()


@value_class
class Answer:
    """The finished body of an answer with its HTTP status and disclosure."""

    status: int
    body: bytes
    disclosure: Disclosure = field(default=NOTHING)
    lane: Lane = Lane.COMPILED
    errors: tuple[str, ...] = ()  # the codes in the body
    data_version: str = ""  # oldest transaction that the read did not see; empty: nothing read
    cost: int = 0  # what the question could cost at most; 0: it did not get so far
    wait: float = 0.0  # seconds until the caller's budget reaches


def refusal(errors: list[dict[str, Any]], status: int = 400) -> Answer:
    """An answer without data."""
    codes = tuple(error.get("extensions", {}).get("code", "INTERNAL") for error in errors)
    return Answer(status, orjson.dumps({"errors": errors}), NOTHING, Lane.REFUSED, codes)


def distinct(references: bytes) -> bytes:
    """The 16-byte references of `references` in order, each once."""
    if len(references) <= 16:
        return references
    # Most are random and none comes twice: their second halves tell, at half of the cost.
    if len(set(memoryview(references).cast("Q")[1::2])) * 16 == len(references):
        return references
    unique = dict.fromkeys(iter_unpack("16s", references))
    if len(unique) * 16 == len(references):
        return references
    return b"".join([reference for (reference,) in unique])


def together(found: Sequence[Disclosure]) -> Disclosure:
    """What several parts of one answer show, each reference once."""
    if len(found) == 1:
        return found[0]
    return Disclosure(
        subjects=distinct(b"".join(d.subjects for d in found)),
        records=distinct(b"".join(d.records for d in found)),
        coordinates=tuple(dict.fromkeys(c for d in found for c in d.coordinates)),
        masked=tuple(dict.fromkeys(c for d in found for c in d.masked)),
        rows=sum(d.rows for d in found),
        not_found=tuple(code for d in found for code in d.not_found),
    )
