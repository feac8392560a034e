"""What a record kind lets travel between cities, and under which name."""

from __future__ import annotations

from dataclasses import dataclass

from store.kind import Field, FieldType, Kind, Visibility
from sync.leaf import item_tag

ENVELOPE = (
    "origin_platform",
    "reported_name",
    "reported_code",
    "reported_code_type",
    "document_no",
    "issuer_name",
    "issuer_uscc",
    "source_unit_name",
    "source_unit_uscc",
    "decision_date",
    "severity",
    "rule_set_id",
    "display_from",
    "display_min_until",
    "display_until",
    "display_ended_on",
    "display_end_reason",
    "query_until",
    "objection",
    "remark",
    "valid_from",
    "valid_to",
)
"""Columns of `record` that travel under their names in the API."""

_TRAVELLING = (Visibility.OPEN, Visibility.GOVERNMENT)
RELATION = "relation"
"""The item under which an agreement lets relations of organisations travel; no record kind."""
CATEGORIES = ("LEGAL_ENTITY", "INDIVIDUAL_BUSINESS")
"""Categories of subjects whose records may travel; a natural person's never do."""


@dataclass(frozen=True, slots=True)
class Item:
    """A catalogue item 目录条目: a record kind of one category of subjects.

    `fields` names what the agreement shows of it, None all that travels.
    """

    kind: str
    category: str
    fields: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError("records of natural persons never travel")

    @property
    def tag(self) -> str:
        """The tag that leaves carry."""
        return item_tag(self.kind, self.category)


ALWAYS = frozenset(
    {
        "recordId",
        "version",
        "statedAt",
        "originRegion",
        "kind",
        "class",
        "status",
        "subjectCategory",
        "subjectCodes",
        "partyKey",
        "receivedAt",
    }
)
"""Fields without which a copy cannot be kept; every agreement shows them."""


def travels(field: Field) -> bool:
    """Tell whether a kind's field may leave the city: open or government class, no number of a
    person."""
    return field.type is not FieldType.SECRET and field.visibility in _TRAVELLING


def travelling_fields(kind: Kind) -> tuple[Field, ...]:
    """The kind's own fields that travel, named `fields.<API name>`."""
    return tuple(field for field in kind.own_fields if travels(field))


def api_name(column: str) -> str:
    """The name in the API of a column of `record`."""
    head, *rest = column.split("_")
    return head + "".join(word.capitalize() for word in rest)
