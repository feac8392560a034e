"""Verifying an answer: its digest, its signature, and the receipt's binding to the question."""

from collections.abc import Iterable
from dataclasses import dataclass

from client.errors import ClientError
from client.keys import NodeKeys
from client.profile import (
    RESPONSE_TAG,
    SIGNED_FIELDS,
    body_digest,
    content_digest,
    names_sm3,
    parse_signature,
    parse_signature_input,
    response_base,
    response_components,
    sm3_digest,
)
from client.question import Question
from client.receipt import Receipt

MAX_AGE = 300
"""Largest difference between the client's clock and an answer's `created`, in seconds."""

_REQUIRED = ("content-type", "content-digest", "credit-receipt", "signature-input", "signature")


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """An answer whose signature holds, with its receipt and its parts as signed."""

    status: int
    body: bytes
    key_id: str
    created: int
    receipt: Receipt
    signature_base: bytes
    signature: bytes


def verify_response(
    question: Question,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    keys: NodeKeys,
    *,
    now: float,
) -> VerifiedAnswer:
    """Verify an answer against the question that was sent; `now` is Unix time in seconds.

    Raises ClientError with `ANSWER_UNSIGNED`, `ANSWER_MALFORMED`, `ANSWER_DIGEST_MISMATCH`,
    `ANSWER_COMPONENTS`, `ANSWER_KEY_UNKNOWN`, `ANSWER_SIGNATURE_INVALID`, `ANSWER_STALE`,
    `ALGORITHM_UNAVAILABLE`, `RECEIPT_MALFORMED` or `RECEIPT_MISMATCH`.
    Source: RFC 9421 §3.2, RFC 9530 §2.
    """
    fields: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        if name in SIGNED_FIELDS:
            if name in fields:
                raise ClientError("ANSWER_MALFORMED", f"Do not use it: {name} is given twice.")
            fields[name] = value.strip()
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise ClientError("ANSWER_UNSIGNED", f"Do not use it: {', '.join(missing)} is missing.")
    sm3 = sm3_digest(body) if names_sm3(fields["content-digest"]) else None
    if fields["content-digest"] != content_digest(body_digest(body), sm3):
        raise ClientError("ANSWER_DIGEST_MISMATCH", "Do not use it: the body was changed.")
    try:
        sent = parse_signature_input(fields["signature-input"])
        signature = parse_signature(fields["signature"], sent.label)
    except ValueError as error:
        raise ClientError("ANSWER_MALFORMED", f"Do not use it: {error}") from None
    digest, bound = question.header("content-digest"), question.header("signature")
    values = sent.values
    created = values.get("created")
    if (
        sent.components != response_components(digest, bound)
        or values.keys() != {"created", "keyid", "tag"}
        or values["tag"] != RESPONSE_TAG
        or not isinstance(created, int)
    ):
        raise ClientError("ANSWER_COMPONENTS", "Do not use it: it does not sign what it must.")
    if sent.key_id not in keys.answers:
        raise ClientError("ANSWER_KEY_UNKNOWN", "Get the node's keys again, then ask again.")
    try:
        base = response_base(
            sent.parameters,
            status=status,
            content_type=fields["content-type"],
            digest=fields["content-digest"],
            receipt=fields["credit-receipt"],
            method=question.method,
            target_uri=question.target_uri,
            request_digest=digest,
            request_signature=bound,
        )
    except UnicodeEncodeError:
        raise ClientError("ANSWER_MALFORMED", "Do not use it: a header is not ASCII.") from None
    if not keys.verify(sent.key_id, signature, base):
        raise ClientError("ANSWER_SIGNATURE_INVALID", "Do not use it: the signature is wrong.")
    if abs(now - created) > MAX_AGE:
        raise ClientError("ANSWER_STALE", "Ask again: the answer is old, or a clock is wrong.")
    try:
        receipt = Receipt.parse(fields["credit-receipt"])
    except ValueError as error:
        raise ClientError("RECEIPT_MALFORMED", f"Do not use the answer: {error}") from None
    if receipt.body != question.body_digest or receipt.log not in keys.logs:
        raise ClientError(
            "RECEIPT_MISMATCH", "Do not use the answer: its receipt is for another question or log."
        )
    if receipt.delay > MAX_AGE or abs(receipt.time - created) > MAX_AGE:
        raise ClientError(
            "RECEIPT_MALFORMED", "Do not use the answer: it promises its entry for another day."
        )
    return VerifiedAnswer(status, body, sent.key_id, created, receipt, base, signature)
