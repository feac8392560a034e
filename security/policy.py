"""Who may see what: a versioned table of roles, and the scope it gives a caller.

A scope is an immutable value. The compiler turns it into SQL predicates, the graph into Cypher
parameters; nothing else decides what a caller sees. Source: access rules §2, §3, §6.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources


class PolicyError(Exception):
    """A request that the policy refuses; `code` is stable and logged."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Role(StrEnum):
    """Roles of the access rules §3 that this version serves."""

    PUB = "PUB"
    PCITY = "PCITY"
    ANALYST = "ANALYST"
    AUDITOR = "AUDITOR"


class Government(StrEnum):
    """How much of class G (政务共享) of organisations a role sees."""

    NONE = "NONE"
    SHARED = "SHARED"
    ALL = "ALL"


class Persons(StrEnum):
    """How a natural person appears: not at all, masked, masked with a token, in clear."""

    ABSENT = "ABSENT"
    MASK = "MASK"
    TOKEN = "TOKEN"  # noqa: S105  # a pseudonym, not a credential
    CLEAR = "CLEAR"


@dataclass(frozen=True, slots=True)
class Row:
    """One role's row of the policy table."""

    role: Role
    label: str
    open: bool
    government: Government
    persons: Persons
    person_search: bool
    person_records: bool
    purposes: frozenset[str]
    purpose_required: bool
    case_for_persons: bool
    relations: frozenset[str]
    list_limit: int
    hops: int
    log: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What one caller may see for one purpose; `shape` is equal where the compiled plan is."""

    caller: str
    row: Row
    policy_version: str
    agreement: str | None  # id of the agreement that shares, for PCITY
    shared_kinds: frozenset[str]  # record kinds that the agreement's catalogue lets travel
    purpose: str | None
    case: str

    @property
    def role(self) -> Role:
        return self.row.role

    @property
    def shape(self) -> tuple[str, Role, frozenset[str]]:
        """The part of the scope that decides a compiled plan."""
        return (self.policy_version, self.row.role, self.shared_kinds)

    def demand_persons(self) -> None:
        """Raise CASE_REQUIRED when the role needs a case number to ask about persons."""
        if self.row.case_for_persons and not self.case:
            raise PolicyError(
                "CASE_REQUIRED",
                "a question about natural persons needs the case number it belongs to:"
                " send it in credit-case",
            )


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the policy table."""

    version: str
    digest: str  # SHA-256 of the file it was read from, hex
    rows: Mapping[Role, Row]

    def scope(
        self,
        caller: str,
        role: Role,
        purpose: str | None,
        case: str,
        *,
        agreement: str | None = None,
        shared_kinds: frozenset[str] = frozenset(),
    ) -> Scope:
        """The caller's scope.

        Raises PolicyError PURPOSE_REQUIRED or PURPOSE_NOT_ALLOWED (access rules §3), and
        ROLE_NOT_SERVED for a role without a row.
        """
        row = self.rows.get(role)
        if row is None:
            raise PolicyError("ROLE_NOT_SERVED", "this node's policy has no row for the role")
        if row.purpose_required and not purpose:
            raise PolicyError(
                "PURPOSE_REQUIRED", "name the purpose of the question (P1…P17) in credit-purpose"
            )
        if row.purpose_required and purpose not in row.purposes:
            allowed = ", ".join(sorted(row.purposes, key=lambda p: int(p[1:])))
            raise PolicyError(
                "PURPOSE_NOT_ALLOWED", f"the role may ask for these purposes only: {allowed}"
            )
        return Scope(
            caller=caller,
            row=row,
            policy_version=self.version,
            agreement=agreement,
            shared_kinds=shared_kinds if row.government is Government.SHARED else frozenset(),
            purpose=purpose,
            case=case,
        )


def load_policy(version: str = "2026-1") -> Policy:
    """The policy of that version as shipped."""
    raw = resources.files("security").joinpath("policies", f"{version}.toml").read_bytes()
    table = tomllib.loads(raw.decode())
    rows = {
        Role(name): Row(
            role=Role(name),
            label=row["label"],
            open=row["open"],
            government=Government(row["government"]),
            persons=Persons(row["persons"]),
            person_search=row["person_search"],
            person_records=row["person_records"],
            purposes=frozenset(row["purposes"]),
            purpose_required=row["purpose_required"],
            case_for_persons=row["case_for_persons"],
            relations=frozenset(row["relations"]),
            list_limit=row["list_limit"],
            hops=row["hops"],
            log=row["log"],
        )
        for name, row in table["role"].items()
    }
    return Policy(table["version"], hashlib.sha256(raw).hexdigest(), rows)
