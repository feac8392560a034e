"""Operations: parsed, validated, limited and compiled once per document and scope shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields

from resolvers.compiler import routines
from resolvers.errors import QuestionError, graphql_error
from resolvers.executor.lane import ExecutorLane
from resolvers.lane_count import LaneCount
from resolvers.limits import Limits, check_document
from resolvers.mutation import MutationPlan
from resolvers.plan import Plan, RefusedPlan, StoredPlan, about_persons
from resolvers.recent import Recent, Room
from resolvers.request import MAX_DOCUMENT
from resolvers.statement import Selected, Statement
from resolvers.subscription import SubscriptionPlan
from resolvers.variable import Variables
from schema.definition import CreditSchema
from security.policy import Role, Scope

MAX_ERRORS = 5
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was parsed and validated, or the errors it has."""

    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDetails]
    errors: tuple[dict[str, Any], ...] = ()


class Operations:
    """The operations that a node has been asked, ready to run.

    `size` documents and plans are kept, of together at most `weight` characters of document, and
    what was compiled of them to about `compiled` characters of SQL.
    `compiles` says whether stored data is read by compiled statements; else the executor reads it.
    `counts` goes on from operations of another schema.
    Without `public_introspection` the public may not ask for the schema.
    """

    def __init__(
        self,
        schema: CreditSchema,
        *,
        size: int = 1024,
        weight: int = 1_000_000,
        compiled: int = 20_000_000,
        compiles: bool = True,
        counts: LaneCount | None = None,
        limits: Limits = _LIMITS,
        public_introspection: bool = True,
    ) -> None:
        self._compiles = compiles
        self._limits = limits
        self._public_introspection = public_introspection
        self._credit = schema
        self._schema = schema.graphql
        self._routines = routines(schema.kinds)
        self._documents: Recent[Document] = Recent(size, weight)
        self._plans: Recent[Plan] = Recent(size, weight)
        self._room = Room(compiled)
        self.counts = LaneCount() if counts is None else counts

    @cached_property
    def executor(self) -> ExecutorLane:
        """The lane of what no statement answers, made when it is first needed."""
        return ExecutorLane(self._credit)

    def prepare(
        self,
        document: str,
        operation_name: str | None,
        scope: Scope,
        *,
        may_mutate: bool = True,
    ) -> Plan:
        """The plan of one operation for callers of this scope's shape.

        Never raises: what cannot be read, is not valid, or is beyond the limits is a plan whose
        answer says so, with a code.
        """
        key = (document, operation_name, scope.shape, may_mutate)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans.put(
                key,
                self._prepare(document, operation_name, scope, may_mutate),
                len(document),
            )
        return plan

    def faults(self, document: str) -> list[str]:
        """What is wrong with a document for anybody, none when it can be asked."""
        return [str(error["message"]) for error in self._read(document).errors]

    def part(self, document: str, scope: Scope) -> tuple[Statement, Selected]:
        """The only root field of a document of the node's own, to be answered without a plan."""
        operation = parse(document).definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        values = Variables(self._schema, operation).values({})
        assert not isinstance(values, list)
        credit, query = self._credit, self._schema.query_type
        assert query is not None
        statement = Statement(
            self._schema, credit.kinds, credit.record_kinds, scope, operation, {}, values,
            self._routines,
        )  # fmt: skip
        [selected] = statement.root(
            collect_fields(self._schema, {}, values, query, operation).grouped_field_set
        )
        return statement, selected

    def _prepare(
        self, document: str, operation_name: str | None, scope: Scope, may_mutate: bool
    ) -> Plan:
        known = self._documents.get(document)
        if known is None:
            known = self._documents.put(document, self._read(document), len(document))
        if not may_mutate and _mutates(known, operation_name):
            refused = QuestionError("METHOD_NOT_ALLOWED", "send a mutation with POST")
            return RefusedPlan([refused.as_json()], 405)
        if known.errors:
            return RefusedPlan(list(known.errors))
        try:
            operation = _operation(known, operation_name)
        except QuestionError as error:
            return RefusedPlan([error.as_json()])
        variables = Variables(self._schema, operation)
        match operation.operation:
            case OperationType.MUTATION:
                return MutationPlan(
                    self._credit, self._routines, operation, known.fragments, scope, variables
                )
            case OperationType.SUBSCRIPTION:
                return SubscriptionPlan(
                    self._credit, self._routines, operation, known.fragments, scope, variables,
                    about_persons(operation, known.fragments),
                )  # fmt: skip
        return StoredPlan(
            credit=self._credit,
            routines=self._routines,
            executor=lambda: self.executor,
            counts=self.counts,
            compiles=self._compiles,
            operation=operation,
            variables=variables,
            room=self._room,
            fragments=known.fragments,
            scope=scope,
            touches_persons=about_persons(operation, known.fragments),
            may_introspect=self._public_introspection or scope.role is not Role.PUB,
        )

    def _read(self, document: str) -> Document:
        if len(document) > MAX_DOCUMENT:
            message = f"the document has more than {MAX_DOCUMENT} characters"
            return _broken([QuestionError("DOCUMENT_TOO_LARGE", message).as_json()])
        try:
            parsed = _parsed(document, self._limits.tokens)
            check_document(parsed, self._limits)
        except GraphQLSyntaxError as error:
            return _broken([graphql_error(error, _syntax_code(error.message))])
        except QuestionError as error:
            return _broken([error.as_json()])
        except (RecursionError, GraphQLError):
            message = "the document is nested too deeply"
            return _broken([QuestionError("DEPTH_LIMIT", message).as_json()])
        failed = [
            graphql_error(error, "GRAPHQL_VALIDATION_FAILED")
            for error in _validated(self._schema, parsed)
        ]
        return _document(parsed, failed)


# The collector of cycles looks seldom, and what a circle holds stays until then: of a document
# that is parsed and validated a hundred times its length. So circles are cut where they are made.


def _parsed(document: str, tokens: int) -> DocumentNode:
    """Parse, and have the tokens let go of each other."""
    parsed = parse(document, max_tokens=tokens)
    token = parsed.loc.start_token if parsed.loc else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following
    return parsed


def _validated(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """Validate, and have the rules let go of the document: each holds its own methods."""
    made: list[ASTValidationRule] = []

    def kept(rule: type[ASTValidationRule], context: Any) -> ASTValidationRule:
        made.append(rule(context))
        return made[-1]

    rules: Any = [partial(kept, rule) for rule in specified_rules]
    try:
        return validate(schema, document, rules, MAX_ERRORS, hide_suggestions=True)
    finally:
        for rule in made:
            vars(rule).clear()


def _broken(errors: list[dict[str, Any]]) -> Document:
    return Document({}, {}, tuple(errors))


def _syntax_code(message: str) -> str:
    if "too deeply" in message:
        return "DEPTH_LIMIT"
    return "TOKEN_LIMIT" if "tokens" in message else "GRAPHQL_PARSE_FAILED"


def _document(parsed: DocumentNode, errors: list[dict[str, Any]]) -> Document:
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDetails] = {}
    for definition in parsed.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations[definition.name.value if definition.name else ""] = definition
        elif isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = FragmentDetails(definition)
    return Document(operations, fragments, tuple(errors))


def _operation(document: Document, name: str | None) -> OperationDefinitionNode:
    if name is None:
        if len(document.operations) != 1:
            raise QuestionError(
                "OPERATION_NAME_REQUIRED", "the document does not have one operation: name one"
            )
        operation = next(iter(document.operations.values()))
    elif name in document.operations and name:
        operation = document.operations[name]
    else:
        raise QuestionError("OPERATION_UNKNOWN", "the document has no operation of that name")
    return operation


def _mutates(document: Document, name: str | None) -> bool:
    """Whether the operation asked for is a mutation, valid or not."""
    asked = [document.operations.get(name)] if name else document.operations.values()
    return any(one is not None and one.operation is OperationType.MUTATION for one in asked)
