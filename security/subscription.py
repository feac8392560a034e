"""Subscriptions at the node: the signed question taken out of a `subscribe` payload."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from client.subscription import METHOD
from security.errors import SignatureError
from security.signature import ReceivedRequest, read_request

_ASKED = ("query", "variables", "operationName")


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a `subscribe` payload asks: `received` for `verify_request`, `body` to be executed."""

    received: ReceivedRequest
    body: bytes


def read_subscription(target_uri: str, payload: Mapping[str, Any]) -> Subscription:
    """Take the question of a `subscribe` payload.

    `target_uri` is made of the node's configured origin. A payload without `extensions.credit`
    is the public reader's. Raises SignatureError `SIGNATURE_MALFORMED` when `extensions.credit` is
    in another form or its `body` asks something else than the payload.
    """
    asked = _question(payload)
    extensions = payload.get("extensions")
    credit = extensions.get("credit") if isinstance(extensions, Mapping) else None
    if credit is None:
        return Subscription(read_request(METHOD, target_uri, (), asked), asked)
    if not isinstance(credit, Mapping):
        raise _malformed()
    headers = []
    for name, value in credit.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise _malformed()
        headers.append((name, value))
    try:
        raw = {name: value.encode() for name, value in headers}
        body = raw.pop("body")
        same = _question(orjson.loads(body)) == asked
    except (ValueError, KeyError, AttributeError):
        raise _malformed() from None
    if not same:
        raise _malformed()
    fields = [(name.encode(), value) for name, value in raw.items()]
    return Subscription(read_request(METHOD, target_uri, fields, body), body)


def _question(payload: Mapping[str, Any]) -> bytes:
    """The members that ask, in one order; texts that mean the same give the same bytes."""
    asked = {name: payload[name] for name in _ASKED if payload.get(name) is not None}
    return orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)


def _malformed() -> SignatureError:
    return SignatureError(
        "SIGNATURE_MALFORMED",
        "Put the signed fields and the question's own text into extensions.credit.",
    )
