"""Subscriptions: a signed question that travels inside a WebSocket message.

Browsers cannot set header fields there, so the payload of `subscribe` (graphql-transport-ws)
carries them in `extensions.credit`, with the question's JSON text as it would be posted
(docs/formats.md, "Subscriptions").
"""

from collections.abc import Mapping
from typing import Any

import orjson

from client.profile import Signer
from client.question import sign_request

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
    """Give the signed payload of a `subscribe` message.

    `target_uri` is the node's configured origin and path, `http` or `https` as for questions;
    `claims` are those of `sign_request`: purpose, case, actor, correlation, authorization, nonce,
    lifetime, sm3. Raises ClientError `QUESTION_MALFORMED`.
    """
    asked: dict[str, Any] = {"query": document, "variables": dict(variables or {})}
    if operation_name is not None:
        asked["operationName"] = operation_name
    body = orjson.dumps(asked)
    signed = sign_request(signer, METHOD, target_uri, body, now=now, **claims)
    return {**asked, "extensions": {"credit": {**dict(signed.headers), "body": body.decode()}}}
