"""Random valid questions over the whole schema, with everything that the language has."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import strategies as st

from resolvers.pseudonym import token_of
from tests.resolvers.differential.world import DAYS, REGIONS, SCHEMES, UNITS, World

Draw = Callable[[st.SearchStrategy[Any]], Any]
_LONG = "a_response_key_that_is_longer_than_what_postgresql_lets_a_name_be_long_"


@dataclass
class Question:
    """A document with the values of its variables."""

    document: str
    variables: dict[str, Any]


@dataclass
class Writer:
    """Writes one operation; `roots` are the root fields it may ask."""

    schema: GraphQLSchema
    world: World
    person_key: bytes
    draw: Draw
    roots: tuple[str, ...]
    left: int = 45  # fields
    lists: int = 7  # connections
    definitions: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    spreads: dict[str, list[str]] = field(default_factory=dict)  # finished fragments by type
    values: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)  # variables by type
    aliases: int = 0

    def question(self) -> Question:
        query = self.schema.query_type
        assert query is not None
        parts = []
        for _ in range(self.number(1, 3)):
            name = self.pick(_FULL if self.chance(2) else self.roots)
            parts.append(self.root(query, self.field(query, name, 5, alias=True)))
        if self.chance(8):
            parts.append(self.pick(_UNSTORED))
        if self.chance(2):
            parts.reverse()
        body = " ".join(part for part in parts if part)
        head = f"query Asked({', '.join(self.definitions)})" if self.definitions else "query"
        return Question(" ".join([f"{head} {{ {body} }}", *self.fragments]), self.variables)

    def root(self, query: GraphQLObjectType, told: str) -> str:
        """A root field as it stands, or in a fragment."""
        if not told or not self.chance(6):
            return told
        if self.chance(2):
            return f"... {self.pick(('', 'on Query'))} {self.directive()} {{ {told} }}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {query.name} {{ {told} }}")
        return f"...{name} {self.directive()}"

    # Drawing.

    def number(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def chance(self, of: int) -> bool:
        return self.number(1, of) == of

    def pick(self, of: Any) -> Any:
        return of[self.number(0, len(of) - 1)]

    # Selections.

    def selection(self, type_: Any, depth: int) -> str:
        """A selection set of a composite type."""
        fields = getattr(type_, "fields", {})
        names = [*fields, *[name for name in _OFTEN if name in fields] * 4]
        parts: list[str] = []
        for _ in range(self.number(1, 5)):
            if self.left <= 0:
                break
            if is_abstract_type(type_) and (not names or self.chance(2)):
                parts.append(self.fragment(type_, depth))
            elif self.chance(12):
                parts.append(self.alias("__typename"))
            elif self.chance(14):
                inner = self.selection(type_, depth)
                parts.append(f"... {self.directive()} {inner}")
            elif self.chance(16):
                parts.append(self.named(type_, depth))
            elif names:
                parts.append(self.field(type_, self.pick(names), depth, alias=self.chance(2)))
        body = " ".join(part for part in parts if part)
        return f"{{ {body or '__typename'} }}"

    def fragment(self, type_: Any, depth: int) -> str:
        on = self.pick(self.schema.get_possible_types(type_))
        if isinstance(type_, GraphQLInterfaceType) and self.chance(4):
            on = type_
        elif on.interfaces and self.chance(4):
            on = self.pick(on.interfaces)
        return f"... on {on.name} {self.directive()} {self.selection(on, depth)}"

    def named(self, type_: Any, depth: int) -> str:
        if (known := self.spreads.get(type_.name)) and self.chance(2):
            return f"...{self.pick(known)} {self.directive()}"
        name = f"F{len(self.fragments)}"
        self.fragments.append("")
        at = len(self.fragments) - 1
        self.fragments[at] = f"fragment {name} on {type_.name} {self.selection(type_, depth)}"
        self.spreads.setdefault(type_.name, []).append(name)
        return f"...{name} {self.directive()}"

    def directive(self) -> str:
        if not self.chance(6):
            return ""
        if self.chance(6):
            return f"{self.condition('skip')} {self.condition('include')}"
        return self.condition(self.pick(("skip", "include")))

    def condition(self, name: str) -> str:
        value = self.chance(2)
        if self.chance(2):
            return f"@{name}(if: {'true' if value else 'false'})"
        return f"@{name}(if: {self.variable('Boolean!', value, GraphQLBoolean)})"

    def alias(self, text: str) -> str:
        self.aliases += 1
        long = _LONG if self.chance(25) else ""
        return f"{long}k{self.aliases}: {text}"

    def field(self, type_: Any, name: str, depth: int, *, alias: bool) -> str:
        definition = type_.fields[name]
        named = get_named_type(definition.type)
        self.left -= 1
        composite = is_composite_type(named)
        if composite and depth <= 0:
            return ""
        if "first" in definition.args:
            if self.lists <= 0:
                return ""
            self.lists -= 1
        text = name + self.arguments(type_, definition, named.name)
        if composite or definition.args or alias or not isinstance(type_, GraphQLObjectType):
            text = self.alias(text)
        text = f"{text} {self.directive()}"
        if not composite:
            return f"{text} {text}" if self.chance(20) else text
        if named.name.endswith("Connection") or named.name.endswith("Edge"):
            depth += 1  # the way to a list is one step, not three
        first = f"{text} {self.selection(named, depth - 1)}"
        if self.chance(15) and not definition.args:
            return f"{first} {text} {self.selection(named, depth - 1)}"
        return first

    # Arguments.

    def arguments(self, type_: Any, definition: Any, result: str) -> str:
        given = []
        backward = self.chance(4)
        by = "NAME+"
        for name, argument in definition.args.items():
            required = is_non_null_type(argument.type) and argument.default is None
            unwanted = ("first", "after") if backward else ("last", "before")
            if name in unwanted and not self.chance(30):
                continue
            if not required and not self.chance(_RARELY.get(name, 2)):
                continue
            if name in ("after", "before"):
                cursors = self.world.cursors.get(self.order(result, by), [])
                if not cursors:
                    continue
                given.append(f"{name}: {self.spelled(self.pick(cursors), 'String')}")
                continue
            if name == "orderBy":
                type_ = get_named_type(argument.type)
                order = {
                    "field": self.pick(list(get_named_type(type_.fields["field"].type).values))
                }
                if self.chance(2):
                    order["direction"] = self.pick(("ASC", "DESC"))
                by = _order_name(type_.name, order)
                given.append(f"orderBy: {self.spelled(order, type_.name, argument.type)}")
                continue
            value = None if not required and self.chance(12) else self.value(argument.type, name)
            given.append(f"{name}: {self.spelled(value, str(argument.type), argument.type)}")
        if self.chance(2):
            given.reverse()
        return f"({', '.join(given)})" if given else ""

    def order(self, result: str, by: str) -> str:
        if result == "OrganisationConnection" or by.startswith("record"):
            return by
        known = {
            "SearchConnection": "search", "RegionConnection": "region", "UnitConnection": "unit",
            "PersonConnection": "person",
        }  # fmt: skip
        if result in known:
            return known[result]
        edge = result.replace("Connection", "Edge")
        if edge in ("HoldingEdge", "PositionEdge", "BranchEdge", "GuaranteeEdge", "LoanEdge"):
            return f"{edge}{self.pick(('IN', 'OUT'))}"
        return "record"

    def value(self, type_: Any, name: str) -> Any:
        type_ = get_nullable_type(type_)
        if is_list_type(type_):
            return [self.value(type_.of_type, name) for _ in range(self.number(0, 3))]
        if isinstance(type_, GraphQLEnumType):
            return self.pick(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return self.members(type_, name)
        match type_.name:
            case "Int":
                return self.pick((1, 2, 3, 5, 20, 0))
            case "Boolean":
                return self.chance(2)
            case "Date":
                return str(self.pick([day for day in DAYS if day]))
            case "Decimal":
                return self.pick(("0", "0.2", "1200.5", "-3.05", "99999999999999"))
            case "ID":
                return self.id()
            case "_Any":
                return self.representation()
        return self.text(name)

    def members(self, type_: GraphQLInputObjectType, name: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for member, declared in type_.fields.items():
            required = is_non_null_type(declared.type) and declared.default is None
            if required or self.chance(max(3, len(type_.fields) // 2)):
                null = not required and self.chance(10)
                found[member] = None if null else self.value(declared.type, member)
        if type_.name == "PersonFilter" and not any(found.values()):
            found["surname"] = self.pick(("张", "欧阳", "王", "A"))
        return found

    def text(self, name: str) -> str:
        world, names = self.world, self.world.values("organisation_name", "name")
        match name:
            case "code" | "subject" | "firm" | "uscc":
                return self.code()
            case "name" | "text":
                if self.chance(3):
                    return self.code()
                name = self.pick([*names, *self.world.values("person", "name")])
                start = self.number(0, max(len(name) - 2, 0))
                part = name[start : start + self.number(2, 6)]
                return part if len("".join(part.split())) > 1 else "公司"
            case "surname":
                return self.pick(("张", "欧阳", "王", "司马", "李"))
            case "region" | "originRegion" | "parent":
                return self.pick(REGIONS)
            case "kinds" | "item":
                return self.pick(list(world.kinds.by_name))
            case "issuer":
                return self.pick((*UNITS, "应急管理局", "11210500xd0000002x"))
            case "documentNo":
                return f"文{self.number(0, 39)}"
            case "industry":
                return self.pick(("C", "C31", "3110", "L72", "XX"))
            case "scheme":
                return self.pick(SCHEMES)
            case "token":
                return self.pick((*world.tokens, "t99"))
            case "entityType" | "regStatus":
                return self.pick(("公司", "存续", "个体"))
        if self.chance(3):
            return "".join(self.draw(st.text(max_size=4)).split("\x00"))
        return self.pick(("甲", "应急", "0", "A", "1"))

    def code(self) -> str:
        code = self.pick(self.world.codes)
        match self.number(1, 8):
            case 1:
                return code.lower()
            case 2:
                return f" {code[:4]} {code[4:]}"
            case 3:
                return self.pick(("423", "lei:x", "", "finbench-person:3", "没有"))
        return code

    def id(self) -> str:
        kind = self.number(0, 4)
        if kind == 0:
            person = self.pick([*self.world.ids("person"), *self.world.ids("subject")])
            told = f"Person:{token_of(self.person_key, person)}"
        elif kind == 1:
            told = f"Loan:{self.pick(self.world.ids('loan'))}"
        elif kind == 2:
            record = self.pick(self.world.rows["record"])
            told = f"{self.world.kinds.by_name[record['kind']].type_name}:{record['record_id']}"
        else:
            told = f"Organisation:{self.pick(self.world.ids('subject'))}"
        return base64.b64encode(told.encode()).decode() if not self.chance(30) else told

    def representation(self) -> dict[str, str]:
        if self.chance(3):
            uscc = self.pick(self.world.values("organisation", "uscc"))
            return {"__typename": "Organisation", "uscc": uscc}
        id_ = self.id()
        try:
            name = base64.b64decode(id_, validate=True).decode().partition(":")[0]
        except ValueError:
            name = "Loan"
        return {"__typename": name, "id": id_}

    # How a value is written.

    def variable(self, type_: str, value: Any, declared: Any, *, default: bool = True) -> str:
        for known, held in self.values.get(type_, ()):
            if type(held) is type(value) and held == value and self.chance(2):
                return f"${known}"
        name = f"v{len(self.definitions)}"
        written = f"${name}: {type_}"
        self.values.setdefault(type_, []).append((name, value))
        if default and self.chance(4):
            self.definitions.append(f"{written} = {self.literal(value, declared, constant=True)}")
            if self.chance(2):
                return f"${name}"  # absent: the default counts
        else:
            self.definitions.append(written)
        self.variables[name] = value
        return f"${name}"

    def spelled(self, value: Any, type_: str, declared: Any = None) -> str:
        if self.chance(2):
            return self.literal(value, declared)
        if value is None and self.chance(2):
            self.definitions.append(f"$v{len(self.definitions)}: {type_}")
            return f"$v{len(self.definitions) - 1}"  # absent and without default
        plain = declared is not None and "Any" not in type_
        return self.variable(type_, value, declared, default=plain)

    def literal(self, value: Any, declared: Any, *, constant: bool = False) -> str:
        type_ = get_nullable_type(declared) if declared is not None else None
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            inner = type_.of_type if is_list_type(type_) else None
            if len(value) == 1 and inner is not None and self.chance(4):
                return self.literal(value[0], inner, constant=constant)  # a list of one
            parts = [self.item(one, inner, constant=constant) for one in value]
            return f"[{', '.join(parts)}]"
        if isinstance(value, dict):
            members = getattr(type_, "fields", {})
            parts = []
            for key, one in value.items():
                of = members[key].type if key in members else None
                if of is not None and not constant and self.chance(6):
                    parts.append(f"{key}: {self.variable(str(of), one, of, default=False)}")
                else:
                    parts.append(f"{key}: {self.literal(one, of, constant=constant)}")
            return f"{{{', '.join(parts)}}}"
        if isinstance(value, str) and isinstance(get_named_type(type_), GraphQLEnumType):
            return value
        if isinstance(value, str) and self.chance(10) and _BLOCK.fullmatch(value):
            return f'"""{value}"""'
        return orjson.dumps(value).decode()

    def item(self, value: Any, type_: Any, *, constant: bool) -> str:
        if type_ is not None and not constant and value is not None and self.chance(8):
            return self.variable(str(type_), value, type_, default=False)
        return self.literal(value, type_, constant=constant)


def _order_name(type_: str, order: dict[str, str]) -> str:
    """The name of an order in its cursors."""
    by, direction = order["field"], order.get("direction")
    if type_ == "OrganisationOrder":
        return by + ("-" if direction == "DESC" else "+")
    if by == "DECISION_DATE" and direction != "ASC":
        return "record"
    return f"record:{by}{'+' if direction == 'ASC' else '-'}"


# Roots that most often find something.
_FULL = (
    "organisation", "organisations", "search", "records", "subjects", "node", "persons",
    "penalties", "evaluations", "_entities",
)  # fmt: skip
# Fields that most often tell something, or lead to where it is told.
_OFTEN = (
    "edges", "nodes", "node", "name", "holders", "holdings", "officers", "legalRepresentatives",
    "records", "subject", "recognisedGrade", "reportedName", "positions", "facts", "performed",
)  # fmt: skip
# What no statement answers, beside what one does.
_UNSTORED = (
    "__typename", "kinds { name label }", '__type(name: "Share") { name kind }',
    "_service { sdl }", "__schema { queryType { name } }",
)  # fmt: skip
_BLOCK = re.compile(r'[^\s"\\]+(?: [^\s"\\]+)*')
_RARELY = {"filter": 4, "after": 6, "before": 6, "asOf": 4, "first": 3, "kinds": 4}
