"""What an answer of the executor lane names: subjects and records, in the order of the answer.

A field takes its place when it is reached, in document order, and fills it when its row is read;
so the order does not depend on which read ends first. The rows of a list are each taken whole.
"""

from __future__ import annotations

from uuid import UUID


class Mentions:
    """The references of one object of the answer and of what lies under it."""

    __slots__ = ("_seen", "parts")

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes] | Mentions] = []
        self._seen: set[tuple[str, bytes]] = set()

    def subject(self, reference: bytes | None) -> None:
        """The object is about this subject; naming it again changes nothing."""
        if reference:
            self._own("a", reference)

    def record(self, record_id: UUID) -> None:
        """The object is this record; naming it again changes nothing."""
        self._own("r", record_id.bytes)

    def within(self) -> Mentions:
        """The place of an object under this one."""
        inner = Mentions()
        self.parts.append(inner)
        return inner

    def _own(self, what: str, reference: bytes) -> None:
        named = (what, reference)
        if named not in self._seen:
            self._seen.add(named)
            self.parts.append(named)

    def gathered(self) -> tuple[bytes, bytes]:
        """The references of subjects and of records, with repetitions."""
        found: dict[str, list[bytes]] = {"a": [], "r": []}
        pending: list[tuple[str, bytes] | Mentions] = [self]
        while pending:
            part = pending.pop()
            if isinstance(part, Mentions):
                pending += reversed(part.parts)
            else:
                found[part[0]].append(part[1])
        return b"".join(found["a"]), b"".join(found["r"])
