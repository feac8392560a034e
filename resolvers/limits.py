"""What a document may be before it is validated, counted in time linear in what it spreads out.

Validation compares every two fields of one response key, so its time grows with their square; it
sees only documents that are within these limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from resolvers.errors import QuestionError


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one operation of a document may have, its fragments spread out."""

    tokens: int = 2_000  # of the whole document
    depth: int = 12  # fields inside fields; introspection has a limit of its own
    fields: int = 1_000
    aliases: int = 100
    directives: int = 50
    directives_of_one: int = 4  # on one field, fragment or operation
    roots: int = 60
    repeats: int = 5_000  # pairs of fields of one object with the same response key


_DEEP = "nest selections at most {} levels deep"


@dataclass(slots=True)
class _Count:
    """What a selection set has, everything it spreads out included."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raise QuestionError for what is beyond the limits.

    FIELD_LIMIT, ALIAS_LIMIT, DIRECTIVE_LIMIT, DEPTH_LIMIT, ROOT_LIMIT, REPEAT_LIMIT, and
    GRAPHQL_VALIDATION_FAILED for a fragment that spreads itself, which nothing here could follow.
    """
    counter = _Counter(document, limits)
    try:
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
                counter.check(definition)
    except RecursionError:
        raise QuestionError("DEPTH_LIMIT", _DEEP.format(limits.depth)) from None


def _introspects(definition: OperationDefinitionNode | FragmentDefinitionNode) -> bool:
    """Whether it is a fragment on a type of the introspection, which validation limits."""
    return isinstance(
        definition, FragmentDefinitionNode
    ) and definition.type_condition.name.value.startswith("__")


@dataclass
class _Counter:
    document: DocumentNode
    limits: Limits
    fragments: Mapping[str, FragmentDefinitionNode] = field(init=False)
    counts: dict[str, _Count | None] = field(default_factory=dict)  # None: being counted

    def __post_init__(self) -> None:
        self.fragments = {
            one.name.value: one
            for one in self.document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }

    def check(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        limits = self.limits
        found = self._of(definition.selection_set)
        found.directives += self._directives(definition)
        for name, count, limit in (
            ("FIELD", found.fields, limits.fields),
            ("ALIAS", found.aliases, limits.aliases),
            ("DIRECTIVE", found.directives, limits.directives),
        ):
            if count > limit:
                what = {"FIELD": "fields", "ALIAS": "aliases", "DIRECTIVE": "directives"}[name]
                raise QuestionError(f"{name}_LIMIT", f"ask for at most {limit} {what} at once")
        if found.depth > limits.depth and not _introspects(definition):
            raise QuestionError("DEPTH_LIMIT", _DEEP.format(limits.depth))
        # From here on what is spread out is known to be small.
        roots = self._spread([definition.selection_set])
        if isinstance(definition, OperationDefinitionNode) and len(roots) > limits.roots:
            raise QuestionError("ROOT_LIMIT", f"ask for at most {limits.roots} root fields at once")
        self._check_repeats(roots)

    def _of(self, selected: SelectionSetNode) -> _Count:
        found = _Count()
        for selection in selected.selections:
            found.directives += self._directives(selection)
            if isinstance(selection, FieldNode):
                inner = self._inner(selection)
                found.fields += 1
                found.aliases += selection.alias is not None
                exempt = selection.name.value in ("__schema", "__type")
                depth = 1 if exempt else 1 + inner.depth
            elif isinstance(selection, FragmentSpreadNode):
                inner = self._of_fragment(selection.name.value)
                depth = inner.depth
            else:
                assert isinstance(selection, InlineFragmentNode)
                inner = self._of(selection.selection_set)
                depth = inner.depth
            found.fields += inner.fields
            found.aliases += inner.aliases
            found.directives += inner.directives
            found.depth = max(found.depth, depth)
        return found

    def _inner(self, selection: FieldNode) -> _Count:
        return _Count() if selection.selection_set is None else self._of(selection.selection_set)

    def _of_fragment(self, name: str) -> _Count:
        fragment = self.fragments.get(name)
        if fragment is None:  # validation refuses it
            return _Count()
        if name in self.counts:
            found = self.counts[name]
            if found is None:
                raise QuestionError("GRAPHQL_VALIDATION_FAILED", "a fragment cannot spread itself")
            return found
        self.counts[name] = None
        found = self._of(fragment.selection_set)
        found.directives += self._directives(fragment)
        self.counts[name] = found
        return found

    def _directives(
        self, node: SelectionNode | OperationDefinitionNode | FragmentDefinitionNode
    ) -> int:
        count = len(node.directives or ())
        most = self.limits.directives_of_one
        if count > most:
            raise QuestionError("DIRECTIVE_LIMIT", f"give at most {most} directives in one place")
        return count

    def _spread(self, selected: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The fields of an object by response key, whatever their conditions."""
        found: dict[str, list[FieldNode]] = {}
        waiting, seen = list(selected), set()
        while waiting:
            for selection in waiting.pop().selections:
                if isinstance(selection, FieldNode):
                    key = (selection.alias or selection.name).value
                    found.setdefault(key, []).append(selection)
                elif isinstance(selection, InlineFragmentNode):
                    waiting.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if name not in seen and name in self.fragments:
                        seen.add(name)
                        waiting.append(self.fragments[name].selection_set)
        return found

    def _check_repeats(self, roots: dict[str, list[FieldNode]]) -> None:
        left, waiting = self.limits.repeats, [roots]
        while waiting:
            for same in waiting.pop().values():
                left -= len(same) * (len(same) - 1) // 2
                if left < 0:
                    raise QuestionError(
                        "REPEAT_LIMIT", "ask for each field of an object once, or under aliases"
                    )
                inner = [one.selection_set for one in same if one.selection_set is not None]
                if inner:
                    waiting.append(self._spread(inner))
