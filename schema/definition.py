"""The schema: the fixed types and, for each declared kind, what follows from its declaration."""

from __future__ import annotations

from functools import cached_property

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from schema.catalog_record import CatalogRecord
from schema.federation import SCALARS as GATEWAY_SCALARS
from schema.federation import entity_fields, federated
from schema.mutation import Mutation
from schema.party import Organisation, Person
from schema.query import Query
from schema.record_kinds import RecordKinds
from schema.reference import Region, Unit
from schema.relation import Loan
from schema.scalars import SCALARS
from schema.subscription import Subscription
from store.kind import Kinds

_WITH_KINDS = ("Query", "Organisation")


class CreditSchema(strawberry.Schema):
    """The API of a node that serves the given kinds; `gateways` adds what only these ask."""

    def __init__(self, kinds: Kinds, *, gateways: bool = True) -> None:
        self.kinds = kinds
        # Kinds of the city's own share one type, so that the schema does not change with them.
        self.record_kinds = RecordKinds(Kinds.of(kind for kind in kinds if not kind.run_time))
        types = (
            Organisation,
            Person,
            Loan,
            Region,
            Unit,
            CatalogRecord,
            *(made.type for made in self.record_kinds.by_name.values()),
        )
        self._gateway_fields = entity_fields(types) if gateways else []
        super().__init__(
            query=Query,
            mutation=Mutation,
            subscription=Subscription,
            types=list(types),
            config=StrawberryConfig(scalar_map={**SCALARS, **GATEWAY_SCALARS}),
        )
        self._schema.extensions["subgraph"] = lambda: self.subgraph

    @cached_property
    def subgraph(self) -> str:
        """The schema as gateways compose it."""
        return federated(CreditSchema(self.kinds, gateways=False).as_str())

    @property
    def graphql(self) -> GraphQLSchema:
        """The schema as graphql-core has it."""
        return self._schema

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """The type's fields and, on Query and Organisation, one connection per kind."""
        fields = super().get_fields(type_definition)
        if type_definition.name not in _WITH_KINDS:
            return fields
        own = [made.connection_field for made in self.record_kinds.by_name.values()]
        gateways = self._gateway_fields if type_definition.name == "Query" else []
        return [*fields, *own, *gateways]
