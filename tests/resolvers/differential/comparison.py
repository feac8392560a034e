"""Both lanes on one question: what they answer, and where they differ."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from resolvers.answer import Answer
from resolvers.context import Context
from resolvers.operation import Operations
from security.policy import Scope
from tests.resolvers.differential.question import Question
from tests.resolvers.differential.world import World


@dataclass
class Lanes:
    """The two lanes over one world, and what was asked of them."""

    compiled: Operations
    executed: Operations
    seen: Counter[str] = field(default_factory=Counter)

    async def compare(self, question: Question, context: Context) -> None:
        """Raises AssertionError where the lanes differ."""
        one = await _ask(self.compiled, question, context)
        codes = set(one.errors)
        if "GRAPHQL_VALIDATION_FAILED" in codes or "BAD_VARIABLE" in codes:
            self.seen["INVALID"] += 1
            return
        two = await _ask(self.executed, question, context)
        told = (question.document, question.variables, context.scope)
        if "TIMEOUT" in two.errors and not one.errors:  # a busy machine is no disagreement
            self.seen["TIMEOUT"] += 1
            return
        if one.errors:
            # The compiler judges every argument, the executor those of fields that it reaches.
            self.seen[one.errors[0]] += 1
            assert "INTERNAL" not in codes, told
            assert "INTERNAL" not in two.errors, told
            return
        self.seen[one.lane] += 1
        self.seen["ROWS"] += bool(one.disclosure.rows)
        assert not two.errors, (*told, two.body)
        assert orjson.loads(one.body) == orjson.loads(two.body), _differing(told, one, two)
        assert _flat(one) == _flat(two), ("order of keys", *told)
        assert _manifest(one) == _manifest(two), _manifests(told, one, two)


async def _ask(operations: Operations, question: Question, context: Context) -> Answer:
    plan = operations.prepare(question.document, None, context.scope)
    return await plan.run(context, question.variables)


def _flat(answer: Answer) -> bytes:
    """The body with its keys as they came."""
    return orjson.dumps(orjson.loads(answer.body))


def _manifest(answer: Answer) -> dict[str, Any]:
    shown = answer.disclosure
    return {
        "subjects": shown.subjects,
        "records": shown.records,
        "rows": shown.rows,
        "coordinates": set(shown.coordinates),
        "masked": set(shown.masked),
        "not_found": shown.not_found,
        "persons": shown.touches_persons,
    }


def _manifests(told: tuple[Any, ...], one: Answer, two: Answer) -> tuple[Any, ...]:
    found = []
    first, second = _manifest(one), _manifest(two)
    for name, value in first.items():
        other = second[name]
        if value != other and isinstance(value, set):
            found.append((name, "compiled only", value - other, "executor only", other - value))
        elif value != other:
            found.append((name, value, other))
    return (found, *told)


def _differing(told: tuple[Any, ...], one: Answer, two: Answer) -> tuple[Any, ...]:
    at: list[Any] = []

    def walk(path: str, a: Any, b: Any) -> None:
        if a == b or len(at) > 3:
            return
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            for key in a:
                walk(f"{path}.{key}", a[key], b[key])
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for index, pair in enumerate(zip(a, b, strict=True)):
                walk(f"{path}[{index}]", *pair)
        else:
            at.append((path, "compiled", a, "executor", b))

    walk("", orjson.loads(one.body), orjson.loads(two.body))
    return (at, *told)


async def keep_cursors(operations: Operations, context: Context, world: World) -> None:
    """Keep the cursors of some answers for later questions, by the order they are of."""
    orders = [f"{{field: {by}, direction: {to}}}" for by in _ORDERS for to in ("ASC", "DESC")]
    lists = [f"o{i}: organisations(orderBy: {by}, {_PAGE}" for i, by in enumerate(orders)]
    lists += [f"{name}({_PAGE}" for name in ("records", "regions", "units")]
    lists += [
        f"r{i}: records(orderBy: {{field: {by}, direction: {to}}}, {_PAGE}"
        for i, by in enumerate(("DECISION_DATE", "RECEIVED_AT"))
        for to in ("ASC", "DESC")
    ]
    lists += [f'search(text: "公司", {_PAGE}', f'persons(filter: {{surname: "张"}}, {_PAGE}']
    ties = " ".join(f"{name} {{ edges {{ cursor }} }}" for name in _TIES)
    lists.append(f"... on Query {{ ties: organisations(first: 100) {{ nodes {{ {ties} }} }} }}")
    for one in lists:
        answer = await _ask(operations, Question(f"{{ {one} }}", {}), context)
        assert not answer.errors, answer.body
        _keep(orjson.loads(answer.body), world)


_ORDERS = ("NAME", "ESTABLISHED_ON", "USCC")
_PAGE = "first: 100) { edges { cursor } }"
_TIES = ("holders", "holdings", "officers", "branches", "guaranteesGiven", "guaranteesReceived")


def _keep(value: Any, world: World) -> None:
    if isinstance(value, list):
        for one in value:
            _keep(one, world)
    elif isinstance(value, dict):
        for one in value.values():
            _keep(one, world)
    elif isinstance(value, str) and value.startswith("WyJ"):
        try:
            order = orjson.loads(base64.b64decode(value, validate=True))[0]
        except (ValueError, binascii.Error):
            return
        held = world.cursors.setdefault(order, [])
        if value not in held and len(held) < 60:
            held.append(value)


def described(scope: Scope) -> str:
    """A scope in one line."""
    return f"{scope.role} {scope.purpose} case={scope.case!r} {scope.grounds}"
