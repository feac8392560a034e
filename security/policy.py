"""Who may see what: a versioned table of roles, and the scope it gives a caller.

A scope is an immutable value. The compiler turns it into SQL predicates, the graph into Cypher
parameters; nothing else decides what a caller sees. Source: access rules §2, §3, §3.1, §6.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, cast

from security.scope import (
    NO_GROUNDS,
    Grounds,
    KindsOf,
    Names,
    Number,
    PolicyError,
    Queue,
    Reach,
    Role,
    Row,
    Scope,
    names_something,
)

__all__ = [
    "NO_GROUNDS",
    "Grounds",
    "KindsOf",
    "Marks",
    "Matrix",
    "Names",
    "Number",
    "Policy",
    "PolicyError",
    "Queue",
    "Reach",
    "Role",
    "Row",
    "Scope",
    "load_policy",
    "names_something",
]


@dataclass(frozen=True, slots=True)
class Marks:
    """What each purpose of the matrix opens of one kind: `●`, `○` or `-` by purpose."""

    organisations: Mapping[str, str]
    persons: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Purpose × record type, access rules §3.1."""

    purposes: tuple[str, ...]
    kinds: Mapping[str, Marks]
    other: Marks

    def mark(self, kind: str, purpose: str | None, *, persons: bool) -> str:
        """`●`, `○` or `-`; `●` for a purpose without a column."""
        if purpose not in self.purposes:
            return "●"
        marks = self.kinds.get(kind, self.other)
        return (marks.persons if persons else marks.organisations).get(purpose or "", "-")


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the policy table."""

    version: str
    digest: str  # SHA-256 of the file it was read from, hex
    rows: Mapping[Role, Row]
    matrix: Matrix
    _opened: dict[Any, Opened] = field(default_factory=dict, repr=False, compare=False)

    def row(self, role: str) -> Row:
        """The row of a role; PolicyError ROLE_NOT_SERVED when there is none."""
        found = self.rows.get(cast(Role, role))  # a StrEnum is found by its text
        if found is None:
            raise PolicyError("ROLE_NOT_SERVED", "this node's policy has no row for the role")
        return found

    def scope(
        self,
        caller: str,
        role: str,
        purpose: str | None,
        case: str,
        grounds: Grounds = NO_GROUNDS,
        *,
        kinds: frozenset[str] = frozenset(),
    ) -> Scope:
        """The caller's scope; `kinds` are all kinds that the node serves.

        Raises PolicyError PURPOSE_REQUIRED or PURPOSE_NOT_ALLOWED (access rules §3),
        ACTOR_REQUIRED, AUTHORISATION_REQUIRED, and ROLE_NOT_SERVED for a role without a row.
        """
        row = self.row(role)
        _check(row, purpose, grounds)
        unshared = frozenset() if row.kinds is KindsOf.ALL else grounds.unshared
        full, member, full_persons, member_persons, narrowed, match = self._open(
            row, purpose, _granted(row.kinds, grounds, kinds), unshared
        )
        listed = row.kinds is KindsOf.AUTHORISATION
        return Scope(
            caller=caller,
            row=row,
            policy_version=self.version,
            purpose=purpose,
            case=case if names_something(case) else "",
            full_kinds=full,
            member_kinds=member,
            full_person_kinds=full_persons,
            member_person_kinds=member_persons,
            authorised_kinds=grounds.authorised_kinds if listed else None,
            narrowed=narrowed,
            match_kinds=match,
            grounds=grounds,
        )

    def _open(
        self,
        row: Row,
        purpose: str | None,
        granted: frozenset[str],
        unshared: frozenset[tuple[str, str]],
    ) -> Opened:
        """The kinds that the purpose opens; remembered, because it is the same for most."""
        key = (row.role.value, purpose, granted, unshared)
        found = self._opened.get(key)
        if found is not None:
            return found
        none: frozenset[str] = frozenset()

        def marked(mark: str, *, persons: bool) -> frozenset[str]:
            categories = (_PERSON,) if persons else _FIRMS
            return frozenset(
                kind
                for kind in granted
                if self.matrix.mark(kind, purpose, persons=persons) == mark
                and any((kind, category) not in unshared for category in categories)
            )

        firms, people = row.government is not Reach.NONE, row.persons is not Reach.NONE
        full = marked("●", persons=False) if firms else none
        member = marked("○", persons=False) if firms else none
        found = (
            full,
            member,
            marked("●", persons=True) if people else none,
            marked("○", persons=True) if people else none,
            frozenset(pair for pair in unshared if pair[0] in full | member and pair[1] in _FIRMS),
            frozenset(k for k in granted if self.matrix.mark(k, purpose, persons=True) in "●○")
            if row.kinds is KindsOf.AGREEMENT
            else none,
        )
        if len(self._opened) >= _REMEMBERED:
            self._opened.clear()
        self._opened[key] = found
        return found


_REMEMBERED = 1024
_PERSON = "NATURAL_PERSON"
_FIRMS = ("LEGAL_ENTITY", "INDIVIDUAL_BUSINESS")
Opened = tuple[
    frozenset[str],
    frozenset[str],
    frozenset[str],
    frozenset[str],
    frozenset[tuple[str, str]],
    frozenset[str],
]


def _check(row: Row, purpose: str | None, grounds: Grounds) -> None:
    if row.purposes and not purpose:
        raise PolicyError(
            "PURPOSE_REQUIRED", "name the purpose of the question (P1…P17) in credit-purpose"
        )
    if row.purposes and purpose not in row.purposes:
        allowed = ", ".join(sorted(row.purposes, key=lambda p: int(p[1:])))
        raise PolicyError(
            "PURPOSE_NOT_ALLOWED", f"the role may ask for these purposes only: {allowed}"
        )
    if row.actor_required and not names_something(grounds.actor):
        raise PolicyError("ACTOR_REQUIRED", "name the officer who asks in credit-actor")
    if row.kinds is KindsOf.APPLICATION and not grounds.application_kinds:
        raise PolicyError(
            "PURPOSE_NOT_ALLOWED",
            "the unit's rows of the application catalogue in force do not have this purpose",
        )
    if row.kinds is KindsOf.AUTHORISATION and grounds.authorisation is None:
        raise PolicyError(
            "AUTHORISATION_REQUIRED",
            "name the subject's authorisation in credit-authorization",
        )


def _granted(kinds: KindsOf, grounds: Grounds, served: frozenset[str]) -> frozenset[str]:
    """The kinds of class G before the purpose is looked at: no catalogue row, no sharing."""
    match kinds:
        case KindsOf.ALL:
            return served
        case KindsOf.CATALOGUE:
            return grounds.government_kinds
        case KindsOf.APPLICATION:
            return grounds.application_kinds & grounds.government_kinds
        case KindsOf.AGREEMENT:
            return grounds.shared_kinds
        case KindsOf.AUTHORISATION:
            return grounds.authorised_kinds & grounds.government_kinds
    return frozenset()


def policy_file(version: str) -> Traversable:
    """Where the policy of that version is, if it is shipped."""
    return resources.files("security").joinpath("policies", f"{version}.toml")


def load_policy(version: str = "2026-3") -> Policy:
    """The policy of that version as shipped; PolicyError POLICY_UNKNOWN when there is none."""
    try:
        raw = policy_file(version).read_bytes()
    except OSError:
        raise PolicyError(
            "POLICY_UNKNOWN", "name a version of the policy that is shipped"
        ) from None
    table = tomllib.loads(raw.decode())
    rows = {Role(name): _row(Role(name), row) for name, row in table["role"].items()}
    return Policy(table["version"], hashlib.sha256(raw).hexdigest(), rows, _matrix(table["matrix"]))


def _row(role: Role, row: Mapping[str, Any]) -> Row:
    return Row(
        role=role,
        label=row["label"],
        open=Reach(row["open"]),
        government=Reach(row["government"]),
        kinds=KindsOf(row["kinds"]),
        persons=Reach(row["persons"]),
        authorised=Reach(row["authorised"]),
        restricted=Reach(row["restricted"]),
        internal=Reach(row["internal"]),
        names=Names(row["names"]),
        clear=Reach(row["clear"]),
        number=Number(row["number"]),
        start=Reach(row["start"]),
        person_search=row["person_search"],
        case_for_persons=row["case_for_persons"],
        actor_required=row["actor_required"],
        purposes=frozenset(row["purposes"]),
        relations=frozenset(row["relations"]),
        closed_relations=Reach(row["closed_relations"]),
        list_limit=row["list_limit"],
        hops=row["hops"],
        path_length=row.get("path_length", row["hops"]),  # versions before 2026-3 have no paths
        walk=Reach(row["walk"]),
        log=row["log"],
        queue=_queue(row["queue"]),
    )


def _queue(word: str | bool) -> Queue:
    """The word of the table; versions before 2026-3 say yes or no."""
    if isinstance(word, bool):
        return Queue.ALL if word else Queue.NONE
    return Queue(word)


def _matrix(table: Mapping[str, Any]) -> Matrix:
    purposes = tuple(table["purposes"])

    def marks(row: Mapping[str, str]) -> Marks:
        return Marks(
            dict(zip(purposes, row["organisations"], strict=True)),
            dict(zip(purposes, row.get("persons", "-" * len(purposes)), strict=True)),
            row["reason"],
        )

    kinds = {name: marks(row) for name, row in table["kind"].items()}
    return Matrix(purposes, kinds, marks(table["other"]))
