"""The root fields of Mutation, each an action with the roles that may ask for it.

An action is given the change under way and gives its outcome; `resolvers.change` authorises it and
does it once. A plan asks its fields one after the other, in the order of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from graphql import OperationDefinitionNode
from graphql.execution.collect_fields import FragmentDetails, collect_fields

from resolvers import decision, investigation, job, screening, submission, whole_graph
from resolvers.answer import Answer, Disclosure, Lane, refusal, together
from resolvers.change import SIGNED, Mutation, perform
from resolvers.context import Call, Context
from resolvers.cost import pay, price, unpaid
from resolvers.errors import QuestionError, graphql_error
from resolvers.statement import Routine, Statement
from resolvers.variable import Variables
from schema.definition import CreditSchema
from security.policy import Role, Scope

_STEWARD = frozenset({Role.STEWARD})
_MOST = 8  # changes of one request

MUTATIONS: Mapping[str, Mutation] = MappingProxyType(
    {
        "saveInvestigation": Mutation(investigation.save, investigation.ROLES),
        "deleteInvestigation": Mutation(investigation.delete, investigation.ROLES),
        "cancelJob": Mutation(job.cancel, SIGNED),
        "approveJob": Mutation(job.approve, frozenset({Role.SUPERVISOR})),
        "refuseJob": Mutation(job.refuse, frozenset({Role.SUPERVISOR})),
        "startLookup": Mutation(screening.start_lookup, screening.BULK),
        "startScreening": Mutation(screening.start_screening, screening.BULK),
        "startGraphAnalysis": Mutation(whole_graph.start, whole_graph.ROLES),
        "submitBatch": Mutation(submission.submit, submission.SUBMITTERS),
        "proposeRecordDecision": Mutation(decision.propose, _STEWARD),
        "confirmRecordDecision": Mutation(decision.confirm, _STEWARD),
        "refuseRecordDecision": Mutation(decision.refuse, _STEWARD),
        "markObjection": Mutation(decision.mark, _STEWARD),
    }
)


@dataclass
class MutationPlan:
    """The plan of a mutation."""

    credit: CreditSchema
    routines: Mapping[str, Routine]
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    scope: Scope
    variables: Variables
    touches_persons: bool = False
    kind: str = field(default="CHANGE")

    async def run(self, context: Context, variables: Mapping[str, Any]) -> Answer:
        """Do the changes one after the other; each that was done stays done."""
        values = self.variables.values(variables)
        if isinstance(values, list):
            return refusal([graphql_error(error, "BAD_VARIABLE") for error in values])
        schema = self.credit.graphql
        root = schema.mutation_type
        assert root is not None
        statement = Statement(
            schema,
            self.credit.kinds,
            self.credit.record_kinds,
            context.scope,
            self.operation,
            self.fragments,
            values,
            self.routines,
        )
        grouped = collect_fields(
            schema, self.fragments, values, root, self.operation
        ).grouped_field_set
        if len(grouped) > _MOST:
            return refusal(
                [QuestionError("COST_LIMIT", f"ask for at most {_MOST} changes at once").as_json()]
            )
        try:
            selected = {one.key: one for one in statement.root(grouped)}
        except QuestionError as error:
            return refusal([error.as_json()])
        call = Call(context, values.coerced)
        try:
            limit = context.scope.row.list_limit
            cost = pay(price(schema, self.operation, self.fragments, values, limit), call)
        except QuestionError as error:
            return unpaid(error)
        data: dict[str, Any] = {}
        errors: list[dict[str, Any]] = []
        disclosures: list[Disclosure] = []
        for key in grouped:
            if key not in selected:
                data[key] = root.name
                continue
            one = selected[key]
            try:
                data[key], shown = await perform(
                    MUTATIONS[one.name], statement.anew(context.scope), one, call
                )
                disclosures.append(shown)
            except QuestionError as error:
                data[key] = None
                errors.append(QuestionError(error.code, error.message, (key,)).as_json())
        body: dict[str, Any] = {"data": data}
        if errors:
            body["errors"] = errors
        return Answer(
            200,
            orjson.dumps(body),
            together(disclosures),
            Lane.EXECUTOR,
            tuple(error["extensions"]["code"] for error in errors),
            cost=cost,
        )
