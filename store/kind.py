"""What a record kind is: one frozen declaration from which intake, policy, API and docs follow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class FieldType(StrEnum):
    """How a field is read from a file, stored and shown."""

    TEXT = "TEXT"
    DATE = "DATE"
    DECIMAL = "DECIMAL"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    CODE = "CODE"  # one value of a code list
    CODES = "CODES"  # several, joined with ; in files, an array in jsonb
    SECRET = "SECRET"  # noqa: S105  # a number that is encrypted at intake and never selected


INTEGERS = range(-(2**31), 2**31)
"""What a field of type INTEGER may hold: its column and the API have 32 bits."""


class Visibility(StrEnum):
    """Visibility classes of access_rules.md §2, open to internal."""

    OPEN = "O"
    GOVERNMENT = "G"
    AUTHORISED = "A"
    RESTRICTED = "R"
    INTERNAL = "I"


@dataclass(frozen=True, slots=True)
class Code:
    """One value of a code list: the stored value, its Chinese label, what files write for it."""

    value: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeList:
    """A closed list of codes, an enum in the API."""

    name: str
    label: str
    codes: tuple[Code, ...]

    def spellings(self) -> dict[str, str]:
        """Every spelling a file may use, to the stored value."""
        return {
            spelling: code.value
            for code in self.codes
            for spelling in (code.value, code.label, *code.aliases)
        }


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind.

    `envelope` names the column of the `record` table that holds it; otherwise it is a key of
    `fields` (the API name), and also the column `x_…` when hot. `required` is per category of
    subject: organisations, persons. `unit` is the unit of the stored number (万元 or 元).
    """

    name: str  # snake_case, the word of domain/records.md
    label: str  # Chinese label, also the header in files
    type: FieldType = FieldType.TEXT
    national_ids: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()  # further headers
    required: bool = False
    required_of_persons: bool | None = None  # None: as `required`
    max_length: int | None = None
    visibility: Visibility = Visibility.OPEN
    mask: str | None = None
    unit: str | None = None
    codes: CodeList | None = None
    envelope: str | None = None
    hot: bool = False
    open_ended: bool = False  # 长期 and 2099-12-31 mean null
    ends_display: bool = False  # a date from which the record is no longer displayed
    screened: bool = False  # free text: open readers get it only as the scanner let it pass
    description: str = ""
    example: str = ""  # what a template shows; "" where type and label already tell one
    # The camelCase name in the API, in `fields` and in JSON Lines.
    api_name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        head, *rest = self.name.split("_")
        api_name = head + "".join(word.capitalize() for word in rest)
        object.__setattr__(self, "api_name", api_name)

    @property
    def column(self) -> str | None:
        """The stored column, if the field has one."""
        return self.envelope or (f"x_{self.name}" if self.hot else None)

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header a file may use for this field."""
        return (*self.national_ids, self.label, *self.aliases, self.name, self.api_name)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A field that becomes required when another field has one of the given values.

    With `forbids` the field must then be empty instead.
    """

    field: str
    when: str
    values: frozenset[str]
    forbids: bool = False


@dataclass(frozen=True, slots=True)
class ClassRule:
    """The field whose value decides the class of an organisation's record, and how."""

    field: str
    classes: tuple[tuple[str, Visibility], ...]


@dataclass(frozen=True, slots=True)
class Generation:
    """An older form of a kind's files that still arrives.

    `fields` are its columns, under the name of the kind's field that each one fills; a name that
    the kind does not have is a word of the old form that intake translates (store/intake/former).
    """

    name: str  # the year it was issued: "2015"
    label: str
    fields: tuple[Field, ...]

    def lacking(self, kind: Kind) -> tuple[Field, ...]:
        """The kind's required fields that this form does not have."""
        has = {declared.name for declared in self.fields}
        return tuple(f for f in kind.fields if f.required and f.name not in has)


@dataclass(frozen=True, slots=True)
class Kind:
    """A record kind 记录类型.

    `natural_key` names fields (with `includes_subject`, the reported party as well) that make the
    record's id together with origin region, issuer and kind. `negative` kinds have publication
    clocks by rule set, from `severity` or, where it is None, from the penalty types; with
    `until_removed` they are displayed until a field that `ends_display` says otherwise.
    `class_of_persons` is the class of a natural person's record, never below G unless a law opens
    the list of persons (`open_by_law`). `report_within` is the term in working days from decision
    to receipt, None where no rule sets one. `generations` are the older forms of its files.
    """

    name: str  # snake_case singular: "penalty"
    label: str  # 行政处罚
    type_name: str  # GraphQL type: "Penalty"
    plural: str  # GraphQL list field: "penalties"
    fields: tuple[Field, ...]
    natural_key: tuple[str, ...]
    includes_subject: bool
    negative: bool
    class_of_organisations: Visibility = Visibility.OPEN
    class_of_persons: Visibility = Visibility.GOVERNMENT
    requirements: tuple[Requirement, ...] = ()
    severity: str | None = None
    until_removed: bool = False
    open_by_law: bool = False
    class_rule: ClassRule | None = None
    report_within: int | None = None
    generations: tuple[Generation, ...] = ()
    run_time: bool = False  # defined by the city while the node runs: a CatalogRecord in the API
    description: str = ""
    _by_name: dict[str, Field] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {f.name: f for f in self.fields})
        unknown = [name for name in self.natural_key if name not in self._by_name]
        if unknown or not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"kind {self.name}: natural key names unknown fields {unknown}")
        if self.class_of_persons is Visibility.OPEN and not self.open_by_law:
            raise ValueError(f"kind {self.name}: persons' records are never open without a law")

    def field(self, name: str) -> Field:
        """The field of that name; KeyError when the kind has none."""
        return self._by_name[name]

    @property
    def own_fields(self) -> tuple[Field, ...]:
        """The fields that are not part of the envelope."""
        return tuple(f for f in self.fields if f.envelope is None)

    @property
    def hot_fields(self) -> tuple[Field, ...]:
        """The fields that are stored columns as well."""
        return tuple(f for f in self.fields if f.hot and f.envelope is None)

    def headers(self) -> dict[str, Field]:
        """Every header of this kind's files, to its field."""
        return {header: f for f in self.fields for header in f.headers}


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds a node serves, by name."""

    by_name: dict[str, Kind]

    @classmethod
    def of(cls, kinds: Iterable[Kind]) -> Kinds:
        return cls({kind.name: kind for kind in sorted(kinds, key=lambda k: k.name)})

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.by_name.values())
