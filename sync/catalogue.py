"""What a record kind lets travel between cities, and under which name."""

from __future__ import annotations

from dataclasses import dataclass

from store.kind import Field, FieldType, Kind, Kinds, Visibility
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

PARTY_SCHEMES = frozenset(
    {
        "uscc",
        "org_code",
        "reg_no",
        "inst_cert_no",
        "social_cert_no",
        "tax_no",
        "lei",
        "finbench-company",
        "bods-entity",
        "foreign",
    }
)
"""Schemes of the codes under which an organisation travels."""


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


_KEPT_BY = (
    "reported_name",
    "issuer_name",
    "issuer_uscc",
    "source_unit_name",
    "source_unit_uscc",
    "decision_date",
    "display_from",
    "display_until",
    "query_until",
    "valid_to",
    "objection",
)
"""Columns without which a copy has no party, id or unit, or counts when its record does not."""


def lacking(item: Item, kinds: Kinds) -> tuple[str, ...]:
    """The fields that the item does not show and without which no copy of it can be kept, sorted.

    None where this node does not have the kind: that is told when its records come.
    """
    kind, shown = kinds.by_name.get(item.kind), item.fields
    if item.kind == RELATION:
        needed = {"relationKind", "source", "target", "stated.validTo"}
    elif kind is None:
        return ()
    else:
        keys = [kind.field(name) for name in kind.natural_key]
        ends = [f for f in kind.fields if (f.ends_display or f.open_ended) and travels(f)]
        needed = {*map(api_name, _KEPT_BY), *map(field_name, (*keys, *ends))}
        if shown is None:  # all that travels
            shown = frozenset({*map(api_name, ENVELOPE), *map(field_name, travelling_fields(kind))})
    return () if shown is None else tuple(sorted(needed - shown))


def travels(field: Field) -> bool:
    """Tell whether a kind's field may leave the city: open or government class, no number of a
    person."""
    return field.type is not FieldType.SECRET and field.visibility in _TRAVELLING


def travelling_fields(kind: Kind) -> tuple[Field, ...]:
    """The kind's own fields that travel, named `fields.<API name>`."""
    return tuple(field for field in kind.own_fields if travels(field))


def field_name(field: Field) -> str:
    """The name under which a kind's field travels."""
    return api_name(field.envelope) if field.envelope else f"fields.{field.api_name}"


def api_name(column: str) -> str:
    """The name in the API of a column of `record`."""
    head, *rest = column.split("_")
    return head + "".join(word.capitalize() for word in rest)
