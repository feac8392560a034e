"""Random valid operations for random roles: every answer is what the schema promises."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from graphql import (
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    parse,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.page import DEFAULT_FIRST
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import load_policy

_ARGUMENTS = {
    "organisation": ['code: "91210500XD00000011"', 'code: "finbench-company:423"', 'code: "?"'],
    "node": ['id: "UGVuYWx0eTp4"', "id: $node"],
    "person": ['id: "UGVyc29uOng="'],
    "persons": ['filter: {name: "欧阳明"}', 'filter: {firm: "91210500XD00000011"}'],
    "search": ['text: "本溪"', 'text: "91210500XD00000011"'],
    "_entities": [
        'representations: [{__typename: "Organisation", uscc: "91210500XD00000011"}]',
        'representations: [{__typename: "Penalty", id: $node}, {__typename: "Loan", id: "x"}]',
        "representations: []",
    ],
    "__type": ['name: "Penalty"'],
}
_PAGES = ["", "first: 1", "last: 1", "first: 0", "first: $n", "last: $n"]
_SKIPPED = {"neighbourhood", "kinds"} | {
    "accessEntries",
    "accessEntry",
    "accessHistory",
    "exposureReport",
    "reviewFindings",
    "accessStatistics",
}

_SOMEBODY = st.frozensets(st.sampled_from([uuid5(NAMESPACE_DNS, key) for key in "adpz"]))
_NAMING = ("own", "authorised", "matter", "approved")
_SOME_KINDS = st.frozensets(st.sampled_from(sorted(kinds().by_name)))
_GROUNDS = st.fixed_dictionaries(
    {},
    optional={
        "own": _SOMEBODY,
        "authorised": _SOMEBODY,
        "matter": _SOMEBODY,
        "approved": _SOMEBODY,
        "barred": _SOMEBODY,
        "district": st.sampled_from(["210504", "210500", "none"]),
        "government_kinds": _SOME_KINDS,
        "unshared": st.frozensets(
            st.tuples(
                st.sampled_from(["penalty", "licence"]),
                st.sampled_from(["LEGAL_ENTITY", "INDIVIDUAL_BUSINESS", "NATURAL_PERSON"]),
            )
        ),
    },
)


class Writer:
    """Writes one operation; remembers nothing but the counter of its aliases."""

    def __init__(self, schema: GraphQLSchema, draw: Any) -> None:
        self.schema, self.draw, self.aliases = schema, draw, 0

    def operation(self) -> str:
        query = self.schema.query_type
        assert query is not None
        body = self.selection(query, 0)
        return f"query($n: Int = 2, $node: ID!, $b: Boolean = true) {body}"

    def selection(self, type_: Any, depth: int) -> str:
        names = [name for name in getattr(type_, "fields", ()) if name not in _SKIPPED]
        if depth >= 7:
            names = [n for n in names if is_leaf_type(get_named_type(type_.fields[n].type))]
        if type_.name.endswith("Connection") and depth < 7:
            names = [n for n in names if n != "totalCount"] + ["totalCount"]
        chosen = self.draw(
            st.lists(st.sampled_from([*names, "__typename"]), min_size=1, max_size=3)
        )
        parts = [self.field(type_, name, depth) for name in chosen]
        if is_abstract_type(type_) and self.draw(st.booleans()):
            possible = self.schema.get_possible_types(type_)
            one = self.draw(st.sampled_from(sorted(possible, key=lambda t: t.name)))
            parts.append(f"... on {one.name} {self.selection(one, depth + 1)}")
        return "{ " + " ".join(parts) + " }"

    def field(self, type_: Any, name: str, depth: int) -> str:
        self.aliases += 1
        shown = f"k{self.aliases}: {name}"
        if name == "__typename":
            return shown
        field = type_.fields[name]
        given_: list[str] = []
        if name in _ARGUMENTS and any(is_required_argument(a) for a in field.args.values()):
            given_.append(self.draw(st.sampled_from(_ARGUMENTS[name])))
        if "first" in field.args:
            given_.append(self.draw(st.sampled_from(_PAGES)))
        given_ = [argument for argument in given_ if argument]
        if given_:
            shown += f"({', '.join(given_)})"
        shown += self.draw(st.sampled_from(["", "", " @include(if: $b)", " @skip(if: $b)"]))
        named = get_named_type(field.type)
        return shown if is_leaf_type(named) else f"{shown} {self.selection(named, depth + 1)}"


def conforms(schema: GraphQLSchema, type_: Any, value: Any, at: str) -> None:
    """The value is one of the type; objects are known by what was selected."""
    if is_non_null_type(type_):
        assert value is not None, at
        type_ = type_.of_type
    if value is None:
        return
    if is_list_type(type_):
        assert isinstance(value, list), at
        assert len(value) <= max(DEFAULT_FIRST, 200), at
        for index, item in enumerate(value):
            conforms(schema, type_.of_type, item, f"{at}[{index}]")
        return
    if is_enum_type(type_):
        assert value in type_.values, (at, value)
        return
    if is_leaf_type(type_):
        expected = {"Int": int, "Boolean": bool}.get(type_.name, str)
        assert isinstance(value, expected), (at, value)
        return
    assert isinstance(value, dict), at


def check(schema: GraphQLSchema, document: str, data: Any) -> None:
    operation: Any = parse(document).definitions[0]

    def walk(type_: Any, selections: Any, value: Any, at: str) -> list[str]:
        keys: list[str] = []
        for selection in selections:
            if selection.kind == "inline_fragment":
                walk_type = schema.type_map[selection.type_condition.name.value]
                keys += walk(walk_type, selection.selection_set.selections, value, at)
                continue
            key, name = selection.alias.value, selection.name.value
            keys.append(key)
            if key not in value:
                continue
            if name == "__typename":
                assert value[key] in schema.type_map, at
                continue
            field = type_.fields[name]
            conforms(schema, field.type, value[key], f"{at}.{key}")
            named = get_named_type(field.type)
            found = value[key] if isinstance(value[key], list) else [value[key]]
            if is_composite_type(named):
                for item in found:
                    if item is not None:
                        inner = walk(named, selection.selection_set.selections, item, f"{at}.{key}")
                        order = [k for k in inner if k in item]
                        assert list(item) == order, at
        return keys

    walk(schema.query_type, operation.selection_set.selections, data, "")


def objects(value: Any) -> int:
    """How many objects an answer holds; what tells of the schema counts nothing."""
    if isinstance(value, list):
        return sum(map(objects, value))
    if not isinstance(value, dict):
        return 0
    return 1 + sum(map(objects, value.values()))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_every_answer_is_what_the_schema_promises(
    ask: Any, credit: CreditSchema, data: st.DataObject
) -> None:
    schema = credit.graphql
    document = Writer(schema, data.draw).operation()
    role = data.draw(st.sampled_from(sorted(load_policy().rows)))
    grounds = data.draw(_GROUNDS)
    purpose = data.draw(st.sampled_from([*sorted(load_policy().rows[role].purposes), None]))
    case = data.draw(st.sampled_from(["", "1"]))
    node = "T3JnYW5pc2F0aW9uOnh4"
    asked = await ask(
        document,
        role,
        case=case,
        purpose=purpose,
        grounds=grounds,
        node=node,
        b=data.draw(st.booleans()),
    )
    if asked.errors:
        assert set(asked.codes) <= {
            "GRAPHQL_VALIDATION_FAILED",
            "FILTER_REQUIRED",
            "COST_LIMIT",
            "DEPTH_LIMIT",
            "ALIAS_LIMIT",
        }, (document, asked.errors)
        return
    check(schema, document, asked.data)
    assert objects(asked.data) - 1 <= asked.answer.cost, document
    named = frozenset[UUID]().union(*(grounds.get(name, ()) for name in _NAMING))
    clear = "legalRepName" in document or uuid5(NAMESPACE_DNS, "p") in named
    assert clear or "欧阳明" not in asked.answer.body.decode()
