"""A catalogue item 目录项 declared in TOML: read strictly, and made a kind like any other.

Every item has the blocks that all records share (subject, deciding and reporting unit, document
number, day); a declaration adds the item's own fields. Format: docs/catalogue_items.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from schema.records.block import decided_by, reported_by, subject
from store.errors import StoreError
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

TYPE_NAME = "CatalogRecord"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME, _LONGEST_LABEL, _LONGEST_FILE = 40, 60, 200_000
_MOST_FIELDS, _MOST_CODES = 100, 500
_TYPES = {kind.value: kind for kind in FieldType if kind is not FieldType.SECRET}
_ITEM = frozenset(
    {"name", "label", "legal_basis", "description", "natural_key", "class_of_organisations",
     "class_of_persons", "field"}
)  # fmt: skip
_FIELD = frozenset(
    {"name", "label", "type", "required", "max_length", "visibility", "unit", "codes", "aliases",
     "open_ended", "screened", "ends_display", "description", "example"}
)  # fmt: skip
_ORDER = tuple(Visibility)  # from open to internal


class _Fault(Exception):
    """What is wrong with a declaration, and where."""


def read_declaration(text: str, taken: Collection[str] = ()) -> Kind:
    """The kind that a declaration describes; `taken` are names it cannot have.

    Raises StoreError `CATALOGUE_KIND_INVALID` with the place and what to do.
    """
    try:
        if len(text) > _LONGEST_FILE:
            raise _Fault("the file is longer than 200,000 characters: shorten it")
        return _kind(tomllib.loads(text), taken)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(f"not TOML: {error}") from error
    except (_Fault, ValueError) as error:
        raise _invalid(str(error)) from error


def check_successor(old: Kind, new: Kind) -> None:
    """Refuse a declaration that takes something away from the one before it.

    Records were taken under the old one: fields keep type, unit and class, codes stay, the
    natural key does too, and what is added is not required.
    Raises StoreError `CATALOGUE_KIND_CHANGED`.
    """
    if (old.natural_key, old.class_of_organisations, old.class_of_persons) != (
        new.natural_key,
        new.class_of_organisations,
        new.class_of_persons,
    ):
        raise _changed("natural key and classes stay as they are")
    after = {declared.name: declared for declared in new.fields}
    for before in old.fields:
        now = after.pop(before.name, None)
        if now is None:
            raise _changed(f"field {before.name} cannot be taken away")
        if (before.type, before.unit, before.visibility, before.screened) != (
            now.type,
            now.unit,
            now.visibility,
            now.screened,
        ):
            raise _changed(f"field {before.name} keeps its type, unit and class")
        if now.required and not before.required:
            raise _changed(f"field {before.name} cannot become required")
        if (before.max_length or 0) > (now.max_length or before.max_length or 0):
            raise _changed(f"field {before.name} cannot become shorter")
        if not _values(before) <= _values(now):
            raise _changed(f"field {before.name} keeps its codes")
    for added in after.values():
        if added.required:
            raise _changed(f"field {added.name} is new: it cannot be required")


def _kind(table: Mapping[str, Any], taken: Collection[str]) -> Kind:
    _known(table, _ITEM, "the item")
    name = _name(table, "the item")
    if name in taken:
        raise _Fault(f"name: {name} is taken: choose another")
    if not _text(table, "legal_basis", "the item", longest=500):
        raise _Fault("legal_basis: name the provision that lets the city collect this")
    own = table.get("field")
    if not isinstance(own, list) or not 1 <= len(own) <= _MOST_FIELDS:
        raise _Fault(f"[[field]]: declare 1 to {_MOST_FIELDS} fields")
    fields = (*_COMMON_FIRST, *(_field(one, name) for one in own), *_COMMON_LAST)
    names = [declared.name for declared in fields]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise _Fault(f"field {twice[0]}: the name is used twice, or is one that every item has")
    headers: dict[str, str] = {}
    for declared in fields:
        for header in {*declared.headers}:
            if headers.setdefault(header, declared.name) != declared.name:
                raise _Fault(f"field {declared.name}: the header {header} is another field's")
    key = table.get("natural_key")
    if not isinstance(key, list) or not key or not all(one in names for one in key):
        raise _Fault("natural_key: list the names of the fields that tell two records apart")
    by_name = {declared.name: declared for declared in fields}
    if unkeyed := [one for one in key if not by_name[one].required]:
        raise _Fault(f"natural_key: {unkeyed[0]} must be a required field")
    persons = _class(table, "class_of_persons", "G", "the item")
    if persons is Visibility.OPEN:
        raise _Fault("class_of_persons: records of natural persons are never open: G, A, R or I")
    return Kind(
        name=name,
        label=_label(table, "the item"),
        type_name=TYPE_NAME,
        plural="catalogRecords",
        fields=fields,
        natural_key=tuple(key),
        includes_subject=True,
        negative=False,
        class_of_organisations=_class(table, "class_of_organisations", None, "the item"),
        class_of_persons=persons,
        run_time=True,
        description=_text(table, "description", "the item", longest=500)
        or _text(table, "legal_basis", "the item", longest=500),
    )


def _field(table: object, item: str) -> Field:
    if not isinstance(table, dict):
        raise _Fault("[[field]]: a table of name, label, type, …")
    place = f"field {table.get('name', '?')}"
    _known(table, _FIELD, place)
    name = _name(table, place)
    kind = _TYPES.get(str(table.get("type", "TEXT")))
    if kind is None:
        raise _Fault(f"{place}: type is one of {', '.join(sorted(_TYPES))}")
    longest = table.get("max_length", 2000 if kind is FieldType.TEXT else None)
    if longest is not None and not (type(longest) is int and 1 <= longest <= 20_000):
        raise _Fault(f"{place}: max_length is a number from 1 to 20000")
    unit = table.get("unit")
    if unit is not None and (kind is not FieldType.DECIMAL or unit not in ("元", "万元", "%")):
        raise _Fault(f"{place}: unit is 元, 万元 or % of a DECIMAL")
    screened = _flag(table, "screened", place)
    if screened and kind is not FieldType.TEXT:
        raise _Fault(f"{place}: only TEXT can be screened")
    days = [flag for flag in ("open_ended", "ends_display") if _flag(table, flag, place)]
    if days and kind is not FieldType.DATE:
        raise _Fault(f"{place}: {days[0]} is for a DATE")
    aliases = table.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(one, str) and one for one in aliases):
        raise _Fault(f"{place}: aliases is a list of headers")
    return Field(
        name,
        _label(table, place),
        kind,
        aliases=tuple(aliases),
        required=_flag(table, "required", place),
        max_length=longest,
        visibility=_class(table, "visibility", "O", place),
        unit=unit,
        codes=_codes(table, kind, f"{item}_{name}", place),
        open_ended="open_ended" in days,
        ends_display="ends_display" in days,
        screened=screened,
        description=_text(table, "description", place, longest=500),
        example=_text(table, "example", place, longest=200),
    )


def _codes(table: Mapping[str, Any], kind: FieldType, name: str, place: str) -> CodeList | None:
    given = table.get("codes")
    if kind not in (FieldType.CODE, FieldType.CODES):
        if given is not None:
            raise _Fault(f"{place}: codes are for CODE and CODES")
        return None
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_CODES:
        raise _Fault(f"{place}: codes is a list of 1 to {_MOST_CODES} words")
    if not all(isinstance(one, str) and one and one == one.strip() for one in given):
        raise _Fault(f"{place}: a code is a word without blanks around it")
    if len(set(given)) != len(given) or any(";" in one or "|" in one for one in given):
        raise _Fault(f"{place}: codes differ from each other and hold neither ; nor |")
    label = _label(table, place)
    return CodeList(name, label, tuple(Code(one, one) for one in given))


def _known(table: Mapping[str, Any], names: Collection[str], place: str) -> None:
    unknown = sorted(table.keys() - set(names))
    if unknown:
        raise _Fault(f"{place}: {unknown[0]} is unknown; known are {', '.join(sorted(names))}")


def _name(table: Mapping[str, Any], place: str) -> str:
    name = table.get("name")
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise _Fault(f"{place}: name is 1 to {_LONGEST_NAME} of a-z, 0-9 and _, such as fire_grade")
    return name


def _label(table: Mapping[str, Any], place: str) -> str:
    label = _text(table, "label", place, longest=_LONGEST_LABEL)
    if not label:
        raise _Fault(f"{place}: label is needed, the Chinese name")
    return label


def _text(table: Mapping[str, Any], key: str, place: str, *, longest: int) -> str:
    text = table.get(key, "")
    if not isinstance(text, str) or len(text) > longest or not text.isprintable():
        raise _Fault(f"{place}: {key} is a text of at most {longest} characters on one line")
    return text.strip()


def _flag(table: Mapping[str, Any], key: str, place: str) -> bool:
    flag = table.get(key, False)
    if not isinstance(flag, bool):
        raise _Fault(f"{place}: {key} is true or false")
    return flag


def _class(table: Mapping[str, Any], key: str, default: str | None, place: str) -> Visibility:
    try:
        return Visibility(table.get(key, default))
    except ValueError:
        listed = ", ".join(_ORDER)
        raise _Fault(f"{place}: {key} is one of {listed}") from None


def _values(declared: Field) -> set[str]:
    return {code.value for code in declared.codes.codes} if declared.codes else set()


def _invalid(what: str) -> StoreError:
    return StoreError("CATALOGUE_KIND_INVALID", f"目录项定义有误 {what}")


def _changed(what: str) -> StoreError:
    return StoreError(
        "CATALOGUE_KIND_CHANGED",
        f"{what}: records were taken under the declaration before; declare a new item instead",
    )


_COMMON_FIRST = (
    *subject(),
    Field("document_no", "文书号", max_length=128, envelope="document_no"),
    Field("decision_date", "认定日期", FieldType.DATE, required=True, envelope="decision_date"),
)
_COMMON_LAST = (
    *(replace(one, aliases=()) for one in decided_by("issuer", "作出单位")),
    *reported_by(),
)
