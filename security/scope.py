"""What one caller may see for one purpose, as an immutable value; and the row it follows from.

Source: access rules §2, §3, §3.1, §6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from client.value import value_class

NOBODY: frozenset[UUID] = frozenset()


class PolicyError(Exception):
    """A request that the policy refuses; `code` is stable and logged."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Role(StrEnum):
    """Roles of the access rules §3 that this version serves."""

    PUB = "PUB"
    SELF = "SELF"
    AGENT = "AGENT"
    ANALYST = "ANALYST"
    DEPT = "DEPT"
    PCITY = "PCITY"
    STEWARD = "STEWARD"
    AUDITOR = "AUDITOR"
    SUPERVISOR = "SUPERVISOR"


class Reach(StrEnum):
    """The subjects of which a row shows something."""

    NONE = "NONE"
    ALL = "ALL"
    OWN = "OWN"  # the caller's own
    AUTHORISED = "AUTHORISED"  # of the authorisation that the question names
    MATTER = "MATTER"  # named by the open case
    APPROVED = "APPROVED"  # named by a supervisor's approval


class KindsOf(StrEnum):
    """Where the kinds of class G come from that a role may read."""

    NONE = "NONE"
    ALL = "ALL"
    CATALOGUE = "CATALOGUE"
    APPLICATION = "APPLICATION"
    AGREEMENT = "AGREEMENT"
    AUTHORISATION = "AUTHORISATION"


class Names(StrEnum):
    """How a natural person appears who is not shown in clear."""

    ABSENT = "ABSENT"
    MASK = "MASK"  # 张*
    PARTIAL = "PARTIAL"  # 张*三
    TOKEN = "TOKEN"  # noqa: S105  # 张* and a pseudonym that lasts; not a credential


class Number(StrEnum):
    """How the document number of a person in clear appears."""

    NONE = "NONE"
    MASK = "MASK"
    FULL = "FULL"


class Queue(StrEnum):
    """Which tasks of the work queue a role reads; who has a district, only its district's."""

    NONE = "NONE"
    ALL = "ALL"
    DISTRICT = "DISTRICT"  # without a district none


def names_something(text: str | None) -> bool:
    """Whether a text names an officer or a matter: blanks and dashes do not."""
    return any(map(str.isalnum, text or ""))


@dataclass(frozen=True, slots=True)
class Row:
    """One role's row of the policy table; the words are explained in the table's file."""

    role: Role
    label: str
    open: Reach
    government: Reach
    kinds: KindsOf
    persons: Reach
    authorised: Reach
    restricted: Reach
    internal: Reach
    names: Names
    clear: Reach
    number: Number
    start: Reach
    person_search: bool
    case_for_persons: bool
    actor_required: bool
    purposes: frozenset[str]
    relations: frozenset[str]
    closed_relations: Reach
    list_limit: int
    hops: int
    path_length: int
    walk: Reach
    log: str
    queue: Queue


@value_class
class Grounds:
    """On what a question rests beside role, purpose and case.

    `government_kinds` are those with a row of the information catalogue in force,
    `application_kinds` those of the unit's rows of the application catalogue for the purpose,
    `shared_kinds` those of the agreement that also travel by the catalogue, `authorised_kinds`
    those that the authorisation lists. `unshared` are pairs of kind and category of subjects that
    catalogue or agreement leave out. `barred` are subjects the caller may never ask about.
    """

    agreement: str | None = None
    partner: str | None = None  # region of the city that asks under the agreement
    government_kinds: frozenset[str] = frozenset()
    application_kinds: frozenset[str] = frozenset()
    shared_kinds: frozenset[str] = frozenset()
    authorisation: str | None = None
    authorised_kinds: frozenset[str] = frozenset()
    unshared: frozenset[tuple[str, str]] = frozenset()
    approval: str | None = None
    unit: str | None = None
    actor: str | None = None
    district: str | None = None
    own: frozenset[UUID] = NOBODY
    authorised: frozenset[UUID] = NOBODY
    matter: frozenset[UUID] = NOBODY
    approved: frozenset[UUID] = NOBODY
    barred: frozenset[UUID] = NOBODY


NO_GROUNDS = Grounds()


@value_class
class Scope:
    """What one caller may see for one purpose.

    The kinds are those of class G that the purpose opens: `full_kinds` the whole record,
    `member_kinds` only that it exists, each of organisations and of natural persons.
    `authorised_kinds` are those of class A.
    """

    caller: str
    row: Row
    policy_version: str
    purpose: str | None
    case: str
    full_kinds: frozenset[str]
    member_kinds: frozenset[str]
    full_person_kinds: frozenset[str]
    member_person_kinds: frozenset[str]
    authorised_kinds: frozenset[str] | None  # None: every kind
    narrowed: frozenset[tuple[str, str]] = frozenset()  # kinds and categories of firms left out
    match_kinds: frozenset[str] = frozenset()  # named of a person whom a partner city's token meets
    grounds: Grounds = NO_GROUNDS
    _shape: tuple[Any, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        grounds = self.grounds
        named = (grounds.own, grounds.authorised, grounds.matter, grounds.approved, grounds.barred)
        flags = sum(1 << bit for bit, subjects in enumerate(named) if subjects)
        shape = (
            self.policy_version,
            self.row.role.value,
            self.full_kinds,
            self.member_kinds,
            self.full_person_kinds,
            self.member_person_kinds,
            self.authorised_kinds,
            self.narrowed,
            flags,
            grounds.district is None,
            grounds.agreement is None,
        )
        object.__setattr__(self, "_shape", shape)

    @property
    def role(self) -> Role:
        return self.row.role

    @property
    def agreement(self) -> str | None:
        """The id of the agreement that shares, for a partner city."""
        return self.grounds.agreement

    @property
    def shape(self) -> tuple[Any, ...]:
        """The part of the scope that decides a compiled plan; it is equal where the plan is."""
        return self._shape

    @property
    def digest(self) -> bytes:
        """Equal for two scopes of one caller just when both see the same (SHA-256)."""
        grounds = self.grounds
        listed = [
            sorted(kinds) if kinds is not None else None
            for kinds in (
                self.full_kinds,
                self.member_kinds,
                self.full_person_kinds,
                self.member_person_kinds,
                self.authorised_kinds,
                self.match_kinds,
            )
        ]
        named = [
            sorted(str(one) for one in subjects)
            for subjects in (
                grounds.own,
                grounds.authorised,
                grounds.matter,
                grounds.approved,
                grounds.barred,
            )
        ]
        told = (
            self.caller,
            self.policy_version,
            self.role.value,
            self.purpose,
            self.case,
            listed,
            sorted(self.narrowed),
            named,
            grounds.agreement,
            grounds.authorisation,
            grounds.district,
            grounds.unit,
        )
        return sha256(repr(told).encode()).digest()

    def subjects(self, reach: Reach) -> frozenset[UUID]:
        """The subjects of a reach that names them; empty for NONE and ALL."""
        match reach:
            case Reach.OWN:
                return self.grounds.own
            case Reach.AUTHORISED:
                return self.grounds.authorised
            case Reach.MATTER:
                return self.grounds.matter
            case Reach.APPROVED:
                return self.grounds.approved
        return NOBODY

    def demand_persons(self) -> None:
        """Raise CASE_REQUIRED when the role needs a case number to ask about persons."""
        needed = self.row.case_for_persons or self.row.persons is Reach.MATTER
        if needed and not self.case:
            raise PolicyError(
                "CASE_REQUIRED",
                "a question about natural persons needs the case number it belongs to:"
                " send it in credit-case",
            )
