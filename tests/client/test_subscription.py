"""A subscription carries its signature in its payload, and no other message can borrow it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.algorithm import Algorithm
from client.errors import ClientError
from client.keys import NodeKeys, SigningKey
from client.question import sign_request
from client.subscription import subscription_payload, unsigned_subscription, verify_event
from security.errors import SignatureError
from security.registry import Caller, RegisteredKey, Registry
from security.signature import read_request, verify_request
from security.subscription import Subscription, read_subscription

NOW = 1_780_000_000.5
URI = "http://127.0.0.1:8000/graphql"
STATUSES: list[Any] = ["x", None, {}, [], 1.5, True, "9" * 5000]
BODY = '{"errors":[{"message":"x"}]}'
DOCUMENT = "subscription Alerts($code: String!) { alerts(code: $code) { kind } }"
VARIABLES = {"code": "91210503XDXBLPC747", "limit": 1}
KEY = SigningKey.generate("shenyang-1", Algorithm.ECDSA_P256_SHA256)
CALLER = Caller("shenyang", "沈阳", "PCITY")
REGISTRY = Registry.of([RegisteredKey(KEY.key_id, CALLER, KEY.algorithm, KEY.public)])


def payload(**claims: Any) -> dict[str, Any]:
    given = {"purpose": "P1", "case": "沈〔2026〕1号", **claims}
    made = subscription_payload(KEY, URI, DOCUMENT, VARIABLES, now=NOW, **given)
    return dict(orjson.loads(orjson.dumps(made)))  # as it comes over the wire


def read(message: dict[str, Any], uri: str = URI) -> Subscription:
    return read_subscription(uri, message)


def test_signed_subscription_is_verified_with_everything_it_says() -> None:
    subscription = read(payload(actor="王某", correlation="c-1", operation_name="Alerts"))
    verified = verify_request(subscription.received, REGISTRY, NOW)
    assert (verified.caller, verified.case) == (CALLER, "沈〔2026〕1号")
    assert (verified.purpose, verified.actor, verified.correlation) == ("P1", "王某", "c-1")
    assert verified.once is not None
    asked = {"query": DOCUMENT, "variables": VARIABLES, "operationName": "Alerts"}
    assert orjson.loads(subscription.body) == asked


def test_subscription_without_signature_is_the_public_readers() -> None:
    subscription = read({"query": DOCUMENT, "extensions": {"other": 1}})
    assert verify_request(subscription.received, REGISTRY, NOW).caller.role == "PUB"
    assert orjson.loads(subscription.body) == {"query": DOCUMENT}


@pytest.mark.parametrize(
    "change",
    [
        {"query": DOCUMENT + " "},
        {"variables": {**VARIABLES, "code": "other"}},
        {"variables": {**VARIABLES, "limit": True}},
        {"variables": None},
        {"operationName": "Other"},
        {"extensions": {"credit": []}},
        {"extensions": {"credit": {}}},
        {"extensions": {"credit": {"body": "x"}}},
        {"extensions": {"credit": {"body": "[]"}}},
        {"extensions": {"credit": {"body": "\ud800"}}},
        {"extensions": {"credit": {"body": "{}", "signature": 1}}},
    ],
)
def test_payload_that_asks_something_else_than_was_signed_is_refused(change: Any) -> None:
    with pytest.raises(SignatureError, match="SIGNATURE_MALFORMED"):
        read({**payload(), **change})


@given(st.sampled_from(sorted(payload()["extensions"]["credit"])), st.data())
def test_no_field_can_be_changed_or_left_out(name: str, data: st.DataObject) -> None:
    message = payload(actor="王某")
    credit = message["extensions"]["credit"]
    old = credit[name]
    at = data.draw(st.integers(0, len(old) - 1))
    if name in ("signature", "signature-input") and at < old.index("="):
        return  # the label is not signed; both fields must agree on it
    new = data.draw(st.none() | st.characters(codec="utf-8").filter(old[at].__ne__))
    credit[name] = old[:at] + (new or "") + old[at + 1 :]
    if data.draw(st.booleans()):
        del credit[name]
    with pytest.raises(SignatureError, match=r"^(SIGNATURE|DIGEST|KEY)_"):
        verify_request(read(message).received, REGISTRY, NOW)


@pytest.mark.parametrize(
    "told",
    [
        [],
        None,
        {},
        {"data": {}, "extensions": []},
        {"data": {}, "extensions": {"credit": {"body": "\ud800"}}},
        {"errors": [], "message": "x", "extensions": {"credit": {"body": '{"errors":5}'}}},
        *[
            [{"message": "x", "extensions": {"credit": {"body": BODY, "status": status}}}]
            for status in STATUSES
        ],
    ],
)
def test_whatever_comes_for_an_event_is_refused_with_a_code(told: Any) -> None:
    question, _ = unsigned_subscription(URI, DOCUMENT)
    with pytest.raises(ClientError, match=r"^(ANSWER_UNSIGNED|ANSWER_MALFORMED|EVENT_MISMATCH)"):
        verify_event(question, told, NodeKeys({}, {}), now=NOW)


def test_a_subscriptions_signature_serves_no_post_and_none_serves_it() -> None:
    subscription = read(payload())
    raw = [(name.encode(), value.encode()) for name, value in subscription.received.fields.items()]
    posted = read_request("POST", URI, raw, subscription.body)
    with pytest.raises(SignatureError, match="SIGNATURE_INVALID"):
        verify_request(posted, REGISTRY, NOW)
    question = sign_request(KEY, "POST", URI, subscription.body, now=NOW)
    credit = {**dict(question.headers), "body": subscription.body.decode()}
    borrowed = read({"query": DOCUMENT, "variables": VARIABLES, "extensions": {"credit": credit}})
    with pytest.raises(SignatureError, match="SIGNATURE_INVALID"):
        verify_request(borrowed.received, REGISTRY, NOW)
    elsewhere = read(payload(), "http://127.0.0.1:8001/graphql")
    with pytest.raises(SignatureError, match="SIGNATURE_INVALID"):
        verify_request(elsewhere.received, REGISTRY, NOW)
