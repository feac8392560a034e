"""Subscriptions: a signed question that travels inside a WebSocket message.

Browsers cannot set header fields there, so the payload of `subscribe` (graphql-transport-ws)
carries them in `extensions.credit`, with the question's JSON text as it would be posted
(docs/formats.md, "Subscriptions").
"""

from collections.abc import Mapping
from typing import Any

import orjson

from client.answer import VerifiedAnswer, verify_response
from client.errors import ClientError
from client.keys import NodeKeys
from client.profile import Signer, body_digest
from client.question import Question, sign_request

METHOD = "SUBSCRIBE"
"""What stands for `@method`: no request has it, so no signature serves for both."""


def subscription_payload(
    signer: Signer,
    target_uri: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    now: float,
    operation_name: str | None = None,
    **claims: Any,
) -> dict[str, Any]:
    """Give the signed payload of a `subscribe` message; see `signed_subscription`."""
    return signed_subscription(
        signer,
        target_uri,
        document,
        variables,
        now=now,
        operation_name=operation_name,
        **claims,
    )[1]


def signed_subscription(
    signer: Signer,
    target_uri: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    now: float,
    operation_name: str | None = None,
    **claims: Any,
) -> tuple[Question, dict[str, Any]]:
    """Give the question as it is signed, by which its events are verified, and the payload.

    `target_uri` is the node's configured origin and path, `http` or `https` as for questions;
    `claims` are those of `sign_request`: purpose, case, actor, correlation, authorization, nonce,
    lifetime, sm3. Raises ClientError `QUESTION_MALFORMED`.
    """
    asked: dict[str, Any] = {"query": document, "variables": dict(variables or {})}
    if operation_name is not None:
        asked["operationName"] = operation_name
    body = orjson.dumps(asked)
    signed = sign_request(signer, METHOD, target_uri, body, now=now, **claims)
    credit = {**dict(signed.headers), "body": body.decode()}
    return signed, {**asked, "extensions": {"credit": credit}}


def unsigned_subscription(
    target_uri: str, document: str, variables: Mapping[str, Any] | None = None
) -> tuple[Question, dict[str, Any]]:
    """The same of the public reader."""
    asked: dict[str, Any] = {"query": document, "variables": dict(variables or {})}
    body = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    return Question(METHOD, target_uri, (), body, body_digest(body)), asked


def verify_event(
    question: Question, payload: Mapping[str, Any] | list[Any], keys: NodeKeys, *, now: float
) -> VerifiedAnswer:
    """Verify an event, or the errors of a refused subscription, by what was subscribed.

    Raises ClientError as `client.answer.verify_response`, and `EVENT_MISMATCH` when what is
    signed is not what was sent.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]  # a refusal's first error is the one that is signed
    extensions = payload.get("extensions") if isinstance(payload, Mapping) else None
    credit = extensions.get("credit") if isinstance(extensions, Mapping) else None
    if not isinstance(credit, Mapping) or not isinstance(credit.get("body"), str):
        raise ClientError("ANSWER_UNSIGNED", "Do not use it: extensions.credit is missing.")
    assert isinstance(payload, Mapping)
    assert isinstance(extensions, Mapping)
    rest = {name: value for name, value in payload.items() if name != "extensions"}
    more = {name: value for name, value in extensions.items() if name != "credit"}
    sent = {**rest, "extensions": more} if more else rest
    signed = None
    try:
        body = credit["body"].encode()
        told = orjson.loads(body)
        signed = told["errors"][0] if "message" in payload else told
    except (ValueError, KeyError, IndexError, TypeError):
        pass
    if signed != sent:
        raise ClientError("EVENT_MISMATCH", "Do not use it: it is not what its signature covers.")
    headers = [(name, str(value)) for name, value in credit.items() if name != "body"]
    status = credit.get("status", 200)
    if type(status) is not int:
        raise ClientError("ANSWER_MALFORMED", "Do not use it: its status is no number.")
    return verify_response(question, status, headers, body, keys, now=now)
