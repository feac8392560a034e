"""Registration authorities 登记管理部门 and entity classes 机构类别 as dated data."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class EntityClass:
    """One class of bodies under one authority, positions 2 and 1 of a 统一社会信用代码.

    Valid from `valid_from` until before `valid_to`; None means open or not established.
    """

    authority: str
    authority_name: str
    entity_class: str
    class_name: str
    valid_from: date | None
    valid_to: date | None


@cache
def load_entity_classes() -> tuple[EntityClass, ...]:
    """The table of GB 32100-2015 with its amendments (store/data/registration_authorities.csv)."""
    file = resources.files("store").joinpath("data/registration_authorities.csv")
    return tuple(
        EntityClass(
            authority=row["authority"],
            authority_name=row["authority_name"],
            entity_class=row["entity_class"],
            class_name=row["class_name"],
            valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        )
        for row in csv.DictReader(file.read_text("utf-8").splitlines())
    )


@lru_cache(maxsize=64)
def heads_on(day: date) -> frozenset[str]:
    """First two characters that a code may have on `day`.

    A class that was closed before `day` still counts: codes are unchanged for life.
    """
    return frozenset(
        row.authority + row.entity_class
        for row in load_entity_classes()
        if row.valid_from is None or row.valid_from <= day
    )


@lru_cache(maxsize=64)
def authorities_on(day: date) -> frozenset[str]:
    """First characters that a code may have on `day`."""
    return frozenset(head[0] for head in heads_on(day))


def entity_class(uscc: str) -> EntityClass | None:
    """Authority and class that the head of a normalised code names, None when unknown."""
    for row in load_entity_classes():
        if uscc[:2] == row.authority + row.entity_class:
            return row
    return None
