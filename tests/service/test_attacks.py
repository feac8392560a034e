"""Attacks on GraphQL servers against a running node: every check of dolevf/graphql-cop and of the
GraphQL Armor checklist is refused with a code, or shown to give nothing away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.service.cities import LoneNode

NEW = "application/graphql-response+json"


def _many(one: str, count: int) -> str:
    return "{ " + " ".join(one.format(i) for i in range(count)) + " }"


def _deep(levels: int) -> str:
    inner = "name"
    for _ in range(levels):
        inner = "holders { nodes { ... on Organisation { " + inner + " } } }"
    return '{ organisation(code: "x") { ' + inner + " } }"


def _laughs(levels: int) -> str:
    """Each fragment spreads the next one twice: as many fields as 2 to the power of the levels."""
    chain = [
        f"fragment F{i} on Organisation {{ holders {{ nodes {{ ...F{i + 1} }} }}"
        f" holdings {{ nodes {{ ...F{i + 1} }} }} }}"
        for i in range(levels)
    ]
    last = f"fragment F{levels} on Organisation {{ name }}"
    return '{ organisation(code: "x") { ...F0 } } ' + " ".join([*chain, last])


REFUSED = {
    "alias overloading": (_many("alias{}: __typename", 101), "ALIAS_LIMIT"),
    "aliased look-ups": (_many('a{0}: organisation(code: "{0}") {{ name }}', 61), "ROOT_LIMIT"),
    "directive overloading": ("{ __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }", "DIRECTIVE_LIMIT"),
    "directives": (_many("__typename @skip(if: false)", 51), "DIRECTIVE_LIMIT"),
    "field duplication": (_many("__typename", 500), "REPEAT_LIMIT"),
    "circular introspection": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "depth": (_deep(6), "DEPTH_LIMIT"),
    "tokens": ("{ " + "a " * 2_000 + "}", "TOKEN_LIMIT"),
    "characters": ("{ __typename " + " " * 66_000 + "}", "DOCUMENT_TOO_LARGE"),
    "cost": (
        "{ organisations(first: 100) { nodes { holders(first: 100) { nodes { name } } } } }",
        "COST_LIMIT",
    ),
    "list": ("{ organisations(first: 101) { nodes { name } } }", "LIST_LIMIT"),
    "fragment cycle": (
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "billion laughs": (_laughs(40), "FIELD_LIMIT"),
    "suggestions": ("{ organisatio { name } }", "GRAPHQL_VALIDATION_FAILED"),
    "suggested argument": ('{ organisation(cod: "x") { name } }', "GRAPHQL_VALIDATION_FAILED"),
    "suggested type": (
        "{ node(id: 1) { ... on Organi { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "unhandled error": ("qwerty cop { abc }", "GRAPHQL_PARSE_FAILED"),
    "huge integer": ("{ organisations(first: " + "9" * 60_000 + ") { totalCount } }", None),
    "injection": ('{ organisation(code: "\' OR 1=1 --") { name } nobody }', None),
}


@pytest.fixture(scope="module")
def http(lone_node: LoneNode) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=lone_node.url("benxi"), trust_env=False, timeout=120) as client:
        yield client


def _code(response: httpx.Response) -> str:
    told = response.json()
    assert "data" not in told
    assert set(told["errors"][0]["extensions"]) == {"code"}
    return str(told["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize("attack", REFUSED)
def test_an_attack_by_its_document_is_refused_and_learns_nothing(
    http: httpx.Client, attack: str
) -> None:
    document, code = REFUSED[attack]
    response = http.post("/graphql", json={"query": document}, headers={"accept": NEW})
    assert response.status_code in (400, 413)
    found = _code(response)
    assert code is None or found == code
    told = response.text
    assert len(told) < 3_000
    assert len(response.json()["errors"]) <= 6
    for word in ("Did you mean", "Traceback", "SELECT", "asyncpg", "exception", "tracing"):
        assert word not in told


def test_a_batch_is_refused(http: httpx.Client) -> None:
    response = http.post("/graphql", json=[{"query": "{ __typename }"}] * 10)
    assert (response.status_code, _code(response)) == (400, "BATCH_NOT_SUPPORTED")


def test_no_form_of_another_site_asks(http: httpx.Client) -> None:
    asked = {"query": "{ __typename }"}
    for sent in ({"data": asked}, {"files": {"query": (None, "{ __typename }")}}):
        response = http.post("/graphql", **sent)  # type: ignore[arg-type]
        assert (response.status_code, _code(response)) == (415, "CONTENT_TYPE_NOT_SUPPORTED")
    plain = {"content-type": "text/plain"}
    response = http.post("/graphql", content=json.dumps(asked), headers=plain)
    assert response.status_code == 415
    response = http.get(f"/graphql?{urlencode({'query': 'mutation cop { __typename }'})}")
    assert (response.status_code, _code(response)) == (405, "METHOD_NOT_ALLOWED")
    # A query by GET changes nothing, has no cookie to ride on, and is the public reader's.
    response = http.get("/graphql", params=asked)
    assert response.json() == {"data": {"__typename": "Query"}}
    assert "set-cookie" not in response.headers
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "path", ["/graphql", "/", "/graphiql", "/playground", "/console", "/altair", "/v1/graphql"]
)
def test_no_console_is_exposed(http: httpx.Client, path: str) -> None:
    shown = http.get(path, headers={"accept": "text/html"})
    assert shown.status_code in (404, 406)
    for word in ("graphiql", "GraphQL Playground", "GraphQL Console", "graphql-playground"):
        assert word not in shown.text


def test_no_trace_is_given(http: httpx.Client) -> None:
    for headers in ({"x-apollo-tracing": "1"}, {"apollo-federation-include-trace": "ftv1"}):
        response = http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        assert response.json() == {"data": {"__typename": "Query"}}


def test_the_schema_is_public_and_says_only_what_the_documentation_does(
    http: httpx.Client,
) -> None:
    asked: Any = {"query": "{ __schema { types { name fields { name } } } }"}
    types = http.post("/graphql", json=asked).json()["data"]["__schema"]["types"]
    names = {one["name"] for one in types}
    assert {"Organisation", "Penalty"} <= names
    assert not {name for name in names if "Settings" in name or "Secret" in name}
