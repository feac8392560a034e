"""Which field coordinates an answer shows, and which it shows masked or leaves empty by policy.

That follows from what is selected and from the scope, whatever rows there are: an access is
logged as what was looked at, also where nothing stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type

from resolvers.executor.stored import MEMBER
from resolvers.statement import Selected, Statement
from schema import binding
from schema.binding import Amount, Binding, Column, JsonField, Source
from security.policy import KindsOf, Names, Number, Reach, Scope
from store.kind import FieldType, Kind, Visibility

# Ways to others, and what says of itself no more than its parents do.
_UNSAID = frozenset(
    {"id", "recordId", "cursor", "edges", "nodes", "pageInfo", "totalCount", "truncated"}
)
_UNSAID_ROOTS = frozenset(
    {"node", "organisation", "organisations", "person", "persons", "regions", "units", "_entities"}
)
_VALUES = frozenset(
    {"Money", "SourceUnit", "PageInfo", "Timeliness", "CatalogItem", "CatalogValue"}
)
_RELATIONS = frozenset({"HoldingEdge", "PositionEdge", "BranchEdge", "GuaranteeEdge", "LoanEdge"})
_OF_WHOLE = frozenset({"reportedName", "reportedCode", "matchedBy", "timeliness"})
_FIRMS_ONLY = frozenset(
    {
        "HoldingEdge.company",
        "PositionEdge.organisation",
        "BranchEdge.node",
        "BranchEdge.branch",
        "BranchEdge.headOffice",
    }
)


class When(Enum):
    """For which rows something holds."""

    NEVER = 0
    SOMETIMES = 1
    ALWAYS = 2


class Shown:
    """What one scope is shown of the classes of fields, before any row is looked at."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def reach(self, reach: Reach) -> When:
        """Whether subjects are in a reach."""
        if reach is Reach.ALL:
            return When.ALWAYS
        return When.SOMETIMES if self.scope.subjects(reach) else When.NEVER

    def _of_records(self, reach: Reach) -> When:
        """Whether the subjects of seen records are in a reach: always in the one reach of a role
        that sees nothing beyond it."""
        row = self.scope.row
        words = {row.open, row.government, row.persons, row.authorised, row.restricted}
        used = (words | {row.internal}) - {Reach.NONE}
        return When.ALWAYS if used == {reach} else self.reach(reach)

    def clear(self) -> When:
        return self.reach(self.scope.row.clear)

    def follows_nobody(self) -> bool:
        """Whether no question of this scope may start from a person."""
        return self.reach(self.scope.row.start) is When.NEVER

    def home_addresses(self) -> When:
        row = self.scope.row
        everywhere = row.government is Reach.ALL and row.kinds in (KindsOf.ALL, KindsOf.CATALOGUE)
        if everywhere or row.clear is Reach.ALL:
            return When.ALWAYS if self.scope.grounds.district is None else When.SOMETIMES
        return self.reach(row.clear)

    def of_party(self, visibility: Visibility) -> When:
        """A field of something that is no record."""
        row = self.scope.row
        everywhere = row.government is Reach.ALL and row.kinds in (KindsOf.ALL, KindsOf.CATALOGUE)
        open_ = visibility is Visibility.OPEN
        government = visibility is Visibility.GOVERNMENT and everywhere
        return When.ALWAYS if open_ or government else When.NEVER

    def of_record(self, kind: Kind, visibility: Visibility) -> When:
        """A field of that class in the records of a kind that are seen."""
        scope, row = self.scope, self.scope.row
        listed = scope.authorised_kinds is None or kind.name in scope.authorised_kinds
        authorised = self._of_records(row.authorised) if listed else When.NEVER
        match visibility:
            case Visibility.AUTHORISED:
                return authorised
            case Visibility.RESTRICTED:
                return self._of_records(row.restricted)
            case Visibility.INTERNAL:
                internal = self._of_records(row.internal)
                here = scope.grounds.district is None or internal is When.NEVER
                return internal if here else When.SOMETIMES
        open_ = self._of_records(row.open) is not When.NEVER
        beyond = (
            self._shared(kind, scope.full_kinds, scope.full_person_kinds)
            or authorised is not When.NEVER
            or self._of_records(row.restricted) is not When.NEVER
            or self._of_records(row.internal) is not When.NEVER
        )
        member = self._shared(kind, scope.member_kinds, scope.member_person_kinds)
        if visibility is Visibility.OPEN:
            if not member:
                return When.ALWAYS
            return When.SOMETIMES if open_ or beyond else When.NEVER
        if not open_ and not member:
            return When.ALWAYS
        if self._all_of_government(kind):
            return When.ALWAYS
        return When.SOMETIMES if beyond else When.NEVER

    def _shared(self, kind: Kind, of_firms: Iterable[str], of_persons: Iterable[str]) -> bool:
        row = self.scope.row
        return (kind.name in of_firms and self._of_records(row.government) is not When.NEVER) or (
            kind.name in of_persons and self._of_records(row.persons) is not When.NEVER
        )

    def _all_of_government(self, kind: Kind) -> bool:
        """Whether whoever sees a record of the kind reads it as an office."""
        scope, row, name = self.scope, self.scope.row, kind.name
        if name not in scope.full_kinds:
            return False
        if row.open is not Reach.ALL:
            return row.open is row.government is row.persons is row.restricted
        return (
            row.government is Reach.ALL
            and scope.grounds.district is None
            and not kind.open_by_law
            and name not in scope.member_person_kinds
            and all(narrowed != name for narrowed, _ in scope.narrowed)
        )


class Coordinates:
    """Gathers the coordinates of an operation, in the order of the document."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._kinds = {kind.type_name: kind for kind in statement.kinds if not kind.run_time}
        self._run_time = [kind for kind in statement.kinds if kind.run_time]
        self._shown = Shown(statement.scope)
        self._walked: set[tuple[str, bool, tuple[int, ...]]] = set()
        self.shown: dict[str, None] = {}
        self.masked: dict[str, None] = {}

    def gather(self, roots: Sequence[Selected]) -> None:
        """Add what these root fields show."""
        for root in roots:
            self._field("Query", root, None)

    def _field(self, owner: str, field: Selected, kind: Kind | None) -> None:
        if field.name == "__typename":
            return
        definition = field.field.extensions.get("strawberry-definition")
        bound = binding.of(getattr(definition, "metadata", None))
        if bound is not None:
            self._bound(field, bound, kind)
            return
        if not self._leads(owner, field):
            return
        self._note(owner, field, kind)
        if owner == "Query" and field.name == "personMatch":
            for inner in self._select(field, field.type):
                self.shown[inner.coordinate] = None
            return
        nodes = tuple(id(detail.node) for detail in field.details)
        walked = (get_named_type(field.field.type).name, field.coordinate in _FIRMS_ONLY, nodes)
        if walked in self._walked:  # the same is asked of the records of another kind
            return
        self._walked.add(walked)
        for type_ in self._types(owner, field):
            kinds = self._run_time if type_.name == "CatalogRecord" else [self._kind(type_)]
            for inner_kind in kinds:
                for inner in self._select(field, type_):
                    self._field(type_.name, inner, inner_kind)

    def _kind(self, type_: GraphQLObjectType) -> Kind | None:
        return self._kinds.get(type_.name)

    def _select(self, field: Selected, type_: GraphQLObjectType) -> list[Selected]:
        return self._statement.select(type_, list(field.details))

    def _leads(self, owner: str, field: Selected) -> bool:
        """Whether the scope may go there at all."""
        if owner != "Query" or field.name != "person":
            return True
        searched = self._statement.scope.row.person_search or field.given("code") is None
        return searched and not self._shown.follows_nobody()

    def _types(self, owner: str, field: Selected) -> list[GraphQLObjectType]:
        """The types that an object at the field may have for this scope."""
        type_ = get_named_type(field.field.type)
        if isinstance(type_, GraphQLObjectType):
            return [] if type_.name in _VALUES else [type_]
        if not isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            return []
        found = list(self._statement.schema.get_possible_types(type_))
        persons = field.coordinate not in _FIRMS_ONLY
        persons = persons and self._statement.scope.row.names is not Names.ABSENT
        if owner == "Query" and field.name in ("node", "_entities"):
            persons = not self._shown.follows_nobody()
        return [one for one in found if persons or one.name != "Person"]

    def _silent(self, owner: str, field: Selected) -> bool:
        """Whether the field only leads to others, or says no more than what it stands in."""
        if owner == "Query":
            return field.name in _UNSAID_ROOTS
        if field.name == "node":
            return owner not in _RELATIONS
        return field.name in _UNSAID

    def _note(self, owner: str, field: Selected, kind: Kind | None) -> None:
        coordinate = field.coordinate
        if self._silent(owner, field):
            return
        match coordinate:
            case "Organisation.address":
                self._say(coordinate, masked=self._shown.home_addresses() is not When.ALWAYS)
            case "Person.name":
                self._clear_or_masked(coordinate)
            case "Person.idType" | "Person.birthYear" | "Person.gender":
                self.masked[coordinate] = None
                if self._shown.clear() is not When.NEVER:
                    self.shown[coordinate] = None
            case "Person.idNumber":
                self._number(coordinate)
            case "CatalogRecord.values":
                assert kind is not None
                self._say(coordinate, masked=self._values_masked(kind))
            case _ if kind is not None and field.name in _OF_WHOLE:
                self._of_whole(coordinate, field.name, kind)
            case _:
                self.shown[coordinate] = None

    def _say(self, coordinate: str, *, masked: bool) -> None:
        self.shown[coordinate] = None
        if masked:
            self.masked[coordinate] = None

    def _clear_or_masked(self, coordinate: str) -> None:
        clear = self._shown.clear()
        if clear is not When.ALWAYS:
            self.masked[coordinate] = None
        if clear is not When.NEVER:
            self.shown[coordinate] = None

    def _number(self, coordinate: str) -> None:
        treatment = self._statement.scope.row.number
        if treatment is Number.FULL:
            self._clear_or_masked(coordinate)
            return
        self.masked[coordinate] = None
        if treatment is not Number.NONE and self._shown.clear() is not When.NEVER:
            self.shown[coordinate] = None

    def _of_whole(self, coordinate: str, name: str, kind: Kind) -> None:
        """What is shown to who sees more of a record than that it exists."""
        whole = self._shown.of_record(kind, Visibility.OPEN)
        if name == "reportedName":
            clear = self._shown.clear()
            self._say(coordinate, masked=whole is not When.ALWAYS or clear is not When.ALWAYS)
        elif name == "timeliness":
            (self.masked if whole is When.NEVER else self.shown)[coordinate] = None
            if whole is When.SOMETIMES:
                self.masked[coordinate] = None
        else:
            (self.masked if whole is When.NEVER else self.shown)[coordinate] = None

    def _values_masked(self, kind: Kind) -> bool:
        declared = [field for field in kind.own_fields if field.type is not FieldType.SECRET]
        classes = {field.visibility for field in declared}
        if any(field.screened for field in declared):
            classes.add(Visibility.GOVERNMENT)
        return any(self._shown.of_record(kind, one) is not When.ALWAYS for one in classes)

    def _bound(self, field: Selected, bound: Binding, kind: Kind | None) -> None:
        coordinate = field.coordinate
        when = self._when(field.name, bound, kind)
        if isinstance(bound, JsonField) and bound.screened and when is not When.NEVER:
            government = self._class(kind, Visibility.GOVERNMENT)
            self._say(coordinate, masked=government is not When.ALWAYS)
            return
        if when is not When.ALWAYS:
            self.masked[coordinate] = None
        if when is When.NEVER:
            return
        masked = isinstance(bound, Column | JsonField) and bound.mask is not None
        self._say(coordinate, masked=masked)

    def _when(self, name: str, bound: Amount | Binding | Source, kind: Kind | None) -> When:
        if kind is not None and name in MEMBER:
            return When.ALWAYS
        return self._class(kind, bound.visibility)

    def _class(self, kind: Kind | None, visibility: Visibility) -> When:
        if kind is None:
            return self._shown.of_party(visibility)
        return self._shown.of_record(kind, visibility)
