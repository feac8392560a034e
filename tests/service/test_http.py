"""GraphQL over HTTP as others judge it: npm's graphql-http audits a running node, and what it
leaves out is asked here. Whatever the answer, it is signed and stands in the log."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from client.connection import Client
from client.profile import body_digest
from client.question import Question
from tests.programs import npm_folder
from tests.service.cities import LoneNode

AUDITS = Path(__file__).parent / "audit"
NEW, OLD = "application/graphql-response+json", "application/json"
FAILING = {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": None}}


def test_every_audit_of_graphql_http_holds_without_a_warning(lone_node: LoneNode) -> None:
    told = subprocess.run(
        ["node", "audit.mjs", f"{lone_node.url('benxi')}/graphql"],
        cwd=npm_folder(AUDITS),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    results = json.loads(told.stdout)
    assert [one for one in results if one[1] != "ok"] == []
    assert len(results) == 61


@pytest.fixture(scope="module")
def public(lone_node: LoneNode) -> Iterator[Client]:
    with lone_node.client() as client:
        yield client


def _sent(client: Client, method: str, target: str, body: bytes, **fields: str) -> Any:
    """The response to a request with just these header fields; its signature and receipt hold."""
    headers = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    question = Question(
        method, f"{client.origin}/graphql{target}", headers, body, body_digest(body)
    )
    response = client._http.request(
        method, question.target_uri, headers=list(headers), content=body
    )
    answer = client.verify(question, response)
    assert answer.receipt.body == body_digest(body)
    return response


def _posted(client: Client, asked: Any, accept: str, **fields: str) -> Any:
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    return _sent(client, "POST", "", body, content_type=OLD, accept=accept, **fields)


@pytest.mark.parametrize(
    "asked", [FAILING, {"query": "{ nobody }"}, {"query": "{"}, {"query": "mutation { x }"}]
)
def test_what_fails_before_it_runs_has_no_data_and_the_status_of_its_media_type(
    public: Client, asked: Any
) -> None:
    for accept, status in ((NEW, 400), (OLD, 200), ("*/*", 200)):
        response = _posted(public, asked, accept)
        assert response.status_code == status
        assert response.headers["content-type"].startswith(NEW if accept == NEW else OLD)
        assert "data" not in response.json()
        assert response.json()["errors"][0]["extensions"]["code"]


def test_a_type_that_is_not_served_is_refused(public: Client) -> None:
    response = _posted(public, {"query": "{ __typename }"}, "text/html")
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"
    assert response.headers["content-type"].startswith(OLD)


def test_get_answers_queries_and_never_a_mutation(public: Client) -> None:
    def got(accept: str = NEW, **parameters: str) -> Any:
        return _sent(public, "GET", f"?{urlencode(parameters)}", b"", accept=accept)

    found = got(
        query="query A($n: String!) { __type(name: $n) { name } } query B { __typename }",
        operationName="A",
        variables='{"n": "Query"}',
        extensions="{}",
        unknown="1",
    )
    assert (found.status_code, found.json()) == (200, {"data": {"__type": {"name": "Query"}}})
    for accept in (NEW, OLD):
        for document in ("mutation { __typename }", "mutation M { x } query Q { __typename }"):
            refused = got(accept, query=document, operationName="M" if "M" in document else "")
            assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
            assert refused.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    both = got(query="mutation M { x } query Q { __typename }", operationName="Q")
    assert both.status_code == 400  # its own fault: the document is not valid


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_told_which_ones_are_served(public: Client, method: str) -> None:
    response = _sent(public, method, "", b"", accept=NEW)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "REQUEST_MALFORMED"),
        (b"\xef\xbb\xbf" + b'{"query":"{__typename}"}', "REQUEST_MALFORMED"),
        (b'{"query":"{__typename}","query":"{kinds{name}}"}', "REQUEST_MALFORMED"),
        (b'{"query":"{__typename}","quer\\u0079":"{kinds{name}}"}', "REQUEST_MALFORMED"),
        (b"[" * 100_000, "REQUEST_MALFORMED"),
        (b'{"query":"{a}","variables":' + b'{"a":' * 500 + b"1" + b"}" * 501, "REQUEST_MALFORMED"),
        (b'{"query":"{__typename}"}\x00', "REQUEST_MALFORMED"),
        (b'[{"query":"{__typename}"}]', "BATCH_NOT_SUPPORTED"),
    ],
    ids=["empty", "bom", "twice", "escaped", "brackets", "deep", "after", "batch"],
)
def test_a_body_that_says_nothing_clear_is_malformed_under_either_type(
    public: Client, body: bytes, code: str
) -> None:
    for accept in (NEW, OLD):
        response = _posted(public, body, accept)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json;charset=utf-8", 200),
        ('Application/JSON; Charset="UTF-8"', 200),
        ("application/json; charset=gb18030", 415),
        ("application/json, application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=application/json", 415),
        ("text/plain; x=application/json", 415),
    ],
)
def test_only_json_in_utf_8_is_read(public: Client, content_type: str, status: int) -> None:
    body = json.dumps({"query": '{ __type(name: "信桥") { name } }', "unknown": 1}).encode()
    response = _sent(public, "POST", "", body, content_type=content_type, accept=NEW)
    assert response.status_code == status


@pytest.mark.parametrize(
    "fields",
    [
        {"content-encoding": "gzip"},  # whether it is or not
        [("content-type", "application/json"), ("content-type", "text/plain")],
    ],
    ids=["encoded", "twice"],
)
def test_a_body_of_two_minds_is_not_read(lone_node: LoneNode, fields: Any) -> None:
    body = b'{"query": "{ __typename }"}'
    given = {"content-type": "application/json"} | fields if isinstance(fields, dict) else fields
    with lone_node.http() as http:
        response = http.post(f"{lone_node.url('benxi')}/graphql", content=body, headers=given)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "CONTENT_TYPE_NOT_SUPPORTED"
