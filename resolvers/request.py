"""A GraphQL request over HTTP: what it asks, or why it cannot be read (GraphQL over HTTP)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson

from client.value import value_class

MAX_DOCUMENT = 65_536  # characters
MAX_VARIABLES_DEPTH = 16
_PARAMETERS = ("query", "operationName", "variables", "extensions", "documentId")
_QUOTED = tuple([b'"%b"' % name.encode() for name in _PARAMETERS])
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-fA-F]{64}")
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


class RequestError(Exception):
    """A request that cannot be read; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@value_class
class GraphQLRequest:
    """What is asked: a document, which of its operations, with which variables.

    `document` is empty where only its digest was sent.
    """

    document: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    may_mutate: bool = True  # False for GET
    digest: bytes | None = None  # SHA-256 of the document, where the asker named it


def parse_request(
    method: str, content_type: str | None, query_string: bytes | str, body: bytes
) -> GraphQLRequest:
    """The question in an HTTP request.

    POST takes `application/json` with one object (no batches), GET the parameters `query`,
    `operationName`, `variables`, `extensions`, `documentId`. Raises RequestError 405
    METHOD_NOT_ALLOWED, 415 CONTENT_TYPE_NOT_SUPPORTED, 400 REQUEST_MALFORMED or
    BATCH_NOT_SUPPORTED, 413 DOCUMENT_TOO_LARGE.
    """
    if method == "POST":
        return _post(content_type, body)
    if method == "GET":
        return _get(query_string)
    raise RequestError(405, "METHOD_NOT_ALLOWED", "ask with POST or GET")


def _post(content_type: str | None, body: bytes) -> GraphQLRequest:
    if content_type not in _JSON:
        _check_content_type(content_type)
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body:
            raise _malformed("the body is empty: send a JSON object with `query`") from error
        if body.startswith(_BOM):
            raise _malformed("send the body without a byte order mark (RFC 8259)") from error
        if body.startswith(_GZIP):
            raise _unsupported("send the body as it is, without a content encoding") from error
        raise _malformed("the body is not JSON: send an object with `query`") from error
    if isinstance(asked, list):
        raise RequestError(400, "BATCH_NOT_SUPPORTED", "ask one question per request")
    if not isinstance(asked, dict):
        raise _malformed("the body is not a JSON object: send an object with `query`")
    if _may_repeat(body):
        _check_repeated(body)
    return _checked(asked, may_mutate=True)


_JSON = frozenset({"application/json", "application/json; charset=utf-8"})
_UTF_8 = frozenset({"utf-8", "utf8"})


def _check_content_type(content_type: str | None) -> None:
    media, *parameters = (content_type or "").lower().split(";")
    if media.strip() != "application/json":
        raise _unsupported("send the question as application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().startswith("charset") and value.strip().strip('"') not in _UTF_8:
            raise _unsupported("send the question as UTF-8")


def _may_repeat(body: bytes) -> bool:
    """Whether one of the parameters may stand twice in the body, which is seldom so.

    Letters of a name may be written as escapes, which all begin with zeros.
    """
    return b"\\u00" in body or any(body.count(name) > 1 for name in _QUOTED)


def _check_repeated(body: bytes) -> None:
    """Refuse a parameter that is given twice: who passes the question on may read the other one."""

    def names(pairs: list[tuple[str, Any]]) -> Any:
        return [name for name, _ in pairs]

    try:
        found = json.loads(body, object_pairs_hook=names)
    except RecursionError:
        raise _malformed("the body is nested too deeply") from None
    for name in _PARAMETERS:
        if found.count(name) > 1:
            raise _malformed(f"`{name}` is given twice")


def _get(query_string: bytes | str) -> GraphQLRequest:
    if isinstance(query_string, bytes):
        query_string = query_string.decode("ascii", "replace")
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError as error:
        raise _malformed(
            "the query string is not UTF-8 percent-encoded, or has over 16 parameters"
        ) from error
    asked: dict[str, Any] = {}
    for name, value in pairs:
        if name in asked:
            raise _malformed(f"the parameter {name[:40]!r} is given twice")
        asked[name] = value
    for name in ("variables", "extensions"):
        if asked.get(name):
            try:
                asked[name] = orjson.loads(asked[name])
            except orjson.JSONDecodeError as error:
                raise _malformed(f"the parameter `{name}` is not JSON") from error
        else:
            asked.pop(name, None)
    if asked.get("operationName") == "":
        asked["operationName"] = None
    return _checked(asked, may_mutate=False)


def _checked(asked: dict[str, Any], *, may_mutate: bool) -> GraphQLRequest:
    document = asked.get("query")
    digest = _digest(asked)
    if document is None and digest is not None:
        document = ""
    elif not isinstance(document, str) or not document:
        raise _malformed("`query` is missing: send the GraphQL document as a string")
    elif digest is not None and digest != sha256(document.encode("utf-8", "replace")).digest():
        raise _malformed("the digest sent is not that of `query`")
    if len(document) > MAX_DOCUMENT:
        raise RequestError(
            413, "DOCUMENT_TOO_LARGE", f"the document has more than {MAX_DOCUMENT} characters"
        )
    name = asked.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _malformed("`operationName` must be a string or null")
    variables = asked.get("variables")
    if variables is None:
        variables = {}
    if not isinstance(variables, dict):
        raise _malformed("`variables` must be an object or null")
    extensions = asked.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise _malformed("`extensions` must be an object or null")
    if _depth(variables) > MAX_VARIABLES_DEPTH:
        raise _malformed("`variables` is nested too deeply")
    return GraphQLRequest(document, name, variables, may_mutate, digest)


def _digest(asked: dict[str, Any]) -> bytes | None:
    """The document's SHA-256: `documentId` (persisted documents of GraphQL over HTTP), or
    `extensions.persistedQuery.sha256Hash` as Apollo's clients send it."""
    named = [asked.get("documentId")]
    extensions = asked.get("extensions")
    if isinstance(extensions, dict) and (persisted := extensions.get("persistedQuery")) is not None:
        named.append(persisted.get("sha256Hash") if isinstance(persisted, dict) else 0)
    digests = {_read_digest(one) for one in named if one is not None}
    if len(digests) > 1:
        raise _malformed("`documentId` and `persistedQuery` name two documents")
    return digests.pop() if digests else None


def _read_digest(named: Any) -> bytes:
    if isinstance(named, str) and _DIGEST.fullmatch(named):
        return bytes.fromhex(named[-64:])
    raise _malformed("name the document by its SHA-256 in hexadecimal, `sha256:…`")


def _depth(value: Any) -> int:
    level: list[Any] = [value]
    depth = 0
    while level and depth <= MAX_VARIABLES_DEPTH:
        nested: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                nested.extend(item.values())
            elif isinstance(item, list):
                nested.extend(item)
        level = [item for item in nested if isinstance(item, dict | list)]
        depth += 1
    return depth


def _unsupported(message: str) -> RequestError:
    return RequestError(415, "CONTENT_TYPE_NOT_SUPPORTED", message)


def _malformed(message: str) -> RequestError:
    return RequestError(400, "REQUEST_MALFORMED", message)
