"""What reading a line asks of its kind, found once per file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from store.intake.amount import WAN
from store.kind import Field, FieldType, Kind, Requirement

# Pairs of days of which the first is not after the second, where a kind has both.
_PAIRS = (
    ("licence_valid_from", "licence_valid_to"),
    ("decision_date", "effective_until"),
    ("valid_from", "valid_to"),
    ("made_on", "valid_until"),
    ("data_as_of", "evaluated_on"),
    ("evaluated_on", "valid_until"),
    ("filed_on", "published_on"),
    ("inspected_on", "published_on"),
)
_SUPPLIERS = frozenset({"utility_arrears"})  # decided by a firm, not by a state organ
_CONSENTED = frozenset({"utility_arrears"})  # of natural persons only where a setting takes them


@dataclass(frozen=True, slots=True)
class KindPlan:
    """A kind as its lines are read."""

    kind: Kind
    held: Mapping[str, str]  # the field that each envelope column is read from
    required: tuple[Field, ...]
    required_of_persons: tuple[Field, ...]
    conditional: tuple[tuple[Requirement, Field], ...]
    pairs: tuple[tuple[str, str], ...]
    ends: tuple[str, ...]  # fields that end display
    amounts: tuple[tuple[str, Decimal], ...]  # with what one of their unit is in 元
    free_texts: tuple[str, ...]
    own: Mapping[str, str]  # API name of what goes into `fields`
    by_organ: bool
    consented: bool

    @classmethod
    def of(cls, kind: Kind) -> KindPlan:
        names = {f.name for f in kind.fields}
        held = {f.envelope: f.name for f in kind.fields if f.envelope}
        ends = tuple(f.name for f in kind.fields if f.ends_display)
        pairs = [pair for pair in _PAIRS if names.issuperset(pair)]
        if "period" not in names and "decision_date" in held:
            pairs += [(held["decision_date"], end) for end in ends]
        return cls(
            kind,
            held,
            tuple(f for f in kind.fields if f.required),
            tuple(
                f
                for f in kind.fields
                if (f.required if f.required_of_persons is None else f.required_of_persons)
            ),
            tuple((rule, kind.field(rule.field)) for rule in kind.requirements),
            tuple(pairs),
            ends,
            tuple(
                (f.name, WAN if f.unit == "万元" else Decimal(1))
                for f in kind.fields
                if f.type is FieldType.DECIMAL and f.unit in ("万元", "元")
            ),
            tuple(f.name for f in kind.fields if f.screened or f.envelope == "remark"),
            {f.name: f.api_name for f in kind.own_fields if f.type is not FieldType.SECRET},
            kind.name not in _SUPPLIERS,
            kind.name in _CONSENTED,
        )
