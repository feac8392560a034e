"""What a question was answered: bytes, and what they disclose."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson


class Lane(StrEnum):
    """The road an answer took."""

    COMPILED = "COMPILED"
    MIXED = "MIXED"
    EXECUTOR = "EXECUTOR"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What an answer shows, for the access log.

    `subjects` are concatenated 16-byte references of subjects in the order of the answer, each
    once; `records` record ids; `coordinates` the fields shown, `masked` those shown masked or
    left empty by policy; `not_found` the codes and ids that were asked for and not found.
    """

    subjects: bytes = b""
    records: tuple[UUID, ...] = ()
    coordinates: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    rows: int = 0
    not_found: tuple[str, ...] = ()
    touches_persons: bool = False


NOTHING = Disclosure()


@dataclass(frozen=True, slots=True)
class Answer:
    """The finished body of an answer with its HTTP status and disclosure."""

    status: int
    body: bytes
    disclosure: Disclosure = field(default=NOTHING)
    lane: Lane = Lane.COMPILED
    errors: tuple[str, ...] = ()  # the codes in the body


def refusal(errors: list[dict[str, Any]], status: int = 400) -> Answer:
    """An answer without data."""
    codes = tuple(error.get("extensions", {}).get("code", "INTERNAL") for error in errors)
    return Answer(status, orjson.dumps({"errors": errors}), NOTHING, Lane.REFUSED, codes)


def distinct(references: bytes) -> bytes:
    """The 16-byte references of `references` in order, each once."""
    if len(references) <= 16:
        return references
    parts = [references[i : i + 16] for i in range(0, len(references), 16)]
    unique = dict.fromkeys(parts)
    return references if len(unique) == len(parts) else b"".join(unique)
