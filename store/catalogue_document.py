"""Catalogue documents: TOML files that state one edition of a catalogue, checked before they count.

Every fault is told with its line and field; a document with one is refused as a whole.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from store.catalogue import (
    EVERY_PARTNER,
    Application,
    CatalogueType,
    Edition,
    InformationItem,
    Provider,
)
from store.catalogue_fault import CatalogueError, Fault, line_of
from store.identifiers import uscc
from store.kind import Kind, Kinds, Visibility
from store.regions import RegionKind, load_regions

PURPOSES = frozenset(f"P{number}" for number in range(1, 18))
"""Purposes 用途 of the access rules §3."""
CATEGORIES = ("LEGAL_ENTITY", "INDIVIDUAL_BUSINESS", "NATURAL_PERSON")
"""Categories of subjects 主体类别."""
_SHARES = "OGAR"
_WIDTH = "OGARI"  # widest first
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_HEAD = {
    "type",
    "edition",
    "region",
    "valid_from",
    "valid_to",
    "legal_basis",
    "item",
    "application",
}
_ITEM = {"kind", "categories", "share", "providers", "partners", "cycle_days",
         "cycle_working_days", "legal_basis"}  # fmt: skip
_APPLICATION = {"unit", "unit_name", "matter", "purposes", "kinds", "valid_from", "valid_to",
                "legal_basis"}  # fmt: skip


def read_edition(raw: bytes, kinds: Kinds, *, today: date, demo: bool) -> Edition:
    """Read a document of either type.

    `kinds` are the record kinds of this node, `demo` admits codes of the demo world. Raises
    CatalogueError with every fault: `CATALOGUE_MALFORMED`, `CATALOGUE_KIND_UNKNOWN`,
    `CATALOGUE_PURPOSE_UNKNOWN`, `CATALOGUE_UNIT_INVALID`, `CATALOGUE_SHARE_TOO_WIDE`,
    `CATALOGUE_PARTNER`, `CATALOGUE_REGION`.
    """
    try:
        text = raw.decode("utf-8-sig")
        document = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        told = re.search(r"line (\d+)", str(error))
        line = int(told[1]) if told else None
        reason = "this is not TOML in UTF-8"
        raise CatalogueError([Fault("CATALOGUE_MALFORMED", line, "document", reason)]) from error
    reader = _Reader(text, kinds, today, demo)
    edition = reader.edition(document)
    if reader.faults:
        raise CatalogueError(sorted(reader.faults, key=lambda fault: fault.line or 0))
    return edition


def _wider(share: str, kind: Kind, categories: frozenset[str]) -> bool:
    """Whether a share discloses more than the kind's records of these categories allow."""
    classes: list[Visibility] = []
    if categories - {"NATURAL_PERSON"}:
        rule = kind.class_rule
        classes += [made for _, made in rule.classes] if rule else [kind.class_of_organisations]
    if "NATURAL_PERSON" in categories:
        classes.append(kind.class_of_persons)
    return bool(classes) and _WIDTH.index(share) < min(_WIDTH.index(c.value) for c in classes)


def _date(value: object) -> date | None:
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


@cache
def _cities() -> frozenset[str]:
    return frozenset(r.id for r in load_regions(False) if r.kind is RegionKind.PREFECTURE)


@dataclass(slots=True)
class _Reader:
    """Reads one document and collects its faults."""

    text: str
    kinds: Kinds
    today: date
    demo: bool
    faults: list[Fault] = field(default_factory=list)

    def fault(self, code: str, place: str, reason: str) -> None:
        self.faults.append(Fault(code, line_of(self.text, place), place, reason))

    def edition(self, document: dict[str, Any]) -> Edition:
        self._known(document, _HEAD, "")
        type_ = self._type(document)
        name = self._text(document, "edition", "")
        if name and not _NAME.fullmatch(name):
            self._malformed("edition", "name it with lower-case letters, digits, dots and hyphens")
        start, end = self._dates(document, "")
        region = self._text(document, "region", "")
        if region and region not in _cities():
            self.fault("CATALOGUE_REGION", "region", "name a city by its GB/T 2260 code")
        rows = "item" if type_ is CatalogueType.INFORMATION else "application"
        other = "application" if rows == "item" else "item"
        if other in document:
            self._malformed(other, f"a catalogue of type {type_} has [[{rows}]] rows only")
        told = document.get(rows, [])
        if not isinstance(told, list) or not told or not all(isinstance(r, dict) for r in told):
            self._malformed(rows, f"give at least one [[{rows}]] row")
            told = []
        items: tuple[InformationItem, ...] = ()
        applications: tuple[Application, ...] = ()
        if rows == "item":
            items = tuple(self._item(row, f"item[{at}]", region) for at, row in enumerate(told, 1))
            self._once([item.kind for item in items], "item", "kind")
        else:
            applications = tuple(
                self._application(row, f"application[{at}]", start, end)
                for at, row in enumerate(told, 1)
            )
            keys = [f"{a.unit} {a.matter} {a.valid_from}" for a in applications]
            self._once(keys, "application", "matter")
        basis = self._text(document, "legal_basis", "")
        return Edition(type_, name, region, start, end, basis, items, applications)

    def _type(self, document: dict[str, Any]) -> CatalogueType:
        try:
            return CatalogueType(document.get("type", ""))
        except ValueError:
            self._malformed("type", "say INFORMATION 信息目录 or APPLICATION 应用目录")
            return CatalogueType.INFORMATION

    def _item(self, row: dict[str, Any], at: str, region: str) -> InformationItem:
        self._known(row, _ITEM, at)
        name = self._text(row, "kind", at)
        kind = self._kind(name, f"{at}.kind")
        categories = self._set(row, "categories", at)
        for category in sorted(categories - set(CATEGORIES)):
            self._malformed(f"{at}.categories", f"{category} is none of {', '.join(CATEGORIES)}")
        share = self._text(row, "share", at)
        if share and (len(share) != 1 or share not in _SHARES):
            self._malformed(f"{at}.share", "say O open, G government, A authorised or R restricted")
        elif share and kind is not None and _wider(share, kind, categories):
            self.fault(
                "CATALOGUE_SHARE_TOO_WIDE",
                f"{at}.share",
                f"records of {kind.name} are of a narrower class than {share}",
            )
        return InformationItem(
            kind=name,
            categories=categories,
            share=share,
            providers=self._providers(row, at),
            partners=self._partners(row, at, region, share, categories),
            cycle_days=self._cycle(row, at),
            legal_basis=self._text(row, "legal_basis", at),
            cycle_is_working="cycle_working_days" in row,
        )

    def _application(
        self, row: dict[str, Any], at: str, start: date, end: date | None
    ) -> Application:
        self._known(row, _APPLICATION, at)
        kinds = self._set(row, "kinds", at)
        for name in sorted(kinds):
            self._kind(name, f"{at}.kinds")
        purposes = self._set(row, "purposes", at)
        for purpose in sorted(purposes - PURPOSES):
            self.fault(
                "CATALOGUE_PURPOSE_UNKNOWN", f"{at}.purposes", f"{purpose} is none of P1…P17"
            )
        begins, ends = self._dates(
            {"valid_from": start, **({"valid_to": end} if end else {}), **row}, at
        )
        if begins < start or (end is not None and (ends is None or ends > end)):
            self._malformed(f"{at}.valid_from", "a row lies within the dates of its edition")
        return Application(
            unit=self._unit(row.get("unit"), f"{at}.unit"),
            matter=self._text(row, "matter", at),
            purposes=purposes,
            kinds=kinds,
            valid_from=begins,
            valid_to=ends,
            legal_basis=self._text(row, "legal_basis", at),
            unit_name=self._text(row, "unit_name", at),
        )

    def _kind(self, name: str, place: str) -> Kind | None:
        kind = self.kinds.by_name.get(name)
        if kind is None and name:
            self.fault("CATALOGUE_KIND_UNKNOWN", place, f"{name} is no record kind of this node")
        return kind

    def _providers(self, row: dict[str, Any], at: str) -> tuple[Provider, ...]:
        told = row.get("providers")
        if not isinstance(told, list) or not told or not all(isinstance(p, dict) for p in told):
            self._malformed(f"{at}.providers", "name the units that report it: {uscc, name}")
            return ()
        place = f"{at}.providers"
        for one in told:
            self._known(one, {"uscc", "name"}, place)
        found = tuple(
            Provider(self._unit(one.get("uscc"), place), self._text(one, "name", place))
            for one in told
        )
        self._once([provider.uscc for provider in found], place, "uscc")
        return found

    def _partners(
        self, row: dict[str, Any], at: str, region: str, share: str, categories: frozenset[str]
    ) -> frozenset[str]:
        place = f"{at}.partners"
        partners = self._set(row, "partners", at, may_be_empty=True)
        for partner in sorted(partners - {EVERY_PARTNER}):
            if partner not in _cities() or partner == region:
                self.fault("CATALOGUE_PARTNER", place, "name other cities by GB/T 2260 code, or *")
        if partners and share not in ("O", "G"):
            self.fault("CATALOGUE_PARTNER", place, f"what is shared as {share} never travels")
        if partners and categories == {"NATURAL_PERSON"}:
            self.fault("CATALOGUE_PARTNER", place, "records of natural persons never travel")
        return partners

    def _cycle(self, row: dict[str, Any], at: str) -> int | None:
        given = [name for name in ("cycle_days", "cycle_working_days") if name in row]
        if not given:
            return None
        days = row[given[0]]
        if (
            len(given) > 1
            or isinstance(days, bool)
            or not isinstance(days, int)
            or not 0 < days < 3700
        ):
            self._malformed(f"{at}.{given[0]}", "give one cycle of 1 to 3699 days")
            return None
        return days

    def _unit(self, code: Any, place: str) -> str:
        judged = uscc(str(code), strict=False, on=self.today, demo=self.demo)
        if not isinstance(code, str) or not judged.valid or judged.normalised != code:
            self.fault(
                "CATALOGUE_UNIT_INVALID", place, "give the unit's 统一社会信用代码, 18 characters"
            )
        return str(code)

    def _dates(self, row: dict[str, Any], at: str) -> tuple[date, date | None]:
        start, end = _date(row.get("valid_from")), _date(row.get("valid_to"))
        place = f"{at}.valid_from" if at else "valid_from"
        if start is None:
            self._malformed(place, "give the first day as a date, for example 2026-07-01")
            start = date.max
        if "valid_to" in row and (end is None or end <= start):
            self._malformed(
                place.replace("_from", "_to"),
                "give the first day after the end, later than the start",
            )
            end = None
        return start, end

    def _text(self, row: dict[str, Any], name: str, at: str) -> str:
        value = row.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > 500 or "\0" in value:
            self._malformed(f"{at}.{name}" if at else name, "give a text of 1 to 500 characters")
            return ""
        return value

    def _set(
        self, row: dict[str, Any], name: str, at: str, *, may_be_empty: bool = False
    ) -> frozenset[str]:
        told = row.get(name, [] if may_be_empty else None)
        if (
            not isinstance(told, list)
            or not all(isinstance(one, str) for one in told)
            or len(set(told)) != len(told)
            or not (told or may_be_empty)
        ):
            self._malformed(f"{at}.{name}", "give a list of names, each once")
            return frozenset()
        return frozenset(told)

    def _once(self, keys: Collection[str], at: str, name: str) -> None:
        seen: set[str] = set()
        for number, key in enumerate(keys, 1):
            if key in seen:
                self._malformed(f"{at}[{number}].{name}", f"{key} stands twice")
            seen.add(key)

    def _known(self, row: dict[str, Any], names: set[str], at: str) -> None:
        for name in sorted(row.keys() - names):
            self._malformed(f"{at}.{name}" if at else name, "no such field")

    def _malformed(self, place: str, reason: str) -> None:
        self.fault("CATALOGUE_MALFORMED", place, reason)
