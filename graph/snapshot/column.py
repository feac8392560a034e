"""The columns of the snapshot: what is kept of a subject and of each kind of relation.

Exact numbers are scaled integers: shares in 10⁻¹², capital in 10⁻⁶ of 万元, amounts in 10⁻⁴ of 元;
UNKNOWN where nothing is stated. A value that does not fit exactly is rounded and its edge flagged
INEXACT: the relation's id leads to the exact one in the store. Days are `date.toordinal()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from graph.layout import EdgeKind

Array: TypeAlias = NDArray[Any]
Rows: TypeAlias = NDArray[np.int64]

# Raised when columns change, or what they are read from: files of another layout are made anew.
SNAPSHOT_LAYOUT = 3

SHARE_SCALE = 10**12
CAPITAL_SCALE = 10**6
AMOUNT_SCALE = 10**4
UNKNOWN = -1
INEXACT = 1

FIRMS = ("LEGAL_ENTITY", "INDIVIDUAL_BUSINESS")
CATEGORIES = (*FIRMS, "NATURAL_PERSON", "LOAN")
CLASSES = ("O", "G", "A", "R", "I")

# Traits of a subject, as bits.
STATE_ORGAN = 1  # 机关, by its type or the class 11 of its USCC
PARTNERSHIP = 2  # 合伙企业
REGISTERED = 4  # described by a registry, not only mentioned
# Whether organisation o is a partnership: by its type, else, as of a partner city's firm of which
# only the name travels, by its name, which must say so (合伙企业法 15, 56, 62).
IS_PARTNERSHIP = """
coalesce(o.entity_type LIKE '%合伙%', o.name ~ '合伙企业|普通合伙|有限合伙')
"""

# The city whose registry keeps organisation o: it describes the body, or has issued its code. Who
# merely mentioned it last says nothing (X37), and both cities must come to the same.
HOME = """
CASE WHEN o.registered OR o.uscc IS NULL THEN o.origin_region ELSE substr(o.uscc, 3, 4) || '00' END
"""

# Texts are kept once, as codes into these tables of the snapshot.
TEXTS = ("origin", "share_class", "currency", "position", "guarantee_kind", "region")

NODE: Mapping[str, str] = MappingProxyType(
    {
        "id_hi": "u8",
        "id_lo": "u8",
        "category": "u1",
        "origin": "u2",
        "region": "u2",  # under whose jurisdiction an organisation is
        "traits": "u1",
    }
)

_EDGE = {
    "source": "i4",
    "target": "i4",
    "id_hi": "u8",
    "id_lo": "u8",
    "class": "u1",
    "origin": "u2",
    "valid_from": "i4",
    "valid_to": "i4",
    "flags": "u1",
}
_POSITION = {**_EDGE, "position": "u2"}

EDGE: Mapping[EdgeKind, Mapping[str, str]] = MappingProxyType(
    {
        EdgeKind.HOLDS: {
            **_EDGE,
            "share_min": "i8",
            "share_max": "i8",
            "subscribed": "i8",
            "paid": "i8",
            "share_class": "u2",
            "currency": "u2",
        },
        EdgeKind.LEGAL_REP_OF: _POSITION,
        EdgeKind.OFFICER_OF: _POSITION,
        EdgeKind.BRANCH_OF: _EDGE,
        EdgeKind.GUARANTEES: {
            **_EDGE,
            "amount": "i8",
            "currency": "u2",
            "guarantee_kind": "u2",
            "loan": "i4",
        },
        EdgeKind.BORROWS: _EDGE,
    }
)


def empty(columns: Mapping[str, str], size: int = 0) -> dict[str, Array]:
    """Arrays of zeros for these columns."""
    return {name: np.zeros(size, dtype) for name, dtype in columns.items()}
