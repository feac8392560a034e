"""What an operation may cost at most: known before it runs, from the schema's cost directives.

An object costs 1, a list as many as it may have rows, and a field its declared weight beside that
(`schema.cost`). The cost of an operation is a sum of products of sizes: those that the document
says are multiplied once, when it is compiled; those that variables say, with each question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_directive_values,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_object_type,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues

from resolvers.answer import Answer, refusal
from resolvers.context import Call
from resolvers.errors import QuestionError
from schema.cost import PAGE, Cost, ListSize

_CEILING = 50  # lists of the role's limit that a question may cost unless settings say otherwise

_SLICING = ("first", "last")
_LONGEST = 10_000  # rows that a size can mean; more is refused elsewhere
_VALUES = 20  # fields of an object that are no objects: more cost as much as a further object
# These fields are not ours to declare; the schema is computed here, all of it.
_INTROSPECTION = {"__schema": 4_000, "__type": 500, "_service": 100}

# A size that a variable gives: its name and the most it can mean.
Variable = tuple[str, int]
# Coefficients by the variables that are multiplied with them; () is what never varies.
Terms = dict[tuple[Variable, ...], int]


class OverspentError(QuestionError):
    """The caller's budget does not reach; it will in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("COST_BUDGET", "ask more slowly, or for less: Retry-After says when")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Price:
    """What the operation costs for one shape of its variables."""

    fixed: int
    varying: tuple[tuple[int, tuple[Variable, ...]], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The cost with these values of the variables."""
        total = self.fixed
        for coefficient, factors in self.varying:
            for name, most in factors:
                coefficient *= _size(variables.get(name), most)
            total += coefficient
        return total


def unpaid(error: QuestionError) -> Answer:
    """The answer to a question that `pay` refused."""
    if isinstance(error, OverspentError):
        return replace(refusal([error.as_json()], 429), wait=error.seconds)
    return refusal([error.as_json()])


def pay(price: Price, call: Call) -> int:
    """What the call costs, taken from the caller's allowance.

    Raises QuestionError COST_LIMIT for more than one question may cost, OverspentError COST_BUDGET.
    """
    context = call.context
    cost = price.of(call.variables)
    allowance = context.allowance
    ceiling = _CEILING * context.scope.row.list_limit if allowance is None else allowance.ceiling
    if cost > ceiling:
        raise QuestionError(
            "COST_LIMIT",
            f"the question could cost {cost} and may cost {ceiling}: ask for fewer rows per list,"
            " or for less",
        )
    if allowance is not None and (seconds := allowance.spend(cost or 1)):
        raise OverspentError(seconds)
    return cost


def settle(cost: int, call: Call) -> None:
    """Take from the caller's allowance what the call, paid with this cost, took beyond it."""
    allowance = call.context.allowance
    if allowance is not None:
        allowance.settle(cost)


def _size(value: Any, most: int) -> int:
    if isinstance(value, list):
        value = len(value)
    return min(max(value, 0), most) if isinstance(value, int) else 1


def price(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDetails],
    values: VariableValues,
    list_limit: int,
) -> Price:
    """The price of an operation whose document is within the limits of `resolvers.limits`."""
    root = schema.get_root_type(operation.operation)
    assert root is not None
    terms = _Reckoning(schema, fragments, values, list_limit).of(root, [operation.selection_set])
    fixed = terms.pop((), 0)
    return Price(fixed, tuple((number, key) for key, number in terms.items() if number))


@dataclass(frozen=True, slots=True)
class _Reckoning:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDetails]
    values: VariableValues
    list_limit: int

    def of(
        self,
        parent: GraphQLNamedType,
        selected: Iterable[SelectionSetNode],
        sizes: Mapping[str, Terms] | None = None,
    ) -> Terms:
        """The cost of what is selected on one object; `sizes` are those of its lists.

        An object is of one type, so of what is selected for several the greatest counts.
        """
        always: Terms = {}
        by_type: dict[str, Terms] = {}
        values: Counter[str] = Counter()
        for (condition, _), nodes in self._grouped(parent, selected).items():
            cost = self._field(nodes, sizes or {})
            values[condition] += nodes[0][1].selection_set is None
            _add(always if condition == "" else by_type.setdefault(condition, {}), cost)
        everywhere = values.pop("", 0)
        if (further := everywhere + max(values.values(), default=0) - 1) >= _VALUES:
            _add(always, {(): further // _VALUES})
        most: Terms = {}
        for terms in by_type.values():
            for key, number in terms.items():
                most[key] = max(most.get(key, 0), number)
        _add(always, most)
        return always

    def _grouped(
        self, parent: GraphQLNamedType, selected: Iterable[SelectionSetNode]
    ) -> dict[tuple[str, str], list[tuple[GraphQLNamedType, FieldNode]]]:
        """The fields by the one type they are for (empty: whichever it is) and response key."""
        found: dict[tuple[str, str], list[tuple[GraphQLNamedType, FieldNode]]] = {}
        waiting = [(parent, "", one) for one in selected]
        seen: set[tuple[str, str]] = set()
        while waiting:
            holder, condition, selection_set = waiting.pop()
            for selection in selection_set.selections:
                if not self._included(selection):
                    continue
                if isinstance(selection, FieldNode):
                    key = (condition, (selection.alias or selection.name).value)
                    found.setdefault(key, []).append((holder, selection))
                    continue
                if isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if (condition, name) in seen:
                        continue
                    seen.add((condition, name))
                    fragment = self.fragments[name].definition
                    on, inner = fragment.type_condition.name.value, fragment.selection_set
                else:
                    assert isinstance(selection, InlineFragmentNode)
                    of = selection.type_condition
                    on = holder.name if of is None else of.name.value
                    inner = selection.selection_set
                type_ = self.schema.type_map[on]
                narrower = is_object_type(type_) and not is_object_type(parent)
                waiting.append((type_, on if narrower else condition, inner))
        return found

    def _included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.values)
        include = get_directive_values(GraphQLIncludeDirective, node, self.values)
        return not (skip and skip["if"]) and (include is None or bool(include["if"]))

    def _field(
        self, nodes: list[tuple[GraphQLNamedType, FieldNode]], sizes: Mapping[str, Terms]
    ) -> Terms:
        holder, node = nodes[0]
        name = node.name.value
        if name in _INTROSPECTION:
            return {(): _INTROSPECTION[name]}
        field: GraphQLField | None = getattr(holder, "fields", {}).get(name)
        if field is None:  # __typename
            return {}
        weight, sized = _declared(field)
        own: Terms = {(): weight} if weight else {}
        type_ = get_named_type(field.type)
        if not is_composite_type(type_):
            return own
        size = self._size(field, node, sized)
        below: Mapping[str, Terms] = {}
        if lists := _lists_below(field, sized):
            below, size = dict.fromkeys(lists, size), {(): 1}
        if name in sizes:
            size = sizes[name]
        inner = [one.selection_set for _, one in nodes if one.selection_set is not None]
        each = self.of(type_, inner, below)
        _add(each, {(): 1})
        _add(own, _product(size, each))
        return own

    def _size(self, field: GraphQLField, node: FieldNode, sized: ListSize | None) -> Terms:
        """How many rows a list may have, or the lists below the field."""
        given = {argument.name.value: argument for argument in node.arguments or ()}
        if sized is None:
            named = [name for name in _SLICING if name in field.args]
            if is_list_type(get_nullable_type(field.type)):
                # As many as are asked for, where they are named one by one.
                named += [
                    name
                    for name, one in field.args.items()
                    if is_list_type(get_nullable_type(one.type))
                ]
            elif not named:
                return {(): 1}
        else:
            named = list(sized.slicing_arguments or ())
        for name in named:
            found = self._given(field, name, given.get(name))
            if found is not None:
                return found
        return {(): (sized.assumed_size if sized is not None else None) or PAGE}

    def _given(self, field: GraphQLField, name: str, argument: ArgumentNode | None) -> Terms | None:
        most = self.list_limit if name in _SLICING else _LONGEST
        value = None if argument is None else argument.value
        if isinstance(value, VariableNode):
            variable = value.name.value
            if self.values.coerced.get(variable) is not None:
                return {((variable, most),): 1}
            value = None
        if isinstance(value, IntValueNode):
            return {(): _size(int(value.value), most)}
        if isinstance(value, ListValueNode):
            return {(): _size(len(value.values), most)}
        default = getattr(field.args.get(name), "default_value", Undefined)
        return {(): _size(default, most)} if isinstance(default, int) else None


def _lists_below(field: GraphQLField, sized: ListSize | None) -> Sequence[str]:
    """The lists of the field's object that its size is for: those declared, else all of an object
    that takes `first`."""
    if sized is not None:
        return sized.sized_fields or ()
    if is_list_type(get_nullable_type(field.type)) or not set(_SLICING) & set(field.args):
        return ()
    inner = getattr(get_named_type(field.type), "fields", {})
    return [name for name, one in inner.items() if is_list_type(get_nullable_type(one.type))]


def _declared(field: GraphQLField) -> tuple[int | None, ListSize | None]:
    """The weight and the list size that the schema declares for a field."""
    definition = field.extensions.get("strawberry-definition")
    weight, size = None, None
    for directive in getattr(definition, "directives", ()):
        if isinstance(directive, Cost):
            weight = directive.weight
        elif isinstance(directive, ListSize):
            size = directive
    return weight, size


def _add(to: Terms, more: Terms) -> None:
    for key, number in more.items():
        to[key] = to.get(key, 0) + number


def _product(one: Terms, other: Terms) -> Terms:
    found: Terms = {}
    for left, number in one.items():
        for right, by in other.items():
            key = tuple(sorted((*left, *right)))
            found[key] = found.get(key, 0) + number * by
    return found
