"""What the graph holds: labels, relationship types, and the constraints that make ids unique.

Every node is a `Subject` with a unique `id`; a `Party` is also an `Organisation` or a `Person`,
and a `Loan` is a `Loan`. Names of persons are not in the graph. Dates are ISO 8601 strings,
shares and amounts are exact decimals as strings.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

# Raised when labels, types or properties change: a graph of another layout is refilled.
LAYOUT = 3


class EdgeKind(StrEnum):
    """Kinds of relations 关系 (records.md §1.3), each a relationship type in Neo4j."""

    HOLDS = "HOLDS"
    LEGAL_REP_OF = "LEGAL_REP_OF"
    OFFICER_OF = "OFFICER_OF"
    BRANCH_OF = "BRANCH_OF"
    GUARANTEES = "GUARANTEES"
    BORROWS = "BORROWS"


LABELS = MappingProxyType(
    {
        "LEGAL_ENTITY": ("Subject", "Party", "Organisation"),
        "INDIVIDUAL_BUSINESS": ("Subject", "Party", "Organisation"),
        "NATURAL_PERSON": ("Subject", "Party", "Person"),
        "LOAN": ("Subject", "Loan"),
    }
)

CONSTRAINTS = (
    "CREATE CONSTRAINT subject_id IF NOT EXISTS FOR (n:Subject) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT checkpoint_name IF NOT EXISTS FOR (c:Checkpoint) REQUIRE c.name IS UNIQUE",
    *(
        f"CREATE CONSTRAINT {kind.lower()}_id IF NOT EXISTS"
        f" FOR ()-[r:{kind}]-() REQUIRE r.id IS UNIQUE"
        for kind in EdgeKind
    ),
)
