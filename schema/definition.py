"""The schema: the fixed types and, for each declared kind, what follows from its declaration."""

from __future__ import annotations

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from schema.catalog_record import CatalogRecord
from schema.party import Organisation, Person
from schema.query import Query
from schema.record_kinds import RecordKinds
from schema.relation import Loan
from schema.scalars import SCALARS
from store.kind import Kinds

_WITH_KINDS = ("Query", "Organisation")


class CreditSchema(strawberry.Schema):
    """The API of a node that serves the given kinds."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        # Kinds of the city's own share one type, so that the schema does not change with them.
        self.record_kinds = RecordKinds(Kinds.of(kind for kind in kinds if not kind.run_time))
        super().__init__(
            query=Query,
            types=[
                Organisation,
                Person,
                Loan,
                CatalogRecord,
                *(made.type for made in self.record_kinds.by_name.values()),
            ],
            config=StrawberryConfig(scalar_map=SCALARS),
        )

    @property
    def graphql(self) -> GraphQLSchema:
        """The schema as graphql-core has it."""
        return self._schema

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """The type's fields and, on Query and Organisation, one connection per kind."""
        fields = super().get_fields(type_definition)
        if type_definition.name not in _WITH_KINDS:
            return fields
        return [*fields, *(made.connection_field for made in self.record_kinds.by_name.values())]
