"""Parties whose subject follows from the statement alone, whatever came before it.

A body with a USCC whose inner check holds, a loan, a person with one number or tied to such a
body: their ids need no look at the store, so that many processes can make rows of one node.
"""

from __future__ import annotations

import hmac
from uuid import UUID

from store.cipher import Cipher
from store.identifiers import org_code_of_uscc
from store.ids import subject_id
from store.intake.chunk import parties_of
from store.intake.context import Line
from store.mention import Mention, note_mention
from store.statement import LOAN, NATURAL_PERSON, Order, Party
from store.subject import HIDDEN, STUB, Code, Resolution, named_by, stub_key

_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
_FREE_BITS = (1 << 128) - 1 & ~(0xF000 << 64) & ~(0xC000 << 48)

Identifier = tuple[str, str, UUID, bool, bool]  # scheme, value, subject, is first, is open


def is_plain(line: Line) -> bool:
    """Whether nothing is wrong with a line and each of its parties is known from it alone."""
    return (
        line.answers is None
        and all(found.severity == "info" for found in line.findings)
        and all(_is_known(p) for s in line.statements for p in parties_of(s))
    )


def _is_known(party: Party) -> bool:
    if party.category == LOAN:
        return len(party.codes) == 1
    if party.category == NATURAL_PERSON and party.codes:
        return len(party.codes) == 1 and party.codes[0][0] in HIDDEN
    if party.category == NATURAL_PERSON:
        return party.stub_of is not None and _is_known(party.stub_of)
    return org_code_of_uscc(party.code("uscc") or "") is not None


class PlainParties:
    """Resolves the parties of plain lines as `Directory` would in an empty store.

    `secret` makes the random ids of persons agree between processes; it is thrown away when all
    is loaded, so that nothing of a number can be found again from an id.
    """

    def __init__(self, cipher: Cipher, secret: bytes) -> None:
        self._cipher = cipher
        self._secret = secret
        self.mentions: dict[UUID, Mention] = {}
        self.identifiers: set[Identifier] = set()

    def resolve(
        self, party: Party, order: Order, *, origin: str, registered: bool = False
    ) -> Resolution:
        """The subject of a party that `is_plain` knows."""
        codes, firm = self._codes(party)
        first = next((code for code in codes if code[0] == "org_code"), codes[0])
        identity = self._id(first)
        for scheme, value in codes:
            is_first = (scheme, value) == first
            self.identifiers.add((scheme, value, identity, is_first, scheme not in HIDDEN))
        if not registered:
            told = Mention(party, order, origin, firm, first[1])
            note_mention(self.mentions, identity, told)
        return Resolution(identity, ":".join(first))

    def _codes(self, party: Party) -> tuple[list[Code], UUID | None]:
        """The codes of a party, and the firm that a person without a number is tied to."""
        if party.category == NATURAL_PERSON and not party.codes:
            assert party.stub_of is not None
            first = self._first(party.stub_of)
            index = self._cipher.blind_indexes(STUB, stub_key(":".join(first), party.name))[0]
            return [(STUB, index)], subject_id(*first)
        firm = None if party.stub_of is None else subject_id(*self._first(party.stub_of))
        if party.category in (LOAN, NATURAL_PERSON):
            return list(party.codes), firm
        return named_by(party), firm

    @staticmethod
    def _first(firm: Party) -> Code:
        return next(code for code in named_by(firm) if code[0] == "org_code")

    def _id(self, first: Code) -> UUID:
        if first[0] not in HIDDEN:
            return subject_id(*first)
        digest = hmac.digest(self._secret, "\0".join(first).encode(), "sha256")
        return UUID(int=int.from_bytes(digest[:16]) & _FREE_BITS | _VERSION_4)
