"""A GraphQL request over HTTP is read strictly."""

from __future__ import annotations

import gzip
import pickle

import orjson
import pytest

from resolvers.errors import QuestionError
from resolvers.request import GraphQLRequest, RequestError, parse_request


def test_post_and_get_ask_the_same() -> None:
    body = b'{"query": "{ a }", "operationName": null, "variables": {"x": 1}}'
    posted = parse_request("POST", "application/json; charset=utf-8", b"", body)
    assert posted == GraphQLRequest("{ a }", None, {"x": 1}, True)
    got = parse_request("GET", None, b"query=%7B+a+%7D&variables=%7B%22x%22%3A1%7D", b"")
    assert got == GraphQLRequest("{ a }", None, {"x": 1}, False)


# Without the second in which it is made: the names of the tests tell it.
TWO_DIGESTS = orjson.dumps(
    {"documentId": "a" * 64, "extensions": {"persistedQuery": {"sha256Hash": "b" * 64}}}
)
GZIPPED = gzip.compress(b"{}", mtime=0)


@pytest.mark.parametrize(
    ("method", "content_type", "query", "body", "status", "code"),
    [
        ("PUT", "application/json", b"", b"{}", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "text/plain", b"", b"{}", 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ("POST", None, b"", b"{}", 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ("POST", "application/json; charset=gbk", b"", b"{}", 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ("POST", "application/json;charset=utf-8;charset=gbk", b"", b"{}", 415,
         "CONTENT_TYPE_NOT_SUPPORTED"),
        ("POST", "application/json; charset*=utf-8''gbk; charset*0=a", b"", b"{}", 415,
         "CONTENT_TYPE_NOT_SUPPORTED"),
        ("POST", "application/json", b"", TWO_DIGESTS, 400, "REQUEST_MALFORMED"),
        ("POST", "application/json", b"", GZIPPED, 415, "CONTENT_TYPE_NOT_SUPPORTED"),
        ("POST", "application/json", b"", b"{", 400, "REQUEST_MALFORMED"),
        ("POST", "application/json", b"", b"\xff", 400, "REQUEST_MALFORMED"),
        ("POST", "application/json", b"", b"[]", 400, "BATCH_NOT_SUPPORTED"),
        ("POST", "application/json", b"", b'"x"', 400, "REQUEST_MALFORMED"),
        ("POST", "application/json", b"", b'{"query": 1}', 400, "REQUEST_MALFORMED"),
        (
            "POST",
            "application/json",
            b"",
            b'{"query": "a", "variables": []}',
            400,
            "REQUEST_MALFORMED",
        ),
        (
            "POST",
            "application/json",
            b"",
            b'{"query": "a", "operationName": 1}',
            400,
            "REQUEST_MALFORMED",
        ),
        (
            "POST",
            "application/json",
            b"",
            b'{"query": "a", "variables": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
            400,
            "REQUEST_MALFORMED",
        ),
        (
            "POST",
            "application/json",
            b"",
            b'{"query": "' + b"x" * 70_000 + b'"}',
            413,
            "DOCUMENT_TOO_LARGE",
        ),
        ("GET", None, b"", b"", 400, "REQUEST_MALFORMED"),
        ("GET", None, b"query=a&query=b", b"", 400, "REQUEST_MALFORMED"),
        ("GET", None, b"query=a&variables=%7B", b"", 400, "REQUEST_MALFORMED"),
        ("GET", None, b"query=%ff", b"", 400, "REQUEST_MALFORMED"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_status(
    method: str, content_type: str | None, query: bytes, body: bytes, status: int, code: str
) -> None:
    with pytest.raises(RequestError) as refused:
        parse_request(method, content_type, query, body)
    assert (refused.value.status, refused.value.code) == (status, code)


def test_an_error_passes_from_one_process_to_another() -> None:
    error = QuestionError("GRAPH_MEMORY", "ask for less", ("circles",))
    told = pickle.loads(pickle.dumps(error))
    assert (told.code, str(told), told.as_json()) == (
        "GRAPH_MEMORY",
        "ask for less",
        error.as_json(),
    )
