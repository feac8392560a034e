"""Entities for gateways in the executor lane: many objects by their keys, as `node` gives one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graphql import GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetails, collect_subfields

from resolvers.entity import named
from resolvers.errors import QuestionError
from resolvers.executor.manifest import Mentions
from resolvers.executor.party import organisation
from resolvers.executor.place import Asked, Item, Question
from resolvers.executor.reference import reference
from resolvers.executor.root import behind
from store.identifiers.normalisation import compact


def _entities(asked: Asked) -> Any:
    context, representations = asked.question.context, asked.arguments["representations"]
    limit = context.scope.row.list_limit
    if len(representations) > limit:
        raise QuestionError("LIST_LIMIT", f"ask for at most {limit} entities at once")
    schema = asked.info.schema
    union: Any = get_named_type(asked.info.return_type)
    possible = {type_.name for type_ in schema.get_possible_types(union)}
    for one in representations:
        named(one)
        if one["__typename"] not in possible:
            raise QuestionError(
                "REPRESENTATION_INVALID", "`__typename` is no entity of this node: see `_service`"
            )
    mentions = asked.item.mentions.within()
    wanted = {name for name in possible if _wants(asked, name)}
    return [
        _entity(asked.question, mentions.within(), one, wanted=one["__typename"] in wanted)
        for one in representations
    ]


def _wants(asked: Asked, type_name: str) -> bool:
    """Whether anything is asked of entities of the type; of which nothing is, they are null."""
    info, type_ = asked.info, asked.info.schema.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    found = collect_subfields(
        info.schema,
        asked.question.fragments,
        info.variable_values,
        info.operation,
        type_,
        [FieldDetails(node, None) for node in info.field_nodes],
    )
    return bool(found.grouped_field_set)


async def _entity(
    question: Question, place: Mentions, one: Mapping[str, Any], *, wanted: bool
) -> Item | None:
    if not wanted:
        return None
    type_name, id_ = one["__typename"], one.get("id")
    if isinstance(id_, str):
        found = await behind(question, place, id_)
        return found if found is not None and found.type == type_name else None
    code = compact(named(one))
    if type_name == "Organisation":
        return await organisation(question, place, await _body(question, code))
    return await reference(question, place, type_name, None if "\x00" in code else code)


async def _body(question: Question, uscc: str) -> UUID | None:
    """The one body that carries the code openly."""
    if "\x00" in uscc:
        return None
    carried = {
        row["subject_id"]
        for row in await question.rows.carriers(uscc)
        if row["scheme"] == "uscc" and row["is_open"]
    }
    return carried.pop() if len(carried) == 1 else None


RESOLVERS: Mapping[str, Any] = {"Query._entities": _entities}
